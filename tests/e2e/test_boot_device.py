"""A lab in which Foreman's NIC is not the first: the interfaces file makes the difference, and the plan tells it beforehand."""

from __future__ import annotations

import re
from collections.abc import Callable

from .conftest import Lab, lines

MakeLab = Callable[..., Lab]
FILE = "foreman_r650_interfaces: NIC.Integrated.1-1-1,HardDisk.List.1-1,NIC.Integrated.1-2-1\n"


def other_nic_first(world: Lab) -> str:
    """In the setup of the lab's R650; its name."""
    (name,) = re.findall(r"- name: (\S+-r650\S*)", world.assignment.read_text())
    world.ask(f"hosts/{name}", {"first_nic": "NIC.Integrated.1-2-1"})
    return name


def test_a_dell_installs_from_foremans_nic_though_another_is_first(lab: MakeLab) -> None:
    world = lab(hosts=3, speed=400)
    name = other_nic_first(world)
    (world.directory / "idrac_interfaces.yml").write_text(FILE)
    site = world.edited("site.yaml", lambda text: text.replace("redfish:\n", "redfish:\n  interfaces: idrac_interfaces.yml\n"))
    shown = world.run("plan", world.assignment, site=site)
    assert "boots    once from PXE of any NIC (2), NIC.Integrated.1-1-1 (1)" in shown.stdout, shown.stderr
    ran = world.run("run", world.assignment, "--json", "--yes", site=site)
    events = lines(ran.stdout)
    assert (ran.returncode, events[-1]["done"]) == (0, 3), events[-1]
    said = {
        event["host"]: event["reason"] for event in events if event["event"] == "stage" and event["stage"] == "pxe_set"
        if event["status"] == "finished"
    }  # fmt: skip
    assert re.fullmatch(r"boots once from NIC\.(Integrated\.1-1-1|PxeDevice\.1-1)", said.pop(name))
    assert set(said.values()) == {""}
    counts = world.counts()
    assert {host: seen["wipes"] for host, seen in counts["hosts"].items()} == dict.fromkeys([name, *said], 1)
    assert (counts["bmc"]["mode_changes"], counts["bmc"]["sessions_open"], counts["bmc"]["peak_requests_per_bmc"]) == (0, 0, 1)
    assert [job["state"] for job in world.ask(f"hosts/{name}")["bios"]["jobs"]] == ["Completed"]
