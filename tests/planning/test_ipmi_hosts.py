"""Hosts at ipmi:// addresses in a plan: the boot mode is never guessed, nothing of Dell's is set, and they are not verified."""

from __future__ import annotations

import pytest

from quads_tui.inputs import HostSpec
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.stages import Stage

from .planner_lab import HOSTS, Lab, lab, names

__all__ = ["lab", "names"]
IPMI = "ipmi:\n  username: ADMIN\n  password: x\n"


@pytest.mark.parametrize(
    ("loader", "section", "blocked"),
    [
        ("Grub2 UEFI", "", False),
        ("PXELinux BIOS", "", False),
        ("None", "  boot_mode: legacy\n", False),
        ("None", "", True),
        ("None", '  boot_mode: uefi\n  hosts: {"^zz": {boot_mode: legacy}}\n', False),
    ],
)
async def test_a_host_whose_boot_mode_nothing_shows_ends_before_anything_is_done(
    lab: Lab, loader: str, section: str, blocked: bool
) -> None:
    lab.with_site(IPMI + section)
    lab.server.foreman.database.hosts[HOSTS[0]].pxe_loader = loader
    host = (await lab.plan(lab.assignment(HostSpec(HOSTS[0], "R650", bmc="ipmi://192.0.2.9")), survey=False)).hosts[0]
    expected = (Stage.PXE_SET, Cause.REFUSED) if blocked else (None, None)
    assert (host.blocker_stage, host.blocker_cause) == expected
    assert ("ipmi.boot_mode" in host.blocker) == blocked


async def test_an_ipmi_and_a_redfish_address_of_one_bmc_are_one_bmc(lab: Lab) -> None:
    lab.with_site(IPMI)
    specs = [HostSpec(HOSTS[0], bmc="ipmi://192.0.2.9"), HostSpec(HOSTS[1], bmc="https://192.0.2.9")]
    plan = await lab.plan(lab.assignment(*specs))
    assert len(plan.refusals) == 1 and "have the same BMC (192.0.2.9)" in plan.refusals[0]
    assert not lab.asked
