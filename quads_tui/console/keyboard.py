"""Separates what a terminal sends into keys that were pressed and text that was pasted. Pure; the time is a parameter.

A paste is recognised by the marks that a terminal puts around it (bracketed paste), or else by its speed: more than FEW keys
that follow each other within HOLD seconds were not typed. So a key that acts is delayed by HOLD seconds; keys that only move
are not. Broken sequences and bytes that are no UTF-8 are dropped.
"""

from __future__ import annotations

import math
import re
from codecs import getincrementaldecoder
from dataclasses import dataclass

HOLD = 0.025  # seconds; the fastest hands leave 30 ms between two keys, a paste less than 1 ms
TAIL = 0.3  # seconds behind a paste in which a key that acts is more of it: a busy machine delivers it in pieces
ESCAPE = 0.1  # seconds after which an escape is the escape key, and not the beginning of a sequence
SILENCE = 1.0  # seconds without a byte after which an incomplete sequence is dropped, and a paste is reported so far
LOST = 30.0  # seconds without a byte after which a paste has ended without its mark: until then its rest may be on its way
KEPT = 1000  # characters of a paste that are kept; the rest is counted
FEW = 2  # keys at once that are still keys: two fingers, enter right after a digit. Actions ask anyway
RUN = 64  # keys at once that are still keys, when all are the same or all only move
_LONGEST = 4096  # characters of one control string (an answer of the terminal)
_WHOLE = 32  # characters of a sequence that textual takes as one; it would press a longer one as single keys

_START, _END = "\x1b[200~", "\x1b[201~"
_SEQUENCE = re.compile(
    r"\x1b\[M[^\x1b]{3}"  # mouse, as of old
    r"|\x1b\[[0-?]{0,60}[ -/]{0,4}[@-~]"  # CSI
    r"|\x1bO[ -~]"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC, DCS and the like: answers of the terminal
    r"|\x1b[^\[O\]PX^_\x1b]"  # alt and a key
)
_BEGUN = re.compile(r"\x1b(?:\[(?:M[^\x1b]{0,2}|[0-?]{0,60}[ -/]{0,4})|O|[\]PX^_][^\x07\x1b]*\x1b?)?")
_SILENT = re.compile(r"\x1b\[(?:M...|<.*|[IO]|\?.*|.*[cnRty])", re.S)  # mouse, focus, answers: no keys
_STRING = tuple(f"\x1b{kind}" for kind in "]PX^_")  # OSC, DCS and the like: textual asks for none, and would press them as keys
_KITTY = re.compile(r"\x1b\[(\d+)[\d:]*(?:;(\d*)[\d:]*(?:;([\d:]*))?)?u")
_MODIFIED = re.compile(r"\x1b\[27;(\d*);(\d+)~")  # xterm's modifyOtherKeys
_LOCKS_AND_SHIFT = 1 | 64 | 128  # of the modifiers; with any other a key writes nothing
MOVES = frozenset("jkgG[] \r\n\t\x7f")  # and these, without a text; what else a terminal sends is a key that acts
_MOVE = re.compile(
    r"\x1b(?:O[ -~]"
    r"|\[(?:1(?:;[\d:]{1,6})?)?[A-Za-d]"
    r"|\[(?:[12]?\d|3[0-4])(?:;[\d:]{1,6})?[~^@]"
    r"|\[(?:27|57(?:3[0-8]\d|39[0-8]|414|41[7-9]|4[2-5]\d))(?:;[\d:]{1,6})?u"
    r")?"
)  # arrows, pages, function keys, escape, the keypad but for its digits


@dataclass(frozen=True, slots=True)
class Pasted:
    """`text` is the beginning of it, `count` how many characters there were."""

    text: str
    count: int


Unit = str | Pasted  # one key or one sequence as the terminal sends it; or a paste


