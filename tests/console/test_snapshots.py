"""What the screens look like, at three sizes and without colours; on a frozen clock. `pytest --snapshot-update` accepts a change."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import pytest

from quads_tui.console.app import Console

from .feed import Clock, Recorder, meters, rollout

SCREENS = {
    "main-80x24": ((80, 24), []),
    "main-120x40": ((120, 40), []),
    "main-200x60": ((200, 60), []),
    "too-small": ((70, 20), []),
    "failures-120x40": ((120, 40), ["f", "space", "space"]),
    "retry-120x40": ((120, 40), ["f", "space", "space", "r"]),
    "detail-80x24": ((80, 24), ["enter"]),
    "help-80x24": ((80, 24), ["question_mark"]),
}


def console(read_only: str = "") -> Console:
    ticks = itertools.count(100.0, 5.0)  # no dialog is deaf
    return Console(
        rollout(),
        meters(),
        Recorder(),
        Clock(),
        title="REHEARSAL",
        read_only=read_only,
        frozen=True,
        monotonic=lambda: next(ticks),
    )


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.parametrize("name", SCREENS)
def test_screen(name: str, snap_compare: Callable[..., bool]) -> None:
    size, keys = SCREENS[name]
    assert snap_compare(console(), terminal_size=size, press=keys)


def test_screen_without_colours(snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(console(), terminal_size=(80, 24))


def test_screen_of_a_watcher(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(console("watching r1, run by process 4711 of alice"), terminal_size=(120, 40))
