"""The command line completes what its commands accept, and is as quick with 10,000 hosts."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from quads_tui.console.app import FRAME
from quads_tui.console.command_line import CommandLine
from quads_tui.console.completion import Candidate, Completer, paths
from quads_tui.console.key_actions import COMMANDS, KeyAction
from quads_tui.console.line_panel import LinePanel
from quads_tui.console.settings import SavedFilter
from quads_tui.console.view_context import ViewContext
from quads_tui.rollout.events import HostChanged
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import HostStatus, Kind, Stage
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.view import RolloutView
from tests.waiting import until

from .desk import desk
from .feed import NOW, Clock, meters, rollout


def completer(model: Rollout, *more: KeyAction) -> Completer:
    context = ViewContext(RolloutView(rollout=model, meters=meters(), clock=Clock()), lambda: 0.0)
    context.settings.save_filter("mine", SavedFilter("stage:install"))
    context.settings.save_filter("broken", SavedFilter("state:failed"))
    return Completer(context, [*COMMANDS, *more])


@pytest.mark.parametrize(
    ("line", "start", "found"),
    [
        ("the", 0, ["theme "]),
        ("pau", 0, ["pause", "pause-writes"]),
        ("theme l", 6, ["light"]),
        ("theme ", 6, ["dark", "light", "ansi", "ansi-light", "mono"]),
        ("symbols b", 8, ["braille", "block"]),
        ("sort ti", 5, ["time"]),
        ("columns model,no", 14, ["note"]),
        ("columns model,m", 14, []),
        ("forget ", 7, ["broken", "mine"]),
        ("save m", 5, ["mine"]),
        ("filter @", 7, ["@broken", "@mine"]),
        ("filter sta", 7, ["state:", "stage:"]),
        ("filter stage:ins", 13, ["install"]),
        ("filter state:failed !stage:p", 27, ["power_off", "pxe_set", "power_on"]),
        ("filter cause:", 13, ["foreman", "install-failed", "refused", "unreachable"]),
        ("filter model:R", 13, ["R650"]),
        ("filter rack:f0", 12, ["f00", "f01"]),
        ("filter cloud:", 13, ["cloud02"]),
        ("filter safety:arm", 14, ["armed"]),
        ("filter name:f01-h0", 12, "names"),
        ("filter F01-H0", 7, "names"),
        ("skip broken", 5, ["broken fan", "broken disk"]),
        ("skip s", 5, ["skipped by the operator"]),
        ("retry x", 6, []),
        ("nonsense x", 9, []),
    ],
)
def test_candidates(line: str, start: int, found: list[str] | str) -> None:
    model = rollout(60)
    names = list(model.hosts)
    for name, reason in zip(names, ("broken fan", "broken disk", "broken fan"), strict=False):
        model.apply(HostChanged(NOW, name, HostStatus.SKIPPED, Stage.POWER_OFF, None, reason))
    expected = (
        sorted(host.short for host in model.hosts.values() if host.short.startswith("f01-h0")) if found == "names" else found
    )
    made = completer(model).of(line)
    assert [candidate.text for candidate in made.found] == expected
    assert made.start == start or not expected


def test_hosts_of_a_large_rollout_are_offered_by_the_parts_of_their_names() -> None:
    hosts = completer(rollout(700))
    assert [candidate.text for candidate in hosts.of("filter f0").found[:2]] == ["f00-", "f01-"]
    assert hosts.of("filter f0").found[0].note == "40 hosts"
    assert len(hosts.of("filter f00-").found) == 40


def test_with_ten_thousand_hosts_no_key_takes_longer_than_a_frame() -> None:
    hosts = tuple(
        HostPlan(f"r{n // 40:03}-h{n % 40:02}-000-r650.example.com", f"https://127.0.0.1:{n}", "R650") for n in range(10_000)
    )
    many = completer(Rollout("r", Plan((Goal("cloud02", Kind.BUILD),), hosts)))
    for line in (
        "filter r",
        "filter r1",
        "filter r100-",
        "filter !rack:r",
        "filter name:r2",
        "skip x",
        "filter model:",
        "filter cause:",
    ):
        began = time.thread_time()
        many.of(line)
        assert time.thread_time() - began < FRAME, line


def test_paths(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("")
    (tmp_path / "other").mkdir()
    (tmp_path / ".hidden").write_text("")
    (tmp_path / "bad\x1bname").write_text("")
    assert [candidate.text for candidate in paths(f"{tmp_path}/")] == [f"{tmp_path}/one.csv", f"{tmp_path}/other/"]
    assert paths(f"{tmp_path}/.h") == [Candidate(f"{tmp_path}/.hidden")]
    for nothing in (f"{tmp_path}/none/x", f"{tmp_path}/one.csv/x", "\0", "~nobody-of-this-name/x"):
        assert not paths(nothing)
    file = KeyAction("load", "", "", "loads a file", argument="FILE")
    made = completer(rollout(1), file).of(f"load {tmp_path}/o")
    assert (made.start, made.path) == (5, True)


async def test_tab_completes_as_far_as_it_is_clear_and_then_goes_round() -> None:
    async with desk() as d:
        await d.press("colon", *"theme a", "tab")
        line = d.app.screen
        assert isinstance(line, CommandLine)
        field = d.app.focused
        assert field is not None
        assert field.value == "theme ansi"
        values = []
        for key in ("tab", "tab", "tab", "shift+tab"):
            await d.press(key)
            values.append(field.value)
        assert values == ["theme ansi", "theme ansi-light", "theme ansi", "theme ansi-light"]
        assert "▌ ansi-light" in "\n".join(line.query_one(LinePanel).text)
        await d.press("enter")
        assert d.app.palette == "ansi-light"
        await d.press("colon", *"fil", "tab")
        assert d.app.focused.value == "filter "
        await d.press("escape")
        assert not d.control.orders


async def test_tab_completes_the_words_of_a_filter() -> None:
    async with desk() as d:
        d.app.settings.save_filter("mine", SavedFilter("stage:install"))
        await d.press("slash", *"state:fai", "tab", "space", *"!sta", "tab")
        assert d.app.focused.value == "state:failed !sta"
        assert d.app.context.flash == "state:  stage:"
        await d.press("escape", "slash", "@", "tab", "enter")
        assert "filter 'stage:install'" in d.app._main.state()
        await d.press("escape", "slash", "~", "tab")
        assert d.app.context.flash == "no completion"
        await d.press("escape", "tab", "j")
        assert not d.control.orders


async def test_paths_are_read_beside_the_loop_and_those_of_an_older_line_are_dropped(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("")
    async with desk() as d:
        file = KeyAction("load", "", "", "loads a file", argument="FILE")
        app = d.app
        line = CommandLine([], Completer(app.context, [file]), app.context.symbols)
        app.push_screen(line)
        await d.pilot.pause()
        field = line.query_one("Field")
        field.value = f"load {tmp_path}/"
        await until(lambda: any("one.csv" in row for row in line.query_one(LinePanel).text))
        field.value = "load x"
        await until(lambda: not line.query_one(LinePanel).text)
