"""One request inside the application, and the table of routes that it is looked up in."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .answers import Answer
from .builds import Builds
from .database import Database
from .documents import HostBodies
from .membership import Membership
from .options import ForemanOptions
from .records import User
from .saving import Saving
from .search import Fields
from .web_server import Work


@dataclass(slots=True)
class Foreman:
    """The parts of the application that handlers work with."""

    options: ForemanOptions
    database: Database
    bodies: HostBodies
    builds: Builds
    saving: Saving
    membership: Membership
    host_fields: Fields
    searches: int = 0
    url: str = ""  # once it serves


@dataclass(slots=True)
class ApiRequest:
    foreman: Foreman
    work: Work
    caller: User
    query: Mapping[str, str]
    lists: Callable[[str], list[str]]  # every value of a repeated query key
    body: dict[str, Any]
    keys: tuple[str, ...]  # what the path holds in the places of `:id`


Handler = Callable[[ApiRequest], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path below /api; `permission` None lets every authenticated user in."""

    method: str
    path: str
    permission: str | None
    handler: Handler
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", re.compile(re.sub(r":[a-z]+", "([^/]+)", self.path)))


def route(routes: tuple[Route, ...], method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """The route of a path below /api, and what stands in the places of its ids; None where there is none."""
    for one in routes:
        if one.method == method and (match := one.pattern.fullmatch(path)):
            return one, match.groups()
    return None
