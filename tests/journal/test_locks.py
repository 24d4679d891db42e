"""Who has a lock; those that cannot be had are told with their path, the setting that names them, and who has them."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from quads_tui.journal.locks import JournalLock, LockHeld, QuadsLock, holder


def link(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))


def no_directory(path: Path) -> None:
    path.parent.rmdir()


@pytest.mark.parametrize(("prepare", "words"), [(link, "Too many levels of symbolic links"), (no_directory, "No such file")])
def test_a_quads_lock_that_cannot_be_opened_names_file_setting_and_reason(tmp_path: Path, prepare: object, words: str) -> None:
    path = tmp_path / "run" / "moveandrebuild.lock"
    path.parent.mkdir()
    prepare(path)  # type: ignore[operator]
    with pytest.raises(LockHeld) as held:
        QuadsLock(path)
    assert str(path) in str(held.value)
    assert "quads.lock_file" in str(held.value)
    assert words in str(held.value)


def test_a_quads_lock_that_another_holds_names_its_process(tmp_path: Path) -> None:
    path = tmp_path / "moveandrebuild.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(LockHeld, match=f"process {os.getpid()} of"):
            QuadsLock(path)
    QuadsLock(path).release()
    QuadsLock(path).release()


def test_one_writer_a_journal_and_everybody_may_ask_who(tmp_path: Path) -> None:
    assert holder(tmp_path) == ""
    lock = JournalLock(tmp_path)
    try:
        told = subprocess.run(
            [
                sys.executable,
                "-c",
                f"from pathlib import Path; from quads_tui.journal.locks import *; JournalLock(Path({str(tmp_path)!r}))",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert f"LockHeld: the rollout is run by process {os.getpid()} of" in told.stderr
    finally:
        lock.release()
    assert holder(tmp_path) == ""
    JournalLock(tmp_path).release()


def test_c2_a_journal_whose_holder_is_stopped_is_taken_over_by_an_administrator(tmp_path: Path) -> None:
    stopped = JournalLock(tmp_path)
    with pytest.raises(LockHeld):
        JournalLock(tmp_path)
    lock = JournalLock(tmp_path, take_over=True)
    assert holder(tmp_path) != ""
    stopped.release()
    assert holder(tmp_path) != "", "it is the new one's"
    lock.release()
    assert holder(tmp_path) == ""
