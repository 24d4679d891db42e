"""Text from outside is poison: it is cleaned once, where it enters, and never drawn as markup afterwards."""

from __future__ import annotations

import unicodedata

from .scrub import SECRETS

# Unicode's control, format, surrogate and line-separator characters (Cc, Cf, Cs, Zl, Zp): they steer terminals, or make one name
# look like another. Listed, since asking unicodedata for 1.1 million characters at every start costs 150 ms; a test compares.
_RANGES = (
    *((0x00, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x600, 0x605), (0x61C, 0x61C), (0x6DD, 0x6DD), (0x70F, 0x70F), (0x890, 0x891)),
    *((0x8E2, 0x8E2), (0x180E, 0x180E), (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F), (0xD800, 0xDFFF), (0xFEFF, 0xFEFF)),
    *((0xFFF9, 0xFFFB), (0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x13430, 0x1343F), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A)),
    (0xE0000, 0xE007F),
)
_NOTHING = {code: None for first, last in _RANGES for code in range(first, last + 1) if not chr(code).isspace()}
_POISON = {code: " " for first, last in _RANGES for code in range(first, last + 1)}


def clean(text: object, limit: int = 256, *, compared: bool = False) -> str:
    """One printable line of at most `limit` characters: no control, bidi or zero-width characters, white space folded, NFC.

    Known secrets are masked before anything is cut, but for members that are `compared` (names, ids): these stay as they are.
    """
    given = str(text)[: limit * 8 + (0 if compared else SECRETS.longest)]
    raw = given if compared else SECRETS.scrub(given)
    kept = raw[: limit * 8]
    line = " ".join((kept if _is_plain(kept) else unicodedata.normalize("NFC", kept.translate(_POISON))).split())
    if not compared and line != raw:
        line = _without_pieces(line, kept)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _is_plain(text: str) -> bool:
    """Nothing in it is poison, and NFC changes nothing: nearly all texts of servers, and a tenth of the time."""
    return text.isascii() and text.isprintable()


def _without_pieces(line: str, raw: str) -> str:
    """A secret may lie in pieces: between them stood what is a blank in the line, or nothing to see at all."""
    line = SECRETS.scrub(line)
    joined = raw.translate(_NOTHING)
    whole = SECRETS.scrub(joined)
    return line if whole == joined else " ".join(SECRETS.scrub(unicodedata.normalize("NFC", whole)).split())
