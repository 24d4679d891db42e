"""What all screens of a console look at, and the little that they share. It owns nothing of the rollout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from quads_tui.render.host_order import Slowness
from quads_tui.render.symbols import BRAILLE, Symbols
from quads_tui.render.wait_reason import why
from quads_tui.rollout.forecast import Forecast, Outlook
from quads_tui.rollout.http_log import Exchanges
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.ports import Clock
from quads_tui.rollout.stages import Stage
from quads_tui.rollout.state import HostState, Rollout

_FADES = 60.0  # seconds
_USUAL = 600.0  # own seconds of a stage that nobody has ended yet


@dataclass(slots=True)
class ViewContext:
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
    lag: float = 0.0  # p99 lateness of the loop, seconds
    last_key: float = 0.0  # monotonic
    outlook: Outlook = field(init=False)
    _said: str = ""
    _said_at: float = 0.0  # monotonic

    def __post_init__(self) -> None:
        self.outlook = Outlook(self.rollout, self.meters)

    @property
    def flash(self) -> str:
        """One line above the keys, until the next one, or until it is old."""
        return self._said if self.monotonic() - self._said_at < _FADES else ""

    @flash.setter
    def flash(self, text: str) -> None:
        self._said, self._said_at = text, self.monotonic()

    @property
    def forecast(self) -> Forecast:
        return self.outlook.at(self.clock.wall())

    def why(self, host: HostState) -> str:
        """Why it does not go on at once, in words."""
        return why(host, self.rollout, self.meters, self.forecast, self.clock.wall())

    def slowness(self) -> Slowness:
        """For one look at many hosts: what is usual is asked once a model and stage."""
        rollout, now = self.rollout, self.clock.wall()
        usual: dict[tuple[str, Stage | None], float] = {}

        def of(host: HostState) -> float:
            kind = (host.model, host.stage)
            if kind not in usual:
                samples = rollout.durations.samples(host.model, host.stage) if host.stage else None
                usual[kind] = max(1.0, samples.quantile(0.5)) if samples else _USUAL
            return (now - host.since) * rollout.speed / usual[kind]

        return of
