"""Going on where another process left: its unsettled writes shut the lane, its commands hold, hosts go on from their places."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from quads_tui.rollout.causes import CredentialsRefused
from quads_tui.rollout.events import HostChanged, Intent, StageChanged
from quads_tui.rollout.moments import Moment
from quads_tui.rollout.ports import Held, JournalBroken, Probe, Skipped, Stopping, Ticket, WriteAbsent
from quads_tui.rollout.stages import HostStatus, StageStatus

from .breakers import Breakers
from .canary import CanaryWatch
from .claims import Machines
from .context import RolloutContext
from .gate import RolloutGate
from .host_tasks import HostTasks
from .memory import HostMemory
from .ports import Ports, RolloutLane
from .resume_state import Recall
from .side_effects import HostSideEffects, longest_intent
from .writes import HostWrites

_RESET_SHOWS = 40.0  # own seconds until a BMC surely shows what a Reset did; before that nobody decides on another one


@dataclass(slots=True, kw_only=True)
class Resumption:
    """`help_with` starts a task that all hosts depend on, `what` it is about in words; `on_settled` is called when a write of
    another process has its outcome, `on_safety` with what the whole rollout must be stopped for."""

    context: RolloutContext
    ports: Ports
    lane: RolloutLane
    gate: RolloutGate
    breakers: Breakers
    canaries: CanaryWatch
    tasks: HostTasks
    memories: Mapping[str, HostMemory]
    machines: Machines
    help_with: Callable[[str, Callable[[], Awaitable[None]]], asyncio.Task[None]]
    on_settled: Callable[[], None]
    on_safety: Callable[[Exception], None]
    endings: list[asyncio.Task[None]] = field(init=False, default_factory=list)  # of sessions that the other process left

    def wait_out(self, left_write: Moment) -> None:
        """A write of another rollout whose process died: the lane is shut until its write deadline has passed."""
        place = self.lane.adopt_in_flight("another rollout", "write", self._sent_at(left_write))
        self.help_with("while waiting for the write of another rollout", partial(self._wait_out, place))

    async def _wait_out(self, place: Ticket) -> None:
        """Only another rollout's journal knows it, so nobody here can ask for it; but it ends with the write deadline."""

        async def probe() -> Probe:
            return Probe.ABSENT

        self.ports.notice(
            "warning",
            "another rollout exited before the result of its last Foreman write was known: "
            "nothing is written to Foreman until the deadline of that write has passed",
        )
        with suppress(WriteAbsent):
            await self.lane.settle(place, probe)
        self.on_settled()

    def go_on(self, recalled: Recall) -> None:
        """Every host from where it stands. Synchronous: nothing is done to a host before all of this is in force."""
        self._end_cut_off(recalled)
        self.breakers.resume()
        self.canaries.resume()
        if "writes" in self.context.rollout.paused:
            self.lane.pause(True)
        for name, order in recalled.pending.items():
            self.gate.exclude(name, Skipped if order.order == "skip" else Held, order.reason)
        for name, intent in recalled.unsettled.items():
            self._settle_later(name, intent)
        for name in [name for name, uris in recalled.sessions.items() if uris] + list(recalled.logins):
            if name in self.tasks.plans and name not in self.context.protected and self.memories[name].ending is None:
                uris, login = recalled.sessions.get(name, {}), recalled.logins.get(name)
                self.memories[name].ending = ending = asyncio.create_task(self._end_sessions(name, tuple(uris), login))
                self.endings.append(ending)
        self._launch_all(recalled)

    def _end_cut_off(self, recalled: Recall) -> None:
        """Every attempt that was begun has an end."""
        clock = self.context.clock
        now = clock.wall()
        for name, (stage, attempt, at) in recalled.cut_off.items():
            seconds = round(max(0.0, now - at) * clock.speed, 3)
            why = "interrupted: quads-tui exited"
            self.ports.emit(StageChanged(now, name, stage, StageStatus.SKIPPED, attempt, seconds, why))

    def _settle_later(self, name: str, intent: Intent) -> None:
        place = self.lane.adopt_in_flight(name, intent.act, self._sent_at(intent.moment))
        if intent.act == "build":
            self.gate.write_stands(name)
        target = self.context.rollout.plan.goal(self.tasks.plans[name]).target
        writes = HostWrites(name, self.ports, self.memories[name], target)
        self.memories[name].settling = self.help_with(
            f"while checking the write for {name}", partial(self._settle, writes, intent, place)
        )

    def _launch_all(self, recalled: Recall) -> None:
        """Those that were under way first: the new ones come after them at the gate."""
        rollout, now = self.context.rollout, self.context.clock.wall()
        fresh = []
        for host in rollout.hosts.values():
            memory = self.memories[host.name]
            memory.resumed = True
            if memory.identity is not None:
                self.machines.hold(rollout.id, host.name, memory.identity)
                if host.status.is_final and not memory.stands:
                    self.machines.release(rollout.id, host.name)
            if host.status.is_final and host.name not in recalled.pending:
                continue
            if host.status is HostStatus.QUEUED and host.stage is None:
                fresh.append(host.name)
                continue
            self.gate.mark_begun(host.name)
            if memory.built_at is not None:
                self.gate.write_stands(host.name)
            reset = recalled.resets.get(host.name)
            delay = max(0.0, _RESET_SHOWS - self._since(reset)) if reset is not None else 0.0
            self.ports.emit(HostChanged(now, host.name, HostStatus.QUEUED, host.stage, None, "resuming"))
            self.tasks.launch(host.name, delay, "its BMC may not show the effect of the last reset yet")
        for name in fresh:
            self.tasks.launch(name)

    async def _end_sessions(self, name: str, uris: tuple[str, ...], login: float | None) -> None:
        """What another process left at this host's BMC, by a login of our own; a host that has ended is left as it is else."""
        bmc = self.context.bmc(self.tasks.plans[name], HostSideEffects(name, self.ports))
        try:
            identity = self.memories[name].identity
            await bmc.end_sessions(uris, identity.peer if identity else "", login)
        except JournalBroken as why:
            self.on_safety(why)
        finally:
            await bmc.close()

    def _sent_at(self, intended: Moment) -> float:
        """Own time at which an act of another process was surely sent."""
        return self.context.clock.now() - self._since(intended)

    def _since(self, intended: Moment) -> float:
        """Own seconds for which an act of another process is surely sent; 0 where nobody can tell."""
        clock = self.context.clock
        gone = intended.until(clock.moment())
        return 0.0 if gone is None else max(0.0, gone - longest_intent(clock)) * clock.speed

    async def _settle(self, writes: HostWrites, intent: Intent, place: Ticket) -> None:
        try:
            await writes.settle(intent, place)
        except (JournalBroken, CredentialsRefused) as why:
            self.on_safety(why)
        except Stopping:
            pass
        self.on_settled()
