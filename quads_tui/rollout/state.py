"""What is known of a rollout, derived from its events alone. Every `apply` is O(1); screens and reports only read."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from .bmc_report import BmcReport, report_from
from .canary import Canaries, CanaryStep
from .causes import Cause, group_of
from .comments import KEPT, HostComment
from .durations import DurationStats
from .events import (
    ABOUT_A_HOST,
    FOREMAN_ACTS,
    RECORD_ACTS,
    BmcReported,
    Commanded,
    ControlTaken,
    Event,
    HookRan,
    HostAhead,
    HostArmed,
    HostChanged,
    HostCommented,
    HostNote,
    Identified,
    Intent,
    LaneNarrowed,
    Notice,
    OutageChanged,
    Outcome,
    Paused,
    RepairChanged,
    RolloutEnded,
    RolloutStarted,
    StageChanged,
    WriteOrdered,
)
from .outages import Outage, Outages, outage_words
from .plan import Plan
from .refusals import ADMISSION, SAFETY, Refusals, model_pause
from .repairs import BMC_RESET, GIVE_BACK, Repair, RepairStatus
from .rollout_time import RolloutTime
from .safety import Safety
from .stage_history import StageCounts, StageHistory
from .stage_spans import StageSpans, Timeline, TimelineEntry
from .stages import ActResult, HostStatus, Kind, Stage, StageStatus
from .time_words import duration

_NOT_THE_MACHINE = RECORD_ACTS | {BMC_RESET}  # intents of acts that leave the machine and its build as they are


@dataclass(slots=True)
class HostState:
    name: str
    model: str
    address: str
    index: int  # place in the plan
    cloud: str = ""
    kind: Kind = Kind.BUILD  # what the rollout does to it
    status: HostStatus = HostStatus.QUEUED
    stage: Stage | None = None  # where it is, or where it ended
    marks: dict[Stage, StageStatus] = field(default_factory=dict)  # the last status of each stage begun
    attempts: dict[Stage, int] = field(default_factory=dict)
    since: float = 0.0  # real time of the last change of stage or status
    note: str = ""  # why it waits or failed, in words
    cause: Cause | None = None
    reason: str = ""
    until: float | None = None  # WAITING: when the next attempt is due
    armed: bool = False  # the next boot wipes it
    touched: bool = False  # something was sent to its BMC, or to Foreman about its build
    left: Safety | None = None  # what its last end left it as, where its event says so
    not_disarmed: str = ""  # why it could not be made safe, in words
    owned: bool = False  # a write of this rollout has changed its owner in Foreman, and none has changed it back
    repair: Repair | None = None  # under way
    repaired: str = ""  # what came of the last one since it ended, in words
    given_back: str = ""  # the owner to whom it was given back
    hooks: dict[str, bool] = field(default_factory=dict)  # those that ran for it, and whether they went well
    timeline: Timeline = field(default_factory=Timeline)
    spans: StageSpans = field(default_factory=StageSpans)
    machine: str = ""  # that was identified, in words; empty: not yet
    unverified: str = ""  # why nobody compared its machine with Foreman's host
    report: BmcReport | None = None  # what its BMC told when an operator asked last
    reported_at: float = 0.0  # real time of that
    comments: tuple[HostComment, ...] = ()  # the newest last
    version: int = 0  # grows with every change: a key for caches

    @property
    def short(self) -> str:
        """The name without its domain."""
        return self.name.partition(".")[0]

    @property
    def attempt(self) -> int:
        """Of the present stage; 0 before the first."""
        return self.attempts.get(self.stage, 0) if self.stage else 0

    @property
    def safety(self) -> Safety:
        """What the host was left as, for one that ended and is not done."""
        if self.armed:
            return Safety.ARMED
        if self.left is not None and self.left is not Safety.ARMED:
            return self.left
        return Safety.UNKNOWN if self.touched else Safety.UNTOUCHED

    @property
    def left_behind(self) -> str:
        """The same in words, with whom it was given back to; empty for a host that is not at an end, or done."""
        given = f"given back to {self.given_back}" if self.given_back else ""
        return "; ".join(words for words in (given, self._made_safe) if words)

    @property
    def _made_safe(self) -> str:
        """Whether its next boot reinstalls it, with what could not be made safe."""
        if not self.status.is_final or self.status is HostStatus.DONE:
            return ""
        if self.safety is Safety.UNKNOWN and self.not_disarmed:  # that much is known
            return f"not disarmed completely, check it before it boots: {self.not_disarmed}"
        return self.safety.words + (f" ({self.not_disarmed})" if self.not_disarmed else "")

    @property
    def full_reason(self) -> str:
        """Why it ended as it did, what a repair did since, and what it was left as, in words; empty like `left_behind`."""
        left = self._made_safe
        return "; ".join(words for words in (self.repaired, self.reason, left) if words) if left else ""


@dataclass(slots=True)
class FailureGroup:
    """Hosts that failed in one stage for one reason (numbers and ids aside). `reason` is the first host's."""

    stage: Stage | None
    cause: Cause
    reason: str
    since: float
    hosts: dict[str, None] = field(default_factory=dict)  # in the order in which they failed


