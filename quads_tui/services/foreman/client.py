"""The Foreman API v2 client: one session cookie, at most eight connections, shared reads, one write at a time by its Ticket."""

from __future__ import annotations

from .reads import ForemanReads
from .session import ForemanSession
from .writes import ForemanWrites


class Foreman(ForemanReads, ForemanWrites):
    """One Foreman. Reads may run side by side; every write takes a Ticket from the lane.

    Raises StageFailure in the server's own words, CredentialsRefused when it does not take our name and password (then nothing
    more is ever sent: thirty failed logins lock the address out), and from writes UnknownOutcome when no answer settles them.
    """

    def __init__(self, session: ForemanSession) -> None:
        self._session = session

    @property
    def url(self) -> str:
        """As the site file has it, without a final slash."""
        return self._session.url

    @property
    def version(self) -> str:
        """As Foreman tells it at the login; empty before."""
        return self._session.version

    async def login(self) -> str:
        """Log in (GET /api/status earns the session cookie); gives Foreman's version."""
        return await self._session.login()
