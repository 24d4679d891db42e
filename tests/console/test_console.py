"""The console with frozen ticks: what the keys order, what the screen says, and that poison does not end it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from quads_tui.console.key_actions import BY_NAME, KEY_ACTIONS
from quads_tui.console.questions import question
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.commands import Disarm, Hold, Pause, Release, Retry, Skip, Stop, Unskip
from quads_tui.rollout.events import HostChanged, Notice
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.learned import BuildType, HostResult
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Stage
from tests.waiting import until

from .desk import desk
from .feed import NOW, rollout

ASKED = [
    ("r", HostStatus.FAILED, ["y"], lambda host: Retry((host,))),
    ("R", HostStatus.FAILED, ["y"], lambda host: Retry((host,), from_start=True)),
    ("s", HostStatus.RUNNING, ["y", "enter"], lambda host: Skip((host,), "skipped by the operator")),
    ("h", HostStatus.RUNNING, ["y", "enter"], lambda host: Hold((host,), "held by the operator")),
    ("d", HostStatus.FAILED, ["y"], lambda host: Disarm((host,))),
    ("u", HostStatus.SKIPPED, ["y"], lambda host: Unskip((host,))),
    ("h", HostStatus.HELD, ["y"], lambda host: Release((host,))),
    ("H", HostStatus.HELD, ["y"], lambda host: Release((host,))),
]


@pytest.mark.parametrize(("key", "status", "answers", "order"), ASKED)
async def test_acts_ask_first_and_no_is_the_answer_of_enter_and_escape(
    key: str, status: HostStatus, answers: list[str], order: Callable[[str], object]
) -> None:
    model = rollout(60)
    names = list(model.hosts)
    model.apply(HostChanged(NOW, names[0], HostStatus.SKIPPED, Stage.POWER_OFF))
    model.apply(HostChanged(NOW, names[1], HostStatus.HELD, Stage.POWER_OFF))
    async with desk(model) as d:
        host = d.first(status)
        d.app.table.go(d.app.table.shown.index(host))
        for no in ("n", "enter", "escape"):
            await d.press(key)
            assert f"{d.model.hosts[host].short}, " in d.text
            await d.press(no)
        assert not d.control.orders
        await d.press(key, *answers)
        assert d.control.orders == [order(host)]


async def test_keys_typed_ahead_into_a_question_are_not_taken() -> None:
    async with desk() as d:
        d.app.table.go(d.app.table.shown.index(d.first(HostStatus.FAILED)))
        await d.pilot.press("r")
        await d.pilot.press("y")  # the clock has not moved: within the first 300 ms
        assert not d.control.orders
        await d.press("y")
        assert len(d.control.orders) == 1


async def test_many_hosts_need_their_count_typed_and_hidden_ones_are_told() -> None:
    async with desk() as d:
        await d.press("f", "asterisk", "f")
        marked = len(d.app.table.marks)
        assert marked == d.model.counts[HostStatus.FAILED] > 5
        await d.press("slash", *"install-failed", "enter", "r")
        text = d.text
        assert f"Retry {marked} hosts from Power off?" in text
        shown = sum(name in d.app.table.marks for name in d.app.table.shown)
        assert f"Also included: {marked - shown} hosts that the current filter does not show" in text
        assert "WIPES their disks again" in re.sub(r"[│\s]+", " ", text)
        await d.press("y", "enter")
        assert not d.control.orders
        await d.press("r", *str(marked), "enter")
        (order,) = d.control.orders
        assert isinstance(order, Retry)
        assert len(order.hosts) == marked
        assert not d.app.table.marks


async def test_marked_hosts_in_no_state_for_it_stay_as_they_are() -> None:
    async with desk() as d:
        failed, done = d.first(HostStatus.FAILED), d.first(HostStatus.DONE)
        d.app.table.toggle(failed)
        d.app.table.toggle(done)
        await d.press("r")
        assert "Not affected: 1 host of the selection, in a state in which" in d.text
        await d.press("y")
        assert d.control.orders == [Retry((failed,))]
        d.app.table.go(d.app.table.shown.index(done))
        await d.press("r")
        assert "not possible for the selected hosts" in d.text


async def test_pause_leave_and_ctrl_c() -> None:
    async with desk() as d:
        await d.press("p", "y", "P", "y")
        assert d.control.orders == [Pause("admission", True), Pause("writes", True)]
        await d.press("ctrl+c")
        assert "Pause new hosts: no new host starts" in d.text
        await d.press("c", "ctrl+c", "p", "ctrl+c", "s")
        assert d.control.orders[2:] == [Pause("admission", True), Stop()]
        await d.press("q")
        assert d.app.return_value == "leave"


async def test_filter_composes_with_failures_and_escape_clears() -> None:
    async with desk() as d:
        await d.press("slash", *"DHCP")
        shown = d.app.table.shown
        assert {d.model.hosts[name].cause for name in shown} == {Cause.FOREMAN}
        await d.press("enter", "f")
        assert set(d.app.table.shown) == set(shown)
        await d.press("slash", "escape", "f")
        assert len(d.app.table.shown) == 60
        await d.press("slash", "left_square_bracket", "enter")  # an invalid expression is plain text
        assert all("[" in d.model.hosts[name].reason for name in d.app.table.shown)


async def test_cursor_and_marks_follow_their_hosts() -> None:
    async with desk() as d:
        await d.press("j", "j", "space", "o", "o")
        (marked,) = d.app.table.marks
        cursor = d.app.table.cursor
        d.model.apply(HostChanged(NOW, cursor, HostStatus.FAILED, Stage.INSTALL, Cause.UNKNOWN, "x"))
        d.seconds += 60
        d.app.panels()
        assert (d.app.table.cursor, list(d.app.table.marks)) == (cursor, [marked])


async def test_detail_help_and_notices() -> None:
    async with desk() as d:
        host = d.first(HostStatus.FAILED)
        d.app.table.go(d.app.table.shown.index(host))
        await d.press("enter")
        assert host in d.text
        assert "cause " in d.text
        await d.press("right")
        assert host not in d.text
        await d.press("left")
        assert host in d.text
        await d.press("escape", "question_mark")
        top = d.text
        await d.press("pagedown", "pagedown")
        assert all(act.help[:40] in top + d.text for act in KEY_ACTIONS if act.where != "plain")
        await d.press("escape")
        d.model.apply(Notice(NOW, "warning", "Foreman cannot be read, and is read again soon: 503"))
        d.app.panels()
        await d.pilot.pause()
        assert "Foreman cannot be read, and is read again soon: 503" in d.text


async def test_a_frame_repaints_only_visible_rows_of_hosts_that_changed() -> None:
    async with desk(rollout(700)) as d:
        while d.app.table._stale:
            d.app.frame()
        await d.pilot.pause()
        drawn: list[int] = []
        replace = d.app.table.replace
        d.app.table.replace = lambda lines: (drawn.extend(lines), replace(lines))[1]  # type: ignore[method-assign]
        hidden, visible = d.app.table.shown[-1], d.app.table.shown[3]
        d.model.apply(Notice(NOW, "info", "x"))
        d.model.dirty.add(hidden)
        d.app.frame()
        await d.pilot.pause()
        assert not drawn
        d.model.dirty.add(visible)
        d.app.frame()
        await d.pilot.pause()
        assert not drawn, "what looks as it is painted is not painted again"
        d.model.apply(HostChanged(NOW, visible, HostStatus.HELD, Stage.PXE_SET, None, "new words"))
        d.app.frame()
        await d.pilot.pause()
        assert set(drawn) == {4}


def test_no_key_is_bound_twice_and_dangerous_acts_name_their_states() -> None:
    for place in ("table", "start"):  # the rest is there with the table
        keys = [
            key for act in KEY_ACTIONS if act.keys and (act.where == "start") is (place == "start") for key in act.keys.split(",")
        ]
        assert len(set(keys)) == len(keys)
    assert all(act.statuses for act in KEY_ACTIONS if act.dangerous and act.where == "hosts")
    assert all(act.dangerous for act in KEY_ACTIONS if act.statuses)


async def test_fields_turn_round_and_ranges() -> None:
    async with desk() as d:
        hosts = d.model.hosts
        await d.press("slash", *"stage:install", "space", *"!cause:install-failed", "enter")
        assert d.app.table.shown
        assert {hosts[name].stage for name in d.app.table.shown} == {Stage.INSTALL}
        assert all(hosts[name].cause is not Cause.INSTALL_FAILED for name in d.app.table.shown)
        await d.press("escape", "g", "j", "space", "j", "j", "V")
        assert list(d.app.table.marks) == d.app.table.shown[1:5]


async def test_failures_by_cause_are_retried_as_a_group_and_filter_the_table() -> None:
    async with desk() as d:
        group = max(d.model.groups.values(), key=lambda group: len(group.hosts))
        await d.press("F")
        assert f"{len(group.hosts)} at " in d.text
        await d.press("r")
        assert f"{len(group.hosts)} hosts from Power off?" in d.text
        await d.press("y")
        assert d.control.orders == [Retry(tuple(group.hosts))]
        second = sorted(d.model.groups.values(), key=lambda group: (-len(group.hosts), group.since))[1]
        await d.press("j", "enter")
        assert set(d.app.table.shown) == set(second.hosts)
        await d.press("escape")
        assert len(d.app.table.shown) == 60


async def test_next_and_previous_failed() -> None:
    async with desk() as d:
        await d.press("o", "g", "n")  # by plan
        failed = [name for name in d.app.table.shown if d.model.hosts[name].status is HostStatus.FAILED]
        assert d.app.table.cursor == failed[0]
        await d.press("n", "enter", "n")
        assert failed[2] in d.text
        await d.press("N", "N", "escape")
        assert d.app.table.cursor == failed[0]
        await d.press("N")
        assert "no failed host is shown before this one" in d.text


async def test_the_bell_rings_once_for_each_new_kind_of_failure_and_can_be_muted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as d:
        rung: list[int] = []
        monkeypatch.setattr(d.app, "bell", lambda: rung.append(1))
        d.app.panels()
        assert not rung  # what stood there before is no news
        hosts = [name for name in d.app.table.shown if d.model.hosts[name].status is HostStatus.RUNNING]

        def fails(host: str, reason: str, safety: Safety = Safety.UNKNOWN) -> None:
            cause = Cause.INSTALL_FAILED
            d.model.apply(HostChanged(NOW, host, HostStatus.FAILED, Stage.INSTALL, cause, reason, safety=safety))
            d.app.panels()

        fails(hosts[0], "no disk", Safety.OFF)
        fails(hosts[1], "no disk", Safety.DISARMED)
        fails(hosts[4], "no disk", Safety.INSTALLING)
        assert len(rung) == 1
        await d.press("B")
        fails(hosts[2], "no memory")
        assert len(rung) == 1
        await d.press("B")
        fails(hosts[3], "no network")
        assert len(rung) == 2


async def test_who_only_looks_sees_no_dangerous_key_and_orders_nothing() -> None:
    async with desk() as d:
        d.app.read_only = "watching r1"
        d.app.panels()
        await d.pilot.pause()
        assert "retry" not in d.lines("footer")[1]
        assert "READ-ONLY: watching r1" in d.text
        await d.press("r", "p", "P", "s", "ctrl+c")
        assert "read-only: watching r1" in d.text
        assert not d.control.orders
        assert not any(act.dangerous for act in d.app.available)


@pytest.mark.parametrize("symbols", ["braille", "block", "ascii"])
async def test_graphs_have_windows_and_symbols_for_every_terminal(symbols: str) -> None:
    async with desk() as d:
        d.app.run_command(f"symbols {symbols}")
        await d.press("v")
        for window in ("whole run", "30 min"):
            assert f" {window} " in d.text
            await d.press("t")
        assert "requests failed" in d.text
        await d.press("escape")
        if symbols == "ascii":
            shown = "".join(d.text.replace("↑", "").replace("↓", ""))
            assert shown.isascii()


async def test_themes_change_colours_and_nothing_else() -> None:
    async with desk() as d:
        before = d.text.splitlines()[:-2]
        seen = set()
        for name in ("light", "ansi", "ansi-light", "mono", "dark"):
            await d.press("T")
            assert f"theme {name}" in d.text
            assert d.text.splitlines()[:-2] == before
            styles = {str(segment.style) for strip in d.app.screen._compositor.render_strips() for segment in strip}
            seen.add(frozenset(styles))
        assert len(seen) == 5


async def test_a_shot_keeps_picture_text_and_state_for_the_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with desk() as d:
        await d.press("S")
        await until(lambda: "saved" in d.app.context.flash)
        svg, text, told = (next(tmp_path.glob(f"shots/*.{ending}")) for ending in ("svg", "txt", "json"))
        assert svg.read_text().startswith("<svg")
        assert "cloud02" in text.read_text()
        assert json.loads(told.read_text())["counts"]["failed"] == d.model.counts[HostStatus.FAILED]
        assert {path.stat().st_mode & 0o777 for path in (svg, text, told)} == {0o600}


async def test_copy_gives_the_story_of_one_and_the_names_of_many() -> None:
    async with desk() as d:
        host = d.first(HostStatus.FAILED)
        d.app.table.go(d.app.table.shown.index(host))
        await d.press("y")
        assert host in d.app.clipboard
        assert d.model.hosts[host].reason in d.app.clipboard
        await d.press("space", "space", "y")
        assert d.app.clipboard.splitlines() == list(d.app.table.marks)


async def test_exchanges_stand_in_the_history_of_their_host() -> None:
    async with desk() as d:
        host = d.app.table.cursor
        d.exchanges = [
            Exchange(at=NOW - 500, host=host, method="PATCH", path="/redfish/v1/Systems/1", status=503, seconds=1.9, error="busy")
        ]
        await d.press("enter")
        assert host in d.text
        assert re.search(r"PATCH  /Systems/1 +503   1.9 s  busy", d.text)


def test_the_question_tells_who_is_wiped_and_who_is_only_watched() -> None:
    model = rollout(60)
    hosts = list(model.hosts.values())[:3]
    for host, cause in zip(hosts, (Cause.INSTALL_TIMEOUT, Cause.INSTALL_FAILED, Cause.INSTALL_TIMEOUT), strict=True):
        model.apply(HostChanged(NOW, host.name, HostStatus.FAILED, Stage.INSTALL, cause, "x"))
    retry, restart = (question(BY_NAME[name], hosts) for name in ("retry", "restart"))
    assert retry.happens == (
        "2 hosts may still be installing: the install is not started again, only watched for longer (restart, key R, begins again at the first stage and WIPES them).",
        "1 host has already booted into the installer: all stages are repeated, and Install WIPES its disk again.",
    )
    assert (retry.lost, restart.lost) == (
        "Lost: what is on the disks of 1 host.",
        "Lost: what is on the disks of 3 hosts.",
    )


async def test_what_was_said_last_fades_and_stays_among_the_messages() -> None:
    async with desk() as d:
        d.model.apply(Notice(NOW, "info", "Foreman is back"))
        d.app.panels()
        await d.pilot.pause()
        assert "Foreman is back" in d.text
        d.seconds += 61.0
        d.app.panels()
        await d.pilot.pause()
        assert "Foreman is back" not in d.text
        await d.press("m")
        assert "Foreman is back" in d.text


async def test_the_host_screen_shows_the_last_rollouts_of_the_host() -> None:
    async with desk() as d:
        name = d.app.table.shown[0]
        type, took = BuildType("R650"), {Stage.POWER_ON: 5.0, Stage.INSTALL: 840.0}
        past = (
            HostResult(d.model.id, 1_795_000_000.0, type, HostStatus.RUNNING, Stage.INSTALL),  # this one, that was resumed
            HostResult("r2", 1_794_000_000.0, type, HostStatus.FAILED, Stage.INSTALL, "timeout"),
            HostResult("r1", 1_793_000_000.0, type, HostStatus.DONE, seconds=took),
        )
        d.past[name] = past
        await d.press("enter")
        assert "earlier rollouts of this host: 2" in d.text
        assert "failed Install (timeout)" in d.text
        assert "done 14 min  ON 5.0 s  INS 14 min" in d.text
        assert d.text.index("failed Install (timeout)") < d.text.index("done 14 min")


async def test_the_map_is_walked_cell_by_cell_and_leaves_the_cursor_on_its_host() -> None:
    async with desk(rollout(85)) as d:
        await d.press("M")
        assert "By rack" in d.text and "f02" in d.text
        await d.press("home", "down", "right")
        await d.press("t")
        assert "By model" in d.text
        await d.press("n")
        failed = d.app.view.chosen()[0]
        assert d.model.hosts[failed].status is HostStatus.FAILED
        await d.press("enter")
        assert "cause " in d.text
        await d.press("escape", "escape")
        assert d.app.table.cursor == failed
