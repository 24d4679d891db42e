"""Text from outside."""

from __future__ import annotations

import sys
import unicodedata

from quads_tui.rollout.text import clean


def test_no_character_that_steers_a_terminal_or_hides_gets_through() -> None:
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    steering = [char for char in every if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert len(steering) > 200
    assert [hex(ord(char)) for char in steering if clean(f"a{char}b") != "a b"] == []
