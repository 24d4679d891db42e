"""A real tmux: its paste buffer, and programs in panes and windows of it that no shell and no format has touched."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from quads_tui.services.tmux import TmuxFailed, in_tmux, load_buffer, open_pane
from tests.waiting import until

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Server:
    def __init__(self, directory: Path) -> None:
        self._tmux = ["tmux", "-S", str(directory / "tmux"), "-f", "/dev/null"]
        self.ask("new-session", "-d", "-x", "80", "-y", "50", "sleep 600")
        self.pane = self.ask("display-message", "-p", "#{pane_id}").strip()
        self.variable = self.ask("display-message", "-p", "#{socket_path},#{pid},0").strip()

    def ask(self, *words: str) -> str:
        return subprocess.run([*self._tmux, *words], capture_output=True, text=True, check=True).stdout

    def end(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server(tmp_path)
    monkeypatch.setenv("TMUX", made.variable)
    monkeypatch.setenv("TMUX_PANE", made.pane)
    yield made
    made.end()


@pytest.mark.parametrize("text", ["a\nb", "#{pane_id} #(id) $(id) ;id 'x' \"y\"", "-w", "ä█", "x" * 300_000], ids=len)
async def test_a_text_comes_out_of_the_buffer_as_it_was(server: Server, text: str) -> None:
    assert in_tmux()
    await load_buffer(text)
    assert server.ask("show-buffer") == text


async def test_a_pane_opens_beside_the_screen_and_a_window_in_its_session(server: Server, tmp_path: Path) -> None:
    code = "import sys; open(sys.argv[1], 'w').write(repr(sys.argv[2:])); sys.stdin.read()"
    server.ask("new-window", "-n", "other", "sleep 600")  # somebody looks at another one
    hostile = [";id", "$(id)", "a b", "'\"", "#{pane_id}", "#(touch x)", "`id`", "-x"]
    for number, beside in enumerate((24, 0, 50)):
        path = tmp_path / f"argv{number}"
        await open_pane([sys.executable, "-c", code, str(path), *hostile, "end"], "ssh", beside=beside)
        await until(lambda path=path: path.exists() and path.read_text().endswith("]"))
        assert path.read_text() == repr([*hostile, "end"])
    panes = server.ask("list-panes", "-s", "-F", "#{window_index}#{window_name} #{pane_id}").splitlines()
    assert sorted(pane.split()[0].lstrip("0123456789") for pane in panes[2:]) == ["other", "ssh", "ssh"], (
        "the last found no room for a pane"
    )
    assert panes[0].split()[0] == panes[1].split()[0]
    assert panes[0].endswith(server.pane)
    assert server.ask("display-message", "-p", "-t", server.pane, "#{pane_height}").strip() == "29"


async def test_a_server_that_has_gone_is_said(server: Server) -> None:
    server.end()
    with pytest.raises(TmuxFailed):
        await load_buffer("x")
    with pytest.raises(TmuxFailed):
        await open_pane(["sleep", "1"], "x")


def test_without_the_variable_or_the_program_there_is_no_tmux() -> None:
    assert not in_tmux({"PATH": "/usr/bin:/bin"})
    assert not in_tmux({"TMUX": "/tmp/x,1,0", "PATH": "/nowhere"})
