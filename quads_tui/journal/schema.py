"""What marks a file as a journal, and what older ones looked like."""

from __future__ import annotations

import json

APPLICATION_ID = 0x51554144  # "QUAD": marks our files
SCHEMA = 4


def row_of_schema_2(at: float, kind: str, host: str | None, body: str) -> str:
    """An event's body as it is kept now, from the columns of an older journal."""
    return json.dumps([kind, at, *([] if host is None else [host]), *json.loads(body).values()])
