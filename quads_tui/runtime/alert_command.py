"""Runs the site's on_event command for new failures, pauses and the end. Its failures do not affect the rollout."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from quads_tui.inputs import AlertCommand
from quads_tui.rollout.alerts import Alert, Alerts
from quads_tui.rollout.state import Rollout
from quads_tui.services.commands import run_command

from .options import notify

log = logging.getLogger(__name__)

_POLL_INTERVAL = 1.0  # real seconds
_MAX_QUEUED = 100  # alerts; further ones are dropped, and logged


@asynccontextmanager
async def alerts_sent(call: AlertCommand | None, rollout: Rollout) -> AsyncIterator[None]:
    """Run the command for each new alert of the rollout, the last time for what is new at its end."""
    if call is None:
        yield
        return
    runner = AlertRunner(call, rollout)
    runner.start()
    try:
        yield
        await runner.finish()
    finally:
        await runner.stop()


class AlertRunner:
    """One command at a time, in the order of the alerts."""

    def __init__(self, call: AlertCommand, rollout: Rollout) -> None:
        self._call = call
        self._rollout = rollout
        self._alerts = Alerts(rollout)
        self._waiting: asyncio.Queue[Alert] = asyncio.Queue(_MAX_QUEUED)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(work) for work in (self._poll(), self._run_queued())]

    async def finish(self) -> None:
        """Queue what is new at the end, and wait for all queued commands as long as one command may take."""
        self._queue_new()
        joined = asyncio.create_task(self._waiting.join())
        if not (await asyncio.wait({joined}, timeout=_POLL_INTERVAL))[0]:
            notify(f"waiting for the on_event command to end, at most {self._call.timeout:.0f} s")
            await asyncio.wait({joined}, timeout=self._call.timeout)
        if not joined.done():
            log.warning("on_event: the last command took too long, %d alerts were dropped", self._waiting.qsize())
        joined.cancel()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _poll(self) -> None:
        while True:
            self._queue_new()
            await asyncio.sleep(_POLL_INTERVAL)

    def _queue_new(self) -> None:
        for alert in self._alerts.new():
            if alert.kind not in self._call.events:
                continue
            if self._waiting.full():
                log.warning("on_event: too many alerts are queued, dropped: %s", alert.text)
            else:
                self._waiting.put_nowait(alert)

    async def _run_queued(self) -> None:
        while True:
            alert = await self._waiting.get()
            try:
                await self._run(alert)
            except Exception as error:
                log.warning("on_event: %s: %s", alert.kind, type(error).__name__)
            finally:
                self._waiting.task_done()

    async def _run(self, alert: Alert) -> None:
        counts = {f"QUADS_TUI_{status.name}": str(count) for status, count in self._rollout.counts.items()}
        facts = {
            "QUADS_TUI_EVENT": alert.kind,
            "QUADS_TUI_TEXT": alert.text,
            "QUADS_TUI_ROLLOUT": self._rollout.id,
            "QUADS_TUI_CLOUD": self._rollout.plan.cloud,
            "QUADS_TUI_HOSTS": str(len(self._rollout.hosts)),
            **counts,
        }
        result = await run_command(self._call.run, facts, self._call.timeout)
        if not result.ok:
            log.warning("on_event: %s: %s", alert.kind, result.reason)
