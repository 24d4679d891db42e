"""A start at a time, in real processes: waited for, planned again, and refused where the plan got worse."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quads_tui.cli.run_at import countdown, starts_at
from quads_tui.inputs import InputError, Zone
from quads_tui.inputs.times import zone_named
from quads_tui.runtime.options import Usage
from quads_tui.runtime.rollout_input import RunRequest
from tests.forks import Piped
from tests.waiting import PATIENCE, wait_for

from .conftest import Lab, lines

MakeLab = Callable[..., Lab]


def soon(seconds: float) -> str:
    return (datetime.now().astimezone() + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S%z")


def begun(lab: Lab, *words: str) -> Piped:
    return Piped(lab.command("run", *words, "--json", "--yes")[3:])


def waiting(lab: Lab, *words: str, seconds: float = 0.0) -> tuple[Piped, str, float]:
    """One that counts down; what it said up to there, and when it will start: in `seconds`, else when this machine has had four
    times what a plan takes here and now."""
    began = time.monotonic()
    planned = lab.run("plan", *words)
    assert planned.returncode == 0, planned.stderr
    seconds = seconds or 5.0 + 4 * (time.monotonic() - began)
    at = time.time() + seconds
    process = begun(lab, *words, "--at", soon(seconds))
    said = ""
    while "starts in" not in said and (line := process.stderr.readline()):
        said += line
    assert "starts in" in said, said
    return process, said, at


def test_it_starts_at_the_time_and_not_before(lab: MakeLab) -> None:
    world = lab(hosts=2, speed=100)
    process, said, at = waiting(world, str(world.assignment))
    assert re.search(r"starts in \d+ s, at ", said)
    began = any(host["resets"] for host in world.counts()["hosts"].values())
    assert not began or time.time() >= at  # a busy machine asks late
    out, err = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 0, err
    assert "the plan was made again: it is not worse than the confirmed plan" in err
    first = next(event for event in lines(out) if event["event"] == "rollout_started")
    assert datetime.fromisoformat(first["at"]).timestamp() >= at - 1
    assert lines(out)[-1]["done"] == 2


def test_a_plan_that_got_worse_is_refused_where_nobody_can_be_asked(lab: MakeLab) -> None:
    world = lab(hosts=4, speed=100, quads="2.2")
    other = sorted(world.counts()["hosts"])[0]
    world.ask("quads", {"assign": {"cloud": "cloud05", "hosts": [other]}})
    process, _, _ = waiting(world, "--from-quads", "--cloud", "cloud02")
    world.ask("quads", {"assign": {"cloud": "cloud02", "hosts": [other]}})
    _, err = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 3
    assert f"worse than in the confirmed plan: not in the confirmed plan: 1 host: {other}" in err
    assert not any(host["resets"] for host in world.counts()["hosts"].values())


@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_a_signal_while_it_waits_ends_it_with_nothing_begun(lab: MakeLab, name: str, status: int) -> None:
    world = lab(hosts=2, speed=100)
    process, _, _ = waiting(world, str(world.assignment), seconds=600.0)
    process.send_signal(getattr(signal, name))
    process.communicate(timeout=PATIENCE)
    assert process.returncode == status
    wait_for(lambda: not list(world.state.glob("rollouts/*/journal.db")))
    counts = world.counts()  # the plan asked the BMCs, and left nothing there
    assert (counts["bmc"]["resets"], counts["bmc"]["sessions_open"], counts["foreman"]["writes"]) == (0, 0, 0)


BERLIN = zone_named("Europe/Berlin")
FILE = RunRequest((Path("x"),))


def starts(text: str, wanted: RunRequest = FILE, zone: Zone = BERLIN, now: float = 0.0) -> float:
    return starts_at(text, wanted, zone, now)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "UTC", "CET-1CEST,M3.5.0,M10.5.0/3"])
def test_b3_a_time_without_an_offset_is_this_machines(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for text in ("2027-11-29 22:00", "2027-11-29T22:00:00", "2028-02-29 22:00"):
            shown = Zone().clock(starts(text))
            assert shown.isoformat(" ", "minutes") == f"{text[:10]} 22:00"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("written", ["2027-11-29 22:00{}", "2027-11-29T22:00:00{}", "2027-11-29 22:00 {}"])
def test_b3_an_offset_says_which_zone_it_is(written: str) -> None:
    expected = datetime(2027, 11, 29, 22, 0, tzinfo=UTC).timestamp()
    for offset, hours in (("Z", 0.0), ("+0000", 0.0), ("+01:00", 1.0), ("+0100", 1.0), ("-05:00", -5.0), ("+05:30", 5.5)):
        assert starts(written.format(offset)) == expected - hours * 3600


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2027-03-28 02:00", "this time does not exist in Europe/Berlin: clocks go from 02:00 to 03:00 that day; the nearest times are 2027-03-28 01:59 or 03:00"),
        ("2027-03-28 02:30", "does not exist in Europe/Berlin"),
        ("2027-03-28T02:59:59", "does not exist in Europe/Berlin"),
        ("2027-10-31 02:30", 'this time occurs twice in Europe/Berlin: clocks go back that day; add an offset: "2027-10-31 02:30+02:00" or "2027-10-31 02:30+01:00"'),
        ("2027-10-31 02:00", "occurs twice"),
        ("tomorrow", 'is not a time; expected a time such as "2026-11-29 22:00"; add an offset such as +01:00 for another time zone'),
        ("2027-02-29 22:00", "is not a time"),
        ("2027-11-29", "is not a time"),
        ("2027-11-29 24:00", "is not a time"),
        ("2027-11-29 22:00+25:00", "is not a time"),
        ("Sun, 29 Nov 2027 22:00:00 GMT", "is not a time"),
        ("9999-12-31 23:59", "has the year 9999; expected one from 1970 to 9000"),
        ("0001-01-01 00:00", "has the year 1;"),
        ("1970-01-01 00:00", "is in the past"),
        ("", "is not a time"),
        ("schedule", "neither the assignment nor --date has a schedule that starts in the future"),
    ],
)  # fmt: skip
def test_b3_what_is_no_time_to_start_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, says: str) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    file = tmp_path / "assignment.yaml"
    file.write_text("cloud: cloud02\nhosts: [a01-h01.example.com]\n")
    with pytest.raises(Usage) as refused:
        starts(text, RunRequest((file,)), now=time.time())
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("text", "at"), [("2027-03-28 01:59", "2027-03-28T00:59Z"), ("2027-03-28 03:00", "2027-03-28T01:00Z"), ("2027-10-31 03:00", "2027-10-31T02:00Z"),
                     ("2027-10-31 02:30+02:00", "2027-10-31T00:30Z"), ("2027-10-31 02:30+01:00", "2027-10-31T01:30Z")],
)  # fmt: skip
def test_b3_round_a_change_of_clocks(monkeypatch: pytest.MonkeyPatch, text: str, at: str) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    assert starts(text) == datetime.fromisoformat(at).timestamp()


def test_b3_a_misspelt_time_zone_of_this_machine_is_not_taken_for_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlim")
    with pytest.raises(
        InputError, match=r"TZ=Europe/Berlim, which is not a time zone of this machine's database; did you mean Europe/Berlin"
    ):
        starts("2027-11-29 22:00")
    monkeypatch.delenv("TZ")
    assert starts("2027-11-29 22:00") == Zone().first(datetime.fromisoformat("2027-11-29 22:00"))


def test_b3_at_schedule_takes_quads_times_in_quads_zone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    head = "clouds:\n  cloud02: {wipe: true}\ncurrent_schedules:\n"

    def export(*starts: str) -> RunRequest:
        file = tmp_path / "export.yaml"
        lines = [
            f"- {{cloud: cloud02, host: a{n}.example.com, start: {start}, end: 2029-01-01 00:00:00}}"
            for n, start in enumerate(starts)
        ]
        file.write_text(head + "\n".join(lines))
        return RunRequest((file,), "cloud02")

    now = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    wanted = export("2027-11-29 22:00:00", "2027-11-29 21:00:00", "2026-11-29 21:00:00")
    assert starts("schedule", wanted, now=now) == datetime(2027, 11, 29, 20, 0, tzinfo=UTC).timestamp()
    assert (
        starts("schedule", RunRequest((), date="2027-11-29T22:00"), now=now)
        == datetime(2027, 11, 29, 21, 0, tzinfo=UTC).timestamp()
    )
    assert capsys.readouterr().err == ""
    for given in (export("2027-10-31 02:30:00"), RunRequest((), date="2027-10-31T02:30")):
        assert starts("schedule", given, now=now) == datetime(2027, 10, 31, 1, 30, tzinfo=UTC).timestamp()
        assert (
            "occurs twice in Europe/Berlin: clocks go back that day; the rollout starts at 2027-10-31 02:30 CET"
            in capsys.readouterr().err
        )
    for given in (export("2027-03-28 02:30:00"), RunRequest((), date="2027-03-28T02:30")):
        assert starts("schedule", given, now=now) == datetime(2027, 3, 28, 1, 0, tzinfo=UTC).timestamp()
        assert "clocks go from 02:00 to 03:00 that day; the rollout starts at 2027-03-28 03:00 CEST" in capsys.readouterr().err


def test_b2_an_export_waits_for_its_dates_and_then_takes_what_is_due(lab: MakeLab) -> None:
    world = lab(hosts=2, speed=100, quads="2.2")
    now = time.time()
    kolkata = zone_named("Asia/Kolkata")  # the emulated QUADS server's
    first, second = sorted(world.counts()["hosts"])

    def line(name: str, start: float) -> str:
        dates = [f"{kolkata.clock(at):%Y-%m-%d %H:%M:%S}" for at in (start, start + 86_400)]
        return f"- {{cloud: cloud02, host: {name}, start: {dates[0]}, end: {dates[1]}, build_start: null, build_end: null, moved: false}}\n"

    export = world.directory / "export.yaml"
    head = "clouds: {cloud02: {wipe: true}}\ncurrent_schedules:\n"
    export.write_text(head + line(first, now + 3600) + line(second, now + 90_000))
    early = world.run("plan", str(export))
    assert early.returncode == 2
    assert "no schedule of cloud02 is due at" in early.stderr
    for seconds in (8, 30, 120):  # until the start; on an idle machine the first are enough
        starts = int(time.time()) + seconds
        export.write_text(head + line(first, starts) + line(second, now + 90_000))
        process = begun(world, str(export), "--at", "schedule")
        out, err = process.communicate(timeout=seconds + 3 * PATIENCE)
        if process.returncode != 2 or "starts in the future" not in err:  # else it was read too late
            break
    assert process.returncode == 0, err
    assert lines(out)[-1]["hosts"] == 1
    begin = next(event for event in lines(out) if event["event"] == "rollout_started")
    assert datetime.fromisoformat(begin["at"]).timestamp() >= starts
    assert [world.counts()["hosts"][name]["wipes"] for name in (first, second)] == [1, 0]


async def test_the_countdown_survives_a_clock_that_is_set_back() -> None:
    told: list[str] = []
    at = [1000.0]
    back = [600.0]

    async def sleep(seconds: float) -> None:
        at[0] += seconds - (back.pop() if back else 0.0)

    await countdown(2500.0, 3000.0, told.append, now=lambda: at[0], sleep=sleep, watched=False)
    assert at[0] == 2500.0
    assert len(told) >= 3
    assert told[0].startswith("starts in 33 min, at ")
