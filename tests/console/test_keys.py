"""Questions answer once, pauses ask, and what is pasted acts on nothing: on every screen, with keys in one go."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from textual.events import Key, Paste

from quads_tui.console.app import Console
from quads_tui.console.command_line import CommandLine
from quads_tui.console.dialogs import Question, TextQuestion
from quads_tui.console.field import COMMAND, FILTER, Field
from quads_tui.console.key_actions import KEY_ACTIONS
from quads_tui.console.screens.table import TableScreen
from quads_tui.console.start_screen import StartApp
from quads_tui.render.host_filter import BUDGET, host_filter
from quads_tui.render.rollout_list import Source
from quads_tui.rollout.commands import Pause, Retry, Skip
from quads_tui.rollout.events import Paused
from quads_tui.rollout.stages import HostStatus
from tests.waiting import PATIENCE

from .desk import Desk, desk
from .feed import NOW, rollout
from .test_keyboard import CHAT
from .test_plain_session import Plain
from .test_start import ROWS, Recorder, text

NAMES = {"\r": "enter", "\x1b": "escape", "/": "slash", ":": "colon"}


def post(app: Console | StartApp, keys: str) -> None:
    for key in keys:
        app.post_message(Key(NAMES.get(key, key), key))


async def burst(d: Desk, keys: str) -> None:
    """All in one go, long after what was typed before."""
    d.seconds += 5.0
    post(d.app, keys)
    for _ in range(4):
        await d.pilot.pause()


async def on_failed(d: Desk) -> str:
    host = d.first(HostStatus.FAILED)
    d.app.table.go(d.app.table.shown.index(host))
    return host


@pytest.mark.parametrize(
    ("keys", "orders"),
    [
        ("yy", 1),
        ("yn", 1),
        ("yyyyyyyyyy", 1),
        ("ny", 0),
        ("nn", 0),
        ("\r\r", 0),
        ("\x1b\x1b", 0),
        ("\ry", 0),
        ("yr", 1),
        ("y?:", 1),
    ],
)
async def test_f1_the_first_key_of_a_burst_answers_and_the_rest_is_nobodys(keys: str, orders: int) -> None:
    async with desk() as d:
        host = await on_failed(d)
        clipboard, cursor = d.app.clipboard, d.app.table.cursor
        await d.press("r")
        await burst(d, keys)
        assert d.control.orders == [Retry((host,))] * orders
        assert isinstance(d.app.screen, TableScreen), "nothing else was opened"
        assert (d.app.clipboard, d.app.table.cursor) == (clipboard, cursor), "nor copied, nor moved"


async def test_f1_a_held_key_answers_once_and_is_nobodys_until_it_is_let_go() -> None:
    async with desk() as d:
        await on_failed(d)
        await d.press("r")
        d.seconds += 5.0
        for pause in (0.0, 0.5, *[0.033] * 60):  # as keyboards repeat: after half a second, then thirty a second
            d.seconds += pause
            await d.pilot.press("y")
        assert len(d.control.orders) == 1
        assert not d.app.clipboard
        await d.press("y")
        assert d.app.clipboard, "pressed anew it is a key again"


async def test_f1_a_key_that_is_held_down_before_the_question_is_no_answer() -> None:
    async with desk() as d:
        await on_failed(d)
        await d.press("r")
        for _ in range(60):
            d.seconds += 0.033
            await d.pilot.press("y")
        assert not d.control.orders
        await d.press("y")
        assert len(d.control.orders) == 1


async def test_f1_a_click_and_a_key_are_one_answer() -> None:
    async with desk() as d:
        await on_failed(d)
        await d.press("r")
        d.seconds += 5.0
        post(d.app, "y")
        await d.pilot.click(offset=(60, 20))
        await d.pilot.click(offset=(60, 20))
        assert len(d.control.orders) == 1


async def test_f1_every_dialog_ends_once() -> None:
    async with desk() as d:
        await d.press("f", "asterisk", "f", "r")  # the number
        assert isinstance(d.app.screen, TextQuestion)
        await burst(d, f"{len(d.app.table.marks)}\r\r\r")
        assert len(d.control.orders) == 1
        assert isinstance(d.app.screen, TableScreen)
        await d.press("backslash")
        await on_failed(d)
        await d.press("s", "y")  # the reason
        await burst(d, "\r\r")
        assert isinstance(d.control.orders[1], Skip)
        await d.press("ctrl+c")
        await burst(d, "gs")
        await d.press("p")
        await burst(d, "yy")
        assert d.control.orders[2:] == [Pause("admission", True)]
        await d.press("colon")
        await burst(d, "\x1b\x1b\x1b")
        await d.press("question_mark")
        await burst(d, "\x1b\x1b\x1b")
        assert isinstance(d.app.screen, TableScreen)
        assert d.app.is_running


async def test_f1_the_dialogs_of_the_start_screen_end_once() -> None:
    recorder = Recorder()
    now = [100.0]
    app = StartApp(recorder, frozen=True, monotonic=lambda: now[0])
    async with app.run_test(size=(120, 40)) as pilot:

        async def keys(letters: str) -> None:
            now[0] += 5.0
            post(app, letters)
            for _ in range(4):
                await pilot.pause()

        asked = asyncio.create_task(app.confirm_plan(["a plan"], 3, "wiped"))
        await pilot.pause()
        await keys("\r\r\r")  # the page, and a question that is deaf
        assert isinstance(app.screen, Question)
        await keys("yyr")
        assert await asyncio.wait_for(asked, PATIENCE)
        await keys("qqq")
        assert isinstance(app.screen, Question), "q once more is no answer"
        await keys("nn")
        assert (recorder.calls, app.return_value, app.error_count) == ([], None, 0)
        await keys("n")
        await app.chosen()
        await keys("\r\r")
        assert recorder.calls == ["plan_new cloud02.yaml"]


async def test_keys_that_are_typed_before_the_sources_are_found_open_and_start_nothing() -> None:
    found = threading.Event()

    class Slow(Recorder):
        def sources(self) -> tuple[Source, ...]:
            found.wait()
            return super().sources()

    recorder = Slow()
    app = StartApp(recorder, frozen=True)
    async with app.run_test() as pilot:
        await pilot.pause()
        post(app, "n\rr")
        await pilot.pause()
        assert (recorder.calls, app.return_value) == ([], None)
        found.set()
        await app.chosen()
        await pilot.press("enter")
        await pilot.pause()
        assert recorder.calls == ["plan_new cloud02.yaml"]


@pytest.mark.parametrize(("key", "what"), [("p", "admission"), ("P", "writes")])
async def test_f2_pauses_ask_in_both_directions_and_say_why(key: str, what: str) -> None:
    async with desk() as d:
        await d.press(key)
        assert "Pause " in d.text
        await d.press("enter", key, "n")
        assert not d.control.orders
        await d.press(key, "y")
        d.model.apply(Paused(NOW, what, True, "me", "Foreman refused two hosts: 422"))
        await d.press(key)
        assert "Paused because: Foreman refused two hosts: 422" in d.text
        await d.press("n", key, "y")
        assert d.control.orders == [Pause(what, True), Pause(what, False)]


async def test_f2_a_pause_that_came_while_the_question_stood_is_asked_about_with_its_cause() -> None:
    async with desk() as d:
        d.model.apply(Paused(NOW, "admission", True, "me", "by the operator"))
        await d.press("p")
        assert "Paused by the operator." in d.text
        d.model.apply(Paused(NOW, "admission", True, "me", "10 of 12 hosts failed: dhcp conflict"))
        await d.press("y")
        assert not d.control.orders
        assert "Paused because: 10 of 12 hosts failed: dhcp conflict" in d.text
        await d.press("y")
        assert d.control.orders == [Pause("admission", False)]


async def test_f2_a_model_that_is_paused_for_a_cause_is_resumed_with_its_cause_on_the_screen() -> None:
    async with desk() as d:
        d.model.apply(Paused(NOW, "model R650", True, "me", "3 of 3 refused: not licensed"))
        await d.press("p")
        assert "Paused (model R650) because: 3 of 3 refused: not licensed" in d.text
        await d.press("y")
        assert d.control.orders == [Pause("admission", False)]


def test_f2_typed_words_ask_before_a_pause_and_say_why() -> None:
    p = Plain()
    assert "Type y to confirm, anything else cancels." in p.type("pause-writes")
    p.type("n", "pause-writes", "y")
    p.model.apply(Paused(NOW, "writes", True, "me", "Foreman hangs"))
    assert "Paused because: Foreman hangs" in p.type("pause-writes")
    assert "Resume requested: Foreman writes." in p.type("y")
    assert p.control.orders == [Pause("writes", True), Pause("writes", False)]


PLACES = ["", "p", "r", "question_mark", "F", "v", "m", "enter", "ctrl+c"]


@pytest.mark.parametrize("place", PLACES)
async def test_f2_a_marked_paste_acts_on_nothing_and_is_said(place: str) -> None:
    async with desk() as d:
        await on_failed(d)
        if place:
            await d.press(place)
        screen = d.app.screen
        d.seconds += 5.0
        d.app.post_message(Paste(CHAT.decode()))
        await d.pilot.pause()
        assert d.app.screen is screen
        assert not d.control.orders
        assert d.app.context.flash.startswith(f"{len(CHAT)} characters received at once (pasted?) were ignored")


async def test_f2_even_as_keys_pasted_text_orders_nothing() -> None:
    """Where nobody could tell it from keys: letter by letter, as fast as a slow remote console types."""
    for gap in (0.0, 0.05):
        async with desk() as d:
            await on_failed(d)
            for letter in CHAT.decode().replace("\n", "\r"):
                d.seconds += gap
                post(d.app, letter)
                await d.pilot.pause()
            assert not d.control.orders
            assert d.app.return_value is None


async def test_f2_who_only_looks_pastes_and_orders_nothing() -> None:
    async with desk() as d:
        d.app.read_only = "watching r1"
        await burst(d, "pyPyryhy\r")
        d.app.post_message(Paste("P\ny"))
        await d.pilot.pause()
        assert not d.control.orders


async def test_f2_control_that_is_taken_while_a_question_stands_orders_nothing() -> None:
    async with desk() as d:
        await d.press("p")
        d.app.read_only = "controlled by bob"
        await d.press("y")
        assert not d.control.orders


async def test_f2_a_paste_on_the_start_screen_acts_on_nothing() -> None:
    recorder = Recorder(ROWS)
    app = StartApp(recorder, frozen=True)
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(Paste("now resume all"))
        await pilot.pause()
        assert (recorder.calls, app.return_value) == ([], None)
        assert "14 characters received at once (pasted?) were ignored" in text(app)


@pytest.mark.parametrize(("key", "limit"), [("slash", FILTER), ("colon", COMMAND)])
async def test_f3_a_field_takes_one_bounded_line_and_says_what_it_did_not_take(key: str, limit: int) -> None:
    async with desk() as d:
        await d.press(key)
        d.app.post_message(Paste("x" * 10_000 + "\nretry"))
        await d.pilot.pause()
        field = d.app.focused
        assert isinstance(field, Field)
        assert field.value == "x" * limit
        assert (
            f"{10_006 - limit} of 10006 characters were dropped: the field accepts one line of at most {limit}"
            in d.app.context.flash
        )
        await d.press("y")
        assert field.value == "x" * limit
        assert d.app.context.flash == f"the field accepts at most {limit} characters"


async def test_f3_a_line_that_comes_at_once_with_enter_is_entered_and_asks() -> None:
    async with desk() as d:
        await on_failed(d)
        await d.press("colon")
        assert isinstance(d.app.screen, CommandLine)
        d.app.post_message(Paste("retry\r"))
        for _ in range(3):
            await d.pilot.pause()
        assert isinstance(d.app.screen, Question)
        assert not d.control.orders


@pytest.mark.parametrize(
    "words",
    ["(a+)+$", "(a|aa)+$", "a?" * 40 + "a" * 40, ".*.*.*.*~", ".*.*~", "[^~]*~", "x " * 100, "(.*)\\1\\1~", "a{1,90}a{1,90}~"],
)
def test_f3_no_filter_takes_long(words: str) -> None:
    hosts = list(rollout(700).hosts.values())
    for host in hosts:
        host.reason = "a" * 250
    fits = host_filter(words)
    began = time.thread_time()
    fits.of(hosts)
    assert time.thread_time() - began < 30 * BUDGET  # minutes to for ever where it is not bounded
    if fits.plain:
        hosts[0].reason = f"it is {fits.plain[0]} literally"
        assert fits.of(hosts) == hosts[:1]


async def test_f3_a_filter_that_is_taken_as_plain_text_says_so() -> None:
    async with desk() as d:
        d.app.run_command("filter (a+)+$")
        await d.pilot.pause()
        assert "'(a+)+$' is searched for as plain text" in d.text


async def test_f4_a_handler_that_fails_is_one_line_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as d:
        monkeypatch.setattr(TableScreen, "on_input_changed", lambda *_: 1 / 0)
        monkeypatch.setattr(Question, "on_key", lambda *_: 1 / 0)
        await d.press("slash", "x", "escape", "p", "y")
        d.error_count = d.app.error_count
        assert d.error_count >= 2
        assert "ZeroDivisionError" in d.app.context.flash
        assert d.app.is_running


def test_f1_every_act_that_changes_the_rollout_is_marked_as_one_that_asks() -> None:
    assert {act.name for act in KEY_ACTIONS if act.make_command} | {"pause", "pause_writes"} <= {
        act.name for act in KEY_ACTIONS if act.dangerous
    }
