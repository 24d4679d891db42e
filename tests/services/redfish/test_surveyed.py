"""What the survey has read of a machine is not read again before the first act on it, where the machine still tells the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.services.http import Http
from quads_tui.services.redfish import Bmc
from quads_tui.services.redfish.connection import BmcConnection
from quads_tui.services.redfish.learned import LearnedBmcs

from .conftest import Clock, Told
from .fake import PASSWORD, SYSTEM, USER, FakeBmc, linked

UUID, OTHER_UUID = "4c4c4544-0046-5010-8051-b4c04f4e3332", "4c4c4544-0046-5010-8051-b4c04f4e3333"
MAC, OTHER_MAC = "52:54:00:00:00:01", "52:54:00:00:00:02"
OTHER = "/redfish/v1/Systems/2"
NICS = SYSTEM + "/EthernetInterfaces"
BRIEF = ["GET /redfish/v1/", "POST /redfish/v1/SessionService/Sessions", f"GET {SYSTEM}"]


class Process:
    """The clients of one process beside one BMC."""

    def __init__(self, bmc: FakeBmc) -> None:
        self.bmc = bmc
        self.clock, self.bmcs = Clock(), LearnedBmcs()
        self.clock.patient()
        self.http = Http(self.clock)

    def client(self, system: str = "") -> Bmc:
        connection = BmcConnection(
            self.http,
            address=self.bmc.address,
            host="h1.example.com",
            username=USER,
            password=Secret(PASSWORD),
            tls=TlsPolicy(),
            clock=self.clock,
            limits=Limits(),
            meter=Meter(),
            acts=Told(),
            bmcs=self.bmcs,
        )
        return Bmc(connection, system=system)

    async def identified(self, *macs: str, whole: bool = False, survey: bool = False, system: str = "") -> Identity:
        """By a client of its own; `bmc.log` has its requests alone."""
        self.bmc.log.clear()
        client = self.client(system)
        try:
            if survey:
                await client.survey()
            return await client.identify(macs, self.clock.now() + 3000, whole)
        finally:
            await client.close()

    @property
    def read_again(self) -> bool:
        """Whether the last client read more than the system."""
        return [line for line in self.bmc.log if not line.startswith("DELETE")][: len(BRIEF) + 1] != BRIEF


@pytest.fixture
async def process() -> AsyncIterator[Process]:
    bmc = FakeBmc(system={"UUID": UUID, "SerialNumber": "NODE1001", "EthernetInterfaces": {"@odata.id": NICS}})
    bmc.documents[NICS] = {"Members": [{"MACAddress": MAC}]}
    await bmc.start()
    process = Process(bmc)
    yield process
    assert bmc.sessions == {}
    await process.http.close()
    await bmc.server.close()


async def test_a_survey_reads_the_system_once(process: Process) -> None:
    await process.identified(MAC, survey=True)
    assert process.bmc.log.count(f"GET {SYSTEM}") == 1
    assert process.bmc.log.count(f"GET {NICS}") == 1


async def test_the_first_client_after_a_survey_reads_the_system_alone_and_the_next_one_all(process: Process) -> None:
    surveyed = await process.identified(MAC, survey=True)
    assert await process.identified(MAC) == surveyed
    assert not process.read_again
    assert await process.identified(MAC) == surveyed
    assert process.read_again, "an attempt that is repeated identifies anew"


async def test_what_was_told_without_a_survey_is_read_again(process: Process) -> None:
    await process.identified(MAC)
    await process.identified(MAC)
    assert process.read_again


def moved(bmc: FakeBmc) -> dict[str, Any]:
    """The same machine as another resource."""
    nics = {"@odata.id": f"{OTHER}/EthernetInterfaces"}
    return {**bmc.document(SYSTEM), "@odata.id": OTHER, "Actions": {}, "EthernetInterfaces": nics}


CHANGES: dict[str, Callable[[FakeBmc], Any]] = {
    "another UUID": lambda bmc: bmc.system.update(UUID=OTHER_UUID),
    "no UUID": lambda bmc: bmc.system.update(UUID=None),
    "another serial number": lambda bmc: bmc.system.update(SerialNumber="NODE1002"),
    "no serial number": lambda bmc: bmc.system.update(SerialNumber=None),
    "another system": lambda bmc: (
        bmc.documents.update(
            {SYSTEM: None, OTHER: moved(bmc), f"{OTHER}/EthernetInterfaces": {"Members": [{"MACAddress": OTHER_MAC}]}}
        ),
        setattr(bmc, "members", linked(OTHER)),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_machine_that_tells_other_facts_is_read_whole(process: Process, change: str) -> None:
    await process.identified(MAC, survey=True)
    CHANGES[change](process.bmc)
    process.bmc.documents[NICS] = {"Members": [{"MACAddress": OTHER_MAC}]}
    now = await process.identified(MAC)
    assert process.read_again
    assert now.macs == (OTHER_MAC,)


LACKS: dict[str, Callable[[FakeBmc], Any]] = {
    "UUID": lambda bmc: bmc.system.update(UUID=None),
    "MAC": lambda bmc: bmc.documents.update({NICS: {"Members": [{"MACAddress": OTHER_MAC}]}}),
    "only system": lambda bmc: (
        bmc.documents.update({OTHER: {"@odata.id": OTHER, "SystemType": "OS"}}),
        setattr(bmc, "members", linked(SYSTEM, OTHER)),
    ),
}


@pytest.mark.parametrize("lacks", LACKS)
async def test_a_machine_that_is_not_certain_to_be_known_again_is_read_whole(process: Process, lacks: str) -> None:
    LACKS[lacks](process.bmc)
    await process.identified(MAC, survey=True)
    await process.identified(MAC)
    assert process.read_again


async def test_a_machine_that_never_tells_a_serial_number_is_known_by_its_uuid(process: Process) -> None:
    process.bmc.system.update(SerialNumber="To be filled by O.E.M.")
    surveyed = await process.identified(MAC, survey=True)
    assert await process.identified(MAC) == surveyed
    assert not process.read_again


async def test_nothing_more_is_asked_where_the_survey_does_not_serve(process: Process) -> None:
    process.bmc.system.update(UUID=None)
    await process.identified(MAC, survey=True)
    await process.identified(MAC)
    assert process.bmc.log.count("GET /redfish/v1/") == 1


async def test_all_nics_are_read_where_the_survey_stopped_at_the_first(process: Process) -> None:
    process.bmc.documents[NICS] = {"Members": [{"MACAddress": MAC}, {"MACAddress": OTHER_MAC}]}
    await process.identified(MAC, survey=True)
    assert (await process.identified(MAC, whole=True)).macs == (MAC, OTHER_MAC)
    await process.identified(MAC, survey=True, whole=True)
    assert (await process.identified(MAC, whole=True)).macs == (MAC, OTHER_MAC)
    assert not process.read_again


async def test_a_survey_of_more_than_two_hours_ago_counts_no_more(process: Process) -> None:
    await process.identified(MAC, survey=True)
    await process.clock.sleep_real(7201 / process.clock.speed)
    await process.identified(MAC)
    assert process.read_again


async def test_a_system_that_the_assignment_names_is_read_whole(process: Process) -> None:
    await process.identified(MAC, survey=True, system="1")
    await process.identified(MAC, system="1")
    assert process.read_again


async def test_what_follows_goes_to_that_system_and_is_compared_with_it(process: Process) -> None:
    await process.identified(MAC, survey=True)
    client = process.client()
    client.pin(await client.identify([MAC], process.clock.now() + 3000))
    assert await client.ensure_off(process.clock.now() + 3000) == ""
    await client.close()
    assert process.bmc.resets == ["ForceOff"]
    assert process.bmc.log.count(f"GET {NICS}") == 1
