"""Many hosts: made of its parts, begun, commanded through an inbox, and brought to a clean end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from quads_tui.rollout.commands import Command
from quads_tui.rollout.events import (
    Commanded,
    Event,
    HostAhead,
    HostNote,
    LaneNarrowed,
    OutageChanged,
    Paused,
    RolloutEnded,
    RolloutStarted,
)
from quads_tui.rollout.ports import JournalBroken, Stopping
from quads_tui.rollout.refusals import ADMISSION
from quads_tui.rollout.time_limit import not_begun
from quads_tui.rollout.waits import for_the_pause, left_by_the_time_limit

from .bmc_reports import BmcReports
from .breakers import Breakers
from .canary import CanaryWatch, expected_time
from .claims import Machines
from .commands import Commands
from .context import GateFactory, LaneFactory, RolloutContext, WatchFactory, build_watch, intent_numbers, rollout_gate, write_lane
from .hooks import Hooks
from .host_order import HostOrder
from .host_tasks import HostTasks, internal_error
from .outages import OutageGuard
from .ports import Ports
from .quads_sync import QuadsExchange
from .repairs import Repairs
from .resume_state import recall
from .resumption import Resumption
from .sampling import sample

_GRACE = 20.0  # real seconds that requests in flight get to settle at a stop
_QUADS_GRACE = 10.0  # real seconds at the end to tell QUADS what it does not know yet; the rest is owed to a resume


class RolloutExecutor:
    """Implements rollout.ports.Executor and Control.

    `make_lane`, `make_gate`, `make_watch` and `make_numbers` make its parts; see context.py for what each is given.
    """

    def __init__(
        self,
        context: RolloutContext,
        *,
        make_lane: LaneFactory = write_lane,
        make_gate: GateFactory = rollout_gate,
        make_watch: WatchFactory = build_watch,
        make_numbers: Callable[[RolloutContext], Callable[[], int]] = intent_numbers,
    ) -> None:
        self._context = context
        self._helpers: list[asyncio.Task[None]] = []
        self._inbox: asyncio.Queue[tuple[Command, str]] = asyncio.Queue()
        self._idle = asyncio.Event()
        self._idle_check_due = False
        self._blocked = False  # no host begins for a reason that lies in this process
        self._left: list[str] = []  # hosts of which was said that the time limit leaves them
        self.halted = asyncio.Event()  # set with `stopped`
        self.stopped = ""  # why, once the rollout was stopped: operator, safety, time limit, SIGINT, SIGTERM
        rollout, plan, clock = context.rollout, context.rollout.plan, context.clock
        order = HostOrder([host.name for host in plan.hosts], expected_time(rollout), clock, rollout.write_next)
        self.lane = make_lane(context, order=order, on_narrowed=self._narrowed, on_gone=self._safety)
        self.gate = make_gate(
            context,
            order=order,
            waits=self._waits,
            on_place=lambda host, taken: self.emit(HostAhead(clock.wall(), host, taken)),
        )
        self._breakers = Breakers(rollout, self.gate, clock=clock, emit=self.emit, cap=context.limits.ahead)
        self._canaries = CanaryWatch(rollout, self.gate, order, clock=clock, emit=self.emit, help_with=self._help)
        self._outages = OutageGuard(
            rollout,
            self.gate,
            self.lane,
            clock=clock,
            limits=context.limits,
            emit=self.emit,
            help_with=self._help,
            look=lambda: self._watch.look(),
            on_gone=self._safety,
        )
        self._watch = make_watch(context, on_trouble=self._no_look, on_refused=self._safety, pace=self._outages)
        recalled = context.recall or recall(plan, ())
        self._memories = recalled.memories
        self._machines = Machines() if context.machines is None else context.machines
        self._quads = (
            QuadsExchange(context.quads, recalled.outbox, clock=clock, emit=self.emit, owned=lambda: self._ports.until_owned())
            if context.quads
            else None
        )
        self._ports = Ports(
            clock=clock,
            lane=self.lane,
            gate=self.gate,
            watch=self._watch,
            foreman=context.foreman,
            bmc=context.bmc,
            emit=self.emit,
            commit=self._commit,
            owned=self._owned,
            number=make_numbers(context),
            touched=lambda host: rollout.hosts[host].touched,
            plan=plan,
            limits=context.limits,
            token_seconds=context.token_seconds,
            hooks=Hooks(
                context.hooks,
                plan=plan,
                rollout=rollout.id,
                clock=clock,
                emit=self.emit,
                at_once=context.limits.hooks,
                run=context.run_command,
                passed=rollout.has_passed,
                done=frozenset(recalled.cloud_hooks),
            ),
            outages=self._outages,
            rollout=rollout.id,
            machines=self._machines,
            protected_machines=context.protected_machines,
        )
        self._tasks = HostTasks(
            rollout=rollout,
            ports=self._ports,
            gate=self.gate,
            memories=self._memories,
            on_begin=self._idle.clear,
            on_end=self._check_idle,
            on_safety=self._safety,
        )
        self._reports = BmcReports(rollout=rollout, ports=self._ports, gate=self.gate, hosts=self._tasks, memories=self._memories)
        self._repairs = Repairs(
            rollout=rollout,
            ports=self._ports,
            gate=self.gate,
            tasks=self._tasks,
            memories=self._memories,
            protected=context.protected,
            who=context.who,
        )
        self._commands = Commands(
            rollout=rollout,
            ports=self._ports,
            lane=self.lane,
            gate=self.gate,
            order=order,
            breakers=self._breakers,
            canaries=self._canaries,
            tasks=self._tasks,
            reports=self._reports,
            repairs=self._repairs,
            memories=self._memories,
            who=context.who,
            stop=self.stop,
        )
        self._resumption = Resumption(
            context=context,
            ports=self._ports,
            lane=self.lane,
            gate=self.gate,
            breakers=self._breakers,
            canaries=self._canaries,
            outages=self._outages,
            tasks=self._tasks,
            memories=self._memories,
            machines=self._machines,
            help_with=self._help,
            on_settled=self._check_idle_soon,
            on_safety=self._safety,
        )

    # Executor

    def start(self) -> None:
        context = self._context
        rollout, now = context.rollout, context.clock.wall()
        resumed = context.recall is not None
        seen, speed = rollout.time.last, context.clock.speed
        self.emit(RolloutStarted(now, rollout.id, len(rollout.hosts), resumed, context.who, speed, seen))
        self._help("while reading Foreman", self._watch.run)
        self._help("while carrying out the operator's commands", self._obey)
        self._help("while recording measurements", partial(sample, context, self.lane))
        if self._quads is not None:
            self._helpers.append(asyncio.create_task(self._quads.run()))
        if context.left_write is not None:
            self._resumption.wait_out(context.left_write)
        if context.recall is not None:
            self._resumption.go_on(context.recall)
            self._repairs.resume(context.recall)
            if not self._tasks:
                self._idle.set()
            return
        for name in self._tasks.plans:
            self._tasks.launch(name)

    def _help(self, what: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """`what` it is about, in words. All hosts depend on it: where an error of ours ends it, the rollout stops and says so."""

        async def guarded() -> None:
            try:
                await work()
            except Exception as error:
                self._safety(f"{internal_error(error, what)}, {what}")

        helper = asyncio.create_task(guarded())
        self._helpers.append(helper)
        return helper

    async def settled(self) -> None:
        await self._idle.wait()

    async def finish(self, reason: str = "") -> None:
        """End the rollout: no new act, what is in flight settles (bounded), sessions close, the journal has it all.

        `reason` is empty when nothing is left to do, else operator, safety, time limit, SIGINT or SIGTERM.
        """
        self.stop(reason)
        running = [task for task in (*self._tasks.tasks, *self._resumption.endings) if not task.done()]
        if running:
            await asyncio.wait(running, timeout=_GRACE)
        await self.lane.drained(_GRACE)
        left = [*self._tasks.tasks, *self._helpers, *self._resumption.endings, *self._reports.tasks]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self.lane.leave()
        self._machines.leave(self._context.rollout.id)
        if self._quads is not None:
            await self._quads.flush(_QUADS_GRACE)
        self.emit(RolloutEnded(self._context.clock.wall(), self.stopped))

    def stop(self, reason: str) -> None:
        """No new act begins; hosts leave at their next gate. Idempotent; the first reason stays."""
        if reason and not self.stopped:
            self.stopped = reason
            self.halted.set()
        self.gate.stop()
        for name in self._tasks.plans:
            self.lane.withdraw(name, Stopping())
        self._idle.set()

    # Control

    def block_new_hosts(self, why: str) -> None:
        """No host begins for a reason that lies in this process, until it has gone (`why` is empty)."""
        self._blocked = bool(why)
        self.gate.block(why)
        if why:
            self._ports.notice("warning", for_the_pause(ADMISSION, why))
        else:
            self._ports.notice("info", "new hosts are no longer paused")
            self._check_idle_soon()

    def submit(self, command: Command, who: str = "") -> None:
        """`who`: the user@machine of an attached console; empty: the one that runs the rollout."""
        self._inbox.put_nowait((command, who or self._context.who))
        if not self.stopped:
            self._idle.clear()  # it may set hosts going that wait for it

    # Events

    @property
    def owed_to_quads(self) -> int:
        """Updates that QUADS has not taken over yet."""
        return self._quads.owed if self._quads is not None else 0

    @property
    def undecided_in_quads(self) -> list[str]:
        """Clouds that QUADS still waits for hosts of that were not done."""
        return self._quads.undecided if self._quads is not None else []

    def emit(self, event: Event) -> None:
        """Apply it to the rollout and record it; breakers and QUADS hear of it. A journal that is broken stops the rollout."""
        self._context.rollout.apply(event)
        news = self._context.rollout.canaries.news
        if self._quads is not None:
            self._quads.on_event(event)
        try:
            self._context.journal.record(event)
        except JournalBroken as broken:
            self._safety(broken)
        self._breakers.on_event(event)
        self._canaries.on_event(event, news)
        self._outages.on_event(event)
        if isinstance(event, Paused | OutageChanged) or (isinstance(event, HostNote) and event.waits):
            self._check_idle_soon()

    async def _owned(self) -> None:
        await self._context.journal.owned(self._context.locked)

    async def _commit(self, event: Event) -> None:
        self._context.rollout.apply(event)
        await self._context.journal.commit(event)

    def _no_look(self, why: str) -> None:
        self._ports.notice(
            "warning", f"Foreman cannot be read, and is read again soon: {why}" if why else "Foreman answers again"
        )

    def _narrowed(self, why: str) -> None:
        self.emit(LaneNarrowed(self._context.clock.wall(), why))
        self._ports.notice("error", f"two writes may have overlapped at Foreman; write concurrency reduced to 1: {why}")

    def _waits(self, host: str, why: str) -> None:
        self.emit(HostNote(self._context.clock.wall(), host, why, True))

    def _safety(self, why: Exception | str) -> None:
        """Something that no host may act against: the rollout stops, and says so."""
        if not self.stopped:
            self.stop("safety")
            self._ports.notice("error", f"stopped: {why}")

    # Settled

    @property
    def held_back(self) -> bool:
        """All that is left waits for a human, and new hosts are paused for a cause."""
        return bool(self._context.rollout.paused_by_safety) and self._stands

    @property
    def out_of_time(self) -> bool:
        """All that is left are hosts that would not be done by the time limit."""
        return bool(self._context.rollout.plan.until) and not self._context.rollout.paused and self._stands

    @property
    def _stands(self) -> bool:
        """No host moves before a human lifts a pause, or decides about hosts that keep the places of others; or no host begins
        any more, since it would not be done by the time limit."""
        lane, rollout = self.lane.state(), self._context.rollout
        waits_on = self.gate.deciding or lane.in_flight or self._outages.lasts
        if not (rollout.paused or rollout.plan.until) or not self._tasks or waits_on:
            return False
        if self._blocked and not all(map(rollout.new_host_paused, self._tasks)):
            return False  # until this process can go on
        return all(self.gate.waits(name) or (lane.paused and name in lane.places) for name in self._tasks)

    def _check_idle_soon(self) -> None:
        """When all hosts that begin together have come to the gate, or to the lane."""
        rollout = self._context.rollout
        if (rollout.paused or rollout.plan.until) and not self._idle_check_due:
            self._idle_check_due = True
            asyncio.get_running_loop().call_soon(self._check_idle)

    def _check_idle(self) -> None:
        self._idle_check_due = False
        if not self._inbox.empty():
            return  # carried out first
        if not self._tasks or (self._stands and not self.gate.reconsider()):
            self._say_left()
            self._idle.set()
        elif self.gate.deciding:
            self._check_idle_soon()

    def _say_left(self) -> None:
        """Which hosts the time limit has left, once."""
        rollout = self._context.rollout
        left = not_begun(rollout) if self.out_of_time else []
        if left and left != self._left:
            self._left = left
            self._ports.notice("warning", left_by_the_time_limit(rollout.plan.until, left, rollout.time))

    # Commands

    async def _obey(self) -> None:
        while True:
            command, who = await self._inbox.get()
            self.emit(Commanded(self._context.clock.wall(), who, self._commands.carry_out(command, who)))
            asyncio.get_running_loop().call_soon(self._check_idle)
