"""The emulated BMCs, seen by a stranger's client: Debian's ipmitool."""

from __future__ import annotations

import socket

import pytest

from quads_tui.emulators.bmc.hardware import PowerState
from quads_tui.emulators.ipmi import faults
from tests.ipmi_bmc import GUID, emulated, needs_ipmitool
from tests.waiting import until

pytestmark = needs_ipmitool


@pytest.mark.parametrize("suite", [17, 3])
async def test_ipmitool_sees_the_machine_and_leaves_no_session(suite: int) -> None:
    async with emulated() as bmc:
        assert "System Power         : on" in (await bmc.tool("chassis", "status", suite=suite))[1]
        assert GUID in (await bmc.tool("mc", "guid", suite=suite))[1]
        assert "Super" in (await bmc.tool("mc", "info", suite=suite))[1]
        assert (bmc.service.sessions.created, bmc.service.sessions.open()) == (3, [])
        assert bmc.service.peak == 1


async def test_ipmitool_powers_it_off_sets_pxe_and_powers_it_on() -> None:
    async with emulated() as bmc:
        assert (await bmc.tool("chassis", "power", "off"))[0] == 0
        await until(lambda: bmc.hardware.power == PowerState.OFF)
        await bmc.tool("raw", "0", "8", "3", "8")  # the flags outlive their 60 s, which are few here beside other tests
        assert (await bmc.tool("chassis", "bootdev", "pxe", "options=efiboot"))[0] == 0
        shown = (await bmc.tool("chassis", "bootparam", "get", "5"))[1]
        assert "Boot parameter data: a004000000" in shown and "Force PXE" in shown
        assert (await bmc.tool("chassis", "power", "on"))[0] == 0
        await until(lambda: bmc.hardware.boots == 1)
        assert bmc.hardware.last_boot == {"source": "Pxe", "mode": "UEFI", "n": 1}
        assert "0000000000" in (await bmc.tool("chassis", "bootparam", "get", "5"))[1]
        assert (bmc.hardware.resets, bmc.hardware.mode_changes) == (2, 0)


async def test_boot_flags_run_out_after_60_s_unless_told_otherwise() -> None:
    async with emulated(speed=600.0) as bmc:
        await bmc.tool("chassis", "bootdev", "pxe", "options=efiboot")
        await until(lambda: bmc.service.options.get(5) == bytes.fromhex("2004000000"))
        await bmc.tool("raw", "0", "8", "3", "8")
        await bmc.tool("chassis", "bootdev", "pxe", "options=efiboot")
        set_at = bmc.service.time.now()
        await until(lambda: bmc.service.time.now() > set_at + 120)
        assert bmc.hardware.boot.effective and bmc.service.options.expired == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.OtherPassword(), "RAKP 2 HMAC is invalid"),
        (faults.OnlySuite3(), "invalid authentication algorithm"),
        (faults.LowPrivilege(), "unauthorized role requested"),
        (faults.SessionsFull(3600.0), "insufficient resources for session"),
    ],
)
async def test_a_refused_login_has_its_reason_and_leaves_nothing(fault: faults.IpmiFault, words: str) -> None:
    async with emulated(fault) as bmc:
        status, shown = await bmc.tool("raw", "0", "1")
        assert status and words in shown
        assert bmc.service.sessions.open() == []


async def test_a_request_that_comes_twice_is_carried_out_once() -> None:
    async with emulated(faults.RepeatsPackets()) as bmc:
        assert "off" not in (await bmc.tool("chassis", "power", "status"))[1]
        assert (await bmc.tool("chassis", "power", "off"))[0] == 0
        assert bmc.hardware.resets == 1


async def test_no_other_service_gets_the_number_of_its_port_while_it_runs() -> None:
    async with emulated() as bmc:
        port = int(bmc.address.rpartition(":")[2])
        with socket.socket() as taken, pytest.raises(OSError, match="in use"):
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the BMCs that speak Redfish do
            taken.bind(("127.0.0.1", port))
    with socket.socket() as free:
        free.bind(("127.0.0.1", port))
