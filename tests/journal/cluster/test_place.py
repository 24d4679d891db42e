"""The place that consoles share: one writer, whoever dies, and whatever becomes of the database."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests import postgres
from tests.postgres import Cable

if not postgres.is_here():
    pytest.skip(postgres.MISSING, allow_module_level=True)

import psycopg

from quads_tui.journal.cluster.connection import Dsn
from quads_tui.journal.cluster.place import PostgresPlace
from quads_tui.rollout.ports import NotSent, QueueAway

KEYS = ("foreman.example.com:443", "192.0.2.7:443")
LONG = 60.0  # seconds of a lease that no test waits for
MakePlace = Callable[..., PostgresPlace]


@pytest.fixture
async def place(dsn: str) -> AsyncIterator[MakePlace]:
    made: list[PostgresPlace] = []

    def make(who: str = "ann@jump1", keys: tuple[str, ...] = KEYS, at: str = dsn) -> PostgresPlace:
        made.append(PostgresPlace(Dsn(at), keys, who))
        return made[-1]

    yield make
    for each in made:
        await each.close()


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def kill(console: PostgresPlace) -> None:
    """As kill -9 does it: it renews nothing and gives nothing back."""
    console.abandon()


def expire(database: psycopg.Connection[Any]) -> None:
    """The time of the leases has passed, and that since the server began."""
    database.execute("update quads_tui.place set expires = '-infinity', arrives_until = arrives_until - interval '1 hour'")


async def test_the_second_console_waits_and_sees_who_writes(place: MakePlace) -> None:
    ann, bob = place("ann@jump1"), place("bob@jump2")
    assert await ann.take(LONG, LONG) == []
    await ann.sending("a01.example.com", "build", {"wanted": {"build": True}, "progress": "p"})
    waiting = asyncio.ensure_future(bob.take(LONG, LONG))
    await until(lambda: bool(bob.writer))
    assert bob.writer == "ann@jump1 is writing host a01.example.com"
    assert not waiting.done()
    ann.give_back()
    assert await asyncio.wait_for(waiting, 30) == []
    assert bob.writer == ""
    with pytest.raises(NotSent):
        await ann.sending("a02.example.com", "build", {})


async def test_one_key_in_common_is_the_same_foreman(place: MakePlace) -> None:
    ann, bob, eve = place(keys=("a:443", "b:443")), place(keys=("b:443", "c:443")), place(keys=("d:443",))
    await ann.take(LONG, LONG)
    waiting = asyncio.ensure_future(bob.take(LONG, LONG))
    await eve.take(LONG, LONG)  # another Foreman
    await until(lambda: bool(bob.writer))
    ann.give_back()
    await asyncio.wait_for(waiting, 30)


async def test_consoles_take_turns_in_the_order_in_which_they_came(place: MakePlace, database: psycopg.Connection[Any]) -> None:
    first = place()
    await first.take(LONG, LONG)
    order: list[str] = []

    async def write(console: PostgresPlace, who: str) -> None:
        await console.take(LONG, LONG)
        order.append(who)
        console.give_back()

    tasks = []
    for number, who in enumerate(("bob", "eve", "joe"), 1):
        tasks.append(asyncio.ensure_future(write(place(who), who)))
        await until(lambda number=number: waiters(database) == number)  # type: ignore[misc]
    first.give_back()
    await asyncio.wait_for(write(first, "ann"), 30)  # it asked last
    await asyncio.gather(*tasks)
    assert order == ["bob", "eve", "joe", "ann"]


def waiters(database: psycopg.Connection[Any]) -> int:
    row = database.execute("select count(*) from quads_tui.waiter").fetchone()
    assert row is not None
    return int(row[0])


async def test_a_waiter_that_died_keeps_nobody_waiting(place: MakePlace, database: psycopg.Connection[Any]) -> None:
    database.execute(
        "insert into quads_tui.waiter values (%s, %s, 'dead', clock_timestamp() - interval '1 hour', "
        "clock_timestamp() - interval '6 seconds')",
        (uuid.uuid4(), [*KEYS]),
    )
    await asyncio.wait_for(place().take(LONG, LONG), 30)


async def test_a_waiter_that_leaves_is_forgotten(place: MakePlace, database: psycopg.Connection[Any]) -> None:
    ann, bob = place(), place()
    await ann.take(LONG, LONG)
    waiting = asyncio.ensure_future(bob.take(LONG, LONG))
    await until(lambda: waiters(database) == 1)
    waiting.cancel()
    await asyncio.wait({waiting})
    await until(lambda: waiters(database) == 0)


@pytest.mark.usefixtures("no_grace")
async def test_whoever_comes_after_a_dead_writer_gets_its_write_to_settle(
    place: MakePlace, database: psycopg.Connection[Any]
) -> None:
    ann, bob = place("ann@jump1"), place("bob@jump2")
    await ann.take(LONG, LONG)
    detail = {"wanted": {"build": True, "owner_id": 3}, "progress": "p1"}
    await ann.sending("a01.example.com", "build", detail)
    kill(ann)
    waiting = asyncio.ensure_future(bob.take(LONG, LONG))
    await until(lambda: bool(bob.writer))
    expire(database)
    (left,) = await asyncio.wait_for(waiting, 30)
    assert (left.host, left.act, left.who, left.detail, left.arrives) == ("a01.example.com", "build", "ann@jump1", detail, 0.0)
    with pytest.raises(NotSent, match="another console took the place"):
        await ann.sending("a01.example.com", "build", detail)  # a woken zombie
    bob.give_back()  # it died too, before it had settled that
    eve = place("eve@jump3")
    (again,) = await eve.take(LONG, LONG)
    assert again.number == left.number
    assert await eve.settled(again)
    eve.give_back()
    assert await bob.take(LONG, LONG) == []


@pytest.mark.usefixtures("no_grace")
async def test_a_writer_that_died_before_it_sent_leaves_nothing_to_settle(
    place: MakePlace, database: psycopg.Connection[Any]
) -> None:
    ann, bob = place(), place()
    await ann.take(LONG, LONG)
    kill(ann)
    expire(database)
    assert await asyncio.wait_for(bob.take(LONG, LONG), 30) == []


@pytest.mark.usefixtures("no_grace")
async def test_what_can_still_arrive_is_told_in_seconds(place: MakePlace, database: psycopg.Connection[Any]) -> None:
    """The sender's own write deadline counts, whatever that of the next holder is."""
    ann, bob = place(), place()
    await ann.take(LONG, LONG)
    await ann.sending("a01", "build", {})
    kill(ann)
    database.execute("update quads_tui.place set expires = '-infinity'")
    (left,) = await asyncio.wait_for(bob.take(15.0, LONG), 30)
    assert 0 < left.arrives <= LONG


