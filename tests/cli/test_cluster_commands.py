"""Commands of a cluster that cannot begin: what they say, and their exit status."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from quads_tui.cli.main import cli

NOBODY = "postgresql://quads@127.0.0.1:1/quads"
SITE = """
foreman: {url: "https://foreman.example.com", username: u, password: {env: QUADS_TUI_TEST_SECRET}}
redfish: {username: u, password: {env: QUADS_TUI_TEST_SECRET}}
"""


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, [*words])
    return done.exit_code, done.output


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("QUADS_TUI_TEST_SECRET", "geheim")
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    return str(path)


def test_a_worker_without_its_database_is_refused(site: str) -> None:
    pytest.importorskip("psycopg")
    status, output = run("worker", "--cluster", NOBODY, "--site", site)
    assert status == 3
    assert "refused: the database of the cluster (127.0.0.1, database quads) cannot be used" in output


def test_a_password_on_the_command_line_is_refused(site: str) -> None:
    status, output = run("worker", "--cluster", "postgresql://quads:geheim4711@127.0.0.1/quads", "--site", site)
    assert status == 2
    assert "geheim4711" not in output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "a.yaml", "--cluster", NOBODY, "--at", "schedule"], "--at cannot be combined with --cluster"),
        (["resume", "--cluster", NOBODY], "--cluster needs the ROLLOUT"),
        (["resume", "r1", "--cluster", NOBODY, "--until", "none"], "cannot be combined with --until"),
        (["worker"], "Missing option '--cluster'"),
        (["worker", "--cluster", NOBODY, "--lease", "0"], "--lease"),
    ],
)
def test_what_makes_no_sense_is_said(words: list[str], said: str) -> None:
    status, output = run(*words)
    assert status == 2
    assert said in output
