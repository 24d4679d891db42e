"""A small lab with its emulated Foreman on loopback, and a plain client that shares nothing with our own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from quads_tui.emulators.foreman import ForemanEmulator, ForemanOptions
from quads_tui.emulators.interfaces import Machine
from tests.clocks import GrantedTime
from tests.waiting import until


@dataclass
class Reply:
    status: int
    text: str
    headers: Any

    @property
    def body(self) -> Any:
        return json.loads(self.text)


@dataclass
class Lab:
    emulator: ForemanEmulator
    url: str
    names: list[str]
    sessions: list[aiohttp.ClientSession] = field(default_factory=list)

    def client(self, login: str = "admin", password: str = "changeme", *, cookies: bool = True) -> aiohttp.ClientSession:
        jar = aiohttp.CookieJar(unsafe=True) if cookies else aiohttp.DummyCookieJar()
        headers = {"Authorization": aiohttp.encode_basic_auth(login, password)} if login else {}
        session = aiohttp.ClientSession(cookie_jar=jar, headers=headers)
        # aiohttp would send a GET, PUT or DELETE again by itself when its connection breaks: then no test would see the break.
        session._retry_connection = False
        self.sessions.append(session)
        return session

    async def call(
        self, method: str, path: str, body: Any = None, *, session: aiohttp.ClientSession | None = None, **more: Any
    ) -> Reply:
        """One request; `body` goes as JSON."""
        if session is None:
            session = self.sessions[0] if self.sessions else self.client()
        async with session.request(method, self.url + path, json=body, **more) as response:
            return Reply(response.status, await response.text(), response.headers)

    async def get(self, path: str, **query: str) -> Any:
        reply = await self.call("GET", path, params=query)
        assert reply.status == 200, reply.text
        return reply.body

    async def names_of(self, search: str, **query: str) -> list[str]:
        """Names of the hosts that a search finds."""
        found = await self.get("/api/hosts", search=search, thin="1", per_page="all", **query)
        return [row["name"] for row in found["results"]]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits for something that no event tells of."""
        await until(holds)

    async def put(self, name: str, **attributes: Any) -> Reply:
        return await self.call("PUT", f"/api/v2/hosts/{name}", {"host": attributes})


@pytest.fixture
async def lab() -> AsyncIterator[Callable[..., Awaitable[Lab]]]:
    """`await lab(hosts=5, speed=1000, ForemanOptions members...)`: a Foreman that listens until the test ends."""
    labs: list[Lab] = []

    async def make(hosts: int = 5, *, speed: float = 1000.0, seed: int = 1, **options: Any) -> Lab:
        names = [f"f{number:02d}-h{number:02d}-000-r650.example.com" for number in range(1, hosts + 1)]
        machines = [Machine(name, "R650", f"04:3f:72:00:00:{number:02x}") for number, name in enumerate(names)]
        emulator = ForemanEmulator(machines, time=GrantedTime(speed), seed=seed, options=ForemanOptions(**options))
        made = Lab(emulator, await emulator.serve(), names)
        labs.append(made)
        return made

    yield make
    for one in labs:
        for session in one.sessions:
            await session.close()
        await one.emulator.close()
