"""The journal of a worker in a real PostgreSQL: in order, under its epoch, and patient while the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.postgres import Cable

if not postgres.is_here():
    pytest.skip(postgres.MISSING, allow_module_level=True)

from quads_tui.journal.cluster import journal
from quads_tui.journal.cluster.claims import Claim, WorkerRow
from quads_tui.journal.cluster.connection import Dsn
from quads_tui.journal.cluster.journal import ClusterJournal
from quads_tui.journal.cluster.link import Link
from quads_tui.journal.cluster.rollouts import ClusterRollouts
from quads_tui.rollout.events import Event, Notice
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.ports import JournalBroken, QueueAway, TakenOver

FOREMAN = "foreman.example.com:443"


def notice(text: str) -> Notice:
    return Notice(1.0, "info", text)


class Kept:
    """A journal, and what it said."""

    def __init__(self, dsn: str, claim: Claim) -> None:
        self.broken: list[str] = []
        self.away: list[str] = []
        self.told: list[Event] = []
        self.ended = asyncio.Event()
        self.journal = ClusterJournal(
            Dsn(dsn),
            claim,
            directory=Path("/nowhere"),
            resume_command="",
            on_broken=self.broken.append,
            on_away=self.away.append,
            ended=self.ended,
        )
        self.journal.subscribe(self.told.append)


@pytest.fixture
async def rollouts(dsn: str) -> AsyncIterator[ClusterRollouts]:
    made = ClusterRollouts(Dsn(dsn))
    await made.submit("r1", foreman=FOREMAN, who="ann@jump1", facts={"speed": 1}, hosts=["a01"])
    yield made
    await made.close()


async def claimed(dsn: str) -> Claim:
    worker = WorkerRow(Dsn(dsn), name="w", foreman=FOREMAN, lease=3600.0)
    await worker.register()
    claim = await worker.claim()
    await worker.close()
    assert claim is not None
    return claim


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def texts(rollouts: ClusterRollouts) -> list[str]:
    return [event.text for _, event in await rollouts.events("r1") if isinstance(event, Notice)]


async def test_what_was_committed_is_there_with_all_before_it(rollouts: ClusterRollouts, dsn: str) -> None:
    kept = Kept(dsn, await claimed(dsn))
    for number in range(600):
        kept.journal.record(notice(str(number)))
    await kept.journal.commit(notice("last"))
    assert await texts(rollouts) == [*map(str, range(600)), "last"]
    kept.journal.sample(5.0, {"lane": {}})
    one = Exchange(at=1.0, service="redfish", host="a01", method="GET", path="/", status=200, seconds=0.1, error="")
    kept.journal.exchange(one)
    await kept.journal.describe({"ended": {"reason": "operator"}})
    await kept.journal.close()
    assert [sample.at for _, sample in await rollouts.samples("r1")] == [5.0]
    assert [exchange.path for exchange in await rollouts.exchanges("r1", "a01")] == ["/"]
    assert (await rollouts.facts("r1"))["ended"] == {"reason": "operator"}
    assert [event.text for event in kept.told if isinstance(event, Notice)][-1] == "last"
    assert (kept.broken, kept.away) == ([], [])


async def test_under_an_old_epoch_nothing_is_written_and_nothing_may_act(
    rollouts: ClusterRollouts, dsn: str, database: Any
) -> None:
    kept = Kept(dsn, await claimed(dsn))
    await kept.journal.owned()
    database.execute("update quads_tui.rollout set epoch = epoch + 1")
    with pytest.raises(TakenOver, match="another worker has taken over"):
        await kept.journal.owned()
    with pytest.raises(JournalBroken, match="another worker has taken over"):
        await kept.journal.commit(notice("from the dead"))
    await kept.journal.close()
    assert await texts(rollouts) == []
    assert len(kept.broken) == 1


async def test_the_locks_of_this_machine_are_looked_at_too(rollouts: ClusterRollouts, dsn: str) -> None:
    kept = Kept(dsn, await claimed(dsn))

    def lost() -> None:
        raise TakenOver("the lock is no longer ours")

    await kept.journal.owned(lambda: None)
    with pytest.raises(TakenOver, match="no longer ours"):
        await kept.journal.owned(lost)
    await kept.journal.close()


async def test_those_who_ask_together_share_a_question_and_who_asks_later_gets_a_later_answer(
    rollouts: ClusterRollouts, dsn: str, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[str] = []
    call = Link.call

    async def counted(self: Link, statement: str, *values: object, **options: Any) -> Any:
        questions.append(statement)
        return await call(self, statement, *values, **options)

    monkeypatch.setattr(Link, "call", counted)
    kept = Kept(dsn, await claimed(dsn))
    questions.clear()
    await asyncio.gather(*(kept.journal.owned() for _ in range(50)))
    assert len(questions) == 1
    first = asyncio.ensure_future(kept.journal.owned())
    while len(questions) < 2:
        await asyncio.sleep(0)
    database.execute("update quads_tui.rollout set epoch = epoch + 1")
    with pytest.raises(TakenOver):
        await kept.journal.owned()  # not with the answer to the question that was on its way
    await asyncio.gather(first, return_exceptions=True)
    await kept.journal.close()


async def test_while_the_database_is_away_a_commit_waits_and_an_act_may_not_go(
    rollouts: ClusterRollouts, dsn: str, port: int
) -> None:
    cable = Cable(port)
    kept = Kept(dsn.replace(f":{port}/", f":{cable.port}/"), await claimed(dsn))
    await kept.journal.commit(notice("before"))
    cable.cut()
    committing = asyncio.ensure_future(kept.journal.commit(notice("during")))
    await until(lambda: bool(kept.away))
    with pytest.raises(QueueAway, match="does not answer"):
        await kept.journal.owned()
    assert not committing.done()
    cable.mend()
    await asyncio.wait_for(committing, 60)
    await until(lambda: kept.away[-1] == "")
    await kept.journal.owned()
    await kept.journal.close()
    assert await texts(rollouts) == ["before", "during"]
    assert kept.broken == []


async def test_an_answer_that_was_lost_writes_nothing_twice(rollouts: ClusterRollouts, dsn: str, port: int) -> None:
    cable = Cable(port)
    kept = Kept(dsn.replace(f":{port}/", f":{cable.port}/"), await claimed(dsn))
    await kept.journal.commit(notice("before"))
    cable.silence()  # both ways: whether the next one arrives is left to chance when it is cut
    committing = asyncio.ensure_future(kept.journal.commit(notice("once")))
    await until(lambda: bool(kept.away))
    cable.mend()
    await asyncio.wait_for(committing, 60)
    await kept.journal.close()
    assert await texts(rollouts) == ["before", "once"]


async def test_a_process_that_is_to_end_does_not_wait_for_ever(
    rollouts: ClusterRollouts, dsn: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_CLOSING", 0.2)
    cable = Cable(port)
    kept = Kept(dsn.replace(f":{port}/", f":{cable.port}/"), await claimed(dsn))
    await kept.journal.commit(notice("before"))
    cable.cut()
    committing = asyncio.ensure_future(kept.journal.commit(notice("lost")))
    await until(lambda: bool(kept.away))
    kept.ended.set()
    await kept.journal.close()
    with pytest.raises(JournalBroken, match="did not answer before the end of this process"):
        await committing
