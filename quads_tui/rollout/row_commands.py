"""The site's row commands: programs that an operator runs for a host by a key, such as ssh. They do not change the rollout.

Never a shell's line: a fact of the host fills its braces inside one argument, whatever characters it has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlsplit

from .errors import QuadsTuiError
from .plan import HostPlan, Plan
from .text import clean

AT_ONCE = 8  # row commands of one console that run at the same time
_LONGEST = 255  # characters of a fact
_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class RunsIn(StrEnum):
    """Where a row command runs."""

    PANE = "pane"
    WINDOW = "window"
    SCREEN = "screen"
    BACKGROUND = "background"


class Screen(StrEnum):
    """The screens on which a row command has its key."""

    TABLE = "table"
    DETAIL = "detail"
    MAP = "map"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCommand:
    """`run` is a program and its arguments; braces in an argument stand for a fact of the host. `key` is one character."""

    key: str
    name: str
    run: tuple[str, ...]
    help: str = ""
    runs_in: RunsIn = RunsIn.PANE
    where: tuple[Screen, ...] = tuple(Screen)
    hosts: tuple[str, ...] = ()  # patterns of the hosts that it is for; empty: all
    confirm: bool = False
    timeout: float = 3600.0  # real seconds; of a command in the background only


@dataclass(frozen=True, slots=True)
class TakenKeys:
    """What the screens have already: `keys` and `names` (of the command line), each with what it does in words."""

    keys: Mapping[str, str]
    names: Mapping[str, str]


class UnusableFact(QuadsTuiError):
    """A host's fact that a command needs is unknown, or may not stand in an argument; the text says which and why."""


FACTS: Mapping[str, Callable[[Plan, HostPlan], str]] = {
    "host": lambda plan, host: host.name,
    "short": lambda plan, host: host.name.partition(".")[0],
    "bmc": lambda plan, host: urlsplit(host.address).hostname or "",
    "bmc_url": lambda plan, host: host.address,
    "model": lambda plan, host: host.model,
    "mac": lambda plan, host: host.mac,
    "rack": lambda plan, host: host.rack,
    "cloud": lambda plan, host: plan.goal(host).cloud,
    "owner": lambda plan, host: plan.goal(host).owner,
    "ticket": lambda plan, host: plan.goal(host).ticket,
}


def wrong_braces(word: str) -> Iterator[str]:
    """What is wrong with the braces of an argument: the names that are no facts, and "" for a brace that stands alone."""
    for found in _PART.finditer(word):
        if found[0] not in ("{{", "}}") and found[1] not in FACTS:
            yield found[1] or ""


def has_fact(word: str) -> bool:
    """Whether an argument differs from host to host."""
    return any(found[1] is not None for found in _PART.finditer(word))


def argv(command: RowCommand, plan: Plan, host: HostPlan) -> tuple[str, ...]:
    """The program and its arguments for this host. Raises UnusableFact."""

    def filled(found: re.Match[str]) -> str:
        return found[0][0] if found[1] is None else _usable(found[1], FACTS[found[1]](plan, host), host)

    return tuple(_PART.sub(filled, word) for word in command.run)


def _usable(name: str, value: str, host: HostPlan) -> str:
    short = clean(host.name.partition(".")[0], 80)
    if not value:
        raise UnusableFact(f"the {name} of {short} is not known")
    if value.startswith("-"):
        raise UnusableFact(f"the {name} of {short} begins with a hyphen, and could be taken for an option: {clean(value, 80)}")
    if len(value) > _LONGEST or value != clean(value, _LONGEST, compared=True):
        raise UnusableFact(
            f"the {name} of {short} has control characters, or more than {_LONGEST} characters: {clean(value, 80)}"
        )
    return value


class RowCommandRunner(Protocol):
    """What runs them; at most AT_ONCE at the same time. Nothing of it holds the rollout up."""

    @property
    def commands(self) -> Sequence[RowCommand]:
        """In the order of the site file."""
        ...

    @property
    def free(self) -> int:
        """How many more may be started now."""
        ...

    def is_for(self, command: RowCommand, host: str) -> bool:
        """Whether the site wants it for this host."""
        ...

    def argv(self, command: RowCommand, host: str) -> tuple[str, ...]:
        """What would be run. Raises UnusableFact."""
        ...

    def runs_in(self, command: RowCommand) -> RunsIn:
        """Where it would run now: a pane or a window needs tmux, and is the screen without."""
        ...

    def start(self, command: RowCommand, host: str, on_end: Callable[[str], None]) -> None:
        """Begin it, but for one that needs the screen. `on_end` gets how it ended, in words. Raises UnusableFact."""
        ...

    async def run_on_screen(self, command: RowCommand, host: str) -> str:
        """Run it on the terminal of this process, which the caller has left; gives how it ended. Raises UnusableFact."""
        ...
