"""The site's hooks: commands that run before or after a stage, once a host or once a cloud, and what came of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from .stages import Stage


@dataclass(frozen=True, slots=True)
class Hook:
    """`run` is a program and its arguments, never a shell's line. `timeout` in seconds (speed divides it)."""

    name: str
    run: tuple[str, ...]
    when: Literal["before", "after"]
    stage: Stage
    # Once for all hosts of a cloud: before the stage of the first (the others wait for it), or after the stage of the last.
    per_cloud: bool = False
    timeout: float = 300.0


@dataclass(frozen=True, slots=True)
class CommandResult:
    """`status`: the exit status, negative for a signal; None where it was not even started. `output`: the last lines, clean."""

    status: int | None
    output: tuple[str, ...]
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        return self.status == 0 and not self.timed_out

    @property
    def reason(self) -> str:
        """Why it is not ok, in words."""
        said = f": {self.output[-1]}" if self.output else ""
        if self.timed_out:
            return f"ended by quads-tui after its timeout{said}"
        if self.status is None:
            return f"could not be started{said}"
        return f"killed by signal {-self.status}{said}" if self.status < 0 else f"exit status {self.status}{said}"


class CommandRunner(Protocol):
    """Runs a program of the site without a shell."""

    async def __call__(self, words: Sequence[str], facts: Mapping[str, str], seconds: float, /) -> CommandResult:
        """For at most real `seconds`, with `facts` in its environment. Raises nothing: a program that cannot be started is a
        result too. Cancelling ends the program."""
        ...
