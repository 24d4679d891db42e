"""Commands by their names: the line behind the colon, the list of all of them, and what is typed at once."""

from __future__ import annotations

from textual.events import Key

from quads_tui.console.command_line import CommandLine
from quads_tui.console.command_palette import CommandPalette
from quads_tui.console.key_actions import KEY_ACTIONS
from quads_tui.console.line_panel import LinePanel
from quads_tui.rollout.commands import Pause, Skip
from quads_tui.rollout.stages import HostStatus

from .desk import Desk, desk


async def test_the_command_line_completes_recalls_and_orders() -> None:
    async with desk() as d:
        failed = d.first(HostStatus.FAILED)
        d.app.table.go(d.app.table.shown.index(failed))
        await d.press("colon", *"skip", "space", *"broken fan", "enter", "y")
        assert d.control.orders == [Skip((failed,), "broken fan")]
        await d.press("colon", *"sort ca", "tab", "enter")
        assert "by cause" in d.text
        await d.press("colon", "up", "up", "enter", "n")
        assert "nothing was done" in d.text
        await d.press("colon", *"pau", "enter")
        assert "unknown command 'pau'" in d.text  # pause or pause-writes: it does not guess
        await d.press("colon", *"pause-w", "enter", "y")
        assert d.control.orders[1:] == [Pause("writes", True)]
        await d.press("colon", *"filter state:failed", "enter")
        assert {d.model.hosts[name].status for name in d.app.table.shown} == {HostStatus.FAILED}
        await d.press("colon", *"retry now", "enter")
        assert "retry accepts no argument" in d.text


async def test_every_act_has_a_command_and_those_of_the_table_are_no_others() -> None:
    async with desk() as d:
        for act in KEY_ACTIONS:
            if act.where in ("start", "plain") or (act.make_command and not act.keys):
                continue  # a command for hosts without a key needs no method
            home = d.app._main if act.where == "table" else d.app
            assert callable(getattr(home, f"action_{act.name}", act.make_command)), act.name
        await d.press("v")
        d.app.run_command("filter x")
        await d.pilot.pause()
        assert "filter works only while the table of hosts is shown" in d.text
        assert all(act.where != "table" for act in d.app.available)


async def test_the_list_of_all_commands_begins_with_what_fits_the_host() -> None:
    async with desk() as d:
        for status, first in ((HostStatus.FAILED, "retry"), (HostStatus.RUNNING, "skip"), (HostStatus.DONE, "help")):
            d.app.table.go(d.app.table.shown.index(d.first(status)))
            await d.press("ctrl+p")
            assert isinstance(d.app.screen, CommandPalette)
            rows = d.app.screen.query_one(LinePanel).text
            assert rows[0].split()[1] == first
            assert not any("cursor-up" in row for row in rows)
            await d.press("escape")
        await d.press("ctrl+p", *"graphs", "enter")
        assert "t whole run or last 30 min" in d.text
        await d.press("escape", "ctrl+p", *"sort", "down", "up", "enter")
        assert "by plan" in d.text
        d.app.table.go(d.app.table.shown.index(d.first(HostStatus.FAILED)))
        await d.press("ctrl+p", "enter")
        assert "Retry " in d.text, "what is chosen asks as its key does"
        await d.press("n", "ctrl+p", *"xyzzy")
        assert "no command has these words" in d.text
        await d.press("enter", "ctrl+p")
        assert d.app.screen is d.app._main
        assert not d.control.orders


def at_once(d: Desk, letters: str) -> None:
    """As a terminal sends what was typed ahead: all in one go."""
    for letter in letters:
        names = {"/": "slash", ":": "colon", "\r": "enter"}
        d.app.post_message(Key(names.get(letter, letter), letter))


async def test_what_is_typed_at_once_behind_the_slash_is_the_filters() -> None:
    async with desk() as d:
        at_once(d, "/skip\r")
        await d.pilot.pause()
        await d.pilot.pause()
        assert "filter 'skip'" in d.text
        assert d.app.screen is d.app._main
        assert not d.control.orders


async def test_what_is_typed_at_once_behind_the_colon_orders_nothing_by_its_letters() -> None:
    async with desk() as d:
        at_once(d, ":pPspu")
        await d.pilot.pause()
        await d.pilot.pause()
        assert isinstance(d.app.screen, CommandLine)
        assert not d.control.orders
