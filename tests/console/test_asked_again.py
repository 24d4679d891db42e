"""Hosts go on while a question is open: what was agreed to is what is done, or it is asked again."""

from __future__ import annotations

import pytest

from quads_tui.rollout.commands import Hold, Skip
from quads_tui.rollout.events import HostChanged, StageChanged
from quads_tui.rollout.repair_rules import Neighbours, neighbours_of
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus
from quads_tui.rollout.state import Rollout

from .desk import Desk, desk
from .feed import NOW, rollout
from .test_plain_session import Plain


def first(model: Rollout, status: HostStatus) -> str:
    return next(host.name for host in model.hosts.values() if host.status is status)


def installs(model: Rollout, name: str) -> None:
    model.apply(StageChanged(NOW, name, Stage.INSTALL, StageStatus.STARTED, 1))


def on(d: Desk, name: str) -> None:
    d.app.table.go(d.app.table.shown.index(name))


@pytest.mark.parametrize("late", [False, True], ids=["question", "reason"])
async def test_a_host_that_began_to_install_under_the_question_is_asked_for_again(late: bool) -> None:
    async with desk() as d:
        name = first(d.model, HostStatus.QUEUED)
        on(d, name)
        await d.press("s")
        assert "nothing is done to it" in d.text
        if late:
            await d.press("y")
        installs(d.model, name)
        await d.press("enter" if late else "y")
        if not late:  # the reason is asked for first
            await d.press("enter")
        assert not d.control.orders
        assert "Asked again" in d.text
        assert "the install continues" in d.text
        await d.press("y")
        assert d.control.orders == [Skip((name,), "skipped by the operator")]


async def test_a_host_that_was_done_under_the_question_is_not_skipped() -> None:
    async with desk() as d:
        name = first(d.model, HostStatus.QUEUED)
        on(d, name)
        await d.press("s")
        d.model.apply(HostChanged(NOW, name, HostStatus.DONE))
        await d.press("y", "enter")
        assert not d.control.orders
        assert "not possible" in d.app.context.flash


async def test_many_hosts_of_which_one_goes_a_step_further_are_not_asked_for_again() -> None:
    model = rollout(60)
    going = [host.name for host in model.hosts.values() if host.status in (HostStatus.QUEUED, HostStatus.RUNNING)]
    installing = [name for name in going if model.hosts[name].stage is Stage.INSTALL]
    assert installing
    assert len(going) > 6
    async with desk(model) as d:
        d.app.table.marks.update(dict.fromkeys(going))
        await d.press("h", *str(len(going)), "enter")
        installs(model, next(name for name in going if name not in installing))
        await d.press("enter")
        assert d.control.orders == [Hold(tuple(going), "held by the operator")]


def test_the_neighbours_of_a_plan_are_looked_up_once() -> None:
    plan, other = rollout(60).plan, rollout(12).plan
    assert neighbours_of(plan) is neighbours_of(plan)
    names = [host.name for host in other.hosts]
    assert all(neighbours_of(other).of(name) == Neighbours(other).of(name) for name in names)


def test_plain_asks_again_as_well() -> None:
    p = Plain()
    name = first(p.model, HostStatus.QUEUED)
    assert "nothing is done to it" in p.type(f"skip {name}")
    installs(p.model, name)
    said = p.type("y")
    assert "Asked again" in said
    assert "the install continues" in said
    assert not p.control.orders
    p.type("y", "")
    assert len(p.control.orders) == 1
