"""A copied text reaches tmux, else the terminal, else a file; the message says which."""

from __future__ import annotations

from pathlib import Path

import pytest

from quads_tui.console.copies import OSC_52_LIMIT, takes_osc_52
from quads_tui.services.tmux import TmuxFailed
from tests.waiting import until

from .desk import Desk, desk


@pytest.mark.parametrize(
    ("environ", "size", "takes"),
    [
        ({"TERM": "xterm-256color"}, 10, True),
        ({"TERM": "alacritty"}, OSC_52_LIMIT, True),
        ({"TERM": "xterm-256color"}, OSC_52_LIMIT + 1, False),
        ({"TERM": "linux"}, 10, False),
        ({"TERM": "dumb"}, 10, False),
        ({"TERM": "screen.xterm-256color"}, 10, False),
        ({"TERM": "xterm", "STY": "1.pts"}, 10, False),
        ({}, 10, False),
    ],
)
def test_which_terminals_are_given_a_text(environ: dict[str, str], size: int, takes: bool) -> None:
    assert takes_osc_52("x" * size, environ) is takes


async def copied(d: Desk, *words: str) -> None:
    await d.press("y")
    await until(lambda: all(word in d.app.context.flash for word in words))


async def test_tmux_comes_first_and_the_message_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    buffers: list[str] = []

    async def load(text: str) -> None:
        buffers.append(text)

    monkeypatch.setenv("TERM", "xterm-256color")
    async with desk() as d:
        d.app.tmux_buffer = load
        written: list[str] = []
        assert d.app._driver is not None
        monkeypatch.setattr(d.app._driver, "write", written.append)
        await copied(d, "copied the details of ", " to tmux (prefix ] pastes)")
        assert d.app.table.cursor in buffers[0]
        assert not any("\x1b]52" in text for text in written), "tmux passes it on itself"
        d.app.copy_to_clipboard("a piece of a field")
        await until(lambda: buffers[1:] == ["a piece of a field"])


async def test_without_tmux_the_terminal_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(text: str) -> None:
        raise TmuxFailed("no server running")

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("STY", raising=False)
    async with desk() as d:
        written: list[str] = []
        assert d.app._driver is not None
        monkeypatch.setattr(d.app._driver, "write", written.append)
        await copied(d, "sent the details of ", "OSC 52")
        d.app.tmux_buffer = fails
        d.app.flash("")
        await copied(d, "sent the details of ", "OSC 52")
        assert sum("\x1b]52;c;" in text for text in written) == 2


async def test_else_a_file_keeps_it_for_the_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    async with desk() as d:
        await copied(d, "not copied: this terminal has no clipboard for programs")
        d.app.copies_in = tmp_path
        await d.press("space", "space")
        await copied(d, f"copied 2 host names to the file {tmp_path / 'copies'}", "this terminal has no clipboard")
        path = next(iter(tmp_path.glob("copies/*.txt")))
        assert path.read_text().splitlines() == list(d.app.table.marks)
        assert path.stat().st_mode & 0o777 == 0o600
        d.app.copies_in = Path("/proc/nowhere")
        await copied(d, "no file can be written")
