"""Drawing in turns: no turn of the loop draws much, all of a picture is of one moment, and keys mean what was asked for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Generator, Mapping
from itertools import product
from typing import Any

import pytest
from textual.strip import Strip

from quads_tui.console.host_table import HostTable
from quads_tui.console.kept_lines import KeptLines
from quads_tui.console.line_panel import LinePanel
from quads_tui.console.listing import STILL
from quads_tui.console.turns import PAINT, ROWS, Pieces, Turns
from quads_tui.render.host_filter import host_filter
from quads_tui.render.host_order import ORDERS, ordered, ordered_in_pieces
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import HostChanged
from quads_tui.rollout.pieces import PIECE
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import HostState, Rollout

from .desk import Desk, desk
from .feed import NOW, rollout

MOST = ROWS + 8  # rows that one turn may draw: those of one piece, and the few lines that belong to it


class App:
    """Of a screen, and the screen itself."""

    frozen = False

    def __init__(self) -> None:
        self.app = self
        self.errors: list[str] = []

    def run_safely(self, work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except ValueError as error:
                self.errors.append(str(error))

        return run


@pytest.mark.looptime
async def test_a_work_goes_on_after_its_pauses_and_another_one_takes_its_place() -> None:
    turns, done = Turns(App()), []

    def work(name: str) -> Pieces:
        for number in range(3):
            done.append(f"{name}{number}")
            yield True

    turns.begin(work("a"))
    assert done == ["a0"]
    await asyncio.sleep(1.5 * PAINT)
    assert done == ["a0", "a1"]
    turns.begin(work("b"))
    await asyncio.sleep(10 * PAINT)
    assert done == ["a0", "a1", "b0", "b1", "b2"]
    assert not turns.busy
    turns.begin(work("c"))
    turns.finish()
    assert done[5:] == ["c0", "c1", "c2"]
    assert not turns.busy
    turns.begin(work("d"))
    turns.drop()
    await asyncio.sleep(10 * PAINT)
    assert done[8:] == ["d0"]


@pytest.mark.looptime
async def test_an_error_ends_the_work_and_a_piece_may_end_it_or_ask_for_its_end() -> None:
    app = App()
    turns, done = Turns(app), []

    def fails() -> Pieces:
        yield True
        raise ValueError("broken")

    def ends(how: Callable[[], None]) -> Pieces:
        how()
        done.append("first")
        yield False
        done.append("second")

    turns.begin(fails())
    await asyncio.sleep(2 * PAINT)
    assert app.errors == ["broken"]
    assert not turns.busy
    turns.begin(ends(turns.finish))
    assert done == ["first", "second"]
    turns.begin(ends(turns.drop))
    await asyncio.sleep(2 * PAINT)
    assert done == ["first", "second", "first"]
    assert not turns.busy


def change_everything(model: Rollout, word: str) -> None:
    """Other hosts fail, so that all rows move, and for other reasons."""
    for number, host in enumerate(list(model.hosts.values())):
        if number % 3 == len(word) % 3:
            cause, safety = (Cause.UNREACHABLE, Safety.OFF) if number % 2 else (Cause.REFUSED, Safety.UNTOUCHED)
            reason = f"{word} reason {'abcdefgh'[number // 3 % 8]}"
            model.apply(HostChanged(NOW, host.name, HostStatus.FAILED, Stage.PXE_SET, cause, reason, safety=safety))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Lines that widgets drew: for a paint, or before it."""
    seen: list[tuple[str, int]] = []

    def counted(cls: type[Any]) -> None:
        render = cls.render_line

        def render_line(self: Any, y: int) -> Any:
            seen.append((self.id, y))
            return render(self, y)

        monkeypatch.setattr(cls, "render_line", render_line)

    counted(HostTable)
    counted(LinePanel)
    replace = KeptLines.replace

    def replaced(self: Any, lines: Mapping[int, Strip]) -> None:
        seen.extend((self.id, y) for y in lines)
        replace(self, lines)

    monkeypatch.setattr(KeptLines, "replace", replaced)
    return seen


async def turns_of(d: Desk, pieces: Pieces, drawn: list[tuple[str, int]]) -> list[int]:
    """The rows that each turn drew."""
    counts = []
    for _ in pieces:
        await d.pilot.pause()
        counts.append(len(drawn))
        drawn.clear()
    await d.pilot.pause()
    counts.append(len(drawn))
    return counts


