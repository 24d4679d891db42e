"""API v2, users, roles and permissions."""

from __future__ import annotations

import json

from . import documents
from .answers import Answer, json_answer, not_found
from .database import PERMISSIONS
from .fields import DOCUMENTS, ROLES, USERS
from .lab_routes import index_of, show_of
from .paging import index
from .records import User
from .routing import Call, Route


def wanted(call: Call) -> User:
    user = call.foreman.database.user(call.keys[0])
    if user is None:
        raise not_found("user", call.keys[0])
    return user


async def show(call: Call) -> Answer:
    user = wanted(call)
    await call.work.cpu(call.foreman.options.costs.small)
    return json_answer(documents.user_show(user))


async def update(call: Call) -> Answer:
    user = wanted(call)
    given = call.body.get("user")
    changes = given if isinstance(given, dict) else call.body
    await call.foreman.membership.update(user, changes, call.work, by_itself=user is call.caller)
    return json_answer(documents.user_show(user))


async def current_user(call: Call) -> Answer:
    await call.work.cpu(call.foreman.options.costs.small)
    return json_answer(documents.user_show(call.caller))


async def roles_of(call: Call) -> Answer:
    """Unlike the user's own page this holds the Default role."""
    user = wanted(call)
    await call.work.cpu(call.foreman.options.costs.small)
    return index(
        [held.role for held in user.roles],
        ROLES,
        call.query,
        lambda row: json.dumps(documents.role(row)),
        options=call.foreman.options,
    )


async def permissions(call: Call) -> Answer:
    await call.work.cpu(call.foreman.options.costs.small)
    rows = [documents.permission(number, name) for number, name in enumerate(PERMISSIONS, 1)]
    return index(rows, DOCUMENTS, call.query, json.dumps, options=call.foreman.options)


async def current_permissions(call: Call) -> Answer:
    """What the caller may do, administrator or not; `results` is what clients may rely on, its envelope was never recorded."""
    await call.work.cpu(call.foreman.options.costs.small)
    rows = [
        documents.permission(number, name) for number, name in enumerate(PERMISSIONS, 1) if documents.allowed(call.caller, name)
    ]
    return json_answer({"results": rows})


ROUTES = (
    Route("GET", "current_user", None, current_user),
    Route("GET", "permissions/current_permissions", None, current_permissions),
    Route("GET", "permissions", None, permissions),
    Route("GET", "users", "view_users", index_of(lambda call: call.foreman.database.users, USERS, documents.user)),
    Route("GET", "users/:id", "view_users", show),
    Route("PUT", "users/:id", "edit_users", update),
    Route("GET", "users/:id/roles", "view_roles", roles_of),
    Route("GET", "roles", "view_roles", index_of(lambda call: call.foreman.database.roles, ROLES, documents.role)),
    Route("GET", "roles/:id", "view_roles", show_of(lambda call: call.foreman.database.roles, "role", documents.role_show)),
)
