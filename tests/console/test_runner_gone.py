"""The banner of a console whose runner has exited: since when, the command, and the key where this user may."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from quads_tui.console.dialogs import Question
from quads_tui.render.runner_gone import RunnerGone, banner, sentences
from quads_tui.rollout.rollout_time import RolloutTime
from quads_tui.rollout.time_words import clock_time

from .desk import desk
from .feed import NOW, rollout

GONE = RunnerGone(since=NOW, who="bob@jump", command="quads-tui resume 20261122-220000-cloud02-bb02", key=True)
SINCE = clock_time(NOW, NOW)


@pytest.mark.parametrize("width", [80, 120, 160, 200])
@pytest.mark.parametrize("key", [True, False])
def test_the_banner_has_time_and_command_at_every_width(width: int, key: bool) -> None:
    gone = RunnerGone(since=NOW, who=GONE.who, command=GONE.command, key=key)
    line = banner(gone, rollout(60), NOW + 200.0, width).plain
    assert cell_len(line) == width
    assert f"NOT RUNNING since {SINCE}" in line or (f"NOT RUNNING ({SINCE})" in line and width == 80)
    assert GONE.command in line
    assert ("ctrl+r" in line) is key
    if width >= 120:
        assert "(3 min ago)" in line
    if width == 200:
        assert "bob@jump" in line


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_it_stands_on_every_screen_until_somebody_resumes(size: tuple[int, int]) -> None:
    async with desk(size=size) as d:
        d.app.context.real_time = lambda: NOW + 200.0
        d.app.read_only = "not running; resume it with: quads-tui resume x"
        d.app.gone = GONE
        for key in ("M", "v", "escape"):
            d.app.panels()
            await d.pilot.pause()
            assert "NOT RUNNING" in d.lines("header")[1]
            await d.press(key)
        d.app.gone, d.app.read_only = None, ""
        d.app.panels()
        await d.pilot.pause()
        assert "NOT RUNNING" not in d.text


async def test_the_key_asks_and_ends_the_console_only_where_the_process_has_gone() -> None:
    async with desk() as d:
        await d.press("ctrl+r")
        assert "only after the process that runs the rollout has exited" in d.text
        d.app.gone = RunnerGone(since=NOW, who="bob@jump", command=GONE.command, key=False)
        await d.press("ctrl+r")
        assert f"type in a shell: {GONE.command}" in d.text
        d.app.gone = GONE
        await d.press("ctrl+r")
        assert isinstance(d.app.screen, Question) and "WIPED" in d.text
        await d.press("enter")
        assert d.app.return_value is None
        await d.press("ctrl+r", "y")
        assert d.app.return_value == "resume"


async def test_whoever_resumed_it_meanwhile_keeps_it() -> None:
    async with desk() as d:
        d.app.gone = GONE
        await d.press("ctrl+r")
        d.app.gone = None
        await d.press("y")
        assert d.app.return_value is None
        assert "another process now runs the rollout" in d.text


def test_sentences_say_what_was_known() -> None:
    first, known, how = sentences(GONE, rollout(60), NOW + 200.0)
    assert first == f"The process of bob@jump that ran the rollout exited; its last entry is of {SINCE} (3 min ago)."
    assert " of 60 hosts done, " in known and known.endswith("1 armed (the next boot reinstalls them).")
    assert how.endswith(f"{GONE.command}.")


def test_the_time_is_the_rollouts_own_in_a_faster_rehearsal() -> None:
    model = rollout(60)
    model.time = RolloutTime()
    model.time.begin(NOW - 60.0, 30.0)
    assert f"since {clock_time(NOW - 60 + 60 * 30, NOW)}" in banner(GONE, model, NOW, 120).plain
