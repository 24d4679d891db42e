"""`rollouts --prune DAYS`: removes the journals of old rollouts that nobody needs any more."""

from __future__ import annotations

import shutil
from contextlib import closing

from quads_tui.journal.catalogue import StoredRollout
from quads_tui.journal.locks import JournalLock, LockHeld
from quads_tui.journal.reader import JournalReader, NoJournal
from quads_tui.rollout.text import clean

from .history import DAMAGE, Unreadable, list_entry
from .options import Options, Refused

DAY = 86_400.0  # seconds


def prune(stored: StoredRollout, options: Options, before: float) -> str:
    """Remove this rollout if it ended before real time `before`. Returns why it is kept: "" where it was removed.

    Kept are rollouts that a process runs, that have unfinished or armed hosts or updates to QUADS pending, and those whose
    journal cannot be read or belongs to another user: nobody knows what they contain.
    """
    if why := _reason_to_keep(stored, before):
        return why
    try:
        options.private_directory(stored.directory)
        lock = JournalLock(stored.directory)  # no process resumes it meanwhile
    except (Refused, LockHeld, OSError) as error:
        return clean(error)
    try:
        if why := _reason_to_keep(StoredRollout(stored.id, stored.directory, _facts(stored)), before, running=False):
            return why  # somebody has resumed it since it was listed
        shutil.rmtree(stored.directory)
    except (NoJournal, *DAMAGE) as error:
        return clean(error)
    finally:
        lock.release()
    return ""


def _reason_to_keep(stored: StoredRollout, before: float, *, running: bool = True) -> str:
    if stored.unreadable:
        return clean(stored.unreadable)
    if running and (holder := stored.holder()):
        return f"run by {holder}"
    if stored.unfinished:
        return "it has unfinished hosts"
    if stored.owed or stored.undecided:
        return "updates to QUADS are pending"
    try:
        armed = list_entry(stored).armed
        last = _last_event(stored)
    except Unreadable as why:
        return str(why)
    if armed:
        return f"{armed} hosts are armed" if armed > 1 else "1 host is armed"
    return "" if last < before else "it is not old enough"


def _last_event(stored: StoredRollout) -> float:
    """Real time of the last event, seconds since 1970 UTC. Raises Unreadable."""
    try:
        with closing(JournalReader(stored.journal)) as journal:
            return max((event.at for _, event in journal.events()), default=stored.created_at)
    except (NoJournal, *DAMAGE) as error:
        raise Unreadable(clean(error)) from None


def _facts(stored: StoredRollout) -> dict[str, object]:
    with closing(JournalReader(stored.journal)) as journal:
        return journal.facts()
