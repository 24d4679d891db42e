"""A console under test, with frozen ticks and everything round it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from quads_tui.console.app import Console
from quads_tui.console.line_panel import LinePanel
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.learned import HostResult
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.view import RolloutView

from .feed import Clock, Recorder, meters, rollout


class Desk:
    """A console under test and everything round it."""

    def __init__(self, model: Rollout) -> None:
        self.model = model
        self.control = Recorder()
        self.clock = Clock()
        self.seconds = 100.0
        self.error_count = 0  # that are expected
        self.exchanges: list[Exchange] = []
        self.past: dict[str, tuple[HostResult, ...]] = {}
        view = RolloutView(
            rollout=model,
            meters=meters(),
            clock=self.clock,
            title="REHEARSAL",
            exchanges=lambda host: self.exchanges,
            past=lambda host: self.past.get(host, ()),
        )
        self.app = Console(view, self.control, frozen=True, monotonic=lambda: self.seconds)
        self.pilot: Pilot[str]

    async def press(self, *keys: str) -> None:
        """One key after the other, each a second after the last, so that no dialog is deaf."""
        for key in keys:
            self.seconds += 5.0
            await self.pilot.press(key)
            await self.pilot.pause()

    def lines(self, name: str) -> list[str]:
        return self.app.query_one(f"#{name}", LinePanel).text

    @property
    def text(self) -> str:
        """The whole screen."""
        width, height = self.app.size
        rows = self.app.screen._compositor.render_strips()
        return "\n".join(row.text[:width] for row in rows[:height])

    def first(self, status: HostStatus) -> str:
        return next(name for name in self.app.table.shown if self.model.hosts[name].status is status)


@asynccontextmanager
async def desk(model: Rollout | None = None, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Desk]:
    made = Desk(model or rollout(60))
    async with made.app.run_test(size=size) as pilot:
        made.pilot = pilot
        await pilot.pause()
        yield made
        assert made.app.error_count == made.error_count
