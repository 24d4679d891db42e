"""Villain BMCs among good ones, and the real program over them: on a pty, in lines, and as JSON."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import signal
import struct
import termios
from collections.abc import Callable
from pathlib import Path

from quads_tui.rollout.text import _RANGES
from tests.waiting import until

from .lab import VillainLab, villain_lab, within_bounds
from .server import BIG_KINDS, KINDS, SLOW_KINDS

QUICK = [kind for kind in KINDS if kind not in SLOW_KINDS]
WORDS = [kind for kind in QUICK if kind not in BIG_KINDS and re.search("poison|repeats|status|redirect|http-|wrong|string", kind)]
# What the console itself draws with: cursor, colours, modes, questions, the kitty protocol, the mouse's
# pointer and the bell.
OURS = re.compile(
    rb"\x1b\[[0-9;]*[HmJKABCD]|\x1b\[\?[0-9;]*[hl]|\x1b\[[<>=][0-9;]*[uqm]|\x1b\[\?[0-9;]*\$p|\x1b\[[0-9;]*[ct]|\x1b[78=>]|\x1b\]22;default\x07|\x07"
)


def foreign(data: bytes) -> list[str]:
    """Every character of a terminal's input that steers it, or hides, beyond what the console draws with."""
    text = OURS.sub(b"", data).decode("utf-8", "backslashreplace")
    poison = {chr(code) for first, last in _RANGES for code in range(first, last + 1)} - {"\n", "\r"}
    return [ascii(text[max(0, at - 30) : at + 30]) for at, letter in enumerate(text) if letter in poison]


def others_are_done(world: VillainLab, done: set[str]) -> None:
    hosts = world.lab.counts()["hosts"]
    assert done >= set(hosts) - set(world.villains), "a good host was not rolled out"
    assert all(host["wipes"] <= 1 for host in hosts.values()), "a host was wiped twice"
    assert world.collector.heard == [], "something went to where a villain pointed"


async def test_villain_bmcs_cost_nobody_else_anything(tmp_path: Path) -> None:
    async with villain_lab(tmp_path, hosts=24, bmcs=20, kinds=QUICK, seed=1, share=0.25) as world:
        ran = await world.run("run", world.assignment, "--json", "--yes")
        assert ran.status in (0, 1), ran.err
        ran.bounded()
        lines = [json.loads(line) for line in ran.out.splitlines()]
        finished = {
            line["host"]
            for line in lines
            if line["event"] == "stage" and (line["stage"], line["status"]) == ("install", "finished")
        }
        others_are_done(world, finished)
        assert len(world.tricks) > len(QUICK) / 2, "too few kinds were tried"


class Pty:
    """The program on a terminal of its own; what it draws is kept, and not believed."""

    def __init__(self, command: list[str]) -> None:
        self.master, self._slave = os.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
        self.output = bytearray()
        self._command = command

    async def __aenter__(self) -> Pty:
        asyncio.get_running_loop().add_reader(self.master, self._read)
        self.process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "TERM": "xterm-256color"},
        )
        os.close(self._slave)
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self.master)
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        os.close(self.master)

    def _read(self) -> None:
        try:
            self.output += os.read(self.master, 65536)
        except OSError:  # nobody has it open any more
            asyncio.get_running_loop().remove_reader(self.master)

    @property
    def words(self) -> str:
        """What was drawn, in the order in which it was."""
        return OURS.sub(b"", bytes(self.output)).decode("utf-8", "replace")

    async def end(self) -> int:
        await asyncio.wait_for(self.process.wait(), 240)
        assert self.process.returncode is not None
        return self.process.returncode


async def on_a_terminal(directory: Path, words: tuple[str, ...], shift: Callable[[Pty, VillainLab], object]) -> None:
    """A rollout with a shift of keys; at its end nothing foreign has reached the terminal, although villains' words have."""
    async with villain_lab(directory, hosts=12, bmcs=9, kinds=WORDS, seed=3, share=0.3) as world:
        figures = world.lab.directory / "figures.json"
        async with Pty(world.command("run", world.assignment, "--yes", *words, figures=figures)) as terminal:
            await shift(terminal, world)  # type: ignore[misc]
            status = await terminal.end()
        assert status in (0, 1, 143), terminal.words[-3000:]
        assert "Traceback" not in terminal.words, terminal.words[-3000:]
        assert foreign(bytes(terminal.output)) == []
        assert "villain" in terminal.words, "no word of a villain's was shown: the test proves nothing"
        others_are_done(world, {name for name, host in world.lab.counts()["hosts"].items() if host["built"]})
        within_bounds(json.loads(figures.read_text()))


async def built(world: VillainLab) -> None:
    good = set(world.lab.counts()["hosts"]) - set(world.villains)

    def all_of_them() -> bool:
        hosts = world.lab.counts()["hosts"]
        return all(hosts[name]["built"] for name in good)

    await until(all_of_them)


async def test_villain_bmcs_draw_nothing_of_their_own_on_the_screen(tmp_path: Path) -> None:
    async def shift(terminal: Pty, world: VillainLab) -> None:
        await until(lambda: "HOST" in terminal.words)
        keys = [b"m", b"\x1b", b"F", b"\x1b", b"\r", b"\x1b", b"j"] * 3  # messages, causes, a host in full, the next one
        await until(lambda: "HOST" in terminal.words)
        terminal.process.send_signal(signal.SIGUSR1)  # that the screen came up is no villain's doing
        await built(world)
        for key in keys:
            drawn = len(terminal.output)
            os.write(terminal.master, key)
            await until(lambda drawn=drawn: len(terminal.output) > drawn)
        terminal.process.terminate()

    await on_a_terminal(tmp_path, (), shift)


async def test_villain_bmcs_print_nothing_of_their_own_in_plain_lines(tmp_path: Path) -> None:
    async def shift(terminal: Pty, world: VillainLab) -> None:
        await until(lambda: "Type status" in terminal.words)
        await built(world)
        for line in [*(f"show {name}" for name in world.villains), "failed", "status", "leave"]:
            drawn = len(terminal.output)
            os.write(terminal.master, f"{line}\n".encode())
            # Its echo is no answer, and several lines at once would be a paste.
            await until(
                lambda drawn=drawn, line=line: (
                    len(terminal.output) > drawn + len(line) + 2 or terminal.process.returncode is not None
                )
            )

    await on_a_terminal(tmp_path, ("--plain",), shift)


def test_the_search_finds_what_is_foreign() -> None:
    for data in (b"\x1b]52;c;QUJD\x07", b"a\xc2\x9b31m", "a\u202eb".encode(), b"\x1b[5n", b"\x1bP+q\x1b\\", b"a\tb"):
        assert foreign(b"\x1b[1;31mred\x1b[0m\x1b[?25h\r\n" + data), data
    assert foreign(b"\x1b[1;31mred\x1b[0m\x1b[?25h\r\n\xe2\x94\x80") == []
