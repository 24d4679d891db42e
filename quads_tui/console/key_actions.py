"""Every act of the console, once: keys, footer, help, command line, palette, confirmation and docs/keys.md come from here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.commands import Command, Disarm, Hold, Release, Retry, Skip, Unskip
from quads_tui.rollout.ports import RETRYABLE
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import HostState


@dataclass(frozen=True, slots=True)
class KeyAction:
    """`dangerous` acts change the rollout and are not there for who only looks. `fits`: the states of hosts that it applies to.

    `where`: table, hosts (wherever hosts are chosen), anywhere over a rollout, start (the screen of all rollouts), or plain
    (typed words without a screen). `argument`: what the command line takes after the name. `footer`: its right to a place in
    the last line; 0: none. `order`: what it orders for hosts, and why; `reason`: it asks why, and this is the answer of enter.
    """

    name: str
    keys: str  # as textual names them, comma separated
    shown: str  # the key as the operator reads it
    help: str
    where: str = "anywhere"
    dangerous: bool = False
    fits: tuple[HostStatus, ...] = ()
    footer: int = 0
    argument: str = ""
    order: Callable[[tuple[str, ...], str], Command] | None = None
    reason: str = ""

    @property
    def command(self) -> str:
        """Its name on the command line."""
        return self.name.replace("_", "-")


TYPE_THE_COUNT = 5  # more hosts than this: the number must be typed

_ALIVE = tuple(status for status in HostStatus if status is not HostStatus.DONE)
_TABLE, _HOSTS, _START, _PLAIN = "table", "hosts", "start", "plain"

ACTS = (
    KeyAction("cursor_up", "up,k", "↑ k", "one host up", _TABLE),
    KeyAction("cursor_down", "down,j", "↓ j", "one host down", _TABLE),
    KeyAction("page_up", "pageup", "PgUp", "one page up", _TABLE),
    KeyAction("page_down", "pagedown", "PgDn", "one page down", _TABLE),
    KeyAction("first", "home,g", "Home g", "to the first host", _TABLE),
    KeyAction("last", "end,G", "End G", "to the last host", _TABLE),
    KeyAction("mark", "space", "space", "mark or unmark the host under the cursor", _TABLE, footer=1),
    KeyAction("mark_range", "V", "V", "mark all from the last marked host to the cursor", _TABLE),
    KeyAction("mark_shown", "asterisk", "*", "mark all shown hosts; again: unmark them", _TABLE),
    KeyAction("clear_marks", "backslash", "\\", "clear all marks", _TABLE),
    KeyAction(
        "filter", "slash", "/", "filter: text, regex, !not, stage: cause: model: rack: ...", _TABLE, footer=True, argument="WORDS"
    ),
    KeyAction("failures", "f", "f", "failed hosts only, or all again", _TABLE, footer=5),
    KeyAction("order", "o", "o", "order by the next column", _TABLE, argument="COLUMN"),
    KeyAction("turn_order", "O", "O", "turn the order round", _TABLE),
    KeyAction("detail", "enter", "enter", "the host in full, with every exchange", _TABLE, footer=6),
    KeyAction(
        "retry", "r", "r", "retry from the failed stage", _HOSTS, True, tuple(RETRYABLE), 8, order=lambda hosts, _: Retry(hosts)
    ),
    KeyAction(
        "restart",
        "R",
        "R",
        "retry from the start: the host is wiped",
        _HOSTS,
        True,
        tuple(RETRYABLE),
        order=lambda hosts, _: Retry(hosts, from_start=True),
    ),
    KeyAction(
        "skip",
        "s",
        "s",
        "skip: out of the rollout; armed ones are disarmed",
        _HOSTS,
        True,
        _ALIVE,
        7,
        "REASON",
        Skip,
        "skipped by the operator",
    ),
    KeyAction(
        "unskip",
        "u",
        "u",
        "take skipped hosts in again",
        _HOSTS,
        True,
        (HostStatus.SKIPPED,),
        order=lambda hosts, _: Unskip(hosts),
    ),
    KeyAction(
        "hold",
        "h",
        "h",
        "hold before the next act; held ones: release",
        _HOSTS,
        True,
        _ALIVE,
        0,
        "REASON",
        Hold,
        "held by the operator",
    ),
    KeyAction("release", "H", "H", "release held hosts", _HOSTS, True, (HostStatus.HELD,), order=lambda hosts, _: Release(hosts)),
    KeyAction(
        "disarm",
        "d",
        "d",
        "take failed hosts out of build, clear their PXE boot",
        _HOSTS,
        True,
        tuple(RETRYABLE),
        order=lambda hosts, _: Disarm(hosts),
    ),
    KeyAction("copy", "y", "y", "copy the host's story, or the marked names", _HOSTS),
    KeyAction("next_failed", "n", "n", "to the next failed host", _HOSTS),
    KeyAction("previous_failed", "N", "N", "to the previous failed host", _HOSTS),
    KeyAction("causes", "F", "F", "failures by cause", footer=4),
    KeyAction("graphs", "v", "v", "graphs: latencies and the write lane", footer=2),
    KeyAction(
        "pause", "p", "p", "pause new hosts, or resume them; asks, and tells why they are paused", dangerous=True, footer=3
    ),
    KeyAction(
        "pause_writes", "P", "P", "pause all Foreman writes, or resume them; asks, and tells why they are paused", dangerous=True
    ),
    KeyAction("messages", "m", "m", "what was said and ordered so far"),
    KeyAction("theme", "T", "T", "the next theme of colours", argument="NAME"),
    KeyAction("symbols", "b", "b", "braille, blocks or ASCII", argument="NAME"),
    KeyAction("mute", "B", "B", "no bell at new kinds of failure, pauses and the end; again: bell"),
    KeyAction("shot", "S", "S", "screenshot: SVG, text and state into the rollout's directory"),
    KeyAction("command", "colon", ":", "a command by its name; tab completes", footer=5),
    KeyAction("help", "question_mark", "?", "this help", footer=9),
    KeyAction("leave", "q,ctrl+q", "q", "leave the screen: the rollout goes on in plain lines", footer=9),
    KeyAction("open", "enter", "enter", "open the rollout: its keys where it runs here, else a look at it", _START, footer=9),
    KeyAction("new", "n", "n", "a new rollout: of a file, of QUADS' moves, or a rehearsal", _START, True, footer=8),
    KeyAction("resume", "r", "r", "go on with an unfinished rollout", _START, True, footer=7),
    KeyAction("attach", "a", "a", "take the keys of a rollout that runs elsewhere", _START, True, footer=6),
    KeyAction("interrupt", "ctrl+c", "ctrl+c", "go on, stop admission, or stop", dangerous=True),
    KeyAction("status", "", "", "how far, how long still, what is paused or armed", _PLAIN),
    KeyAction("failed", "", "", "what failed and why", _PLAIN),
    KeyAction("show", "", "", "all that is known of a host", _PLAIN, argument="HOST"),
    KeyAction("stop", "", "", "no new act at all; requests in flight settle, hosts stay unfinished", _PLAIN, True),
)
BY_NAME = {act.name: act for act in ACTS}


def of_place(*places: str) -> Sequence[KeyAction]:
    return [act for act in ACTS if act.where in places]


COMMANDS = of_place(_TABLE, _HOSTS, "anywhere")  # of the screens' command line


def agreement(count: int) -> str:
    """What must be answered before an act on so many hosts: y, or from six on their number."""
    return str(count) if count > TYPE_THE_COUNT else "y"


def command_named(word: str, acts: Sequence[KeyAction]) -> KeyAction | None:
    """The one of this command name, or of an unmistakable beginning of one."""
    word = word.replace("_", "-")
    fitting = [act for act in acts if act.command.startswith(word)] if word else []
    exact = [act for act in fitting if act.command == word]
    return (exact or fitting)[0] if exact or len(fitting) == 1 else None


def paused_why(paused: Mapping[str, str], what: str) -> list[str]:
    """Why admission or writes are paused, a line each; new hosts may be paused for single models too. Empty: not paused."""
    return [_because(name, why) for name, why in paused.items() if (name == what if what == "writes" else name != "writes")]


def _because(name: str, why: str) -> str:
    of = "" if name in _PAUSES else f" ({name})"
    return f"Paused{of} {why}." if why.startswith("by ") else f"Paused{of} because: {why}"


def pause_question(what: str, why: Sequence[str]) -> list[str]:
    """Asked before admission or writes are paused, or, where it is said `why` they are, before they go on."""
    subject, pausing, resuming = _PAUSES[what]
    return [f"Resume {subject}?", *why, resuming] if why else [f"Pause {subject}?", pausing]


_PAUSES = {
    "admission": (
        "new hosts",
        "No new host starts; hosts under way finish.",
        "Queued hosts start: they are powered off and wiped.",
    ),
    "writes": (
        "all Foreman writes",
        "No host is written to Foreman; hosts that are ready stand powered off until writes are resumed.",
        "Hosts that are ready are marked for build and wiped.",
    ),
}


def question(act: KeyAction, chosen: Sequence[HostState], hidden: int, unfit: int) -> list[str]:
    """What the operator is asked: the hosts or their count, what is not shown, what does not fit, what it costs."""
    names = [host.name for host in chosen]
    if len(names) <= 5:
        lines = [
            f"{act.name} {'this host' if len(names) == 1 else f'these {len(names)} hosts'}?",
            *(f"  {name}" for name in names),
        ]
    else:
        lines = [f"{act.name} {len(names)} hosts?", f"  {names[0]}, {names[1]}, ... {names[-1]}"]
    installing = [host for host in chosen if act.name == "retry" and host.stage is Stage.INSTALL]
    watched = sum(host.cause is Cause.INSTALL_TIMEOUT for host in installing)
    wiped = len(chosen) if act.name == "restart" else len(installing) - watched
    if wiped:
        lines.append(f"{wiped} of them have been or will be installed: retrying WIPES them again.")
    if watched:
        lines.append(f"{watched} of them may be installing still: watched for longer, not wiped (restart wipes).")
    if hidden:
        lines.append(f"{hidden} of them are not shown by the present filter.")
    if unfit:
        lines.append(f"{unfit} more of the chosen hosts are in no state for this and stay as they are.")
    return lines
