"""What the emulated services really answer, recorded once: the samples of the clients' parsers, and an HTTP that plays them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from quads_tui.emulators.bmc.fleet import Fleet
from quads_tui.emulators.foreman import ForemanEmulator
from quads_tui.emulators.interfaces import Machine
from quads_tui.emulators.quads import QuadsDatabase, QuadsEmulator
from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.rollout.plan import Target
from quads_tui.services.foreman import Foreman
from quads_tui.services.foreman.session import ForemanSession
from quads_tui.services.http import Http
from quads_tui.services.quads import Quads
from quads_tui.services.redfish import Bmc
from quads_tui.services.redfish.connection import BmcConnection
from quads_tui.services.responses import Response
from tests.clocks import GrantedTime
from tests.services.redfish.conftest import Told

HOSTS = [f"f21-h{number:02d}-000-r650.example.com" for number in range(3)]
MAC = "52:54:00:00:00:00"
TLS = TlsPolicy("off")
SECRET = Secret("changeme")
MOST_REQUESTS = 400  # of one call: more is a loop without end

Call = Callable[[Any], Awaitable[Any]]
Key = tuple[str, str]  # method, and path without what is asked

FOREMAN: dict[str, Call] = {
    "login": lambda client: client.login(),
    "names": lambda client: client.names(),
    "records": lambda client: client.records(HOSTS),
    "find": lambda client: client.find("operating system", "RHEL 9.4"),
    "users": lambda client: client.users(),
    "parents": lambda client: client.parents("organizations"),
    "media": lambda client: client.incompatible_media(Target(1, 21, 101, 1)),
    "granted": lambda client: client.granted(),
    "token": lambda client: client.token_seconds(),
    "identity": lambda client: client.identity(),
    "host": lambda client: client.host(HOSTS[0]),
    "macs": lambda client: client.provisioning_macs(HOSTS[0]),
    "permissions": lambda client: client.missing_permissions(HOSTS[0], ["edit_hosts"]),
    "lacking": lambda client: client.lacking_for("settings"),
    "parameter": lambda client: client.probe_parameter(HOSTS[0], "overcloud", "true"),
    "parameter id": lambda client: client.parameter_id(HOSTS[0], "overcloud"),
    "probe": lambda client: client.probe_host(HOSTS[0], {"build": True}, "a-number"),
    "build": lambda client: client.build(Free(), HOSTS[0], Target(1, 21, 101, 1), "a-number"),
}
QUADS: dict[str, Call] = {
    "version": lambda client: client.version(),
    "moves": lambda client: client.moves(),
    "assignment": lambda client: client.assignment("cloud02"),
    "hosts": lambda client: client.hosts(),
    "schedules": lambda client: client.schedules("cloud02"),
    "built": lambda client: client.all_built("cloud02"),
    "tracks": lambda client: client.tracks(),
    "login": lambda client: client.log_in(),
    "send built": lambda client: client.send_built(HOSTS[0], "cloud02", 1_795_993_800.0),
    "send times": lambda client: client.send_schedule_times(HOSTS[0], "cloud02", 1_795_990_000.0, 1_795_993_800.0),
    "end": lambda client: client.end_empty_assignment("cloud02"),
}
REDFISH: dict[str, Call] = {
    "observe": lambda client: client.observe(),
    "identify": lambda client: client.identify([MAC]),
    "identify whole": lambda client: client.identify([MAC], whole=True),
    "armed": lambda client: client.pxe_armed(0.0),
    "off": lambda client: client.ensure_off(0.0),
    "pxe": lambda client: client.ensure_pxe_next(0.0),
    "clear": lambda client: client.clear_override(0.0),
    "close": lambda client: client.close(),
}


class Free:
    """A ticket that lets everything through. Implements rollout.ports.Ticket."""

    number, host = 1, HOSTS[0]

    async def confirm(self) -> None: ...

    def use(self) -> None: ...


class Instant:
    """A clock on which every wait is over at once. Implements rollout.ports.Clock."""

    speed = 1.0

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def wall(self) -> float:
        return 1_795_993_800.0 + self.at

    async def sleep(self, seconds: float) -> None:
        self.at += max(0.0, seconds)

    sleep_real = sleep

    def real(self, seconds: float, floor: float = 0.0) -> float:
        return max(seconds, floor)

    def deadline(self, seconds: float) -> float:
        return self.at


class TooManyRequests(AssertionError):
    """A call that asks without end."""


class Played(Http):
    """Answers from the record; `spoilt` instead, for one of its keys."""

    def __init__(self, clock: Instant, record: Mapping[Key, Response], key: Key, spoilt: Response) -> None:
        super().__init__(clock)  # type: ignore[arg-type]
        self.record, self.key, self.spoilt, self.count = record, key, spoilt, 0

    async def request(self, method: str, url: str, **given: Any) -> Response:  # type: ignore[override]
        self.count += 1
        if self.count > MOST_REQUESTS:
            raise TooManyRequests(f"{self.count} requests")
        if given.get("before_send") is not None:
            await given["before_send"]("127.0.0.1:443")
        key = key_of(method, url)
        if key == self.key:
            return self.spoilt
        return self.record.get(key, Response(404, {}, b"{}", {}, "127.0.0.1:443"))


def key_of(method: str, url: str) -> Key:
    return method, "/" + url.partition("//")[2].partition("/")[2].partition("?")[0]


@dataclass
class Service:
    """One client: how it is made, its calls, and what each call was answered."""

    make: Callable[[Any, Any], Any]
    calls: Mapping[str, Call]
    record: dict[Key, Response] = field(default_factory=dict)
    asked: dict[str, list[Key]] = field(default_factory=dict)

    async def listen(self, url: str) -> None:
        """Make each call once on the real thing."""
        clock = Instant()
        service = self

        class Listening(Http):
            call = ""

            async def request(self, method: str, where: str, **given: Any) -> Response:  # type: ignore[override]
                answer = await super().request(method, where.replace("http://played", url), **given)
                key = key_of(method, where)
                # What is asked again is the same question: the first answer is the one of a lab that nobody has touched.
                kept = Response(answer.status, dict(answer.headers), answer.body, answer.cookies, "127.0.0.1:443")
                service.record.setdefault(key, kept)
                service.asked.setdefault(self.call, []).append(key)
                return answer

        listening = Listening(clock)  # type: ignore[arg-type]
        for name, call in self.calls.items():
            client = self.make(listening, clock)
            listening.call = name
            try:
                await call(client)
            except Exception:
                pass  # what it had asked until then is recorded
        self.asked = {name: keys for name, keys in self.asked.items() if keys}
        await listening.close()


def _foreman(http: Any, clock: Any) -> Foreman:
    session = ForemanSession(
        http,
        url="http://played",
        username="admin",
        password=SECRET,
        tls=TLS,
        clock=clock,
        limits=Limits(),
        reads=Meter(),
        writes=Meter(),
    )
    return Foreman(session)


def _quads(http: Any, clock: Any) -> Quads:
    return Quads(
        http, url="http://played", username="admin", password=SECRET, tls=TLS, clock=clock, limits=Limits(), meter=Meter()
    )


def _bmc(http: Any, clock: Any) -> Bmc:
    return Bmc(
        BmcConnection(
            http,
            address="http://127.0.0.1:1" if isinstance(http, Played) else "http://played",
            host=HOSTS[0],
            username="root",
            password=SECRET,
            tls=TLS,
            clock=clock,
            limits=Limits(),
            meter=Meter(),
            acts=Told(),
        )
    )


async def recorded() -> dict[str, Service]:
    """The three clients with what emulated services answered them."""
    time = GrantedTime(100)
    machines = [Machine(name, "R650", f"52:54:00:00:00:{number:02x}") for number, name in enumerate(HOSTS)]
    foreman = ForemanEmulator(machines, time=time, seed=7)
    fleet = Fleet(machines, time=time, seed=7, provisioner=foreman, username="root", password="changeme")
    database = QuadsDatabase(time.utc().replace(tzinfo=None))
    database.assign("cloud02", machines, wipe=True, os="RHEL 9.4")
    quads = QuadsEmulator(database, time=time, username="admin", password="changeme", generation="2.2", sqlite=False)
    services = {"foreman": Service(_foreman, FOREMAN), "quads": Service(_quads, QUADS), "redfish": Service(_bmc, REDFISH)}
    await services["foreman"].listen(await foreman.serve())
    await services["quads"].listen(await quads.serve())
    await fleet.serve()
    await services["redfish"].listen(fleet.address(HOSTS[0]))
    for part in (fleet.close(), quads.stop(), foreman.close()):
        await asyncio.wait_for(part, 10)
    return services
