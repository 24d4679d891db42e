"""Why a host could not go on: a small fixed set of causes, and a reason in words beside it."""

from __future__ import annotations

import re
from enum import StrEnum

from .errors import QuadsTuiError
from .scrub import SECRETS

FOREMAN = "Foreman"  # the service that all hosts share, where it refuses


class Cause(StrEnum):
    UNREACHABLE = "unreachable"  # no answer at all: refused connections, timeouts, dead switches
    CREDENTIALS = "credentials"  # the server does not take our name and password
    REFUSED = "refused"  # it understood and will not: licence, permission, read-only
    BUSY = "busy"  # it says "not now" until our patience ended
    PROTOCOL = "protocol"  # answers that are no Redfish and no Foreman API
    TIMEOUT = "timeout"  # accepted, but the machine does not follow
    FOREMAN = "foreman"  # Foreman refuses this host's change
    UNKNOWN_HOST = "unknown-host"  # Foreman has no such host, or hides it from us
    INSTALL_FAILED = "install-failed"  # the installer told Foreman so
    INSTALL_TIMEOUT = "install-timeout"  # still in build at the deadline
    TOKEN_EXPIRED = "token-expired"  # the build token expired before the install ended
    CANCELLED = "cancelled"  # somebody else took the host out of build
    WRONG_BMC = "wrong-bmc"  # the machine behind the BMC's address is not the one that Foreman means
    HOOK = "hook"  # a command of the site failed
    UNKNOWN = "unknown"  # we cannot tell, and say so


AWAY = frozenset({Cause.UNREACHABLE, Cause.BUSY})
"""What a shared service fails with that refuses nobody: it is not there now. Hosts wait for it, and keep their turns."""


class StageFailure(QuadsTuiError):
    """An attempt of a stage failed. `reason` is clean text for the operator, the server's own words where it had any.

    `retryable`: another attempt may help. `after`: the server asked for this many real seconds first (Retry-After).
    `conflict`: it may come of two writes at once (a lock, a deadlock, a reset). `service`: which service that all hosts share
    refused it (empty: the host's own BMC), and `status` its HTTP status. `advises`: as of every QuadsTuiError.
    """

    def __init__(
        self,
        cause: Cause,
        reason: str,
        *,
        retryable: bool = True,
        after: float | None = None,
        conflict: bool = False,
        service: str = "",
        status: int = 0,
        advises: bool = False,
    ) -> None:
        self.reason = SECRETS.scrub(reason)  # names that are compared come into it as they are
        super().__init__(self.reason)
        self.cause = cause
        self.retryable = retryable
        self.after = after
        self.conflict = conflict
        self.service = service
        self.status = status
        self.advises = advises


class Unidentified(StageFailure):
    """The pinned machine does not answer where it did, another address does, and no fact says whether it is the same one."""

    def __init__(self, reason: str) -> None:
        super().__init__(Cause.WRONG_BMC, reason, retryable=False)


class Unreadable(StageFailure):
    """What Foreman answered cannot be read: a page, no list, a member of a type that it never has, another host's record.

    A fact of this moment and never of the host: before the first write it refuses the rollout, later it is asked again.
    """

    def __init__(self, what: str) -> None:
        super().__init__(Cause.PROTOCOL, f"not readable now: {what}", service=FOREMAN)
        self.what = what


class CredentialsRefused(QuadsTuiError):
    """Foreman does not take our Basic credentials. Every further try counts towards its lock-out, so all calls stop."""


class ServiceGone(QuadsTuiError):
    """Foreman has not answered for longer than our patience: the rollout stops; failing its hosts one by one helps nobody."""


_VARYING = re.compile(r"\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b|[0-9a-f]{8}-[0-9a-f-]{27,}|\b[0-9a-f]{12,}\b|\d+(\.\d+)?")
_MACHINE = re.compile(r"\. The BMC reports [^;]*")  # which one it is differs in length, too
_LISTED = re.compile(r"#(?:, #)+(?:, \.\.\.)?")  # however many MACs a host has


def group_of(reason: str, host: str) -> str:
    """The reason without what differs from host to host (its name, numbers, ids, MACs), so that equal failures meet."""
    return _LISTED.sub("#", _VARYING.sub("#", _MACHINE.sub("", reason).replace(host, "#")))
