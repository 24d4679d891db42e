"""What is asked before a BMC restart, a power cycle and a give back, and what is ordered then; what is refused says why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quads_tui.console.dialogs import Question
from quads_tui.rollout.commands import Command, GiveBack, PowerCycle, RestartBmc
from quads_tui.rollout.events import HostChanged, Intent, Outcome, RepairChanged
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.plan import Protected
from quads_tui.rollout.repairs import Repair, RepairStatus
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import ActResult, HostStatus, Stage
from quads_tui.rollout.state import Rollout
from quads_tui.runtime.json_lines import finished

from .desk import desk
from .feed import NOW, rollout
from .test_plain_session import Plain


def with_plans(model: Rollout, **changes: object) -> Rollout:
    """The same for each host's plan."""
    model.plan = replace(model.plan, hosts=tuple(replace(host, **changes) for host in model.plan.hosts))  # type: ignore[arg-type]
    return model


def failed(model: Rollout, stage: Stage = Stage.INSTALL) -> str:
    return next(host.name for host in model.hosts.values() if host.status is HostStatus.FAILED and host.stage is stage)


def sharing(model: Rollout, name: str, other: str) -> None:
    address = model.hosts[name].address
    hosts = tuple(replace(host, address=address) if host.name == other else host for host in model.plan.hosts)
    model.plan = replace(model.plan, hosts=hosts)


def owned(model: Rollout, name: str) -> None:
    model.apply(Intent(NOW, name, 9999, "build", {}))
    model.apply(Outcome(NOW, name, 9999, ActResult.APPLIED, {}))


@pytest.mark.parametrize(
    ("word", "command", "asked", "costs"),
    [
        ("power-cycle", PowerCycle, "Power {} off and on?", "Build mode and PXE are cancelled first"),
        ("bmc-restart", RestartBmc, "Restart the BMC of {}?", "it serves no other host of this rollout"),
        ("give-back", GiveBack, "Give {} back to the former owner?", "The owner in Foreman changes back from cloud02 to cloud01"),
    ],
)
def test_it_asks_and_only_a_yes_orders_it(word: str, command: type[Command], asked: str, costs: str) -> None:
    p = Plain(with_plans(rollout(60), owner_id=7, owner_type="User", owner="cloud01"))
    name = failed(p.model)
    owned(p.model, name)
    short = name.partition(".")[0]
    said = p.type(f"{word} {short}")
    assert asked.format(short) in said
    assert name in said
    assert costs in said
    assert "Nothing was done" in p.type("n")
    assert p.control.orders == []
    p.type(f"{word} {short}", "y")
    assert p.control.orders == [command((name,))]  # type: ignore[call-arg]


async def test_on_the_screen_it_is_a_command_that_asks() -> None:
    async with desk() as d:
        name = d.first(HostStatus.FAILED)
        d.app.table.go(d.app.table.shown.index(name))
        for answer, orders in (("n", 0), ("y", 1)):
            d.app.run_command("bmc-restart")
            await d.pilot.pause()
            assert isinstance(d.app.screen, Question)
            assert "Restart the BMC of" in d.text
            await d.press(answer)
            assert d.control.orders == [RestartBmc((name,))] * orders
        d.app.run_command("give-back")
        assert "give-back: not possible: " in d.app.context.flash


def test_the_question_before_a_give_back_says_that_the_disk_may_be_wiped() -> None:
    p = Plain(with_plans(rollout(60), owner_id=7, owner_type="Usergroup"))
    name = failed(p.model)
    owned(p.model, name)
    said = p.type(f"give-back {name}")
    assert "changes back from cloud02 to usergroup 7" in said
    assert "MAY HAVE BEEN WIPED ALREADY" in said


