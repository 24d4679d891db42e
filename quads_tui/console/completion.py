"""What a line of the command line may become: commands, and by what a command accepts, its argument. Pure but for `paths`."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

from quads_tui.render.host_filter import FIELDS
from quads_tui.render.host_order import ORDERS
from quads_tui.render.host_row import Column
from quads_tui.render.numbers import count
from quads_tui.render.palette import PALETTES
from quads_tui.render.symbols import SYMBOLS
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.text import clean

from .key_actions import KeyAction, find_command
from .view_context import ViewContext

_NAMES = 40  # host names that are listed; more are listed by what they begin with
_ENTRIES = 5000  # of a directory that are looked at
_VALUES = 500  # of a field that are kept


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may stand there, and what it is."""

    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """Candidates for what stands in the line from character `start` on. `path`: it is one, and candidates are on the disk."""

    start: int
    found: Sequence[Candidate] = ()
    path: bool = False

    @property
    def common(self) -> str:
        """What all of them begin with."""
        first, last = min(texts := [candidate.text for candidate in self.found]), max(texts)
        return first[: next((place for place, letter in enumerate(first) if last[place : place + 1] != letter), len(first))]


class Completer:
    """For one opening of the command line. Hosts are read when they are first asked for: there may be 10,000."""

    def __init__(self, context: ViewContext, actions: Sequence[KeyAction]) -> None:
        self._context = context
        self._actions = actions
        self._names: list[str] = []

    def of(self, line: str) -> Completion:
        """The cursor is at the end of the line."""
        name, blank, argument = line.partition(" ")
        if not blank:
            commands = (Candidate(f"{one.command}{' ' if one.argument else ''}", one.help) for one in self._actions)
            return Completion(0, sorted(_beginning(name, commands), key=lambda found: found.text))
        action, start = find_command(name, self._actions), len(name) + 1
        if action is None or not action.argument:
            return Completion(start)
        kinds: Mapping[str, Callable[[str, KeyAction], Completion]] = {
            "WORDS": lambda typed, _: self.of_filter(typed),
            "COLUMN": lambda typed, _: Completion(0, _beginning(typed, map(Candidate, ORDERS))),
            "NAME": self._named,
            "NAME,NAME...": self._columns,
            "REASON": self._reasons,
            "FORMAT [FILE]": _formats,
            "FILE": lambda typed, _: Completion(0, path=True),
        }
        kind = kinds.get(action.argument)
        made = kind(argument, action) if kind else Completion(0)
        return Completion(start + made.start, made.found, made.path)

    def _named(self, typed: str, action: KeyAction) -> Completion:
        saved = self._context.settings.filters
        names: dict[str, Iterable[Candidate]] = {
            "theme": map(Candidate, PALETTES),
            "symbols": map(Candidate, SYMBOLS),
            "save": (Candidate(name, f"replaces {saved[name].words!r}") for name in sorted(saved)),
            "forget": (Candidate(name, saved[name].words) for name in sorted(saved)),
        }
        return Completion(0, _beginning(typed, names.get(action.name, ())))

    def _columns(self, typed: str, action: KeyAction) -> Completion:
        given, comma, last = typed.rpartition(",")
        left = (Candidate(column) for column in Column if column not in given.split(","))
        return Completion(len(given) + len(comma), _beginning(last, left))

    def _reasons(self, typed: str, action: KeyAction) -> Completion:
        """Those that hosts were skipped and held for, the most frequent first."""
        hosts = self._context.rollout.hosts.values()
        used = Counter(host.reason for host in hosts if host.status in (HostStatus.SKIPPED, HostStatus.HELD) and host.reason)
        used.setdefault(action.default_reason, 0)
        return Completion(0, _beginning(typed, (Candidate(reason) for reason, _ in used.most_common(_VALUES))))

    def of_filter(self, typed: str) -> Completion:
        """The last word of a filter: a saved one, a field, the value of a field, or hosts."""
        if typed.startswith("@"):
            saved = self._context.settings.filters
            return Completion(0, _beginning(typed, (Candidate(f"@{name}", saved[name].words) for name in sorted(saved))))
        start = typed.rfind(" ") + 1
        start += typed[start : start + 1] == "!"
        word = typed[start:]
        field, colon, value = word.partition(":")
        if colon and field in FIELDS:
            found = self._host_names(value) if field == "name" else _beginning(value, self._values(field))
            return Completion(start + len(field) + 1, found)
        fields = _beginning(word, (Candidate(f"{name}:", "a field") for name in FIELDS)) if word else ()
        return Completion(start, [*fields, *self._host_names(word)])

    def _values(self, field: str) -> Iterable[Candidate]:
        hosts = self._context.rollout.hosts.values()
        match field:
            case "stage":
                return (Candidate(stage.value, stage.label) for stage in Stage)
            case "state":
                return map(Candidate, [*(status.value for status in HostStatus), "armed"])
            case "safety":
                return (Candidate(safety.value, safety.short) for safety in Safety)
            case "cause":
                values = Counter(host.cause.value for host in hosts if host.cause)
            case "model":
                values = Counter(host.model for host in hosts if host.model)
            case "rack" | "cloud":
                values = Counter(map(FIELDS[field], hosts))
            case _:
                return ()
        return (Candidate(value, count(hosts_of, "host")) for value, hosts_of in sorted(islice(values.items(), _VALUES)))

    def _host_names(self, typed: str) -> Sequence[Candidate]:
        """The hosts whose names begin like this; where they are many, what the next part of their names is."""
        self._names = self._names or sorted(host.short for host in self._context.rollout.hosts.values())
        typed = typed.lower()
        first = bisect_left(self._names, typed)
        names = self._names[first : bisect_left(self._names, f"{typed}\U0010ffff", first)]
        if len(names) <= _NAMES:
            return [Candidate(name) for name in names]

        def part(name: str) -> str:
            return name[: name.find("-", len(typed)) + 1] or name

        return [Candidate(begin, count(len(list(of)), "host")) for begin, of in groupby(names, part)]


def _formats(typed: str, action: KeyAction) -> Completion:
    form, blank, _ = typed.partition(" ")
    return Completion(len(form) + 1, path=True) if blank else Completion(0, _beginning(form, map(Candidate, ("csv", "json"))))


def _beginning(typed: str, candidates: Iterable[Candidate]) -> Sequence[Candidate]:
    """Without regard to case."""
    begin = typed.lower()
    return [candidate for candidate in candidates if candidate.text.lower().startswith(begin)]


def paths(typed: str) -> Sequence[Candidate]:
    """What a path may become. Reads the disk; what cannot be read has no candidates. Hidden names only if the dot was typed."""
    head, slash, tail = typed.rpartition("/")
    found = []
    try:
        with os.scandir(Path(f"{head}{slash}").expanduser()) as entries:
            for entry in islice(entries, _ENTRIES):
                hidden = entry.name.startswith(".") and not tail.startswith(".")
                if entry.name.startswith(tail) and not hidden and clean(entry.name, 255, compared=True) == entry.name:
                    found.append(Candidate(f"{head}{slash}{entry.name}{'/' if entry.is_dir() else ''}"))
    except (OSError, ValueError, RuntimeError):  # ValueError: a NUL was typed; RuntimeError: no such user
        return ()
    return sorted(found, key=lambda candidate: candidate.text)
