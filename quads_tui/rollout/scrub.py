"""Servers repeat what they were sent: the passwords and tokens of this process are taken out of the text that enters it.

Every Secret is known here from its creation, every token and cookie from the moment that it is received or sent. A secret is
found as it is, in Base64 (wherever it stands in what was encoded, so in Basic headers too), in hexadecimal, and with the escapes
of URLs, JSON and HTML, also of each other. The cost is that of one pass over the text, however many secrets are known.
"""

from __future__ import annotations

import base64
import html
import json
import re
import unicodedata
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote

MASK = "****"
SHORTEST = 8  # characters: what is shorter is a word that texts may hold by chance, such as a model
_MOST_TOKENS = 16_384
_MOST_CHARACTERS = 4096  # of a token
_NESTED = 3  # escapes of escapes
_MOST_COMPARED = 64  # forms
_GRAM = 4
_STRIDE = (
    SHORTEST - _GRAM + 1
)  # of the places of a text that are looked at: wherever a secret begins, one of them is in its beginning
_ESCAPES = re.compile(
    r"(?P<url>(?:%[0-9A-Fa-f]{2})+)|(?P<hex>(?:\\x[0-9A-Fa-f]{2})+)|(?P<json>(?:\\u[0-9A-Fa-f]{4})+)"
    r"|(?P<char>\\[^\sxu])|(?P<html>&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});)"
)
_ENCODED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=_")
_ENCODED_AROUND = 1000  # characters


class _Form(NamedTuple):
    """One way to write a secret. `inner`: it stands within an encoded text, all of which is taken out."""

    text: str
    inner: bool = False


_Alike = dict[int, dict[str, bool]]  # forms that begin alike: by their length those texts, and whether each is an inner one


class Scrubber:
    """What is to be kept out of texts, and how it is found there."""

    def __init__(self, most_tokens: int = _MOST_TOKENS) -> None:
        self._most_tokens = most_tokens
        self._forms: dict[str, _Alike] = {}  # by their beginnings (SHORTEST characters)
        self._grams: Counter[str] = Counter()  # the parts of these beginnings, _GRAM characters each
        self._passwords: set[str] = set()
        self._tokens: OrderedDict[str, None] = OrderedDict()  # the last used one last
        self._spared: set[str] = set()  # names in lower case
        self._spared_text = ""
        self._spared_grams: set[str] = set()  # all parts of these names, _GRAM characters each
        self._short: re.Pattern[bytes] | None = None
        self._longest = 0

    def add(self, password: str) -> None:
        """From now on it is taken out of texts, as long as the process lives."""
        if not password or password in self._passwords:
            return
        self._passwords.add(password)
        self._keep(password)
        short = {form.encode() for word in self._passwords if len(word) < SHORTEST for form in _escaped(word)}
        if short:
            words = b"|".join(re.escape(word) for word in sorted(short, key=len, reverse=True))
            self._short = re.compile(rb"(?<![A-Za-z0-9])(?:" + words + rb")(?![A-Za-z0-9])")

    def add_token(self, token: str) -> None:
        """The same for what servers hand out, as long as it is among the latest ones."""
        if token in self._tokens:
            self._tokens.move_to_end(token)
            return
        if not SHORTEST <= len(token) <= _MOST_CHARACTERS or self._hides_a_name(token):
            return
        self._tokens[token] = None
        self._keep(token)
        if len(self._tokens) > self._most_tokens:
            oldest, _ = self._tokens.popitem(last=False)
            if oldest not in self._passwords:
                self._drop(oldest)

    def spare(self, names: Iterable[str]) -> None:
        """These names, and parts of them, are no tokens, whatever a server hands out: they stay in all texts, in any case."""
        new = {name.lower() for name in names} - self._spared
        if not new:
            return
        self._spared |= new
        self._spared_text = "\n".join(self._spared)
        self._spared_grams.update(name[at : at + _GRAM] for name in new for at in range(len(name) - _GRAM + 1))
        for token in [token for token in self._tokens if self._hides_a_name(token)]:
            del self._tokens[token]
            if token not in self._passwords:
                self._drop(token)

    def _hides_a_name(self, token: str) -> bool:
        texts = {form.text.lower() for form in _forms(token)} if self._spared else ()
        return any(text[:_GRAM] in self._spared_grams and text in self._spared_text for text in texts)

    def holds(self, text: object) -> bool:
        """It is one of the passwords."""
        return isinstance(text, str) and text in self._passwords

    @property
    def longest(self) -> int:
        """Characters of the longest form of a secret, without escapes."""
        return self._longest

    def scrub(self, text: str) -> str:
        """The text with a mask in place of each secret of 8 characters or more."""
        if len(text) < SHORTEST or not self._forms:
            return text
        spans = list(self._spans(text))
        plain = text
        for depth in range(1, _NESTED + 1):
            if not ("%" in plain or "\\" in plain or "&" in plain):  # how escapes begin
                break
            plain = _ESCAPES.sub(_unescaped, plain)
            found = list(self._spans(plain))
            if found:
                places = _places(text, depth)
                spans += [(places[start][0], places[end - 1][1]) for start, end in found]
        return _masked(text, spans) if spans else text

    def scrub_refusal(self, body: bytes) -> bytes:
        """The body of an answer that speaks of credentials, without the short passwords where they stand as words."""
        return body if self._short is None else self._short.sub(MASK.encode(), body)

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        known, grams = self._forms, self._grams
        for near in [at for at in range(0, len(text) - _GRAM + 1, _STRIDE) if text[at : at + _GRAM] in grams]:
            for at in range(max(0, near - _STRIDE + 1), near + 1):
                forms = known.get(text[at : at + SHORTEST])
                if forms is not None and (found := _longest(forms, text, at)) is not None:
                    end, inner = found
                    yield _whole(text, at, end) if inner else (at, end)

    def _keep(self, secret: str) -> None:
        for form in _forms(secret):
            key = form.text[:SHORTEST]
            if key not in self._forms:
                self._forms[key] = {}
                self._grams.update(_grams(key))
            self._forms[key].setdefault(len(form.text), {}).setdefault(form.text, form.inner)
            self._longest = max(self._longest, len(form.text))

    def _drop(self, secret: str) -> None:
        for form in _forms(secret):
            key = form.text[:SHORTEST]
            lengths = self._forms.get(key, {})
            alike = lengths.get(len(form.text), {})
            alike.pop(form.text, None)
            if not alike:
                lengths.pop(len(form.text), None)
            if not lengths and self._forms.pop(key, None) is not None:
                for gram in _grams(key):
                    self._grams[gram] -= 1
                    if not self._grams[gram]:
                        del self._grams[gram]


