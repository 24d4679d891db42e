"""A line a rollout: the history of a state directory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from quads_tui.rollout.cloud_counts import cloud_counts
from quads_tui.rollout.events import Event
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.text import clean
from quads_tui.rollout.time_words import date_and_time

from ..clouds import short_clouds_name
from ..numbers import duration
from .build import replay, state_of
from .data import rfc3339
from .document import State
from .elapsed import runs_of, time_of
from .journal_facts import given_words, number, plan_of, text

_NUMBERS = ("HOSTS", "DONE", "FAILED", "SKIPPED", "HELD", "UNFINISHED", "ARMED")


@dataclass(frozen=True, slots=True)
class Entry:
    """One rollout of the listing. `seconds` are its own; `open` hosts stand at no end."""

    rollout: str
    created_at: float
    who: str
    cloud: str
    kind: str
    rehearsal: bool
    state: State
    end_reason: str
    seconds: float
    hosts: int
    done: int
    failed: int
    skipped: int
    held: int
    open: int
    armed: int
    clouds: tuple[dict[str, Any], ...] = ()  # of each cloud: its name, kind and counts

    @property
    def cloud_column(self) -> str:
        """Its cloud, or how many it has."""
        return short_clouds_name([cloud["cloud"] for cloud in self.clouds]) if len(self.clouds) > 1 else self.cloud


def entry(
    rollout: str, facts: Mapping[str, Any], events: Iterable[Event], sampled: Sequence[float] = (), holder: str = ""
) -> Entry:
    """`rollout`: the name of its directory; `sampled`: real times of its samples; `holder`: who carries it now.

    Raises ValueError for a plan that cannot be read.
    """
    plan, kept = plan_of(facts), list(events)
    model = replay(facts, plan, kept)
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


def members(found: Entry) -> dict[str, Any]:
    """The same as JSON types: `created_at` in RFC 3339, everything else by its name."""
    return {**asdict(found), "created_at": rfc3339(found.created_at)}


def heading(width: int) -> str:
    """`width`: of the longest id."""
    numbers = " ".join(f"{name:>{_width(name)}}" for name in _NUMBERS)
    return f"{'ROLLOUT':<{width}}  {'CREATED':<16}  {'CLOUD':<9} {numbers}  {'TIME':>10}  STATE"


def line(found: Entry, width: int) -> str:
    """One rollout, in columns under `heading`. Local time."""
    figures = (found.hosts, found.done, found.failed, found.skipped, found.held, found.open, found.armed)
    numbers = " ".join(f"{figure or '-':>{_width(name)}}" for name, figure in zip(_NUMBERS, figures, strict=True))
    words = found.state.value + (f" ({found.end_reason})" if found.end_reason else "")
    words += ", rehearsal" if found.rehearsal else ""
    head = f"{found.rollout:<{width}}  {_local(found.created_at):<16}  {found.cloud_column:<9} {numbers}"
    return f"{head}  {duration(found.seconds):>10}  {words}"


def _width(name: str) -> int:
    return max(7, len(name))


def damaged(rollout: str, why: str, width: int) -> str:
    """A journal that cannot be read is a line that says so."""
    return f"{clean(rollout, 200):<{width}}  cannot be read: {clean(why, 300)}"


def _local(at: float) -> str:
    return date_and_time(at) if at else ""
