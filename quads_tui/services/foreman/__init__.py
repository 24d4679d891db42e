"""The Foreman API v2 client. Versions 1.24 to 3.16."""

from .client import Foreman
from .names import NameUnknown, pick
from .users import UserRecord

__all__ = ["Foreman", "NameUnknown", "UserRecord", "pick"]