def _longest(forms: _Alike, text: str, at: int) -> tuple[int, bool] | None:
    """Where the longest of these forms that stands at this place ends, and whether it is an inner one."""
    left = len(text) - at
    for length in sorted(forms, reverse=True):
        alike = forms[length]
        if length <= left:
            if (inner := alike.get(text[at : at + length])) is not None:
                return at + length, inner
            continue
        # At its end a text may have been cut within a secret. Where many begin alike, that beginning is enough.
        rest = text[at:]
        if len(alike) > _MOST_COMPARED or any(form.startswith(rest) for form in alike):
            return len(text), False
    return None


SECRETS = Scrubber()  # those of this process: whoever cleans or writes a text need not be told which it may hold


def _grams(beginning: str) -> Iterator[str]:
    return (beginning[at : at + _GRAM] for at in range(_STRIDE))


def _whole(text: str, start: int, end: int) -> tuple[int, int]:
    """The encoded text around a part of it. Its ends are near: nobody encodes more than a name and a password."""
    first, last = max(0, start - _ENCODED_AROUND), min(len(text), end + _ENCODED_AROUND)
    while start > first and text[start - 1] in _ENCODED:
        start -= 1
    while end < last and text[end] in _ENCODED:
        end += 1
    return start, end


def _forms(secret: str) -> set[_Form]:
    """How the secret may be written, without escapes; no form is shorter than SHORTEST."""
    texts = {secret, secret.replace(" ", "+"), unicodedata.normalize("NFC", secret), unicodedata.normalize("NFD", secret)}
    data = secret.encode("utf-8", "surrogatepass")
    texts.add(data.decode("latin-1"))
    if re.fullmatch("[0-9A-Fa-f-]+", secret):
        texts |= {secret.lower(), secret.upper()}
    forms = {_Form(text) for text in texts}
    if len(secret) > 3:
        forms |= {_Form(data.hex()), _Form(data.hex().upper())}
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode().rstrip("=")
        # The characters that hold bits of the secret alone: those at its ends depend on what is beside it.
        whole = encoded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        forms |= {_Form(whole, inner=True), _Form(whole.replace("+", "-").replace("/", "_"), inner=True)}
    return {form for form in forms if len(form.text) >= SHORTEST}


def _escaped(word: str) -> set[str]:
    return {word, json.dumps(word)[1:-1], html.escape(word), quote(word, safe="")}


def _unescaped(found: re.Match[str]) -> str:
    return "".join([character for character, _ in _meant(found)])


def _places(text: str, depth: int) -> list[tuple[int, int]]:
    """Where each character of the text without `depth` layers of escapes stood in it."""
    places = [(at, at + 1) for at in range(len(text))]
    for _ in range(depth):
        inner: list[tuple[int, int]] = []
        done = 0
        for found in _ESCAPES.finditer(text):
            inner += places[done : found.start()]
            at = found.start()
            for _, width in _meant(found):
                inner.append((places[at][0], places[at + width - 1][1]))
                at += width
            done = found.end()
        places = inner + places[done:]
        text = _ESCAPES.sub(_unescaped, text)
    return places


def _meant(found: re.Match[str]) -> Iterator[tuple[str, int]]:
    """The characters that escapes stand for, each with the length of its escape."""
    text = found.group()
    kind = found.lastgroup
    if kind == "char":
        yield text[1], 2
    elif kind == "html":
        meant = html.unescape(text)
        yield meant if len(meant) == 1 else "\ufffd", len(text)
    elif kind == "json":
        for character in bytes.fromhex(text.replace("\\u", "")).decode("utf-16-be", "surrogatepass"):
            yield character, 3 * len(character.encode("utf-16-be", "surrogatepass"))
    else:
        size = 3 if kind == "url" else 4
        data = bytes(int(text[at + size - 2 : at + size], 16) for at in range(0, len(text), size))
        try:
            for character in data.decode():
                yield character, size * len(character.encode())
        except UnicodeDecodeError:
            for byte in data:
                yield chr(byte), size


def _masked(text: str, spans: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    done = 0
    for start, end in sorted(spans):
        if end <= done:
            continue
        if start >= done:
            parts += (text[done:start], MASK)
        done = end
    parts.append(text[done:])
    return "".join(parts)
