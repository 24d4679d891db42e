"""An emulated QUADS server: API v3 of 2.0.5 and 2.1, and of 2.2 with its tracking of moves."""

from __future__ import annotations

from .records import STATUSES, QuadsDatabase
from .server import FaultEffect, InjectedFault, QuadsEmulator

__all__ = ["STATUSES", "FaultEffect", "InjectedFault", "QuadsDatabase", "QuadsEmulator"]
