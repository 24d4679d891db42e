"""What the screen remembers: it comes back, nothing in the file can stop the program, and two consoles lose nothing of each other's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from quads_tui.console.app import Console
from quads_tui.console.settings import MOST_FILTERS, SavedFilter, Settings
from quads_tui.render.host_row import Column
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.view import RolloutView

from .desk import Desk, desk
from .feed import Clock, Recorder, meters, rollout


def reopened(path: Path) -> Settings:
    return Settings(path)


def test_what_is_set_comes_back_from_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "state" / "console.json"  # the directory is made, too
    settings = Settings(path)
    settings.remember(theme="light", muted=True)
    settings.remember(sort="time", columns=(Column.MODEL, Column.NOTE))
    settings.save_filter("mine", SavedFilter("stage:install", sort="time", reversed=True))
    settings.save_filter("old", SavedFilter("x"))
    settings.save_filter("old", None)
    settings.settled()
    again = reopened(path)
    assert (again.theme, again.muted, again.sort, again.columns) == ("light", True, "time", (Column.MODEL, Column.NOTE))
    assert again.filters == {"mine": SavedFilter("stage:install", sort="time", reversed=True)}
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in path.parent.iterdir()) == ["console.json", "console.json.lock"]


HOSTILE = [
    b"",
    b"{",
    b"[" * 60_000,
    b"[]",
    b"null",
    b"\xff\xfe",
    b'{"theme": "' + b"x" * 70_000 + b'"}',
]
WRONG = {
    "theme": [1, "no such", None, ["dark"], {"a": 1}],
    "symbols": ["emoji", 3],
    "muted": ["yes", 1],
    "sort": ["name", [], {"x": []}],
    "columns": ["model", [["model"]], [1, None, "no"], {"model": 1}],
    "filters": [[], {"a b": {"words": "x"}}, {"x": {"words": 3}}, {"x": None}, {"../x": {"words": "a"}}],
}


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_a_damaged_file_is_ignored_with_a_message_and_kept_beside_the_new_one(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    path.write_bytes(content)
    settings = Settings(path)
    assert "console.json is ignored: it is" in settings.problem
    assert settings.theme == ""
    settings.remember(theme="light")
    settings.settled()
    assert reopened(path).theme == "light"
    assert (tmp_path / "console.json.damaged").read_bytes() == content


@pytest.mark.parametrize("member", WRONG)
def test_a_member_that_is_wrong_counts_as_not_set_and_the_others_hold(member: str, tmp_path: Path) -> None:
    path, nothing = tmp_path / "console.json", Settings()
    for value in WRONG[member]:
        path.write_text(json.dumps({"theme": "light", "sort": "time", "of a newer version": 1, member: value}))
        settings = Settings(path)
        assert not settings.problem
        assert getattr(settings, member) == getattr(nothing, member)
        assert member == "theme" or settings.theme == "light"
        settings.remember(muted=True)
        settings.settled()
        assert json.loads(path.read_text())["of a newer version"] == 1


def test_text_in_the_file_is_cleaned(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    path.write_text(json.dumps({"filters": {"x": {"words": "\x1b]52;c;aGk=\x07" + "y" * 5000}}}))
    words = Settings(path).filters["x"].words
    assert words.isprintable()
    assert len(words) <= 200
    path.write_text(json.dumps({"filters": {f"f{n}": {"words": "x"} for n in range(1000)}}))
    assert len(Settings(path).filters) == MOST_FILTERS


def test_what_is_no_file_of_ours_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"theme": "light"}')
    link, pipe, folder = tmp_path / "link.json", tmp_path / "pipe.json", tmp_path / "folder.json"
    link.symlink_to(other)
    os.mkfifo(pipe)
    folder.mkdir()
    for path in (link, pipe, folder):
        settings = Settings(path)
        assert settings.problem
        assert settings.theme == ""
    settings = Settings(link)
    settings.remember(theme="mono")
    settings.settled()
    assert other.read_text() == '{"theme": "light"}', "what the link points to is untouched"


def test_a_directory_that_cannot_be_written_is_said_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings(tmp_path / "file" / "console.json")
    settings.problem = ""
    settings.remember(theme="light")
    settings.settled()
    assert settings.theme == "light"
    assert settings.problem.startswith("settings cannot be saved: ")


def test_consoles_at_once_lose_nothing_of_each_others(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    code = (
        "import sys; from pathlib import Path; from quads_tui.console.settings import SavedFilter, Settings\n"
        "settings = Settings(Path(sys.argv[1])); sys.stdin.read()\n"
        "for n in range(8): settings.save_filter(f'{sys.argv[2]}{n}', SavedFilter('x')); settings.settled(60)\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(path), name], stdin=subprocess.PIPE, cwd=Path.cwd()) for name in "abc"
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.close()  # all of them begin
    assert [process.wait(120) for process in started] == [0, 0, 0]
    assert sorted(reopened(path).filters) == [f"{name}{n}" for name in "abc" for n in range(8)]


def console(path: Path) -> Console:
    view = RolloutView(rollout=rollout(60), meters=meters(), clock=Clock())
    return Console(view, Recorder(), settings=Settings(path), frozen=True)


async def test_the_next_console_looks_as_the_last_one_was_left(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    app = console(path)
    async with app.run_test(size=(120, 40)):
        for words in ("theme light", "symbols block", "mute", "sort time", "reverse-sort", "columns model,note"):
            app.run_command(words)
        app.settings.settled()
    app = console(path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert (app.palette, app.context.symbols.name, app.settings.muted) == ("light", "block", True)
        assert "by time reversed" in app._main.state()
        heading = app.table.render_line(0).text
        assert heading.split() == ["HOST", "MODEL", "NOTE"]
        app.run_command("columns")
        assert app.table.render_line(0).text.split() == [
            "HOST",
            "STAGE",
            "(1",
            "to",
            "5)",
            "STATE",
            "IN",
            "STAGE",
            "ATTEMPT",
            "NOTE",
        ]
        app.run_command("columns model,nmae")
        assert app.context.flash.startswith("unknown column 'nmae'; choose from cloud, model, stage,")


async def test_the_environment_comes_before_what_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "console.json"
    path.write_text('{"theme": "light", "symbols": "block"}')
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "linux")
    app = console(path)
    assert (app.palette, app.context.symbols.name) == ("mono", "ascii")


async def filtered(d: Desk, *keys: str) -> None:
    await d.press("slash", *keys, "enter")


async def test_filters_are_saved_used_listed_and_deleted() -> None:
    async with desk() as d:
        for words in (
            "filter state:failed",
            "sort host",
            "save broken",
            "sort attention",
            "filter x",
            "save x",
            "filter @broken",
        ):
            d.app.run_command(words)
        await d.pilot.pause()
        assert {d.model.hosts[name].status for name in d.app.table.shown} == {HostStatus.FAILED}
        assert "by host" in d.app._main.state()
        d.app.run_command("save")
        assert d.app.context.flash.startswith("saved filters: broken, x (")
        await filtered(d, "@", "x")
        assert "filter 'x'" in d.app._main.state()
        d.app.run_command("forget broken")
        d.app.run_command("filter @broken")
        assert d.app.context.flash == "no filter is saved as 'broken'; saved filters: x"
        assert "filter 'x'" in d.app._main.state(), "and nothing else has changed"
        d.app.run_command("save ../x")
        assert d.app.context.flash.startswith("a filter has a name of")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("stagge:install", "there is no field stagge: (did you mean stage:?)"),
        ("qqq:install", "there is no field qqq: (fields are name, model, rack,"),
        (
            "fan[",
            "'fan[' is a broken regular expression: unterminated character set at character 4; it is searched for as plain text",
        ),
        ("*fan", "broken regular expression: nothing to repeat at character 1;"),
    ],
)
async def test_a_filter_that_is_not_taken_as_it_was_meant_says_why_while_typing_and_after(words: str, problem: str) -> None:
    async with desk() as d:
        await d.press("slash", *words)
        assert problem in d.app._main.state()
        assert problem[:40] in d.text
        await d.press("enter")
        assert problem in d.app._main.state()
        await d.press("escape")
        assert problem not in d.app._main.state()


async def test_a_filter_that_no_host_matches_says_so_and_names_the_nearest() -> None:
    async with desk() as d:
        name = d.model.hosts[d.app.table.cursor].short
        typo = f"{name[:5]}x{name[6:]}"
        await d.press("slash", *typo)
        assert f"0 of 60 hosts match: no host has '{typo}'" in d.text
        assert f"nearest name: {name}" in d.text
        await d.press("enter", "escape", "slash", *"stage:insta", "space", *"cause:refsued")
        assert "0 of 60 hosts match: of those that match the earlier words, none has 'cause:refsued'" in d.text
        assert "nearest cause: refused" in d.text
        await d.press("escape", "slash", *"!h")
        assert "0 of 60 hosts match" in d.text
        assert "esc shows all hosts" in d.text
