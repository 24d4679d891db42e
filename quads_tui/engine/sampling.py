"""Once a second: the graphs' points, and a row in the journal so that a rollout can be looked at again."""

from __future__ import annotations

from quads_tui.rollout.metrics import METERS, lane_facts
from quads_tui.rollout.ports import Lane

from .context import RolloutContext


async def sample(context: RolloutContext, lane: Lane) -> None:
    """Every `context.sample_seconds` (real), until cancelled. Latencies are kept in real seconds, ages in own ones."""
    meters, clock = context.meters, context.clock
    while True:
        began = clock.now()
        await clock.sleep_real(context.sample_seconds)
        late = max(0.0, clock.now() - began - context.sample_seconds * clock.speed)
        if context.emulators_lag is not None:
            late += await context.emulators_lag() * clock.speed
        meters.tick(lane.state(), late, clock.wall())
        state = meters.lane
        figures: dict[str, object] = {
            "depth": state.depth,
            "head_age": round(state.head_age, 1),
            "in_flight": len(state.in_flight),
            "granted": state.granted,
            "powered_off_waiting": len(context.rollout.powered_off_waiting),
            "lane": lane_facts(state, clock.now()),
            "late": round(late, 2),
        }
        for name in METERS:
            point = getattr(meters, name).sampled
            figures[name] = [round(point.p50, 4), round(point.p95, 4), point.exchanges, point.errors, round(point.work, 4)]
        context.journal.sample(clock.wall(), figures)
