"""Strings from outside stay strings: whatever they are, a report's structure is that of one with harmless strings."""

from __future__ import annotations

import json
from functools import cache
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from quads_tui.render.report import as_html, as_json, as_markdown
from quads_tui.render.report.escape import markdown
from quads_tui.rollout.text import clean

from .test_report import told

POISON = (
    "<script>alert(1)</script>",
    "</pre></td></table></style><img src=x onerror=alert(1)>",
    '"><svg onload="alert(1)">',
    "' onclick='x",
    "a | b || c \\| d",
    "``` `code` ``x`",
    "[link](https://evil.example) ![picture](x.png) <https://evil.example>",
    "https://evil.example/x www.evil.example ftp://x.example mailto:a@b.example //x.example",
    "**bold** __x__ ~~gone~~ # head - list 1. list $x$ @someone \\",
    "<!-- comment --> &lt; &amp; &#60; &copy;",
    "\x1b[31mred\x1b]0;title\x07\x9b2J\x00",
    "one\ntwo\r\n| --- |\n\n# head\u2028three\u202egnp.exe\u200b",
    "\ud800 lone \ufdd0",
)
# Every text that opens with a letter, since one that is cleaned away would rightly leave its line out.
words = st.one_of(
    st.text(max_size=60), st.text(alphabet="<>&\"'`|\\[]()!*_~#@$:/.wh \x1b\n-=+", max_size=40), st.sampled_from(POISON)
).map("x".__add__)


class Page(HTMLParser):
    """Elements and attributes in order, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.structure: list[Any] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.values: set[str] = set()
        self.text = ""
        self._skipping = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.structure.append((tag, [name for name, _ in attrs]))
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.values.update(value or "" for _, value in attrs)
        self._skipping = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self.structure.append(tag)
        self._skipping = False

    def handle_comment(self, data: str) -> None:
        self.structure.append("comment")

    def handle_data(self, data: str) -> None:
        self.text += "" if self._skipping else data


def tokens(text: str) -> list[Token]:
    """As GitHub reads it: tables, strikethrough, HTML, bare addresses as links."""
    reader = MarkdownIt("gfm-like", {"html": True})
    assert reader.linkify is not None
    reader.linkify.set({"fuzzy_link": False})  # GitHub takes no bare host name for an address
    flat: list[Token] = []
    for token in reader.parse(text):
        flat += [token, *(token.children or [])]
    return flat


def shape(text: str) -> list[tuple[str, str]]:
    """What markup there is; runs of text are one."""
    found: list[tuple[str, str]] = []
    for token in tokens(text):
        entry = ("text", "") if token.type in ("text", "text_special") else (token.type, token.tag)
        if token.type != "inline" and not (entry == ("text", "") and found and found[-1] == entry):
            found.append(entry)
    return found


@cache
def harmless_structure() -> list[str]:
    return Page(as_html(told("x", "y"))).structure


@cache
def harmless_shape() -> list[tuple[str, str]]:
    return shape(as_markdown(told("x", "y")))


@settings(max_examples=40, deadline=None)
@given(words, words)
def test_html_has_the_structure_of_a_harmless_one(word: str, model: str) -> None:
    page = Page(as_html(told(word, model)))
    assert page.structure == harmless_structure()
    assert clean(f"server said {word}", 1000) in page.text
    assert clean(model, 100) in page.text


@settings(max_examples=25, deadline=None)
@given(words, words)
def test_markdown_has_the_structure_of_a_harmless_one(word: str, model: str) -> None:
    assert shape(as_markdown(told(word, model))) == harmless_shape()


@settings(max_examples=300, deadline=None)
@given(words)
@example("x" + POISON[7])
def test_a_markdown_cell_says_what_it_was_given(word: str) -> None:
    text = clean(word)
    parts = tokens(f"| a |\n| --- |\n| {markdown(text)} |\n")
    cells = [index for index, token in enumerate(parts) if token.type == "td_open"]
    assert len(cells) == 1
    inline = parts[cells[0] + 1]
    assert {child.type for child in inline.children or []} <= {"text", "text_special"}
    assert "".join(child.content for child in inline.children or []) == text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("https://x.com", r"https\:\//x.com"),
        ("www.x.com", r"www\.x.com"),
        ("mailto:a@b.com", r"mailto\:a\@b.com"),
        ("a|b `c` [d](e) <f> &lt;", r"a\|b \`c\` \[d\](e) &lt;f&gt; &amp;lt;"),
        ("f01-h02-000-r650.example.com is Off (204), b0:7b:25", "f01-h02-000-r650.example.com is Off (204), b0:7b:25"),
    ],
)
def test_markdown_is_escaped_where_it_must_and_readable_elsewhere(text: str, escaped: str) -> None:
    assert markdown(text) == escaped


@settings(max_examples=40, deadline=None)
@given(words, words)
def test_json_is_one_line_of_ascii_with_clean_strings(word: str, model: str) -> None:
    text = as_json(told(word, model))
    assert text.isascii()
    assert text.count("\n") == 1

    def strings(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [*value, *(found for entry in value.values() for found in strings(entry))]
        if isinstance(value, list):
            return [found for entry in value for found in strings(entry)]
        return [value] if isinstance(value, str) else []

    for found in strings(json.loads(text)):
        assert found == clean(found, 1000), found


@pytest.mark.parametrize("poison", POISON)
def test_no_control_character_and_no_tag_of_theirs_in_any_format(poison: str) -> None:
    for text in (as_html(told(poison)), as_markdown(told(poison)), as_json(told(poison))):
        assert not {sign for sign in text if ord(sign) < 32 and sign != "\n"}
        assert not set("\x7f\x9b\u2028\u202e\u200b") & set(text)
    for text in (as_html(told(poison)), as_markdown(told(poison))):
        assert "<script" not in text
        assert "<img" not in text
        assert "<svg onload" not in text


def test_html_is_self_contained_and_without_script() -> None:
    page = Page(as_html(told()))
    assert not page.tags & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "a",
        "image",
        "use",
        "foreignobject",
    }
    assert not page.attributes & {"src", "href", "xlink:href", "srcset", "style", "action", "data"}
    assert not {name for name in page.attributes if name.startswith("on")}
    text = as_html(told())
    assert "url(" not in text
    assert "@import" not in text
    assert "http://" not in text
    assert "https://" not in text  # no address of ours, and BMCs' are in the JSON only
    assert "default-src 'none'; style-src 'unsafe-inline'" in page.values
    assert text.count("<svg") == 5  # completion, hosts, two of the lane, Redfish
    assert "prefers-color-scheme:dark" in text
