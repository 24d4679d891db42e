"""A move from QUADS in real processes: taken from it, told to it, with its lock held and its own death survived."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.forks import Piped
from tests.waiting import PATIENCE, wait_for

from .conftest import Lab, lines

MakeLab = Callable[..., Lab]


@pytest.mark.parametrize("generation", ["2.0.5", "2.2"])
def test_the_whole_exchange_of_a_move(lab: MakeLab, generation: str) -> None:
    world = lab(hosts=8, speed=100, quads=generation)
    broken = sorted(world.counts()["hosts"])[3]
    world.ask("quads", {"broken": [broken]})
    ran = world.run("run", "--from-quads", "--json", "--yes")
    assert ran.returncode == 0, ran.stderr
    end = lines(ran.stdout)[-1]
    assert (end["hosts"], end["done"]) == (7, 7)
    counts = world.counts()
    told = counts["quads"]
    moved = {name for name, host in told["hosts"].items() if host == {"cloud": "cloud02", "build": True, "validated": False}}
    assert moved == set(told["hosts"]) - {broken}
    assert counts["hosts"][broken] == {"wipes": 0, "resets": 0, "built": False, "armed": False}
    assert told["assignments"]["cloud02"] == {"provisioned": True, "validated": False}
    assert sum(schedule["built"] for schedule in told["schedules"].values()) == 7
    assert told["logins"] == 1 or end["seconds"] > 5_000  # a token lives 100 minutes of own time: a real one, on a busy machine
    for name, statuses in told["progress"].items():
        assert not statuses or (generation == "2.2" and name in moved and statuses[-1] == "validation")
        assert bool(statuses) == (generation == "2.2" and name in moved)


def test_several_clouds_go_together_each_its_own_way(lab: MakeLab) -> None:
    world = lab(hosts=8, speed=100, quads="2.2")
    names = sorted(world.counts()["hosts"])
    world.ask("quads", {"assign": {"cloud": "cloud05", "hosts": names[:2], "wipe": False}})
    world.ask("quads", {"assign": {"cloud": "cloud01", "hosts": names[2:4]}})
    planned = world.run("plan", "--from-quads")
    assert "cloud05  2 hosts" in planned.stdout
    assert "back to the spare pool" in planned.stdout
    assert "3 in one rollout" in planned.stdout
    ran = world.run("run", "--from-quads", "--json", "--yes", "--expect", "8")
    assert ran.returncode == 0, ran.stderr
    ended = {one["cloud"]: (one["kind"], one["done"]) for one in lines(ran.stdout)[-1]["clouds"]}
    assert ended == {"cloud05": ("ownership", 2), "cloud01": ("spare", 2), "cloud02": ("build", 4)}
    stages = {name: {e["stage"] for e in lines(ran.stdout) if e["event"] == "stage" and e["host"] == name} for name in names}
    assert [sorted(stages[name]) for name in names[:4]] == [["foreman_build"]] * 2 + [["power_off"]] * 2
    counts = world.counts()
    assert [counts["hosts"][name]["wipes"] for name in names] == [0] * 4 + [1] * 4
    clouds = [counts["quads"]["hosts"][name]["cloud"] for name in names]
    assert clouds == ["cloud05"] * 2 + ["cloud01"] * 2 + ["cloud02"] * 4
    assert counts["quads"]["assignments"]["cloud05"] == {"provisioned": True, "validated": True}
    only = world.run("run", "--from-quads", "--cloud", "cloud02", "--json", "--yes")
    assert only.returncode == 3
    assert "QUADS has no moves to cloud02" in only.stderr


def test_e5_quads_is_left_as_its_own_mover_leaves_it_also_when_one_host_fails(lab: MakeLab) -> None:
    """The hosts stood in cloud03, built for the last tenant; one of them fails, and somebody removes its schedule afterwards."""
    world = lab(hosts=6, speed=100, quads="2.1")
    names = sorted(world.counts()["hosts"])
    world.ask("quads", {"settle": {"cloud": "cloud03", "hosts": names}})
    site = world.edited("site.yaml", lambda text: world.limited(attempts=1))
    bmcs = (world.directory / "bmcs.yaml").read_text()
    dead = next(line for line in bmcs.splitlines() if line.startswith(names[5]))
    foreman = re.findall(r"url: (\S+)", world.site.read_text())[0]  # has no Redfish: that is over with the first answer
    (world.directory / "bmcs.yaml").write_text(bmcs.replace(dead, f"{names[5]}: {foreman}"))
    ran = world.run("run", "--from-quads", "--json", "--yes", site=site)
    assert ran.returncode == 1, ran.stderr
    assert "QUADS validates cloud02 only when all hosts that are scheduled there are built" in ran.stderr
    assert not world.counts()["quads"]["assignments"]["cloud02"]["provisioned"]
    world.ask("quads", {"unschedule": names[5:]})
    resumed = world.run("resume", lines(ran.stdout)[0]["rollout"], "--json", "--yes", site=site)
    assert resumed.returncode == 1, resumed.stderr
    quads = world.counts()["quads"]
    for name in names:
        host = quads["dump"]["hosts"][name]
        assert host["switch_config_applied"] is False
        assert (host["cloud"], host["build"]) == (("cloud03", False) if name == names[5] else ("cloud02", True))
    made = {row["cloud"]: row for row in quads["dump"]["assignments"].values()}
    assert made["cloud02"] == {"cloud": "cloud02", "active": True, "provisioned": True, "validated": False}
    assert made["cloud03"]["active"] is False
    assert any(
        "all hosts that are still scheduled for this cloud in QUADS are built" in event.get("text", "")
        for event in lines(resumed.stdout)
    )
    zone = ZoneInfo("Asia/Kolkata")  # the emulated server's
    for row in quads["dump"]["schedules"].values():
        built = datetime.fromisoformat(row["build_end"]).replace(tzinfo=zone).timestamp()
        assert abs(built - time.time()) < 600
    assert sorted(set(quads["log"])) == sorted(quads["log"])


def test_a_quads_that_dies_stops_nothing_and_is_told_by_a_resume(lab: MakeLab) -> None:
    world = lab(hosts=4, speed=60, quads="2.2")
    process = Piped(world.command("run", "--from-quads", "--json", "--yes")[3:])
    wait_for(lambda: any(host["wipes"] for host in world.counts()["hosts"].values()))
    world.ask("quads", {"down": True})
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    events = lines(out)
    assert events[-1]["done"] == 4
    assert any("the rollout continues" in event["text"] for event in events if event["event"] == "notice")
    assert "to QUADS. To send: quads-tui resume" in err
    world.ask("quads", {"down": False})
    before = world.counts()
    resumed = world.run("resume", events[0]["rollout"], "--json", "--yes")
    assert resumed.returncode == 0, resumed.stderr
    after = world.counts()
    assert after["foreman"]["writes"] == before["foreman"]["writes"]
    assert {host["cloud"] for host in after["quads"]["hosts"].values()} == {"cloud02"}
    assert after["quads"]["assignments"]["cloud02"]["provisioned"]
    again = world.run("resume", events[0]["rollout"])
    assert "nothing to resume" in again.stderr


def test_the_lock_of_quads_own_mover(lab: MakeLab) -> None:
    world = lab(hosts=2, speed=100, quads="2.2")
    with (world.directory / "quads.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused = world.run("run", "--from-quads", "--json", "--yes")
        assert refused.returncode == 3
        assert "the mover of QUADS is running" in refused.stderr
        assert f"process {os.getpid()} of" in refused.stderr
    process = Piped(world.command("run", "--from-quads", "--json", "--yes")[3:])
    wait_for(lambda: world.counts()["foreman"]["writes"])
    with (world.directory / "quads.lock").open() as wanted, pytest.raises(BlockingIOError):
        fcntl.flock(wanted, fcntl.LOCK_EX | fcntl.LOCK_NB)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)


def test_hooks_run_round_the_stages_with_the_facts(lab: MakeLab, tmp_path: Path) -> None:
    world = lab(hosts=3, speed=100, quads="2.2")
    names = sorted(world.counts()["hosts"])
    said = tmp_path / "said"
    script = tmp_path / "hook"
    script.write_text(
        f'#!/bin/sh\necho "$QUADS_TUI_HOOK $QUADS_TUI_HOST $QUADS_TUI_OLD_CLOUD $QUADS_TUI_CLOUD $QUADS_TUI_TICKET $1" >> {said}\n'
        f'test "$QUADS_TUI_HOOK $QUADS_TUI_HOST" != "tenant {names[1]}" || {{ echo "no such user"; exit 3; }}\n'
    )
    script.chmod(0o755)
    hooks = [
        {"name": "switch", "run": [str(script), "a b;c"], "before": "power_off", "per": "cloud"},
        {"name": "tenant", "run": [str(script), "$HOME"], "after": "install", "timeout": 60},
    ]
    site = world.edited("site.yaml", lambda text: f"{world.limited(attempts=1)}hooks: {json.dumps(hooks)}\n")
    ran = world.run("run", "--from-quads", "--json", "--yes", site=site)
    assert ran.returncode == 1, ran.stderr
    (failure,) = lines(ran.stdout)[-1]["failures"]
    assert (failure["host"], failure["stage"], failure["cause"]) == (names[1], "install", "hook")
    assert failure["reason"] == "hook tenant: exit status 3: no such user"
    heard = said.read_text().splitlines()
    assert [line for line in heard if line.startswith("switch")] == [f"switch {heard[0].split()[1]} cloud01 cloud02 3753 a b;c"]
    assert sorted(line for line in heard if line.startswith("tenant")) == [
        f"tenant {name} cloud01 cloud02 3753 $HOME" for name in names
    ]
