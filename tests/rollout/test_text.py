"""Text from outside."""

from __future__ import annotations

import sys
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from quads_tui.rollout.text import _POISON, clean


def test_no_character_that_steers_a_terminal_or_hides_gets_through() -> None:
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    steering = [char for char in every if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert len(steering) > 200
    assert [hex(ord(char)) for char in steering if clean(f"a{char}b") != "a b"] == []


@given(st.text(st.one_of(st.characters(max_codepoint=0x7F), st.characters(max_codepoint=0x300))))
def test_plain_texts_take_a_shorter_way_to_the_same_line(text: str) -> None:
    assert clean(text, 100) == clean(" ".join(unicodedata.normalize("NFC", text.translate(_POISON)).split()), 100)
