"""The screen of all rollouts: what it lists, what it orders, and that nothing begins unasked."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from quads_tui.console.start_screen import StartApp
from quads_tui.render.host_bar import HostShares
from quads_tui.render.rollout_list import Row, RowGroup, Source, SourceKind
from quads_tui.rollout.stages import Stage
from tests.waiting import PATIENCE

ROWS = (
    Row(
        rollout="20261120-2200-cloud07-aa01",
        group=RowGroup.RECENT,
        cloud="cloud07",
        seconds=9000,
        hosts=36,
        shares=HostShares(done=35, failed=1),
        state="ended",
    ),
    Row(
        rollout="20261122-2200-cloud02-bb02",
        group=RowGroup.HERE,
        cloud="cloud02",
        seconds=7200,
        hosts=700,
        armed=1,
        shares=HostShares(
            done=374,
            stages={Stage.INSTALL: 180, Stage.POWER_ON: 4, Stage.FOREMAN_BUILD: 9, Stage.PXE_SET: 1, Stage.POWER_OFF: 3},
            queued=117,
            failed=12,
        ),
        state="running",
        details="Good hosts done about 23:41 (90 % sure by 23:52)  bottleneck: Foreman writes",
    ),
    Row(
        rollout="20261122-2210-cloud05-cc03",
        group=RowGroup.RUNNING,
        cloud="cloud05",
        seconds=6600,
        hosts=40,
        armed=4,
        shares=HostShares(done=12, stages={Stage.INSTALL: 20}, queued=8),
        state="running",
        details="Good hosts done about 23:20 (90 % sure by 23:31)   run by process 4711 of bob",
    ),
    Row(
        rollout="20261121-2200-cloud04-dd04",
        group=RowGroup.UNFINISHED,
        cloud="cloud04",
        seconds=800,
        hosts=60,
        armed=3,
        shares=HostShares(done=20, queued=38, failed=2),
        state="unfinished",
        details="r resumes 38 hosts, 3 armed (next boot reinstalls); process exited",
    ),
    Row(
        rollout="cloud09 (4712)",
        group=RowGroup.SCHEDULED,
        cloud="cloud09",
        hosts=80,
        state="starts in 3 h 12 min",
        details="Sun 2026-11-29 02:00   process 4712 of ann; ctrl+c in its terminal cancels",
    ),
    Row(
        rollout="20261119-2200-cloud03-ee05",
        group=RowGroup.DAMAGED,
        state="damaged",
        details="/var/lib/quads/rollouts/20261119-2200-cloud03-ee05/journal.db is damaged: file is not a database",
    ),
)
SOURCES = (Source(SourceKind.FILE, "cloud02.yaml", "cloud02.yaml"), Source(SourceKind.QUADS, "the moves of QUADS"))


class Recorder:
    """Records what was asked for."""

    is_read = True
    state = "/var/lib/quads/rollouts"
    places = ("/home/ann", "/home/ann/sample_assignments")
    new_elsewhere = ""

    def __init__(self, rows: tuple[Row, ...] = ROWS, sources: tuple[Source, ...] = SOURCES) -> None:
        self.message = ""
        self.shown_rows = rows
        self.source_list = sources
        self.calls: list[str] = []

    def rows(self) -> tuple[Row, ...]:
        return self.shown_rows

    def sources(self) -> tuple[Source, ...]:
        return self.source_list

    def complete(self, path: str) -> list[str]:
        return [name for name in ("lab/", "lab/a02.yaml", "lab/a03.yaml", "other.yaml") if name.startswith(path) and name != path]

    def plan_new(self, source: Source) -> None:
        self.calls.append(f"plan_new {source.path or source.label}")

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


async def test_where_new_rollouts_are_submitted_elsewhere_the_screen_says_how() -> None:
    class Cluster(Recorder):
        new_elsewhere = "submit a new rollout with: quads-tui run FILE --cluster DSN"

    recorder = Cluster(())
    async with opened(recorder) as (app, pilot):
        shown = text(app)
        assert "Submit a new rollout with: quads-tui run FILE --cluster DSN" in shown
        assert "Press n to plan" not in shown
        await pilot.press("n")
        assert (len(app.screen_stack), recorder.message) == (1, recorder.new_elsewhere)


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


def test_picture_of_an_empty_one(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(start(Recorder(())), terminal_size=(80, 24))


async def test_the_list_of_sources_is_made_when_it_is_asked_for_and_stays_what_was_shown() -> None:
    recorder = Recorder(sources=SOURCES[1:])
    async with opened(recorder) as (app, pilot):
        for sources in (SOURCES, SOURCES[:1]):  # a file is added, another source goes while the list is shown
            recorder.source_list = sources
            await pilot.press("n")
            await app.chosen()
            await pilot.pause()
            recorder.source_list = ()
            await pilot.press("enter")
            await pilot.pause()
    assert recorder.calls == ["plan_new cloud02.yaml"] * 2


async def test_a_directory_that_is_still_being_read_is_not_called_empty() -> None:
    recorder = Recorder(())
    recorder.is_read = False
    async with opened(recorder) as (app, pilot):
        assert "reading the rollouts in /var/lib/quads" in text(app)
        recorder.is_read = True
        await pilot.press("j")
        assert "No rollouts yet in /var/lib/quads" in text(app)


async def test_totals_are_of_what_runs_and_the_groups_stand_in_order() -> None:
    async with opened(Recorder()) as (app, _):
        shown = text(app)
        assert "2 running: 386 of 740 done, 12 failed, 5 ARMED   1 unfinished   1 scheduled" in shown
        titles = ("Running in this console", "Running elsewhere", "Scheduled", "Unfinished", "Cannot be read", "Recent")
        places = [shown.index(title) for title in titles]
        assert places == sorted(places)


@pytest.mark.parametrize(
    ("keys", "ends", "calls", "says"),
    [
        (["enter"], ("open", "20261122-2200-cloud02-bb02"), [], ""),
        (["j", "a"], ("attach", "20261122-2210-cloud05-cc03"), [], ""),
        (["a"], None, [], "only for a rollout that another process runs"),
        (["r"], None, [], "only for an unfinished rollout"),
        (["j", "j", "j", "r"], None, ["resume 20261121-2200-cloud04-dd04"], ""),
        (["n", "enter"], None, ["plan_new cloud02.yaml"], ""),
        (["n", "j", "enter"], None, ["plan_new the moves of QUADS"], ""),
        (["n", "escape"], None, [], "enter open"),
        (["n", "tab", *"lab/", "tab", "2", "tab", "enter"], None, ["plan_new lab/a02.yaml"], ""),
        (["n", "tab", *"lab/a", "tab"], None, [], "a03.yaml"),
        (["n", "tab", "x", "tab"], None, [], "no completion: only directories"),
        (["n", "tab", "x", "escape"], None, [], "enter open"),
        (["j", "j", "enter"], None, [], "it has not started yet: its plan is shown in the terminal where it waits"),
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
            await app.chosen()
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
