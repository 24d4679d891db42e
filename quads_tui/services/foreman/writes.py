"""What is changed in Foreman (API v2): build mode, owner and parameters of a host, each by one Ticket of the lane."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from quads_tui.rollout.causes import Unreadable
from quads_tui.rollout.foreman_host import HostRecord
from quads_tui.rollout.plan import Target
from quads_tui.rollout.ports import Ticket, UnknownOutcome

from .session import ForemanSession


class ForemanWrites:
    """The writes. Each raises StageFailure in Foreman's own words, CredentialsRefused, UnknownOutcome, and as Ticket.confirm."""

    _session: ForemanSession

    async def build(self, ticket: Ticket, host: str, target: Target, progress: str) -> HostRecord:
        """The one PUT: os, ptable, medium, owner and build together. `progress` is a new UUID, kept for settling."""
        return await self._put_host(ticket, host, {**target.attributes(), "build": True}, progress)

    async def cancel_build(self, ticket: Ticket, host: str, progress: str) -> HostRecord:
        """Take the host out of build mode: its token dies, its PXE configuration points to the disk again."""
        return await self._put_host(ticket, host, {"build": False}, progress)

    async def set_owner(self, ticket: Ticket, host: str, target: Target, progress: str) -> HostRecord:
        """The owner alone (PUT hosts/:id), without a build. `progress` as for `build`."""
        return await self._put_host(ticket, host, target.attributes(), progress)

    async def give_back(self, ticket: Ticket, host: str, owner_id: int, owner_type: str, progress: str) -> HostRecord:
        """This owner (`owner_type`: User or Usergroup), and out of build mode. `progress` as for `build`."""
        attributes = {"owner_id": owner_id, "owner_type": owner_type, "build": False}
        return await self._put_host(ticket, host, attributes, progress)

    async def rebuild_config(self, ticket: Ticket, host: str) -> None:
        """Have the PXE files of the host's present state written again (hosts/rebuild_config)."""
        await self._session.write(ticket, "PUT", f"hosts/{quote(host)}/rebuild_config", {"only": ["TFTP"]})

    async def set_parameter(self, ticket: Ticket, host: str, name: str, value: str, known: str) -> None:
        """One host parameter through the nested resource, which leaves the others alone (hosts/parameters).

        `known`: as `parameter_id` told, shortly before.
        """
        base = f"hosts/{quote(host)}/parameters"
        if known:
            await self._session.write(ticket, "PUT", f"{base}/{quote(known)}", {"parameter": {"value": value}})
        else:
            await self._session.write(ticket, "POST", base, {"parameter": {"name": name, "value": value}})

    async def _put_host(self, ticket: Ticket, host: str, attributes: Mapping[str, object], progress: str) -> HostRecord:
        body = {"host": {**attributes, "progress_report_id": progress}}
        answer = await self._session.write(ticket, "PUT", f"hosts/{quote(host)}", body)
        try:
            return HostRecord.read(self._session.body(answer), host)
        except Unreadable as why:
            words = f"Foreman accepted the write, but its answer cannot be read: {why.what}"
            raise UnknownOutcome(words, server_done=True) from None