def test_why_nothing_is_given_back_is_said() -> None:
    p = Plain()
    name = failed(p.model)
    assert "its former owner is not known" in p.type(f"give-back {name}")  # written, in the feed; the plan knows no owner
    early = failed(p.model, Stage.POWER_OFF)
    assert "this rollout has not changed its owner in Foreman" in p.type(f"give-back {early}")
    with_plans(p.model, owner_id=p.model.plan.goals[0].target.owner_id or 41, owner_type="User")
    p.model.plan = replace(
        p.model.plan, goals=(replace(p.model.plan.goals[0], target=replace(p.model.plan.goals[0].target, owner_id=41)),)
    )
    assert "its former owner is the present one" in p.type(f"give-back {name}")


def test_hosts_that_are_left_out_say_why() -> None:
    p = Plain()
    name = failed(p.model)
    running = next(host for host in p.model.hosts.values() if host.status is HostStatus.RUNNING)
    done = next(host for host in p.model.hosts.values() if host.status is HostStatus.DONE)
    assert "hold or skip it first" in p.type(f"power-cycle {running.name}")
    said = p.type(f"power-cycle {name} {running.name} {done.name}", "y")
    assert f"Not affected: {running.short}: it is running" in said or f"Not affected: {done.short}: it is done" in said
    assert p.control.orders == [PowerCycle((name,))]


def test_a_bmc_that_serves_others_is_named_with_them_and_refused_while_they_are_under_way() -> None:
    p = Plain()
    name = failed(p.model)
    done = next(host for host in p.model.hosts.values() if host.status is HostStatus.DONE)
    running = next(host for host in p.model.hosts.values() if host.status is HostStatus.RUNNING)
    sharing(p.model, name, done.name)
    assert f"it also serves: {done.name}" in p.type(f"bmc-restart {name}", "n")
    sharing(p.model, name, running.name)
    said = p.type(f"bmc-restart {name}")
    assert f"its BMC also serves {running.name}, which is running" in said
    assert p.control.orders == []


def test_a_bmc_of_a_protected_host_is_refused() -> None:
    p = Plain()
    name = failed(p.model)
    peer = p.model.hosts[name].address.removeprefix("https://")
    p.model.plan = replace(p.model.plan, protected=(Protected("foreman.example.com", Identity(peer)),))
    assert "its BMC also serves foreman.example.com, which is protected" in p.type(f"bmc-restart {name}")


def test_an_install_that_may_go_on_is_named_before_a_power_cycle() -> None:
    p = Plain()
    name = failed(p.model)
    p.model.apply(HostChanged(NOW, name, HostStatus.HELD, Stage.INSTALL, None, "x", None, Safety.INSTALLING))
    assert f"May still be installing: {name}. The power cycle interrupts the install." in p.type(f"power-cycle {name}")


def test_a_repair_is_shown_while_it_runs_and_its_outcome_until_the_host_moves_on() -> None:
    p = Plain()
    name = failed(p.model)
    host = p.model.hosts[name]
    p.model.apply(RepairChanged(NOW, name, Repair.GIVE_BACK, RepairStatus.STARTED, "jdoe@jump"))
    assert p.context.why(host) == "give back started"
    assert "a give back is under way" in p.type(f"power-cycle {name}")
    p.model.apply(
        RepairChanged(NOW, name, Repair.GIVE_BACK, RepairStatus.DONE, "jdoe@jump", "given back to cloud01", None, "cloud01")
    )
    assert p.context.why(host).startswith("give back done: given back to cloud01; the installer reported an error to Foreman")
    assert host.left_behind.startswith("given back to cloud01; ")
    failures = {one["host"]: one for one in finished(p.model, {}, NOW)["failures"]}
    assert failures[name]["given_back"] == "cloud01"
    assert "it was given back to cloud01; only a restart from the first stage takes it again" in p.type(f"retry {name}")
    assert "it was given back to cloud01" in p.type(f"power-cycle {name}")
    assert ", from Power off?" in p.type(f"restart {name}", "n")
    p.model.apply(HostChanged(NOW, name, HostStatus.QUEUED, Stage.POWER_OFF))
    assert (host.repaired, host.given_back) == ("", "")
