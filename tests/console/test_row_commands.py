"""The keys of row commands: for which hosts they run, when they ask, and where they are shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from quads_tui.console.dialogs import Question
from quads_tui.console.screens.host import HostScreen
from quads_tui.console.taken_keys import taken_keys
from quads_tui.rollout.row_commands import RowCommand, RunsIn, Screen, UnusableFact
from tests.waiting import until

from .desk import Desk
from .feed import rollout


class Fake:
    """Implements RowCommandRunner."""

    def __init__(self, commands: Sequence[RowCommand]) -> None:
        self.commands = commands
        self.free = 8
        self.tmux = True
        self.broken = ""
        self.for_hosts: Callable[[str], bool] = lambda host: True
        self.started: list[tuple[str, str]] = []
        self.on_end: list[Callable[[str], None]] = []

    def is_for(self, command: RowCommand, host: str) -> bool:
        return self.for_hosts(host)

    def argv(self, command: RowCommand, host: str) -> tuple[str, ...]:
        if self.broken:
            raise UnusableFact(self.broken)
        return ("ssh", f"root@{host}")

    def runs_in(self, command: RowCommand) -> RunsIn:
        return RunsIn.SCREEN if not self.tmux and command.runs_in is RunsIn.PANE else command.runs_in

    def start(self, command: RowCommand, host: str, on_end: Callable[[str], None]) -> None:
        self.started.append((command.name, host))
        self.on_end.append(on_end)

    async def run_on_screen(self, command: RowCommand, host: str) -> str:
        raise AssertionError("there is no terminal here")


SSH = RowCommand(key="x", name="ssh", run=("ssh", "root@{host}"), help="log in to the host", where=(Screen.TABLE, Screen.DETAIL))
SEL = RowCommand(key="5", name="sel", run=("ipmitool",), runs_in=RunsIn.BACKGROUND, confirm=True)


@asynccontextmanager
async def desk_with(fake: Fake, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Desk]:
    made = Desk(rollout(60))
    made.app.context.row_commands = fake
    async with made.app.run_test(size=size) as pilot:
        made.pilot = pilot
        await pilot.pause()
        yield made
        assert made.app.error_count == made.error_count


@pytest.fixture
def fake() -> Fake:
    return Fake([SSH, SEL])


async def test_the_key_runs_it_for_the_host_under_the_cursor_and_says_how_it_ends(fake: Fake) -> None:
    async with desk_with(fake) as d:
        host = d.app.table.cursor
        await d.press("x")
        assert fake.started == [("ssh", host)]
        assert f"ssh for {host.split('.')[0]} started in tmux" in d.text
        fake.on_end[0]("exit status 255")
        await d.pilot.pause()
        assert f"ssh for {host.split('.')[0]}: exit status 255" in d.text
        assert not d.control.orders, "the rollout hears of it by the runner only"


async def test_footer_help_command_line_and_palette_have_it(fake: Fake) -> None:
    async with desk_with(fake) as d:
        d.app.panels()
        await d.pilot.pause()
        assert "x ssh" in d.lines("footer")[1]
        assert {"ssh", "sel"} <= {action.command for action in d.app.available}
        await d.press("colon", *"ss", "tab", "enter")
        assert fake.started == [("ssh", d.app.table.cursor)]
        await d.press("question_mark", "pagedown", "pagedown", "pagedown")
        assert "Commands of the site" in d.text
        assert ":ssh" in d.text
        assert "log in to the host" in d.text


async def test_it_runs_where_the_site_wants_it_and_while_only_watching(fake: Fake) -> None:
    async with desk_with(fake) as d:
        d.app.read_only = "watching r1"
        await d.press("enter")
        assert isinstance(d.app.screen, HostScreen)
        assert "x ssh" in d.text
        await d.press("x")
        assert (
            "started in tmux; this console is read-only, so it is recorded in commands.log, not in the journal"
            in d.app.context.flash
        )
        await d.press("escape", "M", "x")
        assert fake.started == [("ssh", d.app.table.cursor)]
        assert "ssh can be used only on: table, detail" in d.text
        assert "x ssh" not in d.text
        assert "5 sel" in d.text
        fake.for_hosts = lambda host: False
        await d.press("escape", "x")
        assert "ssh: not meant for the chosen hosts (site file); nothing was run" in d.text
        assert "x ssh" not in d.text


async def test_it_asks_where_the_site_wants_that_and_for_several_hosts(fake: Fake) -> None:
    async with desk_with(fake) as d:
        for no in ("n", "enter", "escape"):
            await d.press("5")
            assert isinstance(d.app.screen, Question)
            assert "Run sel for 1 host?" in d.text
            assert f"ssh root@{d.app.table.cursor}" in d.text
            await d.press(no)
            assert "sel: nothing was run" in d.text
        assert not fake.started
        await d.press("space", "space", "x")
        assert "Run ssh for 2 hosts?" in d.text
        await d.press("y")
        assert fake.started == [("ssh", host) for host in d.app.table.marks]


async def test_what_cannot_run_is_said_and_nothing_runs(fake: Fake) -> None:
    async with desk_with(fake, (160, 40)) as d:
        await d.press("space", "space", "space")
        fake.free = 2
        await d.press("x")
        assert "at most 8 row commands run at the same time: 6 are running, so 2 more can start, not 3; nothing was run" in d.text
        fake.free, fake.tmux = 8, False
        await d.press("x")
        assert "the command needs the whole screen, so it runs for one host at a time; 3 are chosen" in d.text
        await d.press("backslash")
        fake.broken = "the mac of a01 is not known"
        await d.press("x")
        assert "ssh: the mac of a01 is not known; nothing was run" in d.text
        fake.broken = ""
        await d.press("x")
        await until(lambda: "ssh: there is no terminal; nothing was run" in d.app.context.flash)
        assert not fake.started


async def test_keys_of_a_field_or_a_question_are_no_row_commands(fake: Fake) -> None:
    async with desk_with(fake) as d:
        await d.press("slash", "x", "5", "enter")
        await d.press("escape", "p", "x", "n")
        await d.press("colon", "x", "escape")
        assert not fake.started


def test_every_key_of_the_screens_is_taken() -> None:
    taken = taken_keys()
    assert {"r", "/", ":", "?", "t", "[", "]", "\\", "*"} <= taken.keys.keys()
    assert {"x", "5", "z"}.isdisjoint(taken.keys)
    assert taken.keys["r"] == "retry"
    assert "retry" in taken.names
