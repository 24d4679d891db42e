"""One user of Foreman's, as its API v2 shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quads_tui.rollout.foreman_host import typed
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
    def read(cls, data: Mapping[str, Any]) -> UserRecord | None:
        """None when this is no user."""
        login, number = typed(data, "login", str), typed(data, "id", int)
        if login is None or number is None:
            return None
        admin = data.get("admin") is True or data.get("effective_admin") is True
        return cls(login, number, admin, _places(data.get("organizations")), _places(data.get("locations")))


def _places(listed: object) -> dict[int, str] | None:
    if not isinstance(listed, list):
        return None
    found = [place for place in listed if isinstance(place, Mapping)]
    return {place["id"]: clean(place.get("name"), 100) for place in found if isinstance(place.get("id"), int)}
