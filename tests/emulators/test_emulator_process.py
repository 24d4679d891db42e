"""The emulators as a process: what they write, how they begin and how they end."""

from __future__ import annotations

import json
import os
import signal
import ssl
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.forks import Piped
from tests.waiting import PATIENCE


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are ended with the test, by their own pid."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def begin(started: list[subprocess.Popen[str]], folder: Path, *more: str) -> subprocess.Popen[str]:
    """Start six hosts, in a session of their own, and wait for `ready`."""
    command = [sys.executable, "-m", "quads_tui.emulators", "--hosts", "6", "--speed", "60", "--dir", str(folder), *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    started.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def get(url: str, context: ssl.SSLContext | None = None, user: tuple[str, str] | None = None) -> dict:
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    if user is not None:
        passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
        passwords.add_password(None, url, *user, is_authenticated=True)
        handlers.append(urllib.request.HTTPBasicAuthHandler(passwords))
    with urllib.request.build_opener(*handlers).open(url, timeout=PATIENCE) as response:
        return dict(json.load(response))


def test_it_writes_what_a_console_needs_and_ends_on_sigterm(started: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "ready").write_text("stale")
    (folder / "bmc.password").write_text("stale")
    process = begin(started, folder)
    assert (folder / "ready").read_bytes() == b""
    for name in ("bmc.password", "foreman.password"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600

    site = yaml.safe_load((folder / "site.yaml").read_text())
    assignment = yaml.safe_load((folder / "assignment.yaml").read_text())
    assert site["speed"] == 60
    assert site["defaults"] == {key: assignment[key] for key in ("os", "ptable", "medium")}
    assert (assignment["cloud"], assignment["ticket"], assignment["parameters"]) == ("cloud02", "3753", {"overcloud": "true"})
    assert len(assignment["hosts"]) == 6

    context = ssl.create_default_context(cafile=str(folder / site["redfish"]["tls"]["ca_file"]))
    password = (folder / site["redfish"]["password"]["file"]).read_text()
    assert password == password.strip() != "stale"
    for host in assignment["hosts"]:
        systems = get(host["bmc"] + "/redfish/v1/Systems/", context, (site["redfish"]["username"], password))
        assert systems["Members@odata.count"] == 1
    foreman = (site["foreman"]["username"], (folder / site["foreman"]["password"]["file"]).read_text())
    hosts = get(site["foreman"]["url"] + "/api/hosts?per_page=all", context, foreman)
    assert {host["name"] for host in hosts["results"]} == {host["name"] for host in assignment["hosts"]}

    counts = get(json.loads((folder / "control.json").read_text())["url"] + "/counts")
    assert counts.keys() == {"foreman", "bmc", "hosts"}
    assert counts["bmc"]["requests"] == 6
    assert counts["foreman"]["reads"] == 1

    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    assert not (folder / "ready").exists()


def test_a_new_folder_is_private_and_sigint_is_an_end_too(started: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    folder = tmp_path / "new" / "lab"
    process = begin(started, folder, "--no-tls")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    site = yaml.safe_load((folder / "site.yaml").read_text())
    assert site["foreman"]["url"].startswith("http://127.0.0.1:")
    assert "tls" not in site["foreman"]
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0


def test_a_given_fleet_is_emulated(started: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.json"
    name = "f21-h17-000-r650.example.com"
    fleet.write_text(json.dumps({"cloud": "cloud09", "os": "RHEL 9.2", "hosts": [{"name": name, "model": "R650"}]}))
    begin(started, tmp_path / "lab", "--fleet", str(fleet))
    assignment = yaml.safe_load((tmp_path / "lab" / "assignment.yaml").read_text())
    assert (assignment["cloud"], assignment["os"]) == ("cloud09", "RHEL 9.2")
    assert [host["name"] for host in assignment["hosts"]] == [name]


def test_it_ends_when_the_watched_console_is_gone(started: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    pid_file = tmp_path / "console.pid"
    console = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        pid_file.write_text(str(console.pid))
        process = begin(started, tmp_path / "lab", "--watch-pid-file", str(pid_file), "--linger", "1")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        console.kill()
        console.wait()
        assert process.wait(PATIENCE) == 0
    finally:
        if console.poll() is None:
            console.kill()
            console.wait()


def test_a_new_console_may_take_over(started: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    pid_file = tmp_path / "console.pid"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    pid_file.write_text(str(gone.pid))
    process = begin(started, tmp_path / "lab", "--watch-pid-file", str(pid_file), "--linger", "10")
    pid_file.write_text(f"{os.getpid()}\n")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(12)


@pytest.mark.parametrize(
    "wrong", [["--hosts", "0"], ["--speed", "0"], ["--faults", "apocalypse"], ["--fleet", "nowhere.json"], ["--speed", "nan"]]
)
def test_unusable_options_are_status_2_without_a_traceback(tmp_path: Path, wrong: list[str]) -> None:
    words = ["--hosts", "2", "--dir", str(tmp_path / "lab"), *wrong]
    process = Piped(words, module="quads_tui.emulators.__main__")
    _, said = process.communicate()
    assert process.returncode == 2
    assert "Traceback" not in said
    assert said.strip()
