"""The fleet at a glance: a block per rack, model or cloud, a cell per host in the glyph and colour of its stage.

A dead chassis is a row of crosses, a slow rack lags behind the others, a slow model has a high median.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from rich.text import Text

from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import HostState, Rollout

from .line import cut, fitted, joined
from .numbers import duration
from .palette import ARMED, ATTENTION, BAD, BADGE, GOOD, OVERDUE, QUIET, STAGE_STYLES, STRONG, STYLES
from .symbols import BRAILLE, Symbols

GROUPINGS = ("rack", "model", "cloud")
_NAME = 12  # cells of the name of a block
FIRST_CELL = _NAME + 2  # cell of the line in which the first host stands
_FIGURES = 36  # cells behind it: done, failed, median install, the slowest
_FIGURES_FROM = 110  # cells of the screen from which on there is room for them


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a block. `title`: the block's name in its first line."""

    title: str
    hosts: tuple[HostState, ...]
    block: tuple[HostState, ...]  # all of it, in its first line


def blocks(rollout: Rollout, by: str) -> dict[str, list[HostState]]:
    """The hosts by rack, model or cloud, in the order of their names."""
    racks = {host.name: host.rack for host in rollout.plan.hosts} if by == "rack" else {}
    found: dict[str, list[HostState]] = {}
    for host in sorted(rollout.hosts.values(), key=lambda host: host.name):
        found.setdefault(_block_of(host, by, racks), []).append(host)
    return dict(sorted(found.items()))


def _block_of(host: HostState, by: str, racks: Mapping[str, str]) -> str:
    """A host in a rack of its own (the site's `racks` found none in its name) stands with those whose names begin alike."""
    if by == "model":
        return host.model or "unknown"
    if by == "cloud":
        return host.cloud
    rack = racks.get(host.name, "")
    return rack if rack and rack != host.name else host.short.partition("-")[0]


def rows(found: Mapping[str, Sequence[HostState]], width: int) -> list[Row]:
    """As they are drawn: a block that does not fit in a line goes on in the next one."""
    across = max(1, cells_across(width))
    made: list[Row] = []
    for title, hosts in found.items():
        for start in range(0, len(hosts), across):
            first = not start
            made.append(Row(title if first else "", tuple(hosts[start : start + across]), tuple(hosts) if first else ()))
    return made


def cells_across(width: int) -> int:
    """Hosts in a line of the screen."""
    return width - _NAME - 3 - (_FIGURES if width >= _FIGURES_FROM else 0)


def grouping_after(by: str) -> str:
    """The one that comes next, the first one after the last."""
    return GROUPINGS[(GROUPINGS.index(by) + 1) % len(GROUPINGS)]


def heading(by: str, width: int, symbols: Symbols = BRAILLE) -> Text:
    """What the columns are."""
    line = Text().append(f" By {by}", STRONG).append(f" (t: by {grouping_after(by)})   {symbols.failed} failed   ", QUIET)
    line.append("A", ARMED).append(" armed   ", QUIET).append("!", OVERDUE).append(" overdue", QUIET)
    right = Text(f"{'DONE':>9}  {'FAILED':>6}  {'INSTALL':>8}  SLOWEST ", QUIET) if width >= _FIGURES_FROM else None
    return fitted(line, width, right, ellipsis=symbols.ellipsis)


def row_line(
    row: Row,
    rollout: Rollout,
    width: int,
    *,
    overdue: Collection[str] = (),
    cursor: str = "",
    fits: Collection[str] | None = None,
    symbols: Symbols = BRAILLE,
) -> Text:
    """Exactly `width` cells. `cursor`: the host under it; `fits`: the hosts that a filter shows, the others are faint."""
    here = any(host.name == cursor for host in row.hosts)
    parts = [(" ", ""), (cut(row.title, _NAME, symbols.ellipsis), STRONG if here else ""), (" ", "")]
    for host in row.hosts:
        glyph, style = cell(host, overdue, symbols)
        if fits is not None and host.name not in fits:
            glyph, style = symbols.none, QUIET
        if host.name == cursor:  # a full cell; what asks for a decision stays seen
            parts.append((glyph if style in (BAD, ARMED, OVERDUE) else symbols.here, BADGE))
        else:
            parts.append((glyph, style))
    figures = _figures(row, rollout) if width >= _FIGURES_FROM and row.block else None
    return fitted(joined(parts), width, figures, ellipsis=symbols.ellipsis)


def _figures(row: Row, rollout: Rollout) -> Text:
    """Done of all, failed, the median install and the slowest of those that ended."""
    done = sum(host.status is HostStatus.DONE for host in row.block)
    failed = sum(host.status is HostStatus.FAILED for host in row.block)
    took = installs(rollout, row.block)
    line = Text().append(f"{done}/{len(row.block)}".rjust(9), GOOD if done == len(row.block) else "").append("  ")
    line.append(f"{failed or '':>6}", BAD).append("  ")
    line.append(f"{duration(median(took)) if took else '':>8}").append("  ")
    return line.append(f"{duration(max(took)) if took else '':>7} ", QUIET)


def installs(rollout: Rollout, hosts: Iterable[HostState]) -> list[float]:
    """Own seconds of the installs that ended."""
    taken = rollout.durations.taken
    return [seconds for host in hosts if (seconds := taken.get(host.name, {}).get(Stage.INSTALL)) is not None]


def cell(host: HostState, overdue: Collection[str], symbols: Symbols) -> tuple[str, str]:
    """Glyph and style of one host: what asks for a decision is filled."""
    match host.status:
        case HostStatus.QUEUED:
            return symbols.none, STYLES[host.status]
        case HostStatus.DONE:
            return symbols.done, STYLES[host.status]
        case HostStatus.SKIPPED:
            return symbols.skipped, QUIET
        case HostStatus.FAILED | HostStatus.HELD if host.armed:
            return "A", ARMED
        case HostStatus.FAILED:
            return symbols.failed, BAD
        case HostStatus.HELD:
            return symbols.held, STRONG
        case HostStatus.WAITING:
            return symbols.waiting, ATTENTION
        case _:
            stage = host.stage or Stage.POWER_OFF
            return ("!", OVERDUE) if host.name in overdue else (symbols.heights[stage], STAGE_STYLES[stage])
