"""The screen of all rollouts: what it lists, what it orders, and that nothing begins unasked."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from quads_tui.console.start_screen import StartApp
from quads_tui.render.rollout_list import Row, RowGroup
from tests.waiting import PATIENCE

ROWS = (
    Row("20261120-2200-cloud07-aa01", RowGroup.RECENT, "cloud07", "2026-11-20 22:00", 9000, 36, 35, 1, 0, "ended"),
    Row("20261122-2200-cloud02-bb02", RowGroup.HERE, "cloud02", "2026-11-22 22:00", 7200, 700, 374, 12, 1, "runs"),
    Row(
        "20261122-2210-cloud05-cc03",
        RowGroup.RUNNING,
        "cloud05",
        "2026-11-22 22:10",
        6600,
        40,
        12,
        0,
        4,
        "run by process 4711 of bob",
    ),
    Row("20261121-2200-cloud04-dd04", RowGroup.UNFINISHED, "cloud04", "2026-11-21 22:00", 800, 60, 20, 2, 3, "interrupted"),
)


class Recorder:
    """Records what was asked for."""

    def __init__(self, rows: tuple[Row, ...] = ROWS) -> None:
        self.message = ""
        self.shown_rows = rows
        self.calls: list[str] = []

    def rows(self) -> tuple[Row, ...]:
        return self.shown_rows

    def sources(self) -> tuple[str, ...]:
        return ("cloud02.yaml", "the moves of QUADS")

    def plan_new(self, source: int) -> None:
        self.calls.append(f"plan_new {source}")

    def resume(self, rollout: str) -> None:
        self.calls.append(f"resume {rollout}")


async def test_a_key_that_does_nothing_is_reported_once() -> None:
    recorder = Recorder(ROWS)
    app = start(recorder)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("z")
        assert recorder.message == "no key z here; ? shows the keys"
        recorder.message = ""
        await pilot.press("z", "j")
        assert (recorder.message, recorder.calls) == ("", [])


def start(recorder: Recorder) -> StartApp:
    ticks = itertools.count(100.0, 5.0)  # no dialog is deaf
    return StartApp(recorder, frozen=True, monotonic=lambda: next(ticks))


@asynccontextmanager
async def opened(recorder: Recorder, size: tuple[int, int] = (120, 40)) -> AsyncIterator[tuple[StartApp, Pilot[tuple[str, str]]]]:
    app = start(recorder)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app, pilot
        assert not app.error_count


def text(app: StartApp) -> str:
    return "\n".join(row.text for row in app.screen._compositor.render_strips())


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=str)
def test_picture(size: tuple[int, int], snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(start(Recorder()), terminal_size=size)


async def test_totals_are_of_what_runs_and_the_groups_stand_in_order() -> None:
    async with opened(Recorder()) as (app, _):
        shown = text(app)
        assert "2 running: 386 done, 12 failed, 5 armed of 740 hosts   1 unfinished" in shown
        titles = ("Running in this console", "Running elsewhere", "Unfinished", "Recent")
        places = [shown.index(title) for title in titles]
        assert places == sorted(places)


@pytest.mark.parametrize(
    ("keys", "ends", "calls", "says"),
    [
        (["enter"], ("open", "20261122-2200-cloud02-bb02"), [], ""),
        (["j", "a"], ("attach", "20261122-2210-cloud05-cc03"), [], ""),
        (["a"], None, [], "only for a rollout that another process runs"),
        (["r"], None, [], "only for an unfinished rollout"),
        (["j", "j", "r"], None, ["resume 20261121-2200-cloud04-dd04"], ""),
        (["n", "j", "enter"], None, ["plan_new 1"], ""),
        (["n", "escape"], None, [], "enter open"),
        (["q", "n"], None, [], "enter open"),
        (["q", "l"], ("leave", ""), [], ""),
        (["question_mark"], None, [], "resume an unfinished rollout"),
    ],
)
async def test_keys(keys: list[str], ends: tuple[str, str] | None, calls: list[str], says: str) -> None:
    recorder = Recorder()
    async with opened(recorder) as (app, pilot):
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        assert app.return_value == ends
        assert recorder.calls == calls
        if ends is None:
            assert says in text(app)


async def test_who_leaves_while_nothing_runs_here_is_not_asked() -> None:
    async with opened(Recorder(ROWS[:1])) as (app, pilot):
        await pilot.press("q")
        assert app.return_value == ("leave", "")


@pytest.mark.parametrize(
    ("count", "keys", "begins"),
    [
        (30, ["enter", *"30", "enter"], True),
        (30, ["enter", "y", "enter"], False),
        (30, ["enter", "escape"], False),
        (30, ["escape"], False),
        (3, ["enter", "y"], True),
        (3, ["enter", "enter"], False),
        (0, ["enter"], False),
    ],
)
async def test_a_plan_is_read_and_its_hosts_are_counted_before_anything_begins(count: int, keys: list[str], begins: bool) -> None:
    async with opened(Recorder()) as (app, pilot):
        lines = ["cloud02  30 hosts", "  EVERYTHING ON THESE HOSTS IS WIPED", *(f"    host {number}" for number in range(100))]
        asked = asyncio.create_task(app.confirm_plan(lines, count, "wiped and rebuilt"))
        await pilot.pause()
        assert "EVERYTHING ON THESE HOSTS IS WIPED" in text(app)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        assert await asyncio.wait_for(asked, PATIENCE) is begins
