"""A lab in which Foreman's NIC is not the first: the interfaces file makes the difference, and the plan tells it beforehand."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .conftest import Lab, lines

MakeLab = Callable[..., Lab]
FILE = "foreman_r650_interfaces: NIC.Integrated.1-1-1,HardDisk.List.1-1,NIC.Integrated.1-2-1\n"


def other_nic_first(world: Lab) -> str:
    """In the setup of the lab's R650; its name."""
    (name,) = re.findall(r"- name: (\S+-r650\S*)", world.assignment.read_text())
    world.ask(f"hosts/{name}", {"first_nic": "NIC.Integrated.1-2-1"})
    return name


def with_interfaces(world: Lab, more: str = "") -> Path:
    """The lab's site with the interfaces file."""
    (world.directory / "idrac_interfaces.yml").write_text(FILE)
    added = f"redfish:\n  interfaces: idrac_interfaces.yml\n{more}"
    return world.edited("site.yaml", lambda text: text.replace("redfish:\n", added))


def reasons(events: list[dict[str, Any]]) -> dict[str, str]:
    """What pxe_set ended with, by host."""
    ended = [event for event in events if event["event"] == "stage" and event["status"] == "finished"]
    return {event["host"]: event["reason"] for event in ended if event["stage"] == "pxe_set"}


def test_a_dell_installs_from_foremans_nic_though_another_is_first(lab: MakeLab) -> None:
    world = lab(hosts=3, speed=800)
    name = other_nic_first(world)
    site = with_interfaces(world)
    shown = world.run("plan", world.assignment, site=site)
    assert "boot     once from PXE of any NIC (2), NIC.Integrated.1-1-1 (1)" in shown.stdout, shown.stderr
    ran = world.run("run", world.assignment, "--json", "--yes", site=site)
    events = lines(ran.stdout)
    assert (ran.returncode, events[-1]["done"]) == (0, 3), events[-1]
    said = reasons(events)
    assert re.fullmatch(r"boots once from NIC\.(Integrated\.1-1-1|PxeDevice\.1-1)", said.pop(name))
    assert set(said.values()) == {""}
    counts = world.counts()
    assert {host: seen["wipes"] for host, seen in counts["hosts"].items()} == dict.fromkeys([name, *said], 1)
    assert (counts["bmc"]["mode_changes"], counts["bmc"]["sessions_open"], counts["bmc"]["peak_requests_per_bmc"]) == (0, 0, 1)
    assert [job["state"] for job in world.ask(f"hosts/{name}")["bios"]["jobs"]] == ["Completed"]


def test_the_boot_order_is_set_once_by_a_restart_of_its_own(lab: MakeLab) -> None:
    world = lab(hosts=1, speed=800)
    name = other_nic_first(world)
    site = with_interfaces(world, "  boot_order: foreman\n")
    assert "switched on once more" in world.run("plan", world.assignment, site=site).stdout
    for said, resets in (
        ("the boot order was set; boots once from", 4),
        ("the boot order is already as wanted; boots once from", 6),
    ):
        ran = world.run("run", world.assignment, "--json", "--yes", site=site)
        events = lines(ran.stdout)
        assert (ran.returncode, events[-1]["done"]) == (0, 1), events[-1]
        assert reasons(events)[name].startswith(said)
        assert world.counts()["hosts"][name]["resets"] == resets
    bios = world.ask(f"hosts/{name}")["bios"]
    nics = [device for device in bios["order"] if device.startswith("NIC.")]
    assert nics[0] in ("NIC.Integrated.1-1-1", "NIC.PxeDevice.1-1")
    assert [job["target"] for job in bios["jobs"]] == ["order", "bios", "bios"]
    assert world.counts()["hosts"][name]["wipes"] == 2
