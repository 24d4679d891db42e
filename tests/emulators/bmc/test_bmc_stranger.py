"""sushy, a client that we did not write, sets PXE once and restarts a host of each family over TLS."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from tests import waiting

sushy = pytest.importorskip("sushy")

USER, PASSWORD = "root", "calvin's heir"
MODELS = (
    *("R650", "R620", "R630", "R670", "DL360", "DL320", "6048R"),
    *("1029U", "120U", "621C", "SR650", "GB200", "DGXH100", "3500RX"),
)
# sushy leaves the mode out, and these fall back to their default: the trap that the families are there for.
FALL_BACK = ("1029U", "120U", "621C")
# These answer now and then with 400 to a change that they made, and sushy believes them.
DENY = ("R620", "R630")
# The login is redirected with 301, and the library beneath sushy turns the POST into a GET: it goes on with Basic.
NO_SESSION = ("6048R",)


def wait_for(system: Any, state: Any) -> None:
    """Poll until PowerState is `state`."""

    def reached() -> bool:
        system.refresh(force=True)
        return bool(system.power_state == state)

    waiting.wait_for(reached)


def roll_out(url: str, ca_file: str, path: str, denials: Any) -> tuple[Any, Any, Any]:
    """What a deployment tool does, taking `denials` for a change made; gives the boot fields before and after the PATCH, and the mode at the end."""
    root = sushy.Sushy(url, username=USER, password=PASSWORD, verify=ca_file, server_side_retries_delay=1)
    system = root.get_system(path)
    before = (system.boot.target, system.boot.enabled, system.boot.mode)
    system.reset_system(sushy.ResetType.FORCE_OFF)
    wait_for(system, sushy.PowerState.OFF)
    with contextlib.suppress(denials):
        system.set_system_boot_source(sushy.BootSource.PXE, enabled=sushy.BootSourceOverrideEnabled.ONCE)
    system.refresh(force=True)
    armed = (system.boot.target, system.boot.enabled, system.boot.mode)
    system.reset_system(sushy.ResetType.ON)
    wait_for(system, sushy.PowerState.ON)
    after = system.boot.mode
    root._auth.close()
    return before, armed, after


@pytest.mark.parametrize("model", MODELS)
async def test_sushy_sets_pxe_once_and_restarts(start: Any, model: str) -> None:
    lab = await start(model, tls=True)
    lab.foreman.tokens[lab.names[0]] = "token"
    hardware = lab.bmc().hardware
    hardware.boot.mode = "UEFI"
    denials = sushy.exceptions.BadRequestError if model in DENY else ()
    before, armed, after = await asyncio.to_thread(roll_out, lab.url(), lab.ca_file, lab.bmc().family.system, denials)
    assert armed[:2] == (sushy.BootSource.PXE, sushy.BootSourceOverrideEnabled.ONCE)
    await lab.until(lambda: lab.foreman.built_hosts == lab.names)
    await lab.until(lambda: hardware.phase == "os")
    assert (hardware.wipes, hardware.resets) == (1, 2)
    counts = lab.fleet.counts()
    assert (counts["sessions_open"], counts["sessions_created"]) == (0, 0 if model in NO_SESSION else 1)
    assert counts["peak_requests_per_bmc"] == 1
    if model in FALL_BACK:
        assert after == sushy.BootSourceOverrideMode.LEGACY
        assert counts["mode_changes"] == 1
    else:
        assert before[2] == armed[2] == after
        assert counts["mode_changes"] == 0
