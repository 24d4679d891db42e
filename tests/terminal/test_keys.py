"""The console on a real pty: bytes that no hand typed order nothing, end nothing, and do not hold the loop."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from quads_tui.console.field import COMMAND, FILTER

from .pty_terminal import HOST, Terminal

CHAT = b"""hey, can you retry f21-h17-000-r650.example.com and skip the Rest?
y
shutdown -r now
Ps. Hold on
12
y
"""
STILL_HELD = 0.25  # CPU seconds of the loop in one go: 5 times what is promised, beside other tests; the faults took minutes


class Keys:
    """A terminal with the console on it."""

    def __init__(self) -> None:
        self.terminal = Terminal(HOST, "console", width=120, height=40)
        self.written = 0  # bytes
        self.terminal.ask("start")
        self.until(screen="TableScreen")
        self.terminal.until(lambda stats: stats["frames"] > 5)

    def write(self, data: bytes) -> None:
        """All of it, while what is drawn is read."""
        self.written += len(data)
        os.set_blocking(self.terminal.master, False)
        while data:
            try:
                data = data[os.write(self.terminal.master, data) :]
            except BlockingIOError:
                self.terminal.read(0.01)
        os.set_blocking(self.terminal.master, True)

    def until(self, **wanted: Any) -> dict[str, Any]:
        return self.terminal.until(lambda stats: all(stats[name] == value for name, value in wanted.items()))

    def said(self, words: str) -> dict[str, Any]:
        return self.terminal.until(lambda stats: words in stats["said"])

    def settle(self) -> None:
        """Until all that was written has been read and done, and what comes next is no part of it and heard by a question."""
        self.terminal.until(lambda stats: stats["heard"] == self.written and stats["quiet"])

    def press(self, key: bytes, **wanted: Any) -> dict[str, Any]:
        self.settle()
        self.write(key)
        return self.until(**wanted)


@pytest.fixture
def keys() -> Iterator[Keys]:
    made = Keys()
    yield made
    made.terminal.close()


def test_f2_a_chat_line_pasted_without_marks_acts_on_nothing_and_is_said(keys: Keys) -> None:
    keys.write(CHAT.replace(b"\n", b"\r"))  # as tmux paste-buffer sends it
    stats = keys.said(f"{len(CHAT)} characters received at once (pasted?) were ignored")
    assert (stats["orders"], stats["screen"]) == ([], "TableScreen")
    keys.write(b"\x1b[200~" + CHAT + b"\x1b[201~?")  # and with marks; what is pressed behind it is a key
    stats = keys.until(screen="HelpScreen")
    assert stats["orders"] == []


def test_f2_a_paste_into_a_question_is_no_answer_and_keys_of_a_quick_hand_are(keys: Keys) -> None:
    keys.write(b"P")
    keys.until(screen="Question")
    keys.settle()
    keys.write(b"yes, do it\r")
    stats = keys.said("were ignored")
    assert (stats["orders"], stats["screen"]) == ([], "Question")
    assert keys.press(b"y", screen="TableScreen")["orders"] == ["Pause(what='writes', paused=True)"]


def test_f1_a_burst_of_two_keys_answers_once(keys: Keys) -> None:
    for count, burst in enumerate((b"yy", b"yn", b"y\r"), 1):
        keys.press(b"P", screen="Question")
        stats = keys.press(burst, screen="TableScreen")
        assert stats["orders"] == ["Pause(what='writes', paused=True)"] * count
        keys.press(b"?", screen="HelpScreen")  # nothing of the burst opened or ended anything
        stats = keys.press(b"\x1b", screen="TableScreen")
        assert (stats["result"], stats["stumbles"]) == ("", 0), stats["said"]


PASTES = {
    "10 kB into /": (b"/", b"x" * 10_000, FILTER),
    "10 kB of words into /": (b"/", b"retry all of it " * 625, FILTER),
    "100 kB into /": (b"/", b"abc def " * 12_500, FILTER),
    "40 kB with escapes into :": (b":", b"abc\x1b[31m\x1bz\x1b[" * 3_000, COMMAND),
    "40 kB of escapes into :": (b":", b"\x1b" * 40_000, 0),
    "40 kB between marks": (b":", b"\x1b[200~" + b"a\x1bb\x1b[31m" * 5_000 + b"\x1b[201~", COMMAND),
    "40 kB behind a mark that ends late": (b":", b"\x1b[200~" + b"a" * 40_000, COMMAND),
    "100 kB of one key that moves": (b"", b"j" * 100_000, 0),
    "mouse": (b"", b"\x1b[<35;10;10M\x1b[<0;12;9M\x1b[<0;12;9m" * 1_500, 0),
}


def test_f3_no_paste_holds_the_loop_and_a_field_takes_a_bounded_line(keys: Keys) -> None:
    for name, (field, data, limit) in PASTES.items():
        if field:
            keys.press(field, typing=True)
            keys.settle()
        keys.terminal.ask("calm")
        keys.write(data)
        if limit:
            # On a starved machine an escape in it may come so much before the rest that it is one: then the field is closed.
            ends = b"\x1b" in data and not data.startswith(b"\x1b[200~")
            stats = keys.terminal.until(
                lambda stats, ends=ends: (
                    (len(stats["field"]) > 0 and "were dropped" in stats["said"])
                    or (ends and stats["quiet"] and not stats["typing"])
                )
            )
            assert len(stats["field"]) <= limit, name
        keys.settle()
        stats = keys.terminal.ask()
        assert stats["latest"] < STILL_HELD, name
        assert (stats["orders"], stats["stumbles"], stats["result"]) == ([], 0, ""), name
        keys.write(b"\x1b[201~")  # what has begun with a mark is a paste until this comes
        keys.press(b"\x1b", screen="TableScreen")  # it listens still
        keys.press(b"?", screen="HelpScreen")
        keys.press(b"\x1b", screen="TableScreen")


def test_f4_half_a_character_and_its_other_half_are_one_letter(keys: Keys) -> None:
    keys.press(b"/", typing=True)
    keys.write(b"\xc3")
    keys.settle()
    keys.write(b"\xa9")
    keys.until(field="é")


GARBAGE = [
    b"\xff\xfe\x80\x9b",
    b"\x1b[",
    b"\x1b[12;;;\x00\x18",
    b"\x1b[99999999999999999999;5u",
    b"\x1b[1114112;;1114112u",
    b"\x1b]52;c;" + b"QUJD" * 2000,
    b"\x1bP+q544e\x1b",
    b"\x1b[<35;999999999;-5M",
    b"\x1b[M\xff\xff",
    b"\x1b[?997;1n",
    b"\xed\xa0\x80",
    b"\x00\x1a\x1c",
]


def test_f4_garbage_ends_nothing_and_orders_nothing(keys: Keys) -> None:
    for garbage in GARBAGE:
        keys.write(garbage)
        keys.settle()
        stats = keys.terminal.ask()
        assert (stats["result"], stats["orders"], stats["stumbles"]) == ("", [], 0), garbage
    keys.press(b"\x1b", screen="TableScreen")
    keys.press(b"?", screen="HelpScreen")
