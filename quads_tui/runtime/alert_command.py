"""Calls the operator when something new is there: runs the site's own command, and lets nothing of it touch the rollout."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from quads_tui.inputs import AlertCommand
from quads_tui.rollout.alerts import Alert, Alerts
from quads_tui.rollout.state import Rollout
from quads_tui.services.commands import run_command

from .options import say

log = logging.getLogger(__name__)

_LOOK = 1.0  # real seconds
_MOST = 100  # waiting calls; what comes beyond it is dropped, and logged


@asynccontextmanager
async def alerting(call: AlertCommand | None, rollout: Rollout) -> AsyncIterator[None]:
    """While it lasts, what is new in the rollout is told; what is new at its end, last of all."""
    if call is None:
        yield
        return
    caller = AlertRunner(call, rollout)
    caller.start()
    try:
        yield
        await caller.finish()
    finally:
        await caller.stop()


class AlertRunner:
    """One command at a time, in the order in which things came."""

    def __init__(self, call: AlertCommand, rollout: Rollout) -> None:
        self._call = call
        self._rollout = rollout
        self._alerts = Alerts(rollout)
        self._waiting: asyncio.Queue[Alert] = asyncio.Queue(_MOST)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(work) for work in (self._look_often(), self._work())]

    async def finish(self) -> None:
        """What is new at the very end is told, too; for all that waits there is as long as one command may take."""
        self._look()
        told = asyncio.create_task(self._waiting.join())
        if not (await asyncio.wait({told}, timeout=_LOOK))[0]:
            say(f"waiting for the command of on_event, at most {self._call.timeout:.0f} s")
            await asyncio.wait({told}, timeout=self._call.timeout)
        if not told.done():
            log.warning("on_event: at the end a call took too long, and %d were left out", self._waiting.qsize())
        told.cancel()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look_often(self) -> None:
        while True:
            self._look()
            await asyncio.sleep(_LOOK)

    def _look(self) -> None:
        for alert in self._alerts.new():
            if alert.kind not in self._call.events:
                continue
            if self._waiting.full():
                log.warning("on_event: too many wait, left out: %s", alert.text)
            else:
                self._waiting.put_nowait(alert)

    async def _work(self) -> None:
        while True:
            alert = await self._waiting.get()
            try:
                await self._tell(alert)
            except Exception as error:
                log.warning("on_event: %s: %s", alert.kind, type(error).__name__)
            finally:
                self._waiting.task_done()

    async def _tell(self, alert: Alert) -> None:
        counts = {f"QUADS_TUI_{status.name}": str(count) for status, count in self._rollout.counts.items()}
        facts = {
            "QUADS_TUI_EVENT": alert.kind,
            "QUADS_TUI_TEXT": alert.text,
            "QUADS_TUI_ROLLOUT": self._rollout.id,
            "QUADS_TUI_CLOUD": self._rollout.plan.cloud,
            "QUADS_TUI_HOSTS": str(len(self._rollout.hosts)),
            **counts,
        }
        ended = await run_command(self._call.run, facts, self._call.timeout)
        if not ended.ok:
            log.warning("on_event: %s: %s", alert.kind, ended.reason)
