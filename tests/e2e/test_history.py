"""History and reports of real rollouts: ended, killed, running, damaged, foreign."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from quads_tui.cli.history import report, rollouts
from quads_tui.cli.host_history import hosts
from quads_tui.journal.reader import JournalReader, NoJournal
from quads_tui.runtime.options import Options
from tests.waiting import wait_for

from .conftest import Lab, emulated, lines

pytestmark = pytest.mark.xdist_group("history")  # the rollout that most of them read about is made once


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, list[dict[str, Any]]]]:
    """A rollout of eight, one of them unknown to Foreman, and its JSON lines."""
    directory = tmp_path_factory.mktemp("history")
    with emulated(directory / "lab", hosts=8, speed=600) as world:
        assignment = world.edited("assignment.yaml", lambda text: text.replace("a01-h03-", "stranger-", 1))
        ran = world.run("run", assignment, "--json", "--yes")
        yield world, lines(ran.stdout)
    shutil.rmtree(directory, ignore_errors=True)


def printed(capfdbinary: pytest.CaptureFixture[bytes], work: Callable[[], int]) -> tuple[int, str, str]:
    """Exit status, stdout and stderr."""
    status = work()
    told = capfdbinary.readouterr()
    return status, told.out.decode(), told.err.decode()


def test_the_report_says_what_the_json_lines_said(ended: tuple[Lab, list[dict[str, Any]]], capfdbinary: Any) -> None:
    world, events = ended
    end = events[-1]
    status, out, _ = printed(capfdbinary, lambda: report(None, "json", Options(state_dir=world.state)))
    told = json.loads(out)
    assert status == 0
    assert told["rollout"] == end["rollout"]
    assert told["state"] == "ended"
    assert {name: told["counts"][name] for name in ("hosts", "done", "failed", "skipped", "held", "unfinished")} == {
        name: end[name] for name in ("hosts", "done", "failed", "skipped", "held", "unfinished")
    }
    assert told["counts"]["armed"] == len(end["armed_hosts"])
    assert {(host["name"], host["cause"], host["reason"]) for host in told["hosts"] if host["status"] == "failed"} == {
        (failure["host"], failure["cause"], failure["reason"]) for failure in end["failures"]
    }
    seconds = {
        (event["host"], event["stage"], event["attempt"]): event["seconds"]
        for event in events
        if event.get("status") == "finished"
    }
    assert seconds == pytest.approx(
        {
            (host["name"], stage, attempt["attempt"]): attempt["seconds"]
            for host in told["hosts"]
            for stage, attempts in host["stages"].items()
            for attempt in attempts
            if attempt["status"] == "finished"
        },
        abs=0.001,
    )
    assert (end["done"], end["failed"]) == (7, 1)
    assert told["progress"][-1][1:3] == [end["done"], end["failed"]]
    assert told["lane"]["granted"] <= end["foreman_writes"]  # the last second has no sample
    assert sum(len(times["seconds"]) for times in told["durations"] if times["stage"] == "install") == end["done"]


@pytest.mark.parametrize("form", ["md", "html"])
def test_people_find_every_host_in_it(ended: tuple[Lab, list[dict[str, Any]]], form: str, capfdbinary: Any) -> None:
    world, events = ended
    name = events[-1]["rollout"]
    status, out, _ = printed(capfdbinary, lambda: report(name[:18], form, Options(state_dir=world.state)))
    assert status == 0
    hosts = {event["host"] for event in events if "host" in event}
    assert len(hosts) == 8
    assert all(host in out for host in hosts)
    assert "7 of 8 hosts done, 1 failed" in out


def test_an_unknown_rollout_is_refused_with_those_that_come_near(
    ended: tuple[Lab, list[dict[str, Any]]], capfdbinary: Any
) -> None:
    world, events = ended
    name = events[-1]["rollout"]
    for wrong in (f"{name}x", "nothing of the kind", "../../etc", "\x1b[31m"):
        status, out, err = printed(capfdbinary, lambda wrong=wrong: report(wrong, "md", Options(state_dir=world.state)))
        assert (status, out) == (2, "")
        assert name in err
        assert "\x1b" not in err
        assert "Traceback" not in err


def test_the_commands_end_as_they_must(ended: tuple[Lab, list[dict[str, Any]]]) -> None:
    world, events = ended
    name = events[-1]["rollout"]
    listed = world.run("rollouts")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert name in listed.stdout
    told = world.run("report", name, "--format", "html")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("<!DOCTYPE html>")
    assert [world.run("report", *words).returncode for words in (("nothing",), (name, "--format", "pdf"))] == [2, 2]


def test_an_empty_state_directory(tmp_path: Path, capfdbinary: Any) -> None:
    options = Options(state_dir=tmp_path / "none")
    assert printed(capfdbinary, lambda: rollouts(options))[:2] == (0, "")
    status, out, err = printed(capfdbinary, lambda: report(None, "html", options))
    assert (status, out) == (2, "")
    assert "there is no rollout in" in err


def test_a_running_rollout_says_so_and_a_killed_one_that_it_is_unfinished(
    tmp_path: Path, lab: Callable[..., Lab], capfdbinary: Any
) -> None:
    world = lab(hosts=6, speed=20)
    options = Options(state_dir=world.state)
    process = subprocess.Popen(world.command("run", world.assignment, "--json", "--yes"), stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: _stages(world.state) > 6 or process.poll() is not None)
        assert process.poll() is None
        running = json.loads(printed(capfdbinary, lambda: report(None, "json", options))[1])
        assert (running["state"], running["runs"][-1]["end"]) == ("running", None)
        assert f"process {process.pid} " in running["holder"]
        assert "running" in printed(capfdbinary, lambda: rollouts(options))[1].splitlines()[1]
    finally:
        process.kill()
        process.wait()
    told = json.loads(printed(capfdbinary, lambda: report(None, "json", options))[1])
    assert (told["state"], told["holder"], told["runs"][0]["end"]) == ("unfinished", "", None)
    assert told["counts"]["unfinished"] > 0
    assert any(
        attempt["seconds"] is None for host in told["hosts"] for attempts in host["stages"].values() for attempt in attempts
    )
    for form in ("md", "html"):
        assert (
            "UNFINISHED: quads-tui exited before the rollout ended"
            in printed(capfdbinary, lambda form=form: report(None, form, options))[1]
        )
    assert "unfinished" in printed(capfdbinary, lambda: rollouts(options))[1].splitlines()[1]


def test_a_damaged_or_foreign_file_is_one_line_of_the_listing(
    ended: tuple[Lab, list[dict[str, Any]]], tmp_path: Path, capfdbinary: Any
) -> None:
    world, events = ended
    name = events[-1]["rollout"]
    good = world.state / "rollouts" / name / "journal.db"
    directory = tmp_path / "rollouts"

    def copied(name: str, sql: str = "") -> Path:
        (directory / name).mkdir(parents=True)
        path = directory / name / "journal.db"
        shutil.copy(good, path)
        if sql:
            with sqlite3.connect(path) as database:
                database.executescript(sql)
            database.close()
        return path

    copied("good")
    path = copied("cut")
    path.write_bytes(path.read_bytes()[:9000])
    path = copied("scribbled")
    middle = bytearray(path.read_bytes())
    middle[4096:40960] = b"\xa5" * 36864
    path.write_bytes(middle)
    copied("text").write_text("this is no database, <b>\x1b[31m</b>")
    copied("foreign", "pragma application_id=7")
    copied("newer", "pragma user_version=99")
    copied("no-json", "update event set body='{' where n=5")
    copied("strange-event", "update event set body='[\"danced\", 1.0]' where n=5")
    copied("strange-plan", "update meta set value='[1]' where key='plan'")
    copied("no-plan", "delete from meta where key='plan'; delete from event")
    options = Options(state_dir=tmp_path)
    status, out, err = printed(capfdbinary, lambda: rollouts(options))
    assert (status, err) == (0, "")
    rows = {row.split()[0]: row for row in out.splitlines()[1:]}
    assert sorted(rows) == sorted(path.name for path in directory.iterdir())
    readable = {found for found, row in rows.items() if "cannot be read" not in row}
    assert readable == {"good", "no-plan"}
    assert "unplanned" in rows["no-plan"]
    assert "\x1b" not in out
    spoken = lines(printed(capfdbinary, lambda: rollouts(Options(state_dir=tmp_path, json=True)))[1])
    assert {line["rollout"] for line in spoken if line["event"] == "unreadable"} == set(rows) - readable
    for bad in set(rows) - readable:
        for form in ("md", "html", "json"):
            status, out, err = printed(capfdbinary, lambda bad=bad, form=form: report(bad, form, options))
            assert (status, out) == (2, ""), bad
            assert "journal" in err
            assert "Traceback" not in err
    assert printed(capfdbinary, lambda: report("no-plan", "html", options))[0] == 0


def test_a_reader_that_leaves_early_is_no_error(ended: tuple[Lab, list[dict[str, Any]]]) -> None:
    world, _ = ended
    command = world.command("report", "--format", "html")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 0
    process.stderr.close()


def _stages(state: Path) -> int:
    """Events of stages in the only journal there is."""
    found = list(state.glob("rollouts/*/journal.db"))
    if not found or "plan" not in _facts(found[0]):
        return 0
    reader = JournalReader(found[0])
    try:
        return sum(event.kind == "stage" for _, event in reader.events())
    finally:
        reader.close()


def _facts(path: Path) -> dict[str, Any]:
    """Nothing while the journal is being made."""
    try:
        reader = JournalReader(path)
    except NoJournal:
        return {}
    try:
        return reader.facts()
    finally:
        reader.close()


def test_hosts_shows_outcomes_and_durations_of_the_last_rollouts(
    ended: tuple[Lab, list[dict[str, Any]]], capfdbinary: Any
) -> None:
    world, events = ended
    options = Options(state_dir=world.state, json=True)
    _, out, _ = printed(capfdbinary, lambda: hosts(None, worst=True, options=options))
    told = [json.loads(line) for line in out.splitlines()]
    built = {event["host"] for event in events if event.get("stage") == "install" and event.get("status") == "finished"}
    assert {one["host"] for one in told if one["rollouts"][0]["status"] == "done"} == built
    seconds = {
        (one["host"], stage): taken
        for one in told
        for stage, taken in one["rollouts"][0]["seconds"].items()
        if stage in ("power_on", "install")
    }
    for event in events:
        if event.get("status") == "finished" and (event["host"], event["stage"]) in seconds:
            assert seconds[event["host"], event["stage"]] == pytest.approx(event["seconds"], abs=0.051)
    name = next(iter(built))
    status, out, _ = printed(capfdbinary, lambda: hosts(name[:7].upper(), worst=False, options=Options(state_dir=world.state)))
    assert status == 0
    assert out.splitlines()[0].startswith(name)
    assert out.splitlines()[-1].startswith(events[-1]["rollout"])
    _, out, _ = printed(capfdbinary, lambda: hosts("a01-*", worst=False, options=Options(site=world.site, state_dir=world.state)))
    assert sorted(line.split()[0] for line in out.splitlines()[1:]) == sorted(built)
    status, out, err = printed(capfdbinary, lambda: hosts("nobody", worst=False, options=Options(state_dir=world.state)))
    assert (status, out) == (0, "")
    assert "nobody" in err
