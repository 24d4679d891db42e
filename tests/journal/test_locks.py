"""Locks that cannot be had are told with their path, the setting that names them, and who has them."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from quads_tui.journal.locks import LockHeld, QuadsLock


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
