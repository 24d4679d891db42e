"""Index pages: search, order, pagination and the envelope around them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .answers import Answer, Refusal, bare
from .options import ForemanOptions
from .search import Fields, QueryError, compiled

DEFAULT_PAGE = 20  # the setting entries_per_page


def index(
    rows: Sequence[Any],
    fields: Fields,
    query: Mapping[str, str],
    render: Callable[[Any], str],
    matches: Sequence[Any] | None = None,
    *,
    options: ForemanOptions,
) -> Answer:
    """One page of an index. Raises Refusal (400) for a query or an order that is not understood."""
    matches = matching(rows, fields, query) if matches is None else matches
    by, direction = _order(query)
    if by is not None:
        try:
            get = fields.find(by).get
        except QueryError as error:
            raise refused(error)
        matches = sorted(matches, key=lambda row: ((value := get(row)) is None, value), reverse=direction == "DESC")
    page, per_page = _position(query, len(rows), options.since(2, 2))
    if options.page_limit:
        per_page = min(per_page, options.page_limit)
    shown = matches[(page - 1) * per_page : page * per_page]
    head = {
        "total": len(rows), "subtotal": len(matches), "page": page, "per_page": per_page, "search": query.get("search"),
        "sort": {"by": by, "order": direction},
    }  # fmt: skip
    return Answer(200, f'{json.dumps(head)[:-1]}, "results": [{", ".join(map(render, shown))}]}}')


def matching(rows: Iterable[Any], fields: Fields, query: Mapping[str, str]) -> list[Any]:
    """The rows that the query's `search` finds, in their order. Raises Refusal (400)."""
    try:
        accepts = compiled(query.get("search") or "", fields)
    except QueryError as error:
        raise refused(error)
    return [row for row in rows if accepts(row)]


def refused(error: QueryError) -> Refusal:
    """400 in the words of scoped_search."""
    return bare(400, {"error": {"message": str(error), "class": "ScopedSearch::QueryNotSupported"}})


def _order(query: Mapping[str, str]) -> tuple[str | None, str | None]:
    words = (query.get("order") or "").split()
    if not words:
        return None, None
    return words[0], "DESC" if len(words) > 1 and words[1].upper() == "DESC" else "ASC"


def _position(query: Mapping[str, str], total: int, knows_all: bool) -> tuple[int, int]:
    page, size = query.get("page", ""), query.get("per_page", "")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 10 else 1
    if size == "all" and knows_all:  # before 2.2 it is no number, so the default
        return max(number, 1), max(total, 1)
    per_page = int(size) if size.isascii() and size.isdigit() and len(size) < 12 else DEFAULT_PAGE
    return max(number, 1), per_page or DEFAULT_PAGE
