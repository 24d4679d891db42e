"""Makes rehearsal.gif: a whole rehearsal with failures in a terminal of 120x40, in half a minute.

python screenshots/make_gif.py [--hosts 700] [--seed 1] [--speed 30]

A real process on a real pty; what it writes goes through pyte, and pillow draws the cells (both are packages of the tests). The
rehearsal is shortened: it gives as many frames as fit, evenly. What an operator reads (map, graphs, a group of failures, its
retry with the question, the end) stands longer.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyte
from PIL import Image, ImageColor, ImageDraw, ImageFont

HERE = Path(__file__).parent
COLUMNS, LINES = 120, 40
CELL = (8, 16)  # pixels
SHORT = 0.22  # seconds of a frame of the shortened rehearsal
_FONTS = {bold: ImageFont.truetype(name, 13) for bold, name in ((False, "DejaVuSansMono.ttf"), (True, "DejaVuSansMono-Bold.ttf"))}
_COLOURS = 128
_PATIENCE = 1500.0  # seconds
_GROUND, _INK = "#14161b", "#c9ced6"
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))  # column and row of each bit of a braille letter

Cell = tuple[str, str, str, bool]  # letter, ink, ground, bold


@dataclass(frozen=True, slots=True)
class Frame:
    """`held`: seconds."""

    cells: tuple[tuple[Cell, ...], ...]
    held: float


class Recorder:
    def __init__(self, words: list[str]) -> None:
        self.frames: list[Frame] = []
        self.too_slow = False  # the rehearsal said that the machine does not keep up with it
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self._screen)
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self._process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=environment)
        os.close(slave)

    def read(self, seconds: float) -> None:
        """What the process writes in this time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and self._process.poll() is None:
            if select.select([self._master], [], [], left)[0]:
                self._stream.feed(os.read(self._master, 1 << 16))

    @property
    def text(self) -> str:
        return "\n".join(self._screen.display)

    def count(self, word: str) -> int:
        """A number in the line of counts or in the second line of the screen; 0 where it is not shown."""
        found = re.search(rf"\b{word} ([\d,]+)|([\d,]+) {word}\b", "\n".join(self._screen.display[:5]))
        return int((found[1] or found[2]).replace(",", "")) if found else 0

    def lapse(self, until: Callable[[], bool], frames: int) -> None:
        """The time until something is so in at most so many frames, evenly; RuntimeError when it never is."""
        first, end = len(self.frames), time.monotonic() + _PATIENCE
        while not until():
            self.read(1.0)
            self.take(SHORT)
            self.too_slow = self.too_slow or "TOO SLOW" in self.text
            if time.monotonic() > end or self._process.poll() is not None:
                raise RuntimeError(f"not reached after {_PATIENCE:.0f} s; the screen:\n{self.text}")
        taken = self.frames[first:]
        self.frames[first:] = [taken[number * len(taken) // frames] for number in range(frames)] if len(taken) > frames else taken

    def hold(self, seconds: float) -> None:
        """The screen as it is after a moment, for so long."""
        self.read(1.5)
        self.take(seconds)

    def take(self, held: float) -> None:
        self.frames.append(Frame(tuple(tuple(map(_cell, map(row.__getitem__, range(COLUMNS)))) for row in self._rows()), held))

    def _rows(self) -> list[dict[int, pyte.screens.Char]]:
        return [self._screen.buffer[line] for line in range(LINES)]

    def press(self, keys: str) -> None:
        for key in keys:
            self.read(0.4)  # what comes in one piece would be a paste
            os.write(self._master, key.encode())
        self.read(0.6)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(60)
        os.close(self._master)


def _cell(char: pyte.screens.Char) -> Cell:
    ink, ground = _colour(char.fg, _INK), _colour(char.bg, _GROUND)
    return (char.data or " ", *((ground, ink) if char.reverse else (ink, ground)), char.bold)


def _colour(name: str, default: str) -> str:
    return default if name == "default" else f"#{name}" if re.fullmatch("[0-9a-f]{6}", name) else name


def record(recorder: Recorder, hosts: int) -> None:
    """What an operator does in the course of a rehearsal."""
    recorder.lapse(lambda: recorder.count("done") >= hosts * 0.08, 22)
    recorder.press("M")
    recorder.hold(2.0)
    recorder.lapse(lambda: recorder.count("failed") >= hosts * 0.02, 10)
    recorder.hold(1.0)
    recorder.press("\x1b")
    recorder.lapse(lambda: recorder.count("done") >= hosts * 0.45, 16)
    recorder.press("v")
    recorder.hold(3.0)
    recorder.press("\x1b")
    recorder.press("F")
    recorder.hold(2.5)
    recorder.press("r")
    recorder.hold(3.5)
    asked = re.search(r"Type (\d+) to confirm", recorder.text)
    recorder.press(f"{asked[1]}\r" if asked else "y")
    recorder.hold(1.5)
    recorder.press("\x1b")
    recorder.lapse(lambda: recorder.count("done") >= hosts * 0.93, 26)
    recorder.lapse(lambda: "No host can continue" in recorder.text or "Ended" in recorder.text, 8)
    recorder.hold(2.0)
    recorder.press("v")
    recorder.hold(3.0)
    recorder.press("\x1b")
    recorder.hold(3.0)


def merged(frames: list[Frame]) -> list[Frame]:
    """Equal neighbours are one."""
    found: list[Frame] = []
    for frame in frames:
        if found and found[-1].cells == frame.cells:
            found[-1] = Frame(frame.cells, found[-1].held + frame.held)
        else:
            found.append(frame)
    return found


def picture(frame: Frame) -> Image.Image:
    width, height = CELL
    image = Image.new("RGB", (COLUMNS * width, LINES * height), _GROUND)
    draw = ImageDraw.Draw(image)
    for row, cells in enumerate(frame.cells):
        for column, (letter, ink, ground, bold) in enumerate(cells):
            left, top = column * width, row * height
            if ground != _GROUND:
                draw.rectangle((left, top, left + width - 1, top + height - 1), ground)
            _draw(draw, letter, left, top, ink, bold)
    return image


def _draw(draw: ImageDraw.ImageDraw, letter: str, left: int, top: int, ink: str, bold: bool) -> None:
    """Blocks, braille and lines fill their cells, whatever the font does."""
    width, height = CELL
    if letter in _EIGHTHS:
        if letter != " ":
            draw.rectangle((left, top + height - 2 * _EIGHTHS.index(letter), left + width - 1, top + height - 1), ink)
    elif "\u2800" <= letter <= "\u28ff":
        for bit, (column, row) in enumerate(_DOTS):
            if ord(letter) - 0x2800 >> bit & 1:
                x, y = left + 1 + 4 * column, top + 1 + 4 * row
                draw.rectangle((x, y, x + 1, y + 1), ink)
    elif letter in "─━":
        draw.rectangle((left, top + 8, left + width - 1, top + 8 + (letter == "━")), ink)
    elif letter == "│":
        draw.rectangle((left + 4, top, left + 4, top + height - 1), ink)
    else:
        draw.text((left, top + 12), letter, ink, _FONTS[bold], anchor="ls")


def write(frames: list[Frame], path: Path) -> None:
    """All frames have one palette, so that what stays the same costs nothing."""
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in _palette(frames) for part in colour])
    first, *rest = [picture(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    times = [round(1000 * frame.held) for frame in frames]
    first.save(path, save_all=True, append_images=rest, duration=times, loop=0, optimize=True, disposal=1)


def _palette(frames: list[Frame]) -> list[tuple[int, int, int]]:
    """The colours of the cells, then those of the edges of letters: half way from the most frequent inks to their grounds."""
    pairs = Counter((ink, ground) for frame in frames for row in frame.cells for _, ink, ground, _ in row)
    colours = dict.fromkeys(_rgb(name) for pair, _ in pairs.most_common() for name in pair)
    for share in (0.5, 0.75, 0.25):
        for (ink, ground), _ in pairs.most_common(40):
            red, green, blue = (
                round(one * share + other * (1 - share)) for one, other in zip(_rgb(ink), _rgb(ground), strict=True)
            )
            colours[red, green, blue] = None
    return list(colours)[:_COLOURS]


def _rgb(name: str) -> tuple[int, int, int]:
    red, green, blue = ImageColor.getrgb(name)[:3]
    return red, green, blue


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=700)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=30.0)
    parser.add_argument("--to", type=Path, default=HERE / "rehearsal.gif")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as state:
        words = [sys.executable, "-m", "quads_tui", "rehearse", "--state-dir", state, "--hosts", str(options.hosts)]
        recorder = Recorder([*words, "--seed", str(options.seed), "--speed", str(options.speed), "--faults", "realistic"])
        try:
            record(recorder, options.hosts)
        finally:
            recorder.close()
    frames = merged(recorder.frames)
    write(frames, options.to)
    size = options.to.stat().st_size / 1e6
    if recorder.too_slow:
        print("the machine was too slow for this speed, and the film shows it: record it again on an idle one", file=sys.stderr)
    print(f"{options.to.name}: {len(frames)} frames, {sum(frame.held for frame in frames):.0f} s, {size:.2f} MB")


if __name__ == "__main__":
    main()