class Rollout:
    """The model: `apply` is its only way to change, `dirty` tells a screen which hosts did."""

    def __init__(self, rollout: str, plan: Plan, *, speed: float = 1.0) -> None:
        self.id = rollout
        self.plan = plan
        self.time = RolloutTime(speed)
        self.started_at = 0.0
        self.ended_at: float | None = None
        self.end_reason = ""
        self._settled_at: float | None = None
        self.resumed = False
        self.who = ""
        self.cluster = ""  # where its database is, as a word of a command line; empty: its journal is of this machine
        self.controller = ""  # the attached console that has control; empty: the screen of the process that runs it
        self.hosts: dict[str, HostState] = {
            host.name: HostState(host.name, host.model, host.address, index, plan.goal(host).cloud, plan.goal(host).kind)
            for index, host in enumerate(plan.hosts)
        }
        self.counts: Counter[HostStatus] = Counter({HostStatus.QUEUED: len(self.hosts)})
        self.clouds: dict[str, Counter[HostStatus]] = {goal.cloud: Counter() for goal in plan.goals}  # the same of each
        for host in self.hosts.values():
            self.clouds[host.cloud][HostStatus.QUEUED] += 1
        self.at_stage: Counter[Stage] = Counter()  # running and waiting hosts
        self.to_install: set[str] = set()  # hosts to be built that stand after their first stage, and have not ended
        self.groups: dict[tuple[Stage | None, Cause, str], FailureGroup] = {}
        self.armed: dict[str, None] = {}
        for known in plan.not_verified:
            self.hosts[known.name].unverified = known.unverified
        self.powered_off_waiting: dict[str, None] = {}  # powered off, or on the way to it, and not yet written
        self.write_next: dict[str, None] = {}  # hosts that an operator wants written before all others, in this order
        self.paused: dict[str, str] = {}  # what -> why
        self.paused_by_safety: set[str] = set()  # what of it no operator paused
        self.outages = Outages(plan)
        self.narrowed = ""  # why the write lane went back to one wide
        self.notices: deque[Notice | Commanded] = deque(maxlen=500)
        self._writing: dict[str, Intent] = {}  # the last write of each host that has no outcome yet
        self.dirty: set[str] = set()
        self.version = 0
        self.durations = DurationStats(plan)
        self.refusals = Refusals(plan, self.durations.kinds)
        self.canaries = Canaries(plan)
        self.stage_history = StageHistory()

    @property
    def unverified(self) -> Mapping[str, str]:
        """Why nobody compared the machine of these hosts with Foreman's host."""
        return {name: host.unverified for name, host in self.hosts.items() if host.unverified}

    @property
    def first_write_verified(self) -> bool:
        """Foreman showed a host of ours in build after our write. Ownership, parameters and what others built never count."""
        return self.refusals.first_write_verified

    def has_passed(self, host: str, stage: Stage) -> bool:
        """The host has finished this stage, or a later one: a resume may find it further than its journal says."""
        marks, order = self.hosts[host].marks, list(Stage)
        return any(marks.get(later) is StageStatus.FINISHED for later in order[order.index(stage) :])

    def new_host_paused(self, host: str) -> str:
        """What holds a host back that has not begun: a member of `paused`, or nothing."""
        found = (ADMISSION, model_pause(self.hosts[host].model), self.canaries.paused(host))
        return next((what for what in found if what in self.paused), "")

    def outage_of(self, host: str) -> Outage | None:
        """What keeps a host that has not ended from its stage: Foreman or its rack does not answer."""
        state = self.hosts[host]
        return None if state.status.is_final else self.outages.of(host, state.kind, state.stage)

    def outage_lines(self, now: float) -> list[str]:
        """What does not answer now, a clause each; none after the end. `now` is real time."""
        if self.ended_at is not None:
            return []
        return [outage_words(outage, now, self.time) for outage in self.outages.standing.values()]

    @property
    def settled(self) -> bool:
        """No host can move without a human."""
        return not (self.counts[HostStatus.QUEUED] or self.counts[HostStatus.RUNNING] or self.counts[HostStatus.WAITING])

    def stage_counts(self, at: float) -> StageCounts:
        """How the hosts stand now, as a point of the stage history at real time `at`."""
        counts, stages = self.counts, tuple(self.at_stage[stage] for stage in Stage)
        done, failed = counts[HostStatus.DONE], counts[HostStatus.FAILED]
        skipped, held = counts[HostStatus.SKIPPED], counts[HostStatus.HELD]
        not_started = len(self.hosts) - sum(stages) - done - failed - skipped - held
        return StageCounts(at, not_started, stages, done, failed, skipped, held, self.durations.writes_applied)

    @property
    def over_at(self) -> float | None:
        """Real time from which on no host moves by itself, so that its clock stands still; None while one does."""
        return self._settled_at if self.settled else self.ended_at

    @property
    def left_armed(self) -> list[str]:
        """Hosts that nobody works on and whose next boot reinstalls them. Armed on the way to an install is no alarm."""
        over = self.ended_at is not None or not self.time.carried
        return [name for name in self.armed if over or self.hosts[name].status.is_final]

    def seconds(self, now: float) -> float:
        """How long the rollout has run at real time `now`, in its own seconds."""
        return self.time.own(self.over_at or now)

    @property
    def speed(self) -> float:
        """Own seconds in a real one."""
        return self.time.speed

    def apply(self, event: Event) -> None:
        """Take one event in. Events about hosts that are not in the plan are ignored: they are a journal's damage, not ours."""
        self.version += 1
        if not isinstance(event, RolloutStarted):
            self.time.heard(event.at)
        if self.stage_history.is_due(event.at):
            self.stage_history.keep(event.at, self.stage_counts)
        verified = self.first_write_verified
        self.refusals.apply(event)
        self.canaries.apply(event)
        if (news := self.canaries.news) is not None and news.step is not CanaryStep.BEGUN:
            self.durations.lane_was_idle()
        if isinstance(event, HostAhead):
            self._apply_ahead(event)
            self.durations.apply(event)
        elif isinstance(event, ABOUT_A_HOST):
            host = self.hosts.get(event.host)
            if host is not None:
                self._apply_to_host(host, event)
                self.durations.apply(event)
                if host.stage is Stage.INSTALL and host.status is HostStatus.RUNNING:  # also one that began in an earlier process
                    host.since = self.durations.installing.get(host.name, host.since)
                host.version += 1
                self.dirty.add(host.name)
        elif isinstance(event, RolloutStarted):
            self.started_at = self.started_at or event.at
            self.time.heard(event.last_seen)
            self.time.begin(event.at, event.speed)
            self.ended_at, self.end_reason, self.controller = None, "", ""
            self.resumed, self.who = event.resumed, event.who
            self.durations.apply(event)
        elif isinstance(event, RolloutEnded):
            self.ended_at, self.end_reason = event.at, event.reason
        elif isinstance(event, Paused):
            if event.paused:
                self.paused[event.what] = event.why or event.who
            else:
                self.paused.pop(event.what, None)
            by_safety = event.paused and event.who == SAFETY
            (self.paused_by_safety.add if by_safety else self.paused_by_safety.discard)(event.what)
            self.durations.apply(event)
        elif isinstance(event, OutageChanged):
            self.outages.apply(event)
            self.durations.apply(event)
        elif isinstance(event, WriteOrdered):
            if event.host in self.hosts:
                self.write_next[event.host] = None
        elif isinstance(event, ControlTaken):
            self.controller = event.who
        elif isinstance(event, LaneNarrowed):
            self.narrowed = event.why
        elif isinstance(event, Notice | Commanded):
            self.notices.append(event)
        if self.first_write_verified and not verified:
            self.durations.first_write_verified()

    def _apply_ahead(self, event: HostAhead) -> None:
        if not event.ahead:
            self.powered_off_waiting.pop(event.host, None)
        elif event.host in self.hosts:
            self.powered_off_waiting[event.host] = None

    def _apply_to_host(self, host: HostState, event: Event) -> None:
        if isinstance(event, StageChanged):
            self._apply_stage(host, event)
        elif isinstance(event, HostChanged):
            self._apply_status(host, event)
        elif isinstance(event, HostArmed):
            if host.armed and not event.armed and host.status.is_final:  # disarmed after its end
                host.left, host.not_disarmed = Safety.DISARMED, ""
            host.armed = event.armed
            if event.armed:
                self.armed[host.name] = None
            else:
                self.armed.pop(host.name, None)
        elif isinstance(event, Intent):
            host.touched = host.touched or event.act not in _NOT_THE_MACHINE
            if event.act in FOREMAN_ACTS:
                self._writing[host.name] = event
                host.spans.write(event.at)
        elif isinstance(event, Outcome):
            self._apply_outcome(host, event)
        elif isinstance(event, RepairChanged):
            self._apply_repair(host, event)
        elif isinstance(event, HookRan):
            host.hooks[event.hook] = event.ok
            output = f": {event.output}" if event.output else ""
            words = f"hook {event.hook} {'done' if event.ok else 'failed'} after {event.seconds:.0f} s{output}"
            host.timeline.add(TimelineEntry(event.at, host.stage, words))
        elif isinstance(event, Identified):
            host.machine, host.unverified = event.machine, event.unverified
            words = f"; not verified: {event.unverified}" if event.unverified else ""
            host.timeline.add(TimelineEntry(event.at, host.stage, f"machine: {event.machine}{words}"))
        elif isinstance(event, BmcReported):
            host.report, host.reported_at = report_from(event.facts), event.at
            host.timeline.add(TimelineEntry(event.at, host.stage, host.report.words))
        elif isinstance(event, HostCommented):
            host.comments = (*host.comments, HostComment(event.at, event.who, event.text))[-KEPT:]
            host.timeline.add(TimelineEntry(event.at, host.stage, f"comment by {event.who}: {event.text}"))
        elif isinstance(event, HostNote):
            host.timeline.add(TimelineEntry(event.at, host.stage, event.text))
            if event.waits:
                host.note = event.text

    def _apply_outcome(self, host: HostState, event: Outcome) -> None:
        """Whose owner was changed: a write whose result stayed unknown may have done so."""
        intent = self._writing.get(host.name)
        if intent is None or intent.number != event.number:
            return
        del self._writing[host.name]
        if intent.act in ("build", "owner") and event.result in (ActResult.APPLIED, ActResult.UNKNOWN):
            host.owned = True
        elif intent.act == GIVE_BACK and event.result is ActResult.APPLIED:
            host.owned = False

    def _apply_repair(self, host: HostState, event: RepairChanged) -> None:
        begins = event.status is RepairStatus.STARTED
        host.repair = event.repair if begins else None
        words = f"{event.repair.label} {event.status.value}" + (f": {event.text}" if event.text else "")
        host.repaired = "" if begins else words
        if event.safety is not None:
            host.left, host.not_disarmed = event.safety, ""
        if event.owner:
            host.given_back = event.owner
        host.note = words if begins else host.full_reason
        by = f" (by {event.who})" if begins else ""
        host.timeline.add(TimelineEntry(event.at, host.stage, words + by))

    def _apply_stage(self, host: HostState, event: StageChanged) -> None:
        host.marks[event.stage] = event.status
        host.attempts[event.stage] = event.attempt
        if event.status is StageStatus.STARTED:
            self._leave_group(host)
            host.cause, host.reason = None, ""
            self._move(host, HostStatus.RUNNING, event.stage, event.at)
            host.note, host.until = "", None
            host.spans.begin(event.stage, event.at)
            text = "started" if event.attempt == 1 else f"started, attempt {event.attempt}"
        else:
            host.spans.end(event.at)
            text = event.status.value + (f": {event.reason}" if event.reason else "")
            if event.status is StageStatus.FAILED:
                host.note = event.reason
        host.timeline.add(TimelineEntry(event.at, event.stage, text))

    def _apply_status(self, host: HostState, event: HostChanged) -> None:
        host.spans.end(event.at)
        self._leave_group(host)
        begins = event.status is HostStatus.QUEUED and not host.attempts  # taken in again before anything was started on it
        self._move(host, event.status, None if begins else event.stage or host.stage, event.at)
        host.cause, host.reason, host.until = event.cause, event.reason, event.until
        host.note = event.reason
        host.left, host.not_disarmed = event.safety, event.not_disarmed
        if not event.status.is_final:  # taken in again
            host.repaired, host.given_back = "", ""
        if event.status is HostStatus.FAILED:
            cause = event.cause or Cause.UNKNOWN
            key = (host.stage, cause, group_of(event.reason, host.name))
            group = self.groups.get(key)
            if group is None:
                group = self.groups[key] = FailureGroup(host.stage, cause, event.reason, event.at)
            group.hosts[host.name] = None
        lines = self._status_line(host, event)
        lines += [f"afterwards: {host.left_behind}"] if host.left_behind else []
        host.timeline.add(*(TimelineEntry(event.at, host.stage, line) for line in lines))

    def _status_line(self, host: HostState, event: HostChanged) -> list[str]:
        """Nothing that the line before says already: a failed attempt is followed by what becomes of its host."""
        told = f"{StageStatus.FAILED}: {event.reason}"
        known = bool(host.timeline) and (host.timeline[-1].stage, host.timeline[-1].text) == (host.stage, told)
        if known and event.status is HostStatus.FAILED:
            return []
        words = event.status.label
        if event.until is not None:
            words += f" in {duration(max(0.0, event.until - event.at) * self.speed)}"
        if not event.reason or known:
            return [words]
        return [event.reason if event.reason.startswith(f"{words} ") else f"{words}: {event.reason}"]  # skipped by the operator

    def _leave_group(self, host: HostState) -> None:
        if host.status is not HostStatus.FAILED:
            return
        key = (host.stage, host.cause or Cause.UNKNOWN, group_of(host.reason, host.name))
        group = self.groups.get(key)
        if group is not None:
            group.hosts.pop(host.name, None)
            if not group.hosts:
                del self.groups[key]

    def _move(self, host: HostState, status: HostStatus, stage: Stage | None, at: float) -> None:
        if (status, stage) != (host.status, host.stage):
            host.since = at
        for step, where, what in ((-1, host.stage, host.status), (1, stage, status)):
            self.counts[what] += step
            self.clouds[host.cloud][what] += step
            if where is not None and what in (HostStatus.RUNNING, HostStatus.WAITING):
                self.at_stage[where] += step
        begun = host.kind is Kind.BUILD and stage not in (None, Stage.POWER_OFF) and not status.is_final
        (self.to_install.add if begun else self.to_install.discard)(host.name)
        host.status, host.stage = status, stage
        self._settled_at = (self._settled_at or at) if self.settled else None
