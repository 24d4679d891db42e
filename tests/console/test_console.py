"""The console with frozen ticks: what the keys order, what the screen says, and that poison does not end it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.pilot import Pilot

from quads_tui.console.acts import ACTS
from quads_tui.console.app import Console
from quads_tui.console.lines import Lines
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.commands import Disarm, Hold, Pause, Release, Retry, Skip, Stop, Unskip
from quads_tui.rollout.events import HostChanged, Notice
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import Rollout

from .feed import NOW, Clock, Recorder, meters, rollout


class Desk:
    """A console under test and everything round it."""

    def __init__(self, model: Rollout) -> None:
        self.model = model
        self.control = Recorder()
        self.clock = Clock()
        self.seconds = 100.0
        self.app = Console(
            model, meters(), self.control, self.clock, title="REHEARSAL", frozen=True, monotonic=lambda: self.seconds
        )
        self.pilot: Pilot[str]

    async def press(self, *keys: str) -> None:
        """One key after the other, each a second after the last, so that no dialog is deaf."""
        for key in keys:
            self.seconds += 5.0
            await self.pilot.press(key)
            await self.pilot.pause()

    def lines(self, name: str) -> list[str]:
        return self.app.query_one(f"#{name}", Lines).text

    @property
    def text(self) -> str:
        """The whole screen."""
        width, height = self.app.size
        rows = self.app.screen._compositor.render_strips()
        return "\n".join(row.text[:width] for row in rows[:height])

    def first(self, status: HostStatus) -> str:
        return next(name for name in self.app.table.shown if self.model.hosts[name].status is status)


@asynccontextmanager
async def desk(model: Rollout | None = None, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Desk]:
    made = Desk(model or rollout(60))
    async with made.app.run_test(size=size) as pilot:
        made.pilot = pilot
        await pilot.pause()
        yield made


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_first_screen_answers_how_far_and_what_failed(size: tuple[int, int]) -> None:
    async with desk(rollout(700), size) as d:
        text = d.text
        assert "REHEARSAL" in text
        assert "cloud02" in text
        assert f"{d.model.counts[HostStatus.DONE]} done {d.model.counts[HostStatus.FAILED]} failed" in text
        assert "1 armed" in text
        assert "ARMED!" in text
        assert "lane 5" in text
        assert "install-failed" in text
        assert all(len(line) <= size[0] for line in text.splitlines())
        failed = [name for name in d.app.table.shown[:12] if d.model.hosts[name].status is HostStatus.FAILED]
        assert len(failed) == 12  # attention first


async def test_below_80x24_one_honest_line() -> None:
    async with desk(size=(70, 20)) as d:
        assert "needs 80x24 (now 70x20). The rollout goes on" in d.text
        await d.pilot.resize_terminal(80, 24)
        d.app.panels()
        await d.pilot.pause()
        assert "HOST" in d.text


ASKED = [
    ("r", HostStatus.FAILED, ["y"], lambda host: Retry((host,))),
    ("R", HostStatus.FAILED, ["y"], lambda host: Retry((host,), from_start=True)),
    ("s", HostStatus.RUNNING, ["y", "enter"], lambda host: Skip((host,), "skipped by the operator")),
    ("h", HostStatus.RUNNING, ["y", "enter"], lambda host: Hold((host,), "held by the operator")),
    ("d", HostStatus.FAILED, ["y"], lambda host: Disarm((host,))),
    ("u", HostStatus.SKIPPED, ["y"], lambda host: Unskip((host,))),
    ("h", HostStatus.HELD, ["y"], lambda host: Release((host,))),
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
            assert host in d.text
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
        assert f"retry {marked} hosts?" in text
        shown = sum(name in d.app.table.marks for name in d.app.table.shown)
        assert f"{marked - shown} of them are not shown" in text
        assert "WIPES them again" in text
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
        assert "1 marked hosts are in no state for this" in d.text
        await d.press("y")
        assert d.control.orders == [Retry((failed,))]
        d.app.table.go(d.app.table.shown.index(done))
        await d.press("r")
        assert "no host here is in a state for it" in d.text


async def test_pause_leave_and_ctrl_c() -> None:
    async with desk() as d:
        await d.press("p", "P")
        assert d.control.orders == [Pause("admission", True), Pause("writes", True)]
        await d.press("ctrl+c")
        assert "Stop admission" in d.text
        await d.press("g", "ctrl+c", "a", "ctrl+c", "s")
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
        await d.press("j")
        assert host not in d.text
        await d.press("escape", "question_mark")
        assert all(act.help[:40] in d.text for act in ACTS)
        await d.press("escape")
        d.model.apply(Notice(NOW, "warning", "no look at Foreman: 503"))
        d.app.panels()
        await d.pilot.pause()
        assert "no look at Foreman: 503" in d.text


async def test_a_frame_repaints_only_visible_rows_of_hosts_that_changed() -> None:
    async with desk(rollout(700)) as d:
        d.app.frame()
        drawn: list[int] = []
        render = d.app.table.render_line
        d.app.table.render_line = lambda y: (drawn.append(y), render(y))[1]  # type: ignore[method-assign]
        hidden, visible = d.app.table.shown[-1], d.app.table.shown[3]
        d.model.apply(Notice(NOW, "info", "x"))
        d.model.dirty.add(hidden)
        d.app.frame()
        await d.pilot.pause()
        assert not drawn
        d.model.dirty.add(visible)
        d.app.frame()
        await d.pilot.pause()
        assert set(drawn) == {4}


async def test_a_broken_panel_becomes_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as d:
        monkeypatch.setattr("quads_tui.render.overview.pipeline", lambda *_: 1 / 0)
        d.app._guarded(d.app.panels)()
        await d.pilot.pause()
        assert "the screen stumbled: ZeroDivisionError" in d.text


poison = st.text(max_size=60) | st.sampled_from(("404 at [/redfish/v1/Systems]", "[b", "日本語" * 20, "é" * 200, "x" * 10_000))


@given(reason=poison)
@settings(max_examples=25, deadline=None)
async def test_text_from_outside_never_ends_the_screen(reason: str) -> None:
    from quads_tui.rollout.text import clean

    model = rollout(30)
    name = list(model.hosts)[4]
    model.apply(HostChanged(NOW, name, HostStatus.FAILED, Stage.PXE_SET, Cause.REFUSED, clean(reason)))
    model.apply(Notice(NOW, "warning", clean(reason)))
    async with desk(model) as d:
        d.app.table.go(d.app.table.shown.index(name))
        await d.press("enter", "escape", "r", "n")
        d.app.panels()
        await d.pilot.pause()
        assert not any(ord(char) < 32 for char in d.text.replace("\n", ""))


def test_only_the_console_loads_textual() -> None:
    code = "import sys, quads_tui.render.overview, quads_tui.engine.executor, quads_tui.cli.main; print('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_no_key_is_bound_twice_and_dangerous_acts_name_their_states() -> None:
    keys = [key for act in ACTS for key in act.keys.split(",")]
    assert len(set(keys)) == len(keys)
    assert all(act.fits for act in ACTS if act.dangerous)
