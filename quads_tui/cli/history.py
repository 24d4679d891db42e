"""`rollouts` and `report`."""

from __future__ import annotations

import os
import time

from quads_tui.journal.catalogue import NotFound, StoredRollout, find, stored_rollouts
from quads_tui.render.listing import Entry, Listing, members
from quads_tui.rollout.text import clean
from quads_tui.runtime.history import Unreadable, report_text
from quads_tui.runtime.options import Options, emit_json, notify
from quads_tui.runtime.summary import summarised

from .exit_status import with_exit_status
from .streams import print_utf8, reader_gone


def rollouts(options: Options) -> int:
    """Gives the exit status."""
    return with_exit_status(options, lambda: _list(options))


def report(rollout: str | None, format: str, options: Options) -> int:
    """The report of one rollout on stdout, as md, html or json. None: of the newest. Beginnings of ids will do."""
    return with_exit_status(options, lambda: _report(rollout, format, options))


def prune_rollouts(days: int, options: Options) -> int:
    """Remove rollouts that ended more than `days` days ago, a line each; others are named with the reason why they are kept."""
    return with_exit_status(options, lambda: _prune(days, options))


def _prune(days: int, options: Options) -> int:
    from quads_tui.runtime.prune import DAY, prune

    removed = kept = 0
    for rollout in stored_rollouts(options.state):
        why = prune(rollout, options, time.time() - days * DAY)
        removed, kept = (removed, kept + 1) if why else (removed + 1, kept)
        name = clean(rollout.id, 200)
        if options.json:
            emit_json("kept" if why else "removed", time.time(), {"rollout": name, "reason": why})
        else:
            print(f"kept {name}: {why}" if why else f"removed {name}")
    notify(f"{removed} removed, {kept} kept")
    return 0


def _list(options: Options) -> int:
    """A line each, newest first, as soon as it is read; JSON lines with --json. A journal that cannot be read is a line too."""
    stored = stored_rollouts(options.state)
    if not stored:
        notify(f"there is no rollout in {clean(options.state / 'rollouts', 1000)}")
        return 0
    listing = Listing(max(len("ROLLOUT"), *(len(clean(rollout.id, 200)) for rollout in stored)), terminal_width())
    if not options.json:
        print(listing.heading())
    for rollout in stored:
        if reader_gone():
            break
        try:
            _print_entry(summarised(rollout), options, listing)
        except Unreadable as why:
            print_unreadable(rollout.id, str(why), options, listing)
    return 0


def terminal_width() -> int | None:
    """Cells of a line; None where stdout is no terminal: a file or a pipe gets all columns."""
    try:
        return os.get_terminal_size(1).columns or None
    except OSError:
        return None


def _report(rollout: str | None, format: str, options: Options) -> int:
    try:
        text = report_text(_choose_rollout(rollout, options), format)
    except (NotFound, Unreadable) as error:
        notify(f"quads-tui: {clean(error, 2000)}")
        return 2
    print_utf8(text)  # the HTML says so of itself
    return 0


def _choose_rollout(rollout: str | None, options: Options) -> StoredRollout:
    """Raises NotFound, which names the newest beside those that come near."""
    if rollout is not None:
        try:
            return find(options.state, rollout)
        except NotFound as error:
            newest = [stored.id for stored in stored_rollouts(options.state)[:3]]
            raise NotFound(f"{error}; the newest: {', '.join(newest)}" if newest else str(error)) from None
    for stored in stored_rollouts(options.state):
        return stored
    raise NotFound(f"there is no rollout in {options.state / 'rollouts'}")


def _print_entry(found: Entry, options: Options, listing: Listing) -> None:
    if options.json:
        emit_json("rollout", time.time(), members(found))
    else:
        print(listing.line(found), flush=True)


def print_unreadable(rollout: str, why: str, options: Options, listing: Listing) -> None:
    """The line of a rollout that is listed and cannot be read."""
    if options.json:
        emit_json("unreadable", time.time(), {"rollout": clean(rollout, 200), "reason": why})
    else:
        print(listing.damaged(rollout, why), flush=True)
