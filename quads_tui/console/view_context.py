"""What all screens of a console share: the view of the rollout, and the state of this console."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from quads_tui.render.host_order import Slowness
from quads_tui.render.runner_gone import RunnerGone
from quads_tui.render.symbols import BRAILLE, Symbols
from quads_tui.render.wait_reason import HostNote, HostWord, host_note, host_word, why
from quads_tui.rollout.forecast import Forecast
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.ports import Clock
from quads_tui.rollout.row_commands import RowCommandRunner
from quads_tui.rollout.stages import Stage
from quads_tui.rollout.state import HostState, Rollout
from quads_tui.rollout.view import RolloutView

from .settings import Settings

_FADES = 60.0  # seconds
_USUAL = 600.0  # rollout seconds of a stage that no host has ended yet


@dataclass(slots=True)
class ViewContext:
    """`read_only`: why this console has no control, as a phrase; empty: it has control."""

    view: RolloutView
    monotonic: Callable[[], float]
    read_only: str = ""
    symbols: Symbols = BRAILLE
    settings: Settings = field(default_factory=Settings)
    row_commands: RowCommandRunner | None = None  # of the site
    lag: float = 0.0  # p99 lateness of the loop, seconds
    last_key: float = 0.0  # monotonic
    gone: RunnerGone | None = None  # the process that ran the rollout has exited
    real_time: Callable[[], float] = time.time  # the clock of the view may stand still
    _flash: str = ""
    _flash_at: float = 0.0  # monotonic

    @property
    def rollout(self) -> Rollout:
        return self.view.rollout

    @property
    def meters(self) -> Meters:
        return self.view.meters

    @property
    def clock(self) -> Clock:
        return self.view.clock

    @property
    def now(self) -> float:
        """Real time for what is shown: that of the end, once no host moves by itself any more."""
        return self.rollout.over_at or self.clock.wall()

    @property
    def forecast(self) -> Forecast:
        return self.view.forecast

    @property
    def flash(self) -> str:
        """One line above the keys, until the next one, or until it is old."""
        return self._flash if self.monotonic() - self._flash_at < _FADES else ""

    @flash.setter
    def flash(self, text: str) -> None:
        self._flash, self._flash_at = text, self.monotonic()

    def why(self, host: HostState) -> str:
        """Why the host waits or how it proceeds, in words."""
        return why(host, self.rollout, self.meters, self.forecast, self.clock.wall())

    def word(self, host: HostState) -> HostWord:
        """How the host stands: its STATE column."""
        return host_word(host, self.meters, self.forecast)

    def note(self, host: HostState) -> HostNote:
        """Its NOTE column."""
        return host_note(host, self.rollout, self.meters, self.forecast, self.clock.wall())

    def slowness(self) -> Slowness:
        """A function from host to slowness, for one sort: the usual time is looked up once for each model and stage."""
        rollout, now = self.rollout, self.clock.wall()
        usual: dict[tuple[str, Stage | None], float] = {}

        def of(host: HostState) -> float:
            kind = (host.model, host.stage)
            if kind not in usual:
                samples = rollout.durations.samples(host.model, host.stage) if host.stage else None
                usual[kind] = max(1.0, samples.quantile(0.5)) if samples else _USUAL
            return (now - host.since) * rollout.speed / usual[kind]

        return of
