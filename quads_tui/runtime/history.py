"""Reports and list entries from the journals of the state directory, read-only.

What replays a rollout is imported where that is done: to list summaries takes less time than these imports.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from quads_tui.journal.catalogue import StoredRollout
from quads_tui.journal.reader import JournalReader, NoJournal
from quads_tui.render.listing import Entry
from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.garbage import no_garbage
from quads_tui.rollout.text import clean

# What reading a journal raises that is damaged, or that somebody else made: SQLite's, JSON's, and ours for what is in it.
DAMAGE = (sqlite3.Error, OSError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError)


class Unreadable(QuadsTuiError):
    """The text is clean."""


def report_text(rollout: StoredRollout, format: str) -> str:
    """Raises Unreadable."""
    from quads_tui.render.report import build_report
    from quads_tui.render.report.formats import FORMATS

    try:
        with closing(JournalReader(rollout.journal)) as journal, no_garbage():
            events = [event for _, event in journal.events()]
            report = build_report(journal.facts(), events, list(journal.samples()), rollout.holder())
        return FORMATS[format](report)
    except NoJournal as error:
        raise Unreadable(clean(error, 1000)) from None
    except DAMAGE as error:
        raise Unreadable(f"{clean(rollout.journal, 1000)} is damaged: {clean(error)}") from None


def list_entry(rollout: StoredRollout) -> Entry:
    """By all events of its journal, as if nobody ran it now. Raises Unreadable."""
    from quads_tui.render.report.entry import entry

    try:
        with closing(JournalReader(rollout.journal)) as journal, no_garbage():
            events = (event for _, event in journal.events())
            return entry(rollout.id, journal.facts(), events, journal.sample_times())
    except NoJournal as error:
        raise Unreadable(clean(error, 1000)) from None
    except DAMAGE as error:
        raise Unreadable(f"damaged: {clean(error)}") from None
