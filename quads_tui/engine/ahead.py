"""How many hosts may be powered off and not yet written: as few as keep Foreman busy."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from quads_tui.rollout.durations import DurationStats
from quads_tui.rollout.limits import AUTO
from quads_tui.rollout.refusals import FIRST

_READY = 30.0  # own seconds in which a host is powered off and PXE is set, before enough were seen
_WRITE = 2.0  # own seconds of one write, before any was seen
_MOST = 60  # whatever was measured: this many machines may stand dark for one Foreman
_SLOWLY = 6  # writes during which one more host may be begun with each
_SHARE = 0.95  # of the hosts are ready in the time that is reckoned with


class AheadLimit:
    """The places of hosts that are powered off ahead of their write: those on the wire, and those that are made ready meanwhile.

    As many hosts are needed ahead of the write as Foreman writes in the time in which one is powered off and PXE is set. Both are
    measured, the first by its 95th percentile. `width`: writes at once, now. `cap`: the operator's; AUTO: only the program's own.
    """

    def __init__(self, durations: DurationStats, *, width: Callable[[], int], cap: int) -> None:
        self._durations = durations
        self._width = width
        self._most = _MOST if cap == AUTO else cap

    def places(self) -> int:
        samples, write, width = self._durations.ready, self._durations.write, self._width()
        ready = samples.quantile(_SHARE) if len(samples) >= FIRST else _READY
        one = max(write.mean if len(write) else _WRITE, 1e-3) / width
        # Slowly at first: what ails a whole model shows at few machines. Then faster, so that Foreman does not idle for long.
        written = len(self._durations.written)
        begun = FIRST - 1 + max(1, written, 2 * written - _SLOWLY)
        return min(self._most, begun, width + max(1, ceil(ready / one)))
