"""A stranger's BMC: ipmi_sim of Debian's package openipmi. It knows no cipher suite 17 and no EFI bit, and shows no valid bit."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from quads_tui.rollout.causes import Cause, StageFailure
from tests.ipmi_bmc import needs_ipmitool
from tests.waiting import until

from .conftest import Bench

pytestmark = [needs_ipmitool, pytest.mark.skipif(shutil.which("ipmi_sim") is None, reason="ipmi_sim is not installed")]
USER, PASSWORD = "ADMIN", "s3cret"

LAN = """name "sim"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    guid {guid}
    allowed_auths_admin md5
  endlan
  chassis_control "{control} {state}"
  user 1 true "" "" user 10 md5
  user 2 true "{user}" "{password}" admin 10 md5
"""
MACHINE = """mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
mc_set_guid 0x20 {guid}
mc_enable 0x20
"""
CONTROL = """#!/bin/sh
state=$1; shift
[ "$1" = get ] || [ "$1" = set ] || [ "$1" = check ] || shift
act=$1; shift
case $act in
get) for name in "$@"; do echo "$name:$(cat "$state/$name")"; done ;;
set) while [ $# -gt 1 ]; do echo "$2" > "$state/$1"; echo "$1 $2" >> "$state/log"; shift 2; done ;;
esac
"""


class Sim:
    def __init__(self, place: Path, port: int) -> None:
        self.place, self.port = place, port

    def shows(self, name: str) -> str:
        return (self.place / name).read_text().strip()

    def bench(self) -> Bench:
        return Bench(f"ipmi://127.0.0.1:{self.port}", speed=20.0, password=PASSWORD, suite=3)


@pytest_asyncio.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Sim]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    guid = "a123456789ab4def8123456789abcdee"
    control = tmp_path / "control.sh"
    control.write_text(CONTROL)
    control.chmod(0o700)
    values = {"port": port, "guid": guid, "control": control, "state": tmp_path, "user": USER, "password": PASSWORD}
    (tmp_path / "lan.conf").write_text(LAN.format(**values))
    (tmp_path / "machine.emu").write_text(MACHINE.format(**values))
    (tmp_path / "power").write_text("1\n")
    (tmp_path / "boot").write_text("none\n")
    (tmp_path / "kept").mkdir()
    files = ("-c", str(tmp_path / "lan.conf"), "-f", str(tmp_path / "machine.emu"), "-s", str(tmp_path / "kept"))
    process = await asyncio.create_subprocess_exec("ipmi_sim", *files, "-n", stdin=asyncio.subprocess.DEVNULL)
    await until(lambda: _listens(port))
    try:
        yield Sim(tmp_path, port)
    finally:
        process.terminate()
        await process.wait()


def _listens(port: int) -> bool:
    return f":{port:04X} " in Path("/proc/net/udp").read_text()


async def test_off_pxe_clear_pxe_on(sim: Sim) -> None:
    bench = sim.bench()
    client = bench.client("Legacy")
    client.pin(await client.identify(()))
    await client.ensure_off(bench.deadline())
    assert sim.shows("power") == "0"
    await client.ensure_pxe_next(bench.deadline())
    assert sim.shows("boot") == "pxe" and await client.pxe_armed()
    await client.clear_override(bench.deadline())
    assert sim.shows("boot") != "pxe" and not await client.pxe_armed()
    await client.ensure_pxe_next(bench.deadline())
    await client.ensure_on(bench.deadline())
    assert (sim.shows("power"), sim.shows("boot")) == ("1", "pxe")
    assert sim.shows("log").count("power 0") == sim.shows("log").count("power 1") == 1
    assert "the BMC does not report whether its boot flags are valid" in bench.told.notes


async def test_a_bmc_that_drops_the_efi_bit_is_refused_and_keeps_no_pxe(sim: Sim) -> None:
    bench = sim.bench()
    with pytest.raises(StageFailure, match="does not keep the EFI bit") as failure:
        await bench.client("UEFI").ensure_pxe_next(bench.deadline())
    assert failure.value.cause is Cause.REFUSED and sim.shows("boot") != "pxe"


async def test_its_refusals_have_their_causes(sim: Sim) -> None:
    bench = sim.bench()
    bench.suite = 17
    with pytest.raises(StageFailure, match="refuses cipher suite 17"):
        await bench.client().observe()
    bench.suite, bench.password = 3, "another"
    with pytest.raises(StageFailure, match="does not accept the password or the name"):
        await bench.client().observe()
