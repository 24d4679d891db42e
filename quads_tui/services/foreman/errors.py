"""What Foreman says when it does not do as asked: its error shapes as one readable sentence, and what each means for us."""

from __future__ import annotations

import html
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from quads_tui.rollout.causes import FOREMAN, Cause, StageFailure
from quads_tui.rollout.ports import UnknownOutcome
from quads_tui.rollout.text import clean

from ..redirects import redirect_target
from ..responses import FailureKind, NotJson, RequestFailed, Response

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)  # str.lower() may make a text longer
_DOCUMENT = 1 << 15  # bytes of an error that are parsed: some milliseconds, whatever it holds
_TEXT = 20_000  # bytes of a page that are looked at
_ENTITIES = 4000  # characters in which entities are resolved: a number of more digits is an error of its own


@dataclass(frozen=True, slots=True)
class Transient:
    """An error after which another attempt may help, by words of it. `conflict`: it may come of two writes at once."""

    words: re.Pattern[str]
    conflict: bool


_any_case = partial(re.compile, flags=re.I)

# Redirects that come before the action: Foreman's API has none after it (RFC 9110 15.4: 303 tells where a result is).
NOT_EXECUTED = frozenset({301, 302, 307, 308})

TRANSIENT = (
    Transient(_any_case("deadlock"), conflict=True),  # PostgreSQL
    Transient(_any_case(r"\block(ed)? (by|wait|timeout|held)"), conflict=True),
    Transient(_any_case("could not obtain lock"), conflict=True),
    Transient(_any_case("could not serialize"), conflict=True),
    Transient(_any_case("duplicate key|RecordNotUnique"), conflict=True),  # a unique index
    Transient(_any_case("stale ?object"), conflict=True),  # ActiveRecord's optimistic locking
    Transient(_any_case("already been taken|has this role already"), conflict=True),  # ActiveRecord's validations
    Transient(_any_case("resource have no errors"), conflict=True),  # Foreman's own, where a host is saved twice
    Transient(re.compile("task failed|rebuild failed"), conflict=False),  # a smart proxy: it may be well again in a minute
)


def explain(answer: Response) -> str:
    """An error answer in one sentence, in the server's own words: every JSON shape of Foreman and its plugins, and HTML."""
    where = f"Foreman {answer.status}"
    if 300 <= answer.status < 400:
        return f"{where}: a redirect to {redirect_target(answer)} instead of an answer"
    document = _document(answer)
    if document is not None:
        try:
            words = _words(document)
        except RecursionError:
            words = "an error nested too deeply"
    else:
        text = answer.body[:_TEXT].decode("utf-8", "replace")
        if "<" in text[:200]:
            where += " (a web page, not the API)"
        words = html.unescape(without_tags(_title(text) or text)[:_ENTITIES])
        words = words.strip().removeprefix(str(answer.status))
    words = clean(words, 400)
    return f"{where}: {words}" if words else f"{where} with an empty body"


def _document(answer: Response) -> object:
    """The body of an error as JSON types; None where it is none, or longer than any error is."""
    if len(answer.body) > _DOCUMENT:
        return None
    try:
        return answer.json()
    except NotJson:
        return None


def _words(body: object) -> str:
    """{error: {full_messages | message, details | errors}}, {error: text}, {message}; Katello: {displayMessage, errors}."""
    if not isinstance(body, Mapping):
        return "; ".join(map(str, body)) if isinstance(body, list) else str(body)
    error = body.get("error") or body
    if not isinstance(error, Mapping):
        return str(error)
    for key in ("full_messages", "message", "displayMessage", "details", "errors"):
        found = error.get(key)
        if isinstance(found, Mapping):
            found = [f"{name} {_listed(texts)}" for name, texts in found.items()]
        if found:
            details = error.get("details")
            return f"{found}: {details}" if key == "message" and isinstance(details, str) else _listed(found)
    return str(error)


def _listed(found: object) -> str:
    return "; ".join(map(str, found)) if isinstance(found, list) else str(found)