@pytest.mark.usefixtures("no_grace")
async def test_a_holder_that_lost_the_place_and_lives_tells_its_outcome(
    place: MakePlace, database: psycopg.Connection[Any]
) -> None:
    ann, bob = place("ann@jump1"), place("bob@jump2")
    await ann.take(LONG, LONG)
    await ann.sending("a01", "build", {})
    expire(database)
    (left,) = await asyncio.wait_for(bob.take(LONG, LONG), 30)
    assert await bob.is_left(left)
    ann.give_back()
    assert ann._returning is not None
    await ann._returning
    assert not await bob.is_left(left)
    await bob.sending("a02", "build", {})  # the place is bob's still
    expire(database)
    eve = place("eve@jump3")
    (again,) = await asyncio.wait_for(eve.take(LONG, LONG), 30)
    assert again.host == "a02"
    assert await bob.is_left(again)  # the place was lost: that is not for bob to say
    assert await eve.is_left(again)


async def test_a_silent_holder_loses_the_place_long_before_its_write_can_no_longer_arrive(
    place: MakePlace, database: psycopg.Connection[Any]
) -> None:
    ann = place()
    await ann.take(180.0, 400.0)
    await ann.sending("a01", "build", {})
    left = "extract(epoch from expires - clock_timestamp()), extract(epoch from arrives_until - clock_timestamp())"
    row = database.execute(f"select {left} from quads_tui.place limit 1".encode()).fetchone()
    assert row is not None
    assert row[0] <= 30
    assert 30 < row[1] <= 180


