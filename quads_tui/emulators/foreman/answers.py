"""What a handler gives back, and the five shapes of Foreman's errors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import EmulatorError

GENERIC_500 = (
    "Internal Server Error: the server was unable to finish the request. This may be caused by unavailability of some "
    "required service, incorrect API request or a server-side bug. There may be more information in the server's logs."
)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(EmulatorError):
    """Ends a request early with this answer; what it has begun is rolled back."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


def json_answer(body: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(body))


def message(status: int, text: str, **more: Any) -> Refusal:
    """The commonest shape, `{"error": {"message": ...}}`."""
    return Refusal(json_answer({"error": {"message": text, **more}}, status))


def not_found(kind: str, key: str) -> Refusal:
    """404 for an id or a name, `kind` in the singular."""
    return message(404, f"Resource {kind} not found by id '{key}'")


def denied(*permissions: str) -> Refusal:
    """403 for a caller that lacks all of these permissions."""
    details = f"Missing one of the required permissions: {', '.join(permissions)}"
    return message(403, "Access denied", details=details, missing_permissions=list(permissions))


def invalid(row_id: int | None, errors: Mapping[str, Sequence[str]]) -> Refusal:
    """422 of a failed validation or orchestration: `base` stands alone, other fields begin their full message."""
    full = [
        text if name == "base" else f"{name.removesuffix('_id').replace('_', ' ').capitalize()} {text}"
        for name, texts in errors.items()
        for text in texts
    ]
    return Refusal(json_answer({"error": {"id": row_id, "errors": dict(errors), "full_messages": full}}, 422))


def bare(status: int, body: Mapping[str, Any]) -> Refusal:
    """The shapes of their own: `{"error": "text"}` and `{"message": "text"}`."""
    return Refusal(json_answer(body, status))


def redirect(status: int, to: str) -> Answer:
    """An answer of a proxy in front of Foreman that sends elsewhere; nothing reached Foreman."""
    return replace(page(status, "Redirect"), headers={"Location": to})


def page(status: int, title: str) -> Answer:
    """An answer of the web server in front of Foreman: HTML, not JSON."""
    return Answer(
        status,
        f'<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>{status} {title}</title>\n'
        f"</head><body>\n<h1>{title}</h1>\n<p>The server is temporarily unable to service your request.</p>\n</body></html>\n",
        "text/html",
    )
