"""Which host a key means: the one that the operator saw under the cursor, whatever comes first a moment later."""

from __future__ import annotations

import pytest

from quads_tui.render.failures import groups
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.commands import Skip
from quads_tui.rollout.events import HostArmed, HostChanged
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Stage

from .desk import Desk, desk
from .feed import NOW


def fails(d: Desk, *, after: float) -> str:
    """Another host fails, armed, and is to be listed before all others; `after`: seconds since the last key."""
    name = next(name for name in d.app.table.shown[5:] if d.model.hosts[name].status is HostStatus.RUNNING)
    for armed in d.model.left_armed:  # the order of the plan decides between those that are armed
        d.model.apply(HostChanged(NOW, armed, HostStatus.SKIPPED, safety=Safety.DISARMED))
    d.model.apply(HostChanged(NOW, name, HostStatus.FAILED, Stage.POWER_ON, Cause.TIMEOUT, "stayed Off", safety=Safety.ARMED))
    d.model.apply(HostArmed(NOW, name, True))
    d.seconds += after
    d.app.panels()
    return name


async def press_at_once(d: Desk, key: str) -> None:
    await d.pilot.press(key)
    await d.pilot.pause()


async def test_a_cursor_that_was_never_moved_shows_what_comes_first() -> None:
    async with desk() as d:
        name = fails(d, after=60)
        assert d.app.table.cursor == d.app.table.shown[0] == name


@pytest.mark.parametrize("key", ["d", "space"])
async def test_a_key_right_behind_another_host_under_the_cursor_does_nothing_and_the_next_one_means_that_host(key: str) -> None:
    async with desk() as d:
        name = fails(d, after=60)
        d.seconds += 1.9
        await press_at_once(d, key)
        assert f"cursor now on {d.model.hosts[name].short}: press again" in d.text
        assert not d.app.table.marks and len(d.app.screen_stack) == 1
        await d.press(key)
        assert list(d.app.table.marks) == [name] if key == "space" else d.model.hosts[name].short in d.text
        assert key == "space" or len(d.app.screen_stack) == 2


async def test_a_key_after_a_look_at_it_means_the_host_that_came_first() -> None:
    async with desk() as d:
        name = fails(d, after=60)
        d.seconds += 2.1
        await press_at_once(d, "s")
        assert f"Mark {d.model.hosts[name].short}, failed at Power on and ARMED, as skipped?" in d.text


async def test_an_action_fixes_the_cursor_to_its_host_until_home() -> None:
    async with desk() as d:
        first = d.app.table.cursor
        await d.press("s", "escape")
        second = fails(d, after=60)
        assert d.app.table.shown[0] == second and d.app.table.cursor == first
        await d.press("s", "y", "enter")
        assert d.control.orders == [Skip((first,), "skipped by the operator")]
        await d.press("g")
        third = fails(d, after=60)
        assert d.app.table.cursor == d.app.table.shown[0] == third


@pytest.mark.parametrize("key", ["k", "enter"])
async def test_who_moves_to_the_first_row_or_opens_its_host_has_chosen_it(key: str) -> None:
    async with desk() as d:
        first = d.app.table.cursor
        await d.press(key, "escape")
        fails(d, after=60)
        assert d.app.table.cursor == first


async def test_a_chosen_host_that_is_no_longer_shown_leaves_no_other_one_in_its_place_unsaid() -> None:
    async with desk() as d:
        await d.press("f", "j", "j")
        gone = d.app.table.cursor
        d.model.apply(HostChanged(NOW, gone, HostStatus.SKIPPED, safety=Safety.OFF))
        d.seconds += 600
        d.app.panels()
        now = d.app.table.cursor
        assert now != gone
        await d.press("r")
        assert f"cursor now on {d.model.hosts[now].short}: press again" in d.text
        await d.press("r")
        assert f"Retry {d.model.hosts[now].short}, failed" in d.text


async def test_what_a_key_has_listed_is_meant_at_once() -> None:
    async with desk() as d:
        await d.press("j", "slash", *"stage:install", "enter")
        await press_at_once(d, "s")
        assert f"Mark {d.model.hosts[d.app.table.cursor].short}, " in d.text


async def test_failures_that_are_gone_leave_no_other_ones_in_their_place_unsaid() -> None:
    async with desk() as d:
        await d.press("F", "j")
        _, gone, *_ = groups(d.model)
        for name in list(gone.hosts):
            d.model.apply(HostChanged(NOW, name, HostStatus.QUEUED, Stage.POWER_OFF))
        d.seconds += 600
        d.app.panels()
        await d.press("r")
        assert "nothing was done: the cursor is now on other failures; look, then press again" in d.text
        await d.press("r")
        assert " from Power off?" in d.text
