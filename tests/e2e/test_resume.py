"""Real processes that die, and others that go on with their rollouts; judged by what the emulators saw."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from quads_tui.cli.resume import _choose_rollout, _nothing_reason
from quads_tui.inputs import Assignment, HostSpec
from quads_tui.journal.locks import JournalLock
from quads_tui.journal.store import JournalStore
from quads_tui.runtime.options import Options
from quads_tui.runtime.resume import _assignment_from
from tests.forks import Piped
from tests.waiting import wait_for

from .conftest import Lab, lines, whole_lines

HOSTS = 5
KILLED = -signal.SIGKILL


def started(lab: Lab, *words: str | Path) -> Piped:
    return Piped(lab.command(*words)[3:])


def run_until(lab: Lab, wanted: Callable[[dict[str, Any]], bool], count: int = 1) -> Piped:
    """A console, at the moment when it has told `count` such events."""
    process = started(lab, "run", lab.assignment, "--json", "--yes")
    for line in process.stdout:
        if wanted(json.loads(line)):
            count -= 1
            if not count:
                return process
    raise AssertionError("it ended first")


def stage_is(stage: str, status: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: (event.get("stage"), event.get("status")) == (stage, status)


def killed(process: Piped | subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def assert_whole(lab: Lab, hosts: int = HOSTS, writes: int | None = None) -> None:
    counts = lab.counts()
    assert {(m["wipes"], m["built"], m["armed"]) for m in counts["hosts"].values()} == {(1, 1, False)}
    assert counts["foreman"]["peak_writes"] == 1
    assert counts["foreman"]["writes"] == (writes or hosts)
    assert counts["bmc"]["mode_changes"] == 0


def test_kill_9_costs_no_host_and_no_second_wipe(lab: Callable[..., Lab]) -> None:
    place = lab(hosts=HOSTS, speed=200)
    killed(run_until(place, stage_is("power_on", "finished"), 2))
    again = place.run("resume", "--json", "--yes")
    told = lines(again.stdout)
    assert again.returncode == 0
    assert told[0]["event"] == "rollout_started"
    assert told[0]["resumed"] is True
    assert (told[-1]["done"], told[-1]["unfinished"]) == (HOSTS, 0)
    assert_whole(place)
    assert_attempts_go_on(told)
    nothing = place.run("resume", "--yes")
    assert nothing.returncode == 0
    assert "nothing to resume" in nothing.stderr


def assert_attempts_go_on(told: list[dict[str, Any]]) -> None:
    """What the first console had begun is ended by the second one before it begins anew."""
    ends = {(e["host"], e["stage"], e["attempt"]) for e in told if e["event"] == "stage" and e["status"] == "skipped"}
    starts = [(e["host"], e["stage"], e["attempt"]) for e in told if e["event"] == "stage" and e["status"] == "started"]
    assert ends
    assert len(set(starts)) == len(starts)
    assert not ends & set(starts)


def test_a_kill_one_second_after_the_start_is_resumable(lab: Callable[..., Lab]) -> None:
    place = lab(hosts=HOSTS, speed=200)
    killed(run_until(place, lambda event: event["event"] == "rollout_started"))
    again = place.run("resume", "--json", "--yes")
    assert (again.returncode, lines(again.stdout)[-1]["done"]) == (0, HOSTS)
    assert_whole(place)


def test_sigterm_ends_well_and_says_how_to_go_on(lab: Callable[..., Lab]) -> None:
    place = lab(hosts=HOSTS, speed=200)
    process = run_until(place, stage_is("foreman_build", "finished"))
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate()
    told = whole_lines(out)
    assert process.returncode == 143
    assert told[-1]["event"] == "rollout_finished"
    assert told[-1]["unfinished"] > 0
    assert "quads-tui waits for the answers to requests that were sent" in err
    assert place.counts()["bmc"]["sessions_open"] == 0
    (rollout,) = (place.state / "rollouts").iterdir()
    again = place.run("resume", rollout.name, "--json", "--yes")
    assert (again.returncode, lines(again.stdout)[-1]["done"]) == (0, HOSTS)
    assert_whole(place)


def test_run_beside_an_unfinished_rollout_is_refused_headless(lab: Callable[..., Lab]) -> None:
    place = lab(hosts=HOSTS, speed=200)
    killed(run_until(place, stage_is("power_off", "started")))
    refused = place.run("run", place.assignment, "--json", "--yes")
    assert refused.returncode == 3
    (told,) = lines(refused.stdout)
    assert told["event"] == "refused"
    assert "quads-tui resume" in told["reasons"][0]
    assert place.counts()["foreman"]["writes"] == 0


async def test_c2_resume_without_a_name_takes_over_what_is_held_or_names_the_holder(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "rollouts" / "old" / "journal.db")
    await store.describe({"created_at": 1.0})
    await store.close()
    lock = JournalLock(tmp_path / "rollouts" / "old")
    options = Options(state_dir=tmp_path)
    assert _choose_rollout(None, options, failed=False) is None
    why = _nothing_reason(None, options)
    assert why.startswith(f"the rollout old is run by process {os.getpid()} of ")
    assert why.endswith("If that process hangs and cannot be ended: quads-tui resume old --take-over")
    chosen = _choose_rollout(None, replace(options, take_over=True), failed=False)
    assert chosen is not None
    assert chosen.id == "old"
    lock.release()


def test_a_rollout_that_runs_is_not_taken_up_by_another_console(lab: Callable[..., Lab]) -> None:
    place = lab(hosts=HOSTS, speed=20)
    process = run_until(place, stage_is("install", "started"))
    try:
        (rollout,) = (place.state / "rollouts").iterdir()
        second = place.run("resume", rollout.name, "--json", "--yes")
        assert second.returncode == 3
        assert f"process {process.pid} of " in lines(second.stdout)[0]["reasons"][0]
        third = place.run("resume", "--yes")
        assert f"nothing to resume: the rollout {rollout.name} is run by process {process.pid} of " in third.stderr
        assert f"quads-tui resume {rollout.name} --take-over" in third.stderr
    finally:
        killed(process)


def test_watch_follows_a_running_rollout_to_its_end(lab: Callable[..., Lab]) -> None:
    place = lab(hosts=HOSTS, speed=200)
    process = run_until(place, stage_is("power_off", "started"))
    watcher = started(place, "watch", "--json")
    out, _ = process.communicate()
    seen, _ = watcher.communicate()
    assert (process.returncode, watcher.returncode) == (0, 0)
    told = [line for line in lines(seen) if line["event"] == "stage" and line["status"] == "finished"]
    assert len(told) == 5 * HOSTS  # from the first event on
    assert {line["host"] for line in told} == set(place.counts()["hosts"])
    assert whole_lines(out)[-1]["done"] == HOSTS


def test_a_full_disk_stops_before_the_act_and_resume_works_after(lab: Callable[..., Lab]) -> None:
    place = lab(hosts=HOSTS, speed=200)
    process = subprocess.Popen(
        place.command("run", place.assignment, "--json", "--yes"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000)),  # bytes of each file
    )
    out, err = process.communicate()
    assert process.returncode == 4
    assert "can no longer be written" in err
    assert lines(out)[-1]["event"] == "rollout_finished"
    counts = place.counts()
    assert counts["bmc"]["sessions_open"] == 0
    again = place.run("resume", "--json", "--yes")
    assert (again.returncode, lines(again.stdout)[-1]["done"]) == (0, HOSTS)
    assert_whole(place)


def test_a_rehearsal_that_was_killed_is_resumed_with_its_emulators(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "quads_tui"]
    common = ["--json", "--yes", "--state-dir", str(tmp_path)]
    words = [*program, "rehearse", "--hosts", "4", "--speed", "200", "--faults", "none", *common]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    assert any(stage_is("install", "started")(json.loads(line)) for line in process.stdout)
    killed(process)
    (emulators,) = (tmp_path / "rehearsals").iterdir()
    pid = int((emulators / "emulators.pid").read_text())
    again = subprocess.run([*program, "resume", *common], capture_output=True, text=True, check=False)
    assert (again.returncode, lines(again.stdout)[-1]["done"]) == (0, 4)
    assert not emulators.exists()
    wait_for(lambda: not alive(pid))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_failed_hosts_of_an_ended_rollout_are_taken_up(lab: Callable[..., Lab]) -> None:
    place = lab(hosts=HOSTS, speed=200)
    password = place.directory / "bmc.password"
    right = password.read_text()
    password.write_text("wrong")
    first = place.run("run", place.assignment, "--json", "--yes")
    assert (first.returncode, {f["cause"] for f in lines(first.stdout)[-1]["failures"]}) == (1, {"credentials"})
    password.write_text(right)
    (rollout,) = (place.state / "rollouts").iterdir()
    ended = place.run("resume", rollout.name, "--json")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "--failed" in ended.stderr
    without_survey = place.run("resume", rollout.name, "--failed", "--json")
    assert without_survey.returncode == 2  # it may wipe: somebody must be asked
    again = place.run("resume", rollout.name, "--failed", "--json", "--yes")
    assert (again.returncode, lines(again.stdout)[-1]["done"]) == (0, HOSTS)
    assert_whole(place)


@pytest.mark.parametrize("words", [("resume", "nonsense"), ("watch",), ("attach",)])
def test_rollouts_that_do_not_exist_are_bad_usage(tmp_path: Path, words: tuple[str, ...]) -> None:
    process = Piped([*words, "--state-dir", str(tmp_path)])
    _, err = process.communicate()
    assert process.returncode == 2
    assert "there is no rollout" in err
    assert "Traceback" not in err


def test_an_assignment_of_a_journal_of_before_may_tell_more_than_is_known_now() -> None:
    facts = json.loads(json.dumps(asdict(Assignment(Path("x.yaml"), "cloud02", (HostSpec("a01.example.com"),))), default=str))
    read = _assignment_from({**facts, "starts": "2026-11-29 22:00:00"})
    assert (read.cloud, read.hosts, read.schedule) == ("cloud02", (HostSpec("a01.example.com"),), "")
