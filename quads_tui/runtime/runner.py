"""A rollout from its first event to its last: engine, front end, signals, the end and its exit status."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from quads_tui.cli.plain import plain
from quads_tui.cli.screen import RunningRollout, headless, screen
from quads_tui.engine.clock import RealClock
from quads_tui.engine.executor import RolloutContext, RolloutExecutor
from quads_tui.engine.resume_state import Recall
from quads_tui.inputs import Site
from quads_tui.journal.store import JournalStore
from quads_tui.rollout.causes import StageFailure
from quads_tui.rollout.commands import Retry
from quads_tui.rollout.events import Event
from quads_tui.rollout.http_log import Exchanged
from quads_tui.rollout.plan import Plan
from quads_tui.rollout.ports import RETRYABLE, JournalBroken
from quads_tui.rollout.stages import Kind
from quads_tui.rollout.state import Rollout
from quads_tui.services.http import Exchange

from .alert_command import called
from .clients import Services
from .control_socket import KeyServer
from .json_lines import JsonLines, finished
from .options import Options, emit_json, say, who
from .process_resources import SIGNALS, ProcessResources, Writer

Show = Callable[[RunningRollout], Awaitable[None]]


class RolloutRunner:
    """One rollout of this process. `writer`: to its Foreman; `show`: another front end than the screen or the lines."""

    def __init__(
        self,
        site: Site,
        services: Services,
        clock: RealClock,
        options: Options,
        station: ProcessResources,
        *,
        writer: Writer,
        rehearsal: Path | None = None,
        show: Show | None = None,
    ) -> None:
        self._site = site
        self._station = station
        self._writer = writer
        self._services = services
        self._clock = clock
        self._options = options
        self._rehearsal = rehearsal
        self._show = show or (plain if options.plain else headless if options.headless else screen)
        self._broken: asyncio.Queue[str] = asyncio.Queue()

    def journal(self, path: Path, *, existing: bool = False) -> JournalStore:
        """Raises JournalBroken."""
        return JournalStore(path, existing=existing, on_broken=self._broken.put_nowait)

    async def conduct(
        self, journal: JournalStore, rollout: Rollout, *, recalled: Recall | None = None, retry_ended: bool = False
    ) -> int:
        """Gives the exit status. `recalled`: go on with it; `retry_ended`: take up failed, skipped and held hosts."""
        async with called(self._site.on_event, rollout):
            return await self._conducted(journal, rollout, recalled, retry_ended)

    async def _conducted(self, journal: JournalStore, rollout: Rollout, recalled: Recall | None, retry_ended: bool) -> int:
        services, clock, site = self._services, self._clock, self._site
        if self._options.json:
            journal.on_events = _told_to(JsonLines(rollout))
        setting = RolloutContext(
            rollout=rollout,
            meters=services.meters,
            clock=clock,
            journal=journal,
            foreman=services.foreman,
            reads=services.foreman,
            bmc=services.bmc,
            limits=site.limits,
            protected=site.protected_hosts,
            token_seconds=await self._token_seconds(rollout.plan),
            write_width=site.foreman.write_width,
            who=who(),
            recall=recalled,
            hooks=site.hooks,
            quads=services.quads,
            machines=self._station.machines,
            protected_machines=rollout.plan.protected_machines,
            lanes=self._writer.lanes,
            locked=self._writer.check,
            mark=self._writer.mark(rollout.id, clock),
            left_write=self._writer.left_write(rollout.id),
        )
        executor = RolloutExecutor(setting)
        directory, rehearsal = journal.path.parent, self._rehearsal is not None
        front = RunningRollout(rollout, services.meters, executor, clock, self._options.json, site.warnings, rehearsal, directory)
        self._station.listen()
        keys = KeyServer(directory, executor, front.attached.take)
        services.observers.append(_told_of_hosts(clock, front.exchanged, journal.exchange))
        watcher = asyncio.create_task(self._stop_when_broken(executor))
        executor.start()
        if retry_ended:
            ended = tuple(host.name for host in rollout.hosts.values() if host.status in RETRYABLE)
            executor.submit(Retry(ended, accepts=False))
            await asyncio.sleep(0)  # the order is taken before anybody asks whether something is left to do
        try:
            await keys.open()
        except OSError as error:
            say(f"warning: nobody can attach to this rollout: {error}")
        try:
            with self._station.shows(front):
                await self._show(front)
        finally:
            left = "safety" if executor.held_back else "operator"
            await executor.finish("" if rollout.settled else executor.stopped or left)
            watcher.cancel()
            await keys.close()
            with suppress(JournalBroken):
                quads = {"owed": executor.owed_to_quads, "undecided": executor.undecided_in_quads}
                end = {"reason": executor.stopped, "unfinished": _unfinished(rollout), **quads}
                await journal.describe({"ended": end, "pace": rollout.durations.kept()})
        at = clock.wall()
        if self._options.json:
            emit_json("rollout_finished", at, finished(rollout, services.requests(), at))
        else:
            for line in front.summary():
                say(line)
            if _unfinished(rollout) and self._rehearsal is None:  # a rehearsal's emulators end with it
                say(f"  {_unfinished(rollout)} hosts are unfinished. Go on with: quads-tui resume {rollout.id}")
        if executor.owed_to_quads:
            say(f"  QUADS is owed {executor.owed_to_quads} updates. Tell it with: quads-tui resume {rollout.id}")
        if clouds := ", ".join(executor.undecided_in_quads):
            say(f"  QUADS does not validate {clouds} before all hosts that it schedules there are built. Retry the others,")
            say(f"  or remove their schedules in QUADS; then: quads-tui resume {rollout.id}")
        return status(rollout, executor.stopped)

    async def _token_seconds(self, plan: Plan) -> float:
        if Kind.BUILD not in plan.kinds:
            return 0.0
        with suppress(StageFailure):
            return await self._services.foreman.token_seconds()
        return 6 * 3600.0

    async def _stop_when_broken(self, executor: RolloutExecutor) -> None:
        say(f"quads-tui: {await self._broken.get()}")
        executor.stop("safety")


def status(rollout: Rollout, stopped: str) -> int:
    """The exit status of CONTRACT 2."""
    if stopped in SIGNALS:
        return SIGNALS[stopped]
    if not rollout.settled:
        return 4
    return 0 if all(host.status.value == "done" for host in rollout.hosts.values()) else 1


def _unfinished(rollout: Rollout) -> int:
    return sum(not host.status.ended for host in rollout.hosts.values())


def _told_to(listener: Callable[[Event], None]) -> Callable[[list[Event]], None]:
    def told(events: list[Event]) -> None:
        for event in events:
            listener(event)

    return told


def _told_of_hosts(clock: RealClock, *listeners: Callable[[Exchanged], None]) -> Callable[[Exchange], None]:
    def heard(one: Exchange) -> None:
        if one.host:
            kept = Exchanged(clock.wall(), one.host, one.method, one.path, one.status, one.seconds, one.error)
            for listener in listeners:
                listener(kept)

    return heard
