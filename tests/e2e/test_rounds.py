"""Two assignments as one rollout, in real processes: planned, killed, resumed, listed and reported as one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.forks import Piped

from .conftest import Lab, lines


def halves(world: Lab) -> tuple[Path, Path, list[str]]:
    """The lab's hosts in two files: five to be wiped for cloud02, the others handed over to cloud05 as they are."""
    whole = yaml.safe_load(world.assignment.read_text())
    hosts = whole.pop("hosts")
    first = world.edited("assignment.yaml", lambda _: json.dumps({**whole, "hosts": hosts[:5]}))
    first = first.rename(first.with_name("a.yaml"))
    other = world.directory / "b.yaml"
    other.write_text(json.dumps({"cloud": "cloud05", "wipe": False, "hosts": hosts[5:]}))
    return first, other, [host["name"] for host in hosts]


def test_two_assignments_are_one_rollout_also_when_it_is_killed_and_resumed(lab: Callable[..., Lab]) -> None:
    world = lab(hosts=8, speed=100)
    first, other, names = halves(world)
    both = ("run", first, other, "--json", "--yes")
    refused = world.run("plan", first, first.with_name("assignment.yaml"))
    assert refused.returncode == 2
    assert "assignment.yaml" in refused.stderr and f"also in {first}" in refused.stderr
    assert world.run(*both, "--expect", "5").returncode == 3
    assert "clouds   2 in one rollout: cloud02 (5), cloud05 (3)" in world.run("plan", first, other).stdout

    process = Piped(world.command(*both)[3:])
    begun = json.loads(process.stdout.readline())
    assert [(one["cloud"], one["kind"], one["hosts"]) for one in begun["clouds"]] == [
        ("cloud02", "build", 5),
        ("cloud05", "ownership", 3),
    ]
    assert any(json.loads(line)["event"] == "cloud_finished" for line in process.stdout)  # cloud05, long before the installs end
    process.kill()
    process.communicate()

    alone = world.run("run", other, "--json", "--yes")  # hosts of the other cloud would be left where they are
    assert alone.returncode == 3
    (reason,) = lines(alone.stdout)[-1]["reasons"]
    assert "5 unfinished hosts that are not part of the new rollout (cloud02: 5)" in reason and "start a new" not in reason

    ran = world.run("resume", begun["rollout"], "--json", "--yes")
    assert ran.returncode == 0, ran.stderr
    told = lines(ran.stdout)[-1]
    assert (told["rollout"], told["hosts"], told["done"]) == (begun["rollout"], 8, 8)
    assert [(one["cloud"], one["done"]) for one in told["clouds"]] == [("cloud02", 5), ("cloud05", 3)]
    counts = world.counts()
    assert [counts["hosts"][name]["wipes"] for name in names] == [1] * 5 + [0] * 3
    assert (counts["foreman"]["writes"], counts["foreman"]["peak_writes"]) == (8, 1)

    (listed,) = lines(world.run("rollouts", "--json").stdout)
    assert [(one["cloud"], one["done"]) for one in listed["clouds"]] == [("cloud02", 5), ("cloud05", 3)]
    report = json.loads(world.run("report", "--format", "json").stdout)
    assert [one["cloud"] for one in report["clouds"]] == ["cloud02", "cloud05"]
    assert report["asked"]["assignment"] == f"{first}, {other}"
