"""The Foreman API v2 client. Versions 1.24 to 3.16."""

from .client import Foreman
from .records import HostRecord, NameUnknown, UserRecord, pick

__all__ = ["Foreman", "HostRecord", "NameUnknown", "UserRecord", "pick"]
