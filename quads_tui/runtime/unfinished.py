"""Unfinished rollouts whose hosts a new one has too. It may take their place only if it has all that they still have to do."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from quads_tui.journal.catalogue import StoredRollout, stored_rollouts
from quads_tui.journal.reader import JournalReader, NoJournal
from quads_tui.journal.servers import spelled
from quads_tui.rollout.plan import plan_from
from quads_tui.rollout.state import Rollout

from .history import DAMAGE
from .options import Options
from .rollout_input import RolloutInput


@dataclass(frozen=True, slots=True)
class UnfinishedRollout:
    """`others`: how many of its unfinished hosts are not in the new rollout, by cloud."""

    stored: StoredRollout
    others: dict[str, int]

    @property
    def others_words(self) -> str:
        """Such as "36 unfinished hosts that are not part of the new rollout (cloud05: 35, cloud07: 1)"; empty without any."""
        count = sum(self.others.values())
        hosts = "1 unfinished host that is" if count == 1 else f"{count} unfinished hosts that are"
        clouds = ", ".join(f"{cloud}: {number}" for cloud, number in self.others.items())
        return f"{hosts} not part of the new rollout ({clouds})" if count else ""


def find_unfinished(given: RolloutInput, options: Options) -> list[UnfinishedRollout]:
    """All unfinished rollouts on this Foreman that have hosts of these assignments, the newest first. Not those whose journal or
    plan cannot be read."""
    names = {host.name for assignment in given.assignments for host in assignment.hosts}
    found = []
    for stored in stored_rollouts(options.state):
        facts = stored.facts
        if not stored.unfinished or stored.rehearsal or "plan" not in facts:
            continue
        if spelled(facts["foreman"]) != spelled(given.site.foreman.url):
            continue
        try:
            plan = facts["plan"]
        except (NoJournal, *DAMAGE):
            continue
        if names & {host["name"] for host in plan["hosts"]}:
            others = Counter(cloud for name, cloud in _left(stored, plan).items() if name not in names)
            found.append(UnfinishedRollout(stored, dict(others.most_common())))
    return found


def _left(stored: StoredRollout, plan: Any) -> dict[str, str]:
    """Its unfinished hosts and their clouds; of a journal that cannot be read all hosts of the plan."""
    try:
        rollout = Rollout(stored.id, plan_from(plan))
        with closing(JournalReader(stored.journal)) as journal:
            for _, event in journal.events():
                rollout.apply(event)
    except (NoJournal, *DAMAGE):
        return {host["name"]: str(host.get("cloud", "")) for host in plan["hosts"]}
    return {name: host.cloud for name, host in rollout.hosts.items() if not host.status.is_final}
