"""`rollouts`, `report` and `cluster export` with `--cluster`."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from quads_tui.render.listing import Listing, members
from quads_tui.rollout.counts import count
from quads_tui.rollout.text import clean
from quads_tui.runtime.event_loop import run_to_end
from quads_tui.runtime.history import Unreadable
from quads_tui.runtime.open_cluster import open_cluster
from quads_tui.runtime.options import Options, Refused, emit_json, notify

if TYPE_CHECKING:
    from quads_tui.runtime.cluster_history import ClusterEntry

from .history import print_unreadable, terminal_width
from .streams import print_utf8, reader_gone
from .terminal import run_with_exit_status


def rollouts_of_cluster(cluster: str, options: Options) -> int:
    """A line each, newest first; gives the exit status."""
    return run_with_exit_status(options, lambda: run_to_end(_list(cluster, options)))


def export_from_cluster(rollout: str, cluster: str, *, take_back: bool, options: Options) -> int:
    """A journal file of this machine; gives the exit status."""
    return run_with_exit_status(options, lambda: run_to_end(_export(rollout, cluster, take_back, options)))


def report_of_cluster(rollout: str | None, format: str, cluster: str, options: Options) -> int:
    """As cli.history.report; gives the exit status."""
    return run_with_exit_status(options, lambda: run_to_end(_report(rollout, format, cluster)))


async def _list(cluster: str, options: Options) -> int:
    async with open_cluster(cluster) as opened:
        from quads_tui.runtime.cluster_history import cluster_entry

        rows = (await opened.rollouts.all())[::-1]
        if not rows:
            notify(f"there is no rollout in {opened.where}")
            return 0
        listing = Listing(max(len("ROLLOUT"), *(len(row.id) for row in rows)), terminal_width())
        if not options.json:
            print(listing.heading())
        for row in rows:
            if reader_gone():
                break
            try:
                found = await cluster_entry(opened.rollouts, row, options)
            except Unreadable as why:
                print_unreadable(row.id, str(why), options, listing)
                continue
            if options.json:
                emit_json("rollout", time.time(), {**members(found.entry), **_cluster_members(found)})
            else:
                print(listing.line(replace(found.entry, end_reason=found.state_words)), flush=True)
    return 0


def _cluster_members(found: ClusterEntry) -> dict[str, object]:
    row = found.found.row
    return {"worker": found.found.worker, "wanted": row.wanted, "waiting_commands": row.waiting, "location": row.location}


async def _report(rollout: str | None, format: str, cluster: str) -> int:
    async with open_cluster(cluster) as opened:
        from quads_tui.runtime.cluster_history import cluster_report
        from quads_tui.runtime.cluster_source import choose_in_cluster

        row = await choose_in_cluster(opened.rollouts, rollout, opened.where, newest=True)
        try:
            text = await cluster_report(opened.rollouts, row, format)
        except Unreadable as error:
            notify(f"quads-tui: {clean(error, 2000)}")
            return 2
    print_utf8(text)
    return 0


async def _export(rollout: str, cluster: str, take_back: bool, options: Options) -> int:
    async with open_cluster(cluster) as opened:
        from quads_tui.runtime.cluster_export import export
        from quads_tui.runtime.cluster_source import choose_in_cluster, standing

        row = await choose_in_cluster(opened.rollouts, rollout, opened.where)
        found = await standing(opened.rollouts, row)
        try:
            directory = await export(opened.rollouts, row, options, opened.where, take_back=take_back)
        except Unreadable as error:
            raise Refused([str(error)]) from None
    if options.json:
        emit_json("exported", time.time(), {"rollout": row.id, "directory": str(directory), "taken_back": take_back})
    else:
        print(f"exported: {directory}")
    if take_back:
        notify(f"{row.id} is a rollout of this machine now: workers do not continue it, quads-tui resume {row.id} does")
        if row.waiting:
            notify(f"not in the journal: {count(row.waiting, 'command')} that no worker took")
    elif found.worker:
        notify(f"worker {found.worker} carries {row.id} out: the journal is what was known now")
    elif row.wanted:
        notify(f"{row.id} waits for a worker: the journal is what was known now")
    return 0
