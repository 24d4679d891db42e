"""How far the hosts of a rollout are, as one line. The higher a glyph, the further its hosts: a slope, also without colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.text import Text

from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import Rollout

from .palette import BAD, QUIET, STAGE_STYLES, STRONG, STYLES, lifted
from .symbols import BRAILLE, Symbols

ORDER = (Stage.INSTALL, Stage.POWER_ON, Stage.FOREMAN_BUILD, Stage.PXE_SET, Stage.POWER_OFF)  # behind done, as the bar fills


@dataclass(frozen=True, slots=True, kw_only=True)
class HostShares:
    """How many hosts stand where. `queued`: unfinished ones at no stage that is known."""

    done: int = 0
    stages: Mapping[Stage, int] = field(default_factory=dict)
    queued: int = 0
    skipped: int = 0
    held: int = 0
    failed: int = 0

    @classmethod
    def of(cls, rollout: Rollout) -> HostShares:
        counts = rollout.counts
        return cls(
            done=counts[HostStatus.DONE],
            stages=dict(rollout.at_stage),
            queued=counts[HostStatus.QUEUED],
            skipped=counts[HostStatus.SKIPPED],
            held=counts[HostStatus.HELD],
            failed=counts[HostStatus.FAILED],
        )

    def bar(self, width: int, symbols: Symbols = BRAILLE, *, cursor: bool = False) -> Text:
        """Exactly `width` cells: each kind that has hosts takes one at least. `cursor`: on the row under the cursor."""
        parts = [(self.done, symbols.done, STYLES[HostStatus.DONE])]
        parts += [(self.stages.get(stage, 0), symbols.heights[stage], STAGE_STYLES[stage]) for stage in ORDER]
        parts += [(self.queued, symbols.none, STYLES[HostStatus.QUEUED])]
        parts += [(self.skipped, symbols.skipped, QUIET), (self.held, symbols.held, STRONG), (self.failed, symbols.failed, BAD)]
        line = Text()
        for cells, (_, glyph, style) in zip(_cells([share for share, _, _ in parts], width), parts, strict=True):
            line.append(glyph * cells, lifted(style) if cursor else style)
        return line.append(" " * (width - line.cell_len))


def _cells(counts: Sequence[int], width: int) -> list[int]:
    """Cells for each count: in proportion, one at least where there is anything, `width` of them in all."""
    total = sum(counts)
    if not total:
        return [0 for _ in counts]
    exact = [width * count / total for count in counts]
    cells = [max(1, int(share)) if share else 0 for share in exact]
    while (missing := width - sum(cells)) > 0:
        cells[max(range(len(cells)), key=lambda place: exact[place] - cells[place])] += 1
    while missing < 0:
        cells[max(range(len(cells)), key=lambda place: (cells[place] > 1, cells[place] - exact[place]))] -= 1
        missing += 1
    return cells
