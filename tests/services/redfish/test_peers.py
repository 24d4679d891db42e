"""A BMC's name with several addresses, or one that moves (DHCP, failover): what is read and what is acted on are one peer.

127.0.0.2, .3 and .4 stand for the addresses, one port for all.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.rollout.causes import Cause, StageFailure, Unidentified
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.services.http import Http
from quads_tui.services.redfish import Bmc
from quads_tui.services.redfish.connection import BmcConnection

from .conftest import Clock, Told
from .fake import PASSWORD, SETTINGS, SYSTEM, USER, FakeBmc, error, linked

NAME = "mgmt-h1.example.com"
HERE, THERE = "127.0.0.2", "127.0.0.3"
UUID, OTHER_UUID = "4c4c4544-0046-5010-8051-b4c04f4e3332", "4c4c4544-0046-5010-8051-b4c04f4e3333"
MAC, OTHER_MAC = "52:54:00:00:00:01", "52:54:00:00:00:02"


class Names(AbstractResolver):
    """What the name leads to, and how often that was asked."""

    def __init__(self) -> None:
        self.addresses = [HERE]
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        assert host == NAME
        self.asked += 1
        return [
            ResolveResult(hostname=host, host=one, port=port, family=socket.AF_INET, proto=0, flags=0) for one in self.addresses
        ]

    async def close(self) -> None:
        return


class Network:
    def __init__(self) -> None:
        self.names = Names()
        self.clock = Clock()
        self.clock.patient()
        self.told = Told()
        self.http = Http(self.clock, resolver=lambda: self.names)
        self.bmcs: dict[str, FakeBmc] = {}
        self.clients: list[Bmc] = []
        self.port = 0

    async def serve(self, host: str, **system: Any) -> FakeBmc:
        """A BMC at this address; all have the first one's port."""
        bmc = FakeBmc(system=system)
        self.bmcs[host] = await bmc.start(host, self.port)
        self.port = bmc.server.port or 0
        return bmc

    async def leaves(self, host: str) -> None:
        """Nobody answers there any more."""
        await self.bmcs[host].server.close()

    def client(self, address: str = "", tls: TlsPolicy | None = None) -> Bmc:
        address = address or f"http://{NAME}:{self.port}"
        client = Bmc(
            BmcConnection(
                self.http,
                address=address,
                host="h1.example.com",
                username=USER,
                password=Secret(PASSWORD),
                tls=tls or TlsPolicy(),
                clock=self.clock,
                limits=Limits(),
                meter=Meter(),
                acts=self.told,
            )
        )
        self.clients.append(client)
        return self.clients[-1]

    def soon(self, seconds: float = 3000) -> float:
        return self.clock.now() + seconds


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    network = Network()
    yield network
    for client in network.clients:
        await client.close()
    await network.http.close()
    for bmc in network.bmcs.values():
        await bmc.server.close()


def nics(bmc: FakeBmc, mac: str) -> None:
    bmc.system["EthernetInterfaces"] = {"@odata.id": SYSTEM + "/EthernetInterfaces"}
    bmc.documents[SYSTEM + "/EthernetInterfaces"] = {"Members": [{"MACAddress": mac}]}


async def test_a4_a_name_is_resolved_once_and_all_goes_to_one_peer(network: Network) -> None:
    here, there = await network.serve(HERE, UUID=UUID), await network.serve(THERE, UUID=UUID)
    network.names.addresses = [HERE, THERE]
    client = network.client()
    client.pin(await client.identify([]))
    network.names.addresses = [THERE]  # nobody asks
    await client.ensure_off(network.soon())
    await client.ensure_pxe_next(network.soon())
    await client.ensure_on(network.soon())
    assert network.names.asked == 1
    assert (here.resets, len(here.patches), there.log) == (["ForceOff", "On"], 1, [])
    assert network.told.notes.count("ForceOff accepted (204)") == 1


async def test_a4_the_bmc_still_hears_its_own_name(network: Network) -> None:
    here = await network.serve(HERE)
    hosts: list[str] = []

    async def note(bmc: FakeBmc, request: Any, data: Any) -> None:
        hosts.append(request.headers["Host"])

    here.when("GET", "", note, times=99)
    await network.client().observe()
    assert set(hosts) == {f"{NAME}:{network.port}"} and len(hosts) == 3


