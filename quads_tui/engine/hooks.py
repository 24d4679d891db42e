"""The site's hooks: commands before or after a stage, for a host or once for its cloud. One that fails fails the attempt.

Once for a cloud means: before the stage of its first host, or after the stage of its last one.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.events import Event, HookRan
from quads_tui.rollout.hooks import CommandRunner, Hook
from quads_tui.rollout.plan import HostPlan, Plan
from quads_tui.rollout.ports import Clock, SideEffects
from quads_tui.rollout.stages import ActResult, Kind, Stage


class Hooks:
    """`at_once` commands may run side by side. `done`: (hook, cloud) pairs that an earlier process carried out.

    `passed` says whether a host has finished a stage. A hook may run again for a host: after a failed attempt, a retry, or a
    crash in the middle. It must bear that.
    """

    def __init__(
        self,
        hooks: Sequence[Hook],
        *,
        plan: Plan,
        rollout: str,
        clock: Clock,
        emit: Callable[[Event], None],
        at_once: int,
        run: CommandRunner,
        passed: Callable[[str, Stage], bool],
        done: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        self._hooks = hooks
        self._plan = plan
        self._rollout = rollout
        self._clock = clock
        self._emit = emit
        self._places = asyncio.Semaphore(at_once)
        self._done = set(done)
        self._clouds: dict[tuple[str, str], asyncio.Lock] = {}
        self._members: defaultdict[str, list[str]] = defaultdict(list)  # the hosts of each cloud
        for host in plan.hosts:
            self._members[plan.goal(host).cloud].append(host.name)
        self._passed = passed
        self._ready: set[tuple[Stage, str]] = set()  # hosts whose own hooks after the stage have run in this attempt
        self._missing: dict[tuple[Stage, str], str] = {}  # of each cloud one host that was not through the stage
        self._run = run

    async def before(self, stage: Stage, host: HostPlan, acts: SideEffects) -> None:
        """Raises StageFailure with Cause.HOOK, and what the gate raises."""
        self._ready.discard((stage, host.name))
        await self._all("before", stage, host, acts)

    async def after(self, stage: Stage, host: HostPlan, acts: SideEffects) -> None:
        """As `before`. Hooks of a cloud come last, with the last of its hosts: what is not done on all of them is not done."""
        await self._all("after", stage, host, acts)

    async def _all(self, when: str, stage: Stage, host: HostPlan, acts: SideEffects) -> None:
        hooks = [hook for hook in self._hooks if hook.when == when and hook.stage is stage]
        if when == "after":
            hooks.sort(key=lambda hook: hook.per_cloud)
        for hook in hooks:
            if not hook.per_cloud:
                await self._one(hook, host, "", acts)
            elif when == "before" or self._is_last(stage, host):
                await self._once(hook, host, acts)

    def _is_last(self, stage: Stage, host: HostPlan) -> bool:
        """Whether all other hosts of the cloud are through this stage. Of two that come together the second one is the last."""
        self._ready.add((stage, host.name))
        cloud = self._plan.goal(host).cloud
        missing = self._missing.get((stage, cloud), "")
        if not missing or self._is_through(stage, missing):  # else the others need no look
            missing = next((name for name in self._members[cloud] if not self._is_through(stage, name)), "")
            self._missing[stage, cloud] = missing
        return not missing

    def _is_through(self, stage: Stage, host: str) -> bool:
        return (stage, host) in self._ready or self._passed(host, stage)

    async def _once(self, hook: Hook, host: HostPlan, acts: SideEffects) -> None:
        """The first host of the cloud runs it, the others wait; where it failed, the next one tries."""
        key = (hook.name, self._plan.goal(host).cloud)
        if key in self._done:
            return
        acts.note(f"waiting for the hook {hook.name} of {key[1]}", waits=True)
        async with self._clouds.setdefault(key, asyncio.Lock()):
            if key not in self._done:
                await self._one(hook, host, key[1], acts)
                self._done.add(key)

    async def _one(self, hook: Hook, host: HostPlan, cloud: str, acts: SideEffects) -> None:
        acts.note(f"waiting for the hook {hook.name}", waits=True)
        async with self._places:
            await acts.intend("hook", {"hook": hook.name, "cloud": cloud})
            began = self._clock.now()
            try:
                ended = await self._run(hook.run, self._facts(hook, host), self._clock.real(hook.timeout, 10.0))
            except BaseException:
                acts.result(ActResult.UNKNOWN, {"error": "interrupted"})
                raise
        acts.result(ActResult.ANSWERED, {"status": ended.status})
        seconds = self._clock.now() - began
        self._emit(HookRan(self._clock.wall(), host.name, hook.name, cloud, ended.ok, seconds, " | ".join(ended.output[-3:])))
        if not ended.ok:
            raise StageFailure(Cause.HOOK, f"hook {hook.name}: {ended.reason}")

    def _facts(self, hook: Hook, host: HostPlan) -> dict[str, str]:
        """The host's facts, as the command finds them in its environment."""
        goal = self._plan.goal(host)
        return {
            "QUADS_TUI_ROLLOUT": self._rollout,
            "QUADS_TUI_HOOK": hook.name,
            "QUADS_TUI_STAGE": hook.stage.value,
            "QUADS_TUI_HOST": host.name,
            "QUADS_TUI_MODEL": host.model,
            "QUADS_TUI_BMC": urlsplit(host.address).hostname or "",
            "QUADS_TUI_BMC_URL": host.address,
            "QUADS_TUI_CLOUD": goal.cloud,
            "QUADS_TUI_OLD_CLOUD": host.source,
            "QUADS_TUI_OWNER": goal.owner,
            "QUADS_TUI_TICKET": goal.ticket,
            "QUADS_TUI_WIPE": "true" if goal.kind is Kind.BUILD else "false",
        }