async def test_a_lease_that_ran_out_while_the_server_was_down_gives_its_holder_time(
    place: MakePlace, database: psycopg.Connection[Any]
) -> None:
    ann, bob = place(), place()
    await ann.take(LONG, LONG)
    expire(database)
    row = database.execute("select pg_get_functiondef('quads_tui.take'::regproc)").fetchone()
    assert row is not None
    database.execute(row[0].replace("pg_postmaster_start_time()", "clock_timestamp()").encode())  # it has just begun
    waiting = asyncio.ensure_future(bob.take(LONG, LONG))
    await until(lambda: bool(bob.writer))
    await ann.sending("a01", "build", {})
    assert not waiting.done()
    waiting.cancel()


async def test_a_living_writer_keeps_its_place_past_the_lease(place: MakePlace, database: psycopg.Connection[Any]) -> None:
    ann = place()
    await ann.take(0.4, LONG)
    row = database.execute("select expires from quads_tui.place limit 1").fetchone()
    await until(lambda: database.execute("select expires from quads_tui.place limit 1").fetchone() != row)


async def test_a_hung_write_is_not_renewed_for_ever(place: MakePlace, database: psycopg.Connection[Any]) -> None:
    ann = place()
    await ann.take(0.4, 0.05)
    assert ann._renewing is not None
    await asyncio.wait_for(ann._renewing, 30)
    row = database.execute("select expires - clock_timestamp() < interval '0.4 s' from quads_tui.place").fetchone()
    assert row == (True,)


async def test_fences_only_grow(place: MakePlace, database: psycopg.Connection[Any]) -> None:
    fences = []
    for console in (place(), place(), place()):
        await console.take(LONG, LONG)
        row = database.execute("select max(fence) from quads_tui.place").fetchone()
        assert row is not None
        fences.append(row[0])
        console.give_back()
    assert fences == sorted(set(fences))


async def test_a_database_that_is_cut_off_is_waited_for_and_said_so(place: MakePlace, port: int, dsn: str) -> None:
    cable = Cable(port)
    ann = place(at=dsn.replace(f":{port}/", f":{cable.port}/"))
    await ann.take(LONG, LONG)
    ann.give_back()
    await ann._returned()
    cable.cut()
    waiting = asyncio.ensure_future(ann.take(LONG, LONG))
    await until(lambda: bool(ann.trouble))
    assert ann.trouble.startswith("the database of the write queue (127.0.0.1, database ")
    assert ") has not answered since " in ann.trouble
    assert not waiting.done()
    cable.mend()
    await asyncio.wait_for(waiting, 30)
    assert ann.trouble == ""


@pytest.mark.parametrize("how", ["cut", "silence"])
async def test_nothing_is_sent_while_the_database_cannot_be_asked(place: MakePlace, port: int, dsn: str, how: str) -> None:
    cable = Cable(port)
    ann = place(at=dsn.replace(f":{port}/", f":{cable.port}/"))
    await ann.take(LONG, LONG)
    getattr(cable, how)()
    async with asyncio.timeout(30):
        with pytest.raises(QueueAway, match="has not answered since"):
            await ann.sending("a01", "build", {})
    ann.give_back()
    cable.mend()
    bob = place()
    assert await asyncio.wait_for(bob.take(LONG, LONG), 30) == []  # it was given back, and nothing of it was left


async def test_a_grant_whose_answer_was_lost_is_granted_again(place: MakePlace, database: psycopg.Connection[Any]) -> None:
    request, keys = uuid.uuid4(), [*sorted(KEYS)]
    call = "select fence from quads_tui.take(%s, %s, 'ann', interval '60 s', interval '5 s')"
    first = database.execute(call, (request, keys)).fetchone()
    assert first == database.execute(call, (request, keys)).fetchone() != (None,)


@pytest.mark.parametrize("count", [2, 4])
async def test_many_consoles_write_one_at_a_time(place: MakePlace, count: int) -> None:
    writing, peak, written = 0, 0, 0

    async def console(own: PostgresPlace) -> None:
        nonlocal writing, peak, written
        for number in range(5):
            await own.take(LONG, LONG)
            await own.sending(f"h{number}", "build", {})
            writing += 1
            peak = max(peak, writing)
            await asyncio.sleep(0.001)
            writing -= 1
            written += 1
            own.give_back()

    work = [console(place(f"c{number}@jump{number}")) for number in range(count)]
    await asyncio.wait_for(asyncio.gather(*work), 60)
    assert (peak, written) == (1, 5 * count)
