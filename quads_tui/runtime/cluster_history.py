"""Reports and list entries of the rollouts of a cluster, read-only; runtime/history.py has those of this machine."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from quads_tui.journal.catalogue import StoredRollout
from quads_tui.journal.cluster.rollouts import ClusterRollout, ClusterRollouts
from quads_tui.render.listing import Entry, State
from quads_tui.render.report import build_report
from quads_tui.render.report.entry import entry
from quads_tui.render.report.formats import FORMATS
from quads_tui.rollout.text import clean

from .cluster_source import RolloutInCluster, all_events, all_samples, is_usual, standing
from .history import DAMAGE, Unreadable
from .options import Options, Refused
from .outside_text import printable
from .summary import read_summary, write_summary

WAITS = "waits for a worker"


@dataclass(frozen=True, slots=True)
class ClusterEntry:
    """A rollout of the listing, with how it stands in the database."""

    entry: Entry
    found: RolloutInCluster

    @property
    def state_words(self) -> str:
        """Why it is as its state says, where that is the cluster's; else what its entry has."""
        waits = self.entry.state is State.UNFINISHED and self.found.row.wanted
        return WAITS if waits else self.entry.end_reason


async def cluster_entry(rollouts: ClusterRollouts, row: ClusterRollout, options: Options) -> ClusterEntry:
    """Of one that no worker carries, kept on this machine until something new is written. Raises DatabaseAway, Unreadable."""
    found = await standing(rollouts, row)
    state = f"{row.submitted} {row.epoch} {row.last}"
    place = StoredRollout(row.id, options.state / "cluster" / row.id, {})
    if not row.worker and is_usual(row.id) and (kept := read_summary(place, state)) is not None:
        return ClusterEntry(kept, found)
    try:
        facts, events = printable(await rollouts.facts(row.id)), await all_events(rollouts, row.id)
        times = [sample.at for sample in await all_samples(rollouts, row.id)]
        made = entry(row.id, facts, events, times, found.worker)
    except DAMAGE as error:
        raise Unreadable(f"damaged, or of a newer version: {clean(error, 300)}") from None
    if not row.worker and is_usual(row.id):
        with suppress(Refused):  # then the next listing reads it again
            options.private_directory(place.directory)
            write_summary(place, state, made)
    return ClusterEntry(made, found)


async def cluster_report(rollouts: ClusterRollouts, row: ClusterRollout, format: str) -> str:
    """The report of one rollout, as md, html or json. Raises as `cluster_entry`."""
    found = await standing(rollouts, row)
    try:
        facts, events = printable(await rollouts.facts(row.id)), await all_events(rollouts, row.id)
        holder = found.worker and f"worker {found.worker}"
        resume = "" if row.wanted else f"quads-tui resume {row.id} --cluster DSN"
        return FORMATS[format](build_report(facts, events, await all_samples(rollouts, row.id), holder, resume))
    except DAMAGE as error:
        raise Unreadable(f"the rollout {row.id} is damaged, or of a newer version: {clean(error, 300)}") from None
