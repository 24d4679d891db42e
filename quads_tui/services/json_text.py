"""JSON as servers send it: read as far as its structure holds, and what a repair touched stays recognisable.

A bad byte in an asset tag must not make a machine unusable, and a bad byte in a UUID must not make it another machine. So
reading never fails over the inside of a text or a number, and never invents one: a byte that cannot be decoded becomes U+FFFD, a
control character stays where it was (`is_damaged` finds both), and a value that is no JSON value, or is missing, becomes DAMAGED,
which has the wrong type for everybody. A comma too many at the end of an object counts for nothing; at the end of a list it is a
DAMAGED entry, since one may be missing there. Brackets, quotes, colons and commas that are missing are not guessed. All of it in
linear time.
"""

from __future__ import annotations

import codecs
import json
import json.scanner
import re
from collections.abc import Callable
from enum import Enum
from typing import Any

from quads_tui.rollout.text import clean

MAX_DEPTH = 100  # of nesting; Foreman and Redfish stay below 20
_MOST_DIGITS = 1_000  # of an integer: what is longer is not worth its reading
LOST = "\ufffd"  # stands for what could not be decoded
_NO_TEXT = "".join(map(chr, range(0x21))) + "\x7f\xa0\ufeff" + LOST  # what may stand around a document and mean nothing
_BLANKS = {ord(sign): " " for sign in _NO_TEXT}
_MOST_REPAIRS = 100_000  # quotes and backslashes of a body that is repaired: 30 ms of work
_MOST_RESTRUCTURED = 100_000  # characters of a body in which commas and values are repaired: 40 ms of work
_DAMAGE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd]")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_TEXT = re.compile(r'("(?:[^"\\]+|\\.)*"?)|[^"]+', re.S)
_ESCAPE = re.compile(  # its group: one that means a character
    r"""\\(?:(["\\/bfnrt]|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})"""
    r"""|u[dD][89a-fA-F][0-9a-fA-F]{2})?"""
)
_LOOSE = re.compile(  # a comma before the end of an object, or of a list; a colon without a value; or a word that is none
    r"""(?<![\[{,])(?:(,)(?= *})|(,)(?= *\]))|(:)(?= *[,}\]])|(?<![^ ,:{}\[\]])"""
    r"""(?!(?:true|false|null|NaN|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![^ ,:{}\[\]]))[^ ,:{}\[\]]+"""
)
_MARKS = (  # UTF-32 first: its mark begins like that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Damaged(Enum):
    """Stands for what is no JSON value: NaN, an infinity, a number without end, a member that is told twice and differently."""

    VALUE = "not readable"

    def __str__(self) -> str:
        return self.value


DAMAGED = Damaged.VALUE


def is_damaged(text: str) -> bool:
    """Whether a text holds what no name, id, state or number holds: a byte that was lost, or a control character."""
    return _DAMAGE.search(text) is not None


def parse(body: bytes, *, first: bool = False, yielding: bool = False) -> Any:
    """The document as JSON types, with DAMAGED for what is none. Raises ValueError: in clean words, what the body is instead.

    What stands behind the document is ignored, unless another document begins there: nobody knows which one holds. `first`: then
    too. `yielding`: for a thread of its own; ten times slower, and other threads run beside it.
    """
    if not body.strip(b" \t\r\n\0"):
        raise ValueError("an empty body")
    text = _decoded(body).lstrip(_NO_TEXT)
    if text[:1] == "<":
        raise ValueError("an HTML page" if "html" in text[:2000].lower() else "an XML document")
    decode = _YIELDING.raw_decode if yielding else _decode
    if _SURROGATE.search(text):
        text = _repaired(text)
    try:
        try:
            document, end = decode(text)
        except json.JSONDecodeError:
            text = _repaired(text)
            try:
                document, end = decode(text)
            except json.JSONDecodeError:
                document, end = decode(_restructured(text))
        if text.count("{") + text.count("[") > MAX_DEPTH:  # else nothing in it can be nested as deep
            _bound_depth(document)
        behind = text[end:].lstrip(" \t\r\n")
        if not isinstance(document, dict | list) and (behind.strip(_NO_TEXT) or document is DAMAGED):
            raise ValueError(f"broken JSON: no document in {len(text)} characters")
        # Firmware ends a text with a NUL: what stands behind one is what an older answer left in the buffer.
        if behind[:1] in ("{", "[") and not first:
            raise ValueError("more than one JSON document in one answer")
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None
    except json.JSONDecodeError as error:
        words = clean(error.msg.removesuffix(" at"), 60)
        raise ValueError(f"broken JSON: {words} at character {error.pos} of {len(text)}") from None
    return document


def _decode(text: str) -> tuple[Any, int]:
    try:
        return _FAST.raw_decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return _CAREFUL.raw_decode(text)


def _decoded(body: bytes) -> str:
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body.decode(encoding, "replace")
    if body.count(0) > len(body) // 3:
        if body[:2] in (b"{\0", b"[\0"):
            return body.decode("utf-16-le", "replace")
        if body[:2] in (b"\0{", b"\0["):
            return body.decode("utf-16-be", "replace")
    return body.decode("utf-8-sig", "replace")


def _repaired(text: str) -> str:
    """Escapes that are none, and halves of characters, as a lost character; nothing but JSON between the texts."""
    if text.count('"') + text.count("\\") > _MOST_REPAIRS:
        return text
    return _TEXT.sub(lambda found: _ESCAPE.sub(_escape, found[0]) if found[1] else found[0].translate(_BLANKS), text)


def _restructured(text: str) -> str:
    """Of a repaired text: without commas that nothing follows, and with NaN where a value is none."""
    if len(text) > _MOST_RESTRUCTURED:
        return text
    return _TEXT.sub(lambda found: found[0] if found[1] else _LOOSE.sub(_loose, found[0]), text)


def _loose(found: re.Match[str]) -> str:
    return "" if found[1] else ",NaN" if found[2] else ":NaN" if found[3] else "NaN"


def _escape(found: re.Match[str]) -> str:
    return found[0] if found[1] else LOST


def _bound_depth(document: Any) -> None:
    """What is nested deeper would end comparisons and copies of it later, wherever they happen."""
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            value
            for nest in level
            if isinstance(nest, dict | list)
            for value in (nest.values() if isinstance(nest, dict) else nest)
            if isinstance(value, dict | list)
        ]
        if not level:
            return
    raise RecursionError


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        told: dict[str, Any] = {}
        for name, value in pairs:
            if name in told and (type(told[name]) is not type(value) or told[name] != value):
                found[name] = DAMAGED
            told[name] = value
    return found


def _integer(digits: str) -> object:
    return int(digits) if len(digits) <= _MOST_DIGITS else DAMAGED


def _fraction(digits: str) -> object:
    number = float(digits) if len(digits) <= 400 else float("inf")
    return number if abs(number) != float("inf") else DAMAGED


def _decoder(parse_int: Callable[[str], object] | None) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_object, parse_int=parse_int, parse_float=_fraction, parse_constant=lambda _: DAMAGED, strict=False
    )


_FAST = _decoder(None)  # integers are read in C, which refuses those of more than 4,300 digits
_CAREFUL = _decoder(_integer)
_YIELDING = _decoder(_integer)
_YIELDING.scan_once = json.scanner.py_make_scanner(_YIELDING)  # type: ignore[attr-defined]
