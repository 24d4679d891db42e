"""Which session at a BMC an interrupted process left: it was killed between its login and the row that names its session.

Only what tells apart counts: the same user, the same client address, and a time of creation that fits. A BMC that does not tell
them keeps the session until its own timeout; deleting by guess could end the session of somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quads_tui.rollout.numbers import iso_time
from quads_tui.services.json_text import is_damaged

WITHIN = 30.0  # seconds at most between the login as it was recorded and the session's own time of creation
MOST = 32  # sessions that are read; BMCs allow about 8


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """Of one Session resource (DSP0268, Session 1.4 and later; iLO tells them in Oem.Hpe). What is not told is empty or None."""

    user: str
    client: str  # IP address
    created: float | None  # by the BMC's clock, seconds

    @property
    def told(self) -> bool:
        return bool(self.user and self.client) and self.created is not None


def session_facts(document: Mapping[str, Any]) -> SessionFacts:
    oem = document.get("Oem")
    hpe = oem.get("Hpe") if isinstance(oem, Mapping) else None
    hpe = hpe if isinstance(hpe, Mapping) else {}
    return SessionFacts(
        _text(document.get("UserName")),
        _text(document.get("ClientOriginIPAddress") or hpe.get("UserIP")),
        _time(document.get("CreatedTime") or hpe.get("LoginTime")),
    )


def is_left(other: SessionFacts, own: SessionFacts, age: float) -> bool:
    """Whether `other` was made by a login `age` seconds before `own`, by the same user from the same address."""
    if not (other.told and own.told) or (other.user, other.client) != (own.user, own.client):
        return False
    assert own.created is not None and other.created is not None
    return abs(own.created - other.created - age) <= min(WITHIN, age / 2)  # a session of now, such as a neighbour's, is none


def _text(value: object) -> str:
    return value if isinstance(value, str) and not is_damaged(value) else ""


def _time(value: object) -> float | None:
    time = iso_time(value)
    return None if time is None else time.timestamp()