def _title(text: str) -> str:
    """What stands in the first title or heading of a page, tags included; empty where it has none."""
    lower = text.translate(_LOWER)
    for name in ("title", "h1"):
        begin = lower.find(">", lower.find(f"<{name}")) + 1 if f"<{name}" in lower else 0
        end = lower.find(f"</{name}", begin) if begin else -1
        if end > begin:
            return text[begin:end]
    return ""


def without_tags(text: str) -> str:
    """The text of a page in one pass, however it is broken: without tags, comments, scripts and styles."""
    lower, said, at = text.translate(_LOWER), [], 0
    while (start := text.find("<", at)) >= 0:
        said.append(text[at:start])
        if text.startswith("<!--", start):
            end, at = text.find("-->", start + 4), 3
        else:
            hidden = next((name for name in ("script", "style") if lower.startswith(name, start + 1)), "")
            begin = lower.find(f"</{hidden}", start) if hidden else start
            end, at = text.find(">", begin) if begin >= 0 else -1, 1
        if end < 0:
            return " ".join(said)  # what was opened is not closed: none of the rest is text
        at += end
    return " ".join([*said, text[at:]])


def may_be_conflict(answer: Response) -> bool:
    """Whether this may come of two writes at once: 409, 423, words of locks and unique indexes, and every 500 of the application:
    Puma's thread race says the same fixed text as any other error, so it cannot be told apart."""
    return _is_conflict(answer.status, explain(answer))


def _is_conflict(status: int, words: str) -> bool:
    return status in (409, 423, 500) or (status >= 400 and any(row.conflict for row in _transient(words)))


def _transient(words: str) -> list[Transient]:
    return [row for row in TRANSIENT if row.words.search(words)]


def checked_write(answer: Response) -> Response:
    """The answer to a write, given back where it is a success. Raises UnknownOutcome and StageFailure."""
    if answer.ok:
        return answer
    if 300 <= answer.status < 400 and answer.status not in NOT_EXECUTED:
        raise UnknownOutcome(explain(answer))
    ours = _document(answer) is not None
    if answer.status in (502, 504) or (answer.status >= 500 and not ours):
        # A front server speaks; Foreman may still be working.
        raise UnknownOutcome(explain(answer), conflict=may_be_conflict(answer))
    if answer.status == 500:
        raise UnknownOutcome(explain(answer), server_done=True, conflict=True)
    raise failure(answer)


def no_response_error(error: RequestFailed) -> StageFailure | UnknownOutcome:
    """What no answer to a write means. Two writes at once were reset by the servers of 2019, also in the handshake."""
    reset = error.kind is FailureKind.RESET
    if not error.sent:
        return StageFailure(Cause.UNREACHABLE, error.reason, conflict=reset, service=FOREMAN)
    return UnknownOutcome(error.reason, conflict=reset)


def failure(answer: Response) -> StageFailure:
    """What an answer that is no success means for the stage: cause, whether another attempt may help, and after how long."""
    words, status = explain(answer), answer.status
    conflict = _is_conflict(status, words)
    refused = partial(StageFailure, service=FOREMAN, status=status)
    if 300 <= status < 400:
        return refused(Cause.BUSY, f"{words} (a proxy in front of Foreman?); it was not executed")
    if status == 401:
        return refused(Cause.CREDENTIALS, words)
    if status in (429, 503):
        return refused(Cause.BUSY, words, after=answer.retry_after)
    if status >= 500:
        return refused(Cause.PROTOCOL, words, after=answer.retry_after, conflict=conflict)
    if status == 404:
        return refused(Cause.UNKNOWN_HOST, f"{words} (it does not exist, or our user may not see it)", retryable=False)
    if status == 403:
        return refused(Cause.REFUSED, words, retryable=False)
    # A 422 of validation stays one.
    return refused(Cause.FOREMAN, words, retryable=conflict or bool(_transient(words)), conflict=conflict)
