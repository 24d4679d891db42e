"""PUT of a user: its attributes, and its roles with Foreman's own race.

`role_ids` replaces the whole list without a version check. user_roles has no unique index, only a look before each insert, and
the Default role is put back after every save. So overlapping PUTs of one user lose roles, double them or end in 500s,
exactly as two clients that read, append and write would see it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from .answers import invalid, message
from .database import Database
from .options import ForemanOptions
from .records import User, UserRole
from .web_server import Work

TEXTS = ("firstname", "lastname", "mail", "description")


class Membership:
    """The user_roles rows, and the transactions that change them."""

    def __init__(self, database: Database, options: ForemanOptions) -> None:
        self._database = database
        self._options = options
        self._deleting: set[int] = set()  # ids of user_roles rows that open transactions have deleted, hence locked
        self._released = asyncio.Condition()

    async def update(self, user: User, given: dict[str, Any], work: Work, *, by_itself: bool) -> None:
        """Applies everything or nothing. Raises Refusal: 422 for bad values, 500 for the race."""
        if by_itself and "password" in given and given.get("current_password") != user.password:
            raise invalid(user.id, {"current_password": ["is incorrect"]})
        listed = given.get("role_ids")
        costs = self._options.costs
        if not isinstance(listed, list) or by_itself:  # no user may change its own roles; Foreman drops the key silently
            await work.cpu(costs.user)
        else:
            await self._replace(user, [role for role in listed if isinstance(role, int)], work)
        for name in TEXTS:
            if name in given:
                setattr(user, name, None if given[name] is None else str(given[name]))
        if isinstance(given.get("password"), str):
            user.password = given["password"]
        user.updated_at = self._database.now()

    async def _replace(self, user: User, listed: list[int], work: Work) -> None:
        roles = {role.id: role for role in self._database.roles}
        if unknown := [number for number in listed if number not in roles]:
            raise message(404, f"Couldn't find Role with 'id'={unknown[0]}")
        default = self._database.default_role
        snapshot = list(user.roles)
        seen = {row.id for row in snapshot}
        held = {row.role.id for row in snapshot}
        deletes = [row for row in snapshot if row.role.id not in listed]
        inserts = [roles[number] for number in dict.fromkeys(listed) if number not in held]
        costs = self._options.costs
        await work.cpu(costs.user)
        locked = {row.id for row in deletes}
        async with self._released:
            await self._released.wait_for(lambda: not (locked & self._deleting))
            self._deleting |= locked
        try:
            new = {row.role.id for row in user.roles if row.id not in seen}
            strips_default = any(row.role is default for row in deletes)
            if strips_default and default.id in new:
                # The Default role that is put back is found invalid, and the save fails without a message of its own.
                raise message(500, "resource have no errors")
            if any(role.id in new for role in inserts):
                raise message(500, "Validation failed: Owner has this role already")
            # From this look until the commit another transaction may insert the same role: then it stands there twice.
            await work.wait(costs.user_per_role * (len(deletes) + len(inserts)))
            rows: list[UserRole] = [row for row in user.roles if row.id not in locked]
            rows += self._database.rows(inserts)
            if not any(row.role is default for row in rows):
                rows += self._database.rows([default])
            user.roles = rows
        finally:
            async with self._released:
                self._deleting -= locked
                self._released.notify_all()
