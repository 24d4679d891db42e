"""All rollouts of a state directory: which there are, how they stand, and which one is meant."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quads_tui.rollout.errors import QuadsTuiError

from .locks import holder
from .reader import JournalReader, NoJournal


class NotFound(QuadsTuiError):
    """No such rollout. The text names similar ones."""


@dataclass(frozen=True, slots=True)
class StoredRollout:
    """One rollout. `facts` as JournalStore.describe kept them; `unreadable`: why its journal cannot be read."""

    id: str
    directory: Path
    facts: dict[str, Any]
    unreadable: str = ""

    @property
    def journal(self) -> Path:
        """The SQLite file."""
        return self.directory / "journal.db"

    @property
    def created_at(self) -> float:
        """Real time, seconds since 1970 UTC; 0 when unknown."""
        return float(self.facts.get("created_at") or 0.0)

    @property
    def rehearsal(self) -> Path | None:
        """The directory of the emulators that it ran against."""
        return Path(self.facts["rehearsal"]) if self.facts.get("rehearsal") else None

    @property
    def home(self) -> str:
        """The database of a cluster that it is a copy from, in words; empty: it is this machine's own."""
        exported = self.facts.get("exported")
        return str(exported.get("from", "a cluster")) if isinstance(exported, dict) else ""

    @property
    def unfinished(self) -> bool:
        """Hosts are left that need no human to go on: it died, or was stopped."""
        ended = self.facts.get("ended")
        return not self.unreadable and (ended is None or bool(ended["unfinished"]))

    @property
    def owed(self) -> int:
        """How many updates to QUADS are pending."""
        ended = self.facts.get("ended")
        return int(ended.get("owed", 0)) if isinstance(ended, dict) else 0

    @property
    def undecided(self) -> list[str]:
        """Clouds that QUADS did not validate yet when it ended, for hosts that were not done."""
        ended = self.facts.get("ended")
        return list(ended.get("undecided", ())) if isinstance(ended, dict) else []

    @property
    def seeds(self) -> dict[str, Any]:
        """What it knew at its start of how long things take, as DurationStats.seed takes it."""
        seeds = self.facts.get("seeds")
        return seeds if isinstance(seeds, dict) else {}

    @property
    def learned(self) -> dict[str, Any]:
        """What was expected of its hosts at its start, as Expectations takes it."""
        learned = self.facts.get("learned")
        return learned if isinstance(learned, dict) else {}

    def holder(self) -> str:
        """Who runs it now, in words; empty when nobody does."""
        return holder(self.directory)


def stored_rollouts(state: Path) -> Iterator[StoredRollout]:
    """All of them, the newest first."""
    try:
        directories = sorted((state / "rollouts").iterdir(), reverse=True)
    except OSError:
        return
    found = [_read(directory) for directory in directories if (directory / "journal.db").exists()]
    yield from sorted(found, key=lambda rollout: -rollout.created_at)


def find(state: Path, name: str) -> StoredRollout:
    """The rollout of this id, or of the only id that begins so. Raises NotFound."""
    rollouts = list(stored_rollouts(state))
    exact = [rollout for rollout in rollouts if rollout.id == name] or [r for r in rollouts if r.id.startswith(name)]
    if len(exact) == 1:
        return exact[0]
    near = [r.id for r in exact] or difflib.get_close_matches(name, [r.id for r in rollouts], 3, 0.4)
    where = state / "rollouts"
    if not rollouts:
        raise NotFound(f"there is no rollout in {where}")
    raise NotFound(f"there is no rollout {name} in {where}" + (f"; similar: {', '.join(near[:5])}" if near else ""))


def newest(state: Path, usable: Callable[[StoredRollout], bool], *, held: bool = False) -> StoredRollout | None:
    """The newest unfinished, usable rollout that is no rehearsal; a rehearsal if there is no other.

    `held`: those count too that a process runs, or holds although it is stopped.
    """
    open_ones = [one for one in stored_rollouts(state) if one.unfinished and (held or not one.holder()) and usable(one)]
    real = [rollout for rollout in open_ones if rollout.rehearsal is None]
    return next(iter(real or open_ones), None)


def known_pace(state: Path, foreman: str) -> dict[str, Any]:
    """How long things took in the newest rollout on this Foreman of an earlier version of this program, which kept this in its
    journals, as DurationStats.seed takes it."""
    for rollout in stored_rollouts(state):
        pace = rollout.facts.get("pace")
        if rollout.rehearsal is None and rollout.facts.get("foreman") == foreman and isinstance(pace, dict):
            return pace
    return {}


def _read(directory: Path) -> StoredRollout:
    try:
        reader = JournalReader(directory / "journal.db")
    except NoJournal as error:
        return StoredRollout(directory.name, directory, {}, str(error))
    try:
        return StoredRollout(directory.name, directory, reader.facts())
    except Exception as error:  # damage inside: shown, never a traceback
        return StoredRollout(directory.name, directory, {}, f"{directory / 'journal.db'} is damaged: {error}")
    finally:
        reader.close()
