"""Text from outside is poison: it is cleaned once, where it enters, and never drawn as markup afterwards."""

from __future__ import annotations

import unicodedata
from datetime import datetime

# C0, DEL and C1 steer terminals; bidi controls and zero-width characters make one name look like another.
_POISON = dict.fromkeys(
    [*range(0x20), *range(0x7F, 0xA0), 0x061C, 0x180E, *range(0x200B, 0x2010), 0x2028, 0x2029]
    + [*range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC), *range(0xD800, 0xE000)],
    " ",
)


def clean(text: object, limit: int = 256) -> str:
    """One printable line of at most `limit` characters: no control, bidi or zero-width characters, white space folded, NFC."""
    line = str(text)[: limit * 8].translate(_POISON)
    line = " ".join(unicodedata.normalize("NFC", line).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def time_of_day(at: float) -> str:
    """Real time as the clock on the operator's wall shows it."""
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")
