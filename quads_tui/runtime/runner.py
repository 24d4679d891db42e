"""Runs one rollout from its first event to its last: engine, front end, signals, and the exit status."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from quads_tui.engine.clock import RealClock
from quads_tui.engine.context import RolloutContext
from quads_tui.engine.executor import RolloutExecutor
from quads_tui.engine.resume_state import Recall
from quads_tui.inputs import Site
from quads_tui.journal.catalogue import StoredRollout
from quads_tui.journal.store import JournalStore
from quads_tui.rollout.causes import StageFailure
from quads_tui.rollout.commands import Command, Retry
from quads_tui.rollout.counts import count
from quads_tui.rollout.events import ControlTaken
from quads_tui.rollout.learned import HostResult
from quads_tui.rollout.plan import Plan
from quads_tui.rollout.ports import RETRYABLE, JournalBroken
from quads_tui.rollout.stages import Kind
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.waits import TIME_LIMIT
from quads_tui.services.commands import run_command

from .alert_command import alerts_sent
from .clients import Services
from .control_socket import ControlServer
from .emulator_process import emulators_lag
from .history import Unreadable
from .json_lines import JsonLines, finished
from .learned_store import learn, past_results
from .operator import FrontEnd
from .options import SIGNALS, Options, current_user, emit_json, notify
from .process_resources import ProcessResources, Writer
from .rollout_journal import RolloutJournal
from .rollout_metrics import RolloutMetrics
from .row_commands import SiteCommands, recorded_by
from .running_rollout import RunningRollout
from .summary import summarised

if TYPE_CHECKING:
    from .metrics_server import MetricsServer


class RolloutRunner:
    """One rollout of this process."""

    def __init__(
        self,
        *,
        site: Site,
        services: Services,
        clock: RealClock,
        options: Options,
        resources: ProcessResources,
        writer: Writer,
        front_end: FrontEnd,
        metrics: MetricsServer | None = None,
        rehearsal: Path | None = None,
    ) -> None:
        """`writer`: to its Foreman. `front_end`: what shows it. `metrics`: where its metrics are served; None: nowhere.
        `rehearsal`: the directory of its emulators."""
        self.services = services
        self.writer = writer
        self._site = site
        self._resources = resources
        self.clock = clock
        self._options = options
        self._rehearsal = rehearsal
        self._front_end = front_end
        self._metrics = RolloutMetrics(metrics, services)
        self._broken: asyncio.Queue[str] = asyncio.Queue()

    def journal(self, path: Path, *, existing: bool = False) -> JournalStore:
        """Raises JournalBroken."""
        return JournalStore(path, existing=existing, on_broken=self.on_broken)

    def on_broken(self, why: str) -> None:
        """Its journal can no longer be written: the rollout stops here."""
        self._broken.put_nowait(why)

    async def run(
        self,
        journal: RolloutJournal,
        rollout: Rollout,
        *,
        recalled: Recall | None = None,
        retry_ended: bool = False,
        ordered: Sequence[tuple[str, Command]] = (),
    ) -> int:
        """Returns the exit status. `recalled`: of a resumed rollout; `retry_ended`: retry failed, skipped and held hosts.
        `ordered`: by whom, and what; all of it is in force before anything is done to a host."""
        async with alerts_sent(self._site.on_event, rollout):
            return await self._run(journal, rollout, recalled, retry_ended, ordered)

    async def _run(
        self,
        journal: RolloutJournal,
        rollout: Rollout,
        recalled: Recall | None,
        retry_ended: bool,
        ordered: Sequence[tuple[str, Command]],
    ) -> int:
        services, clock, site = self.services, self.clock, self._site
        lines = JsonLines(rollout) if self._options.json else None
        if lines is not None:
            journal.subscribe(lines)
        self._metrics.count_events(journal, recalled.open_intents if recalled is not None else ())
        context = RolloutContext(
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
            who=current_user(),
            recall=recalled,
            run_command=run_command,
            hooks=site.hooks,
            quads=services.quads,
            machines=self._resources.machines,
            protected_machines=rollout.plan.protected_machines,
            write_queue=self.writer.queue,
            locked=self.writer.lock.check,
            mark=self.writer.mark(rollout.id, clock),
            left_write=self.writer.left_write(rollout.id),
            emulators_lag=partial(emulators_lag, self._rehearsal) if self._rehearsal is not None else None,
        )
        executor = RolloutExecutor(context)
        directory, rehearsal = journal.directory, self._rehearsal is not None
        running = RunningRollout(
            rollout,
            services.meters,
            executor,
            clock,
            warnings=site.warnings,
            rehearsal=rehearsal,
            directory=directory,
            past=await self._past(rollout),
            row_commands=SiteCommands(site.commands, rollout, recorded_by(executor), directory),
        )
        self._resources.listen()

        def on_holder(console: str) -> None:
            running.control.changed(console)
            if rollout.ended_at is None:  # its last event stays the last one
                executor.emit(ControlTaken(clock.wall(), console))

        socket = ControlServer(directory, executor, on_holder)
        services.subscribe(running.add_exchange)
        services.subscribe(journal.exchange)
        helpers = [asyncio.create_task(self._stop_when_broken(executor))]
        if lines is not None:
            helpers.append(asyncio.create_task(lines.tell_overdue(running.view)))
        executor.start()
        if retry_ended:
            ended = tuple(host.name for host in rollout.hosts.values() if host.status in RETRYABLE)
            executor.submit(Retry(ended, accepts=False))
        for who, command in ordered:
            executor.submit(command, who)
        if retry_ended or ordered:
            await asyncio.sleep(0)  # the commands are applied before anything checks whether something is left to do
        try:
            await socket.open()
        except OSError as error:
            notify(f"warning: other consoles cannot attach to this rollout: {error}")
        try:
            with self._resources.register(running), self._metrics.served(running.view, rehearsal=rehearsal):
                await self._front_end(running)
        finally:
            left = "safety" if executor.held_back else TIME_LIMIT if executor.out_of_time else "operator"
            await executor.finish("" if rollout.settled else executor.stopped or left)
            for helper in helpers:
                helper.cancel()
            await socket.close()
            with suppress(JournalBroken):
                quads = {"owed": executor.owed_to_quads, "undecided": executor.undecided_in_quads}
                end = {"reason": executor.stopped, "unfinished": _unfinished(rollout), **quads}
                await journal.describe({"ended": end})
        at = clock.wall()
        if not rehearsal:
            await asyncio.to_thread(learn, self._options.state, site.foreman.url, rollout, at, notify)
        if self._options.json:
            emit_json("rollout_finished", at, finished(rollout, services.requests(), at))
        else:
            for line in running.summary():
                notify(line)
            if _unfinished(rollout) and self._rehearsal is None:  # a rehearsal's emulators end with it
                later = " --until TIME" if executor.stopped == TIME_LIMIT else ""
                hosts = count(_unfinished(rollout), "unfinished host")
                notify(f"  {hosts}. Resume with: {journal.resume_command}{later}")
        if executor.owed_to_quads:
            notify(f"  pending: {count(executor.owed_to_quads, 'update')} to QUADS. To send: {journal.resume_command}")
        if clouds := ", ".join(executor.undecided_in_quads):
            notify(f"  QUADS validates {clouds} only when all hosts that are scheduled there are built. Finish the others, here")
            notify(f"  or in their own rollouts, or remove their schedules in QUADS; then run: {journal.resume_command}")
        with suppress(Unreadable):  # whoever lists it next need not replay it
            await asyncio.to_thread(summarised, StoredRollout(rollout.id, directory, {}))
        return status(rollout, executor.stopped)

    async def _past(self, rollout: Rollout) -> dict[str, tuple[HostResult, ...]]:
        """Read before it begins: the file of a large site takes a moment."""
        if self._rehearsal is not None:
            return {}
        return await asyncio.to_thread(past_results, self._options.state, self._site.foreman.url, rollout.hosts)

    async def _token_seconds(self, plan: Plan) -> float:
        if Kind.BUILD not in plan.kinds:
            return 0.0
        with suppress(StageFailure):
            return await self.services.foreman.token_seconds()
        return 6 * 3600.0

    async def _stop_when_broken(self, executor: RolloutExecutor) -> None:
        notify(f"quads-tui: {await self._broken.get()}")
        executor.stop("safety")


def status(rollout: Rollout, stopped: str) -> int:
    """The exit status of CONTRACT 2."""
    if stopped in SIGNALS:
        return SIGNALS[stopped]
    if not rollout.settled:
        return 4
    return 0 if all(host.status.value == "done" for host in rollout.hosts.values()) else 1


def _unfinished(rollout: Rollout) -> int:
    return sum(not host.status.is_final for host in rollout.hosts.values())
