"""The faults: two writes at once as in 2019, and those that a test injects."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from quads_tui.emulators.foreman import ForemanFaults
from quads_tui.emulators.foreman.answers import GENERIC_500
from quads_tui.emulators.foreman.faults import OVERLAP_TEXTS

SEED = ForemanFaults(concurrency_2019=True)


async def write_all(place, width: int) -> tuple[list[int], int]:
    """Arms every host, `width` writes at a time, with a connection each: the statuses and how many connections broke."""
    waiting = list(place.names)
    statuses: list[int] = []
    broken = 0

    async def writer() -> None:
        nonlocal broken
        session = place.client()
        await place.call("GET", "/api/status", session=session)
        while waiting:
            name = waiting.pop(0)
            body = {"host": {"build": True, "owner_id": 12, "owner_type": "User"}}
            try:
                reply = await place.call("PUT", f"/api/hosts/{name}", body, session=session)
            except aiohttp.ClientError:
                broken += 1
            else:
                statuses.append(reply.status)
                if reply.status == 500:
                    assert reply.body["error"]["message"] in OVERLAP_TEXTS

    await asyncio.gather(*(writer() for _ in range(width)))
    return statuses, broken


async def test_two_writers_provoke_resets_and_500s(lab):
    place = await lab(hosts=60, speed=100, faults=SEED)
    statuses, broken = await write_all(place, 2)
    counts = place.emulator.counts()
    assert counts["peak_writes"] == 2 and counts["peak_writes_per_host"] == 1
    assert broken > 0 and statuses.count(500) > 0
    assert (counts["resets"], counts["errors_500"]) == (broken, statuses.count(500))
    # Of the writes that were reset some were applied and some were not; of those that were answered 500, none.
    reset = [entry for entry in place.emulator.log if entry.method == "PUT" and entry.status == 0]
    assert {entry.applied for entry in reset} == {True, False}
    for entry in place.emulator.log:
        if entry.method == "PUT":
            assert place.emulator.host_counts(entry.host)["in_build"] is entry.applied


async def test_one_writer_sees_neither(lab):
    place = await lab(hosts=60, speed=1000, faults=SEED)
    statuses, broken = await write_all(place, 1)
    counts = place.emulator.counts()
    assert (statuses, broken) == ([200] * 60, 0)
    assert (counts["resets"], counts["errors_500"], counts["peak_writes"]) == (0, 0, 1)
    assert len(await place.names_of("build = true and owner = cloud02")) == 60


async def test_without_the_fault_two_writers_do_no_harm(lab):
    place = await lab(hosts=20, speed=100)
    assert await write_all(place, 2) == ([200] * 20, 0)


async def test_reads_beside_a_write_do_no_harm(lab):
    place = await lab(hosts=3, speed=50, faults=SEED)
    await place.get("/api/status")
    write = asyncio.create_task(place.put(place.names[0], build=True))
    while not write.done():
        assert (await place.call("GET", "/api/hosts?thin=1")).status == 200
    assert (await write).status == 200


async def test_the_same_seed_has_the_same_overlap_faults(lab):
    outcomes = []
    for _ in range(2):
        place = await lab(seed=7, faults=SEED)
        outcomes.append([place.emulator._faults.overlap() for _ in range(20)])
    assert outcomes[0] == outcomes[1] and len({outcome for outcome, _ in outcomes[0]}) == 3


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ("html_503", 503, "<h1>Service Unavailable</h1>"),
        ("html_502", 502, "<h1>Proxy Error</h1>"),
        ("empty_401", 401, ""),
        ("maintenance", 503, "maintenance mode"),
        ("error_500", 500, GENERIC_500[:40]),
    ],
)
async def test_answers_that_come_before_anything_is_done(lab, fault, status, text):
    place = await lab()
    name = place.names[0]
    await place.get("/api/status")
    place.emulator.inject(fault, method="PUT", path="/api/v2/hosts/")
    assert (await place.call("GET", f"/api/hosts/{name}")).status == 200  # another method is spared
    reply = await place.put(name, build=True)
    assert reply.status == status and text in reply.text
    assert not place.emulator.host_counts(name)["in_build"]
    assert (await place.put(name, build=True)).status == 200  # once


async def test_resets_before_and_after_the_work(lab):
    place = await lab()
    first, second = place.names[:2]
    for name, fault in ((first, "reset_before_apply"), (second, "answer_lost_after_apply")):
        place.emulator.inject(fault, method="PUT", path=name)
        with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
            await place.put(name, build=True)
    assert not place.emulator.host_counts(first)["in_build"]
    assert place.emulator.host_counts(second)["in_build"] and place.emulator.live_token(second)
    assert place.emulator.counts()["resets"] == 2 and place.emulator.counts()["writes"] == 2


async def test_an_answer_that_never_comes(lab):
    place = await lab()
    name = place.names[0]
    place.emulator.inject("answer_never", method="PUT")
    with pytest.raises(TimeoutError):
        await place.call("PUT", f"/api/hosts/{name}", {"build": True}, timeout=aiohttp.ClientTimeout(total=0.3))
    await place.until(lambda: place.emulator.host_counts(name)["in_build"])


async def test_work_goes_on_when_the_client_gives_up(lab):
    place = await lab(speed=10)
    name = place.names[0]
    await place.get("/api/status")
    place.emulator.inject("slow", method="PUT", seconds=5.0)
    with pytest.raises(TimeoutError):
        await place.call("PUT", f"/api/hosts/{name}", {"build": True}, timeout=aiohttp.ClientTimeout(total=0.1))
    assert not place.emulator.host_counts(name)["in_build"]
    await place.until(lambda: place.emulator.host_counts(name)["in_build"])


async def test_a_front_that_loses_patience_says_so_in_html(lab):
    place = await lab(speed=10, front_timeout=1.0)
    name = place.names[0]
    await place.get("/api/status")
    place.emulator.inject("slow", method="PUT", seconds=5.0)
    reply = await place.put(name, build=True)
    assert reply.status == 504 and reply.headers["Content-Type"].startswith("text/html")
    await place.until(lambda: place.emulator.host_counts(name)["in_build"])


async def test_a_connection_that_dies_when_it_is_used_again(lab):
    place = await lab()
    name = place.names[0]
    place.emulator.inject("disconnect_on_reuse")
    assert (await place.call("GET", "/api/status")).status == 200
    with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
        await place.call("POST", f"/api/hosts/{name}/parameters", {"name": "a", "value": "b"})
    assert "a" not in place.emulator.foreman.database.hosts[name].parameters


async def test_a_body_that_ends_in_the_middle_and_a_handshake_that_breaks(lab):
    place = await lab()
    place.emulator.inject("truncated", path="/api/hosts$")
    reply = await place.call("GET", "/api/hosts")
    with pytest.raises(ValueError):
        _ = reply.body
    place.emulator.reset_handshakes(1)
    with pytest.raises(aiohttp.ClientError):
        await place.call("GET", "/api/status", session=place.client())
    assert (await place.call("GET", "/api/status", session=place.client())).status == 200


async def test_injections_are_counted_and_can_be_taken_back(lab):
    place = await lab()
    place.emulator.inject("maintenance", count=2)
    assert [(await place.call("GET", "/api/status")).status for _ in range(3)] == [503, 503, 200]
    place.emulator.inject("maintenance", count=99)
    place.emulator.clear_injections()
    assert (await place.call("GET", "/api/status")).status == 200
    with pytest.raises(ValueError, match="unknown fault"):
        place.emulator.inject("fire")


async def test_requests_that_overlap_in_one_worker_may_sweep_each_other(lab):
    place = await lab(speed=20, workers=1, faults=ForemanFaults(sweeper=1.0))
    assert (await place.call("GET", "/api/status")).status == 200  # alone
    replies = await asyncio.gather(*(place.call("GET", "/api/hosts?thin=1") for _ in range(4)))
    assert {"error": {"message": GENERIC_500}} in [reply.body for reply in replies if reply.status == 500]


async def test_more_requests_than_the_queue_holds_are_turned_away(lab):
    place = await lab(speed=5, workers=1, threads=1, queue_limit=1)
    await place.get("/api/status")
    replies = await asyncio.gather(*(place.call("GET", "/api/hosts?thin=1") for _ in range(12)))
    turned_away = [reply.status for reply in replies].count(503)  # on a slow machine some come when others are done
    assert 1 <= turned_away <= 10
    assert {reply.status for reply in replies} == {200, 503}
