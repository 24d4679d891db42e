"""How far the hosts of a rollout are, as one line. The higher a glyph, the further its hosts: a slope, also without colours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.text import Text

from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import Rollout

from .palette import STAGE_STYLES, STYLES, lifted
from .shares import drawn_shares, ended_shares
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
        shares = [(self.done, symbols.done, STYLES[HostStatus.DONE])]
        shares += [(self.stages.get(stage, 0), symbols.heights[stage], STAGE_STYLES[stage]) for stage in ORDER]
        shares += [(self.queued, symbols.none, STYLES[HostStatus.QUEUED])]
        ended = {HostStatus.SKIPPED: self.skipped, HostStatus.HELD: self.held, HostStatus.FAILED: self.failed}
        shares += ended_shares(Counter(ended), symbols)
        line = drawn_shares([(hosts, glyph, lifted(style) if cursor else style) for hosts, glyph, style in shares], width)
        return line.append(" " * (width - line.cell_len))
