"""`--canary N`, as the operator meets it: in the plan, in the lines of a rollout and in its report."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from .conftest import Lab, lines


def test_the_plan_shows_the_canary_and_the_rollout_builds_it_first(lab: Callable[..., Lab]) -> None:
    world = lab(hosts=3, speed=300)
    same = world.edited("assignment.yaml", lambda text: re.sub(r"model: \S+", "model: R650", text))
    assert "canary" not in world.run("plan", same).stdout  # three hosts need none
    shown = " ".join(world.run("plan", same, "--canary", "1").stdout.split())
    assert (
        "canary 1 host of each type must be built before the others of this type begin (time that this adds: not known yet): "
        in shown
    )
    assert "R650 with RHEL 9.4 from RHEL Local (3 hosts)" in shown
    (plan,) = lines(world.run("plan", same, "--canary", "1", "--json", "--no-survey").stdout)
    assert plan["canaries"] == [{"model": "R650", "os": "RHEL 9.4", "medium": "RHEL Local", "hosts": 3}]
    ran = world.run("run", same, "--canary", "1", "--json", "--yes")
    assert ran.returncode == 0, ran.stderr
    told = lines(ran.stdout)
    assert told[0]["canary"] == 1
    began = [line["host"] for line in told if line["event"] == "stage" and line["stage"] == "power_off"]
    first = next(place for place, line in enumerate(told) if line["event"] == "host" and line["status"] == "done")
    assert told[first]["host"] == began[0]
    assert {line["host"] for line in told[:first] if line["event"] == "stage"} == {began[0]}
    assert f"{began[0]} is built: 2 other hosts of R650 with RHEL 9.4 from RHEL Local can begin" in [
        line["text"] for line in told if line["event"] == "notice"
    ]
    report = json.loads(world.run("report", "--format", "json").stdout)
    assert "R650 with RHEL 9.4 from RHEL Local (3 hosts)" in report["asked"]["canary"]
    assert world.run("run", same, "--canary", "-1", "--yes").returncode == 2
