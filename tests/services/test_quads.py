"""The QUADS client against the emulated QUADS of both generations, judged by what that saw."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from quads_tui.emulators.interfaces import Machine, Time
from quads_tui.emulators.quads import InjectedFault, QuadsDatabase, QuadsEmulator
from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.inputs.times import zone_named
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.rollout.ports import QuadsError
from quads_tui.services.http import Http
from quads_tui.services.quads import Move, Quads
from tests.clocks import FastClock

HOSTS = [f"f21-h{n:02}-000-r650.example.com" for n in range(4)]
BEGUN, BUILT = 1_795_991_000.0, 1_795_993_800.0  # 2026-11-29 22:23:20 and 23:10:00 UTC
BERLIN = zone_named("Europe/Berlin")


class Moment(Time):
    """Emulated time that a test moves by hand."""

    ahead = 0.0

    def epoch(self, moment: datetime) -> None:
        self._epoch = moment

    def now(self) -> float:
        return super().now() + self.ahead


@dataclass
class Bench:
    server: QuadsEmulator
    quads: Quads
    time: Moment


async def bench_of(generation: str, *, password: str = "secret", sqlite: bool = False) -> AsyncIterator[Bench]:
    """A QUADS in Berlin, at the evening of BUILT."""
    time, clock = Moment(), FastClock()
    time.epoch(datetime.fromtimestamp(BUILT, UTC))
    lab = QuadsDatabase(BERLIN.clock(BUILT))
    lab.assign("cloud02", [Machine(name, "R650", "") for name in HOSTS], wipe=True, os="RHEL 9.4")
    server = QuadsEmulator(
        lab, time=time, username="admin", password="secret", generation=generation, sqlite=sqlite, zone=BERLIN.info or UTC
    )
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
        zone=BERLIN,
    )
    yield Bench(server, quads, time)
    await http.close()
    await server.stop()


@pytest.fixture(params=["2.0.5", "2.1", "2.2"])
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
    await quads.send_schedule_times(HOSTS[0], "cloud02", BEGUN, BUILT)
    await quads.send_built(HOSTS[0], "cloud02", BUILT)
    await quads.update_assignment(1, provisioned=True, validated=False)
    host, schedule, made = lab.hosts[HOSTS[0]], lab.schedules[1], lab.assignments[1]
    assert (host.cloud, host.build, host.validated) == ("cloud02", True, False)
    assert schedule.build_start == datetime.fromisoformat("2026-11-29 23:23")  # by the clock of QUADS' server
    assert host.last_build == schedule.build_end == datetime.fromisoformat("2026-11-30 00:10")
    assert (made.provisioned, made.validated) == (True, False)
    assert bench.server.logins == 1
    assert HOSTS[0] not in [move.host for move in await quads.moves()]


async def test_progress_in_quads_own_words(newest: Bench) -> None:
    await newest.quads.send_progress(1, "provisioning", "marking for build", "")
    await newest.quads.send_progress(1, "failed", "failed", "foreman_build: 422")
    assert newest.server.lab.schedules[1].statuses == ["provisioning", "failed"]
    with pytest.raises(QuadsError, match="Invalid status") as refused:
        await newest.quads.send_progress(1, "cooking", "", "")
    assert refused.value.final


async def test_an_expired_token_is_made_anew_once(newest: Bench) -> None:
    await newest.quads.update_assignment(1, provisioned=True, validated=False)
    newest.time.ahead = 16_000.0
    await newest.quads.update_assignment(1, provisioned=True, validated=True)
    assert newest.server.logins == 2
    newest.server.faults.append(InjectedFault("PATCH", "/assignments", "expired", 2))
    with pytest.raises(QuadsError) as refused:
        await newest.quads.update_assignment(1, provisioned=True, validated=False)
    assert not refused.value.final
    assert newest.server.logins == 3


async def test_a_rolled_back_patch_is_not_believed(newest: Bench) -> None:
    newest.server.faults.append(InjectedFault("PATCH", "/hosts", "rolled-back", 2))
    with pytest.raises(QuadsError, match="200 but did not store cloud, build"):
        await newest.quads.send_built(HOSTS[0], "cloud02", BUILT)
    assert newest.server.lab.hosts[HOSTS[0]].cloud == "cloud01"


async def test_a_database_that_stumbles_over_the_time_gets_the_rest() -> None:
    async for bench in bench_of("2.1", sqlite=True):
        await bench.quads.send_built(HOSTS[0], "cloud02", BUILT)
        host = bench.server.lab.hosts[HOSTS[0]]
        assert (host.cloud, host.build, host.last_build) == ("cloud02", True, None)
        assert bench.server.rolled_back == 1


@pytest.mark.parametrize(
    ("kind", "words"),
    [("html", "HTTP 500 and an HTML page"), ("reset", "closed the connection without an answer"), ("hang", "no answer from")],
)
async def test_troubles_that_pass_are_not_final(newest: Bench, kind: str, words: str) -> None:
    newest.server.faults.append(InjectedFault("GET", "/moves", kind))
    with pytest.raises(QuadsError, match=words) as trouble:
        await newest.quads.moves()
    assert not trouble.value.final
    assert len(await newest.quads.moves()) == 4


async def test_a_wrong_password_can_be_put_right_and_is_never_shown() -> None:
    async for bench in bench_of("2.1", password="hunter2"):
        with pytest.raises(QuadsError, match="refused the login of admin") as refused:
            await bench.quads.update_assignment(1, provisioned=True, validated=False)
        assert not refused.value.final
        assert "hunter2" not in str(refused.value)
        with pytest.raises(QuadsError, match="refused the login of admin"):
            await bench.quads.update_assignment(1, provisioned=True, validated=False)
        assert bench.server.logins == 1  # it is not sent again and again


async def test_an_assignment_that_does_not_say_whether_to_wipe_is_refused(newest: Bench) -> None:
    newest.server.lab.assignments[1].wipe = None  # type: ignore[assignment]
    with pytest.raises(QuadsError, match="whether cloud02 is to be wiped"):
        await newest.quads.assignment("cloud02")


async def test_e5_a_schedule_that_was_removed_is_no_trouble(bench: Bench) -> None:
    bench.server.lab.unschedule([HOSTS[0]])
    await bench.quads.send_schedule_times(HOSTS[0], "cloud02", BEGUN, BUILT)
    await bench.quads.send_schedule_times("gone.example.com", "cloud02", BEGUN, BUILT)  # QUADS answers with all of the cloud
    assert bench.server.writes == 0


async def test_e5_the_end_is_never_told_before_the_start(bench: Bench) -> None:
    """Clocks go back while it is built: 02:50, an hour later 02:10 (50 minutes of 31 October 2027)."""
    begun = datetime.fromisoformat("2027-10-31T00:50:00+00:00").timestamp()
    bench.server.lab.schedules[1].end = datetime.fromisoformat("2028-01-01")
    await bench.quads.send_schedule_times(HOSTS[0], "cloud02", begun, begun + 1200)
    schedule = bench.server.lab.schedules[1]
    assert schedule.build_start == schedule.build_end == datetime.fromisoformat("2027-10-31 02:50")


async def test_e5_a_cloud_is_emptied_only_when_nothing_is_scheduled_there(bench: Bench) -> None:
    quads, lab = bench.quads, bench.server.lab
    lab.settle("cloud01", [])  # an assignment of the spare pool is nobody's to end
    await quads.end_empty_assignment("cloud01")
    await quads.end_empty_assignment("cloud02")
    assert bench.server.writes == 0
    lab.settle("cloud03", HOSTS[:1])
    await quads.end_empty_assignment("cloud03")
    assert [made.active for made in lab.assignments.values()] == [True, True, False]
    await quads.end_empty_assignment("cloud03")  # it has no active assignment any more
    assert bench.server.writes == 1


async def test_e5_all_built_is_what_quads_schedules_now(bench: Bench) -> None:
    quads, lab = bench.quads, bench.server.lab
    for name in HOSTS[:3]:
        await quads.send_built(name, "cloud02", BUILT)
    assert not await quads.all_built("cloud02")
    lab.hosts[HOSTS[3]].build = True  # the last tenant's: it still stands in another cloud
    assert not await quads.all_built("cloud02")
    lab.unschedule(HOSTS[3:])
    assert await quads.all_built("cloud02")
    lab.unschedule(HOSTS)
    assert not await quads.all_built("cloud02")


async def test_e5_a_move_that_2_2_cannot_track_goes_without(newest: Bench) -> None:
    await newest.quads.start_tracking(HOSTS[0])
    newest.server.lab.hosts[HOSTS[0]].cloud = "cloud02"
    assert newest.server.lab.schedules[1].source == "cloud01"
    newest.server.lab.unschedule(HOSTS[1:2])
    await newest.quads.start_tracking(HOSTS[1])  # 500, in HTML


async def test_the_emulated_server_refuses_what_the_real_one_does(bench: Bench) -> None:
    async def refused(path: str, body: dict[str, object]) -> str:
        with pytest.raises(QuadsError) as trouble:
            await bench.quads._patch(path, body, {})
        assert trouble.value.final
        return trouble.value.reason

    assert "Schedule not found: 99" in await refused("schedules/99", {"build_end": "2026-11-29T23:10"})
    assert "Missing argument" in await refused("schedules/1", {"build_end": None, "hostname": HOSTS[0]})
    assert "Invalid date format" in await refused("schedules/1", {"build_end": "2026-11-29 23:10"})
    late, early = "2026-11-29T23:10", "2026-11-29T22:10"
    for first, second in (("build_start", "build_end"), ("start", "end"), ("start", "build_start"), ("build_end", "end")):
        assert f"Invalid date range for {first} or {second}" in await refused("schedules/1", {first: late, second: early})
    assert "Host not found" in await refused("hosts/gone.example.com", {"build": False})
    assert "Cloud not found" in await refused(f"hosts/{HOSTS[0]}", {"cloud": "cloud77"})
    assert "Assignment not found" in await refused("assignments/99", {"validated": False})
