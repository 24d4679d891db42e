"""What many hosts depend on and does not answer holds the rollout; it fails no host and uses up no attempt.

Foreman's breaker hears every shared look and every write; a rack's hears every exchange with its BMCs. What is open holds the
gate and the write lane (as the rollout's events tell), is tried once in a while, and lets all go on when it answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from math import inf

from quads_tui.rollout.breaker import Breaker, BreakerState
from quads_tui.rollout.causes import AWAY, FOREMAN, Cause, ServiceGone, StageFailure
from quads_tui.rollout.events import Event, Notice, OutageChanged, StageChanged
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.outages import MANY, of_rack, subject
from quads_tui.rollout.ports import Clock
from quads_tui.rollout.repairs import Repair
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from quads_tui.rollout.state import Rollout

from .gate import RolloutGate
from .ports import RolloutLane

_RETRIES = 2.0  # that Foreman is asked for in a row before it counts as away
_REFUND = 0.5  # of one, for each answer: with more than one failure for two answers it counts as away too
_TRY = 30.0  # own seconds for one BMC to be tried; then it is another one's turn
_SILENT = frozenset({Cause.UNREACHABLE, Cause.TIMEOUT})  # what a stage fails of when its BMC falls silent in the middle


@dataclass(slots=True)
class _Rack:
    service: str
    hosts: tuple[str, ...]
    breaker: Breaker
    silent: set[str] = field(default_factory=set)  # hosts whose BMC was last heard of by its silence
    waiting: dict[str, asyncio.Future[bool]] = field(default_factory=dict)  # hosts under way that wait for it
    why: str = ""
    since: float = 0.0  # real time
    trying: str = ""  # the host whose BMC is tried now
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    tries: int = 0
    number: int = 0  # of this outage


class OutageGuard:
    """`help_with` starts a task that all hosts depend on; `look` has Foreman looked at though nobody asks; `on_gone` hears that
    Foreman was away for too long."""

    def __init__(
        self,
        rollout: Rollout,
        gate: RolloutGate,
        lane: RolloutLane,
        *,
        clock: Clock,
        limits: Limits,
        emit: Callable[[Event], None],
        help_with: Callable[[str, Callable[[], Awaitable[None]]], object],
        look: Callable[[], None],
        on_gone: Callable[[Exception], None],
    ) -> None:
        self._rollout = rollout
        self._gate = gate
        self._lane = lane
        self._clock = clock
        self._limits = limits
        self._emit = emit
        self._help = help_with
        self._look = look
        self._on_gone = on_gone
        self._foreman = self._breaker(_RETRIES, _REFUND)
        self._foreman_since = 0.0  # real time
        hosts: dict[str, list[str]] = {}
        for host, rack in rollout.outages.racks.items():
            hosts.setdefault(rack, []).append(host)
        self._racks = {rack: _Rack(of_rack(rack), tuple(names), self._breaker(MANY, MANY)) for rack, names in hosts.items()}

    def _breaker(self, budget: float, refund: float) -> Breaker:
        longest = max(self._limits.poll, self._limits.backoff)
        return Breaker(budget=budget, refund=refund, first=self._limits.backoff, longest=longest)

    def resume(self) -> None:
        """What was away when the other process ended is tried at once, and held until it answers."""
        now = self._clock.now()
        for outage in list(self._rollout.outages.standing.values()):
            if outage.service == FOREMAN:
                self._foreman.open(now)
                self._foreman.until, self._foreman_since = now, outage.since
                self._foreman_changed(outage.why)
            for rack in self._racks.values():
                if rack.service == outage.service:
                    rack.breaker.open(now)
                    rack.breaker.until, rack.since, rack.why = now, outage.since, outage.why
                    self._wait_for(rack)

    @property
    def lasts(self) -> bool:
        """Something is away that may come back without a human."""
        return bool(self._rollout.outages.standing)

    # Foreman

    def on_event(self, event: Event) -> None:
        """An event that the rollout has taken in: what a write came to is a word of Foreman too."""
        if isinstance(event, StageChanged):
            asked = event.stage is Stage.FOREMAN_BUILD or event.service == FOREMAN
            if event.status is StageStatus.FAILED and asked and event.cause in AWAY:
                self._foreman_failed(event.reason)
            elif event.status is StageStatus.FINISHED and event.stage is Stage.FOREMAN_BUILD:
                self._foreman_answered()

    def not_before(self) -> float:
        """Own time before which Foreman is not looked at."""
        return self._foreman.until if self._foreman.state is BreakerState.OPEN else -inf

    def look_begins(self) -> None:
        """Foreman is looked at, for whoever wants to know: while it is away, that is the one try."""
        if self._foreman.due(self._clock.now()):
            self._tell_foreman()

    def looked(self, failure: StageFailure | None) -> None:
        """What came of it; None: Foreman answered."""
        if failure is not None and failure.cause in AWAY:
            self._foreman_failed(failure.reason, failure.after or 0.0)
        else:
            self._foreman_answered()

    def _foreman_failed(self, why: str, after: float = 0.0) -> None:
        now, was_closed = self._clock.now(), self._foreman.is_closed
        if self._foreman.failed(now, after * self._clock.speed):
            if was_closed:
                self._foreman_since = self._clock.wall()
            self._foreman_changed(why)
        gone = now - self._foreman.since
        if not self._foreman.is_closed and gone > self._limits.foreman_build and self._is_wanted:
            self._on_gone(ServiceGone(f"Foreman has been unavailable for {gone / 60:.0f} min: {why}"))

    @property
    def _is_wanted(self) -> bool:
        """Some host cannot do without Foreman; one that installs is watched until its own deadline."""
        rollout = self._rollout
        if not rollout.plan.kinds - {Kind.SPARE}:
            return False
        before = (Stage.POWER_OFF, Stage.PXE_SET, Stage.FOREMAN_BUILD)
        return bool(rollout.counts[HostStatus.QUEUED]) or any(rollout.at_stage[stage] for stage in before)

    def _foreman_answered(self) -> None:
        if self._foreman.answered(self._clock.now()):
            self._foreman_changed("")

    def _foreman_changed(self, why: str) -> None:
        self._tell_foreman(why)
        closed = self._foreman.is_closed
        self._lane.hold("" if closed else subject(FOREMAN, 0))
        self._gate.order_changed()
        if not closed:
            self._look()

    def _tell_foreman(self, why: str = "") -> None:
        state = self._foreman.state
        until = self._real(self._foreman.until) if state is BreakerState.OPEN else None
        self._emit(OutageChanged(self._clock.wall(), FOREMAN, state, self._foreman_since, 0, until, why))

    # BMCs

    def heard(self, host: str, why: str) -> None:
        """The host's BMC answered, or (`why`, in words) did not."""
        rack = self._rack(host)
        if rack is None or (why and self._rollout.hosts[host].repair is Repair.BMC_RESTART):
            return  # a BMC that we restart is to be silent: three of them are no dead rack
        if not why:
            rack.silent.discard(host)
            if rack.breaker.answered(self._clock.now()):
                self._closed(rack)
        elif host not in rack.silent:
            rack.silent.add(host)
            rack.why = why
            if rack.breaker.is_closed and rack.breaker.failed(self._clock.now()):
                rack.since = self._clock.wall()
                self._tell(rack)
                self._notice("warning", f"{subject(rack.service, len(rack.silent))}: its hosts wait until one answers ({why})")
                self._wait_for(rack)
        if why and rack.trying == host:
            rack.tried.set()

    def is_away(self, host: str) -> bool:
        """The BMCs of its rack do not answer."""
        rack = self._rack(host)
        return rack is not None and not rack.breaker.is_closed

    def why(self, host: str) -> str:
        """What its rack's trouble is, in words."""
        rack = self._rack(host)
        return subject(rack.service, len(rack.silent)) if rack is not None else ""

    def explains(self, host: str, failure: StageFailure, began: float) -> bool:
        """Whether an attempt that began at own time `began` failed because the host's whole rack was away, or Foreman too: where
        neither answers, it is rather our own network than this BMC."""
        if failure.cause not in _SILENT or failure.service or not failure.retryable:
            return False
        rack = self._rack(host)
        breakers = [self._foreman] if rack is None else [self._foreman, rack.breaker]
        return any(not breaker.is_closed or breaker.closed_at >= began for breaker in breakers)

    async def turn(self, host: str) -> bool:
        """Wait for the host's rack. True: it is this host's turn to try its BMC, and to say `tried`; False: the rack answers."""
        rack = self._rack(host)
        if rack is None or rack.breaker.is_closed:
            return False
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        rack.waiting[host] = turn
        try:
            return await turn
        finally:
            if rack.waiting.get(host) is turn:
                del rack.waiting[host]

    def tried(self, host: str) -> None:
        """The host has tried its BMC; what came of it was heard."""
        rack = self._rack(host)
        if rack is not None and rack.trying == host:
            rack.tried.set()

    def _rack(self, host: str) -> _Rack | None:
        return self._racks.get(self._rollout.outages.racks.get(host, ""))

    def _wait_for(self, rack: _Rack) -> None:
        rack.number += 1
        self._help(f"while waiting for {rack.service}", partial(self._keep_trying, rack, rack.number))

    async def _keep_trying(self, rack: _Rack, number: int) -> None:
        """One BMC at a time, until one answers or nobody waits any longer. `number`: of the outage; the next one has its own."""
        clock, breaker = self._clock, rack.breaker
        while not breaker.is_closed and rack.number == number:
            await clock.sleep(breaker.until - clock.now())
            if breaker.is_closed or rack.number != number:
                return
            if clock.now() - breaker.since > self._limits.rack_outage:
                breaker.give_up()
                self._closed(rack, given_up=True)
                return
            if not breaker.due(clock.now()):
                continue
            rack.tried.clear()
            rack.trying = self._next(rack)
            self._tell(rack)
            turn = rack.waiting.pop(rack.trying, None)
            if turn is not None and not turn.done():  # else it was skipped just now, or has not begun
                turn.set_result(True)
            else:
                self._gate.order_changed()  # it may be let in
            with suppress(TimeoutError):
                async with asyncio.timeout(clock.real(_TRY)):
                    await rack.tried.wait()
            if rack.number != number:
                return
            rack.trying = ""
            if not breaker.is_closed:
                breaker.failed(clock.now())
                self._tell(rack)

    def _next(self, rack: _Rack) -> str:
        """By turns a host that was not asked yet (three dead BMCs are no dead rack) and one of those that wait, each in its turn.
        Empty: there is none."""
        rack.tries += 1
        waiting = next(iter(rack.waiting), "")
        if waiting and rack.tries % 2 == 0:
            return waiting
        return next((name for name in rack.hosts if self._may_begin(name)), waiting)

    def _may_begin(self, name: str) -> bool:
        host = self._rollout.hosts[name]
        return host.status is HostStatus.QUEUED and host.stage is None and not self._rollout.new_host_paused(name)

    def _closed(self, rack: _Rack, given_up: bool = False) -> None:
        self._tell(rack, given_up)
        words = (
            "does not answer, and is not waited for any longer: its hosts are tried one by one" if given_up else "answers again"
        )
        self._notice("warning" if given_up else "info", f"{rack.service} {words}")
        rack.tried.set()
        rack.trying = ""
        for turn in rack.waiting.values():
            if not turn.done():
                turn.set_result(False)
        self._gate.order_changed()

    def _tell(self, rack: _Rack, given_up: bool = False) -> None:
        state = rack.breaker.state
        until = self._real(rack.breaker.until) if state is BreakerState.OPEN else None
        now, hosts, why = self._clock.wall(), len(rack.silent), rack.why
        self._emit(OutageChanged(now, rack.service, state, rack.since, hosts, until, why, rack.trying, given_up))

    def _notice(self, level: str, text: str) -> None:
        self._emit(Notice(self._clock.wall(), level, text))

    def _real(self, at: float) -> float:
        """Own time as real time."""
        return self._clock.wall() + self._clock.real(max(0.0, at - self._clock.now()))
