"""One request that went out, and what came of it: for the meters of the screen and the history of a host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

SHOWN_BODY = 2000  # characters
KEPT_BODY = SHOWN_BODY + 4096  # bytes: a secret that is shown in part is kept whole, so that it can be masked
READS = frozenset({"GET", "HEAD"})
"""The methods that change nothing."""
CANCELLED = "cancelled"
"""The error of a request that we ended ourselves."""


@dataclass(slots=True, kw_only=True)  # not frozen: with each request one is made, at a fourth of the cost
class Exchange:
    """`host`: whom the request was for, or host and port of a service that all hosts share. `path` has no query."""

    at: float  # real time when it ended, seconds since 1970 UTC
    service: str = ""  # redfish, ipmi, foreman or quads; empty when read back: the journal does not keep it
    host: str
    method: str
    path: str
    status: int  # 0: no answer, and `error` says why
    seconds: float  # real
    error: str
    body: bytes = field(default=b"", repr=False)  # the answer's first KEPT_BODY bytes, without credentials; not in journals


Exchanges = Callable[[str], Sequence[Exchange]]
"""The last requests for a host, the oldest first."""
