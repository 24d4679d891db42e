"""What a terminal sends, as keys and pastes, in virtual time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quads_tui.console.keyboard import HOLD, KEPT, LOST, RUN, SILENCE, Keyboard, Pasted, Unit
from tests.effort import tries

CHAT = b"hey, can you retry f21-h17-000-r650.example.com and skip the Rest?\ny\nshutdown -r now\nPs. Hold on\n12\ny\n"


def told(*parts: bytes, gap: float = 0.001) -> list[Unit]:
    """What comes of these reads, one `gap` after the other, and of the silence behind them."""
    keyboard = Keyboard()
    units: list[Unit] = []
    for number, part in enumerate(parts):
        units += keyboard.tick(number * gap)
        units += keyboard.feed(part, number * gap)
    for _ in range(3):  # a key that waits, and a sequence without its end
        units += keyboard.tick(len(parts) * gap + 2 * LOST)
    return units


def whole(data: bytes) -> list[Unit]:
    return [Pasted(data.decode(), len(data))]


def test_f2_text_without_marks_is_a_paste_in_one_read_in_two_and_letter_by_letter() -> None:
    assert told(CHAT) == whole(CHAT)
    assert told(CHAT[:30], CHAT[30:]) == whole(CHAT)
    assert told(*(CHAT[place : place + 1] for place in range(len(CHAT))), gap=0.012) == whole(CHAT)  # xdotool, a remote console


def test_f2_the_last_letter_of_a_paste_that_came_late_is_no_key() -> None:
    assert told(b"retry now", b"y", gap=3 * HOLD) == [*whole(b"retry now"), Pasted("y", 1)]


def test_f2_a_paste_that_a_busy_machine_reads_late_is_a_paste() -> None:
    keyboard = Keyboard()
    units = [unit for number, byte in enumerate(CHAT) for unit in keyboard.feed(bytes([byte]), 60.0 * number)]
    assert units == []  # nobody looked in between, so there may have been no silence
    last = 60.0 * (len(CHAT) - 1)
    assert keyboard.tick(last + 2 * HOLD) == whole(CHAT)
    keyboard.feed(b"y", last + 100)
    assert keyboard.tick(last + 102) == [Pasted("y", 1)]


def test_f2_what_hands_do_stays_keys() -> None:
    assert told(b"r", b"y", gap=0.06) == ["r", "y"]  # a quick operator
    assert told(b"y\r") == ["y", "\r"]  # two fingers
    assert told(b"jjkk\r") == list("jjkk\r")  # moving, over a slow line
    assert told(b"p" * RUN) == ["p"] * RUN  # held down
    assert told(b"\x1b[B\x1b[B\x1b[6~k") == ["\x1b[B", "\x1b[B", "\x1b[6~", "k"]
    assert told(b"\x1b") == ["\x1b"]
    assert told(b"\x1b\x1b[A") == ["\x1b", "\x1b[A"]
    assert told(b"\x1b[114;;114u") == ["\x1b[114;;114u"]  # r, of a terminal with the kitty protocol
    assert told(b"\x1b[114;;114u\x1b[121;;121u\x1b[13u") == [Pasted("ry\r", 3)]


@pytest.mark.parametrize("shape", ["\x1b[{}u", "\x1b[{};1u", "\x1b[{};129u", "\x1b[{};;{}u", "\x1b[27;1;{}~"])
def test_f2_keys_that_act_are_counted_as_such_however_the_terminal_spells_them(shape: str) -> None:
    spelled = [shape.format(ord(char), ord(char)) for char in "pry"]
    assert told("".join(spelled).encode()) == [Pasted("pry", 3)]
    assert told(spelled[0].encode()) == spelled[:1]
    assert told((spelled[0] * 9).encode()) == spelled[:1] * 9  # held down


def test_f2_keys_with_ctrl_or_alt_act_and_those_that_only_move_do_not() -> None:
    assert told(b"\x1b[112;5u\x1b[113;5u\x1b[114;5u") == [Pasted("", 3)]
    assert told(b"\x1bp\x1bq\x1br") == [Pasted("", 3)]
    assert told(b"\x1b[112~\x1b[113~\x1b[114~") == [Pasted("", 3)]  # textual takes them for p, q and r
    assert told(b"\x1b[57400u\x1b[57401u\x1b[57402u") == [Pasted("", 3)]  # digits of the keypad
    moves = ["\x1b[1;2B", "\x1bOA", "\x1b[Z", "\x1b[5;2~", "\x1b[27u", "\x1b[13u", "\x1b[57419u", "\x1b[15~"]
    assert told("".join(moves).encode()) == moves


def test_f2_keys_that_move_are_never_held_back_and_the_others_for_a_moment() -> None:
    keyboard = Keyboard()
    for key in (b"j", b"\x1b[B", b"\x1b[6~", b"G", b"\r"):
        assert keyboard.feed(key, 1.0) == [key.decode()]
    assert keyboard.feed(b"r", 2.0) == []
    assert keyboard.tick(2.0 + HOLD) == ["r"]


@pytest.mark.parametrize("cut", range(1, 20))
def test_f2_marks_are_found_wherever_the_read_ends(cut: int) -> None:
    data = b"\x1b[200~y\x1b[31m\ny\x1b[201~r"
    assert told(data[:cut], data[cut:]) == [Pasted("y\x1b[31m\ny", 8), "r"]


def test_f2_a_paste_whose_closing_mark_is_lost_ends_in_silence() -> None:
    assert told(b"\x1b[200~retry", b"r", gap=1.1 * LOST) == [Pasted("retry", 5), "r"]


def test_f2_a_paste_that_stalls_is_a_paste_until_its_closing_mark() -> None:
    assert told(b"\x1b[200~abc", b"y\x1b[201~", b"r", gap=1.5 * SILENCE) == [Pasted("abc", 3), Pasted("y", 1), "r"]
    assert told(b"\x1b[200~abc", b"y\x1b[20", b"1~r", gap=0.9 * LOST) == [Pasted("abc", 3), Pasted("y", 1), "r"]
    assert told(b"\x1b[200~abc", b"y\x1b[201~", b"r", gap=1.1 * LOST) == [Pasted("abc", 3), Pasted("y", 1), "r"]
    assert told(b"j\x1b[201~r") == [Pasted("j", 1), "r"]


def test_f3_ten_times_the_bytes_cost_about_ten_times_as_much_and_are_kept_to_a_bound() -> None:
    for piece in (b"x", b"\x1b", b"ab\x1b[31m\x1bz", b"\x1b]", b"\x1b[0", b"\x1b[200~"):
        spent = []
        for size in (10_000, 100_000):
            data = piece * (size // len(piece))
            best = 9.9
            for _ in range(2):
                keyboard, began = Keyboard(), time.thread_time()
                units = [unit for at in range(0, size, 4096) for unit in keyboard.feed(data[at : at + 4096], 0.0)]
                best = min(best, time.thread_time() - began)
            units += keyboard.tick(9.0)
            assert all(len(unit.text if isinstance(unit, Pasted) else unit) <= KEPT for unit in units)
            spent.append(best)
        assert spent[1] < 30 * spent[0] + 0.01, piece


def test_f4_half_a_character_waits_for_its_other_half() -> None:
    assert told(b"\xc3", b"\xa9", gap=0.7) == ["é"]
    assert told(b"\xe2\x82", b"", b"\xac", gap=0.7) == ["€"]


@pytest.mark.parametrize("garbage", [b"\xff", b"\x80\x80", b"\x1b[", b"\x1b[12;", b"\x1b]0;title", b"\x1bP", b"\xed\xa0\x80"])
def test_f4_garbage_is_dropped_and_the_next_key_is_heard(garbage: bytes) -> None:
    assert told(garbage, b"r", gap=3 * SILENCE) == ["r"]
    assert told(garbage, b"\x1b", gap=3 * HOLD) == ["\x1b"]


@pytest.mark.parametrize(
    "answer",
    [b"\x1bP>|tmux 3.4\x1b\\", b"\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\", b"\x1b]11;rgb:1e1e/1e1e/1e1e\x07", b"\x1b_Gi=31;OK\x1b\\"]
    + [b"\x1b[?64;1;2;6;9;15;16;17;18;21;22;28;29c"],  # what it can do: longer than textual takes as one
)
def test_f4_an_answer_of_the_terminal_is_no_keys_alone_in_pieces_and_beside_keys(answer: bytes) -> None:
    assert told(answer) == []
    assert told(*(answer[at : at + 1] for at in range(len(answer)))) == []
    assert told(b"r" + answer, b"y", gap=3 * HOLD) == ["r", "y"]


@given(
    st.sampled_from("]PX^_"),
    st.text(st.characters(codec="utf-8", exclude_characters="\x07\x1b"), max_size=80),
    st.sampled_from(["\x07", "\x1b\\"]),
)
@settings(max_examples=tries(70, 200), deadline=None)
def test_f4_no_control_string_reaches_the_screen_whatever_it_holds(kind: str, body: str, end: str) -> None:
    assert told(f"\x1b{kind}{body}{end}".encode()) == []


@given(st.lists(st.binary(max_size=60), max_size=12), st.floats(0.0001, 0.5))
@settings(max_examples=tries(150, 300), deadline=None)
def test_f4_whatever_bytes_come_every_unit_is_whole(reads: list[bytes], gap: float) -> None:
    for unit in told(*reads, gap=gap):
        assert isinstance(unit, Pasted) or len(unit) == 1 or unit.startswith("\x1b")