@pytest.mark.parametrize("size", [(120, 40), (200, 60)])
async def test_no_turn_of_the_loop_draws_much_of_the_screen(size: tuple[int, int], drawn: list[tuple[str, int]]) -> None:
    async with desk(rollout(700), size) as d:
        change_everything(d.model, "before")  # so that no panel gets more lines: then all is painted
        d.app.panels()
        await d.pilot.pause()
        drawn.clear()
        change_everything(d.model, "new")
        d.clock.at += 60
        d.seconds += STILL + 60
        main = d.app.view
        rows = await turns_of(d, main.pieces(graphs=True), drawn)
        assert max(rows) <= MOST, rows
        assert sum(rows) > size[1] * 2 // 3, "all of it was drawn"
        text = d.text
        main.refresh()
        await d.pilot.pause()
        assert d.text == text, "and nothing was left as it was"
        d.app.frame()
        drawn.clear()
        await d.pilot.pause()
        assert len(drawn) <= MOST


async def test_a_key_draws_the_lines_of_two_hosts_and_of_no_other_widget(drawn: list[tuple[str, int]]) -> None:
    async with desk(rollout(60), (200, 60)) as d:
        drawn.clear()
        d.app.table.move(1)
        await d.pilot.pause()
        assert drawn == [("hosts", 1), ("hosts", 2)]
        before = d.text
        await d.press("T")
        assert {"drawer", "header", "hosts"} <= {name for name, _ in drawn}, "another theme draws all of them"
        assert d.text.splitlines()[:40] == before.splitlines()[:40]


async def test_rows_are_drawn_between_the_panels_and_less_often_without_focus(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as d:
        frames: list[set[str]] = []
        monkeypatch.setattr(d.app.view, "frame", frames.append)
        for blurred, lag, count in ((False, 0.0, 16), (True, 0.0, 4), (False, 0.06, 8), (False, 1.0, 4)):
            d.app._frames, d.app._blurred, d.app.context.lag = 0, blurred, lag
            frames.clear()
            for _ in range(20):
                d.app._tick()
            assert len(frames) == count, (blurred, lag)


async def test_all_figures_of_a_picture_are_of_one_moment() -> None:
    async with desk(rollout(700), (120, 40)) as d:
        d.seconds += STILL + 60
        running = (name for name in d.app.table.shown if d.model.hosts[name].status is HostStatus.RUNNING)

        def fails() -> None:
            d.model.apply(
                HostChanged(NOW, next(running), HostStatus.FAILED, Stage.PXE_SET, Cause.REFUSED, "new", safety=Safety.OFF)
            )

        fails()
        for _ in d.app.view.pieces():
            fails()
        (count,) = re.findall(r"failed (\d+)", d.lines("progress")[1])
        assert f"  {count} hosts, " in d.lines("failures")[0]
        assert int(count) < d.model.counts[HostStatus.FAILED], "hosts failed while it was drawn"


# Which hosts are shown


def steps(pieces: Generator[object, None, list[HostState]], count: Callable[[], int]) -> tuple[list[HostState], list[int]]:
    """What came of it, and what each piece counted."""
    each, before = [], count()
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return end.value, each
        each.append(count() - before)
        before = count()


def test_a_filter_and_an_order_in_pieces_are_those_at_once_and_look_at_few_hosts_each() -> None:
    hosts = list(rollout(700).hosts.values())
    fits, looks = host_filter("name:r6[45]0 !state:done"), 0

    def slowness(host: HostState) -> float:
        nonlocal looks
        looks += 1
        return host.index % 7

    found, _ = steps(fits.in_pieces(hosts), lambda: 0)
    assert found == [host for host in hosts if re.search("r6[45]0", host.name) and host.status is not HostStatus.DONE]
    for order, turned in product(ORDERS, (False, True)):
        made, each = steps(ordered_in_pieces(found, order, slowness, turned=turned), lambda: looks)
        assert max(each) <= PIECE
        assert len(each) > len(found) // PIECE
        assert made == ordered(found, order, slowness, turned=turned)


async def test_a_key_behind_a_filter_means_the_hosts_that_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quads_tui.console.turns._BUDGET", -1.0)  # one piece a turn
    async with desk(rollout(700)) as d:
        d.app.frozen = False  # in turns, as on a terminal
        before = list(d.app.table.shown)
        table = d.app._main
        table._filter.words = "state:failed"
        table.listing.ask()
        assert table.listing.busy
        assert d.app.table.shown == before, "the rows stand until it is known"
        await d.app.run_action("screen.mark_shown")
        assert {d.model.hosts[name].status for name in d.app.table.marks} == {HostStatus.FAILED}
        assert len(d.app.table.marks) == d.model.counts[HostStatus.FAILED]


async def test_no_row_moves_away_under_a_key_while_the_table_is_sorted_again() -> None:
    async with desk(rollout(700)) as d:
        d.seconds += STILL + 60
        before = list(d.app.table.shown)
        change_everything(d.model, "new")
        pieces = d.app.view.pieces()
        next(pieces)
        d.app.context.last_key = d.seconds
        for _ in pieces:
            pass
        assert d.app.table.shown == before
        d.seconds += STILL + 60
        d.app.panels()
        assert d.app.table.shown != before
