"""What a report says: plain data with clean text, worked out once by `build_report` and only set by the formats.

Own seconds are the rollout's: real seconds x speed, counted only while a process carried the rollout.
Real times are seconds since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.cloud_counts import CloudCounts
from quads_tui.rollout.comments import HostComment
from quads_tui.rollout.outages import Outage
from quads_tui.rollout.overdue import OverdueInstall
from quads_tui.rollout.rollout_time import RolloutTime
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus

from ..listing import State


@dataclass(frozen=True, slots=True)
class Run:
    """One process that carried the rollout. `end` is None without an entry that ends it: killed, or still at work."""

    started: float
    last: float  # its last entry
    speed: float
    resumed: bool
    who: str
    end: str | None  # else empty, operator, safety, time limit, SIGINT or SIGTERM


@dataclass(frozen=True, slots=True)
class Asked:
    """What was wanted, by whom. Of parameters only the names: reports travel further than journals."""

    rollout: str
    created_at: float
    who: str
    assignment: str  # path
    site: str  # path
    rehearsal: bool
    cloud: str
    kinds: frozenset[Kind]
    description: str
    owner: str
    ticket: str
    ccuser: tuple[str, ...]
    os: str
    ptable: str
    medium: str
    parameters: tuple[str, ...]
    foreman: str
    models: Mapping[str, int]  # how many hosts of each
    canary: str  # which types had to wait for their first hosts, in words; empty: none
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CloudReport:
    """One cloud of the rollout. `ended_after`: own seconds from the start to the end of its last host; None: unfinished."""

    counts: CloudCounts
    ended_after: float | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a stage. `seconds` is None and the status STARTED while it is under way, or when it was cut off."""

    number: int
    status: StageStatus
    began: float  # own seconds since the rollout started
    seconds: float | None
    reason: str
    cause: Cause | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One line of a host's timeline."""

    at: float
    stage: Stage | None
    text: str


@dataclass(frozen=True, slots=True)
class HostReport:
    name: str
    cloud: str
    model: str
    address: str
    status: HostStatus
    stage: Stage | None  # where it is, or where it ended
    stages: Mapping[Stage, tuple[Attempt, ...]]
    began: float | None  # own seconds of the first attempt's start; None: never begun
    ended: float | None  # own seconds of its last change
    armed: bool
    unverified: str  # why its machine was not compared with Foreman's host; empty: it was
    overdue: OverdueInstall | None  # its install, where it took longer than those of its kind
    cause: Cause | None
    reason: str
    safety: Safety | None  # what it was left as; None for a host that is not at an end, or done
    left_behind: str  # the same in words
    notes: tuple[str, ...]  # of the plan
    comments: tuple[HostComment, ...]  # of operators, the oldest first
    evidence: tuple[Evidence, ...]  # the last lines of its timeline; none for a host that is done

    @property
    def seconds(self) -> float | None:
        """Own seconds from its first start to its last change."""
        return None if self.began is None or self.ended is None else max(0.0, self.ended - self.began)


@dataclass(frozen=True, slots=True)
class Failures:
    """Hosts that failed in one stage for one reason. `reason` is the first host's, in the server's words where it had any."""

    stage: Stage | None
    cause: Cause
    reason: str
    hosts: tuple[HostReport, ...]


@dataclass(frozen=True, slots=True)
class FailedAttempts:
    """All failed attempts of one stage and cause: `recovered` hosts of `hosts` ended done after all."""

    stage: Stage
    cause: Cause
    attempts: int
    hosts: int
    recovered: int


@dataclass(frozen=True, slots=True)
class ReportedAction:
    """All intents of one kind, by what became of them."""

    act: str
    count: int
    results: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class OpenAct:
    """An intent without an outcome: the server may have done it or not."""

    number: int
    host: str
    act: str
    at: float


@dataclass(frozen=True, slots=True)
class Message:
    """An operator's command, or a notice. `level` is command, info, warning or error."""

    at: float
    level: str
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """A point of the completion curve: how many hosts stood at each end, `seconds` own seconds after the start."""

    seconds: float
    done: int
    failed: int
    skipped: int
    held: int


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Seconds of the finished attempts of one stage on one model, as `stage_durations` gives them."""

    model: str
    stage: Stage
    seconds: tuple[float, ...]  # ascending, never empty


@dataclass(frozen=True, slots=True)
class LanePoint:
    """`depth`: most hosts that waited; `rate`: writes granted per own minute."""

    seconds: float
    depth: float
    rate: float


@dataclass(frozen=True, slots=True)
class Lane:
    """The write lane. Means are over the seconds sampled; `busy` is their share with a host waiting."""

    points: tuple[LanePoint, ...]
    granted: int
    rate: float  # per own minute, over the whole rollout
    peak_rate: float
    mean_depth: float
    peak_depth: float
    longest_wait: float  # of the host at the head, own seconds
    busy: float


@dataclass(frozen=True, slots=True)
class LatencyPoint:
    """At own second `seconds`: the exchanges' usual median, and the worst second's p95."""

    seconds: float
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Latency:
    """One kind of exchanges, from the medians and p95 of every second, weighted by exchanges.

    `p50`: the middle of the seconds' medians; `p95`: what the seconds' p95 stayed below for 95 % of the exchanges; `worst`: the
    worst second's p95.
    """

    name: str  # redfish, ipmi, foreman_reads or foreman_writes
    points: tuple[LatencyPoint, ...]
    exchanges: int
    errors: int
    p50: float
    p95: float
    worst: float


@dataclass(frozen=True, slots=True)
class Report:
    state: State
    end_reason: str
    holder: str  # who carries it now, in words; empty for nobody
    asked: Asked
    runs: tuple[Run, ...]
    time: RolloutTime  # of these runs
    seconds: float  # own, of all runs together
    last: float | None  # real time of the journal's last entry
    counts: Mapping[HostStatus, int]
    paused: Mapping[str, str]  # what -> why, at the end
    clouds: tuple[CloudReport, ...]
    outages: tuple[Outage, ...]  # the oldest first; those without an end lasted until the last entry
    hosts: tuple[HostReport, ...]
    failures: tuple[Failures, ...]  # most hosts first
    attempts: tuple[FailedAttempts, ...]
    acts: tuple[ReportedAction, ...]
    open_acts: tuple[OpenAct, ...]
    messages: tuple[Message, ...]
    progress: tuple[Progress, ...]
    durations: tuple[StageTimes, ...]
    too_late: float  # share of the time in which the machine did not keep up with the speed of a rehearsal
    lane: Lane | None  # None: no sample was kept
    latencies: tuple[Latency, ...]  # in own seconds, for people
    real_latencies: tuple[Latency, ...]  # the same in real ones, for programs
    resume: str  # the command that continues it, where nobody does; empty: a worker will
    copy_of: str = ""  # the database of a cluster whose rollout this is, as it stood at its export; empty: it is no copy

    @property
    def armed(self) -> list[HostReport]:
        return [host for host in self.hosts if host.armed]

    @property
    def unverified(self) -> list[HostReport]:
        return [host for host in self.hosts if host.unverified]

    @property
    def overdue(self) -> list[tuple[HostReport, OverdueInstall]]:
        return [(host, host.overdue) for host in self.hosts if host.overdue is not None]

    @property
    def unfinished(self) -> int:
        """Hosts that stand at no end."""
        return sum(count for status, count in self.counts.items() if not status.is_final)

    @property
    def resumed_at(self) -> list[float]:
        return [run.started for run in self.runs if run.resumed]
