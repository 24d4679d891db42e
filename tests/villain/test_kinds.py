"""Each kind of misbehaviour by its name, on each of the three clients: declared errors only, and nobody holds the loop."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from quads_tui.emulators.bmc.fleet import Fleet
from quads_tui.emulators.foreman import ForemanEmulator, ForemanOptions
from quads_tui.emulators.interfaces import Machine
from quads_tui.emulators.quads import QuadsDatabase, QuadsEmulator
from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.rollout.plan import Target
from quads_tui.services.foreman import Foreman
from quads_tui.services.foreman.session import ForemanSession
from quads_tui.services.http import Http
from quads_tui.services.quads import Quads
from quads_tui.services.redfish import Bmc
from quads_tui.services.redfish.connection import BmcConnection
from quads_tui.services.responses import RequestFailed
from tests.clocks import FastClock, GrantedTime
from tests.effort import WHOLE
from tests.services.rawserver import Request
from tests.services.redfish.conftest import Told

from .elsewhere import Elsewhere, held
from .server import BIG_KINDS, FEW_KINDS, KINDS, SLOW_KINDS, Collector, Villain, closed
from .steps import HELD, TRIES
from .wire import bomb

pytestmark = pytest.mark.xdist_group("kinds")  # its bombs are packed once

HOSTS = [f"f21-h{number:02d}-000-r650.example.com" for number in range(3)]
PASSWORD = "a-secret-of-the-site"
SOME, MANY = (1, 1) if WHOLE else (8, 2)  # one in so many calls meets one of FEW_KINDS, and any other kind
# Of what sends much, one of each sort where 8 to 32 MB are read before it is too much; the BMCs' client reads 1 MB and gets all.
LONG = ("endless-chunks", "bomb-gzip", "a-hundred-thousand-records", "flood-of-infos", "endless-headers")
SHORTER = frozenset(KINDS) - BIG_KINDS | frozenset(LONG)
Calls = Sequence[Callable[[], Awaitable[Any]]]
Choice = Callable[[Calls], Calls]
LOGIN = ("also at the login", "after the login")
AT_ONCE = 6  # kinds: fewer than an emulated Foreman takes connections


@dataclass
class Ground:
    """Emulated services elsewhere, villains before them, and clients here."""

    elsewhere: Elsewhere
    collector: Collector
    clock: FastClock = field(default_factory=lambda: FastClock(speed=100.0, floor=1.0))
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    done: set[str] = field(default_factory=set)

    async def each(
        self,
        upstream: Sequence[str],
        spares: Callable[[Request], bool],
        work: Callable[[str, Http, Choice], Awaitable[None]],
        kinds: frozenset[str] = frozenset(KINDS),
    ) -> None:
        """`work` for each kind: with the address of a villain before one of `upstream`, a client, and what chooses from its calls."""

        async def one(number: int, kind: str, every: bool = False) -> None:
            villain = Villain(
                upstream[number % len(upstream)], self.collector.server.url, seed=number, kinds=[kind], spares=spares
            )
            await self.elsewhere(villain.start())
            http = Http(self.clock)
            try:
                await work(villain.url, http, (lambda calls: calls) if every else partial(chosen, kind, number))
                if villain.done:
                    self.done.add(kind)
            finally:
                await http.close()
                await self.elsewhere(closed(villain))

        async def in_turn(number: int, kind: str) -> None:
            if kind in SLOW_KINDS:
                await one(number, kind)
            else:
                async with self.places:
                    await one(number, kind)

        for _ in range(TRIES):
            with held() as steps:
                await asyncio.gather(*(in_turn(number, kind) for number, kind in enumerate(KINDS) if kind in kinds))
                for number, kind in enumerate(KINDS):
                    if kind in kinds - self.done:  # its few calls did not get as far as what it does
                        await one(number, kind, every=True)
            if max(steps) < HELD:
                break
        assert max(steps) < HELD, sorted(steps)[-20:]
        assert self.done == kinds
        assert self.collector.heard == [], "a credential or a request left for another server"


@pytest.fixture
async def ground() -> AsyncIterator[Ground]:
    for encoding in ("gzip", "deflate"):
        bomb(encoding)  # a second each, in which no villain would answer
    elsewhere = Elsewhere()
    collector = await elsewhere(Collector().start())
    yield Ground(elsewhere, collector)
    await elsewhere.close()


class Free:
    """A ticket that lets everything through. Implements rollout.ports.Ticket."""

    number, host = 1, HOSTS[0]

    async def confirm(self) -> None:
        return

    def use(self) -> None:
        return


def chosen(kind: str, number: int, calls: Calls) -> Calls:
    """The first of a kind that sends as much, or takes as long, as it may; else some, by turns."""
    if kind in BIG_KINDS | SLOW_KINDS:
        return calls[:1]
    share = min(SOME if kind in FEW_KINDS else MANY, len(calls))
    return [call for at, call in enumerate(calls) if (at + number) % share == 0]


def at_the_turn(half: int, kinds: frozenset[str]) -> frozenset[str]:
    """All, or half of them: the other half's turn is at the same client's other state, which is not logged in or logged in.

    Every other one, and beginning with the other one after each SOME: so that each call meets kinds of each sort still.
    """
    return (
        kinds if WHOLE else frozenset(kind for number, kind in enumerate(KINDS) if (number + number // SOME) % 2 == half) & kinds
    )


def _clean(text: str) -> None:
    assert not {unicodedata.category(letter) for letter in text} & {"Cc", "Cf", "Cs", "Zl", "Zp"}, repr(text)


async def declared(calls: Calls) -> None:
    """Each may give anything, or raise what the program declares."""
    for call in calls:
        try:
            await call()
        except QuadsTuiError as error:
            _clean(str(error))


@pytest.mark.parametrize("login", [True, False], ids=LOGIN)
async def test_villain_foreman_each_kind(ground: Ground, login: bool) -> None:
    machines = [Machine(name, "R650", f"52:54:00:00:00:{number:02x}") for number, name in enumerate(HOSTS)]
    foreman = ForemanEmulator(machines, time=GrantedTime(100), seed=7, options=ForemanOptions(password=PASSWORD))

    async def work(url: str, http: Http, choose: Choice) -> None:
        client = Foreman(
            ForemanSession(
                http,
                url=url,
                username="admin",
                password=Secret(PASSWORD),
                tls=TlsPolicy("off"),
                clock=ground.clock,
                limits=Limits(foreman_write=30),
                reads=Meter(),
                writes=Meter(),
            )
        )
        host, target = HOSTS[0], Target(owner_id=1, operatingsystem_id=1, ptable_id=101, medium_id=1)
        calls: list[Callable[[], Awaitable[Any]]] = [
            client.login,
            client.names,
            lambda: client.records(HOSTS),
            lambda: client.find("operating system", "RHEL 9.4"),
            client.users,
            lambda: client.parents("organizations"),
            lambda: client.incompatible_media(target),
            client.granted,
            client.token_seconds,
            client.identity,
            lambda: client.host(host),
            lambda: client.provisioning_macs(host),
            lambda: client.missing_permissions(host, ["edit_hosts"]),
            lambda: client.lacking_for("settings"),
            lambda: client.parameter_id(host, "overcloud"),
            lambda: client.probe_parameter(host, "overcloud", "true"),
            lambda: client.probe_host(host, {"build": True}, "a-number"),
            lambda: client.rolled_back("a-number"),
            lambda: client.build(Free(), host, target, "a-number"),
            lambda: client.set_parameter(Free(), host, "overcloud", "true", ""),
        ]
        await declared(calls[:1] if login else choose(calls[1:]))

    url = await ground.elsewhere(foreman.serve())
    kinds = at_the_turn(int(login), SHORTER)
    await ground.each([url], lambda request: not login and request.path.endswith("/status"), work, kinds)
    await ground.elsewhere(foreman.close())


async def test_villain_quads_each_kind(ground: Ground) -> None:
    clock = GrantedTime(100)
    database = QuadsDatabase(clock.utc().replace(tzinfo=None))
    database.assign("cloud02", [Machine(name, "R650", "") for name in HOSTS], wipe=True, os="RHEL 9.4")
    quads = QuadsEmulator(database, time=clock, username="admin", password=PASSWORD, generation="2.2", sqlite=False)

    async def work(url: str, http: Http, choose: Choice) -> None:
        client = Quads(
            http,
            url=url,
            username="admin",
            password=Secret(PASSWORD),
            tls=TlsPolicy("off"),
            clock=ground.clock,
            limits=Limits(),
            meter=Meter(),
        )
        await declared(
            choose(
                [
                    client.version,
                    client.moves,
                    lambda: client.assignment("cloud02"),
                    client.hosts,
                    lambda: client.schedules("cloud02"),
                    lambda: client.all_built("cloud02"),
                    client.tracks,
                    lambda: client.send_progress(1, "failed", "it", "failed"),
                    lambda: client.send_built(HOSTS[0], "cloud02", 1_795_993_800.0),
                    lambda: client.end_empty_assignment("cloud02"),
                ]
            )
        )

    url = await ground.elsewhere(quads.serve())
    await ground.each([url], lambda request: request.path.endswith("/login/"), work, SHORTER)
    await ground.elsewhere(quads.stop())


@pytest.mark.parametrize("login", [True, False], ids=LOGIN)
async def test_villain_bmc_each_kind(ground: Ground, login: bool) -> None:
    # As many that nobody waits for a session of another kind's.
    machines = [Machine(f"f21-h{number:02d}.example.com", "R650", f"52:54:00:00:00:{number:02x}") for number in range(20)]

    async def started() -> tuple[Fleet, ForemanEmulator]:
        foreman = ForemanEmulator(machines, time=GrantedTime(100), seed=7)
        fleet = Fleet(machines, time=GrantedTime(100), seed=7, provisioner=foreman, username="root", password=PASSWORD)
        await fleet.serve()
        return fleet, foreman

    fleet, _ = await ground.elsewhere(started())

    async def work(url: str, http: Http, choose: Choice) -> None:
        told = Told()
        client = Bmc(
            BmcConnection(
                http,
                address=url,
                host=HOSTS[0],
                username="root",
                password=Secret(PASSWORD),
                tls=TlsPolicy("off"),
                clock=ground.clock,
                limits=Limits(),
                meter=Meter(),
                acts=told,
            )
        )
        await declared(
            choose([client.observe, lambda: client.identify([machines[0].mac]), lambda: client.pxe_armed(ground.clock.now())])
        )
        await declared([client.close])
        for note in told.notes:
            _clean(note)

    spares = (lambda request: False) if login else (lambda request: "Sessions" in request.path or request.path == "/redfish/v1")
    kinds = at_the_turn(int(not login), frozenset(KINDS))  # at the login those that Foreman's client meets after it
    await ground.each([fleet.address(one.name) for one in machines], spares, work, kinds)
    await ground.elsewhere(fleet.close())


def test_the_collector_records_what_comes(tmp_path: Path) -> None:
    """The same search finds a credential that does come."""

    async def whole() -> list[str]:
        collector = await Collector().start()
        http = Http(FastClock())
        tls, basic = TlsPolicy("off"), {"Authorization": "Basic x"}
        url = f"{collector.server.url}/next"
        await http.request("GET", url, service="redfish", meter=Meter(), tls=tls, headers=basic, connect=5, total=15)
        await http.close()
        await collector.server.close()
        return collector.heard

    (heard,) = asyncio.run(whole())
    assert "Basic x" in heard


async def test_interim_responses_without_end_are_given_up_and_bad_cookies_print_nothing(
    ground: Ground, capfd: pytest.CaptureFixture[str]
) -> None:
    """aiohttp reads the first for as long as they come, and warns of the second on standard error."""
    http = Http(ground.clock)
    given: dict[str, Any] = {"service": "redfish", "meter": Meter(), "tls": TlsPolicy("off"), "connect": 5, "total": 15}
    for kind in ("flood-of-infos", "cookies-that-are-none"):
        villain = Villain("", ground.collector.server.url, seed=1, kinds=[kind])
        await ground.elsewhere(villain.start())
        if kind == "flood-of-infos":
            with pytest.raises(RequestFailed, match="with interim responses"):
                await http.request("GET", f"{villain.url}/", **given)
        else:
            assert (await http.request("GET", f"{villain.url}/", **given)).ok
        await ground.elsewhere(closed(villain))
    await http.close()
    assert "ookie" not in capfd.readouterr().err
