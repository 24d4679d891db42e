"""A mixed fleet through real processes: hosts that speak Redfish and hosts that speak IPMI in one rollout, and after a crash."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable

from tests.forks import Program
from tests.ipmi_bmc import needs_ipmitool
from tests.waiting import wait_for

from .conftest import Lab, lines


@needs_ipmitool
def test_one_rollout_carries_both_and_the_password_is_seen_nowhere(lab: Callable[..., Lab]) -> None:
    world = lab(hosts=4, speed=60, ipmi=2)
    checked = world.run("check", world.assignment)
    assert checked.returncode == 0 and "4 of 4" in checked.stdout and "Supermicro 0x0803" in checked.stdout
    ran = world.run("run", world.assignment, "--json", "--yes")
    end, counts = lines(ran.stdout)[-1], world.counts()
    assert (end["done"], end["foreman_writes"]) == (4, 4) and end["ipmi_sessions"] > 10
    assert {(host["wipes"], host["resets"], host["built"], host["armed"]) for host in counts["hosts"].values()} == {
        (1, 2, 1, False)
    }
    told = ("sessions_open", "peak_requests_per_bmc", "peak_sessions_per_bmc", "mode_changes", "lockouts")
    assert [counts["bmc"][name] for name in told] == [0, 1, 1, 0, 0]
    password = (world.directory / "ipmi.password").read_bytes()
    assert password not in (ran.stdout + ran.stderr).encode()
    assert not [path for path in world.state.rglob("*") if path.is_file() and password in path.read_bytes()]


@needs_ipmitool
def test_a_killed_rollout_is_resumed_and_nothing_is_wiped_twice(lab: Callable[..., Lab]) -> None:
    world = lab(hosts=3, speed=60, ipmi=3)
    process = Program(world.command("run", world.assignment, "--json", "--yes")[3:], err=os.devnull)
    try:
        wait_for(lambda: any(host["resets"] for host in world.counts()["hosts"].values()))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    resumed = world.run("resume", "--json", "--yes")
    assert resumed.returncode == 0, resumed.stdout[-500:]
    counts = world.counts()
    assert {(host["wipes"], host["built"], host["armed"]) for host in counts["hosts"].values()} == {(1, 1, False)}
    assert all(host["resets"] <= 3 for host in counts["hosts"].values()) and counts["foreman"]["peak_writes"] == 1
    wait_for(lambda: world.counts()["bmc"]["sessions_open"] == 0)


def test_without_ipmitool_the_start_says_what_is_missing(lab: Callable[..., Lab]) -> None:
    world = lab(hosts=2, speed=60, ipmi=1)
    directory = world.directory / "bin"
    directory.mkdir()
    (directory / "true").symlink_to(shutil.which("true") or "/bin/true")
    ran = subprocess.run(
        world.command("run", world.assignment, "--json", "--yes"),
        env={**os.environ, "PATH": str(directory)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert "ipmi: 1 BMC at ipmi:// addresses, and the program ipmitool is not installed" in ran.stderr
    assert world.counts()["bmc"]["requests"] == 0
