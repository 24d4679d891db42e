"""What the screens look like, at three sizes and without colours; on a frozen clock. `pytest --snapshot-update` accepts a change."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import pytest

from quads_tui.console.app import Console
from quads_tui.render.runner_gone import RunnerGone
from quads_tui.rollout.view import RolloutView

from .feed import NOW, Clock, Recorder, meters, rollout
from .test_end import end

SIZES = ((80, 24), (120, 40), (200, 60))
SCREENS = {
    "main": [],
    "marked": ["f", "space", "space"],
    "retry": ["f", "space", "space", "r"],
    "count": ["f", "asterisk", "R"],
    "detail": ["enter"],
    "causes": ["F", "j"],
    "graphs": ["v"],
    "map": ["M", "down", "right"],
    "messages": ["m"],
    "help": ["question_mark"],
    "command": ["colon", *"the", "tab"],
    "ascii": ["b", "b"],
}


def console(read_only: str = "") -> Console:
    ticks = itertools.count(100.0, 5.0)  # no dialog is deaf
    return Console(
        RolloutView(rollout=rollout(), meters=meters(), clock=Clock(), title="REHEARSAL"),
        Recorder(),
        read_only=read_only,
        frozen=True,
        monotonic=lambda: next(ticks),
    )


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.parametrize("size", SIZES, ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("name", SCREENS)
def test_screen(name: str, size: tuple[int, int], snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(console(), terminal_size=size, press=SCREENS[name])


@pytest.mark.parametrize("name", SCREENS)
def test_screen_without_colours(name: str, snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(console(), terminal_size=(80, 24), press=SCREENS[name])


def test_below_the_smallest_size(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(console(), terminal_size=(50, 12))


@pytest.mark.parametrize("size", SIZES, ids="{0[0]}x{0[1]}".format)
def test_screen_of_the_end(size: tuple[int, int], snap_compare: Callable[..., bool]) -> None:
    app = console()
    end(app.context.rollout, NOW - 60)
    assert snap_compare(app, terminal_size=size)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=str)
def test_screen_of_a_watcher_whose_runner_has_gone(size: tuple[int, int], snap_compare: Callable[..., bool]) -> None:
    rollout = "20261122-2200-cloud02-bb02"
    made = console(f"not running; resume it with: quads-tui resume {rollout}")
    made.context.real_time = lambda: NOW + 200.0
    made.gone = RunnerGone(since=NOW, who="bob@jump", command=f"quads-tui resume {rollout}", key=True)
    assert snap_compare(made, terminal_size=size)


def test_screen_of_a_watcher(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(console("controlled by ann@jump, run by process 4711 of alice (watching r1)"), terminal_size=(120, 40))
