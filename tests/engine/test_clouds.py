"""A rollout of several clouds: one queue for all, each with its own goal, its own hooks and its own word to QUADS."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from quads_tui.rollout.commands import Retry, Skip
from quads_tui.rollout.hooks import CommandResult, Hook
from quads_tui.rollout.plan import Goal, HostPlan, Target
from quads_tui.rollout.stages import HostStatus, Kind, Stage

from .model import TARGET, Lab
from .test_flow import assert_causal, ends
from .test_quads import Server

pytestmark = pytest.mark.looptime

CLOUDS = ("cloud02", "cloud05", "cloud07")
TENANT = Hook("tenant", ("true",), "before", Stage.POWER_OFF, per_cloud=True)
VALIDATE = Hook("validate", ("true",), "after", Stage.INSTALL, per_cloud=True)
OWN = Hook("own", ("true",), "after", Stage.INSTALL)


def hosts_of(cloud: str, each: int = 4) -> list[str]:
    return [f"{cloud}-h{number}.example.com" for number in range(each)]


class Commands:
    """Runs no program; keeps what was run, and how many hosts of the cloud were installed then."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, str, str]] = []  # hook, host, cloud
        self.installed: list[int] = []
        self.failing: dict[str, int] = {}  # hook: how often it still fails
        self.lab: Lab | None = None

    async def __call__(self, words: Sequence[str], facts: Mapping[str, str], seconds: float, /) -> CommandResult:
        await asyncio.sleep(5)
        hook, cloud = facts["QUADS_TUI_HOOK"], facts["QUADS_TUI_CLOUD"]
        self.ran.append((hook, facts["QUADS_TUI_HOST"], cloud))
        if hook == VALIDATE.name and self.lab is not None:
            self.installed.append(
                sum(self.lab.machine(name).wipes > 0 and not self.lab.machine(name).build for name in hosts_of(cloud))
            )
        self.failing[hook] = self.failing.get(hook, 0) - 1
        return CommandResult(1 if self.failing[hook] >= 0 else 0, ("said",))

    def clouds(self, hook: Hook) -> list[str]:
        return [cloud for name, _, cloud in self.ran if name == hook.name]


def joint(
    *hooks: Hook, server: Server | None = None, kinds: Mapping[str, Kind] | None = None, each: int = 4
) -> tuple[Lab, Commands]:
    goals = []
    for place, cloud in enumerate(CLOUDS, 1):
        kind = (kinds or {}).get(cloud, Kind.BUILD)
        target = replace(TARGET, owner_id=40 + place) if kind is Kind.BUILD else Target(owner_id=40 + place)
        goals.append(Goal(cloud, kind, target=target, quads_id=place))
    plans = {name: HostPlan(name, f"https://mgmt-{name}", cloud=cloud) for cloud in CLOUDS for name in hosts_of(cloud, each)}
    commands = Commands()
    commands.lab = Lab(list(plans), plans=plans, goals=tuple(goals), hooks=hooks, run_command=commands, quads=server)
    return commands.lab, commands


async def test_each_cloud_gets_its_own_goal_through_one_write_queue() -> None:
    lab, _ = joint(kinds={"cloud05": Kind.OWNERSHIP, "cloud07": Kind.SPARE})
    await lab.run()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 12}
    assert [+counts for counts in lab.rollout.clouds.values()] == [{HostStatus.DONE: 4}] * 3
    owners = {cloud: {lab.machine(name).wanted.get("owner_id") for name in hosts_of(cloud)} for cloud in CLOUDS}
    assert owners == {"cloud02": {41}, "cloud05": {42}, "cloud07": {None}}
    wipes = {cloud: [lab.machine(name).wipes for name in hosts_of(cloud)] for cloud in CLOUDS}
    assert wipes == {"cloud02": [1] * 4, "cloud05": [0] * 4, "cloud07": [0] * 4}
    assert lab.world.peak_writes == 1 and not lab.world.violations
    assert_causal(lab.journal.events)


async def test_a_hook_of_a_cloud_runs_once_for_each_before_its_first_host_and_after_its_last() -> None:
    lab, commands = joint(TENANT, VALIDATE, OWN)
    await lab.run()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 12}
    assert sorted(commands.clouds(TENANT)) == sorted(commands.clouds(VALIDATE)) == list(CLOUDS)
    assert len(commands.clouds(OWN)) == 12
    assert commands.installed == [4, 4, 4]
    for cloud in CLOUDS:  # the site's order of the two does not matter: what a host needs is done before its cloud is complete
        of_cloud = [name for name, _, where in commands.ran if where == cloud]
        assert of_cloud[-1] == VALIDATE.name and of_cloud[0] == TENANT.name


async def test_a_cloud_with_a_host_that_failed_waits_for_its_retry_and_the_others_do_not() -> None:
    lab, commands = joint(VALIDATE)
    bad = hosts_of("cloud05")[1]
    lab.machine(bad).installs = "failed"
    lab.executor.start()
    await lab.executor.settled()
    assert ends(lab.rollout) == {HostStatus.DONE: 11, HostStatus.FAILED: 1}
    assert sorted(commands.clouds(VALIDATE)) == ["cloud02", "cloud07"]
    lab.machine(bad).installs = "built"
    lab.executor.submit(Retry((bad,), from_start=True))
    await asyncio.sleep(1)
    await lab.executor.settled()
    await lab.end()
    assert commands.clouds(VALIDATE)[-1] == "cloud05" and len(commands.clouds(VALIDATE)) == 3


async def test_a_hook_of_a_cloud_that_fails_is_tried_again_with_the_last_host() -> None:
    lab, commands = joint(VALIDATE)
    commands.failing[VALIDATE.name] = 1
    await lab.run()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 12}
    assert sorted(commands.clouds(VALIDATE)) == sorted([*CLOUDS, commands.clouds(VALIDATE)[0]])


async def test_after_a_crash_each_cloud_has_its_hooks_once() -> None:
    lab, commands = joint(TENANT, VALIDATE)
    lab.executor.start()
    while not any(host.status is HostStatus.DONE for host in lab.rollout.hosts.values()):
        await asyncio.sleep(1)
    await lab.crash()
    lab.resume()
    await lab.run()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 12}
    assert sorted(commands.clouds(VALIDATE)) == list(CLOUDS)
    assert set(commands.installed) == {4}
    assert sorted(set(commands.clouds(TENANT))) == list(CLOUDS)


async def test_a_skipped_host_keeps_its_cloud_incomplete() -> None:
    lab, commands = joint(VALIDATE)
    lab.executor.submit(Skip((hosts_of("cloud02")[0],), "broken"))
    await lab.run()
    await lab.end()
    assert sorted(commands.clouds(VALIDATE)) == ["cloud05", "cloud07"]


async def test_quads_hears_of_each_cloud_when_that_cloud_is_done() -> None:
    server = Server()
    lab, _ = joint(server=server)
    slow = hosts_of("cloud02")[3]
    lab.machine(slow).install_seconds = 3000.0
    lab.executor.start()
    while lab.rollout.counts[HostStatus.DONE] < 11:
        await asyncio.sleep(10)
    await asyncio.sleep(60)
    concluded = [told for told in server.told if told[0] == "assignment"]
    assert sorted(concluded) == [("assignment", 2, True, False), ("assignment", 3, True, False)]
    assert sorted(told for told in server.told if told[0] == "unvalidated") == [("unvalidated", place) for place in (1, 2, 3)]
    await lab.executor.settled()
    await asyncio.sleep(60)
    await lab.end()
    assert [told for told in server.told if told[0] == "assignment"][2:] == [("assignment", 1, True, False)]
