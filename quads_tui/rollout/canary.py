"""Canaries: the first hosts of a model, os and medium, which must be built before other hosts of their type begin.

How many of each type, and which types need none, stands in the plan; all else is derived from the events, so that a resume knows
the same. A canary that failed, was skipped or held, or is overdue is replaced by another host of its type.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import NamedTuple

from .events import CanaryOverdue, Event, HostAhead, HostChanged, Paused, StageChanged
from .learned import BuildType, LearnedDurations, build_type
from .plan import Plan
from .stages import HostStatus, Kind, StageStatus
from .waits import CANARY, for_the_first, for_the_pause

TRIES = 2  # canaries of a type that failed or are overdue, until the operator is asked
MANY = 100  # hosts of a rollout above which a new type has a canary where the operator does not say
RECENT = 30 * 86400.0  # real seconds: a type that was built at this site within them is not new


class CanaryStep(Enum):
    """What became of a canary."""

    BEGUN = auto()
    BUILT = auto()
    FAILED = auto()
    OVERDUE = auto()
    LEFT = auto()  # skipped or held: that says nothing of its type


class CanaryNews(NamedTuple):
    """What an event made known of the canary `host`."""

    group: CanaryGroup
    step: CanaryStep
    host: str


@dataclass(slots=True)
class CanaryGroup:
    """The hosts of one type. `wanted`: so many must be built before the others begin."""

    type: BuildType
    wanted: int
    waiting: set[str]  # have not begun, and have not ended
    begun: set[str] = field(default_factory=set)
    live: dict[str, None] = field(default_factory=dict)  # those under way, but for the overdue ones
    built: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)  # failed or overdue, and why
    accepted: set[str] = field(default_factory=set)  # of the failed: those that the operator has seen
    why: str = ""  # why those that wait may not begin, in words; empty: the next one may
    _ended: set[str] = field(default_factory=set)  # and not done

    @property
    def is_open(self) -> bool:
        """Enough are built: all may begin."""
        return len(self.built) >= self.wanted

    @property
    def is_held(self) -> bool:
        """Too many failed: no other one begins before the operator has decided."""
        return not self.is_open and bool(self.waiting) and len(self.failed.keys() - self.accepted) >= TRIES

    @property
    def pause(self) -> str:
        return CANARY + type_words(self.type)

    @property
    def first(self) -> str:
        """What one of its hosts is called, after "the first"."""
        words = type_words(self.type, medium=False)
        return words if self.type.model else f"host of {words}"

    def apply(self, event: StageChanged | HostAhead | HostChanged | CanaryOverdue) -> CanaryNews | None:
        """An event of one of its hosts."""
        news = self._apply(event)
        self._judge()
        return news

    def accept(self) -> None:
        """The operator has seen what failed: another one is tried."""
        self.accepted |= self.failed.keys()
        self._judge()

    def _judge(self) -> None:
        if self.is_held:
            self.why = for_the_pause(self.pause)
        elif not self.is_open and len(self.live) + len(self.built) >= self.wanted:
            self.why = for_the_first(self.first, self.wanted, list(self.live))
        else:
            self.why = ""

    def _apply(self, event: StageChanged | HostAhead | HostChanged | CanaryOverdue) -> CanaryNews | None:
        host = event.host
        if isinstance(event, CanaryOverdue):
            return self._fail(host, event.reason, CanaryStep.OVERDUE)
        if isinstance(event, HostChanged):
            return self._move(host, event.status, event.reason)
        begins = event.ahead if isinstance(event, HostAhead) else event.status is StageStatus.STARTED
        if not begins or host in self.begun:
            return None
        self.begun.add(host)
        self.waiting.discard(host)
        self.live[host] = None
        return CanaryNews(self, CanaryStep.BEGUN, host)

    def _move(self, host: str, status: HostStatus, reason: str) -> CanaryNews | None:
        begun = host in self.begun
        if status is HostStatus.DONE:
            self.waiting.discard(host)
            self.live.pop(host, None)
            self.failed.pop(host, None)
            self.built.add(host)
            return CanaryNews(self, CanaryStep.BUILT, host)
        if status.is_final:
            self._ended.add(host)
            self.waiting.discard(host)
            if status is HostStatus.FAILED and begun:
                return self._fail(host, reason, CanaryStep.FAILED)
            self.live.pop(host, None)
            return CanaryNews(self, CanaryStep.LEFT, host) if begun else None
        if host in self._ended:  # an operator has it tried again
            self._ended.discard(host)
            self.failed.pop(host, None)
            self.accepted.discard(host)
            if begun:
                self.live[host] = None
            else:
                self.waiting.add(host)
        return None

    def _fail(self, host: str, reason: str, step: CanaryStep) -> CanaryNews | None:
        known = host in self.failed
        self.live.pop(host, None)
        self.failed[host] = reason
        return None if known else CanaryNews(self, step, host)


class Canaries:
    """Of one rollout. `apply` is O(1); `news` is what the last event made known, None for most of them."""

    def __init__(self, plan: Plan) -> None:
        self.groups = canary_groups(plan)
        self.news: CanaryNews | None = None
        self._of = {host: group for group in self.groups for host in group.waiting}

    def __getitem__(self, host: str) -> CanaryGroup | None:
        """The group of a host whose type is not built yet; None for all others."""
        group = self._of.get(host)
        return None if group is None or group.is_open else group

    def type_of(self, host: str) -> BuildType | None:
        """None for a host whose type needs no canary."""
        group = self._of.get(host)
        return None if group is None else group.type

    def wait(self, host: str) -> str:
        """Why the host may not begin before others of its type are built, in words; empty: it may, or has begun."""
        group = self._of.get(host)
        return "" if group is None or host in group.begun else group.why

    def paused(self, host: str) -> str:
        """The pause that keeps the host from beginning; empty: none."""
        group = self._of.get(host)
        return group.pause if group is not None and group.is_held and host not in group.begun else ""

    def apply(self, event: Event) -> None:
        self.news = None
        if isinstance(event, StageChanged | HostAhead | HostChanged | CanaryOverdue):
            group = self._of.get(event.host)
            if group is not None:
                known = group.is_open  # whatever becomes of its hosts from then on is no news of a canary
                news = group.apply(event)
                self.news = None if known else news
        elif isinstance(event, Paused) and not event.paused and event.what.startswith(CANARY):
            for group in self.groups:
                if group.pause == event.what:
                    group.accept()


def canary_groups(plan: Plan) -> list[CanaryGroup]:
    """The types of which a host waits for another one, the largest first."""
    if not plan.canary:
        return []
    hosts: dict[BuildType, set[str]] = {}
    for host in plan.hosts:
        if not host.blocker and plan.goal(host).kind is Kind.BUILD:
            hosts.setdefault(build_type(plan, host), set()).add(host.name)
    proven = set(plan.proven)
    found = [CanaryGroup(type, plan.canary, names) for type, names in hosts.items() if type not in proven]
    return sorted((group for group in found if len(group.waiting) > group.wanted), key=lambda group: -len(group.waiting))


def with_canary(plan: Plan, wanted: int | None, learned: LearnedDurations, now: float) -> Plan:
    """The plan with `wanted` canaries of each type; None: one of each new type, where the rollout is large. `now`: real time."""
    if wanted is not None:
        return replace(plan, canary=wanted, proven=())
    if len(plan.hosts) <= MANY:
        return replace(plan, canary=0, proven=())
    here = {build_type(plan, host) for host in plan.hosts}
    return replace(plan, canary=1, proven=tuple(sorted(here & learned.built_since(now - RECENT))))


def type_words(type: BuildType, *, medium: bool = True) -> str:
    """The type as an operator calls it: R650 with RHEL 9.4 from RHEL Local."""
    words = type.model or "unknown model"
    words += f" with {type.os}" if type.os else ""
    return words + (f" from {type.medium}" if type.medium and medium else "")
