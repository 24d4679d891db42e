"""The screen of a rollout of several clouds: each cloud with its bar, and its hosts alone."""

from __future__ import annotations

import pytest

from quads_tui.rollout.commands import WriteNext
from quads_tui.rollout.events import HostChanged
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import HostStatus, Kind
from quads_tui.rollout.state import Rollout

from .desk import desk


def round_of(number: int, each: int) -> Rollout:
    names = [f"cloud{n:02}" for n in range(2, 2 + number)]
    hosts = tuple(HostPlan(f"h{n:02}-{name}.example.com", "x", cloud=name) for name in names for n in range(each))
    made = Rollout("r1", Plan(tuple(Goal(name, Kind.BUILD) for name in names), hosts))
    for host in hosts[: min(each + 1, len(hosts) - 1)]:
        made.apply(HostChanged(1.0, host.name, HostStatus.DONE))
    return made


@pytest.mark.parametrize(("size", "shown"), [((80, 24), 2), ((120, 40), 20), ((200, 60), 20)])
async def test_every_cloud_has_its_bar_as_far_as_there_is_room(size: tuple[int, int], shown: int) -> None:
    async with desk(round_of(20, 35), size) as d:
        head = d.text.splitlines()[:10]
        assert " 20 clouds  700 hosts " in head[0]
        panel = "\n".join(head[4 : 4 + (1 if size[1] == 24 else 5)])
        assert panel.count(" 0/35") + panel.count(" 1/35") + panel.count(" 35/35") == shown
        assert "cloud03" in panel and " 1/35" in panel
        assert ("and 18 more" in panel) == (shown == 2)
        assert all(len(line) <= size[0] for line in d.text.splitlines())


async def test_the_filter_shows_the_hosts_of_one_cloud() -> None:
    async with desk(round_of(3, 2)) as d:
        d.app.run_command("filter cloud:cloud03")
        await d.pilot.pause()
        assert sorted(d.app.table.shown) == ["h00-cloud03.example.com", "h01-cloud03.example.com"]


async def test_the_screen_of_clouds_scrolls_and_shows_the_hosts_of_one_in_the_table() -> None:
    async with desk(round_of(30, 2), (80, 24)) as d:
        await d.press("C")
        assert "30 clouds, 60 hosts" in d.text and "▌cloud02" in d.text and "cloud31" not in d.text
        await d.press(*["j"] * 40)
        assert "▌cloud31" in d.text and "cloud02" not in d.text.split("\n", 3)[3]
        await d.press("enter")
        assert sorted(d.app.table.shown) == ["h00-cloud31.example.com", "h01-cloud31.example.com"]


async def test_keys_of_the_screen_of_clouds_are_for_all_hosts_of_the_cloud() -> None:
    async with desk(round_of(3, 2)) as d:
        await d.press("C", "j", "j", "w", "y")
        assert d.control.orders == [WriteNext(("h00-cloud04.example.com", "h01-cloud04.example.com"))]


async def test_one_cloud_has_its_screen_too() -> None:
    async with desk(round_of(1, 2)) as d:
        await d.press("C")
        assert "1 cloud, 2 hosts" in d.text
