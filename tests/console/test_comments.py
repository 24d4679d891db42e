"""Comments on the screen and in sentences: written by who has control, and read by whoever takes it."""

from __future__ import annotations

import pytest

from quads_tui.console.dialogs import TextQuestion
from quads_tui.rollout.commands import Comment
from quads_tui.rollout.events import HostCommented
from quads_tui.rollout.stages import HostStatus

from .desk import desk
from .feed import NOW, rollout
from .test_plain_session import Plain


async def test_a_comment_is_typed_or_asked_for_and_needs_no_confirmation() -> None:
    async with desk() as d:
        host = d.app.table.cursor
        d.app.run_command("comment PSU replaced")
        await d.press("c")
        assert isinstance(d.app.screen, TextQuestion)
        await d.press(*"ok", "enter")
        await d.press("c", "escape")
        assert "nothing was written" in d.text
        assert d.control.orders == [Comment((host,), "PSU replaced"), Comment((host,), "ok")]
        await d.press("asterisk", "c")
        assert f"Comment on {len(d.model.hosts)} hosts" in d.text


async def test_who_only_watches_is_told_who_may_comment() -> None:
    async with desk() as d:
        d.app.read_only = "watching r1, controlled by bob@jump"
        d.app.run_command("comment PSU replaced")
        await d.pilot.pause()
        assert "comments need control" in d.text
        assert not d.control.orders


async def test_who_takes_control_is_told_the_comments() -> None:
    async with desk() as d:
        host = d.app.table.cursor
        d.app.read_only = "controlled by ann@jump, process 4711"
        d.model.apply(HostCommented(NOW, host, "ann@jump", "PSU replaced"))
        d.app.read_only = ""
        assert d.app.context.flash == (f"You have control. 1 comment by ann@jump: {host.partition('.')[0]}: PSU replaced")


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_who_has_control_is_always_said(size: tuple[int, int]) -> None:
    async with desk(size=size) as d:
        d.app.panels()
        await d.pilot.pause()
        assert "you have control" in d.lines("header")[0]
        d.app.read_only = "controlled by ann@jump, process 4711"
        d.app.panels()
        await d.pilot.pause()
        assert "READ-ONLY: controlled by ann@jump" in d.lines("header")[0]


def test_sentences() -> None:
    model = rollout(60)
    name = next(host.name for host in model.hosts.values() if host.status is HostStatus.FAILED)
    model.apply(HostCommented(NOW, name, "ann@jump", "PSU replaced"))
    p = Plain(model)
    p.session.start(True)
    assert f"1 comment by ann@jump: {name.partition('.')[0]}: PSU replaced." in p.said
    assert "Comment on 1 host: type the text; an empty line cancels." in p.type(f"comment {name}")
    assert p.type("checked again") == "Comment sent."
    assert p.type(f"comment {name}", "").endswith("Nothing was written.")
    assert p.control.orders == [Comment((name,), "checked again")]
    watching = Plain(model, control=False)
    watching.context.read_only = "watching r1"
    assert "Read-only" in watching.type(f"comment {name}", "x")
