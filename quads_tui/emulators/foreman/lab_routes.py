"""API v2, what hosts are built from: operating systems, media, partition tables; and status, ping and settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from . import documents
from .answers import Answer, json_answer, not_found
from .database import LOCATION, ORGANIZATION, number, stamp
from .documents import Document
from .fields import DOCUMENTS, SOURCES, SYSTEMS
from .paging import index
from .records import OperatingSystem
from .routing import Call, Handler, Route
from .search import Fields


def found(rows: Sequence[Any], kind: str, key: str, *, by: str = "name") -> Any:
    wanted = number(key)
    row = next((row for row in rows if getattr(row, by) == key or row.id == wanted), None)
    if row is None:
        raise not_found(kind, key)
    return row


def index_of(rows: Callable[[Call], Sequence[Any]], fields: Fields, document: Callable[[Any], Document]) -> Handler:
    async def handler(call: Call) -> Answer:
        await call.work.cpu(call.foreman.options.costs.small)
        return index(rows(call), fields, call.query, lambda row: json.dumps(document(row)), options=call.foreman.options)

    return handler


def show_of(
    rows: Callable[[Call], Sequence[Any]], kind: str, document: Callable[[Any], Document], *, by: str = "name"
) -> Handler:
    async def handler(call: Call) -> Answer:
        await call.work.cpu(call.foreman.options.costs.small)
        return json_answer(document(found(rows(call), kind, call.keys[0], by=by)))

    return handler


def _system(call: Call) -> OperatingSystem:
    row = found(call.foreman.database.systems, "operatingsystem", call.keys[0], by="title")
    assert isinstance(row, OperatingSystem)
    return row


def _medium_show(call: Call) -> Callable[[Any], Document]:
    systems = call.foreman.database.systems
    return lambda row: documents.medium(row) | {
        "operatingsystems": [_brief(one) for one in systems if row in one.media], **_places(),
    }  # fmt: skip


def _ptable_show(call: Call) -> Callable[[Any], Document]:
    systems = call.foreman.database.systems
    return lambda row: documents.ptable(row) | {
        "layout": "zerombr\nclearpart --all --initlabel\nautopart\n", "locked": False,
        "operatingsystems": [_brief(one) for one in systems if row in one.ptables], **_places(),
    }  # fmt: skip


def _brief(system: OperatingSystem) -> Document:
    return {"id": system.id, "name": system.name, "title": system.title}


def _places() -> Document:
    return {"locations": [documents.taxonomy(LOCATION)], "organizations": [documents.taxonomy(ORGANIZATION)]}


async def medium_show(call: Call) -> Answer:
    await call.work.cpu(call.foreman.options.costs.small)
    return json_answer(_medium_show(call)(found(call.foreman.database.media, "medium", call.keys[0])))


async def ptable_show(call: Call) -> Answer:
    await call.work.cpu(call.foreman.options.costs.small)
    return json_answer(_ptable_show(call)(found(call.foreman.database.ptables, "ptable", call.keys[0])))


async def status(call: Call) -> Answer:
    return json_answer({"result": "ok", "status": 200, "version": call.foreman.options.version, "api_version": 2})


def _settings(call: Call) -> list[Document]:
    old = stamp(call.foreman.database.created)
    minutes = call.foreman.options.token_minutes
    return [
        documents.setting("foreman_url", call.foreman.url, "string", "Foreman URL", "Where this Foreman is reachable", old),
        documents.setting("entries_per_page", 20, "integer", "Entries per page", "Number of records shown per page", old),
        documents.setting(
            "token_duration", minutes, "integer", "Token duration",
            "Time in minutes installation tokens should be valid for, 0 to disable token generation", old,
        ),
    ]  # fmt: skip


async def setting(call: Call) -> Answer:
    await call.work.cpu(call.foreman.options.costs.small)
    row = next((row for row in _settings(call) if row["name"] == call.keys[0]), None)
    if row is None:
        raise not_found("setting", call.keys[0])
    return json_answer(row)


ROUTES = (
    Route("GET", "status", None, status),
    Route("GET", "settings", "view_settings", index_of(_settings, DOCUMENTS, dict)),
    Route("GET", "settings/:id", "view_settings", setting),
    Route(
        "GET", "operatingsystems", "view_operatingsystems",
        index_of(lambda call: call.foreman.database.systems, SYSTEMS, documents.system),
    ),
    Route(
        "GET", "operatingsystems/:id", "view_operatingsystems",
        show_of(lambda call: call.foreman.database.systems, "operatingsystem", documents.system_show, by="title"),
    ),
    Route(
        "GET", "operatingsystems/:id/media", "view_media",
        index_of(lambda call: _system(call).media, SOURCES, documents.medium),
    ),
    Route(
        "GET", "operatingsystems/:id/ptables", "view_ptables",
        index_of(lambda call: _system(call).ptables, SOURCES, documents.ptable),
    ),
    Route("GET", "media", "view_media", index_of(lambda call: call.foreman.database.media, SOURCES, documents.medium)),
    Route("GET", "media/:id", "view_media", medium_show),
    Route("GET", "ptables", "view_ptables", index_of(lambda call: call.foreman.database.ptables, SOURCES, documents.ptable)),
    Route("GET", "ptables/:id", "view_ptables", ptable_show),
)  # fmt: skip
