"""Each command offers the options that it uses; they may stand before it, too; without a command the start screen takes two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from quads_tui.cli.main import cli
from quads_tui.runtime.options import Options

SHOWN = {
    "rehearse": {"headless", "plain", "as_json", "state_dir"},
    "run": {"site", "headless", "plain", "as_json", "yes", "state_dir"},
    "resume": {"site", "headless", "plain", "as_json", "yes", "state_dir"},
    "plan": {"site", "as_json", "state_dir"},
    "lint": {"site", "as_json"},
    "check": {"site", "as_json", "state_dir"},
    "watch": {"headless", "plain", "as_json", "state_dir"},
    "attach": {"plain", "state_dir"},
    "rollouts": {"as_json", "state_dir"},
    "report": {"state_dir"},
    "hosts": {"site", "as_json", "state_dir"},
    "worker": {"site", "state_dir"},
}
COMMON = SHOWN["run"]


def test_each_command_offers_what_it_uses() -> None:
    found = {}
    for name, command in cli.commands.items():
        options = [option for option in command.params if isinstance(option, click.Option)]
        if shown := {option.name for option in options if not option.hidden and option.name in COMMON}:
            found[name] = shown
    assert found == SHOWN


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["report", "--yes"], "No such option.*--yes"),
        (["rollouts", "--plain"], "No such option.*--plain"),
        (["--yes", "report"], "--yes has no meaning for report"),
        (["--json", "--state-dir", "x", "attach"], "--json has no meaning for attach"),
        (["--plain", "--yes"], "--plain, --yes: give a command"),
        (["--plain", "watch", "--json"], "give only one of --plain, --headless and --json"),
    ],
)
def test_what_a_command_does_not_use_is_an_error_of_usage(words: list[str], error: str) -> None:
    with pytest.raises(click.UsageError, match=error):
        cli.main(words, standalone_mode=False)


@pytest.mark.parametrize(
    ("words", "json", "state"),
    [
        (["rollouts"], False, "environment"),
        (["--state-dir", "before", "--json", "rollouts"], True, "before"),
        (["--state-dir", "before", "rollouts", "--state-dir", "behind"], False, "behind"),
        (["rollouts", "--site", "s.yaml", "--json"], True, "environment"),
    ],
)
def test_options_may_stand_before_the_command(words: list[str], json: bool, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Options] = []
    monkeypatch.setenv("QUADS_TUI_STATE", "environment")
    monkeypatch.setattr("quads_tui.cli.history.rollouts", lambda options: given.append(options) or 0)
    with pytest.raises(SystemExit):
        cli.main(words, standalone_mode=False)
    assert [(options.json, options.state_dir) for options in given] == [(json, Path(state))]


@pytest.mark.parametrize(
    ("words", "state", "site"),
    [([], "environment", None), (["--state-dir", "d", "--site", "s.yaml"], "d", Path("s.yaml"))],
)
def test_without_a_command_the_start_screen_opens_on_the_directory_that_was_given(
    words: list[str], state: str, site: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    monkeypatch.setenv("QUADS_TUI_STATE", "environment")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("quads_tui.cli.start_screen.run_start_screen", lambda options: given.append(options) or 0)
    with pytest.raises(SystemExit):
        cli.main(words, standalone_mode=False)
    assert [(options.state_dir, options.site) for options in given] == [(Path(state), site)]


def test_with_a_database_the_start_screen_shows_its_rollouts(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("quads_tui.cli.cluster_start.run_cluster_start_screen", lambda *words: given.append(words) or 0)
    with pytest.raises(SystemExit):
        cli.main(["--cluster", "service=lab", "--site", "s.yaml"], standalone_mode=False)
    assert [(cluster, options.site) for cluster, options in given] == [("service=lab", Path("s.yaml"))]
    with pytest.raises(click.UsageError, match="--cluster: write it behind rollouts"):
        cli.main(["--cluster", "service=lab", "rollouts"], standalone_mode=False)
