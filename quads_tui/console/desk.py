"""What all screens of a console look at, and the little that they share. It owns nothing of the rollout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from quads_tui.render.symbols import BRAILLE, Symbols
from quads_tui.render.why import why
from quads_tui.rollout.exchanges import Exchanges
from quads_tui.rollout.forecast import Forecast, Outlook
from quads_tui.rollout.meters import Meters
from quads_tui.rollout.ports import Clock
from quads_tui.rollout.state import HostState, Rollout

_USUAL = 600.0  # own seconds of a stage that nobody has ended yet


@dataclass(slots=True)
class Desk:
    """`read_only`: why no act may be ordered from here, in words; empty: these are the keys."""

    rollout: Rollout
    meters: Meters
    clock: Clock
    monotonic: Callable[[], float]
    title: str = ""
    warnings: Sequence[str] = ()
    exchanges: Exchanges = field(default=lambda host: ())
    read_only: str = ""
    symbols: Symbols = BRAILLE
    flash: str = ""  # one line above the keys, until the next one
    lag: float = 0.0  # p99 lateness of the loop, seconds
    last_key: float = 0.0  # monotonic
    outlook: Outlook = field(init=False)

    def __post_init__(self) -> None:
        self.outlook = Outlook(self.rollout, self.meters)

    @property
    def forecast(self) -> Forecast:
        return self.outlook.at(self.clock.wall())

    def why(self, host: HostState) -> str:
        """Why it does not go on at once, in words."""
        return why(host, self.rollout, self.meters, self.forecast, self.clock.wall())

    def slowness(self, host: HostState) -> float:
        """How long it is in its stage against what is usual there for its model: 1 is usual."""
        rollout = self.rollout
        own = (self.clock.wall() - host.since) * rollout.speed
        samples = rollout.pace.samples(host.model, host.stage) if host.stage else None
        usual = samples.quantile(0.5) if samples else 0.0
        return own / max(usual, 1.0) if usual else own / _USUAL
