"""The state directory: private, of one user, there without a home, and pruned only by command."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from quads_tui.cli.history import prune_rollouts
from quads_tui.inputs.private_directory import make_private
from quads_tui.journal.locks import JournalLock
from quads_tui.journal.store import JournalStore
from quads_tui.rollout.events import Event, HostArmed, HostChanged, RolloutEnded, RolloutStarted
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import HostStatus, Kind
from quads_tui.runtime.options import Options, Refused

HOST = "h0.example.com"
DAY = 86_400.0


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o077, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_directories_are_private_whatever_the_umask(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    state = tmp_path / "made" / "state"
    Options(state_dir=state).private_directory(state / "rollouts" / "r1")
    assert [mode(path) for path in (state.parent, state, state / "rollouts", state / "rollouts" / "r1")] == [0o700] * 4
    assert mode(tmp_path) == 0o755  # it is the operator's


def test_what_an_older_version_made_is_made_private_and_the_operators_own_is_left(tmp_path: Path) -> None:
    (tmp_path / "rollouts").mkdir()
    (tmp_path / "rollouts").chmod(0o755)
    tmp_path.chmod(0o750)
    make_private(tmp_path / "rollouts" / "r1", tmp_path)
    assert (mode(tmp_path), mode(tmp_path / "rollouts")) == (0o750, 0o700)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a directory away")
@pytest.mark.parametrize("part", ["", "rollouts"])
def test_directories_of_others_are_refused_with_owner_and_path(tmp_path: Path, part: str) -> None:
    state = tmp_path / "state"
    (state / "rollouts").mkdir(parents=True)
    os.chown(state / part, 54321, 54321)
    with pytest.raises(Refused, match=f"the directory {state / part} belongs to uid 54321, not to root".rstrip("/")):
        Options(state_dir=state).private_directory(state / "rollouts" / "r1")
    assert not (state / "rollouts" / "r1").exists()


NOBODY = """
import os, pwd, sys
def unknown(uid): raise KeyError(uid)
pwd.getpwuid = unknown
from quads_tui.cli import main
main()
"""


def without_home(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """As a user without $HOME and without an entry in passwd."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", NOBODY, *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_f8_without_a_home_it_works_where_site_and_state_directory_are_given(tmp_path: Path) -> None:
    words = ["rehearse", "--hosts", "2", "--speed", "200", "--faults", "none", "--json", "--state-dir", tmp_path / "state"]
    ended = without_home(*words)
    assert ended.returncode == 0, ended.stderr
    assert '"done": 2' in ended.stdout.splitlines()[-1]


def test_f8_without_a_home_what_is_missing_is_one_line(tmp_path: Path) -> None:
    ended = without_home("rollouts")
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        "quads-tui: you have no home directory for the journals: give --state-dir DIR or set $QUADS_TUI_STATE"
    ]


BROKEN = """
import quads_tui.cli.lint as lint
def broken(*given):
    password = "hunter2hunter2"
    raise RuntimeError("https://admin:letmein99@foreman.example.com is odd")
lint._lint = broken
from quads_tui.cli import main
main()
"""


def test_f8_an_error_of_the_program_is_one_line_and_70(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", BROKEN, "lint", "x.yaml"]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode == 70
    (line,) = ended.stderr.splitlines()
    (details,) = tmp_path.glob("quads-tui-error-*.txt")
    assert line.startswith("quads-tui: internal error: RuntimeError in <string>, line 5; details: ")
    assert str(details) in line
    assert mode(details) == 0o600
    kept = details.read_text()
    assert "in run_with_exit_status" in kept
    assert "hunter2" not in kept + line
    assert "letmein99" not in kept + line


async def stored(state: Path, name: str, *events: Event, ended: dict[str, Any] | None, age: float) -> Path:
    """A rollout of one host that began `age` seconds ago."""
    at = time.time() - age
    store = JournalStore(state / "rollouts" / name / "journal.db")
    plan = Plan((Goal("cloud02", Kind.BUILD),), (HostPlan(HOST, "R650"),))
    facts: dict[str, Any] = {"rollout": name, "created_at": at, "plan": asdict(plan), "foreman": "https://x", "speed": 1}
    await store.describe({**facts, "ended": ended})
    for event in (RolloutStarted(at, "x", 1, False, "x", 1.0), *events):
        await store.commit(event)
    await store.close()
    return state / "rollouts" / name


async def test_prune_keeps_whatever_somebody_may_still_need(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = 10 * DAY
    at = time.time() - old
    done, over = HostChanged(at, HOST, HostStatus.DONE), RolloutEnded(at, "")
    whole: dict[str, Any] = {"reason": "", "unfinished": 0, "owed": 0, "undecided": []}
    await stored(tmp_path, "old", done, over, ended=whole, age=old)
    await stored(tmp_path, "young", HostChanged(time.time(), HOST, HostStatus.DONE), ended=whole, age=old)
    await stored(tmp_path, "died", ended=None, age=old)
    await stored(tmp_path, "stopped", ended={**whole, "unfinished": 1}, age=old)
    await stored(tmp_path, "owed", done, over, ended={**whole, "owed": 2}, age=old)
    await stored(tmp_path, "undecided", done, over, ended={**whole, "undecided": ["cloud02"]}, age=old)
    armed = HostArmed(at, HOST, True)
    await stored(tmp_path, "armed", armed, HostChanged(at, HOST, HostStatus.FAILED), over, ended=whole, age=old)
    held = JournalLock(await stored(tmp_path, "running", done, over, ended=whole, age=old))
    damaged = await stored(tmp_path, "damaged", done, over, ended=whole, age=old)
    (damaged / "journal.db").write_bytes(b"SQLite format 3\0 and no more")
    link = tmp_path / "rollouts" / "old" / "link"
    link.symlink_to(tmp_path)
    assert prune_rollouts(5, Options(state_dir=tmp_path)) == 0
    held.release()
    left = {path.name for path in (tmp_path / "rollouts").iterdir()}
    assert left == {"young", "died", "stopped", "owed", "undecided", "armed", "running", "damaged"}
    out, err = capsys.readouterr()
    assert err == "1 removed, 8 kept\n"
    told = dict(line.removeprefix("kept ").split(": ", 1) for line in out.splitlines() if line.startswith("kept "))
    assert told["young"] == "it is not old enough"
    assert told["died"] == told["stopped"] == "it has unfinished hosts"
    assert told["owed"] == told["undecided"] == "updates to QUADS are pending"
    assert told["armed"] == "1 host is armed"
    assert told["running"].startswith("run by process")
    assert "removed old" in out.splitlines()


def test_a_link_that_leads_to_itself_is_refused_in_words(tmp_path: Path) -> None:
    state = tmp_path / "loop"
    state.symlink_to(state)
    with pytest.raises(Refused) as refused:
        Options(state_dir=state).private_directory(state / "rollouts" / "r1")
    assert "Too many levels of symbolic links; give another one with --state-dir" in str(refused.value)
    assert "Errno" not in str(refused.value)
