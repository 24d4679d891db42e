"""How hosts fared in the rollouts of a cluster; what a machine has learned from its own ones is in learned_store.py."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from quads_tui.journal.cluster.rollouts import ClusterRollout, ClusterRollouts
from quads_tui.rollout.host_results import learn_from
from quads_tui.rollout.learned import ROLLOUTS, LearnedDurations
from quads_tui.rollout.plan import plan_from
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.text import clean

from .cluster_source import all_events
from .history import DAMAGE
from .learned_store import Notify
from .outside_text import printable


async def hosts_in_cluster(
    rollouts: ClusterRollouts, wanted: Callable[[str], bool], foreman: str | None, notify: Notify
) -> dict[str, LearnedDurations]:
    """By the server of each Foreman, or of the one that is asked for: what became of the `wanted` hosts in the newest
    rollouts that no worker carries now.

    One that cannot be read is reported and left out. Raises DatabaseAway.
    """
    found: defaultdict[str, LearnedDurations] = defaultdict(LearnedDurations)
    for row in reversed(await rollouts.all()):
        if row.last and not row.worker and foreman in (None, row.foreman):
            try:
                await _add(rollouts, row, wanted, found[row.foreman])
            except DAMAGE as error:
                notify(f"warning: the rollout {clean(row.id, 200)} is damaged, or of a newer version: {clean(error, 300)}")
    return dict(found)


async def _add(rollouts: ClusterRollouts, row: ClusterRollout, wanted: Callable[[str], bool], learned: LearnedDurations) -> None:
    facts = printable(await rollouts.facts(row.id))
    plan = plan_from(facts["plan"])
    if all(len(learned.hosts.get(name, ())) >= ROLLOUTS for name in plan.names if wanted(name)):
        return  # nothing older of them is shown
    rollout = Rollout(row.id, plan, speed=facts.get("speed", 1.0))
    now = 0.0
    for event in await all_events(rollouts, row.id):
        rollout.apply(event)
        now = event.at
    learn_from(rollout, learned, now)
