"""JSON answers of any size, read without holding the loop.

json.loads is one call into C that no other thread runs beside: a page of 500 hosts (1 MB, 40,000 values) costs 6 ms, but 4 MB of
"[],[],[]," 400 ms. What has many values is therefore read by the scanner in Python, in a thread: slower by ten, and never holding
the loop for longer than the interpreter's switch interval.
"""

from __future__ import annotations

import asyncio
from typing import Any

from .responses import NotJson, Response

_AT_ONCE = 1 << 20  # bytes that are read in one go
_FEW_VALUES = 60_000  # the most expensive ones (empty lists) cost 0.3 us each
_MOST_VALUES = 2_000_000  # more than the records of any lab; 100 bytes of memory each


async def read_json(answer: Response) -> Any:
    """As answer.json(). Raises NotJson, also for more values than any answer has."""
    body = answer.body
    values = body.count(b",") + body.count(b"[") + body.count(b"{")
    if values > _MOST_VALUES:
        raise NotJson(f"an answer of {values} values, more than {_MOST_VALUES}")
    if len(body) <= _AT_ONCE and values <= _FEW_VALUES:
        return answer.json()
    return await asyncio.to_thread(answer.json, yielding=True)
