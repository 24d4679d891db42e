"""The Foreman API v2 client. Versions 1.24 to 3.16."""

from quads_tui.rollout.foreman_host import HostRecord, NameUnknown, UserRecord, pick

from .client import Foreman

__all__ = ["Foreman", "HostRecord", "NameUnknown", "UserRecord", "pick"]
