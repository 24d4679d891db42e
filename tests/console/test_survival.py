"""What goes wrong in the screen, and text from outside, end neither the screen nor the rollout."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from textual.events import AppFocus, Paste

from quads_tui.console.key_actions import KEY_ACTIONS
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import HostChanged, Notice
from quads_tui.rollout.stages import HostStatus, Stage
from tests.effort import tries
from tests.waiting import until

from .desk import Desk, desk
from .feed import NOW, rollout


async def test_a_broken_panel_becomes_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as d:
        d.error_count = 2
        monkeypatch.setattr("quads_tui.render.header.bar", lambda *_: 1 / 0)
        d.app.run_safely(d.app.panels)()
        await d.pilot.pause()
        assert "display error: ZeroDivisionError" in d.text
        d.app.context.flash = ""
        await d.press("f")  # a key's act draws the panels, too
        assert "display error: ZeroDivisionError" in d.text


async def test_f4_a_handler_of_any_event_that_fails_becomes_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as d:

        def broken(*_: object) -> None:
            raise KeyError("x")

        for work in (
            lambda: monkeypatch.setattr(type(d.app.table), "on_resize", broken) or d.pilot.resize_terminal(90, 30),
            lambda: monkeypatch.setattr(type(d.app), "_on_paste", broken) or d.app.post_message(Paste("abc")),
            lambda: d.app.call_later(broken),
            lambda: monkeypatch.setattr(type(d.app), "on_app_focus", broken) or d.app.post_message(AppFocus()),
        ):
            before = d.app.error_count
            done = work()
            if hasattr(done, "__await__"):
                await done
            await until(lambda before=before: d.app.error_count > before)
            await d.pilot.pause()
            assert d.app._exception is None
        assert "display error: KeyError; the rollout is unaffected" in d.text
        d.error_count = d.app.error_count


async def test_what_nothing_caught_ends_the_screen_only_and_shows_no_variables(capsys: pytest.CaptureFixture[str]) -> None:
    made = Desk(rollout(10))
    with pytest.raises(ZeroDivisionError):
        async with made.app.run_test(size=(80, 24)):
            secret = "calvin"

            def broken() -> None:
                _ = secret, 1 / 0

            made.app.call_next(broken)
            await until(lambda: made.app._exception is not None)
    assert made.app.return_value is None
    said = capsys.readouterr()
    assert "calvin" not in said.out + said.err


POISON = ("404 at [/redfish/v1/Systems]", "[b", "日本語" * 20, "é" * 200, "x" * 10_000)


@given(drawn=st.lists(st.text(max_size=60), min_size=3, max_size=3))
@settings(max_examples=tries(2, 20), deadline=None)
@example(drawn=POISON)
async def test_text_from_outside_never_ends_the_screen(drawn: Sequence[str]) -> None:
    from quads_tui.rollout.text import clean

    model = rollout(30)
    reasons = dict(zip(list(model.hosts)[4:], drawn, strict=False))
    async with desk(model, (80, 24)) as d:
        for name, reason in reasons.items():
            model.apply(HostChanged(NOW, name, HostStatus.FAILED, Stage.PXE_SET, Cause.REFUSED, clean(reason)))
            model.apply(Notice(NOW, "warning", clean(reason)))
            d.app.panels()
            d.app.table.go(d.app.table.shown.index(name))
            await d.press("enter", "escape", "r", "n")
            assert not any(ord(char) < 32 for char in d.text.replace("\n", ""))


def test_only_the_console_loads_textual() -> None:
    code = "import sys, quads_tui.render.boxes, quads_tui.engine.executor, quads_tui.cli.main; print('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


KEYS = [
    key
    for act in KEY_ACTIONS
    if act.keys and act.where not in ("start", "plain") and act.name not in ("leave", "shot", "ask_bmc")  # which only reads
    for key in act.keys.split(",")
]


@pytest.mark.parametrize("keys", [KEYS[at::5] for at in range(5)], ids=" ".join)
async def test_every_key_is_safe_alone(keys: list[str]) -> None:
    """Pressed by mistake it breaks nothing, and submits nothing."""
    async with desk(size=(80, 24)) as d:
        for key in keys:
            await d.press(key, "enter", "escape", "escape")
            assert "HOST" in d.text, key
            assert not d.control.orders, key
