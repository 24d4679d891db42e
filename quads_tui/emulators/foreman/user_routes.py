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
from .routing import ApiRequest, Route


def wanted(request: ApiRequest) -> User:
    """The user that the path names. Raises Refusal (404)."""
    user = request.foreman.database.user(request.keys[0])
    if user is None:
        raise not_found("user", request.keys[0])
    return user


async def show(request: ApiRequest) -> Answer:
    user = wanted(request)
    await request.work.cpu(request.foreman.options.costs.small)
    return json_answer(documents.user_show(user))


async def update(request: ApiRequest) -> Answer:
    user = wanted(request)
    given = request.body.get("user")
    changes = given if isinstance(given, dict) else request.body
    await request.foreman.membership.update(user, changes, request.work, by_itself=user is request.caller)
    return json_answer(documents.user_show(user))


async def current_user(request: ApiRequest) -> Answer:
    await request.work.cpu(request.foreman.options.costs.small)
    return json_answer(documents.user_show(request.caller))


async def roles_of(request: ApiRequest) -> Answer:
    """Unlike the user's own page this holds the Default role."""
    user = wanted(request)
    await request.work.cpu(request.foreman.options.costs.small)
    return index(
        [held.role for held in user.roles],
        ROLES,
        request.query,
        lambda row: json.dumps(documents.role(row)),
        options=request.foreman.options,
    )


async def permissions(request: ApiRequest) -> Answer:
    await request.work.cpu(request.foreman.options.costs.small)
    rows = [documents.permission(number, name) for number, name in enumerate(PERMISSIONS, 1)]
    return index(rows, DOCUMENTS, request.query, json.dumps, options=request.foreman.options)


async def current_permissions(request: ApiRequest) -> Answer:
    """What the caller may do, administrator or not (since 2.1). Clients may rely on `results`: no envelope was ever recorded."""
    if not request.foreman.options.since(2, 1):
        raise not_found("permission", "current_permissions")
    await request.work.cpu(request.foreman.options.costs.small)
    rows = [
        documents.permission(number, name)
        for number, name in enumerate(PERMISSIONS, 1)
        if documents.allowed(request.caller, name)
    ]
    return json_answer({"results": rows})


ROUTES = (
    Route("GET", "current_user", None, current_user),
    Route("GET", "permissions/current_permissions", None, current_permissions),
    Route("GET", "permissions", None, permissions),
    Route("GET", "users", "view_users", index_of(lambda request: request.foreman.database.users, USERS, documents.user)),
    Route("GET", "users/:id", "view_users", show),
    Route("PUT", "users/:id", "edit_users", update),
    Route("GET", "users/:id/roles", "view_roles", roles_of),
    Route("GET", "roles", "view_roles", index_of(lambda request: request.foreman.database.roles, ROLES, documents.role)),
    Route("GET", "roles/:id", "view_roles", show_of(lambda request: request.foreman.database.roles, "role", documents.role_show)),
)
