"""The list entry of a rollout, from its journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from quads_tui.rollout.cloud_counts import cloud_counts
from quads_tui.rollout.events import Event, HostArmed, HostChanged, RolloutEnded, RolloutStarted, StageChanged
from quads_tui.rollout.stages import HostStatus, StageStatus

from ..listing import Entry
from .build import replay, state_of
from .elapsed import runs_of, time_of
from .journal_facts import given_words, number, plan_of, text


def entry(
    rollout: str, facts: Mapping[str, Any], events: Iterable[Event], sampled: Sequence[float] = (), holder: str = ""
) -> Entry:
    """`rollout`: the name of its directory; `sampled`: real times of its samples; `holder`: who carries it now.

    Raises ValueError for a plan that cannot be read.
    """
    plan, kept = plan_of(facts), list(events)
    model = replay(facts, plan, _decisive(kept))
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


def _decisive(events: Iterable[Event]) -> Iterable[Event]:
    """Those that the counts of an entry depend on, in their order: what began and ended the rollout, and of each host the last
    that moved it and the last that armed or disarmed it. Of ten thousand hosts they are one event in eighteen."""
    found: dict[tuple[str, str] | int, Event] = {}
    for place, event in enumerate(events):
        key: tuple[str, str] | int = place
        if isinstance(event, HostArmed):
            key = "armed", event.host
        elif isinstance(event, HostChanged) or (isinstance(event, StageChanged) and event.status is StageStatus.STARTED):
            key = "status", event.host
        elif not isinstance(event, RolloutStarted | RolloutEnded):
            continue
        found.pop(key, None)
        found[key] = event
    return found.values()
