"""A client beside a fake BMC, with what the client intended and said."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.rollout.causes import StageFailure
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.services.http import Http
from quads_tui.services.redfish import Bmc
from quads_tui.services.redfish.connection import BmcConnection
from tests.clocks import FastClock

from .fake import PASSWORD, USER, FakeBmc


class Told:
    """Implements rollout.ports.Acts."""

    def __init__(self) -> None:
        self.intents: list[tuple[str, dict[str, object]]] = []
        self.results: list[str] = []
        self.notes: list[str] = []
        self.refusal: Exception | None = None
        self.before: Callable[[], None] | None = None
        self.last_word: Exception | None = None  # raised before the first byte of an act
        self.confirmed = 0
        self.sessions: list[str] = []
        self.refusals: list[int] = []
        self.heards: list[str] = []

    async def intend(self, act: str, detail: dict[str, object]) -> None:
        if self.refusal is not None:
            raise self.refusal
        assert len(self.intents) == len(self.results), "an act began before the last one's outcome was told"
        self.intents.append((act, detail))
        if self.before is not None:
            self.before()

    async def confirm(self) -> None:
        self.confirmed += 1
        if self.last_word is not None:
            raise self.last_word

    async def before_login(self) -> None:
        return

    def session(self, uri: str, is_open: bool) -> None:
        if uri:
            (self.sessions.append if is_open else self.sessions.remove)(uri)

    def left(self, words: str) -> None:
        self.notes.append(words)

    def refused(self, times: int) -> None:
        self.refusals.append(times)

    def heard(self, why: str = "") -> None:
        self.heards.append(why)

    def result(self, result: str, detail: dict[str, object]) -> None:
        self.results.append(result)

    def note(self, text: str, waits: bool = False) -> None:
        self.notes.append(text)


class Clock(FastClock):
    """Remembers what was waited because a server said so; those seconds are real ones, and pass at once."""

    def __init__(self) -> None:
        super().__init__(speed=300.0, floor=0.5)
        self.obeyed: list[float] = []
        self._passed = 0.0

    def now(self) -> float:
        return super().now() + self._passed

    def waited(self) -> list[int]:
        """Whole seconds of each wait."""
        return [math.ceil(seconds) for seconds in self.obeyed]

    def patient(self) -> None:
        """For tests in which nobody hangs: a machine under load is not a BMC that does not answer."""
        self._floor = 5.0

    async def sleep_real(self, seconds: float) -> None:
        self.obeyed.append(seconds)
        self._passed += seconds * self.speed
        await asyncio.sleep(0)


class Bench:
    def __init__(self, bmc: FakeBmc, password: str = PASSWORD) -> None:
        self.bmc = bmc
        self.clock = Clock()
        self.told = Told()
        self.exchanges: list[Exchange] = []
        self.http = Http(self.clock, on_exchange=self.exchanges.append)
        self.others: list[Bmc] = []
        self.client = self.make(password)

    def make(self, password: str = PASSWORD, *, system: str = "", address: str = "") -> Bmc:
        return Bmc(
            BmcConnection(
                self.http,
                address=address or self.bmc.address,
                host="h1.example.com",
                username=USER,
                password=Secret(password),
                tls=TlsPolicy(),
                clock=self.clock,
                limits=Limits(),
                meter=Meter(),
                acts=self.told,
            ),
            system=system,
        )

    def other(self, *, system: str = "", address: str = "") -> Bmc:
        """A further client, as another attempt or another process makes it; closed at the end."""
        self.others.append(self.make(system=system, address=address))
        return self.others[-1]

    async def off(self, seconds: float = 900) -> str:
        return await self.client.ensure_off(self.clock.now() + seconds)

    async def on(self, seconds: float = 900) -> str:
        return await self.client.ensure_on(self.clock.now() + seconds)

    async def pxe(self, seconds: float = 900) -> str:
        return await self.client.ensure_pxe_next(self.clock.now() + seconds)

    async def clear(self, seconds: float = 90) -> str:
        return await self.client.clear_override(self.clock.now() + seconds)

    async def fails(self, work: Awaitable[Any]) -> StageFailure:
        with pytest.raises(StageFailure) as caught:
            await work
        return caught.value


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bmc = await FakeBmc().start()
    bench = Bench(bmc)
    yield bench
    await bench.client.close()
    for client in bench.others:
        await client.close()
    assert bmc.sessions == {}, "a session was left behind"
    assert bmc.peak <= 1, "more than one request at a time"
    assert len(bench.told.intents) == len(bench.told.results)
    assert all("calvin" not in repr(item) for item in (bench.exchanges, bench.told.notes, bench.told.intents))
    await bench.http.close()
    await bmc.server.close()
