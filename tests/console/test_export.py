""":export: which hosts, in which order, into which file, and what it never does to a file that is there."""

from __future__ import annotations

import csv
import json
import threading
from pathlib import Path

import pytest

from quads_tui.console.dialogs import Question
from quads_tui.console.private_file import write_private
from tests.waiting import until

from .desk import Desk, desk


async def said(d: Desk, *words: str) -> str:
    await until(lambda: all(word in d.app.context.flash for word in words))
    return d.app.context.flash


async def export(d: Desk, words: str) -> None:
    d.app.run_command(f"export {words}")
    await d.pilot.pause()


def hosts_of(path: Path) -> list[str]:
    with path.open(newline="") as file:
        return [row["host"] for row in csv.DictReader(file)]


async def test_the_shown_hosts_in_the_shown_order_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "hosts.csv"
    async with desk() as d:
        d.app.run_command("filter state:failed")
        d.app.run_command("sort host")
        await export(d, f"csv {path}")
        assert await said(d, " has 12 hosts") == f"{path} has 12 hosts"
        assert hosts_of(path) == d.app.table.shown
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        await export(d, f"json {tmp_path / 'hosts.json'}")
        await said(d, "hosts.json")
        assert [row["host"] for row in json.loads((tmp_path / "hosts.json").read_text())] == d.app.table.shown


async def test_a_file_that_is_there_is_asked_for(tmp_path: Path) -> None:
    path, victim = tmp_path / "hosts.csv", tmp_path / "victim"
    victim.write_text("kept")
    path.symlink_to(victim)
    async with desk() as d:
        for key in ("n", "escape", "enter"):
            await export(d, f"csv {path}")
            await until(lambda: isinstance(d.app.screen, Question))
            assert str(path) in d.text.replace("\n", "").replace(" ", "") or "Replace the file" in d.text
            await d.press(key)
            assert d.app.context.flash == "export: nothing was written"
            assert path.is_symlink()
        await export(d, f"csv {path}")
        await until(lambda: isinstance(d.app.screen, Question))
        await d.press("y")
        await said(d, " has 60 hosts")
    assert hosts_of(path)[0]
    assert not path.is_symlink()
    assert victim.read_text() == "kept"
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == ["hosts.csv", "victim"]


async def test_without_a_file_each_export_has_a_name_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with desk() as d:
        for ending in (".csv", "-2.csv", "-3.csv"):
            await export(d, "csv")
            await said(d, f"{ending} has 60 hosts")
    assert len(list(tmp_path.glob("exports/*.csv"))) == 3


async def test_who_only_watches_exports_too(tmp_path: Path) -> None:
    async with desk() as d:
        d.app.read_only = "replay of r1"
        await export(d, f"csv {tmp_path / 'hosts.csv'}")
        await said(d, " has 60 hosts")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "give the format, csv or json"),
        ("xls", "give the format, csv or json"),
        ("csv /", "/ is a directory"),
        ("csv /proc/no/such.csv", "/proc/no/such.csv was not written: "),
        ("csv ~nosuchuser/x.csv", "~nosuchuser/x.csv cannot be written: "),
    ],
)
async def test_what_cannot_be_exported_is_said(words: str, says: str) -> None:
    async with desk() as d:
        await export(d, words)
        await said(d, says)
        d.app.run_command("filter no-such-host")
        await export(d, "csv")
        await said(d, "export: no host is shown, nothing was written")


def test_a_file_is_whole_or_not_there_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(FileExistsError):
        write_private(path, "new")
    assert path.read_text() == "old"
    with pytest.raises(TypeError):
        write_private(path, 5, replace=True)  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["a"]
    write_private(path, "a\r\n\udcff", replace=True)
    assert path.read_bytes() == b"a\r\n?"


async def test_a_screenshot_makes_its_files_beside_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    by: list[str] = []
    dumps = json.dumps
    monkeypatch.setattr(
        json, "dumps", lambda *given, **named: by.append(threading.current_thread().name) or dumps(*given, **named)
    )
    async with desk() as d:
        await d.press("S")
        await said(d, "saved")
        assert by and threading.main_thread().name not in by
