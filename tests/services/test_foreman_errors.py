"""What an error answer of Foreman means: its words, whether to try again, and whether two writes may have met."""

from __future__ import annotations

import json

import pytest

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.ports import UnknownOutcome
from quads_tui.services.foreman.errors import checked_write, explain, failure, may_be_conflict, no_response_error
from quads_tui.services.responses import FailureKind, RequestFailed, Response


def answer(status: int, body: object, headers: dict[str, str] | None = None) -> Response:
    return Response(status, headers or {}, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (422, {"error": {"id": 5, "errors": {"name": ["x"]}, "full_messages": ["A", "B"]}}, "Foreman 422: A; B"),
        (
            422,
            {"error": {"id": None, "errors": {"name": ["is bad", "is long"]}, "full_messages": []}},
            "Foreman 422: name is bad; is long",
        ),
        (422, {"error": {}}, "Foreman 422: {'error': {}}"),
        (404, {"message": "No template with kind provitamin for h"}, "Foreman 404: No template with kind provitamin for h"),
        (400, {"displayMessage": "no", "errors": ["no", "never"]}, "Foreman 400: no"),
        (400, ["one", "two"], "Foreman 400: one; two"),
        (400, "just text", "Foreman 400: just text"),
        (500, b"plain words", "Foreman 500: plain words"),
        (
            503,
            b"<html><head><title>503 Service Unavailable</title>",
            "Foreman 503 (a web page, not the API): Service Unavailable",
        ),
        (502, b"<p>Proxy <!-- hidden -->Error</p><script>evil()</script>", "Foreman 502 (a web page, not the API): Proxy Error"),
        (401, b"", "Foreman 401 with an empty body"),
        (500, b"\xff\xfe\x00", "Foreman 500: \ufffd\ufffd"),
    ],
)
def test_every_shape_is_one_sentence(status: int, body: object, words: str) -> None:
    assert explain(answer(status, body)) == words


@pytest.mark.parametrize("length", [10, 100_000])
def test_a_sentence_stays_one_line_of_bounded_length(length: int) -> None:
    words = explain(answer(422, {"error": {"message": "x\n" * length}}))
    assert "\n" not in words
    assert len(words) <= 420


@pytest.mark.parametrize(
    ("status", "text", "conflict"),
    [
        (409, "anything", True),
        (500, "anything", True),
        (422, "PG::TRDeadlockDetected: deadlock detected", True),
        (422, "Lock wait timeout exceeded", True),
        (422, "Host is locked by user admin", True),
        (422, "Name has already been taken", True),
        (503, "could not obtain lock on row", True),
        (422, "Host is locked out", False),  # of a blocked door, not of a row
        (422, "Unlock the blocks", False),
        (422, "DHCP record already exists", False),
        (404, "not found", False),
        (503, "maintenance", False),
    ],
)
def test_what_may_come_of_two_writes_at_once(status: int, text: str, conflict: bool) -> None:
    refused = answer(status, {"error": {"message": text}})
    assert may_be_conflict(refused) is conflict
    with pytest.raises((StageFailure, UnknownOutcome)) as raised:
        checked_write(refused)
    assert isinstance(raised.value, StageFailure | UnknownOutcome)
    assert raised.value.conflict is conflict or status == 503


def test_a_reset_counts_as_a_conflict_also_in_the_handshake_and_a_timeout_does_not() -> None:
    in_handshake = no_response_error(RequestFailed("reset", sent=False, kind=FailureKind.RESET))
    assert isinstance(in_handshake, StageFailure)
    assert (in_handshake.cause, in_handshake.conflict) == (Cause.UNREACHABLE, True)
    after = no_response_error(RequestFailed("reset", sent=True, kind=FailureKind.RESET))
    assert isinstance(after, UnknownOutcome)
    assert after.conflict
    assert not no_response_error(RequestFailed("late", sent=True, kind=FailureKind.TIMEOUT)).conflict
    assert not no_response_error(RequestFailed("refused", sent=False, kind=FailureKind.REFUSED)).conflict


@pytest.mark.parametrize(
    ("status", "text", "cause", "retryable"),
    [
        (401, "Unable to authenticate", Cause.CREDENTIALS, True),
        (403, "Access denied", Cause.REFUSED, False),
        (404, "not found", Cause.UNKNOWN_HOST, False),
        (422, "can't be blank", Cause.FOREMAN, False),
        (422, "Deploy TFTP task failed with the following error", Cause.FOREMAN, True),
        (422, "Configuration rebuild failed for: TFTP.", Cause.FOREMAN, True),
        (422, "deadlock detected", Cause.FOREMAN, True),
        (429, "slow down", Cause.BUSY, True),
        (503, "maintenance", Cause.BUSY, True),
        (501, "no", Cause.PROTOCOL, True),
    ],
)
def test_what_is_tried_again(status: int, text: str, cause: Cause, retryable: bool) -> None:
    told = failure(answer(status, {"error": {"message": text}}, {"Retry-After": "7"}))
    assert (told.cause, told.retryable) == (cause, retryable)
    assert told.after == (7.0 if status in (429, 503, 501) else None)


@pytest.mark.parametrize(
    ("header", "seconds"), [("0.091377", 0.091377), ("", None), ("soon", None), ("nan", None), ("inf", None), ("-1", 0.0)]
)
def test_x_runtime_is_read_or_nothing(header: str, seconds: float | None) -> None:
    assert answer(200, {}, {"x-runtime": header}).runtime == seconds
