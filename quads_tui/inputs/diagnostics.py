"""What is wrong in a file: collected, not raised at the first, and shown with file, line, key and what was expected."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from quads_tui.rollout.counts import count
from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.text import clean

# A hostile file must not turn into megabytes of messages; a real one of 700 hosts fits whole.
MOST_PROBLEMS = 1000


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `line` counts from 1, 0 means the whole file; `key` is a path such as `foreman.tls`, or empty."""

    file: Path
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        place = clean(self.file, 4096) + (f":{self.line}" if self.line else "")
        return ": ".join(part for part in (place, clean(self.key), clean(self.message, 1000)) if part)


class InputError(QuadsTuiError):
    """A file, a setting or a secret that cannot be used. All problems of a file at once, one line each in `str()`.

    The base of all errors of this package. Its subclasses are about one value and have no place yet: `str()` is what is wrong,
    to be put behind the name of the value by whoever knows file, line and key.
    """

    def __init__(self, problems: Iterable[Problem] | str) -> None:
        self.problems = () if isinstance(problems, str) else tuple(problems)
        super().__init__(problems if isinstance(problems, str) else "\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written. `key` is a path such as `hosts[3]`, or empty."""

    file: Path
    line: int
    key: str

    def __str__(self) -> str:
        return f"{clean(self.file, 4096)}:{self.line}"


class Report:
    """Collects the problems of one file, and the warnings: what is allowed and should be known.

    `hosts` and `clouds`: where the hosts and the cloud of an assignment are written, for what is wrong between two files.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.hosts: dict[str, Place] = {}
        self.clouds: dict[str, Place] = {}
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._left_out = 0

    def add(self, line: int, key: str, message: str, file: Path | None = None) -> None:
        """Notes a problem; `file` is another file than the report's own, such as a hosts_file."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(file or self.file, line, key, message))
        else:
            self._left_out += 1

    def warn(self, line: int, key: str, message: str) -> None:
        """Notes what the operator should know although the file can be used."""
        self.warnings.append(Problem(self.file, line, key, message))

    def found(self) -> tuple[Problem, ...]:
        """All problems in the order of the lines, this file first."""
        found = sorted(self.problems, key=lambda problem: (problem.file != self.file, problem.line))
        if self._left_out:
            found.append(Problem(self.file, 0, "", f"and {count(self._left_out, 'more problem')}"))
        return tuple(found)

    def settle(self) -> None:
        """Raises InputError if a problem was noted."""
        if self.problems:
            raise InputError(self.found())


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean "x"?` where something known is near, and always what is known."""
    names = sorted(known)
    near = difflib.get_close_matches(name[:100].lower(), names, n=3, cutoff=0.6)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{meant}expected one of: {', '.join(names)}"
