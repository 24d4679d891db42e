"""A question on a low or narrow terminal: what happens and what is lost is seen, or nobody can agree to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quads_tui.console.key_actions import BY_NAME
from quads_tui.console.questions import question
from quads_tui.render.question import question_lines, sentences
from quads_tui.rollout.commands import Retry
from quads_tui.rollout.stages import HostStatus

from .desk import desk
from .feed import rollout

WORDS = ("start again at Power off", "Lost: what is on the disks")


@pytest.mark.parametrize("size", [(60, 16), (60, 17), (80, 18)], ids=str)
async def test_what_happens_and_what_is_lost_is_seen_with_the_answer(size: tuple[int, int]) -> None:
    async with desk(size=size) as d:
        await d.press("f", "asterisk", "r")
        number = len(d.app.table.marks)
        rows = d.text.splitlines()
        assert rows[0].startswith("╭─ Retry")
        assert rows[-1].startswith("╰")
        assert all(word in d.text for word in (*WORDS, f"Type {number} to retry"))
        assert all(row.rstrip()[-1] in "╮│╯" for row in rows)  # nothing is cut at the right edge
        await d.press(*str(number), "enter")
        assert len(d.control.orders) == 1


async def test_a_question_that_does_not_fit_is_not_agreed_to() -> None:
    async with desk(size=(60, 16)) as d:
        shared = [host.name for host in d.model.hosts.values() if host.status is HostStatus.FAILED]
        d.app.table.marks.update(dict.fromkeys(shared))
        await d.press("colon", *"bmc-restart", "enter")
        assert "Too long for this terminal" in d.text
        await d.press(*str(len(shared)), "enter")
        assert not d.control.orders
        await d.press("escape")
        assert "nothing was done" in d.app.context.flash


async def test_a_terminal_that_is_made_larger_can_answer() -> None:
    async with desk(size=(80, 24)) as d:
        d.app.table.go(d.app.table.shown.index(d.first(HostStatus.FAILED)))
        await d.press("r")
        await d.pilot.resize_terminal(59, 15)
        await d.press("y")
        assert not d.control.orders
        await d.pilot.resize_terminal(80, 24)
        await d.press("y")
        assert isinstance(d.control.orders[0], Retry)


def test_one_more_host_is_one() -> None:
    hosts = [host for host in rollout(60).hosts.values() if host.status is HostStatus.FAILED]
    asked = replace(question(BY_NAME["retry"], hosts), more=1)
    assert any(line.plain.startswith("and 1 more host ") for line in question_lines(asked, 72, 40))
    assert "And 1 more host." in sentences(asked)
