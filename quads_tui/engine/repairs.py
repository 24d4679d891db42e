"""An operator's repairs of ended hosts: BMC restart, power cycle, give back. Each is audited from its order to what came of it.

What a process leaves behind when it dies is settled by looking: no reset is sent again, and a host is given back once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from quads_tui.rollout.causes import Cause, CredentialsRefused, ServiceGone, StageFailure, Unreadable
from quads_tui.rollout.events import HostArmed, RepairChanged
from quads_tui.rollout.foreman_host import HostRecord
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.ports import Held, JournalBroken, Skipped, Stopping
from quads_tui.rollout.repair_rules import Neighbours, restart_blocked, why_not, without_shared_bmcs
from quads_tui.rollout.repairs import Repair, RepairStatus
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import ActResult, Stage
from quads_tui.rollout.state import Rollout

from .flow import disarm
from .gate import RolloutGate
from .host_tasks import HostTasks, internal_error
from .machine import HostMachine
from .memory import HostMemory
from .ports import BmcPort, Ports
from .resume_state import Recall
from .side_effects import HostSideEffects
from .writes import HostWrites

_SHOWS = 40.0  # own seconds until a BMC surely shows what a Reset did that a dead process may have sent
_APART = 0.05  # own seconds between the starts of hosts that are repaired together
_POWER_APART = 1.0  # as _APART, where they are powered on: a rack that starts all at once may trip its fuse
_NAMED = 3  # hosts whose refusal is told


@dataclass(slots=True)
class _Progress:
    """What of a repair is done, in words, for one that does not come to its end; and what the host is then."""

    steps: list[str]
    safety: Safety | None = None
    owner: str = ""
    who: str = ""  # ordered it

    def words(self, why: str) -> str:
        return why + (f" (done before: {', '.join(self.steps)})" if self.steps else "")


_Work = Callable[[str, _Progress], Awaitable[str]]  # gives what came of it, in words


@dataclass(slots=True, kw_only=True)
class Repairs:
    """`who`: user@machine of this process, for the audit. `protected`: names of hosts that are never touched."""

    rollout: Rollout
    ports: Ports
    gate: RolloutGate
    tasks: HostTasks
    memories: Mapping[str, HostMemory]
    protected: frozenset[str]
    who: str
    _known: Neighbours | None = field(init=False, default=None)

    def begin(self, repair: Repair, hosts: tuple[str, ...], who: str) -> str:
        """On those of the hosts on which it is possible. Gives what came of it, in words, with the reasons for the others."""
        neighbours, taken = self._neighbours(), self.ports.machines.elsewhere(self.rollout.id)
        refused = {name: why for name in hosts if (why := self._why_not(repair, name, neighbours, taken))}
        fitting = [name for name in dict.fromkeys(hosts) if name not in refused]
        groups = without_shared_bmcs(fitting, neighbours) if repair is Repair.BMC_RESTART else {name: [] for name in fitting}
        apart = _POWER_APART if repair is Repair.POWER_CYCLE else _APART
        for number, (name, others) in enumerate(groups.items()):
            if others:
                self._side_effects(name).note(f"its BMC is restarted once, for {', '.join(others)} too")
            self._start(repair, name, self._work(repair), who, apart * number)
        return _tally(repair, fitting, refused)

    def resume(self, recalled: Recall) -> None:
        """What another process had begun and not ended. A give back is finished; resets are looked at, and never sent again."""
        for name, begun in recalled.repairs.items():
            if name not in self.memories or name in self.tasks or not self.rollout.hosts[name].status.is_final:
                self._end(name, begun.repair, RepairStatus.FAILED, "interrupted: quads-tui exited", _Progress([]))
                continue
            match begun.repair:
                case Repair.GIVE_BACK:
                    work: _Work = self._give_back
                case Repair.POWER_CYCLE:
                    work = self._look_at_power
                case Repair.BMC_RESTART:
                    intent = recalled.bmc_resets.get(name)
                    work = partial(self._look_at_bmc, None if intent is None else intent.number)
            self.tasks.work_on(name, self._carried_out(begun.repair, name, work, self.who))

    def _neighbours(self) -> Neighbours:
        """By what is known of their machines now."""
        if self._known is None or self._known.plan is not self.rollout.plan:
            self._known = Neighbours(self.rollout.plan)
        self._known.learn({name: memory.identity for name, memory in self.memories.items() if memory.identity is not None})
        return self._known

    def _why_not(self, repair: Repair, name: str, neighbours: Neighbours, taken: Mapping[str, str]) -> str:
        """`taken`: the hosts of other rollouts."""
        if self.gate.stopping:
            return "the rollout is stopping"
        if name in taken:
            return f"rollout {taken[name]} works on it"
        if why := why_not(repair, self.rollout, name, neighbours, self.protected):
            return why
        beside = neighbours.of(name) if repair is Repair.BMC_RESTART else []
        return next((f"{one} is being worked on" for one in (name, *beside) if one in self.tasks), "")

    def _work(self, repair: Repair) -> _Work:
        match repair:
            case Repair.BMC_RESTART:
                return self._restart_bmc
            case Repair.POWER_CYCLE:
                return self._power_cycle
            case Repair.GIVE_BACK:
                return self._give_back

    def _start(self, repair: Repair, name: str, work: _Work, who: str, delay: float) -> None:
        ports = self.ports
        if repair is not Repair.GIVE_BACK or self.memories[name].override:
            ports.bmc(self.tasks.plans[name], self._side_effects(name)).allow_login()  # the operator asks for this host
        ports.emit(RepairChanged(ports.clock.wall(), name, repair, RepairStatus.STARTED, who))
        self.tasks.work_on(name, self._carried_out(repair, name, work, who, delay))

    async def _carried_out(self, repair: Repair, name: str, work: _Work, who: str, delay: float = 0.0) -> None:
        """Whatever happens to it is told. The intents of its acts are on disk before them, and its start before those."""
        progress = _Progress([], who=who)
        try:
            await self._turn(delay)
            if (asked := self.memories[name].ending) is not None:
                await asyncio.shield(asked)  # an operator had its BMC asked: one session there at a time
            words = await work(name, progress)
        except (StageFailure, Held, Skipped) as no:
            self._end(name, repair, RepairStatus.FAILED, progress.words(str(no)), progress)
        except (Stopping, asyncio.CancelledError):
            self._end(name, repair, RepairStatus.FAILED, progress.words("interrupted: the rollout was stopped"), progress)
            raise
        except (JournalBroken, CredentialsRefused, ServiceGone) as why:
            self._end(name, repair, RepairStatus.FAILED, progress.words(str(why)), progress)
            raise
        except Exception as error:
            words = internal_error(error, name)
            self._end(name, repair, RepairStatus.FAILED, progress.words(words), progress)
            raise
        else:
            self._end(name, repair, RepairStatus.DONE, words, progress)

    async def _turn(self, delay: float) -> None:
        """Own seconds until it is this host's turn. Raises Stopping: nobody waits for his turn in a rollout that stops."""
        clock = self.ports.clock
        turn = clock.now() + delay
        while (left := turn - clock.now()) > 0:
            await clock.sleep(min(left, _POWER_APART))
            if self.gate.stopping:
                raise Stopping

    def _end(self, name: str, repair: Repair, status: RepairStatus, words: str, progress: _Progress) -> None:
        ports = self.ports
        ports.emit(
            RepairChanged(
                ports.clock.wall(), name, repair, status, progress.who or self.who, words, progress.safety, progress.owner
            )
        )
        level = "warning" if status is RepairStatus.FAILED else "info"
        ports.notice(level, f"{name}: {repair.label} {status.value}: {words}")

    def _side_effects(self, name: str, last: int = 0) -> HostSideEffects:
        """A human ordered it for the host as it stands, skipped and held hosts included."""
        return HostSideEffects(name, self.ports, disarming=True, last=last)

    def _machine(self, name: str) -> HostMachine:
        return HostMachine(self.tasks.plans[name], self.ports, self.memories[name], disarming=True)

    async def _leave(self, name: str, machine: HostMachine) -> None:
        await machine.close()
        if not self.memories[name].stands:
            self.ports.machines.release(self.rollout.id, name)

    # The BMC itself

    async def _restart_bmc(self, name: str, progress: _Progress) -> str:
        """Nothing else goes to this BMC before it answers again."""
        ports, memory = self.ports, self.memories[name]
        restarted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        machine = self._machine(name)
        try:
            await self._close(name, restarted)
            memory.ending = None
            bmc = await machine.bmc()
            await self._close(name, restarted)  # for those too of whom nobody knew before that they are behind it
            self._check_alone(name)
            words = await bmc.restart(ports.clock.deadline(ports.limits.bmc_restart))
            await self._what_it_kept(name, bmc, progress)
            return words
        finally:
            restarted.set_result(None)
            await self._leave(name, machine)

    async def _close(self, name: str, restarted: asyncio.Future[None]) -> None:
        """From now on nobody begins at the BMCs of its neighbours before `restarted`; who is there is waited for."""
        beside = [one for one in self._neighbours().of(name) if self.memories[one].ending is not restarted]
        earlier = [ending for one in (name, *beside) if (ending := self.memories[one].ending) is not None]
        for one in beside:
            self.memories[one].ending = restarted
        if earlier:
            await asyncio.wait(earlier)

    async def _what_it_kept(self, name: str, bmc: BmcPort, progress: _Progress) -> None:
        """A BMC may lose the boot override, or report another power than before."""
        ports, memory = self.ports, self.memories[name]
        if memory.off and not await bmc.is_off():
            ports.remember(name, memory, off=False)
            progress.safety = Safety.UNKNOWN
        if memory.override and not await bmc.pxe_armed():
            ports.remember(name, memory, override=False)
            ports.emit(HostArmed(ports.clock.wall(), name, False))
            progress.safety = Safety.OFF if memory.off else Safety.UNKNOWN  # not disarmed: build mode is set as it was

    def _check_alone(self, name: str) -> None:
        """By the BMC as it was identified just now. Raises StageFailure where somebody else needs it."""
        machine, neighbours = self.memories[name].identity, self._neighbours()
        why = restart_blocked(self.rollout, name, neighbours, self.protected)
        why = why or next((f"{one} is being worked on" for one in neighbours.of(name) if one in self.tasks), "")
        if not why and machine is not None:
            others = self.ports.machines.others_at(machine.bmc, self.rollout.id)
            why = f"its BMC also serves {others[0]}" if others else ""
        if why:
            raise StageFailure(Cause.REFUSED, why, retryable=False)

    async def _look_at_bmc(self, intent: int | None, name: str, progress: _Progress) -> str:
        """A restart of a process that died: whether the BMC answers. `intent`: of the reset, where it has no outcome."""
        ports, memory = self.ports, self.memories[name]
        machine = self._machine(name)
        why = "interrupted: quads-tui exited"
        try:
            if memory.ending is not None:
                await asyncio.shield(memory.ending)
            await machine.bmc(ports.clock.deadline(ports.limits.bmc_restart))
        finally:
            if intent is not None:
                words = "quads-tui exited before the answer: it is not sent again"
                self._side_effects(name, intent).result(ActResult.UNKNOWN, {"why": words})
            await self._leave(name, machine)
        raise StageFailure(Cause.UNKNOWN, f"{why}; {'a reset may have been sent; ' if intent else ''}the BMC answers now")

    # Power

    async def _power_cycle(self, name: str, progress: _Progress) -> str:
        """No power act before the host is out of build by a fresh read, and its BMC shows no PXE boot."""
        ports, memory, limits = self.ports, self.memories[name], self.ports.limits
        await self._disarm(name, progress)
        await self._out_of_build(name, progress)
        machine = self._machine(name)
        try:
            bmc = await machine.bmc()
            await self._without_pxe(bmc)
            progress.safety = Safety.DISARMED  # whatever comes now, on or off
            was_off = bool(await bmc.ensure_off(ports.clock.deadline(limits.power_off)))
            progress.safety = Safety.OFF
            progress.steps.append("seen Off")
            ports.remember(name, memory, off=False, booted=False, installing_since=None, failed=self._anew(name))
            try:
                await bmc.ensure_on(ports.clock.deadline(limits.power_on), pxe=False)
            except StageFailure:
                progress.safety = Safety.OFF if await self._shows_off(bmc) else Safety.UNKNOWN
                ports.remember(name, memory, off=progress.safety is Safety.OFF)
                raise
            progress.safety = Safety.DISARMED
            return f"{'was Off already' if was_off else 'seen Off'}, then On; build mode and PXE are not set"
        finally:
            await self._leave(name, machine)

    async def _disarm(self, name: str, progress: _Progress) -> None:
        """Raises StageFailure where something of ours still stands: then no other act follows."""
        memory = self.memories[name]
        stood = memory.stands
        if trouble := await disarm(self.tasks.plans[name], self.ports, memory):
            raise StageFailure(Cause.UNKNOWN, f"not disarmed, so nothing else was done: {trouble}", retryable=False)
        if stood:
            self.ports.remember(name, memory, failed=self._anew(name))  # a retry begins anew
            progress.steps.append("disarmed")

    def _anew(self, name: str) -> tuple[Stage, Cause]:
        return self.rollout.hosts[name].kind.stages[0], Cause.UNKNOWN

    async def _out_of_build(self, name: str, progress: _Progress) -> None:
        """By a fresh read, whoever put it in build mode; but what belongs to somebody else by now is left to them."""
        record, plan = await self._record(name), self.tasks.plans[name]
        if plan.owner_id is not None and not (_is_former(record, plan) or self._is_ours(record, plan)):
            raise _taken(record)
        if not record.build:
            return
        await self._writes(name).cancel(self._side_effects(name))
        progress.steps.append("build mode cancelled, which was not set by this rollout")
        if (await self._record(name)).build:
            raise StageFailure(Cause.FOREMAN, "Foreman accepted the cancellation of build mode, but still shows it")

    async def _without_pxe(self, bmc: BmcPort) -> None:
        """By a fresh read, whoever set it."""
        if not await bmc.pxe_armed():
            return
        await bmc.clear_override(self.ports.clock.deadline(self.ports.limits.pxe_set))
        if await bmc.pxe_armed():
            raise StageFailure(Cause.REFUSED, "PXE is still set on the BMC for the next boot")

    async def _shows_off(self, bmc: BmcPort) -> bool:
        try:
            return await bmc.is_off()
        except StageFailure:
            return False

    async def _look_at_power(self, name: str, progress: _Progress) -> str:
        """A power cycle of a process that died: what its BMC shows, once a reset that it sent must have shown."""
        ports, memory = self.ports, self.memories[name]
        machine = self._machine(name)
        try:
            if memory.ending is not None:
                await asyncio.shield(memory.ending)
            if memory.settling is not None:
                await asyncio.shield(memory.settling)
            await ports.clock.sleep(_SHOWS)
            off = await (await machine.bmc()).is_off()
            ports.remember(name, memory, off=off)
        finally:
            await self._leave(name, machine)
        if not memory.stands:
            ports.emit(HostArmed(ports.clock.wall(), name, False))
            progress.safety = Safety.OFF if off else Safety.DISARMED
        raise StageFailure(Cause.UNKNOWN, f"interrupted: quads-tui exited; the BMC shows {'Off' if off else 'On'} now")

    # The former owner

    async def _give_back(self, name: str, progress: _Progress) -> str:
        """Only where Foreman shows the owner that this rollout wrote, so a write that has been done is not done again."""
        plan = self.tasks.plans[name]
        await self._disarm(name, progress)
        record = await self._record(name)
        if not _is_former(record, plan):
            if not self._is_ours(record, plan):
                raise _taken(record)
            await self._writes(name).give_back(self._side_effects(name), plan)
            await self._until_given_back(name)
        elif record.build:
            raise StageFailure(Cause.FOREMAN, f"{plan.owner_words} owns it already, and has set build mode", retryable=False)
        progress.owner = plan.owner_words
        return f"given back to {plan.owner_words}; its disk may have been wiped"

    def _is_ours(self, record: HostRecord, plan: HostPlan) -> bool:
        return (record.owner_id, record.owner_type) == (self.rollout.plan.goal(plan).target.owner_id, "User")

    async def _until_given_back(self, name: str) -> None:
        """By a later read. Raises StageFailure."""
        ports, plan = self.ports, self.tasks.plans[name]
        until = ports.clock.now() + ports.patience()
        while True:
            record = await self._record(name)
            if _is_former(record, plan) and not record.build:
                return
            if ports.clock.now() >= until:
                raise StageFailure(Cause.FOREMAN, "Foreman accepted the former owner, but later reads show another one")
            await ports.clock.sleep(ports.limits.poll)

    def _writes(self, name: str) -> HostWrites:
        target = self.rollout.plan.goal(self.tasks.plans[name]).target
        return HostWrites(name, self.ports, self.memories[name], target)

    async def _record(self, name: str) -> HostRecord:
        """A fresh read. Raises StageFailure, also where Foreman shows no such host."""
        try:
            record = await self.ports.foreman.host(name)
        except Unreadable:
            raise
        except StageFailure as failure:
            raise StageFailure(failure.cause, f"Foreman cannot be read: {failure.reason}") from None
        if record is None:
            raise StageFailure(Cause.UNKNOWN_HOST, "Foreman no longer has a host of this name", retryable=False)
        return record


def _taken(record: HostRecord) -> StageFailure:
    words = f"Foreman shows another owner now ({record.owner_type} {record.owner_id}), not the one of this rollout"
    return StageFailure(Cause.FOREMAN, words, retryable=False)


def _is_former(record: HostRecord, plan: HostPlan) -> bool:
    return (record.owner_id, record.owner_type) == (plan.owner_id, plan.owner_type)


def _tally(repair: Repair, done: list[str], refused: Mapping[str, str]) -> str:
    names = ", ".join(done[:5]) + (f" and {len(done) - 5} more" if len(done) > 5 else "")
    reasons = [f"{name}: {why}" for name, why in list(refused.items())[:_NAMED]]
    more = [f"{len(refused) - _NAMED} more"] if len(refused) > _NAMED else []
    left = f"; not possible for {'; '.join([*reasons, *more])}" if refused else ""
    return f"{repair.label}: {names or 'no host'}{left}"
