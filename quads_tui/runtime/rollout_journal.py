"""What a process needs of the journal of a rollout that it carries out: JournalStore, and ClusterJournal in a cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from quads_tui.rollout.events import Event
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.ports import Journal


class RolloutJournal(Journal, Protocol):
    """The journal, and what it keeps beside the events."""

    directory: Path  # of this process for the rollout
    resume_command: str  # what goes on with the rollout when it was stopped

    def subscribe(self, listener: Callable[[Event], None]) -> None:
        """It gets events in their order, when they are on disk or when it is certain that they never will be."""
        ...

    def exchange(self, one: Exchange) -> None:
        """For the host's history. May be lost."""
        ...

    async def describe(self, facts: Mapping[str, Any]) -> None:
        """Keep what the rollout is, as JSON, on disk when it returns. Raises JournalBroken."""
        ...
