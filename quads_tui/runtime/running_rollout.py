"""A rollout that this process runs, as its front ends see it. It continues when they end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from quads_tui.engine.executor import RolloutExecutor
from quads_tui.render.clouds import cloud_sentences
from quads_tui.render.eta import header_words
from quads_tui.render.header import time_limit_short
from quads_tui.render.numbers import count
from quads_tui.render.progress import plain_line
from quads_tui.rollout.http_log import READS, Exchange
from quads_tui.rollout.learned import HostResult
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.ports import Clock
from quads_tui.rollout.row_commands import RowCommandRunner
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.time_limit import not_begun
from quads_tui.rollout.view import RolloutView
from quads_tui.rollout.waits import TIME_LIMIT, for_the_pause, left_by_the_time_limit

_MAX_EXCHANGES = 20  # requests of a host


class RolloutScreen(Protocol):
    """A screen over a running rollout."""

    read_only: str  # why this screen has no control; empty: it has control

    def release_terminal(self) -> None:
        """Restore the terminal at once: the process ends now."""
        ...


class ControlHolder:
    """Who has control of the rollout: its own screen (`name` is empty), or the last one that attached."""

    def __init__(self) -> None:
        self.name = ""
        self.own = asyncio.Event()  # nobody is attached
        self.own.set()
        self._listeners: list[Callable[[str], None]] = []

    def changed(self, name: str) -> None:
        self.name = name
        (self.own.clear if name else self.own.set)()
        for listener in self._listeners:
            listener(name)

    @contextmanager
    def subscribed(self, listener: Callable[[str], None]) -> Iterator[None]:
        """`listener` gets who has control, now and at each change."""
        self._listeners.append(listener)
        listener(self.name)
        try:
            yield
        finally:
            self._listeners.remove(listener)


class RunningRollout:
    """The view of it, its executor, and who has control."""

    def __init__(
        self,
        rollout: Rollout,
        meters: Meters,
        executor: RolloutExecutor,
        clock: Clock,
        *,
        warnings: Sequence[str] = (),
        rehearsal: bool = False,
        directory: Path,
        past: Mapping[str, Sequence[HostResult]] | None = None,
        row_commands: RowCommandRunner | None = None,
    ) -> None:
        """`past`: what became of its hosts in their last rollouts, the newest first. `row_commands`: of the site."""
        results = past or {}
        self.view = RolloutView(
            rollout=rollout,
            meters=meters,
            clock=clock,
            exchanges=self.exchanges,
            past=lambda host: results.get(host, ()),
            title="REHEARSAL" if rehearsal else "",
            warnings=tuple(warnings),
            directory=directory,
            lane=executor.lane.state,
        )
        self.rollout = rollout
        self.executor = executor
        self.row_commands = row_commands
        self.hung_up = asyncio.Event()  # the terminal hung up: nobody is left to answer or to read
        self.control = ControlHolder()
        self._screens: list[RolloutScreen] = []
        self._exchanges: dict[str, deque[Exchange]] = {}

    @contextmanager
    def shown_on(self, screen: RolloutScreen) -> Iterator[None]:
        """The screen has control, unless somebody else is attached."""

        def changed(name: str) -> None:
            screen.read_only = f"controlled by {name}" if name else ""

        self._screens.append(screen)
        try:
            with self.control.subscribed(changed):
                yield
        finally:
            self._screens.remove(screen)

    def release_terminal(self) -> None:
        for screen in self._screens:
            screen.release_terminal()

    def add_exchange(self, one: Exchange) -> None:
        """Keep a request that was made for a host. Of reads that went well only the newest keeps its body: they are many."""
        kept = self._exchanges.setdefault(one.host, deque(maxlen=_MAX_EXCHANGES))
        if kept and _is_plain_read(one) and _is_plain_read(kept[-1]):
            kept[-1] = replace(kept[-1], body=b"")
        kept.append(one)

    def exchanges(self, host: str) -> Sequence[Exchange]:
        """The last requests of a host, for its details."""
        return tuple(self._exchanges.get(host, ()))

    async def settled(self) -> None:
        """Returns when no host can move without a human and no human is attached; or when the rollout was stopped."""
        await self.executor.settled()
        while not self.control.own.is_set() and not self.executor.stopped:
            ends = [asyncio.create_task(event.wait()) for event in (self.control.own, self.executor.halted)]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()
            await self.executor.settled()

    def line(self) -> str:
        """The progress, in one line."""
        now = self.view.clock.wall()
        eta = "" if self.rollout.ended_at else header_words(self.view.forecast, 80, self.rollout.time)
        limit = time_limit_short(self.rollout, self.view.forecast, now) if self.rollout.plan.until else ""
        return "  ".join(part for part in (plain_line(self.rollout, self.view.meters, now), eta, limit) if part)

    def summary(self) -> list[str]:
        """What the operator must know when the process ends."""
        rollout = self.rollout
        lines = [self.line(), *(f"  {words}" for words in cloud_sentences(rollout))]
        lines += [f"  {for_the_pause(what, why)}." for what, why in rollout.paused.items()]
        left = not_begun(rollout) if self.executor.stopped == TIME_LIMIT else []
        lines += [f"  {left_by_the_time_limit(rollout.plan.until, left, rollout.time)}"] if left else []
        for group in sorted(rollout.groups.values(), key=lambda group: -len(group.hosts)):
            stage = group.stage.label if group.stage else "the start"
            hosts = f"{count(len(group.hosts), 'host')} failed at {stage}"
            lines.append(f"  {hosts}, {group.cause.value}: {group.reason}: {_named(list(group.hosts), 5)}")
        if armed := rollout.left_armed:
            lines.append(f"  ARMED (the next boot reinstalls them): {_named(armed, 10)}")
        skipped = [host.name for host in rollout.hosts.values() if host.status is HostStatus.SKIPPED]
        if skipped:
            lines.append(f"  skipped: {', '.join(skipped)}")
        return lines


def _is_plain_read(one: Exchange) -> bool:
    return one.method in READS and 200 <= one.status < 300


def _named(names: Sequence[str], most: int) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
