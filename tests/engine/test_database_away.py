"""A journal in a database that does not answer: no login is sent, hosts wait, and no attempt is used up."""

from __future__ import annotations

import pytest

from quads_tui.rollout.events import StageChanged
from quads_tui.rollout.ports import QueueAway
from quads_tui.rollout.stages import HostStatus

from .model import Lab
from .test_flow import ends, names

pytestmark = pytest.mark.looptime


async def test_a_login_waits_until_the_database_tells_whose_the_rollout_is(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(names(3))
    away = 20.0
    asked: list[float] = []

    async def owned(_: object = None) -> None:
        asked.append(lab.clock.now())
        if asked[-1] < away:
            assert not any(lab.world.sessions.values())
            raise QueueAway("the database of the cluster does not answer")

    monkeypatch.setattr(lab.journal, "owned", owned)
    await lab.run()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 3}
    assert {event.attempt for event in lab.journal.events if isinstance(event, StageChanged)} == {1}
    assert asked[0] < away < asked[-1]
