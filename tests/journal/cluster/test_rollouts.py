"""The rules of rollouts in the database, on a real PostgreSQL: one carrier at a time, epochs, numbers in the order of commits."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests import postgres

if not postgres.is_here():
    pytest.skip(postgres.MISSING, allow_module_level=True)

import psycopg

from quads_tui.journal.cluster.claims import TAKEN, Claim, ClaimedRollout, DeclaredDead, WorkerRow
from quads_tui.journal.cluster.connection import Dsn
from quads_tui.journal.cluster.link import Refused
from quads_tui.journal.cluster.rollouts import IN_ANOTHER, ClusterRollouts
from quads_tui.journal.cluster.schema import CONSOLE, WORKER, init
from quads_tui.rollout.commands import Pause, Skip

FOREMAN = "foreman.example.com:443"
LONG = 3600.0
ANN = "ann@jump1 (postgres at 127.0.0.1)"
APPEND = "select quads_tui.append(%s, %s, %s, %s, %s, %s, %s)"
NOTICE = '["notice", 1.0, "info", "%s"]'
MakeWorker = Callable[..., Any]


@pytest.fixture
async def rollouts(dsn: str) -> AsyncIterator[ClusterRollouts]:
    made = ClusterRollouts(Dsn(dsn))
    await made.submit("r1", foreman=FOREMAN, who="ann@jump1", facts={"speed": 1, "plan": {"hosts": []}}, hosts=["a01", "a02"])
    yield made
    await made.close()


@pytest.fixture
async def worker(dsn: str) -> AsyncIterator[MakeWorker]:
    made: list[WorkerRow] = []

    async def make(name: str = "ann@jump1", locations: tuple[str, ...] = ()) -> WorkerRow:
        made.append(WorkerRow(Dsn(dsn), name=name, foreman=FOREMAN, lease=LONG, locations=locations))
        await made[-1].register()
        return made[-1]

    yield make
    for each in made:
        await each.close()


def append(database: psycopg.Connection[Any], epoch: int, seq: int, *texts: str) -> int:
    events = [NOTICE % text for text in texts]
    row = database.execute(APPEND, ("r1", epoch, seq, events, ['[1.0, {"lane": {}}]'], [], [])).fetchone()
    assert row is not None
    return int(row[0])


def silent(database: psycopg.Connection[Any], worker: WorkerRow) -> None:
    """It was not heard of for its lease, and the server began long before."""
    database.execute("update quads_tui.worker set seen = '-infinity' where id = %s", (worker.id,))
    row = database.execute("select pg_get_functiondef('quads_tui.bury'::regproc)").fetchone()
    assert row is not None
    database.execute(row[0].replace("greatest(w.seen, pg_postmaster_start_time())", "w.seen").encode())


async def test_two_claims_never_both_win(rollouts: ClusterRollouts, worker: MakeWorker) -> None:
    workers = [await worker(f"w{number}") for number in range(4)]
    for name in ("r2", "r3"):
        await rollouts.submit(name, foreman=FOREMAN, who="ann@jump1", facts={}, hosts=[])
    await rollouts.submit("elsewhere", foreman="other.example.com:443", who="ann@jump1", facts={}, hosts=[])
    claims = [claim for _ in range(3) for claim in await asyncio.gather(*(each.claim() for each in workers)) if claim]
    assert sorted(claim.rollout for claim in claims) == ["r1", "r2", "r3"]
    assert {claim.epoch for claim in claims} == {1}
    assert await rollouts.workers(FOREMAN) == ["w0", "w1", "w2", "w3"]


async def test_a_location_binds_a_rollout_to_workers_that_reach_it(rollouts: ClusterRollouts, worker: MakeWorker) -> None:
    await rollouts.submit("r2", foreman=FOREMAN, who="ann@jump1", facts={}, hosts=[], location="pod2")
    plain, pod3 = await worker("plain"), await worker("pod3", locations=("pod3",))
    claims = [await each.claim() for each in (pod3, plain, pod3, plain)]
    assert [claim.rollout if claim else None for claim in claims] == ["r1", None, None, None]
    assert await rollouts.workers(FOREMAN, "pod2") == []
    pod2 = await worker("pod2", locations=("pod1", "pod2"))
    assert await rollouts.workers(FOREMAN, "pod2") == ["pod2"]
    assert await pod2.claim() == Claim("r2", 1)
    assert [one.location for one in await rollouts.all()] == ["", "pod2"]


async def test_a_dead_worker_has_a_heir_and_may_no_longer_write(
    rollouts: ClusterRollouts, worker: MakeWorker, database: psycopg.Connection[Any], dsn: str
) -> None:
    ann, bob = await worker("ann"), await worker("bob")
    first = await ann.claim()
    assert first is not None
    assert (await bob.claim()) is None
    assert append(database, 1, 0, "a", "b") == 2
    silent(database, ann)
    heir = await bob.claim()
    assert heir is not None
    assert (heir.rollout, heir.epoch) == ("r1", 2)
    with pytest.raises(psycopg.Error) as refused:
        append(database, 1, 2, "from the dead")
    assert refused.value.sqlstate == TAKEN
    assert append(database, 2, 0, "c") == 3
    assert database.execute("select quads_tui.owned('r1', 1), quads_tui.owned('r1', 2)").fetchone() == (False, True)
    for call in (lambda: ann.beat(10.0), ann.claim):
        with pytest.raises(DeclaredDead):
            await call()
    zombie = ClaimedRollout(Dsn(dsn), first)
    for call in (zombie.take_commands, lambda: zombie.let_go(wanted=False)):
        with pytest.raises(Refused) as no:
            await call()
        assert no.value.code == TAKEN
    await zombie.close()
    found = await rollouts.one("r1")
    assert found is not None
    assert (found.worker, found.wanted, found.epoch, found.last) == ("bob", True, 2, 3)


async def test_the_check_before_an_act_renews_the_lease(
    rollouts: ClusterRollouts, worker: MakeWorker, database: psycopg.Connection[Any]
) -> None:
    ann, bob = await worker("ann"), await worker("bob")
    await ann.claim()
    silent(database, ann)
    assert database.execute("select quads_tui.owned('r1', 1)").fetchone() == (True,)
    assert await bob.claim() is None


async def test_after_a_start_of_the_server_every_worker_has_its_lease_to_be_heard_of(
    rollouts: ClusterRollouts, worker: MakeWorker, database: psycopg.Connection[Any]
) -> None:
    ann, bob = await worker("ann"), await worker("bob")
    await ann.claim()
    database.execute("update quads_tui.worker set seen = '-infinity' where id = %s", (ann.id,))
    assert await bob.claim() is None  # the server of these tests has not run for an hour
    await ann.beat(10.0)


async def test_events_have_numbers_in_the_order_in_which_they_are_committed(
    rollouts: ClusterRollouts, worker: MakeWorker, dsn: str
) -> None:
    """A reader that goes on after the last number that it saw misses none, whatever transactions are open meanwhile."""
    await (await worker()).claim()
    with psycopg.connect(dsn) as slow, psycopg.connect(dsn, autocommit=True) as fast:
        assert append(slow, 1, 0, "first") == 1  # not committed yet
        pending = asyncio.create_task(asyncio.to_thread(append, fast, 1, 0, "first", "second"))
        async with asyncio.timeout(30):
            while not await _waits_for_a_lock(dsn):
                await asyncio.sleep(0.01)
        assert await rollouts.events("r1") == []
        slow.commit()
        assert await pending == 2  # the first one is there already: it is not written again
    assert [(n, event.text) for n, event in await rollouts.events("r1")] == [(1, "first"), (2, "second")]  # type: ignore[attr-defined]
    assert [n for n, _ in await rollouts.events("r1", 1)] == [2]
    assert [(n, sample.at) for n, sample in await rollouts.samples("r1")] == [(1, 1.0), (2, 1.0)]


async def _waits_for_a_lock(dsn: str) -> bool:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as look:
        cursor = await look.execute("select count(*) from pg_stat_activity where wait_event_type = 'Lock'")
        row = await cursor.fetchone()
        return bool(row and row[0])


async def test_what_is_missing_before_is_refused(
    rollouts: ClusterRollouts, worker: MakeWorker, database: psycopg.Connection[Any]
) -> None:
    await (await worker()).claim()
    with pytest.raises(psycopg.Error, match="events before these are missing"):
        append(database, 1, 1, "second")


async def test_a_command_is_taken_once_and_wakes_a_settled_rollout(
    rollouts: ClusterRollouts, worker: MakeWorker, dsn: str
) -> None:
    ann = await worker()
    first = ClaimedRollout(Dsn(dsn), await ann.claim())
    skip, pause = Skip(("a01",), "broken"), Pause("admission", True)
    assert await rollouts.order("r1", "bob@laptop", skip) == 1
    assert await first.take_commands() == [("bob@laptop (postgres at 127.0.0.1)", skip)]
    assert await first.take_commands() == []
    await first.let_go(wanted=False)
    assert await ann.claim() is None
    assert await rollouts.order("r1", "bob@laptop", pause) == 2
    assert [(one.n, one.role, one.command, one.taken) for one in await rollouts.commands("r1")] == [
        (1, "postgres", skip, True),
        (2, "postgres", pause, False),
    ]
    again = await ann.claim()
    assert again == Claim("r1", 2)
    second = ClaimedRollout(Dsn(dsn), again)
    assert await rollouts.order("r1", "bob@laptop", skip) == 3
    await second.let_go(wanted=False)
    found = await rollouts.one("r1")
    assert found is not None
    assert found.wanted  # what nobody has taken is still to be carried out
    with pytest.raises(Refused, match="there is no rollout r9"):
        await rollouts.order("r9", "bob@laptop", skip)
    await first.close()
    await second.close()


async def test_a_rollout_is_submitted_once(rollouts: ClusterRollouts) -> None:
    await rollouts.submit("r1", foreman=FOREMAN, who="bob@laptop", facts={"speed": 2}, hosts=["a01"])
    assert await rollouts.facts("r1", "speed") == {"speed": 1}
    assert sorted(await rollouts.facts("r1")) == ["plan", "speed"]
    assert [(one.id, one.who, one.wanted, one.worker) for one in await rollouts.all()] == [("r1", ANN, True, "")]
    assert await rollouts.want("r1")
    assert not await rollouts.want("r2")


async def test_a_host_belongs_to_its_newest_rollout(rollouts: ClusterRollouts, worker: MakeWorker, dsn: str) -> None:
    """Neither an old rollout nor a new one wipes what the other one builds."""

    async def submit(name: str) -> None:
        await rollouts.submit(name, foreman=FOREMAN, who="bob@laptop", facts={}, hosts=["a02", "a03"])

    with pytest.raises(Refused, match="hosts of this plan are in the rollout r1, which is under way") as refused:
        await submit("r2")
    assert refused.value.code == IN_ANOTHER
    claim = await (await worker()).claim()
    assert claim is not None
    first = ClaimedRollout(Dsn(dsn), claim)
    await first.let_go(wanted=False)
    await first.close()
    await submit("r2")
    for again in (rollouts.order("r1", "ann", Skip(("a01",), "")), rollouts.want("r1")):
        with pytest.raises(Refused, match="hosts of r1 are in the newer rollout r2"):
            await again
    assert await rollouts.want("r2")


async def test_a_worker_that_ends_leaves_its_rollouts_to_others(rollouts: ClusterRollouts, worker: MakeWorker) -> None:
    ann, bob = await worker("ann"), await worker("bob")
    await ann.claim()
    assert await bob.claim() is None
    await ann.leave()
    claim = await bob.claim()
    assert claim is not None
    assert claim.epoch == 2
    with pytest.raises(DeclaredDead):
        await ann.claim()


async def test_who_waits_for_news_hears_of_a_rollout(rollouts: ClusterRollouts, worker: MakeWorker) -> None:
    ann = await worker()
    assert await ann.claim() is not None
    bell = asyncio.ensure_future(ann.news(60.0))
    await asyncio.sleep(0)
    for number in range(600):  # a notification before it listens is lost, as a bell's is
        await rollouts.submit(f"more-{number}", foreman=FOREMAN, who="ann@jump1", facts={}, hosts=[])
        if (await asyncio.wait({bell}, timeout=0.05))[0]:
            break
    await bell


async def test_a_console_cannot_forge_events(port: int) -> None:
    text = postgres.new_database(port)
    console, worker = f"c_{uuid.uuid4().hex[:8]}", f"w_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(text, autocommit=True) as database:
        for role in (console, worker):
            database.execute(f"create role {role} login".encode())
    await init(Dsn(text), (console,), (worker,))
    made = ClusterRollouts(Dsn(text.replace("postgres@", f"{console}@")))
    await made.submit("r1", foreman=FOREMAN, who="ann@jump1", facts={}, hosts=[])
    assert await made.order("r1", "ann@jump1", Skip(("a01",), "")) == 1
    assert await made.events("r1") == []
    with psycopg.connect(text.replace("postgres@", f"{console}@"), autocommit=True) as own:
        for function in set(WORKER.split()) - set(CONSOLE.split()):
            found = own.execute("select has_function_privilege(oid, 'execute') from pg_proc where proname = %s", (function,))
            assert found.fetchall() == [(False,)], function
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            append(own, 1, 0, "forged")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            own.execute("insert into quads_tui.event values ('r1', 1, 1, now(), '[]')")
    await made.close()
    carrier = WorkerRow(Dsn(text.replace("postgres@", f"{worker}@")), name="w", foreman=FOREMAN, lease=LONG)
    await carrier.register()
    assert await carrier.claim() is not None
    await carrier.close()


async def test_who_orders_cannot_pass_for_another_one(
    rollouts: ClusterRollouts, worker: MakeWorker, dsn: str, database: psycopg.Connection[Any]
) -> None:
    """The session of the database stands behind what a console says of itself, and nobody can write one there."""
    role = f"mallory_{uuid.uuid4().hex[:8]}"
    database.execute(f"create role {role} login".encode())
    await init(Dsn(dsn), (role,))
    claim = await (await worker()).claim()
    with psycopg.connect(dsn.replace("postgres@", f"{role}@"), autocommit=True, application_name="psql (admin)") as own:
        body = '{"command": "pause", "what": "admission", "paused": true}'
        own.execute("select quads_tui.order_command('r1', 'ann@jump1 (postgres at 10.0.0.1)', %s)", (body,))
        values = ("r2", FOREMAN, "ann@jump1", ["who", "speed"], ['"ann@jump1"', "1"])
        own.execute("select quads_tui.submit(%s, %s, '', %s, %s, %s, '{}')", values)
    session = f"({role} at 127.0.0.1 by psql admin)"
    row = database.execute("select who, role from quads_tui.command").fetchone()
    assert row == ("ann@jump1 (postgres at 10.0.0.1)", role)
    taken = database.execute("select who from quads_tui.take_commands('r1', %s)", (claim.epoch,)).fetchall()
    assert taken == [(f"ann@jump1 postgres at 10.0.0.1 {session}",)]
    assert await rollouts.facts("r2") == {"who": f"ann@jump1 {session}", "speed": 1}
    found = await rollouts.one("r2")
    assert found is not None
    assert found.who == f"ann@jump1 {session}"
