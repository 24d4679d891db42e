"""What operators write about hosts, for whoever looks at them next."""

from __future__ import annotations

from typing import NamedTuple

LENGTH = 200  # characters of one
KEPT = 20  # of a host, the newest


class HostComment(NamedTuple):
    """`at`: real time; `who`: user@machine; `text`: clean."""

    at: float
    who: str
    text: str
