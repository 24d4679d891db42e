"""Row commands of a rollout: what is kept of them, who may run how many, and what ends with the process."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from quads_tui.journal.catalogue import StoredRollout
from quads_tui.rollout.commands import RecordRowCommand, from_dict, to_dict
from quads_tui.rollout.row_commands import AT_ONCE, RowCommand, RunsIn, UnusableFact
from quads_tui.runtime.row_commands import LOG, SiteCommands, recorded_by, site_commands_of
from tests.console.feed import Recorder, rollout
from tests.inputs.test_on_event import BASE
from tests.waiting import until

MODEL = rollout(12)
HOST = next(iter(MODEL.hosts))
SHORT = HOST.partition(".")[0]


class Site:
    """Commands in the background, what was recorded, and how they ended."""

    def __init__(self, directory: Path, run: Sequence[str], *, controlled: bool = True, hosts: tuple[str, ...] = ()) -> None:
        self.recorded: list[RecordRowCommand] = []
        self.ended: list[str] = []
        self.command = RowCommand(key="x", name="sel", run=tuple(run), runs_in=RunsIn.BACKGROUND, hosts=hosts)
        self.commands = SiteCommands([self.command], MODEL, self.record if controlled else lambda command: False, directory)

    def record(self, command: RecordRowCommand) -> bool:
        self.recorded.append(command)
        return True

    def start(self) -> None:
        self.commands.start(self.command, HOST, self.ended.append)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code, "{host}"]


async def test_what_was_run_and_how_it_ended_is_recorded_and_its_output_kept(tmp_path: Path) -> None:
    site = Site(tmp_path, python("import sys; print('x' * 10**6); print(sys.argv[1]); sys.exit(3)"))
    site.start()
    await until(lambda: len(site.recorded) == 2)
    path = next(tmp_path.glob("commands/*-sel-*.txt"))
    assert [one.hosts for one in site.recorded] == [(HOST,)] * 2
    assert site.recorded[0].text.startswith(f"sel for {SHORT} in the background: ")
    assert site.recorded[0].text.endswith(HOST)
    assert site.recorded[1].text == f"sel for {SHORT}: {site.ended[0]}"
    assert site.ended[0] == f"exit status 3: {HOST}; output in commands/{path.name}"
    assert path.read_text().splitlines()[-1] == HOST
    assert path.stat().st_size < 10_000
    assert path.stat().st_mode & 0o777 == 0o600
    assert from_dict(to_dict(site.recorded[1])) == site.recorded[1]


async def test_without_control_it_is_kept_beside_the_journal(tmp_path: Path) -> None:
    site = Site(tmp_path, python("pass"), controlled=False)
    site.start()
    await until(lambda: site.ended and (tmp_path / LOG).read_text().count("\n") == 2)
    kept = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [one["host"] for one in kept] == [HOST, HOST]
    assert kept[1]["text"] == f"sel for {SHORT}: exit status 0"
    assert "@" in kept[0]["who"]
    assert (tmp_path / LOG).stat().st_mode & 0o777 == 0o600


async def test_a_directory_that_takes_nothing_stops_no_command() -> None:
    site = Site(Path("/proc/nowhere"), python("print(1)"), controlled=False)
    site.start()
    await until(lambda: site.ended)
    assert site.ended[0] == "exit status 0; its output could not be kept: No such file or directory"


async def test_places_are_counted_and_given_back(tmp_path: Path) -> None:
    site = Site(tmp_path, python("import time; time.sleep(600)"))
    assert site.commands.free == AT_ONCE
    site.start()
    site.start()
    assert site.commands.free == AT_ONCE - 2
    await until(lambda: len(site.recorded) == 2)
    for task in site.commands._tasks:
        task.cancel()
    await until(lambda: site.commands.free == AT_ONCE)
    assert [one.text for one in site.recorded][2:] == [f"sel for {SHORT}: ended with quads-tui"] * 2


async def test_what_ends_after_the_rollout_is_kept_beside_its_journal(tmp_path: Path) -> None:
    """The engine takes no command any more, and would have lost it."""
    site = Site(tmp_path, python("import time; time.sleep(600)"))
    site.start()
    await until(lambda: len(site.recorded) == 1)
    site.commands._rollout.ended_at = 1.0
    for task in site.commands._tasks:
        task.cancel()
    await until(lambda: site.commands.free == AT_ONCE)
    assert len(site.recorded) == 1
    assert json.loads((tmp_path / LOG).read_text())["text"] == f"sel for {SHORT}: ended with quads-tui"


def test_what_runs_in_the_background_ends_with_the_process_and_its_loop_is_not_held_up(tmp_path: Path) -> None:
    """Also a child of it, and one that ignores the signals of a terminal."""
    path = tmp_path / "pid"
    code = f"import os, signal, time; signal.signal(1, signal.SIG_IGN); open({str(path)!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    async def work() -> None:
        Site(tmp_path, python(code)).start()
        await until(lambda: path.exists() and path.read_text())

    asyncio.run(work())
    with pytest.raises(ProcessLookupError):
        os.kill(int(path.read_text()), 0)


async def test_which_hosts_it_is_for_and_what_is_not_known(tmp_path: Path) -> None:
    site = Site(tmp_path, ["ssh", "{mac}"], hosts=(f"{HOST[:7]}*",))
    assert site.commands.is_for(site.command, HOST)
    assert not site.commands.is_for(site.command, "z99.example.com")
    with pytest.raises(UnusableFact, match="is not known"):
        site.start()
    assert not site.recorded


async def test_without_tmux_the_screen_is_left_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path, ["ssh"])
    pane = RowCommand(key="p", name="p", run=("ssh",), runs_in=RunsIn.WINDOW)
    monkeypatch.delenv("TMUX", raising=False)
    assert site.commands.runs_in(pane) is RunsIn.SCREEN
    assert site.commands.runs_in(site.command) is RunsIn.BACKGROUND


async def test_what_an_attached_console_ran_is_in_the_journal_only_while_it_has_control() -> None:
    control, lost = Recorder(), False
    record = recorded_by(control, lambda: lost)
    command = RecordRowCommand((HOST,), "ssh")
    assert record(command)
    lost = True
    assert not record(command)
    assert control.orders == [command]


async def test_a_rollout_whose_site_file_has_gone_is_shown_without_its_commands(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    stored = StoredRollout("r1", tmp_path, {"site": str(site)})
    assert await site_commands_of(stored, MODEL) is None
    site.write_text(BASE + 'commands: [{key: x, name: ssh, run: [ssh, "{host}"]}]')
    found = await site_commands_of(stored, MODEL)
    assert found is not None
    assert [command.name for command in found.commands] == ["ssh"]
