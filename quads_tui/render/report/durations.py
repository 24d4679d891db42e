"""How long the stages took, by model: what an estimate of the next rollout can be made of."""

from __future__ import annotations

from collections.abc import Iterable

from quads_tui.rollout.durations import Attempts
from quads_tui.rollout.events import Event, StageChanged
from quads_tui.rollout.metrics import quantile
from quads_tui.rollout.plan import Plan
from quads_tui.rollout.stages import Stage

SHARES = (0.5, 0.9, 0.95)


def stage_durations(events: Iterable[Event], plan: Plan) -> dict[tuple[str, Stage], list[float]]:
    """Own seconds of every finished attempt, in the order of the events, by the plan's model ("": unknown) and stage.

    `foreman_build` includes the wait for the write lane. Left out is what Attempts leaves out.
    """
    models = {host.name: host.model for host in plan.hosts}
    found: dict[tuple[str, Stage], list[float]] = {}
    attempts = Attempts()
    for event in events:
        if isinstance(event, StageChanged) and attempts.is_duration(event):
            model = models.get(event.host)
            if model is not None:
                found.setdefault((model, event.stage), []).append(event.seconds)
    return found


def quantiles(ordered: tuple[float, ...] | list[float]) -> tuple[float, float, float]:
    """p50, p90 and p95 of ascending seconds (nearest rank)."""
    p50, p90, p95 = (quantile(ordered, share) for share in SHARES)
    return p50, p90, p95
