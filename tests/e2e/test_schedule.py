"""A start at a time, in real processes: waited for, planned again, and refused where the plan got worse."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from quads_tui.cli.options import Usage
from quads_tui.cli.schedule import countdown, starts_at
from quads_tui.cli.session import Wanted, Work
from quads_tui.inputs import Assignment, Site, load_assignment

from .conftest import Lab, lines, wait_for

MakeLab = Callable[..., Lab]
SAMPLES = Path(__file__).parents[2] / "sample_assignments"


def soon(seconds: float) -> str:
    return (datetime.now().astimezone() + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S%z")


def begun(lab: Lab, *words: str) -> subprocess.Popen[str]:
    command = lab.command("run", *words, "--json", "--yes")
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def waits(process: subprocess.Popen[str]) -> str:
    """Its first words up to the countdown."""
    assert process.stderr is not None
    said = ""
    while "starts in" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    return said


def test_it_starts_at_the_time_and_not_before(lab: MakeLab) -> None:
    world = lab(hosts=2, speed=100)
    at = time.time() + 8
    process = begun(world, str(world.assignment), "--at", soon(8))
    assert re.search(r"starts in 0:00:0\d, at ", waits(process))
    assert not any(host["resets"] for host in world.counts()["hosts"].values())
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "the plan was made again: it is as it was confirmed" in err
    first = next(event for event in lines(out) if event["event"] == "rollout_started")
    assert datetime.fromisoformat(first["at"]).timestamp() >= at - 1
    assert lines(out)[-1]["done"] == 2


def test_a_plan_that_got_worse_is_refused_where_nobody_can_be_asked(lab: MakeLab) -> None:
    world = lab(hosts=4, speed=100, quads="2.2")
    other = sorted(world.counts()["hosts"])[0]
    world.ask("quads", {"assign": {"cloud": "cloud05", "hosts": [other]}})
    process = begun(world, "--from-quads", "--cloud", "cloud02", "--at", soon(8))
    waits(process)
    world.ask("quads", {"assign": {"cloud": "cloud02", "hosts": [other]}})
    _, err = process.communicate(timeout=120)
    assert process.returncode == 3
    assert f"the plan is worse than the one that was confirmed: 1 hosts were not in the plan: {other}" in err
    assert not any(host["resets"] for host in world.counts()["hosts"].values())


@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_a_signal_while_it_waits_ends_it_with_nothing_begun(lab: MakeLab, name: str, status: int) -> None:
    world = lab(hosts=2, speed=100)
    process = begun(world, str(world.assignment), "--at", soon(600))
    waits(process)
    process.send_signal(getattr(signal, name))
    process.communicate(timeout=60)
    assert process.returncode == status
    wait_for(lambda: not list(world.state.glob("rollouts/*/journal.db")))
    assert world.counts()["bmc"]["requests"] == 0


def work(site: Site | None = None, *given: Assignment) -> Work:
    return Work(given, site)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["2026-11-29 22:00", "2026-11-29T22:00:00", "2026-11-29 22:00+0100", "2026-11-29T22:00:00Z"])
def test_times(text: str) -> None:
    at = starts_at(text, work(), Wanted(None), 0.0)
    shown = datetime.fromtimestamp(at).astimezone()
    if "+0100" in text:
        assert shown.utctimetuple()[3:5] == (21, 0)
    elif text.endswith("Z"):
        assert shown.utctimetuple()[3:5] == (22, 0)
    else:
        assert (shown.hour, shown.minute) == (22, 0)


@pytest.mark.parametrize(
    ("text", "says"), [("tomorrow", "is no time"), ("2020-01-01 00:00", "has passed"), ("schedule", "neither")]
)
def test_what_is_no_time_to_start_at(text: str, says: str) -> None:
    with pytest.raises(Usage, match=says):
        starts_at(text, work(), Wanted(None), time.time())


def test_the_schedule_of_an_export_and_of_quads_moves() -> None:
    export = load_assignment(SAMPLES / "quads-export.yaml", cloud="cloud02")
    expected = datetime.fromisoformat("2026-11-29T22:00:00+00:00").timestamp()
    assert starts_at("schedule", work(None, export), Wanted(Path("x")), 0.0) == expected
    assert starts_at("schedule", work(), Wanted(None, date="2026-11-29T22:00"), 0.0) == expected


async def test_the_countdown_survives_a_clock_that_is_set_back() -> None:
    told: list[str] = []
    at = [1000.0]
    back = [600.0]

    async def sleep(seconds: float) -> None:
        at[0] += seconds - (back.pop() if back else 0.0)

    await countdown(2500.0, 3000.0, told.append, now=lambda: at[0], sleep=sleep, watched=False)
    assert at[0] == 2500.0
    assert len(told) >= 3
    assert told[0].startswith("starts in 0:33:20, at ")
