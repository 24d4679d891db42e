"""A rollout that `watch` and `attach` show: who carries it, and what an operator can do where nobody does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from quads_tui.journal.catalogue import StoredRollout
from quads_tui.runtime.control_socket import user_of
from quads_tui.runtime.emulator_process import emulators_pid


class Followed(Protocol):
    """Carried by another process, or by none."""

    @property
    def id(self) -> str: ...

    @property
    def awaited(self) -> bool:
        """Somebody is to carry it on without being asked to."""
        ...

    async def holder(self) -> str:
        """Who carries it now, in words; empty: nobody."""
        ...

    def read_only_reason(self, holder: str, controller: str = "") -> str:
        """Why it cannot be controlled by who only watches it. `controller`: the attached console that has control of it."""
        ...

    @property
    def command(self) -> str:
        """What an operator types for somebody to carry it on."""
        ...

    async def resumable(self) -> bool:
        """This process can do that itself."""
        ...


@dataclass(frozen=True, slots=True)
class LocalRollout:
    """Implements Followed: in the state directory, run by a process of this machine. `may_resume` reads the disk."""

    stored: StoredRollout
    may_resume: Callable[[StoredRollout], bool]

    @property
    def id(self) -> str:
        return self.stored.id

    @property
    def awaited(self) -> bool:
        return False

    async def holder(self) -> str:
        return await asyncio.to_thread(self.stored.holder)

    def read_only_reason(self, holder: str, controller: str = "") -> str:
        if self.stored.home:
            return f"copy of a rollout of {self.stored.home}"
        if not holder:
            return f"not running; resume it with: {self.command}"
        control = f"controlled by {user_of(controller)}, " if controller else ""
        return f"{control}run by {holder.partition(', since')[0]} (watching {self.id})"

    @property
    def command(self) -> str:
        return f"quads-tui attach {self.id} --cluster DSN" if self.stored.home else f"quads-tui resume {self.id}"

    async def resumable(self) -> bool:
        return await asyncio.to_thread(self.may_resume, self.stored)


def may_resume(stored: StoredRollout) -> bool:
    """The journal is this user's and no copy, and the emulators of a rehearsal are running. Reads the disk."""
    try:
        own = stored.directory.stat().st_uid == os.geteuid() and os.access(stored.journal, os.W_OK)
    except OSError:
        return False
    return own and not stored.home and (stored.rehearsal is None or emulators_pid(stored.rehearsal) > 0)


def never(stored: StoredRollout) -> bool:
    """`may_resume` of screens that have no key to resume a rollout with."""
    return False
