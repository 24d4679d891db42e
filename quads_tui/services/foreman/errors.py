"""What Foreman says when it does not do as asked: its error shapes as one readable sentence, and what each means for us."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from quads_tui.rollout.causes import FOREMAN, Cause, StageFailure
from quads_tui.rollout.ports import UnknownOutcome
from quads_tui.rollout.text import clean

from ..responses import FailureKind, NotJson, RequestFailed, Response

_TAGS = re.compile(r"<(script|style)\b.*?</\1>|<!--.*?-->|<[^>]*>", re.S | re.I)


@dataclass(frozen=True, slots=True)
class Transient:
    """An error after which another attempt may help, by words of it. `conflict`: it may come of two writes at once."""

    words: re.Pattern[str]
    conflict: bool


_any_case = partial(re.compile, flags=re.I)

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
    try:
        words = _words(answer.json())
    except NotJson:
        text = answer.body[:20_000].decode("utf-8", "replace")
        title = re.search(r"<(title|h1)\b[^>]*>(.*?)</\1>", text, re.S | re.I)
        if "<" in text[:200]:
            where += " (a web page, not the API)"
        words = html.unescape(_TAGS.sub(" ", title.group(2) if title else text))
        words = words.strip().removeprefix(str(answer.status))
    words = clean(words, 400)
    return f"{where}: {words}" if words else f"{where} with an empty body"


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


def may_be_conflict(answer: Response) -> bool:
    """Whether this may come of two writes at once: 409, 423, words of locks and unique indexes, and every 500 of the application:
    Puma's thread race says the same fixed text as any other error, so it cannot be told apart."""
    if answer.status in (409, 423, 500):
        return True
    return answer.status >= 400 and any(row.conflict for row in _transient(explain(answer)))


def _transient(words: str) -> list[Transient]:
    return [row for row in TRANSIENT if row.words.search(words)]


def checked_write(answer: Response) -> Response:
    """The answer to a write, given back where it is a success. Raises UnknownOutcome and StageFailure."""
    if answer.ok:
        return answer
    try:
        answer.json()
        ours = True
    except NotJson:
        ours = False
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
    words, conflict, status = explain(answer), may_be_conflict(answer), answer.status
    refused = partial(StageFailure, service=FOREMAN, status=status)
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
