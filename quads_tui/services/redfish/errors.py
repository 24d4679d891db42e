"""What a BMC says when it will not (DSP0266 8.6), with all the ways in which firmware strays from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quads_tui.rollout.text import clean
from quads_tui.services.responses import NotJson, Response, retry_seconds

from .quirks import Meaning, meanings

_NAME_REFUSED = (400, 421)
NAME_REMEDY = (
    "give its IP address in redfish.addresses, or on the iDRAC enter the name in ManualDNSEntry or disable HostHeaderCheck"
)
_UNKNOWN_NAME = f": an iDRAC9 answers so when it is asked by a DNS name that it does not know (HostHeaderCheck): {NAME_REMEDY}"
_GENERAL = ("a general error has occurred", "see @message.extendedinfo", "see extendedinfo")
_RETRY_IN = ("ServiceTemporarilyUnavailable", "ResourceNotReadyRetry")  # messages whose argument is a number of seconds


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """`keys` to decide by, `text` (clean) to show: the server's own words where it has any. `after`: real seconds or None."""

    status: int
    keys: frozenset[str]
    text: str
    after: float | None = None
    page: bool = False  # a web page: a proxy speaks, or a web server whose Redfish is not up yet
    name_refused: bool = False  # by the looks of it the name is not known there by which the BMC was asked

    def means(self, meaning: Meaning) -> bool:
        """Whether a row of quirks.py says so of its keys or its text."""
        return meaning in meanings(self.keys, self.text)

    @property
    def busy(self) -> bool:
        """It says: not now. Nothing was done."""
        return self.status in (429, 503) or self.means(Meaning.BUSY)


def error_response(answer: Response) -> ErrorResponse:
    """Read an answer that is no success; never raises."""
    try:
        document = answer.first_json()
    except NotJson as none:
        page = answer.body.lstrip()[:1] == b"<"
        refused = page and answer.by_name and answer.status in _NAME_REFUSED
        words = f"HTTP {answer.status} with {none.reason}" + (_UNKNOWN_NAME if refused else "")
        if 300 <= answer.status < 400 and (target := clean(answer.headers.get("Location", ""), 160)):
            words += f", a redirect to {target}"
        return ErrorResponse(answer.status, frozenset(), words, answer.retry_after, page, refused)
    messages = _messages(document)
    keys = frozenset(key for key in (_key(message) for message in messages) if key)
    error = _first(document, "error")
    if isinstance(error, Mapping) and isinstance(error.get("code"), str):
        keys |= {error["code"].rpartition(".")[2]} - {"GeneralError", "ExtendedInfo", ""}
    after = answer.retry_after
    if after is None:
        after = _seconds(messages)
    return ErrorResponse(answer.status, keys, _text(answer.status, error, messages), after)


def _messages(document: Any) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for place in (_first(document, "error"), document):
        if not isinstance(place, Mapping):
            continue
        info = place.get("@Message.ExtendedInfo")
        found += [item for item in (info if isinstance(info, list) else [info]) if isinstance(item, Mapping)]
    return found


def _first(document: Any, name: str) -> Any:
    return document.get(name) if isinstance(document, Mapping) else None


def _key(message: Mapping[str, Any]) -> str:
    identity = message.get("MessageId") or message.get("MessageID")
    return clean(identity, 80, compared=True).rpartition(".")[2] if isinstance(identity, str) else ""


def _text(status: int, error: Any, messages: list[Mapping[str, Any]]) -> str:
    words: list[str] = []
    for message in messages:
        text = message.get("Message")
        if isinstance(text, str) and text.strip() and not text.lower().startswith(_GENERAL):
            words.append(clean(text, 160))
    if not words:
        for message in messages:
            if key := _key(message):
                arguments = message.get("MessageArgs")
                listed = ", ".join(clean(item, 40) for item in arguments) if isinstance(arguments, list) else ""
                words.append(f"{key} ({listed})" if listed else key)
    if not words and isinstance(error, Mapping):
        text = error.get("message") or error.get("Message") or error.get("code")
        if isinstance(text, str):
            words.append(clean(text, 160))
    unlike = list(dict.fromkeys(words))
    return clean(" ".join(unlike[:2]), 240) or f"HTTP {status} without a reason"


def _seconds(messages: list[Mapping[str, Any]]) -> float | None:
    """ "Retry in 30 seconds." as the argument of a message that says so."""
    for message in messages:
        arguments = message.get("MessageArgs")
        if _key(message) in _RETRY_IN and isinstance(arguments, list) and arguments:
            return retry_seconds(arguments[0])
    return None
