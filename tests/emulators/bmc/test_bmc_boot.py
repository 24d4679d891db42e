"""Power, POST, the override and what becomes of the disk."""

from __future__ import annotations

from typing import Any

import pytest

from quads_tui.emulators.bmc.faults import InstallerFails, NeverOn, SkipsPxe, StaysOn

ONCE = {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once", "BootSourceOverrideMode": "UEFI"}
ALL = ("R650", "DL360", "1029U", "3500RX")


async def arm(lab: Any) -> None:
    """PXE once as the family takes it, and a token in Foreman."""
    hardware = lab.bmc().hardware
    hardware.boot.mode = "UEFI"
    hardware.changed += 1
    boot = {key: value for key, value in ONCE.items() if lab.bmc().family.name != "ilo5" or "Mode" not in key}
    assert (await lab.patch(boot)).status in (200, 204)
    lab.foreman.tokens[lab.names[0]] = "token"


async def restart(lab: Any) -> None:
    await lab.reset("ForceOff")
    await lab.until(lambda: lab.bmc().hardware.power == "Off")
    await lab.reset("On")


@pytest.mark.parametrize("model", ALL)
async def test_a_host_with_pxe_and_a_token_is_wiped_once(start: Any, model: str) -> None:
    lab = await start(model)
    hardware = lab.bmc().hardware
    await arm(lab)
    assert hardware.armed
    await restart(lab)
    await lab.until(lambda: hardware.phase == "os" and hardware.boots == 2)
    assert lab.foreman.built_hosts == lab.names
    assert (hardware.wipes, hardware.resets, hardware.mode_changes) == (1, 2, 0)
    assert hardware.last_boot == {"source": "Hdd", "mode": "UEFI", "n": 2}
    boot = (await lab.call("GET", lab.bmc().family.system + "/")).json["Boot"]
    assert boot["BootSourceOverrideEnabled"] == "Disabled"
    assert boot["BootSourceOverrideTarget"] == ("Pxe" if model == "1029U" else "None")


@pytest.mark.parametrize(("pxe", "token"), [(False, True), (True, False)])
async def test_without_pxe_or_without_a_token_the_disk_stays(start: Any, pxe: bool, token: bool) -> None:
    lab = await start("R650")
    hardware = lab.bmc().hardware
    await arm(lab)
    if not pxe:
        await lab.patch({"BootSourceOverrideEnabled": "Disabled"})
    if not token:
        lab.foreman.tokens.clear()
    await restart(lab)
    await lab.until(lambda: hardware.phase == "os" and hardware.boots == 1)
    assert hardware.wipes == 0
    assert hardware.last_boot["source"] == ("Pxe" if pxe else "Hdd")


async def test_a_restart_takes_the_override_too_and_once_is_once(start: Any) -> None:
    lab = await start("R650")
    await arm(lab)
    await lab.reset("ForceRestart")
    await lab.until(lambda: lab.foreman.built_hosts == lab.names)
    lab.foreman.tokens[lab.names[0]] = "another"
    await lab.until(lambda: lab.bmc().hardware.phase == "os")
    await lab.reset("ForceRestart")
    await lab.until(lambda: lab.bmc().hardware.boots == 3 and lab.bmc().hardware.phase == "os")
    assert lab.bmc().hardware.wipes == 1


async def test_off_in_the_middle_of_an_install_ends_it(start: Any) -> None:
    lab = await start("R650")
    await arm(lab)
    await lab.reset("ForceRestart")
    await lab.until(lambda: lab.bmc().hardware.phase == "installer")
    await lab.reset("ForceOff")
    await lab.until(lambda: lab.bmc().hardware.power == "Off")
    await lab.fleet.time.sleep(2000)
    assert lab.foreman.built_hosts == []
    assert lab.bmc().hardware.wipes == 1


async def test_installer_fails_once_and_a_rebuild_cures_it(start: Any) -> None:
    lab = await start("R650", faults={0: InstallerFails()})
    await arm(lab)
    await restart(lab)
    await lab.until(lambda: lab.foreman.failed_hosts == lab.names)
    assert lab.foreman.built_hosts == []
    await arm(lab)
    await restart(lab)
    await lab.until(lambda: lab.foreman.built_hosts == lab.names)
    assert lab.bmc().hardware.wipes == 2


async def test_pxe_skipped_once_boots_the_old_disk_and_uses_up_the_override(start: Any) -> None:
    lab = await start("R650", faults={0: SkipsPxe()})
    await arm(lab)
    await restart(lab)
    await lab.until(lambda: lab.bmc().hardware.phase == "os" and lab.bmc().hardware.boots == 1)
    assert (lab.bmc().hardware.wipes, lab.bmc().hardware.armed) == (0, False)
    await arm(lab)
    await restart(lab)
    await lab.until(lambda: lab.foreman.built_hosts == lab.names)


async def test_stays_on_for_three_attempts_of_one_or_two_force_offs(start: Any) -> None:
    lab = await start("R650", faults={0: StaysOn()})
    hardware = lab.bmc().hardware
    now = 1000.0
    lab.fleet.time.now = lambda: now
    for _ in range(3):
        for _ in range(2):
            assert (await lab.reset("ForceOff")).status == 204
            now += 30.0
        now += 120.0 + 5.0 * lab.fleet.time.speed
    assert (hardware.power, hardware.resets) == ("On", 0)
    await lab.reset("ForceOff")
    assert hardware.resets == 1
    await lab.until(lambda: hardware.power == "Off")


async def test_never_on(start: Any) -> None:
    lab = await start("R650", faults={0: NeverOn()})
    await lab.reset("ForceOff")
    await lab.until(lambda: lab.bmc().hardware.power == "Off")
    for _ in range(3):
        assert (await lab.reset("On")).status == 204
    await lab.fleet.time.sleep(100)
    assert (lab.bmc().hardware.power, lab.bmc().hardware.resets) == ("Off", 1)
    assert lab.service().press_power_button("On") is False


async def test_a_machine_on_its_way_off_does_not_restart(start: Any) -> None:
    lab = await start("R650", speed=20.0)
    await lab.reset("ForceOff")
    assert (await lab.reset("ForceRestart")).status == 409
    assert (lab.bmc().hardware.power, lab.bmc().hardware.resets) == ("PoweringOff", 1)


async def test_a_graceful_shutdown_is_heard_by_a_running_system_only(start: Any) -> None:
    lab = await start("R650", speed=300.0)
    hardware = lab.bmc().hardware
    hardware.phase = "installer"
    assert (await lab.reset("GracefulShutdown")).status == 204
    assert (hardware.power, hardware.resets) == ("On", 0)
    hardware.phase = "os"
    assert (await lab.reset("GracefulShutdown")).status == 204
    assert hardware.resets == 1
    await lab.until(lambda: hardware.power == "Off")
