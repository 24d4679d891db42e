"""How many requests and connections one host costs its BMC, from the survey to power on, as the BMC counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import pytest

from quads_tui.emulators.bmc.corrupt_responses import ResetsReusedConnections
from quads_tui.emulators.bmc.fleet import Fleet
from quads_tui.emulators.interfaces import Machine
from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.planning.bmc_survey import ReadOnlySideEffects
from quads_tui.rollout.http_log import READS, Exchange
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.rollout.ports import SideEffects
from quads_tui.services import http, kept_connections
from quads_tui.services.kept_connections import Reuse
from quads_tui.services.redfish import Bmc
from quads_tui.services.redfish.connection import BmcConnection
from quads_tui.services.redfish.learned import LearnedBmcs
from tests.clocks import FastClock, GrantedTime

from .conftest import Told
from .test_families import Foreman

SPEED = 300.0
HOST = "f01-h01-000.example.com"


class Way:
    """The clients of one process beside one emulated BMC."""

    def __init__(self, model: str) -> None:
        self.machine = Machine(HOST, model, "04:3f:72:00:00:01")
        self.fleet = Fleet([self.machine], time=GrantedTime(SPEED), seed=3, provisioner=Foreman(), username="root", password="pw")
        self.clock, self.told, self.bmcs = FastClock(SPEED, floor=5.0), Told(), LearnedBmcs()
        self.exchanges: list[Exchange] = []
        self.http = http.Http(self.clock, on_exchange=self.exchanges.append)

    def client(self, acts: SideEffects) -> Bmc:
        return Bmc(
            BmcConnection(
                self.http,
                address=self.fleet.address(HOST),
                host=HOST,
                username="root",
                password=Secret("pw"),
                tls=TlsPolicy(),
                clock=self.clock,
                limits=Limits(),
                meter=Meter(),
                acts=acts,
                bmcs=self.bmcs,
            )
        )

    async def survey(self) -> None:
        client = self.client(ReadOnlySideEffects())
        await client.survey()
        await client.identify([self.machine.mac], self.clock.deadline(600))
        await client.close()

    async def roll_out(self) -> None:
        await self.carry_out(await self.identified())

    async def identified(self) -> Bmc:
        client = self.client(self.told)
        client.pin(await client.identify([self.machine.mac], self.clock.deadline(600)))
        return client

    async def carry_out(self, client: Bmc) -> None:
        await client.ensure_off(self.clock.deadline(600))
        await client.ensure_pxe_next(self.clock.deadline(600))
        await client.ensure_on(self.clock.deadline(600))
        await client.close()

    @property
    def writes(self) -> int:
        return sum(exchange.method not in READS for exchange in self.exchanges)

    def counts(self) -> Counter[str]:
        return Counter(self.fleet.counts())


@pytest.fixture
async def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Way]:
    """On a machine under load no connection grows old between two requests."""
    monkeypatch.setattr(kept_connections, "_RECENT", dict.fromkeys(Reuse, 240.0))
    monkeypatch.setattr(http, "_KEEP_ALIVE", 240.0)
    way = Way(request.param)
    await way.fleet.serve()
    yield way
    await way.http.close()
    await way.fleet.close()
    assert (way.counts()["sessions_open"], way.counts()["peak_requests_per_bmc"]) == (0, 1)
    assert way.fleet.bmcs[HOST].hardware.resets == 2


@pytest.mark.parametrize("way", ["R650", "R660", "R630", "1029U", "3500RX"], indirect=True)
async def test_a_host_costs_its_bmc_one_connection(way: Way) -> None:
    await way.survey()
    await way.roll_out()
    counts = way.counts()
    assert (counts["connections"], counts["sessions_created"]) == (1, 2)
    assert counts["requests"] <= 32


@pytest.mark.parametrize("way", ["DL360", "DL320"], indirect=True)
async def test_each_write_to_an_hpe_has_a_connection_of_its_own(way: Way) -> None:
    await way.survey()
    await way.roll_out()
    assert way.counts()["connections"] == way.writes + 1
    assert way.told.results == ["answered"] * len(way.told.intents)


@pytest.mark.parametrize("way", ["R650"], indirect=True)
async def test_a_reset_is_never_the_first_write_that_a_used_connection_carries(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_connections, "_RECENT", dict.fromkeys(Reuse, -1.0))
    client = await way.identified()
    monkeypatch.setattr(kept_connections, "_RECENT", dict.fromkeys(Reuse, 240.0))
    await way.carry_out(client)
    assert way.counts()["connections"] == 3  # of the login and of the power off


@pytest.mark.parametrize("way", ["R650"], indirect=True)
async def test_without_a_survey_the_login_shows_whether_resets_may_use_its_connection(way: Way) -> None:
    await way.roll_out()
    assert way.counts()["connections"] == 1


@pytest.mark.parametrize("way", ["R650"], indirect=True)
async def test_a_login_lost_on_a_used_connection_is_made_again_and_each_write_has_its_own_from_then_on(way: Way) -> None:
    way.fleet.services[HOST].fault = ResetsReusedConnections()
    await way.roll_out()
    logins = [exchange.status for exchange in way.exchanges if exchange.path.endswith("/Sessions") and exchange.method == "POST"]
    assert logins == [0, 201]
    assert way.told.results == ["answered"] * len(way.told.intents)
    assert way.counts()["sessions_created"] == 1
