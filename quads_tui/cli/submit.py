"""`run --cluster`: the plan is made and confirmed here, and carried out by workers."""

from __future__ import annotations

import shlex
import time

from quads_tui.runtime.cluster import cluster_database, submit
from quads_tui.runtime.event_loop import run_to_end
from quads_tui.runtime.locations import only_at
from quads_tui.runtime.options import Options, Refused, emit_json, notify
from quads_tui.runtime.rollout_input import RolloutInput, RunRequest, load
from quads_tui.runtime.unfinished import find_unfinished

from .terminal import TerminalOperator, chosen_front_end


def submit_to(cluster: str, request: RunRequest, options: Options, location: str | None = None) -> int:
    """0 when it was submitted, 4 when it was not confirmed. `location`: only its hosts; None: all."""
    given = load(request, options, notify)
    if location is not None:
        given = only_at(given, location)
    if old := find_unfinished(given, options):
        words = "has unfinished hosts of this assignment: finish or skip them first"
        raise Refused([f"the rollout {one.stored.id} of this machine {words}" for one in old])
    shown, _ = chosen_front_end(options)
    return run_to_end(_submit(cluster, given, shown, request.expect))


async def _submit(cluster: str, given: RolloutInput, options: Options, expect: int | None) -> int:
    dsn = await cluster_database(cluster)
    from quads_tui.journal.cluster.connection import DatabaseAway

    try:
        rollout = await submit(given, options, TerminalOperator(), dsn, expect=expect)
    except DatabaseAway as error:
        raise Refused([f"the database of the cluster ({dsn.shown}): {error}"]) from None
    if rollout:
        notify(f"watch and control it with: quads-tui attach {rollout} --cluster {shlex.quote(cluster)}")
    if rollout and options.json:
        emit_json("submitted", time.time(), {"rollout": rollout})
    return 0 if rollout else 4
