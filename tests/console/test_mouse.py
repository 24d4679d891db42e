"""The mouse chooses, sorts, opens and presses keys; and it submits nothing without a question."""

from __future__ import annotations

import pytest

from quads_tui.console.dialogs import Question
from quads_tui.console.screens.causes import CausesScreen
from quads_tui.console.screens.host import HostScreen
from quads_tui.console.screens.map import MapScreen
from quads_tui.rollout.stages import HostStatus

from .desk import Desk, desk
from .feed import rollout


async def click(d: Desk, words: str, times: int = 1) -> None:
    """On the first character of these words, where they stand first on the screen from the bottom up."""
    d.seconds += 5.0
    lines = d.text.splitlines()
    y = max(number for number, line in enumerate(lines) if words in line)
    await d.pilot.click(offset=(lines[y].index(words), y), times=times)
    await d.pilot.pause()


async def test_a_click_on_a_title_sorts_and_the_second_one_turns_round() -> None:
    async with desk() as d:
        await click(d, "IN STAGE")
        assert "by time" in d.app._main.state()
        await click(d, "IN STAGE")
        assert "by time reversed" in d.app._main.state()
        await click(d, "NOTE")
        assert "by cause" in d.app._main.state()
        assert not d.control.orders


async def test_a_click_on_a_row_moves_the_cursor_and_two_open_the_host() -> None:
    async with desk() as d:
        name = d.app.table.shown[3]
        short = d.model.hosts[name].short
        await click(d, short)
        assert d.app.table.cursor == name
        assert not isinstance(d.app.screen, HostScreen)
        await click(d, short, times=2)
        assert isinstance(d.app.screen, HostScreen)
        assert d.app.view.chosen() == [name]
        await click(d, "esc back")
        assert d.app.screen is d.app._main


async def test_a_click_on_a_key_asks_as_the_key_does() -> None:
    async with desk() as d:
        d.app.table.go(d.app.table.shown.index(d.first(HostStatus.FAILED)))
        d.app.panels()
        await d.pilot.pause()
        await click(d, "r retry")
        assert isinstance(d.app.screen, Question)
        await d.pilot.click(offset=(60, 20), times=2)
        assert not d.control.orders, "a click is no answer"
        await d.press("n")
        d.app.table.go(d.app.table.shown.index(d.first(HostStatus.DONE)))  # its keys leave room for all others
        d.app.panels()
        await d.pilot.pause()
        await click(d, "p pause new")
        assert isinstance(d.app.screen, Question)
        await d.press("n")
        await click(d, "Failures by cause")
        assert isinstance(d.app.screen, CausesScreen)
        assert not d.control.orders


async def test_no_click_anywhere_submits_anything() -> None:
    async with desk(size=(80, 24)) as d:
        for y in (0, 1, 3, 6, 8, 20, 21, 22, 23):
            for x in (6, 25, 70):
                await d.pilot.click(offset=(x, y))
        await d.pilot.pause()
        assert not d.control.orders


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_a_click_on_a_failure_shows_its_hosts_only(size: tuple[int, int]) -> None:
    async with desk(size=size) as d:
        group = max(d.model.groups.values(), key=lambda group: len(group.hosts))
        await click(d, f"{len(group.hosts)} at ")
        shown = set(d.app.table.shown)
        assert any(shown == set(found.hosts) for found in d.model.groups.values())
        assert "(esc: all)" in d.app._main.state()
        if size[0] == 80:
            await click(d, "F: 2 more")
            assert isinstance(d.app.screen, CausesScreen)


async def test_a_click_in_the_list_of_causes_chooses_and_two_show_the_hosts() -> None:
    async with desk() as d:
        await d.press("F")
        screen = d.app.screen
        assert isinstance(screen, CausesScreen)
        first = screen.group
        await d.pilot.click(offset=(10, 4))
        second = screen.group
        assert second is not first
        await d.pilot.click(offset=(10, 4), times=2)
        await d.pilot.pause()
        assert second is not None
        assert set(d.app.table.shown) == set(second.hosts)


async def test_a_click_in_the_map_chooses_the_cell_and_two_open_the_host() -> None:
    async with desk(rollout(85)) as d:
        await d.press("M")
        screen = d.app.screen
        assert isinstance(screen, MapScreen)
        rack = [host.name for host in sorted(d.model.hosts.values(), key=lambda host: host.name) if host.short.startswith("f01-")]
        y = next(number for number, line in enumerate(d.text.splitlines()) if line.startswith(" f01"))
        x = 1 + 12 + 1
        await d.pilot.click(offset=(x + 7, y))
        assert d.app.view.chosen() == [rack[7]]
        await d.pilot.click(offset=(x - 1, y))
        await d.pilot.click(offset=(x + len(rack), y))
        await d.pilot.click(offset=(x + 7, 1))
        assert d.app.view.chosen() == [rack[7]], "beside the cells there is nothing to choose"
        await d.pilot.click(offset=(x + 9, y), times=2)
        await d.pilot.pause()
        assert isinstance(d.app.screen, HostScreen)
        assert d.app.view.chosen() == [rack[9]]


async def test_a_key_that_does_nothing_is_said_once() -> None:
    async with desk() as d:
        await d.press("z")
        assert d.app.context.flash == "no key z here; ? shows the keys"
        d.app.context.flash = ""
        await d.press("z", "z", "j")
        assert not d.app.context.flash
        await d.press("f9")
        assert d.app.context.flash == "no key f9 here; ? shows the keys"
        await d.press("v", "o")
        assert d.app.context.flash == "no key o here; ? shows the keys", "it sorts the table, but not the graphs"
        d.app.context.flash = ""
        await d.press("escape", "slash", "z", "z", "escape")
        assert not d.app.context.flash