@pytest.mark.parametrize("fact", ["UUID", "serial number", "MAC"])
async def test_a4_the_same_machine_at_another_address_goes_on_and_is_noted(network: Network, fact: str) -> None:
    facts: dict[str, Any] = {"UUID": {"UUID": UUID}, "serial number": {"SerialNumber": "NODE1001"}, "MAC": {}}[fact]
    for host in (HERE, THERE):
        bmc = await network.serve(host, **facts)
        if fact == "MAC":
            nics(bmc, MAC)
    client = network.client()
    client.pin(await client.identify([]))
    await client.ensure_off(network.soon())
    network.names.addresses = [THERE]
    await network.leaves(HERE)
    network.bmcs[THERE].power = "Off"
    await client.ensure_on(network.soon())
    assert network.bmcs[THERE].resets == ["On"]
    there = f"{THERE}:{network.port}"
    noted = f"the BMC's address changed from {HERE}:{network.port} to {there}: the same machine by its {fact}"
    assert network.told.notes.count(noted) == 1


async def moved(network: Network) -> StageFailure:
    """The failure of an act after the pinned peer went away and the name leads THERE."""
    client = network.client()
    client.pin(await client.identify([]))
    await client.ensure_off(network.soon())
    network.names.addresses = [THERE]
    await network.leaves(HERE)
    with pytest.raises(StageFailure) as failure:
        await client.ensure_on(network.soon())
    assert network.bmcs[THERE].resets == []
    assert network.bmcs[THERE].count("POST " + SYSTEM) == 0
    return failure.value


async def test_a4_another_machine_at_the_new_address_gets_nothing(network: Network) -> None:
    await network.serve(HERE, UUID=UUID)
    await network.serve(THERE, UUID=OTHER_UUID)
    failure = await moved(network)
    assert (failure.cause, failure.retryable, isinstance(failure, Unidentified)) == (Cause.WRONG_BMC, False, False)
    assert failure.reason.startswith(f"another machine answers: UUID {OTHER_UUID}, was {UUID}. Now {SYSTEM} at {THERE}:")


async def test_a4_other_macs_at_the_new_address_are_another_machine(network: Network) -> None:
    nics(await network.serve(HERE), MAC)
    nics(await network.serve(THERE), OTHER_MAC)
    failure = await moved(network)
    assert f"MACs {OTHER_MAC}, were {MAC}" in failure.reason


@pytest.mark.parametrize("known", [{}, {"UUID": UUID}])
async def test_a4_nothing_in_common_is_asked_about(network: Network, known: dict[str, str]) -> None:
    await network.serve(HERE, **known)
    await network.serve(THERE, UUID="03000200-0400-0500-0006-000700080009", SerialNumber="N/A")
    failure = await moved(network)
    assert isinstance(failure, Unidentified) and not failure.retryable
    here, there = f"{HERE}:{network.port}", f"{THERE}:{network.port}"
    assert f"changed from {here} to {there}, and nothing proves that it is the same machine" in failure.reason


@pytest.mark.parametrize(("before", "now"), [(MAC, OTHER_MAC), (MAC, ""), ("", OTHER_MAC)])
async def test_a4_a_twin_with_the_serial_number_of_the_chassis_gets_nothing(network: Network, before: str, now: str) -> None:
    for host, mac in ((HERE, before), (THERE, now)):
        bmc = await network.serve(host, UUID="03000200-0400-0500-0006-000700080009", SerialNumber="CHASSIS77")
        if mac:
            nics(bmc, mac)
    failure = await moved(network)
    assert isinstance(failure, Unidentified) and not failure.retryable
    assert "and nothing proves that it is the same machine. Now " in failure.reason


async def test_a4_the_serial_number_of_the_chassis_and_a_mac_are_the_same_machine(network: Network) -> None:
    for host in (HERE, THERE):
        nics(await network.serve(host, SerialNumber="CHASSIS77"), MAC)
    client = network.client()
    client.pin(await client.identify([MAC]))
    network.names.addresses = [THERE]
    await network.leaves(HERE)
    await client.ensure_off(network.soon())
    assert network.bmcs[THERE].resets == ["ForceOff"]
    assert any(note.endswith("the same machine by its serial number and MAC") for note in network.told.notes)


async def test_a4_macs_that_cannot_be_read_for_now_do_not_make_the_serial_number_enough(network: Network) -> None:
    for host in (HERE, THERE):
        await network.serve(host, SerialNumber="CHASSIS77")
    nics(network.bmcs[THERE], OTHER_MAC)
    network.bmcs[THERE].when("GET", "/EthernetInterfaces", error(503, "ServiceTemporarilyUnavailable"))
    client = network.client()
    client.pin(await client.identify([]))
    network.names.addresses = [THERE]
    await network.leaves(HERE)
    client._connection.forget_peer()
    with pytest.raises(StageFailure) as failure:
        await client.observe()
    assert failure.value.retryable
    with pytest.raises(Unidentified):
        await client.observe(network.soon())


