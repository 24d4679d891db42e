"""Every act of the console, once: keys, footer, help and confirmation come from here."""

from __future__ import annotations

from dataclasses import dataclass

from quads_tui.rollout.ports import RETRYABLE
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import HostState


@dataclass(frozen=True, slots=True)
class Act:
    """`dangerous` acts change hosts and ask first. `fits`: the states of hosts that it applies to; empty: not about hosts."""

    name: str
    keys: str  # as textual names them, comma separated
    shown: str  # the key as the operator reads it
    help: str
    dangerous: bool = False
    fits: tuple[HostStatus, ...] = ()
    footer: bool = False


_ALIVE = tuple(status for status in HostStatus if status is not HostStatus.DONE)

ACTS = (
    Act("cursor_up", "up,k", "↑ k", "one host up"),
    Act("cursor_down", "down,j", "↓ j", "one host down"),
    Act("page_up", "pageup", "PgUp", "one page up"),
    Act("page_down", "pagedown", "PgDn", "one page down"),
    Act("first", "home,g", "Home g", "to the first host"),
    Act("last", "end,G", "End G", "to the last host"),
    Act("mark", "space", "space", "mark or unmark the host under the cursor", footer=True),
    Act("mark_shown", "asterisk", "*", "mark all shown hosts; again: unmark them", footer=True),
    Act("clear_marks", "backslash", "\\", "clear all marks"),
    Act("filter", "slash", "/", "filter by text or regular expression; esc clears", footer=True),
    Act("failures", "f", "f", "failed hosts only, or all again", footer=True),
    Act("order", "o", "o", "order: attention, plan, name, stage"),
    Act("detail", "enter", "enter", "the host in full; esc comes back", footer=True),
    Act("retry", "r", "r", "retry from the failed stage", True, tuple(RETRYABLE), True),
    Act("restart", "R", "R", "retry from the start: the host is wiped", True, tuple(RETRYABLE)),
    Act("skip", "s", "s", "skip: the host leaves the rollout; armed ones are disarmed", True, _ALIVE, True),
    Act("unskip", "u", "u", "take skipped hosts in again", True, (HostStatus.SKIPPED,)),
    Act("hold", "h", "h", "hold before the next act, or release", True, _ALIVE),
    Act("disarm", "d", "d", "take failed hosts out of build and clear their PXE boot", True, tuple(RETRYABLE)),
    Act("pause", "p", "p", "pause admission: no new host starts; again: go on", footer=True),
    Act("pause_writes", "P", "P", "pause all Foreman writes; again: go on"),
    Act("help", "question_mark", "?", "this help", footer=True),
    Act("leave", "q,ctrl+q", "q", "leave the screen: the rollout goes on in plain lines", footer=True),
    Act("interrupt", "ctrl+c", "ctrl+c", "go on, stop admission, or stop"),
)
BY_NAME = {act.name: act for act in ACTS}


def question(act: Act, chosen: list[HostState], hidden: int, unfit: int) -> list[str]:
    """What the operator is asked: the hosts or their count, what is not shown, what does not fit, what it costs."""
    names = [host.name for host in chosen]
    if len(names) <= 5:
        lines = [
            f"{act.name} {'this host' if len(names) == 1 else f'these {len(names)} hosts'}?",
            *(f"  {name}" for name in names),
        ]
    else:
        lines = [f"{act.name} {len(names)} hosts?", f"  {names[0]}, {names[1]}, ... {names[-1]}"]
    wiped = [h for h in chosen if act.name == "restart" or (act.name == "retry" and h.stage is Stage.INSTALL)]
    if wiped:
        lines.append(f"{len(wiped)} of them have been or will be installed: retrying WIPES them again.")
    if hidden:
        lines.append(f"{hidden} of them are not shown by the present filter.")
    if unfit:
        lines.append(f"{unfit} marked hosts are in no state for this and stay as they are.")
    return lines
