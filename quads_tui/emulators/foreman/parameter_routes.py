"""API v2, the parameters of a host as a resource of their own: no save of the host, no orchestration."""

from __future__ import annotations

import json

from .answers import Answer, invalid, json_answer, message, not_found
from .database import number
from .documents import Document, parameter
from .fields import PARAMETERS
from .host_routes import wanted
from .paging import index
from .records import Host, Parameter
from .routing import ApiRequest, Route
from .saving import text

REVEAL = ("true", "1")


def _wanted(request: ApiRequest, host: Host) -> Parameter:
    """By name or by id."""
    key = request.keys[1]
    wanted_id = number(key)
    row = host.parameters.get(key) or next((row for row in host.parameters.values() if row.id == wanted_id), None)
    if row is None:
        raise not_found("parameter", key)
    return row


def _given(request: ApiRequest) -> Document:
    given = request.body.get("parameter")
    return given if isinstance(given, dict) else request.body


async def parameters(request: ApiRequest) -> Answer:
    host = wanted(request)
    await request.work.cpu(request.foreman.options.costs.small)
    reveal = request.query.get("show_hidden") in REVEAL
    rows = list(host.parameters.values())
    return index(
        rows, PARAMETERS, request.query, lambda row: json.dumps(parameter(row, reveal=reveal)), options=request.foreman.options
    )


async def show(request: ApiRequest) -> Answer:
    row = _wanted(request, wanted(request))
    await request.work.cpu(request.foreman.options.costs.small)
    return json_answer(parameter(row, reveal=request.query.get("show_hidden") in REVEAL))


async def create(request: ApiRequest) -> Answer:
    host, given = wanted(request), _given(request)
    name = str(given.get("name") or "")
    if not name:
        raise invalid(None, {"name": ["can't be blank"]})
    if name in host.parameters:
        raise invalid(None, {"name": ["has already been taken"]})
    await request.work.cpu(request.foreman.options.costs.parameter)
    if name in host.parameters:
        # Two creations passed the look before; the unique index stops the second.
        raise message(500, "PG::UniqueViolation: ERROR: duplicate key value violates unique constraint")
    kind = str(given.get("parameter_type", "string"))
    row = request.foreman.database.parameter(
        name, text(given.get("value", "")), kind=kind, hidden=bool(given.get("hidden_value"))
    )
    host.parameters[name] = row
    return json_answer(parameter(row), 201)


async def update(request: ApiRequest) -> Answer:
    host, given = wanted(request), _given(request)
    row = _wanted(request, host)
    await request.work.cpu(request.foreman.options.costs.parameter)
    if "value" in given:
        row.value = text(given["value"])
    if "hidden_value" in given:
        row.hidden = bool(given["hidden_value"])
    row.updated_at = request.foreman.database.now()
    return json_answer(parameter(row))


async def destroy(request: ApiRequest) -> Answer:
    """Answers with the raw model, whose keys and times are not those of the other answers."""
    host = wanted(request)
    row = _wanted(request, host)
    await request.work.cpu(request.foreman.options.costs.parameter)
    host.parameters.pop(row.name, None)
    return json_answer(
        {
            "id": row.id, "name": row.name, "value": row.value, "reference_id": host.id, "priority": 70,
            "created_at": _iso(row.created_at), "updated_at": _iso(row.updated_at), "hidden_value": row.hidden,
            "key_type": row.kind, "searchable_value": row.value,
        }
    )  # fmt: skip


def _iso(stamp: str) -> str:
    return stamp.removesuffix(" UTC").replace(" ", "T") + ".000Z"


ROUTES = (
    Route("GET", "hosts/:id/parameters", "view_params", parameters),
    Route("POST", "hosts/:id/parameters", "create_params", create),
    Route("GET", "hosts/:id/parameters/:pid", "view_params", show),
    Route("PUT", "hosts/:id/parameters/:pid", "edit_params", update),
    Route("DELETE", "hosts/:id/parameters/:pid", "destroy_params", destroy),
)
