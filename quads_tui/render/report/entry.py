"""The list entry of a rollout, from its journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from quads_tui.rollout.cloud_counts import cloud_counts
from quads_tui.rollout.events import Event, HostArmed, HostChanged, RolloutEnded, RolloutStarted, StageChanged
from quads_tui.rollout.stages import HostStatus

from ..listing import Entry
from .build import replay, state_of
from .elapsed import runs_of, time_of
from .journal_facts import given_words, number, plan_of, text

_COUNTED = (StageChanged, HostChanged, HostArmed, RolloutStarted, RolloutEnded)
"""Events that change what an entry tells: of ten thousand hosts the others are most of the work of a replay."""


def entry(
    rollout: str, facts: Mapping[str, Any], events: Iterable[Event], sampled: Sequence[float] = (), holder: str = ""
) -> Entry:
    """`rollout`: the name of its directory; `sampled`: real times of its samples; `holder`: who carries it now.

    Raises ValueError for a plan that cannot be read.
    """
    plan, kept = plan_of(facts), list(events)
    model = replay(facts, plan, (event for event in kept if isinstance(event, _COUNTED)))
    counts = model.counts
    return Entry(
        rollout=text(rollout, 200),
        created_at=number(facts.get("created_at")),
        who=text(facts.get("who"), 100),
        cloud=text(plan.cloud if plan else given_words(facts, "cloud"), 100),
        kind=plan.words("kind") if plan else "",
        rehearsal=bool(facts.get("rehearsal")),
        state=state_of(model, plan, holder),
        end_reason=text(model.end_reason, 40),
        seconds=time_of(runs_of(kept, sampled)).total,
        hosts=len(model.hosts),
        done=counts[HostStatus.DONE],
        failed=counts[HostStatus.FAILED],
        skipped=counts[HostStatus.SKIPPED],
        held=counts[HostStatus.HELD],
        open=sum(number for status, number in counts.items() if not status.is_final),
        armed=len(model.armed),
        clouds=tuple({**one.members(), "cloud": text(one.cloud, 100)} for one in cloud_counts(model)) if plan else (),
    )
