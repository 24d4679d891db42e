"""Comments of operators: kept with who and when, cleaned and bounded, also of an attached console, and over a resume."""

from __future__ import annotations

import asyncio
import json

import pytest

from quads_tui.render.comments import comments_summary
from quads_tui.rollout.commands import Comment, Pause, Stop
from quads_tui.rollout.comments import KEPT, LENGTH
from quads_tui.rollout.events import Commanded, HostCommented, Paused, from_row, to_row
from quads_tui.rollout.state import Rollout

from .model import Lab
from .test_flow import names

pytestmark = pytest.mark.looptime


async def test_a_comment_is_an_event_of_each_host_with_who_wrote_it_and_changes_nothing_else() -> None:
    lab = Lab(names(3))
    one, other, _ = names(3)
    lab.executor.start()
    lab.executor.submit(Comment((one, other, "stranger", one), " PSU\x1b[31m replaced\n "), "ann@jump")
    lab.executor.submit(Comment((one,), "x" * 1000))
    lab.executor.submit(Comment((one,), " \n "), "ann@jump")
    lab.executor.submit(Pause("writes", True), "ann@jump")
    lab.executor.submit(Pause("writes", False))
    await asyncio.sleep(1)
    lab.executor.submit(Stop())
    await asyncio.sleep(1)
    events = lab.journal.events
    comments = [event for event in events if isinstance(event, HostCommented)]
    own = lab.executor._context.who
    assert [(event.host, event.who) for event in comments] == [(one, "ann@jump"), (other, "ann@jump"), (one, own)]
    assert comments[0].text == "PSU [31m replaced"
    assert len(comments[2].text) == LENGTH
    audit = [(event.who, event.text) for event in events if isinstance(event, Commanded)][:5]
    assert audit[0] == ("ann@jump", f"comment: {one}, {other}; not possible for 2 in their state: PSU [31m replaced")
    assert audit[2] == ("ann@jump", "comment: nothing was written, or no such host")
    assert [who for who, _ in audit] == ["ann@jump", own, "ann@jump", "ann@jump", own]
    assert [event.who for event in events if isinstance(event, Paused) and event.what == "writes"] == ["ann@jump", own]

    again = Rollout("r", lab.rollout.plan)  # as a resume and a watch read it
    for event in events:
        again.apply(from_row(json.loads(json.dumps(to_row(event)))))
    assert [one.text for one in again.hosts[one].comments] == ["PSU [31m replaced", comments[2].text]
    assert again.hosts[one].comments == lab.rollout.hosts[one].comments
    assert "PSU [31m replaced" in comments_summary(again.hosts.values())


async def test_of_many_comments_the_newest_are_kept() -> None:
    lab = Lab(names(1))
    (name,) = names(1)
    lab.executor.start()
    for number in range(KEPT + 5):
        lab.executor.submit(Comment((name,), f"number {number}"))
    await asyncio.sleep(1)
    lab.executor.submit(Stop())
    await asyncio.sleep(1)
    assert [one.text for one in lab.rollout.hosts[name].comments] == [f"number {number}" for number in range(5, KEPT + 5)]
