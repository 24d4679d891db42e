"""Before every act stands the gate: all reasons for which a host may not go on, in one place."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterator, Mapping
from typing import TypeVar

from quads_tui.rollout.ports import Clock, Held, Skipped, Stopping
from quads_tui.rollout.refusals import ADMISSION, FIRST, model_pause
from quads_tui.rollout.stages import Kind, Stage
from quads_tui.rollout.waits import for_a_place, for_the_pause, for_the_turn, is_for_an_install

from .holds import GateHolds, NoHolds
from .host_order import HostOrder
from .new_host_limit import NewHostLimit
from .own_time import first_of
from .waiting_hosts import Group, Queue, Ranking, by_order

T = TypeVar("T")

DISARM = "disarm"  # acts of this name are let through for skipped and held hosts: they make it safe, or repair it as ordered

_AHEAD = (Stage.POWER_OFF, Stage.PXE_SET, Stage.FOREMAN_BUILD)


class RolloutGate:
    """Implements rollout.ports.Gate: protected hosts, the confirmed plan (`kinds`, by host), skip, hold, stop, pauses, `ahead`.

    A host that is powered off and not yet written has a place; there are `ahead()` of them, given by `order`. Until the first
    write of the rollout is verified there are three at most, for hosts of different racks and models where there are such, and
    one of those hosts at a time may be written: a Foreman that does not do what it says costs three hosts, not a fleet.

    `powered_off_waiting`: the hosts that have a place, since an earlier process too. It is looked at, and changed by nobody but
    `on_place`, which hears of every place taken or given back and has it there when it returns. `racks` and `models` by host;
    `canary` says why a host that has not begun waits for others of its type, if it does (`type_of`: None for who never does);
    `waits` hears why a host waits. `holds` may keep hosts from a stage: whoever changes that calls `order_changed`.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        kinds: Mapping[str, Kind],
        protected: frozenset[str],
        ahead: Callable[[], int],
        order: HostOrder,
        racks: Mapping[str, str] | None = None,
        models: Mapping[str, str] | None = None,
        canary: Callable[[str], str] = lambda host: "",
        type_of: Callable[[str], Hashable] = lambda host: None,
        powered_off_waiting: Collection[str],
        on_place: Callable[[str, bool], None],
        limit: NewHostLimit | None = None,
        waits: Callable[[str, str], None] = lambda host, why: None,
        holds: GateHolds | None = None,
    ) -> None:
        self._clock = clock
        self._kinds = kinds
        self._all_build = set(kinds.values()) == {Kind.BUILD}
        self._protected = protected
        self._ahead = ahead
        self._order = order
        self._racks = racks or {}
        self._models = models or {}
        self._canary = canary
        self._say = waits
        self._holds: GateHolds = holds or NoHolds()
        self._on_place = on_place
        self._limit = limit
        self._told_late: set[str] = set()  # hosts that know that they are not begun
        self._verified = False
        self._stopping = False
        self._paused = False
        self._blocked = ""  # why this process lets no host begin for now
        self._held: set[str] = set()  # models whose new hosts wait
        self._excluded: dict[str, tuple[type[Skipped] | type[Held], str]] = {}
        self._places = powered_off_waiting
        self._kept: set[str] = set()  # ended, and still in their places
        self._begun: set[str] = set(self._places)  # have begun
        self._writing = ""  # before the first write is verified: whose turn it is
        self._had_turn: set[str] = set()
        self._tried: Counter[tuple[str, str]] = Counter()  # hosts begun before it, by ("rack" or "model", its name)
        self._turns: Queue = {}  # ready, and waiting for their turn to be written
        self._new: Queue = {}  # waiting to begin
        self._ranking = Ranking(
            self._new,
            order,
            lambda one, at: Group(self._limited(one, at), at is kinds[one].stages[0], self._models.get(one, ""), type_of(one)),
        )
        self._again: Queue = {}  # have begun, and want a place again
        self._off: Queue = {}  # written, and waiting to be powered on
        self._wake_up: asyncio.TimerHandle | None = None  # when the first of those may be
        self._told: set[str] = set()  # hosts that know of the limit on installs
        self._unsaid: list[str] = []  # hosts that do not know yet why they wait
        self._due = False  # `_let_in` will run when all that come together are there
        self._interrupts: dict[str, asyncio.Future[None]] = {}

    # What the flow asks

    async def enter(self, host: str, act: str) -> None:
        self._check(host, disarming=act == DISARM)

    def reach(self, host: str) -> None:
        if host in self._protected:
            raise Held("protected host: it is never touched, and its BMC is never contacted")

    async def admit(self, host: str, stage: Stage) -> None:
        self._check(host)
        if not self._limited(host, stage):
            self._give_back(host)  # on a resume: it has come further than its place tells
        first = self._limited(host, stage) and not self._verified
        if first and host not in self._places:
            queue = self._queue_of(host)
            self._unsaid.append(host)
            self._let_in_soon()  # not at once: who comes together with it may be of another rack
        elif why := self._hindrance(host, stage):
            queue = self._turns if first and stage is Stage.FOREMAN_BUILD else self._queue_of(host)
            queue = self._off if stage is Stage.POWER_ON else queue
            self._say(host, why)
        else:
            self._let(host, stage)
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue[host] = (stage, place, self._clock.now())
        if queue is self._new:
            self._ranking.others_came()
        elif queue is self._off:
            self._let_on()
        try:
            await place
        finally:
            del queue[host]
        self._check(host)

    async def watch(self, host: str, wanted: Awaitable[T], seconds: float | None = None) -> T:
        task = asyncio.ensure_future(wanted)
        try:
            self._check(host)
            interrupt = self._interrupts.setdefault(host, asyncio.get_running_loop().create_future())
            await first_of(self._clock, seconds, task, interrupt)
            if task.done():
                return task.result()
            self._check(host)
            raise TimeoutError
        finally:
            task.cancel()
            self._interrupts.pop(host, None)

    def yield_place(self, host: str) -> None:
        """The host waits for what others wait for too, maybe for long. Until the first write is verified it keeps its place."""
        if self._verified:
            self._give_back(host)

    def leave_powered_off_set(self, host: str) -> None:
        """The host no longer waits for its write: it was answered, or the host stands on. A first write counts once verified."""
        if host != self._writing and host not in self._kept:
            self._give_back(host)

    # What the engine tells

    def first_write_verified(self) -> None:
        """The first write of the rollout is verified: `ahead` hosts may be powered off from now on."""
        self._verified = True
        self._give_back(self._writing)
        self._writing = ""
        self.clear_kept()

    def turn_over(self, host: str) -> None:
        """Its attempt to be written as the first one failed: another host is written before it is tried again."""
        if self._writing == host:
            self._writing = ""
            self._let_in()

    def keep(self, host: str) -> None:
        """The host ended, but not by anything of its own: it keeps its place, and nobody is powered off in its stead."""
        self._kept.add(host)

    def clear_kept(self) -> None:
        """An operator has decided about what refused those hosts: others get their places."""
        for host in self._kept:
            self._give_back(host)
        self._kept.clear()
        self._let_in()

    def gone(self, host: str) -> None:
        """Nobody works on the host any more."""
        if self._writing == host:
            self._writing = ""
        if host not in self._kept:
            self._give_back(host)
        self._let_in()

    def mark_begun(self, host: str) -> None:
        """The host was under way before: no pause of new hosts concerns it."""
        self._begun.add(host)

    def write_stands(self, host: str) -> None:
        """On a resume: its first write may be out, or waits to be verified."""
        if host in self._places and not self._verified:
            self._writing = host
            self._had_turn.add(host)

    def waits(self, host: str) -> bool:
        """It has not been let in."""
        return any(host in queue and not queue[host][1].done() for queue in (self._turns, self._new, self._again))

    @property
    def powered_off_waiting(self) -> int:
        """How many hosts are powered off, or on the way to it, and not yet written."""
        return len(self._places)

    @property
    def stopping(self) -> bool:
        """No new act begins any more."""
        return self._stopping

    @property
    def deciding(self) -> bool:
        """Hosts that wait now may be let in at once."""
        return self._due

    # What the operator orders

    def exclude(self, host: str, kind: type[Skipped] | type[Held], reason: str) -> None:
        """Skip or hold: takes effect before the host's next act, and ends its waits now."""
        self._excluded[host] = (kind, reason)
        self._kept.discard(host)
        self._wake(host)

    def is_excluded(self, host: str) -> bool:
        """Skipped or held, and not taken in again."""
        return host in self._excluded

    def readmit(self, host: str) -> None:
        """Taken in again after a skip, a hold or an end: nothing of before keeps it out, nor its place."""
        self._excluded.pop(host, None)
        self._kept.discard(host)

    def order_changed(self) -> None:
        """The order in which places are given is another one now."""
        self._let_in()

    def canary_changed(self) -> None:
        """Another host may be tried as the first of its type."""
        self._let_in()

    def pause(self, paused: bool) -> None:
        """Paused: no host begins. Hosts that have begun go on."""
        self._paused = paused
        self._let_in()

    def block(self, why: str) -> None:
        """As `pause`, for a reason that lies in this process, until it has gone (empty): no state of the rollout."""
        self._blocked = why
        self._let_in()

    def hold_model(self, model: str, held: bool) -> None:
        """As `pause`, for the hosts of one model."""
        (self._held.add if held else self._held.discard)(model)
        self._let_in()

    def stop(self) -> None:
        """No new act from now on, disarming included: what stands armed is told instead."""
        self._stopping = True
        for host in [*self._turns, *self._new, *self._again, *self._off, *self._interrupts]:
            self._wake(host)

    def reconsider(self) -> bool:
        """Where nothing else moves: look once more at who would be late for the time limit. True: somebody begins after all."""
        if self._limit is None:
            return False
        self._limit.look()
        late: dict[str, str] = {}
        for host, (stage, place, _) in self._new.items():
            if place.done() or not (why := self._hindrance(host, stage)):
                self._let_in_soon()
                return True
            late[host] = why
        for host in late.keys() - self._told_late:
            self._told_late.add(host)
            self._say(host, late[host])
        return False

    def _check(self, host: str, disarming: bool = False) -> None:
        if self._stopping:
            raise Stopping
        self.reach(host)
        if host not in self._kinds:
            raise Held("the host is not in the confirmed plan")
        if not disarming and host in self._excluded:
            kind, reason = self._excluded[host]
            raise kind(reason)

    def _limited(self, host: str, stage: Stage) -> bool:
        return self._kinds[host] is Kind.BUILD and stage in _AHEAD

    @property
    def _full(self) -> bool:
        return len(self._places) >= (self._ahead() if self._verified else min(self._ahead(), FIRST))

    def _hindrance(self, host: str, stage: Stage, full: bool | None = None) -> str:
        """Why it may not begin now; empty: it may. `full`: as `_full` just was, for who asks for thousands of hosts."""
        if host not in self._begun and stage is self._kinds[host].stages[0]:
            model = self._models.get(host, "")
            if self._paused:
                return for_the_pause(ADMISSION)
            if self._blocked:
                return for_the_pause(ADMISSION, self._blocked)
            if model in self._held:
                return for_the_pause(model_pause(model))
            if why := self._canary(host):
                return why
            if self._limit is not None and self._limit.is_late(host):
                return self._limit.why
        if why := self._holds.why(host, stage):
            return why
        if host not in self._places and self._limited(host, stage) and (self._full if full is None else full):
            return for_a_place(len(self._places), self._verified)
        if self._limited(host, stage) and stage is Stage.FOREMAN_BUILD and not self._verified and self._writing not in ("", host):
            return for_the_turn(self._writing)
        return ""

    def _queue_of(self, host: str) -> Queue:
        return self._again if host in self._begun else self._new

    def _let(self, host: str, stage: Stage) -> None:
        """Let the host into this stage."""
        self._holds.let(host, stage)
        if host not in self._begun and not self._verified:
            self._tried.update(self._kin(host))
        self._begun.add(host)
        if self._limited(host, stage):
            if host not in self._places:
                self._order.place_taken(host)
                self._on_place(host, True)
            if stage is Stage.FOREMAN_BUILD and not self._verified:
                self._writing = host
                self._had_turn.add(host)

    def _give_back(self, host: str) -> None:
        if host in self._places:
            self._order.place_given_back(host)
            self._on_place(host, False)
            self._let_in_soon()

    def _let_in_soon(self) -> None:
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._let_in)

    def _let_in(self) -> None:
        self._due = False
        self._order.refresh()
        if self._limit is not None:
            self._limit.refresh()
        turns = by_order(self._turns, self._order)
        if self._verified:
            for host in turns:
                self._open(self._turns, host)
        elif turns and not self._writing:
            self._open(self._turns, min(turns, key=self._had_turn.__contains__))
        for host in by_order(self._again, self._order):  # held for another reason than a place
            if host in self._places and not self._hindrance(host, self._again[host][0]):
                self._open(self._again, host)
        while (found := self._next()) is not None:
            self._open(*found)
        self._let_on()
        for host in self._unsaid:
            stage, place, _ = self._queue_of(host).get(host, (None, None, 0.0))
            if stage is not None and place is not None and not place.done():
                self._say(host, self._hindrance(host, stage))
        self._unsaid.clear()
        self._tell_of_installs()

    def _tell_of_installs(self) -> None:
        """Hosts that came when only a place was missing, and wait for the limit on installs now, say so: each once."""
        head = next(self._new_by_order(False), None) if self._holds.limits_installs else None
        if head is None or head in self._told or not is_for_an_install(self._hindrance(head, self._new[head][0])):
            return
        for host, (stage, place, _) in self._new.items():
            if host not in self._told and not place.done() and is_for_an_install(why := self._hindrance(host, stage)):
                self._told.add(host)
                self._say(host, why)

    def _let_on(self) -> None:
        """Of the hosts that wait to be powered on those that may be now; the others when the first of them may be."""
        if self._wake_up is not None:
            self._wake_up.cancel()
            self._wake_up = None
        left: list[float] = []
        for host in by_order(self._off, self._order):
            if self._hindrance(host, Stage.POWER_ON):
                left.append(self._holds.wait(host))
            else:
                self._open(self._off, host)
        if (soon := min(filter(None, left), default=0.0)) > 0:
            self._wake_up = asyncio.get_running_loop().call_later(self._clock.real(soon), self._let_on)

    def _open(self, queue: Queue, host: str) -> None:
        stage, place, _ = queue[host]
        self._let(host, stage)
        place.set_result(None)

    def _next(self) -> tuple[Queue, str] | None:
        """Who takes a place that is free. Before the first write is verified: nobody for the second time while there are others,
        whom the operator named, and of another rack; after it: who has begun comes first."""
        full = self._full
        if self._all_build and full:
            return None
        waiting = (
            (queue, host)
            for queue in ((self._again, self._new) if self._verified else (self._new, self._again))
            for host in (self._new_by_order(full) if queue is self._new else by_order(queue, self._order))
            if not self._hindrance(host, queue[host][0], full)
        )
        if self._verified:
            return next(waiting, None)
        here = {kin for host in self._places for kin in self._kin(host)}

        def rank(found: tuple[Queue, str]) -> tuple[bool | int, ...]:
            queue, host = found
            if self._order.is_named(host):
                return queue is self._again, False
            rack, model = self._kin(host)
            return queue is self._again, True, rack in here, self._tried[rack], model in here, self._tried[model]

        return min(waiting, key=rank, default=None)

    def _new_by_order(self, full: bool) -> Iterator[str]:
        """The hosts that have not begun, without those whom a pause, the first of their type or the lack of a place keeps all."""
        paused, limit = self._paused or bool(self._blocked), self._limit

        def kept(group: Group) -> bool:
            return (full and group.limited) or (group.first and (paused or group.model in self._held))

        return self._ranking.walk(limit.version if limit else 0, kept, limit.is_late if limit else lambda _: False, self._canary)

    def _kin(self, host: str) -> tuple[tuple[str, str], tuple[str, str]]:
        return ("rack", self._racks.get(host, host)), ("model", self._models.get(host, ""))

    def _wake(self, host: str) -> None:
        for queue in (self._turns, self._new, self._again, self._off):
            _, place, _ = queue.get(host, (None, None, 0.0))
            if place is not None and not place.done():
                place.set_result(None)
        interrupt = self._interrupts.get(host)
        if interrupt is not None and not interrupt.done():
            interrupt.set_result(None)
