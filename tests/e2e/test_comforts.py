"""What makes the command line pleasant: a call for each new thing, plain lines, keys and completion."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.forks import Piped
from tests.waiting import wait_for

from .conftest import Lab

MakeLab = Callable[..., Lab]
ROOT = Path(__file__).parents[2]


def ran(*words: str) -> str:
    process = Piped([*words])
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out


def test_the_operator_is_called_for_each_new_thing_and_in_order(lab: MakeLab) -> None:
    world = lab(hosts=14, speed=300, faults="realistic")
    told = world.directory / "told"
    script = world.directory / "page-me"
    script.write_text(f'#!/bin/sh\necho "$QUADS_TUI_EVENT $QUADS_TUI_CLOUD $QUADS_TUI_HOSTS $QUADS_TUI_TEXT" >> {told}\n')
    script.chmod(0o700)
    site = world.edited("site.yaml", lambda text: text + f"\non_event:\n  run: [{script}]\n")
    result = world.run("run", world.assignment, "--json", "--yes", site=site)
    assert result.returncode == 1, result.stderr
    events = [line.split() for line in told.read_text().splitlines()]
    assert {tuple(words[1:3]) for words in events} == {("cloud02", "14")}
    kinds = [words[0] for words in events]
    assert kinds[-1] == "finished"
    assert set(kinds[:-1]) == {"failure_group"}
    reasons = [" ".join(words[3:]) for words in events[:-1]]
    assert len(set(reasons)) == len(reasons) > 1


def test_a_call_that_hangs_or_fails_stops_nothing(lab: MakeLab) -> None:
    world = lab(hosts=2, speed=150)
    for run in ("[/nowhere/page-me]", "[sleep, '600']"):
        site = world.edited("site.yaml", lambda text, run=run: text + f"\non_event: {{run: {run}, timeout: 1}}\n")  # type: ignore[misc]
        result = world.run("run", world.assignment, "--json", "--yes", site=site)
        assert result.returncode == 0, result.stderr


def test_the_table_of_keys_is_current() -> None:
    assert (ROOT / "docs/keys.md").read_text() == ran("keys"), "quads-tui keys > docs/keys.md"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_a_script(shell: str) -> None:
    assert "_QUADS_TUI_COMPLETE" in ran("completion", shell)


def test_rollouts_and_profiles_complete(tmp_path: Path) -> None:
    for name in ("20261122-aa", "20261123-bb"):
        (tmp_path / "rollouts" / name).mkdir(parents=True)
        (tmp_path / "rollouts" / name / "journal.db").touch()
    given = {"_QUADS_TUI_COMPLETE": "bash_complete", "COMP_CWORD": "2", "QUADS_TUI_STATE": str(tmp_path)}
    program = [str(Path(sys.executable).with_name("quads-tui"))]

    def completed(words: str, place: int) -> list[str]:
        environment = {**os.environ, **given, "COMP_WORDS": words, "COMP_CWORD": str(place)}
        answer = subprocess.run(program, capture_output=True, text=True, check=True, env=environment).stdout
        return [line.partition(",")[2] for line in answer.splitlines()]

    assert completed("quads-tui resume 20261123", 2) == ["20261123-bb"]
    assert completed("quads-tui rehearse --faults ", 3) == ["none", "realistic", "foreman-2019", "chaos"]


def test_f7_the_emulators_of_a_rehearsal_get_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREMAN_PASSWORD", "planted-in-the-environment")
    words = ["rehearse", "--hosts", "1", "--speed", "1", "--headless", "--yes", "--state-dir", str(tmp_path)]
    program = subprocess.Popen([sys.executable, "-m", "quads_tui", *words], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: list(tmp_path.glob("rehearsals/*/ready")))
        (pid,) = [path.read_text() for path in tmp_path.glob("rehearsals/*/emulators.pid")]
        given = Path("/proc", pid, "environ").read_bytes()
        assert b"PATH=" in given
        assert b"planted" not in given + Path("/proc", pid, "cmdline").read_bytes()
        assert b"planted" in Path("/proc", str(program.pid), "environ").read_bytes()  # the search finds it
    finally:
        program.terminate()
        program.wait()