async def test_a4_the_next_process_compares_a_new_address_with_the_pinned_machine(network: Network) -> None:
    await network.serve(HERE, UUID=UUID)
    await network.serve(THERE, UUID=OTHER_UUID)
    pinned = await network.client().identify([])
    network.names.addresses = [THERE]
    later = network.client()
    later.pin(pinned)
    with pytest.raises(StageFailure, match="another machine answers"):
        await later.ensure_off(network.soon())
    with pytest.raises(StageFailure, match="another machine answers"):
        await later.identify([MAC])
    assert network.bmcs[THERE].resets == []


async def test_a4_an_act_whose_peer_changed_since_the_look_is_not_sent_and_the_look_is_taken_again(network: Network) -> None:
    here, there = await network.serve(HERE, UUID=UUID), await network.serve(THERE, UUID=UUID)
    client = network.client()
    client.pin(await client.identify([]))
    intend = network.told.intend

    async def move(act: str, detail: dict[str, object]) -> None:
        """Between the look and the act."""
        await intend(act, detail)
        if len(network.told.intents) == 1:
            network.names.addresses = [THERE]
            client._connection.forget_peer()  # as when a request in between met nobody

    network.told.intend = move  # type: ignore[method-assign]
    await client.ensure_off(network.soon())
    assert (here.resets, there.resets) == ([], ["ForceOff"])
    assert network.told.results == ["absent", "answered"]
    port = network.port
    assert f"trying again: not sent: {THERE}:{port} answers now, and the machine was read at {HERE}:{port}" in network.told.notes
    looks = [line for line in there.log if line in (f"GET {SYSTEM}", f"POST {SYSTEM}/Actions/ComputerSystem.Reset")]
    assert looks[0] == f"GET {SYSTEM}", "looked at before it was acted on"


async def test_a4_a_patch_whose_peer_changed_since_the_look_is_not_sent(network: Network) -> None:
    here, there = await network.serve(HERE, UUID=UUID), await network.serve(THERE, UUID=OTHER_UUID)
    client = network.client()
    client.pin(await client.identify([]))
    intend = network.told.intend

    async def move(act: str, detail: dict[str, object]) -> None:
        await intend(act, detail)
        network.names.addresses = [THERE]
        client._connection.forget_peer()

    network.told.intend = move  # type: ignore[method-assign]
    with pytest.raises(StageFailure, match="another machine answers"):
        await client.ensure_pxe_next(network.soon())
    assert (here.patches, there.patches, network.told.results) == ([], [], ["absent"])


async def test_a4_an_identity_is_told_by_one_peer(network: Network) -> None:
    nics(await network.serve(HERE, UUID=UUID), MAC)
    nics(await network.serve(THERE, UUID=UUID), OTHER_MAC)
    client = network.client()
    await client.observe()
    sleep = network.clock.sleep

    async def pause(seconds: float) -> None:
        client._connection.forget_peer()
        await sleep(seconds)

    async def move(bmc: FakeBmc, request: Any, data: Any) -> Any:
        """Between the system and its NICs."""
        network.names.addresses = [THERE]
        network.clock.sleep = pause  # type: ignore[method-assign]
        return error(503, "ServiceTemporarilyUnavailable")

    network.bmcs[HERE].when("GET", "/EthernetInterfaces", move)
    known = await client.identify([OTHER_MAC], network.soon())
    assert (known.peer, known.macs) == (f"{THERE}:{network.port}", (OTHER_MAC,))


def moves_before(network: Network, client: Bmc, path: str, to: str) -> None:
    """The name leads elsewhere just before the first request for this path."""
    put, moved = client._connection._put, False

    async def moving(method: str, asked: str, *arguments: Any) -> Any:
        nonlocal moved
        if asked.endswith(path) and not moved:
            moved, network.names.addresses = True, [to]
            client._connection.forget_peer()
        return await put(method, asked, *arguments)

    client._connection._put = moving  # type: ignore[method-assign]


