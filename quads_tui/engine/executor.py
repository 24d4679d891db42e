"""Many hosts: a task each, the operator's inbox, the once-a-second sample, and a clean end."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from quads_tui.inputs import Hook, Limits
from quads_tui.rollout.causes import Cause, CredentialsRefused, ServiceGone
from quads_tui.rollout.commands import Command, Disarm, Hold, Pause, Release, Retry, Skip, Stop, Unskip
from quads_tui.rollout.events import (
    Commanded,
    Event,
    HostAhead,
    HostChanged,
    HostNote,
    Intent,
    LaneNarrowed,
    Notice,
    Ordered,
    Paused,
    RolloutEnded,
    RolloutStarted,
    StageChanged,
)
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.metrics import Meters, lane_facts
from quads_tui.rollout.moments import Moment
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.ports import (
    RETRYABLE,
    Clock,
    Held,
    Journal,
    JournalBroken,
    Probe,
    SideEffects,
    Skipped,
    Stopping,
    Ticket,
    WriteAbsent,
    WriteMark,
)
from quads_tui.rollout.stages import HostStatus, Kind, StageStatus
from quads_tui.rollout.state import Rollout

from .breakers import Breakers, places
from .build_watch import BuildWatch, HostReads
from .claims import Machines
from .flow import disarm, provision
from .gate import RolloutGate
from .hooks import Hooks
from .host import BmcPort, ForemanPort, HostSideEffects, Ports, longest_intent
from .lane import WriteLane
from .quads_sync import QuadsExchange, QuadsPort
from .resume_state import Recall, recall
from .writes import HostWrites

log = logging.getLogger(__name__)

_GRACE = 20.0  # real seconds that requests in flight get to settle at a stop
_QUADS_GRACE = 10.0  # real seconds at the end to tell QUADS what it does not know yet; the rest is owed to a resume
_RESET_SHOWS = 40.0  # own seconds until a BMC surely shows what a Reset did; before that nobody decides on another one
_RETRY_SPREAD = 0.05  # own seconds between the starts of hosts that are retried together


@dataclass(frozen=True, slots=True)
class RolloutContext:
    """What a rollout runs with."""

    rollout: Rollout
    meters: Meters
    clock: Clock
    journal: Journal
    foreman: ForemanPort
    reads: HostReads
    bmc: Callable[[HostPlan, SideEffects], BmcPort]
    limits: Limits
    protected: frozenset[str]
    token_seconds: float
    write_width: int
    who: str
    hooks: tuple[Hook, ...] = ()
    quads: QuadsPort | None = None  # None: nobody to tell
    sample_seconds: float = 1.0  # real seconds between two samples
    lanes: list[WriteLane] | None = None  # of the other rollouts of this process on the same Foreman; this one's joins them
    machines: Machines | None = None  # that the rollouts of this process act on; None: this one's alone
    protected_machines: Mapping[str, Identity] = field(default_factory=dict)  # of protected hosts, as far as they are known
    locked: Callable[[], Awaitable[None]] | None = None  # raises TakenOver when the locks of the Foreman are no longer ours
    mark: WriteMark | None = None  # of writes on their way, for processes after this one
    left_write: Moment | None = None  # of another rollout, whose process died with it on its way
    recall: Recall | None = None  # of a rollout that another process began; its events are in `rollout` already


class RolloutExecutor:
    """Implements rollout.ports.Executor and Control."""

    def __init__(self, setting: RolloutContext) -> None:
        self._setting = setting
        self._numbers = itertools.count(setting.recall.last_number + 1 if setting.recall else 1)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._helpers: list[asyncio.Task[None]] = []
        self._endings: list[asyncio.Task[None]] = []  # of sessions that another process left
        self._inbox: asyncio.Queue[Command] = asyncio.Queue()
        self._idle = asyncio.Event()
        self.halted = asyncio.Event()  # set with `stopped`
        self.stopped = ""  # why, once the rollout was stopped: operator, safety, SIGINT, SIGTERM
        plan, clock = setting.rollout.plan, setting.clock
        self.lane = WriteLane(
            clock,
            width=1 if setting.rollout.narrowed else setting.write_width,
            write_deadline=setting.limits.write_deadline,
            on_narrowed=self._narrowed,
            beside=setting.lanes,
            mark=setting.mark,
            patience=setting.limits.foreman_build,
            on_gone=self._safety,
        )
        self.gate = RolloutGate(
            clock,
            kinds={host.name: plan.goal(host).kind for host in plan.hosts},
            protected=setting.protected,
            ahead=setting.limits.ahead,
            racks={host.name: host.rack or host.name for host in plan.hosts},
            models={host.name: host.model for host in plan.hosts},
            places=places(setting.rollout),
            waits=self._waits,
            on_place=lambda host, taken: self.emit(HostAhead(clock.wall(), host, taken)),
        )
        self._breakers = Breakers(setting.rollout, self.gate, clock, self.emit, setting.limits.ahead)
        self._idle_check_due = False
        self._watch = BuildWatch(
            setting.reads,
            clock,
            setting.limits.poll,
            on_trouble=lambda why: self._notice("warning", f"no look at Foreman: {why}" if why else "Foreman answers again"),
            on_refused=self._safety,
        )
        recalled = setting.recall or recall(plan, ())
        self._memories = recalled.memories
        self._machines = Machines() if setting.machines is None else setting.machines
        self._quads = QuadsExchange(setting.quads, recalled.outbox, clock, self.emit, self._owned) if setting.quads else None
        self._ports = Ports(
            clock=clock,
            lane=self.lane,
            gate=self.gate,
            watch=self._watch,
            foreman=setting.foreman,
            bmc=setting.bmc,
            emit=self.emit,
            commit=self._commit,
            owned=self._owned,
            number=lambda: next(self._numbers),
            touched=lambda host: setting.rollout.hosts[host].touched,
            plan=plan,
            limits=setting.limits,
            token_seconds=setting.token_seconds,
            hooks=Hooks(
                setting.hooks,
                plan,
                setting.rollout.id,
                clock,
                self.emit,
                at_once=setting.limits.hooks,
                done=frozenset(recalled.cloud_hooks),
            ),
            rollout=setting.rollout.id,
            machines=self._machines,
            protected_machines=setting.protected_machines,
        )
        self._plans = {host.name: host for host in plan.hosts}

    # Executor

    def start(self) -> None:
        setting = self._setting
        rollout, now = setting.rollout, setting.clock.wall()
        resumed = setting.recall is not None
        self.emit(RolloutStarted(now, rollout.id, len(rollout.hosts), resumed, setting.who, setting.clock.speed))
        self._help("the looks at Foreman", self._watch.run)
        self._help("the operator's orders", self._obey)
        self._help("the samples", self._sample)
        if self._quads is not None:
            self._helpers.append(asyncio.create_task(self._quads.run()))
        if setting.left_write is not None:
            place = self.lane.occupied("another rollout", "write", setting.clock.now() - self._since(setting.left_write))
            self._help("the write of another rollout", partial(self._wait_out, place))
        if setting.recall is not None:
            self._go_on(setting.recall)
            return
        for name in self._plans:
            self._launch(name)

    def _help(self, what: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """`what` it is about, in words. All hosts depend on it: where an error of ours ends it, the rollout stops and says so."""

        async def guarded() -> None:
            try:
                await work()
            except Exception as error:
                self._safety(f"{_internal(error, what)} ({what})")

        helper = asyncio.create_task(guarded())
        self._helpers.append(helper)
        return helper

    async def _wait_out(self, place: Ticket) -> None:
        """A write that only another rollout's journal knows: nobody here can ask for it, but it ends with the write deadline."""

        async def probe() -> Probe:
            return Probe.ABSENT

        self._notice(
            "warning", "a process that died left a write on its way to Foreman: writes wait until its deadline has passed"
        )
        with suppress(WriteAbsent):
            await self.lane.settle(place, probe)
        self._check_idle_soon()

    def _go_on(self, recalled: Recall) -> None:
        """Where another process left: its cut-off attempts end, its unsettled writes shut the lane, its orders hold."""
        setting, now = self._setting, self._setting.clock.wall()
        for name, (stage, attempt, at) in recalled.cut_off.items():
            seconds = round(max(0.0, now - at) * setting.clock.speed, 3)
            why = "cut off: the console ended"
            self.emit(StageChanged(now, name, stage, StageStatus.SKIPPED, attempt, seconds, why))
        self._breakers.resume()
        if "writes" in setting.rollout.paused:
            self.lane.pause(True)
        for name, order in recalled.orders.items():
            self.gate.take_out(name, Skipped if order.order == "skip" else Held, order.reason)
        for name, intent in recalled.unsettled.items():
            sent_at = setting.clock.now() - self._since(intent.moment)
            place = self.lane.occupied(name, intent.act, sent_at)
            if intent.act == "build":
                self.gate.write_stands(name)
            writes = HostWrites(name, self._ports, self._memories[name], setting.rollout.plan.goal(self._plans[name]).target)
            self._memories[name].settling = self._help(f"the write of {name}", partial(self._settle, writes, intent, place))
        for name, uris in recalled.sessions.items():
            if uris and name in self._plans and name not in setting.protected:
                self._memories[name].ending = ending = asyncio.create_task(self._end_sessions(name, tuple(uris)))
                self._endings.append(ending)
        fresh = []
        for host in setting.rollout.hosts.values():
            memory = self._memories[host.name]
            memory.resumed = True
            if memory.identity is not None:
                self._machines.hold(setting.rollout.id, host.name, memory.identity)
                if host.status.ended and not memory.stands:
                    self._machines.release(setting.rollout.id, host.name)
            if host.status.ended and host.name not in recalled.orders:
                continue
            if host.status is HostStatus.QUEUED and host.stage is None:
                fresh.append(host.name)
                continue
            self.gate.known(host.name)
            if self._memories[host.name].built_at is not None:
                self.gate.write_stands(host.name)
            reset = recalled.resets.get(host.name)
            delay = max(0.0, _RESET_SHOWS - self._since(reset)) if reset is not None else 0.0
            self.emit(HostChanged(now, host.name, HostStatus.QUEUED, host.stage, None, "goes on from where it was"))
            self._launch(host.name, delay, "its BMC may not show yet what the last Reset did")
        for name in fresh:
            self._launch(name)
        if not self._tasks:
            self._idle.set()

    async def _end_sessions(self, name: str, uris: tuple[str, ...]) -> None:
        """What another process left at this host's BMC, by a login of our own; a host that has ended is left as it is else."""
        bmc = self._setting.bmc(self._plans[name], HostSideEffects(name, self._ports))
        try:
            identity = self._memories[name].identity
            await bmc.end_sessions(uris, identity.peer if identity else "")
        except JournalBroken as why:
            self._safety(why)
        finally:
            await bmc.close()

    def _since(self, intended: Moment) -> float:
        """Own seconds for which an act of another process is surely sent; 0 where nobody can tell."""
        clock = self._setting.clock
        gone = intended.until(clock.moment())
        return 0.0 if gone is None else max(0.0, gone - longest_intent(clock)) * clock.speed

    async def _settle(self, writes: HostWrites, intent: Intent, place: Ticket) -> None:
        try:
            await writes.settle(intent, place)
        except (JournalBroken, CredentialsRefused) as why:
            self._safety(why)
        except Stopping:
            pass
        self._check_idle_soon()

    async def settled(self) -> None:
        await self._idle.wait()

    async def finish(self, reason: str = "") -> None:
        """End the rollout: no new act, what is in flight settles (bounded), sessions close, the journal has it all.

        `reason` is empty when nothing is left to do, else operator, safety, SIGINT or SIGTERM.
        """
        self.stop(reason)
        running = [task for task in (*self._tasks.values(), *self._endings) if not task.done()]
        if running:
            await asyncio.wait(running, timeout=_GRACE)
        await self.lane.drained(_GRACE)
        left = [*self._tasks.values(), *self._helpers, *self._endings]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self.lane.leave()
        self._machines.leave(self._setting.rollout.id)
        if self._quads is not None:
            await self._quads.flush(_QUADS_GRACE)
        self.emit(RolloutEnded(self._setting.clock.wall(), self.stopped))

    def stop(self, reason: str) -> None:
        """No new act begins; hosts leave at their next gate. Idempotent; the first reason stays."""
        if reason and not self.stopped:
            self.stopped = reason
            self.halted.set()
        self.gate.stop()
        for name in self._plans:
            self.lane.withdraw(name, Stopping())
        self._idle.set()

    # Control

    def submit(self, command: Command) -> None:
        self._inbox.put_nowait(command)
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
        self._setting.rollout.apply(event)
        if self._quads is not None:
            self._quads.take(event)
        try:
            self._setting.journal.record(event)
        except JournalBroken as broken:
            self._safety(broken)
        self._breakers.take(event)
        if isinstance(event, Paused) or (isinstance(event, HostNote) and event.waits):
            self._check_idle_soon()

    async def _owned(self) -> None:
        await self._setting.journal.owned()
        if self._setting.locked is not None:
            await self._setting.locked()

    async def _commit(self, event: Event) -> None:
        self._setting.rollout.apply(event)
        await self._setting.journal.commit(event)

    def _notice(self, level: str, text: str) -> None:
        self.emit(Notice(self._setting.clock.wall(), level, text))

    def _narrowed(self, why: str) -> None:
        self.emit(LaneNarrowed(self._setting.clock.wall(), why))
        self._notice("error", f"two writes may have met at Foreman, so the write lane is one wide from now on: {why}")

    def _waits(self, host: str, why: str) -> None:
        self.emit(HostNote(self._setting.clock.wall(), host, why, True))

    def _safety(self, why: Exception | str) -> None:
        """Something that no host may act against: the rollout stops, and says so."""
        if not self.stopped:
            self.stop("safety")
            self.emit(Notice(self._setting.clock.wall(), "error", f"stopped: {why}"))

    # Hosts

    def _launch(self, name: str, delay: float = 0.0, why: str = "") -> None:
        """After `delay` own seconds, `why` in words."""
        if delay >= 1.0:
            self.emit(HostNote(self._setting.clock.wall(), name, f"begins in {delay:.0f} s: {why}", True))
        self._work_on(name, self._provision(name, delay))

    def _work_on(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._idle.clear()
        self._tasks[name] = asyncio.create_task(self._guarded(name, work))

    async def _provision(self, name: str, delay: float = 0.0) -> None:
        if delay:
            await self._setting.clock.sleep(delay)
        await provision(self._plans[name], self._ports, self._memories[name])

    async def _guarded(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Stopping:
            pass
        except (JournalBroken, CredentialsRefused, ServiceGone) as why:
            self._safety(why)
        except Exception as error:  # an error of ours outside its stages
            self._fault(name, _internal(error, name))
        finally:
            if self._tasks.get(name) is asyncio.current_task():
                del self._tasks[name]
                self.gate.gone(name)
            self._check_idle()

    def _fault(self, name: str, words: str) -> None:
        """Nobody works on the host any more: it has failed, and may be retried. A host that had ended stays as it was."""
        host = self._setting.rollout.hosts[name]
        if host.status.ended:
            self._notice("error", f"{name}: {words}")
        else:
            now = self._setting.clock.wall()
            self.emit(HostChanged(now, name, HostStatus.FAILED, host.stage, Cause.UNKNOWN, words, safety=host.safety))

    # Settled

    @property
    def held_back(self) -> bool:
        """All that is left waits for a human, and new hosts are paused for a cause."""
        return bool(self._setting.rollout.paused_by_safety) and self._stands

    @property
    def _stands(self) -> bool:
        """No host moves before a human lifts a pause, or decides about hosts that keep the places of others."""
        lane = self.lane.state()
        if not self._setting.rollout.paused or not self._tasks or self.gate.deciding or lane.in_flight:
            return False
        return all(self.gate.waits(name) or (lane.paused and name in lane.places) for name in self._tasks)

    def _check_idle_soon(self) -> None:
        """When all hosts that begin together have come to the gate, or to the lane."""
        if self._setting.rollout.paused and not self._idle_check_due:
            self._idle_check_due = True
            asyncio.get_running_loop().call_soon(self._check_idle)

    def _check_idle(self) -> None:
        self._idle_check_due = False
        if not self._inbox.empty():
            return  # carried out first
        if not self._tasks or self._stands:
            self._idle.set()
        elif self.gate.deciding:
            self._check_idle_soon()

    # Orders

    async def _obey(self) -> None:
        while True:
            command = await self._inbox.get()
            self.emit(Commanded(self._setting.clock.wall(), self._setting.who, self._order(command)))
            asyncio.get_running_loop().call_soon(self._check_idle)

    def _order(self, command: Command) -> str:
        """Carry the order out; gives what came of it, for the audit and the operator."""
        match command:
            case Pause(what, paused):
                return self._pause(what, paused)
            case Stop():
                self.stop("operator")
                return "stop: no new acts, requests in flight settle"
            case Retry(hosts, from_start, accepts):
                done = [name for name in hosts if self._retry(name, from_start, accepts)]
                return _tally("retry from the start" if from_start else "retry", done, hosts)
            case Unskip(hosts):
                done = [name for name in hosts if self._status(name) is HostStatus.SKIPPED and self._retry(name, False, False)]
                return _tally("unskip", done, hosts)
            case Release(hosts):
                done = [name for name in hosts if self._status(name) is HostStatus.HELD and self._retry(name, False, True)]
                return _tally("release", done, hosts)
            case Skip(hosts, reason):
                done = [name for name in hosts if self._take_out(name, Skipped, reason or "skipped by the operator")]
                return _tally("skip", done, hosts)
            case Hold(hosts, reason):
                done = [name for name in hosts if self._take_out(name, Held, reason or "held by the operator")]
                return _tally("hold", done, hosts)
            case Disarm(hosts):
                done = [name for name in hosts if self._disarm(name)]
                return _tally("disarm", done, hosts)

    def _kind(self, name: str) -> Kind:
        return self._setting.rollout.plan.goal(self._plans[name]).kind

    def _status(self, name: str) -> HostStatus | None:
        host = self._setting.rollout.hosts.get(name)
        return host.status if host else None

    def _pause(self, what: str, paused: bool) -> str:
        who = self._setting.who
        if what == "writes":
            self.lane.pause(paused)
            self.emit(Paused(self._setting.clock.wall(), what, paused, who, "by the operator" if paused else ""))
        elif not self._breakers.order(what, paused, who):
            return f"{what}: nothing of this name can be paused"
        return f"{what} {'paused' if paused else 'go on'}"

    def _retry(self, name: str, from_start: bool, accepts: bool) -> bool:
        """`accepts`: a host that is held because of its machine may act on that machine from now on."""
        if self._status(name) not in RETRYABLE or name in self._tasks or self.stopped:
            return False
        memory = self._memories[name]
        if accepts and memory.asked is not None and self._status(name) is HostStatus.HELD:
            memory.accepted = memory.asked
        memory.asked = None
        memory.rewind(from_start, self._kind(name))
        self.gate.put_back(name)
        if memory.attempts:
            self.gate.known(name)  # no new host: the operator asks for this one
        self._ports.remember(name, memory)
        self.emit(HostChanged(self._setting.clock.wall(), name, HostStatus.QUEUED, memory.start, None, "to be retried"))
        self._launch(name, _RETRY_SPREAD * len(self._tasks), "not all of them at once")
        return True

    def _take_out(self, name: str, kind: type[Skipped] | type[Held], reason: str) -> bool:
        status = self._status(name)
        if status is None or status is HostStatus.DONE or self.stopped:
            return False
        self.emit(Ordered(self._setting.clock.wall(), name, "skip" if kind is Skipped else "hold", reason))
        self.gate.take_out(name, kind, reason)
        self.lane.withdraw(name, kind(reason))
        if name not in self._tasks:  # it had ended: let its flow leave properly, disarming what is armed
            self._launch(name)
        return True

    def _disarm(self, name: str) -> bool:
        if name not in self._plans or name in self._tasks or self._status(name) not in RETRYABLE or self.stopped:
            return False
        self._work_on(name, self._make_safe(name))
        return True

    async def _make_safe(self, name: str) -> None:
        memory = self._memories[name]
        trouble = await disarm(self._plans[name], self._ports, memory)
        if trouble:
            self._notice("warning", f"{name} is not disarmed: {trouble}")
        else:
            memory.failed = (self._kind(name).stages[0], Cause.UNKNOWN)  # a retry begins anew
            self._ports.remember(name, memory)
        if self.gate.is_out(name):  # a skip or a hold came meanwhile: it leaves as such
            await self._provision(name)

    # Samples

    async def _sample(self) -> None:
        """Once a real second: the graphs' points, and a row in the journal so that a run can be looked at again."""
        setting = self._setting
        while True:
            await setting.clock.sleep_real(setting.sample_seconds)
            setting.meters.tick(self.lane.state())
            lane = setting.meters.lane
            figures: dict[str, object] = {
                "depth": lane.depth,
                "head_age": round(lane.head_age, 1),
                "in_flight": len(lane.in_flight),
                "granted": lane.granted,
                "dark": len(setting.rollout.ahead),
                "lane": lane_facts(lane, setting.clock.now()),
            }
            for name in ("redfish", "foreman_reads", "foreman_writes"):
                point = getattr(setting.meters, name).points[-1]
                figures[name] = [round(point.p50, 4), round(point.p95, 4), point.exchanges, point.errors, round(point.work, 4)]
            setting.journal.sample(setting.clock.wall(), figures)


def _internal(error: Exception, of: str) -> str:
    log.error("%s: %s", of, type(error).__name__, exc_info=error)
    return f"internal error: {type(error).__name__}"


def _tally(act: str, done: list[str], asked: tuple[str, ...]) -> str:
    names = ", ".join(done[:5]) + (f" and {len(done) - 5} more" if len(done) > 5 else "")
    left = len(asked) - len(done)
    return f"{act}: {names or 'no host'}" + (f"; {left} could not" if left else "")