class Keyboard:
    def __init__(self) -> None:
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""  # the beginning of a sequence
        self._quoted: Pasted | None = None  # a paste between its marks, so far; without what was reported of it
        self._at = self._burst = -math.inf  # of the last bytes; of the last bytes of a paste without marks
        self._silent = -math.inf  # up to then the terminal is known to have sent nothing more
        self._clear()

    def _clear(self) -> None:
        """Nothing is delayed."""
        self._units: list[str] = []
        self._count = 0
        self._moves = self._same = self._few = True

    @property
    def due(self) -> float:
        """When `tick` has something to do."""
        if self._count:
            return self._at + HOLD
        if self._quoted is None and self._rest == "\x1b":
            return self._at + ESCAPE
        if self._quoted is not None:
            return self._at + (SILENCE if self._quoted.count else LOST)
        return self._at + SILENCE if self._rest else math.inf

    def feed(self, data: bytes, now: float) -> list[Unit]:
        """`data` was read at `now`; on a busy machine it arrived long before. So only `tick` ends a delay."""
        units: list[Unit] = []
        if self._quoted is None and self._silent - self._at > HOLD and data[:1] == b"\x1b" and data[:2] != b"\x1b\\":
            self._rest = ""  # what was begun will have no end
        if not self._count and self._silent - self._burst < TAIL:
            self._same = self._few = False
        self._at = now
        text = self._rest + self._decode(data).replace("\ufffd", "")
        self._rest = ""
        place = 0
        while place < len(text):
            if self._quoted is not None:
                place = self._quote(text, place, units)
            elif text[place] == "\x1b":
                place = self._sequence(text, place, units)
            else:
                end = text.find("\x1b", place)
                end = len(text) if end < 0 else end
                self._add(text[place:end])
                place = end
        if self._moves and self._count <= RUN:
            self._flush(units)
        return units

    def tick(self, now: float) -> list[Unit]:
        """What has been delayed long enough, at a time `now` up to which the terminal is known to have sent nothing more."""
        self._silent = now
        units: list[Unit] = []
        if self._count and now >= self.due:
            self._flush(units)
        if now >= self.due and self._quoted is not None and self._quoted.count:
            units.append(self._quoted)
            self._quoted = Pasted("", 0)
        if now >= self.due:
            if self._quoted is None and self._rest == "\x1b":
                units.append(self._rest)
            self._rest, self._quoted = "", None
        return units

    def _quote(self, text: str, place: int, units: list[Unit]) -> int:
        """Up to the mark that closes a paste, or up to where it may begin."""
        assert self._quoted is not None
        end = text.find(_END, place)
        closed = end >= 0
        if not closed:
            half = next((size for size in range(len(_END) - 1, 0, -1) if text.endswith(_END[:size])), 0)
            end = max(place, len(text) - half)
            self._rest = text[end:]
        before = self._quoted
        room = max(0, KEPT - len(before.text))
        self._quoted = Pasted(before.text + text[place : min(end, place + room)], before.count + end - place)
        if not closed:
            return len(text)
        if self._quoted.count:
            units.append(self._quoted)
        self._quoted = None
        return end + len(_END)

    def _sequence(self, text: str, place: int, units: list[Unit]) -> int:
        found = _SEQUENCE.match(text, place)
        if found is None:
            begun = _BEGUN.match(text, place)
            assert begun is not None
            if begun.end() == len(text) and len(begun[0]) <= _LONGEST:
                self._rest = begun[0]
                return len(text)
            if begun[0] == "\x1b":  # and another one behind it
                self._add("\x1b")
            else:
                self._broken(begun.end() - place)
            return begun.end()
        unit = found[0]
        if unit == _START:
            self._flush(units)
            self._quoted = Pasted("", 0)
        elif unit.startswith(_STRING):
            pass
        elif _SILENT.fullmatch(unit):
            if len(unit) <= _WHOLE:
                units.append(unit)
        elif len(unit) > _WHOLE:
            self._broken(len(unit))
        elif unit == _END:  # of a paste whose beginning is lost
            self._broken(0)
            self._flush(units)
        else:
            self._one(unit)
        return found.end()

    def _add(self, text: str) -> None:
        """Characters; those that are kept no more are only counted."""
        kept = text[: max(0, KEPT - len(self._units))]
        for char in kept:
            self._one(char)
        self._count += len(text) - len(kept)
        if self._count > RUN:
            self._same = self._moves = False

    def _one(self, unit: str) -> None:
        self._count += 1
        if len(self._units) >= KEPT:
            return
        self._same = self._same and self._units[-1:] in ([], [unit]) and self._count <= RUN
        text = text_of(unit)
        self._moves = self._moves and self._count <= RUN and (text in MOVES or _MOVE.fullmatch(unit) is not None)
        self._units.append(unit)

    def _broken(self, size: int) -> None:
        """What stands beside a broken sequence is no key: nobody pressed that."""
        self._count += size
        self._same = self._moves = self._few = False

    def _flush(self, units: list[Unit]) -> None:
        if not self._count:
            pass
        elif (self._few and self._count <= FEW) or self._same or self._moves:
            units += self._units
            self._burst = -math.inf
        else:
            self._burst = self._at
            units.append(Pasted("".join(map(text_of, self._units)), self._count))
        self._clear()


def text_of(unit: str) -> str:
    """The character that a key writes, enter's being \\r; empty for keys that write none."""
    if not unit.startswith("\x1b"):
        return unit
    if found := _MODIFIED.fullmatch(unit):
        (modifiers, code), text = found.groups(), ""
    elif found := _KITTY.fullmatch(unit):
        code, modifiers, text = found.groups()
    else:
        return ""
    if text:
        return "".join(chr(int(part)) for part in text.split(":") if part and int(part) <= 0x10FFFF)
    if (int(modifiers or 1) - 1) & ~_LOCKS_AND_SHIFT or int(code) > 0x10FFFF:
        return ""
    return char if (char := chr(int(code))).isprintable() or code in ("9", "13", "127") else ""
