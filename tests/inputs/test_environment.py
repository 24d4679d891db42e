"""The programs that this one starts get what they need of its environment, and no password."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from quads_tui.inputs import SecretSource, resolve_secret
from quads_tui.inputs.environment import Child, child_environment

GIVEN = {
    "PATH": "/bin",
    "HOME": "/home/me",
    "LC_TIME": "C",
    "XDG_RUNTIME_DIR": "/run/user/1",
    "TERM": "xterm",
    "SSH_AUTH_SOCK": "/run/agent",
    "GPG_TTY": "/dev/pts/1",
    "PASSWORD_STORE_DIR": "/home/me/store",
    "PYTHONPATH": "/src",
    "QUADS_TUI_STATE": "/state",
    "QUADS_TUI_OTHER_PASSWORD": "secret-of-another-site",
    "FOREMAN_PASSWORD": "planted-password",
    "AWS_SECRET_ACCESS_KEY": "planted-key",
}
ALL = {"PATH", "HOME", "LC_TIME", "XDG_RUNTIME_DIR", "TERM"}


@pytest.mark.parametrize(
    ("child", "more"),
    [
        (Child.COMMAND, {"QUADS_TUI_STATE"}),
        (Child.PASSWORD, {"SSH_AUTH_SOCK", "GPG_TTY", "PASSWORD_STORE_DIR"}),
        (Child.EMULATORS, {"QUADS_TUI_STATE", "PYTHONPATH"}),
    ],
)
def test_f7_a_program_gets_what_it_needs(child: Child, more: set[str]) -> None:
    assert set(child_environment(child, GIVEN)) == ALL | more


def test_f7_what_the_site_names_as_a_password_is_withheld_whatever_its_name(tmp_path: Path) -> None:
    SecretSource("env", tmp_path / "site.yaml", 1, "foreman.password", variable="LC_SITE_PASSWORD")
    for child in Child:
        assert "LC_SITE_PASSWORD" not in child_environment(child, {"LC_SITE_PASSWORD": "planted", **GIVEN})


def source(tmp_path: Path, *command: str) -> SecretSource:
    return SecretSource("command", tmp_path / "site.yaml", 1, "foreman.password", command=command)


def test_f7_a_password_command_does_not_get_the_other_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BMC_PASSWORD", "planted-password")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    names = resolve_secret(source(tmp_path, sys.executable, "-c", "import os; print(*os.environ)")).reveal().split()
    assert "SSH_AUTH_SOCK" in names
    assert "BMC_PASSWORD" not in names


def test_f9_a_password_command_has_ended_when_it_ends_whoever_holds_its_output(tmp_path: Path) -> None:
    child = tmp_path / "child"
    program = f"""
import subprocess, sys
left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(child)!r}, "w").write(str(left.pid))
print("a-password")
"""
    assert resolve_secret(source(tmp_path, sys.executable, "-c", program)).reveal() == "a-password"
    pid = int(child.read_text())
    while Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)  # its group was ended, or the test ends with its timeout
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)
