"""A world with an executor over it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from quads_tui.engine.claims import Machines
from quads_tui.engine.context import RolloutContext
from quads_tui.engine.executor import RolloutExecutor
from quads_tui.engine.resume_state import Recall, recall
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.hooks import Hook
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.plan import Goal, HostPlan, Plan, Target
from quads_tui.rollout.stages import Kind
from quads_tui.rollout.state import Rollout
from quads_tui.services.commands import run_command
from tests.clocks import VirtualClock

from .model_services import ModelBmc, ModelForeman
from .world import Machine, MemoryJournal, World

TARGET = Target(owner_id=41, operatingsystem_id=9, ptable_id=125, medium_id=14, parameters={})


class Lab:
    """A world with an executor over it."""

    def __init__(
        self,
        names: Collection[str],
        *,
        planned: Collection[str] = (),
        kind: Kind = Kind.BUILD,
        limits: Limits | None = None,
        plans: dict[str, HostPlan] | None = None,
        target: Target = TARGET,
        goals: tuple[Goal, ...] = (),
        token_seconds: float = 6 * 3600.0,
        protected: frozenset[str] = frozenset(),
        write_seconds: float = 1.0,
        write_width: int = 1,
        protected_machines: Mapping[str, Identity] | None = None,
        machines: Machines | None = None,
        rollout: str = "r1",
        hooks: tuple[Hook, ...] = (),
        foreman: type[ModelForeman] = ModelForeman,
        canary: int = 0,
        parts: Mapping[str, Any] | None = None,
        **setting: Any,
    ) -> None:
        """`goals`: of several clouds, to which `plans` give the hosts. `parts`: other factories for the executor's parts;
        `setting`: other members of its context."""
        self._parts = parts or {}
        self._foreman = foreman
        self._setting = setting
        self._protected_machines = protected_machines or {}
        self._machines = machines
        self._rollout = rollout
        self._hooks = hooks
        self._write_seconds = write_seconds
        self._write_width = write_width
        self.clock = VirtualClock()
        self.world = World(names, self.clock)  # all of them, unless only some are `planned`
        self.journal = MemoryJournal()
        given = plans or {}
        hosts = tuple(self._with_mac(given.get(name) or HostPlan(name, f"https://mgmt-{name}")) for name in planned or names)
        goals = goals or (Goal("cloud02", kind, "", "jdoe", "1", "RHEL 9.4", "p", "m", target),)
        self.plan = Plan(goals, hosts, canary=canary)
        self._limits = limits or Limits()
        self._protected = protected
        self._token_seconds = token_seconds
        self.locked: Callable[[], None] | None = None
        self._open()

    def _open(self, recalled: Recall | None = None) -> None:
        self.world.journal = self.journal
        self.rollout = Rollout(self._rollout, self.plan)
        for event in self.journal.events:
            self.rollout.apply(event)
        foreman = self._foreman(self.world, self._write_seconds)
        self.executor = RolloutExecutor(
            RolloutContext(
                rollout=self.rollout,
                meters=self.world.meters,
                clock=self.clock,
                journal=self.journal,
                foreman=foreman,
                reads=foreman,
                bmc=lambda host, acts: ModelBmc(self.world, host, acts),
                limits=self._limits,
                protected=self._protected,
                token_seconds=self._token_seconds,
                write_width=self._write_width,
                who="me@here",
                machines=self._machines,
                protected_machines=self._protected_machines,
                hooks=self._hooks,
                recall=recalled,
                locked=self.locked,
                **{
                    "run_command": run_command,
                    "sample_seconds": 600.0,
                    **self._setting,
                },  # each sample costs as much as a host's stage
            ),
            **self._parts,
        )

    def _with_mac(self, host: HostPlan) -> HostPlan:
        """As Foreman knows it, where the test does not say."""
        return replace(host, mac=host.mac or next(iter(self.world.provisioning[host.name])))

    def replan(self, plans: Collection[HostPlan]) -> None:
        """Before the start: other plans for these hosts."""
        given = {plan.name: plan for plan in plans}
        self.plan = replace(self.plan, hosts=tuple(given.get(host.name, host) for host in self.plan.hosts))
        self._open()

    def keep_in(self, journal: MemoryJournal) -> None:
        """Before the start: another journal."""
        self.journal = journal
        self._open()

    async def crash(self, *, within: float | None = None) -> None:
        """As kill -9: nothing more is written or sent; what was sent goes on at the servers. `within`: virtual seconds in which
        all must hear their end; None where a hook runs, whose process takes real time.
        """
        self.journal.dead = True
        ours = asyncio.all_tasks() - self.world.tasks - {asyncio.current_task()}
        for task in ours:
            task.cancel()
        if ours:
            ended, left = await asyncio.wait(ours, timeout=within)
            assert not left, f"its end is not heard by {left}"
            await asyncio.gather(*ended, return_exceptions=True)

    def cut_off(self) -> None:
        """Its journal is out of reach, and will be another process's. It lives, and has its sessions."""
        self.journal.is_cut_off = True
        self.world.sessions = Counter()

    def resume(self, protected: frozenset[str] = frozenset(), journal: MemoryJournal | None = None) -> None:
        """Another process opens the journal; its site protects these hosts too."""
        self._protected |= protected
        self.journal = journal or MemoryJournal(self.journal.events)
        self._open(recall(self.plan, self.journal.events))

    async def run(self) -> Rollout:
        """Until no host can move without a human."""
        self.executor.start()
        await self.executor.settled()
        return self.rollout

    async def end(self) -> None:
        await self.executor.finish()

    def machine(self, name: str) -> Machine:
        return self.world.machines[name]


def busy(reason: str = "SYS518") -> StageFailure:
    return StageFailure(Cause.BUSY, reason)