async def test_a4_the_system_is_chosen_at_one_peer(network: Network) -> None:
    for host, mac in ((HERE, OTHER_MAC), (THERE, MAC)):
        bmc = await network.serve(host)
        nics(bmc, mac)
        bmc.documents[f"{SYSTEM}0"] = {"@odata.id": f"{SYSTEM}0"}
        bmc.members = linked(SYSTEM, f"{SYSTEM}0")
    client = network.client()
    moves_before(network, client, "/EthernetInterfaces", THERE)
    known = await client.identify([MAC], network.soon())
    assert (known.peer, known.macs) == (f"{THERE}:{network.port}", (MAC,))


async def test_a4_a_new_address_is_compared_at_one_peer(network: Network) -> None:
    for host, mac in ((HERE, MAC), (THERE, OTHER_MAC), ("127.0.0.4", MAC)):
        nics(await network.serve(host), mac)
    client = network.client()
    client.pin(await client.identify([MAC]))
    network.names.addresses = [THERE]
    client._connection.forget_peer()
    moves_before(network, client, "/EthernetInterfaces", "127.0.0.4")
    with pytest.raises(StageFailure, match="led to different addresses") as failure:
        await client.observe()
    assert failure.value.retryable
    assert (await client.observe(network.soon())).power == "On"
    assert any("the same machine by its MAC" in note for note in network.told.notes)


async def test_a4_what_decides_is_read_from_one_peer(network: Network) -> None:
    settings = {"@Redfish.Settings": {"SettingsObject": {"@odata.id": SETTINGS}}, "Boot": {"BootOrder": ["Boot0001"]}}
    for host, target in ((HERE, "None"), (THERE, "Pxe")):
        bmc = await network.serve(host, UUID=UUID, **settings)
        bmc.documents[SETTINGS] = {"Boot": {"BootSourceOverrideTarget": target, "BootSourceOverrideEnabled": "Once"}}
    client = network.client()
    client.pin(await client.identify([]))

    async def move(bmc: FakeBmc, request: Any, data: Any) -> Any:
        """After the look at the system, before its settings are read: nobody answers any more."""
        network.names.addresses = [THERE]
        network.clock.sleep = pause  # type: ignore[method-assign]
        return error(503, "ServiceTemporarilyUnavailable")

    sleep = network.clock.sleep

    async def pause(seconds: float) -> None:
        client._connection.forget_peer()
        await sleep(seconds)

    network.bmcs[HERE].when("GET", SETTINGS, move)
    with pytest.raises(StageFailure, match="led to different addresses") as failure:
        await client.ensure_pxe_next(network.soon())
    assert failure.value.retryable
    assert network.told.intents == []


async def test_a4_a_name_that_alternates_while_the_machine_is_read_gives_no_identity(network: Network) -> None:
    nics(await network.serve(HERE), MAC)
    nics(await network.serve(THERE), OTHER_MAC)
    client = network.client()
    put = client._connection._put

    async def alternating(*arguments: Any) -> Any:
        network.names.addresses.reverse()
        client._connection.forget_peer()
        return await put(*arguments)

    network.names.addresses = [HERE, THERE]
    network.bmcs[THERE].sessions = network.bmcs[HERE].sessions
    client._connection._put = alternating  # type: ignore[method-assign]
    with pytest.raises(StageFailure) as failure:
        await client.identify([MAC], network.soon(30))
    assert failure.value.reason.startswith("the BMC's name led to different addresses")


async def test_a4_the_certificate_is_that_of_the_name_and_not_of_the_address(network: Network, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(tls)
    names: list[str | None] = []
    tls.sni_callback = lambda connection, name, context: names.append(name)
    bmc = await FakeBmc().start(HERE, tls=tls)
    network.bmcs[HERE], network.port = bmc, bmc.server.port or 0
    client = network.client(f"https://{NAME}:{network.port}", TlsPolicy("ca_file", ca_file=tmp_path / "ca.pem"))
    await client.ensure_off(network.soon())
    assert bmc.applied == ["ForceOff"] and set(names) == {NAME} and network.names.asked == 1


async def test_a4_resolving_does_not_hold_the_loop(network: Network) -> None:
    await network.serve(HERE)
    resolve, ticks = network.names.resolve, 0

    async def slow(*arguments: Any, **options: Any) -> list[ResolveResult]:
        await asyncio.sleep(0.1)
        return await resolve(*arguments, **options)

    network.names.resolve = slow  # type: ignore[method-assign]
    looking = asyncio.ensure_future(network.client().observe())
    while not looking.done():
        ticks += 1
        await asyncio.sleep(0.01)
    assert ticks > 3
