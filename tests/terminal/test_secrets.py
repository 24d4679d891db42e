"""F7: careless servers repeat passwords, Basic headers, tokens and cookies; nothing that leaves the program has them."""

from __future__ import annotations

import base64
import html
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from quads_tui.console.dialogs import DEBOUNCE
from tests.e2e.conftest import Lab, emulated
from tests.forks import PROGRAM as PARENT
from tests.waiting import wait_for

from .pty_terminal import Terminal

PLANTED = "planted-in-the-environment"
PROGRAM = "tests.terminal.secrets_program"


def site_of(lab: Lab) -> Path:
    """The lab's, with a password command, a hook and an on_event command, each of which writes down what it is given."""
    site = yaml.safe_load(lab.site.read_text())
    for name in ("foreman", "hook", "event"):
        script = lab.directory / f"{name}-command"
        answer = f"cat {lab.directory}/foreman.password" if name == "foreman" else "true"
        script.write_text(f"#!/bin/sh\n(env; tr '\\0' ' ' < /proc/$$/cmdline) >> {lab.directory}/given-{name}\n{answer}\n")
        script.chmod(0o700)
    site["foreman"]["password"] = {"command": [str(lab.directory / "foreman-command")]}
    site["redfish"]["password"] = {"env": "BMC_PASSWORD"}
    site["hooks"] = [{"name": "h", "before": "power_off", "run": [str(lab.directory / "hook-command")]}]
    site["on_event"] = {"run": [str(lab.directory / "event-command")]}
    path = lab.directory / "edited-site.yaml"
    path.write_text(yaml.safe_dump(site, width=10_000))
    return path


@contextmanager
def careless_lab(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    with emulated(directory, hosts=4, speed=300) as lab:
        hosts = sorted(lab.counts()["hosts"])
        lab.ask("foreman", {"repeats_secrets": True})
        lab.ask("bmcs", {"repeats_secrets": hosts[:1]})
        monkeypatch.setenv("BMC_PASSWORD", (lab.directory / "bmc.password").read_text())
        monkeypatch.setenv("QUADS_PASSWORD", PLANTED)
        yield lab


def rolled_out(lab: Lab, site: Path, masking: str) -> dict[str, bytes]:
    """Everything that leaves the program: by the screen, and headless."""
    common = ["--site", str(site), "--state-dir", str(lab.state)]
    terminal = Terminal(PROGRAM, masking, "run", str(lab.assignment), "--yes", *common, width=200, height=50, parent=PARENT)
    try:

        def ended() -> bool:
            terminal.read()
            assert terminal.process.poll() is None, terminal.output[-2000:]
            given = lab.directory / "given-event"
            return given.exists() and "QUADS_TUI_EVENT=finished" in given.read_text()

        wait_for(ended)
        time.sleep(2 * DEBOUNCE)
        os.write(terminal.master, b"S")

        def shot() -> bool:
            terminal.read()
            return any(path.stat().st_size for path in lab.state.glob("rollouts/*/shots/*.json"))

        wait_for(shot)
        for key in (b"\r", b"\x1b", b"q"):
            os.write(terminal.master, key)
            for _ in range(10):
                terminal.read(0.05)
        terminal.end()
        out = {"screen": terminal.output}
    finally:
        terminal.close()
    (rollout,) = [path.name for path in (lab.state / "rollouts").iterdir()]
    commands = {
        "json": ["resume", rollout, "--failed", "--json", "--yes", *common],
        **{f"report {kind}": ["report", rollout, "--format", kind, *common] for kind in ("md", "html", "json")},
        "check": ["check", *common],
    }
    several = Terminal(PROGRAM, masking, "several", json.dumps(list(commands.values())), width=200, height=50, parent=PARENT)
    try:
        several.end()
        out |= zip(commands, several.output.split(b"\f"), strict=False)
    finally:
        several.close()
    for path in lab.state.rglob("*"):
        if path.is_file():
            out[str(path.relative_to(lab.state))] = path.read_bytes()
    for path in lab.directory.glob("given-*"):
        out[path.name] = path.read_bytes()
    return out


def found(lab: Lab, out: dict[str, bytes]) -> dict[str, set[str]]:
    """Where secrets of the lab are; they are read from the servers that heard them."""
    heard = {*lab.ask("secrets"), PLANTED}
    passwords = {(lab.directory / f"{name}.password").read_text() for name in ("foreman", "bmc")}
    assert passwords < heard
    assert len(heard) >= len(passwords) + 1 + 2 + 4  # what was planted, two logins, and a token of each BMC or a cookie
    forms = {way for one in heard for way in (one, quote(one, safe=""), html.escape(one), json.dumps(one)[1:-1])}
    forms |= {base64.b64encode(one.encode()).decode() for one in heard}
    return {name: {form for form in forms if form.encode() in data} for name, data in out.items()}


def test_f7_what_servers_repeat_is_in_nothing_that_leaves_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with careless_lab(tmp_path / "lab", monkeypatch) as lab:
        out = rolled_out(lab, site_of(lab), "masked")
        assert {name: sorted(forms) for name, forms in found(lab, out).items() if forms} == {}
        for name in ("screen", "json", "report md", "report html", "report json", "check", "given-event"):
            assert b"****" in out[name].replace(b"\\", b""), name
        assert {name for name in out if name.startswith("given-")} == {"given-foreman", "given-hook", "given-event"}
        assert {Path(name).suffix for name in out if "/shots/" in name} == {".svg", ".txt", ".json"}


def test_f7_the_search_finds_them_where_nothing_is_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with careless_lab(tmp_path / "lab", monkeypatch) as lab:
        where = {name for name, forms in found(lab, rolled_out(lab, site_of(lab), "unmasked")).items() if forms}
        assert where >= {"screen", "json", "report md", "report html", "report json", "given-event", "check"}
        assert any(name.endswith("journal.db") for name in where)
        assert {Path(name).suffix for name in where if "/shots/" in name} >= {".svg", ".txt", ".json"}
