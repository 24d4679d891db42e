"""What is counted of one run of benchmarks.cluster_faults: by the emulated servers, and from the journal of the rollout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from quads_tui.engine.ahead import AheadLimit
from quads_tui.rollout.events import Event, HostAhead, HostNote
from quads_tui.rollout.limits import AUTO
from quads_tui.rollout.plan import Plan
from quads_tui.rollout.refusals import FIRST
from quads_tui.rollout.state import Rollout

MOST_CONNECTIONS = 8  # to Foreman at once, of all machines together
HOOKS = 2  # of the lab's site, each once for its cloud
ZERO = (
    "unsettled",  # the rollout did not come to its end
    "no_fault",  # the disturbance did not happen: the run proves nothing
    "lost",  # hosts that were not built
    "double_wipes",
    "overlaps",  # writes that Foreman saw beside another one, at most
    "extra_writes",
    "extra_resets",
    "sessions",  # left at BMCs without a word
    "extra_hooks",  # of once-per-cloud hooks; negative: some did not run
    "extra_connections",  # more at once than one process may have
    "extra_logins",  # beyond one of the console that submitted the rollout, and one of each worker that was started
    "extra_dark",  # hosts that were powered off ahead of their write although as many were as the rule of one process allows
    "extra_canaries",  # hosts of a type that began beside the canary before it was built
    "misplaced",  # events of the journal that are not numbered one after the other
)
_LEFT = ("may be left at the BMC", "stays open at the BMC")


def counted(lab: dict[str, Any], hosts: int) -> dict[str, int]:
    """From what `GET /counts` of the emulators tells."""
    foreman, machines = lab["foreman"], lab["hosts"].values()
    return {
        "lost": sum(machine["built"] != 1 for machine in machines),
        "double_wipes": sum(machine["wipes"] > 1 for machine in machines),
        "overlaps": max(0, foreman["peak_writes"] - 1),
        "extra_writes": foreman["writes"] - hosts,
        "extra_resets": sum(max(0, machine["resets"] - 2) for machine in machines),
        "open_sessions": lab["bmc"]["sessions_open"],
        "connections": foreman["connections"],
        "extra_connections": max(0, foreman["connections"] - MOST_CONNECTIONS),
        "logins": foreman["logins"],
        "reads": foreman["reads"],
    }


def journalled(plan: Plan, events: Sequence[Event], speed: float) -> dict[str, Any]:
    """`dark`: hosts that stood powered off and not yet written, at most; `first_dark`: the same until the first write was
    verified. `makespan`: own seconds. `named`: hosts that say that a session is or may be left at their BMC, by the survey or
    the rollout (it did not answer its deletion, or a login was interrupted and it does not tell whose a session is)."""
    rollout = Rollout("", plan, speed=speed)
    ahead = AheadLimit(rollout.durations, width=lambda: 1, cap=AUTO)
    dark = first_dark = extra_dark = extra_canaries = 0
    kinds: Counter[str] = Counter()
    named = {host.name for host in plan.hosts if host.left_session}
    starts = [event.at for event in events if event.kind == "rollout_started"]
    ends = [event.at for event in events if event.kind in ("stage", "host")]
    for event in events:
        if isinstance(event, HostAhead) and event.ahead:
            places = ahead.places() if rollout.first_write_verified else min(ahead.places(), FIRST)
            extra_dark += len(rollout.powered_off_waiting) >= places
        rollout.apply(event)
        kinds[event.kind] += 1
        dark = max(dark, len(rollout.powered_off_waiting))
        if not rollout.first_write_verified:
            first_dark = max(first_dark, len(rollout.powered_off_waiting))
        for group in rollout.canaries.groups:
            if not group.is_open:
                extra_canaries = max(extra_canaries, len(group.live) + len(group.built) - group.wanted)
        if isinstance(event, HostNote) and any(words in event.text for words in _LEFT):
            named.add(event.host)
    return {
        "dark": dark,
        "first_dark": first_dark,
        "extra_dark": extra_dark,
        "extra_canaries": extra_canaries,
        "carriers": kinds["rollout_started"],
        "stages": kinds["stage"],
        "failed_attempts": sum(event.kind == "stage" and event.status.value == "failed" for event in events),  # type: ignore[attr-defined]
        "named": len(named),
        "makespan": round((max(ends, default=0.0) - min(starts, default=0.0)) * speed, 1),
    }
