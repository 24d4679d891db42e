"""What is said where the process that ran a rollout has exited before its end: since when, how it stood, and how to go on."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import Rollout

from .line import fitted
from .numbers import count, duration
from .palette import BADGE
from .symbols import BRAILLE, Symbols


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerGone:
    """No process runs the rollout, and it has not ended. `since`: real time of the last sign of life; `who` ran it: user@machine.

    `command` resumes it from a shell. `key`: this user may resume it, and this console can.
    """

    since: float
    who: str
    command: str
    key: bool


def banner(gone: RunnerGone, rollout: Rollout, real_now: float, width: int, symbols: Symbols = BRAILLE) -> Text:
    """One line. The clock of the screen stands still at the last sign of life, so all that is shown is from then."""
    since = rollout.time.clock(gone.since, gone.since)
    ago = f" ({_ago(gone, rollout, real_now)})"
    key = "ctrl+r resumes it here, or type: " if gone.key else "to resume it, type: "
    ways = (
        f"NOT RUNNING since {since}{ago}: the process of {gone.who} exited; shown is what was known then   {key}{gone.command}",
        f"NOT RUNNING since {since}{ago}: shown is what was known then   {key}{gone.command}",
        f"NOT RUNNING since {since}{ago}   {key}{gone.command}",
        f"NOT RUNNING since {since}  {'ctrl+r or ' if gone.key else ''}{gone.command}",
        f"NOT RUNNING ({since})  {'ctrl+r or ' if gone.key else ''}{gone.command}",
        f"NOT RUNNING  {'ctrl+r or ' if gone.key else ''}{gone.command}",
    )
    words = next((words for words in ways if cell_len(words) <= width - 2), ways[-1])
    line = fitted(Text(f" {words}"), width, ellipsis=symbols.ellipsis)
    line.style = BADGE
    return line


def _ago(gone: RunnerGone, rollout: Rollout, real_now: float) -> str:
    """By the rollout's clock, which runs on as the installs do."""
    return f"{duration(max(0.0, real_now - gone.since) * rollout.speed)} ago"


def sentences(gone: RunnerGone, rollout: Rollout, real_now: float) -> list[str]:
    """The same, with how the hosts stood, for who has no screen."""
    counts = rollout.counts
    ended = sum(counts[status] for status in HostStatus if status.is_final)
    going = counts[HostStatus.RUNNING] + counts[HostStatus.WAITING]
    done = counts[HostStatus.DONE]
    known = f"{done} of {count(len(rollout.hosts), 'host')} done, {ended - done} ended otherwise"
    known += f", {going} under way, {counts[HostStatus.QUEUED]} not started"
    known += f"; {len(rollout.armed)} armed (the next boot reinstalls them)" if rollout.armed else ""
    since = f"{rollout.time.clock(gone.since, gone.since)} ({_ago(gone, rollout, real_now)})"
    return [
        f"The process of {gone.who} that ran the rollout exited; its last entry is of {since}.",
        f"Known then: {known}.",
        f"To resume it, type in a shell: {gone.command}.",
    ]
