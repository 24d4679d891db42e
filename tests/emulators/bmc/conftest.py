"""A small emulated lab for tests: real listeners, a Foreman of a few lines, and a client that hides nothing."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
import trustme

from quads_tui.emulators.bmc.bmc import Bmc
from quads_tui.emulators.bmc.faults import Fault
from quads_tui.emulators.bmc.fleet import Fleet
from quads_tui.emulators.bmc.service import RedfishService
from quads_tui.emulators.interfaces import Machine
from tests.clocks import GrantedTime
from tests.waiting import until

USER, PASSWORD = "root", "calvin's heir"
SPEED = 3000.0


class FakeForeman:
    """Tokens by host; remembers who was built and who failed."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}
        self.built_hosts: list[str] = []
        self.failed_hosts: list[str] = []

    def live_token(self, host: str) -> str | None:
        return self.tokens.get(host)

    async def built(self, host: str, token: str) -> bool:
        if self.tokens.get(host) != token:
            return False
        del self.tokens[host]
        self.built_hosts.append(host)
        return True

    async def failed(self, host: str, token: str, log: str) -> bool:
        self.failed_hosts.append(host)
        return self.tokens.get(host) == token

    def counts(self) -> dict[str, Any]:
        return {"writes": 0}

    def host_counts(self, name: str) -> dict[str, Any]:
        return {"built": self.built_hosts.count(name), "in_build": name in self.tokens}


@dataclass
class Response:
    status: int
    headers: Any
    text: str
    json: Any


@dataclass
class Lab:
    fleet: Fleet
    foreman: FakeForeman
    client: aiohttp.ClientSession
    names: list[str]
    ca_file: str | None = None
    tokens: dict[str, str] = field(default_factory=dict)

    def bmc(self, number: int = 0) -> Bmc:
        return self.fleet.bmcs[self.names[number]]

    def service(self, number: int = 0) -> RedfishService:
        return self.fleet.services[self.names[number]]

    def url(self, number: int = 0) -> str:
        return self.fleet.address(self.names[number])

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        number: int = 0,
        headers: dict[str, str] | None = None,
        basic: bool = True,
    ) -> Response:
        """One request; with Basic credentials unless told otherwise, no redirects followed."""
        sent = dict(headers or {})
        if basic:
            sent["Authorization"] = aiohttp.encode_basic_auth(USER, PASSWORD)
        async with self.client.request(
            method, self.url(number) + path, json=body, headers=sent, allow_redirects=False
        ) as response:
            text = await response.text()
            is_json = "json" in response.headers.get("Content-Type", "") and text
            return Response(response.status, response.headers, text, await response.json() if is_json else None)

    async def patch(self, boot: dict[str, str], *, number: int = 0, path: str | None = None) -> Response:
        """PATCH of Boot with the ETag that a read gives, where it gives one."""
        path = path or self.bmc(number).family.system
        read = await self.call("GET", path + "/", number=number)
        headers = {"If-Match": read.headers["ETag"]} if "ETag" in read.headers else {}
        return await self.call("PATCH", path, {"Boot": boot}, number=number, headers=headers)

    async def reset(self, kind: str, *, number: int = 0) -> Response:
        return await self.call("POST", self.bmc(number).family.reset, {"ResetType": kind}, number=number)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until it is so; a failure of the test otherwise."""
        await until(true)


Start = Callable[..., Awaitable[Lab]]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """Of all labs with TLS: the servers' context, and the file of the authority."""
    authority = trustme.CA()
    ca_file = str(tmp_path_factory.mktemp("tls") / "ca.pem")
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context, ca_file


@pytest.fixture
async def start(certificate: tuple[ssl.SSLContext, str]) -> AsyncIterator[Start]:
    """A function that starts a lab of the given models."""
    labs: list[Lab] = []

    async def begin(
        *models: str, speed: float = SPEED, faults: dict[int, Fault] | None = None, tls: bool = False, seed: int = 7
    ) -> Lab:
        machines = [
            Machine(f"a01-h{number + 1:02d}-000-{model.lower()}.example.com", model, f"b0:7b:25:00:00:{number:02x}")
            for number, model in enumerate(models)
        ]
        names = [machine.name for machine in machines]
        foreman = FakeForeman()
        fleet = Fleet(
            machines,
            time=GrantedTime(speed),
            seed=seed,
            provisioner=foreman,
            username=USER,
            password=PASSWORD,
            faults={names[number]: fault for number, fault in (faults or {}).items()},
        )
        context, ca_file = certificate if tls else (None, None)
        await fleet.serve(context)
        labs.append(Lab(fleet, foreman, aiohttp.ClientSession(), names, ca_file))
        return labs[-1]

    yield begin
    for lab in labs:
        await lab.client.close()
        await lab.fleet.close()
