"""All rollouts of a state directory: which there are, how they stand, and which one is meant."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from quads_tui.rollout.errors import QuadsTuiError

from .locks import holder
from .reader import JournalReader, NoJournal

_LARGE = ("plan", "seeds", "learned")  # facts of many hosts, which few ask for; they do not change once they are there
_SETTLED = 2.0  # seconds: a file that was changed less long ago may be changed once more within the tick of its time of change

_Stamp = tuple[tuple[int, ...] | None, ...]


class NotFound(QuadsTuiError):
    """No such rollout. The text names similar ones."""


@dataclass(frozen=True, slots=True)
class StoredRollout:
    """One rollout. `facts` as JournalStore.describe kept them; `unreadable`: why its journal cannot be read.

    The plan and its like are read from the journal each time that they are asked for, which raises NoJournal where it has gone.
    """

    id: str
    directory: Path
    facts: Mapping[str, Any]
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


class Catalogue:
    """The rollouts of a state directory, for who looks again and again: only journals that have changed are read anew.

    May be used from any thread, by one at a time.
    """

    def __init__(self, state: Path) -> None:
        self._rollouts = state / "rollouts"
        self._known: dict[Path, tuple[_Stamp | None, StoredRollout]] = {}  # None: it may have changed since, and not show it

    def read(self) -> list[StoredRollout]:
        """All of them, the newest first; the same object where nothing has changed."""
        try:
            directories = sorted(self._rollouts.iterdir(), reverse=True)
        except OSError:
            directories = []
        found: dict[Path, tuple[_Stamp | None, StoredRollout]] = {}
        for directory in directories:
            if (stamp := _stamp(directory)) is not None:
                known = self._known.get(directory)
                if known is None or known[0] != stamp:
                    settled, rollout = _is_settled(stamp), _read(directory)
                    # What could not be read may have been locked at that moment.
                    known = stamp if settled and not rollout.unreadable else None, rollout
                found[directory] = known
        self._known = found
        return sorted((rollout for _, rollout in found.values()), key=lambda rollout: -rollout.created_at)


def stored_rollouts(state: Path) -> list[StoredRollout]:
    """All of them, the newest first."""
    return Catalogue(state).read()


def find(state: Path, name: str) -> StoredRollout:
    """The rollout of this id, or of the only id that begins so. Raises NotFound."""
    rollouts = stored_rollouts(state)
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


class _Facts(Mapping[str, Any]):
    """Those that are not large, and for the others where they are."""

    def __init__(self, journal: JournalReader, path: Path) -> None:
        self._path = path
        self._small = journal.facts(but=_LARGE)
        self._large = [key for key in _LARGE if journal.has_fact(key)]

    def __getitem__(self, key: str) -> Any:
        if key not in self._large:
            return self._small[key]
        with closing(JournalReader(self._path)) as journal:
            return journal.fact(key)

    def __contains__(self, key: object) -> bool:
        return key in self._small or key in self._large

    def __iter__(self) -> Iterator[str]:
        yield from self._small
        yield from self._large

    def __len__(self) -> int:
        return len(self._small) + len(self._large)


def _stamp(directory: Path) -> _Stamp | None:
    """What changes when the journal does: its newest entries are in the log beside it. None: there is no journal."""
    if not (directory / "journal.db").exists():
        return None
    return _file_stamp(directory / "journal.db"), _file_stamp(directory / "journal.db-wal")


def _file_stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    if not found.st_size:  # a log that whoever reads the journal makes, too
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _is_settled(stamp: _Stamp) -> bool:
    """It is long enough ago that another change would show."""
    newest = max((file[-1] for file in stamp if file is not None), default=inf) / 1e9
    return newest < time.time() - _SETTLED


def _read(directory: Path) -> StoredRollout:
    try:
        reader = JournalReader(directory / "journal.db")
    except NoJournal as error:
        return StoredRollout(directory.name, directory, {}, str(error))
    try:
        return StoredRollout(directory.name, directory, _Facts(reader, directory / "journal.db"))
    except Exception as error:  # damage inside: shown, never a traceback
        return StoredRollout(directory.name, directory, {}, f"{directory / 'journal.db'} is damaged: {error}")
    finally:
        reader.close()
