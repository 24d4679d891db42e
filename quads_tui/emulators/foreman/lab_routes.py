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
from .routing import ApiRequest, Handler, Route
from .search import Fields


def found(rows: Sequence[Any], kind: str, key: str, *, by: str = "name") -> Any:
    """The row of this id or `by`. Raises Refusal (404)."""
    wanted = number(key)
    row = next((row for row in rows if getattr(row, by) == key or row.id == wanted), None)
    if row is None:
        raise not_found(kind, key)
    return row


def index_of(rows: Callable[[ApiRequest], Sequence[Any]], fields: Fields, document: Callable[[Any], Document]) -> Handler:
    """A handler that lists these rows."""

    async def handler(request: ApiRequest) -> Answer:
        await request.work.cpu(request.foreman.options.costs.small)
        return index(rows(request), fields, request.query, lambda row: json.dumps(document(row)), options=request.foreman.options)

    return handler


def show_of(
    rows: Callable[[ApiRequest], Sequence[Any]], kind: str, document: Callable[[Any], Document], *, by: str = "name"
) -> Handler:
    """A handler that shows one of these rows, by its id or its member `by`; 404 for others."""

    async def handler(request: ApiRequest) -> Answer:
        await request.work.cpu(request.foreman.options.costs.small)
        return json_answer(document(found(rows(request), kind, request.keys[0], by=by)))

    return handler


def _system(request: ApiRequest) -> OperatingSystem:
    row = found(request.foreman.database.systems, "operatingsystem", request.keys[0], by="title")
    assert isinstance(row, OperatingSystem)
    return row


def _medium_show(request: ApiRequest) -> Callable[[Any], Document]:
    systems = request.foreman.database.systems
    return lambda row: documents.medium(row) | {
        "operatingsystems": [_brief(one) for one in systems if row in one.media], **_places(),
    }  # fmt: skip


def _ptable_show(request: ApiRequest) -> Callable[[Any], Document]:
    systems = request.foreman.database.systems
    return lambda row: documents.ptable(row) | {
        "layout": "zerombr\nclearpart --all --initlabel\nautopart\n", "locked": False,
        "operatingsystems": [_brief(one) for one in systems if row in one.ptables], **_places(),
    }  # fmt: skip


def _brief(system: OperatingSystem) -> Document:
    return {"id": system.id, "name": system.name, "title": system.title}


def _places() -> Document:
    return {"locations": [documents.taxonomy(LOCATION)], "organizations": [documents.taxonomy(ORGANIZATION)]}


async def medium_show(request: ApiRequest) -> Answer:
    await request.work.cpu(request.foreman.options.costs.small)
    return json_answer(_medium_show(request)(found(request.foreman.database.media, "medium", request.keys[0])))


async def ptable_show(request: ApiRequest) -> Answer:
    await request.work.cpu(request.foreman.options.costs.small)
    return json_answer(_ptable_show(request)(found(request.foreman.database.ptables, "ptable", request.keys[0])))


async def status(request: ApiRequest) -> Answer:
    return json_answer({"result": "ok", "status": 200, "version": request.foreman.options.version, "api_version": 2})


def _settings(request: ApiRequest) -> list[Document]:
    old = stamp(request.foreman.database.created)
    minutes = request.foreman.options.token_minutes
    return [
        documents.setting("foreman_url", request.foreman.url, "string", "Foreman URL", "Where this Foreman is reachable", old),
        documents.setting("entries_per_page", 20, "integer", "Entries per page", "Number of records shown per page", old),
        documents.setting(
            "token_duration", minutes, "integer", "Token duration",
            "Time in minutes installation tokens should be valid for, 0 to disable token generation", old,
        ),
    ]  # fmt: skip


async def setting(request: ApiRequest) -> Answer:
    await request.work.cpu(request.foreman.options.costs.small)
    row = next((row for row in _settings(request) if row["name"] == request.keys[0]), None)
    if row is None:
        raise not_found("setting", request.keys[0])
    return json_answer(row)


ROUTES = (
    Route("GET", "status", None, status),
    Route("GET", "settings", "view_settings", index_of(_settings, DOCUMENTS, dict)),
    Route("GET", "settings/:id", "view_settings", setting),
    Route(
        "GET", "operatingsystems", "view_operatingsystems",
        index_of(lambda request: request.foreman.database.systems, SYSTEMS, documents.system),
    ),
    Route(
        "GET", "operatingsystems/:id", "view_operatingsystems",
        show_of(lambda request: request.foreman.database.systems, "operatingsystem", documents.system_show, by="title"),
    ),
    Route(
        "GET", "operatingsystems/:id/media", "view_media",
        index_of(lambda request: _system(request).media, SOURCES, documents.medium),
    ),
    Route(
        "GET", "operatingsystems/:id/ptables", "view_ptables",
        index_of(lambda request: _system(request).ptables, SOURCES, documents.ptable),
    ),
    Route("GET", "media", "view_media", index_of(lambda request: request.foreman.database.media, SOURCES, documents.medium)),
    Route("GET", "media/:id", "view_media", medium_show),
    Route(
        "GET", "ptables", "view_ptables", index_of(lambda request: request.foreman.database.ptables, SOURCES, documents.ptable),
    ),
    Route("GET", "ptables/:id", "view_ptables", ptable_show),
)  # fmt: skip
