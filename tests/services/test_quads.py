"""The QUADS client against the emulated QUADS of both generations, judged by what that saw."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from quads_tui.emulators.quads import Lab, Mishap, QuadsEmulator
from quads_tui.emulators.world import Machine, Time
from quads_tui.inputs import Limits, Secret, TlsPolicy
from quads_tui.rollout.meters import Meter
from quads_tui.services.http import Http
from quads_tui.services.quads import Move, Quads, QuadsTrouble
from tests.clocks import FastClock

HOSTS = [f"f21-h{n:02}-000-r650.example.com" for n in range(4)]
BUILT = "2026-11-29T23:10"


class Moment(Time):
    """Emulated time that a test moves by hand."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


@dataclass
class Bench:
    server: QuadsEmulator
    quads: Quads
    time: Moment


async def bench_of(generation: str, *, password: str = "secret", sqlite: bool = False) -> AsyncIterator[Bench]:
    time, clock = Moment(), FastClock()
    lab = Lab(time.utc().replace(tzinfo=None))
    lab.assign("cloud02", [Machine(name, "R650", "") for name in HOSTS], wipe=True, os="RHEL 9.4")
    server = QuadsEmulator(lab, time=time, username="admin", password="secret", generation=generation, sqlite=sqlite)
    http = Http(clock)
    url = await server.serve()
    quads = Quads(
        http,
        url=url,
        username="admin",
        password=Secret(password),
        tls=TlsPolicy("system"),
        clock=clock,
        limits=Limits(),
        meter=Meter(),
    )
    yield Bench(server, quads, time)
    await http.close()
    await server.stop()


@pytest.fixture(params=["2.1", "2.2"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    async for made in bench_of(request.param):
        yield made


@pytest.fixture
async def newest() -> AsyncIterator[Bench]:
    async for made in bench_of("2.2"):
        yield made


async def test_what_is_to_be_moved(bench: Bench) -> None:
    quads, newer = bench.quads, bench.server.generation == "2.2"
    assert await quads.moves() == [Move(name, "cloud01", "cloud02") for name in HOSTS]
    assert await quads.moves("2020-01-01T00:00") == []
    assert (await quads.version()).startswith("QUADS version 2.")
    active = await quads.assignment("cloud02")
    assert active is not None
    assert (active.id, active.owner, active.ticket, active.wipe, active.os) == (
        1,
        "jdoe",
        "3753",
        True,
        "RHEL 9.4" if newer else "",
    )
    assert await quads.assignment("cloud01") is None
    assert await quads.schedules("cloud02") == {name: number for number, name in enumerate(HOSTS, 1)}
    hosts = await quads.hosts()
    assert (hosts[HOSTS[0]].model, hosts[HOSTS[0]].cloud, hosts[HOSTS[0]].broken) == ("R650", "cloud01", False)
    assert await quads.tracks() is newer
    assert bench.server.logins == 0  # reads need none


async def test_what_became_of_it(bench: Bench) -> None:
    quads, lab = bench.quads, bench.server.lab
    await quads.tell_host(HOSTS[0], "cloud02", BUILT)
    await quads.tell_schedule(1, "2026-11-29T22:00", BUILT)
    await quads.tell_assignment(1, provisioned=True, validated=False)
    host, schedule, made = lab.hosts[HOSTS[0]], lab.schedules[1], lab.assignments[1]
    assert (host.cloud, host.build, host.validated) == ("cloud02", True, False)
    assert host.last_build == schedule.build_end is not None
    assert (made.provisioned, made.validated) == (True, False)
    assert bench.server.logins == 1
    assert HOSTS[0] not in [move.host for move in await quads.moves()]


async def test_progress_in_quads_own_words(newest: Bench) -> None:
    await newest.quads.tell_progress(1, "provisioning", "marking for build", "")
    await newest.quads.tell_progress(1, "failed", "failed", "foreman_build: 422")
    assert newest.server.lab.schedules[1].statuses == ["provisioning", "failed"]
    with pytest.raises(QuadsTrouble, match="Invalid status") as refused:
        await newest.quads.tell_progress(1, "cooking", "", "")
    assert refused.value.final


async def test_an_expired_token_is_made_anew_once(newest: Bench) -> None:
    await newest.quads.tell_assignment(1, provisioned=True, validated=False)
    newest.time.ahead = 16_000.0
    await newest.quads.tell_assignment(1, provisioned=True, validated=True)
    assert newest.server.logins == 2
    newest.server.mishaps.append(Mishap("PATCH", "/assignments", "expired", 2))
    with pytest.raises(QuadsTrouble) as refused:
        await newest.quads.tell_assignment(1, provisioned=True, validated=False)
    assert not refused.value.final
    assert newest.server.logins == 3


async def test_a_rolled_back_patch_is_not_believed(newest: Bench) -> None:
    newest.server.mishaps.append(Mishap("PATCH", "/hosts", "rolled-back", 2))
    with pytest.raises(QuadsTrouble, match="200 but did not take over cloud, build"):
        await newest.quads.tell_host(HOSTS[0], "cloud02", BUILT)
    assert newest.server.lab.hosts[HOSTS[0]].cloud == "cloud01"


async def test_a_database_that_stumbles_over_the_time_gets_the_rest() -> None:
    async for bench in bench_of("2.1", sqlite=True):
        await bench.quads.tell_host(HOSTS[0], "cloud02", BUILT)
        host = bench.server.lab.hosts[HOSTS[0]]
        assert (host.cloud, host.build, host.last_build) == ("cloud02", True, None)
        assert bench.server.rolled_back == 1


@pytest.mark.parametrize(
    ("kind", "words"),
    [("html", "HTTP 500 and an HTML page"), ("reset", "closed the connection without an answer"), ("hang", "no answer from")],
)
async def test_troubles_that_pass_are_not_final(newest: Bench, kind: str, words: str) -> None:
    newest.server.mishaps.append(Mishap("GET", "/moves", kind))
    with pytest.raises(QuadsTrouble, match=words) as trouble:
        await newest.quads.moves()
    assert not trouble.value.final
    assert len(await newest.quads.moves()) == 4


async def test_a_wrong_password_is_final_and_never_shown() -> None:
    async for bench in bench_of("2.1", password="hunter2"):
        with pytest.raises(QuadsTrouble, match="does not take the login of admin") as refused:
            await bench.quads.tell_assignment(1, provisioned=True, validated=False)
        assert refused.value.final
        assert "hunter2" not in str(refused.value)


async def test_an_assignment_that_does_not_say_whether_to_wipe_is_refused(newest: Bench) -> None:
    newest.server.lab.assignments[1].wipe = None  # type: ignore[assignment]
    with pytest.raises(QuadsTrouble, match="whether cloud02 is to be wiped"):
        await newest.quads.assignment("cloud02")
