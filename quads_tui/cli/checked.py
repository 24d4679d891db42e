"""What `check` found out about one service."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Checked:
    """One service. `seconds`: median of three small requests, connection included. `clock`: its clock minus ours, in seconds."""

    service: str
    address: str
    ok: bool = False
    version: str = ""
    tls: str = ""
    login: str = ""
    seconds: float | None = None
    clock: float | None = None
    problem: str = ""
    remedy: str = ""
    left_session: str = ""  # of a BMC: what stays open at it after the check, or may, in words
    unverified: str = ""  # of a BMC: why it cannot be compared with Foreman's host
