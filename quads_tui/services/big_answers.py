"""JSON answers of any size, read without holding the loop.

json.loads is one call into C; other threads run beside it only where an object ends. A page of 500 hosts (1 MB, 40,000 values)
costs 6 ms, but 4 MB of "[],[],[]," 400 ms. So what is not small is read in a thread, and what has very many values by the scanner
in Python there: slower by ten, and never holding the loop for longer than the interpreter's switch interval.
"""

from __future__ import annotations

import asyncio

from .responses import Response

_SMALL = 1 << 16  # bytes that are read in the loop, in at most 10 ms
_FEW_SIGNS = 20_000  # commas, brackets, quotes and backslashes of those: ten times as many as a document of Redfish has
_FEW_VALUES = 30_000  # the most expensive ones (empty lists) cost 0.3 us each
_FEW_BYTES = 1 << 20
_MOST_VALUES = 2_000_000  # more than the records of any lab; 100 bytes of memory each


async def read_ahead(answer: Response) -> None:
    """Read the JSON of an answer where that would hold the loop: afterwards its json() only hands out what was read."""
    body = answer.body
    if len(body) <= _FEW_SIGNS:  # nearly all of them
        return
    values = body.count(b",") + body.count(b"[") + body.count(b"{")
    if len(body) <= _SMALL and values + body.count(b'"') + body.count(b"\\") <= _FEW_SIGNS:
        return
    if values > _MOST_VALUES:
        answer.give_up(f"an answer of {values} values, more than {_MOST_VALUES}")
        return
    await asyncio.to_thread(answer.read, yielding=len(body) > _FEW_BYTES or values > _FEW_VALUES)
