"""`rollouts` and `report`: what the journals of the state directory tell, without touching them."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice

from quads_tui.journal.catalogue import NotFound, StoredRollout, find, stored_rollouts
from quads_tui.journal.reader import JournalReader, NoJournal
from quads_tui.render.report import as_html, as_json, as_markdown, build_report
from quads_tui.render.report.listing import Entry, damaged, entry, heading, line, members
from quads_tui.rollout.text import clean
from quads_tui.runtime.options import Options, emit_json, say

FORMATS = {"md": as_markdown, "html": as_html, "json": as_json}
# What reading a journal raises that is damaged, or that somebody else made: SQLite's, JSON's, and ours for what is in it.
_DAMAGE = (sqlite3.Error, OSError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError)


class Unreadable(Exception):
    """In words, clean."""


def rollouts(options: Options) -> int:
    """A line each, newest first, as soon as it is read; JSON lines with --json. A journal that cannot be read is a line too."""
    kept = list(stored_rollouts(options.state))
    if not kept:
        say(f"there is no rollout in {clean(options.state / 'rollouts', 1000)}")
        return 0
    width = max(len("ROLLOUT"), *(len(clean(rollout.id, 200)) for rollout in kept))
    with reader_may_leave():
        if not options.json:
            print(heading(width))
        for rollout in kept:
            try:
                _show(entry_of(rollout), options, width)
            except Unreadable as why:
                _show_trouble(rollout, str(why), options, width)
    return 0


def report(rollout: str | None, format: str, options: Options) -> int:
    """The report of one rollout on stdout, as md, html or json. None: of the newest. Beginnings of ids will do."""
    try:
        text = _written(_meant(rollout, options), format)
    except (NotFound, Unreadable) as error:
        say(f"quads-tui: {clean(error, 2000)}")
        return 2
    with reader_may_leave():
        sys.stdout.buffer.write(text.encode())  # UTF-8 whatever the locale: the HTML says so of itself
        sys.stdout.buffer.flush()
    return 0


def _meant(rollout: str | None, options: Options) -> StoredRollout:
    """Raises NotFound, which names the newest beside those that come near."""
    if rollout is not None:
        try:
            return find(options.state, rollout)
        except NotFound as error:
            newest = [kept.id for kept in islice(stored_rollouts(options.state), 3)]
            raise NotFound(f"{error}; the newest: {', '.join(newest)}" if newest else str(error)) from None
    for kept in stored_rollouts(options.state):
        return kept
    raise NotFound(f"there is no rollout in {options.state / 'rollouts'}")


def _written(rollout: StoredRollout, format: str) -> str:
    """Raises Unreadable."""
    try:
        with closing(JournalReader(rollout.journal)) as journal:
            events = [event for _, event in journal.events()]
            told = build_report(journal.facts(), events, list(journal.samples()), rollout.holder())
        return FORMATS[format](told)
    except NoJournal as error:
        raise Unreadable(clean(error, 1000)) from None
    except _DAMAGE as error:
        raise Unreadable(f"{clean(rollout.journal, 1000)} is damaged: {clean(error)}") from None


def entry_of(rollout: StoredRollout) -> Entry:
    """Raises Unreadable."""
    try:
        with closing(JournalReader(rollout.journal)) as journal:
            events = (event for _, event in journal.events())
            return entry(rollout.id, journal.facts(), events, [sample.at for sample in journal.samples()], rollout.holder())
    except NoJournal as error:
        raise Unreadable(clean(error, 1000)) from None
    except _DAMAGE as error:
        raise Unreadable(f"damaged: {clean(error)}") from None


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """`| head` closes the pipe: no error, neither here nor in the flush at the end of the process."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show(found: Entry, options: Options, width: int) -> None:
    if options.json:
        emit_json("rollout", time.time(), members(found))
    else:
        print(line(found, width), flush=True)


def _show_trouble(rollout: StoredRollout, why: str, options: Options, width: int) -> None:
    if options.json:
        emit_json("unreadable", time.time(), {"rollout": clean(rollout.id, 200), "reason": why})
    else:
        print(damaged(rollout.id, why, width), flush=True)
