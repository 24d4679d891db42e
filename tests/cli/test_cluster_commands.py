"""Commands of a cluster that cannot begin: what they say, and their exit status."""

from __future__ import annotations

import sys
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
        (["run", "a.yaml", "--location", "pod2"], "--location needs --cluster"),
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


@pytest.fixture
def without_psycopg(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*sys.modules]:
        if name.partition(".")[0] == "psycopg" or name.startswith("quads_tui.journal.cluster."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)


@pytest.mark.parametrize(
    "words",
    [
        ["run", "a.yaml", "--cluster", NOBODY, "--yes"],
        ["worker", "--cluster", NOBODY],
        ["rollouts", "--cluster", NOBODY],
        ["watch", "r1", "--cluster", NOBODY],
        ["report", "r1", "--cluster", NOBODY],
        ["resume", "r1", "--cluster", NOBODY],
        ["cluster", "init", "--cluster", NOBODY],
        ["cluster", "export", "r1", "--cluster", NOBODY],
        ["run", "a.yaml", "--headless", "--yes"],  # by foreman.write_queue
        ["check"],
    ],
)
@pytest.mark.usefixtures("without_psycopg")
def test_without_the_extra_they_say_what_to_install(
    words: list[str], site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    host = "{name: a01.example.com, bmc: 'https://127.0.0.1:1'}"
    Path("a.yaml").write_text(f"cloud: cloud02\nos: RHEL 9.4\nptable: p\nmedium: m\nhosts: [{host}]\n")
    Path(site).write_text(SITE.replace("foreman: {", f"foreman: {{write_queue: {{dsn: '{NOBODY}'}}, "))
    status, output = run("--site", site, "--state-dir", "state", *words)
    assert status == (3 if words == ["check"] else 2), output
    assert "--cluster and foreman.write_queue need the package psycopg, which is not installed" in output
    assert "pip install '.[cluster]'" in output
    assert "correct foreman.write_queue.dsn" not in output


def test_a_check_adds_nothing_general_to_what_says_what_to_do(site: str, tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    Path(site).write_text(SITE.replace("foreman: {", f"foreman: {{write_queue: {{dsn: '{NOBODY}'}}, "))
    status, output = run("--site", site, "--state-dir", str(tmp_path / "state"), "check")
    assert (status, "check that PostgreSQL runs there, and the host and port of the DSN" in output) == (3, True)
    assert "accepts this user (pg_hba.conf)" not in output


def test_a_file_of_the_home_directory_is_found_from_every_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell does not replace the ~ in {file:~/queue.dsn}."""
    pytest.importorskip("psycopg")
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "queue.dsn"
    file.write_text(f"{NOBODY}\n")
    file.chmod(0o600)
    status, output = run("rollouts", "--cluster", "{file:~/queue.dsn}")
    assert (status, "nothing accepts connections at 127.0.0.1, port 1" in output) == (3, True)
