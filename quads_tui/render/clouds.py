"""The clouds of a rollout: how far each is. One cloud needs none of this: its rollout tells."""

from __future__ import annotations

from collections import Counter

from rich.text import Text

from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import Rollout

from .line import cut
from .palette import CURSOR, GOOD, QUIET, STAGE_STYLES, STYLES, lifted
from .shares import drawn_shares, ended_shares
from .symbols import BRAILLE, Symbols

_BAR = 6  # cells
_GAP = 2  # cells between two clouds
_ENDS = (HostStatus.FAILED, HostStatus.SKIPPED, HostStatus.HELD)


def cloud_words(cloud: str, counts: Counter[HostStatus]) -> str:
    """cloud05 20/35 done, 1 failed."""
    bad = "".join(f", {counts[end]} {end.value}" for end in _ENDS if counts[end])
    return f"{cloud} {counts[HostStatus.DONE]}/{counts.total()} done{bad}"


def cloud_sentences(rollout: Rollout) -> list[str]:
    """One for each cloud; none where there is only one."""
    if len(rollout.clouds) < 2:
        return []
    return [f"{cloud_words(cloud, counts)}." for cloud, counts in rollout.clouds.items()]


def cloud_panel(rollout: Rollout, width: int, height: int, symbols: Symbols = BRAILLE) -> list[Text]:
    """A bar and the counts of each cloud, in the plan's order; none where there is only one cloud.

    At most `height` lines of `width` cells. Where not all fit, the words give way first (the bar has a mark for hosts that did
    not end well), then clouds that are done.
    """
    if len(rollout.clouds) < 2:
        return []
    for words in (True, False):
        cells = {cloud: _cell(cloud, counts, symbols, words) for cloud, counts in rollout.clouds.items()}
        size = max(cell.cell_len for cell in cells.values())
        across = max(1, (width - 1 + _GAP) // (size + _GAP))
        if len(cells) <= across * height:
            break
    shown = list(cells)
    if len(shown) > across * height:
        room = max(0, across * height - 1)  # the last cell says how many there are
        first = sorted(shown, key=lambda cloud: is_done(rollout.clouds[cloud]))[:room]
        shown = [cloud for cloud in shown if cloud in first]
    found = [cells[cloud] for cloud in shown]
    if left := len(cells) - len(shown):
        found.append(Text(cut(f"and {left} more", size), QUIET))
    lines = []
    for start in range(0, len(found), across):
        line = Text(" ").append_text(Text(" " * _GAP).join(_padded(cell, size) for cell in found[start : start + across]))
        line.truncate(width, overflow="ellipsis", pad=True)
        lines.append(line)
    return lines


def cloud_line(rollout: Rollout, cloud: str, width: int, symbols: Symbols = BRAILLE, *, cursor: bool = False) -> Text:
    """One cloud as one line of exactly `width` cells: its bar, its counts, and what its hosts get."""
    counts = rollout.clouds[cloud]
    kind = next(goal.kind for goal in rollout.plan.goals if goal.cloud == cloud)
    line = Text(f"{symbols.cursor if cursor else ' '}{cut(cloud, 9)} ").append_text(_bar(counts, max(_BAR, width // 4), symbols))
    line.append(f" {counts[HostStatus.DONE]}/{counts.total()} done", GOOD if is_done(counts) else "")
    line.append_text(_others(counts, ", ")).append(f"  {kind.value}", QUIET)
    line.truncate(width, overflow="ellipsis", pad=True)
    if cursor:
        line.spans = [span._replace(style=lifted(str(span.style))) for span in line.spans]
        line.style = CURSOR
    return line


def is_done(counts: Counter[HostStatus]) -> bool:
    """All hosts of the cloud are done."""
    return counts[HostStatus.DONE] == counts.total()


def _cell(cloud: str, counts: Counter[HostStatus], symbols: Symbols, words: bool) -> Text:
    """cloud05 ▇▇▇▅▅· 20/35, with what ended otherwise in words behind it."""
    cell = Text().append(f"{cloud} ", GOOD if is_done(counts) else "").append_text(_bar(counts, _BAR, symbols))
    cell.append(f" {counts[HostStatus.DONE]}/{counts.total()}")
    return cell.append_text(_others(counts, " ")) if words else cell


def _others(counts: Counter[HostStatus], before: str) -> Text:
    """1 failed, 2 held: what did not end well, in its colour, and what was ended by an operator. `before`: the first of them."""
    line = Text()
    for end in _ENDS:
        if counts[end]:
            line.append(", " if line.plain else before).append(f"{counts[end]} {end.value}", STYLES[end])
    return line


def _bar(counts: Counter[HostStatus], size: int, symbols: Symbols) -> Text:
    """Done, under way, not started, skipped, held, failed: `size` cells, as the bar of the whole rollout has them."""
    moving = counts[HostStatus.RUNNING] + counts[HostStatus.WAITING]
    shares = [(counts[HostStatus.DONE], symbols.done, STYLES[HostStatus.DONE])]
    shares += [(moving, symbols.heights[Stage.INSTALL], STAGE_STYLES[Stage.INSTALL])]
    shares += [(counts[HostStatus.QUEUED], symbols.none, QUIET), *ended_shares(counts, symbols)]
    return drawn_shares(shares, size)


def _padded(cell: Text, size: int) -> Text:
    cell.pad_right(size - cell.cell_len)
    return cell
