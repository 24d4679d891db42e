"""`watch` and the runner that it watches: killed, resumed by another, ended."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from tests.forks import Program
from tests.waiting import PATIENCE, wait_for

from .conftest import Lab, lines

HOSTS = 3


def test_watch_says_that_the_runner_is_gone_and_follows_the_one_that_resumes(lab: Callable[..., Lab], tmp_path: Path) -> None:
    place = lab(hosts=HOSTS, speed=40)
    words = place.command("run", place.assignment, "--json", "--yes")
    runner = Program(words[3:])
    wait_for(lambda: any(host["resets"] for host in place.counts()["hosts"].values()))
    (directory,) = (place.state / "rollouts").iterdir()
    out, err = tmp_path / "out", tmp_path / "err"
    out.touch()
    err.touch()
    watcher = Program(place.command("watch", "--json")[3:], out=str(out), err=str(err))
    wait_for(lambda: '"stage"' in out.read_text())
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    gone = f"{directory.name} is not running; resume it with: quads-tui resume {directory.name}"
    wait_for(lambda: gone in err.read_text())
    assert watcher.poll() is None
    assert place.run("resume", "--json", "--yes").returncode == 0
    assert watcher.wait(PATIENCE) == 0
    assert "run by process" in err.read_text()
    assert f"(watching {directory.name})" in err.read_text()
    assert err.read_text().count(gone) == 1
    finished = [
        line["host"] for line in lines(out.read_text()) if line.get("stage") == "install" and line["status"] == "finished"
    ]
    assert sorted(finished) == sorted(place.counts()["hosts"])  # each once, of both runners
    again = place.run("watch", "--json")
    assert (again.returncode, again.stderr) == (0, "")


def test_watch_of_a_rollout_that_no_process_runs_says_how_to_resume_it(lab: Callable[..., Lab]) -> None:
    place = lab(hosts=HOSTS, speed=60)
    runner = Program(place.command("run", place.assignment, "--json", "--yes")[3:])
    wait_for(lambda: any(host["resets"] for host in place.counts()["hosts"].values()))
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    (directory,) = (place.state / "rollouts").iterdir()
    for option in ("--headless", "--plain"):
        seen = place.run("watch", option)
        assert seen.returncode == 0
        assert f"not running; resume it with: quads-tui resume {directory.name}" in seen.stdout + seen.stderr
