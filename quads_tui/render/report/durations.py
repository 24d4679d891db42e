"""How long the stages took, by model: what an estimate of the next rollout can be made of."""

from __future__ import annotations

from collections.abc import Iterable

from quads_tui.rollout.events import Event, StageChanged
from quads_tui.rollout.meters import quantile
from quads_tui.rollout.plan import Plan
from quads_tui.rollout.stages import Stage, StageStatus

SHARES = (0.5, 0.9, 0.95)


def stage_durations(events: Iterable[Event], plan: Plan) -> dict[tuple[str, Stage], list[float]]:
    """Own seconds of every finished attempt, in the order of the events, by the plan's model ("": unknown) and stage.

    `foreman_build` includes the wait for the write lane. Left out: attempts that failed; stages that were right already
    (finished with a reason), since they tell how long it takes to look, not to do; and what was left of a stage that a
    dying process had cut off.
    """
    models = {host.name: host.model for host in plan.hosts}
    found: dict[tuple[str, Stage], list[float]] = {}
    cut: set[tuple[str, Stage]] = set()
    for event in events:
        if not isinstance(event, StageChanged) or event.status is StageStatus.STARTED:
            continue
        rest = (event.host, event.stage) in cut
        (cut.add if event.status is StageStatus.SKIPPED else cut.discard)((event.host, event.stage))
        model = models.get(event.host)
        if event.status is StageStatus.FINISHED and not event.reason and not rest and model is not None:
            found.setdefault((model, event.stage), []).append(event.seconds)
    return found


def quantiles(ordered: tuple[float, ...] | list[float]) -> tuple[float, float, float]:
    """p50, p90 and p95 of ascending seconds (nearest rank)."""
    p50, p90, p95 = (quantile(ordered, share) for share in SHARES)
    return p50, p90, p95
