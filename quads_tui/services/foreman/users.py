"""One user of Foreman's, as its API v2 shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quads_tui.rollout.causes import Unreadable
from quads_tui.rollout.foreman_host import typed
from quads_tui.rollout.numbers import record_id
from quads_tui.rollout.text import clean


@dataclass(frozen=True, slots=True)
class UserRecord:
    """One user. `organizations` and `locations`: by id, with their names; None where Foreman does not tell."""

    login: str
    id: int
    admin: bool  # by itself or through a user group: no rule of organizations and locations holds for it
    organizations: Mapping[int, str] | None
    locations: Mapping[int, str] | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> UserRecord:
        """Raises Unreadable."""
        number, login = record_id(data.get("id")), data.get("login")
        if number is None or not isinstance(login, str):
            raise Unreadable(f"Foreman shows a user with id {clean(data.get('id'), 40)!r} and login {clean(login, 40)!r}")
        admin = any(typed(clean(login, 80), data, member, bool) for member in ("admin", "effective_admin"))
        return cls(login, number, admin, _places(login, data, "organizations"), _places(login, data, "locations"))


def _places(login: str, data: Mapping[str, Any], member: str) -> dict[int, str] | None:
    listed = typed(clean(login, 80), data, member, list)
    if listed is None:
        return None
    found = {}
    for place in listed:
        number = record_id(place.get("id")) if isinstance(place, Mapping) else None
        if number is None:
            raise Unreadable(f"Foreman shows the user {clean(login, 80)} with unreadable {member}")
        found[number] = clean(place.get("name"), 100)
    return found
