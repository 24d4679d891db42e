"""What happens in a rollout. Events are small, never changed, and made of JSON types, since the journal keeps every one of them.

Not `frozen`: that costs four times as much to make, and a resume reads tens of thousands before it can go on.

`at` is real time, seconds since 1970 UTC. `seconds` are the rollout's own: real seconds x speed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, ClassVar

from .breaker import BreakerState
from .causes import Cause
from .moments import LONG_AGO, Moment, moment_from
from .repairs import GIVE_BACK, Repair, RepairStatus
from .safety import Safety, from_old_reason
from .stages import ActResult, HostStatus, Stage, StageStatus

FOREMAN_ACTS = frozenset(
    {"build", "cancel", "owner", "parameter", "rebuild", GIVE_BACK}
)  # intents that are writes, through the lane
RECORD_ACTS = frozenset({"owner", "parameter"})  # those of them that change the record alone: no machine, no build


@dataclass(slots=True)
class Event:
    kind: ClassVar[str] = ""
    at: float


@dataclass(slots=True)
class RolloutStarted(Event):
    kind: ClassVar[str] = "rollout_started"
    rollout: str
    hosts: int
    resumed: bool
    who: str  # user@machine
    speed: float
    last_seen: float = 0.0  # resumed: real time of the last sign of life of the process before; 0: not known


@dataclass(slots=True)
class StageChanged(Event):
    """Per host causal: STARTED, then exactly one of the others, per (stage, attempt)."""

    kind: ClassVar[str] = "stage"
    host: str
    stage: Stage
    status: StageStatus
    attempt: int  # from 1, per host and stage, over retries and resumes
    seconds: float = 0.0
    reason: str = ""
    cause: Cause | None = None
    service: str = ""  # FAILED: the shared service that refused it
    http: int = 0  # its HTTP status


@dataclass(slots=True)
class HostChanged(Event):
    """A host moved to another status: queued again, waiting for the next attempt, or an end.

    `safety`: what it was left as, at an end other than done; None in events of versions that had no such member, where their
    reason does not say it (HostState.safety then does).
    `not_disarmed`: why it could not be made safe, in words. Neither is part of the reason: one cause stays one group.
    """

    kind: ClassVar[str] = "host"
    host: str
    status: HostStatus
    stage: Stage | None = None
    cause: Cause | None = None
    reason: str = ""
    until: float | None = None  # WAITING: when the next attempt is due (real time)
    safety: Safety | None = None
    not_disarmed: str = ""


@dataclass(slots=True)
class HostArmed(Event):
    """The host's build flag in Foreman and its boot override say that the next boot wipes it (or no longer do)."""

    kind: ClassVar[str] = "armed"
    host: str
    armed: bool


@dataclass(slots=True)
class HostAhead(Event):
    """The host takes one of the places of hosts that are powered off ahead of their write to Foreman, or gives it back."""

    kind: ClassVar[str] = "ahead"
    host: str
    ahead: bool


@dataclass(slots=True)
class CanaryOverdue(Event):
    """The host, a canary, takes longer to install than those of its type: another one begins. It is watched all the same."""

    kind: ClassVar[str] = "canary_overdue"
    host: str
    reason: str


@dataclass(slots=True)
class HostNote(Event):
    """One line for the host's timeline: what was observed, what the host waits for. `waits` replaces the row's note."""

    kind: ClassVar[str] = "note"
    host: str
    text: str
    waits: bool = False


@dataclass(slots=True)
class HostCommented(Event):
    """What an operator wrote about the host."""

    kind: ClassVar[str] = "comment"
    host: str
    who: str  # user@machine
    text: str


@dataclass(slots=True)
class Identified(Event):
    """The machine that the host's acts go to from now on. `unverified`: why it was not compared with Foreman's host, or empty."""

    kind: ClassVar[str] = "identified"
    host: str
    machine: str
    unverified: str = ""


@dataclass(slots=True)
class BmcReported(Event):
    """An operator asked what the host's BMC tells of its machine now. `facts`: as BmcReport.facts has them."""

    kind: ClassVar[str] = "bmc_report"
    host: str
    facts: dict[str, Any]


@dataclass(slots=True)
class Intent(Event):
    """On disk before the act. `number` is unique in the journal.

    `act` is reset, override or bmc_reset (the BMC's), build, cancel, rebuild, parameter, owner or give_back (Foreman's).
    """

    kind: ClassVar[str] = "intent"
    host: str
    number: int
    act: str
    detail: dict[str, Any]
    moment: Moment = LONG_AGO  # when, for deadlines that outlive the process


@dataclass(slots=True)
class Outcome(Event):
    """What became of the intent `number`. `detail` keeps what a resume needs."""

    kind: ClassVar[str] = "outcome"
    host: str
    number: int
    result: ActResult
    detail: dict[str, Any]


@dataclass(slots=True)
class BmcSession(Event):
    """A session of ours at the host's BMC was made, or has gone. Its address only, never its token.

    `uri` empty: a login is about to be sent (open), or made no session (not open).
    """

    kind: ClassVar[str] = "session"
    host: str
    uri: str
    is_open: bool


@dataclass(slots=True)
class LoginRefused(Event):
    """The host's BMC has refused our password `times` in a row; 0: it may be sent again, since it was taken or a human asks."""

    kind: ClassVar[str] = "login_refused"
    host: str
    times: int


@dataclass(slots=True)
class Remembered(Event):
    """What the flow knows of the host beyond its stage (JSON types), as a whole: a resume begins with the last one."""

    kind: ClassVar[str] = "memory"
    host: str
    facts: dict[str, Any]


@dataclass(slots=True)
class Ordered(Event):
    """An operator's skip or hold that takes effect before the host's next act; empty when it was taken back."""

    kind: ClassVar[str] = "ordered"
    host: str
    order: str
    reason: str


@dataclass(slots=True)
class WriteOrdered(Event):
    """An operator wants this host to be begun and written before all others that were not named before it."""

    kind: ClassVar[str] = "write_next"
    host: str


@dataclass(slots=True)
class RepairChanged(Event):
    """An operator's repair of the host has begun (on disk before its first act), or has ended as `text` says.

    `safety`: what the host is left as, where the repair changed that. `owner`: to whom it was given back.
    """

    kind: ClassVar[str] = "repair"
    host: str
    repair: Repair
    status: RepairStatus
    who: str  # user@machine
    text: str = ""
    safety: Safety | None = None
    owner: str = ""


@dataclass(slots=True)
class QuadsTold(Event):
    """QUADS took an update over, or refused it for good (`refused` says why). `body` is what was told."""

    kind: ClassVar[str] = "quads_told"
    key: str
    body: dict[str, Any]
    refused: str = ""


@dataclass(slots=True)
class HookRan(Event):
    """A hook of the site ended for a host, or for the host's whole cloud. `output`: its last lines, clean."""

    kind: ClassVar[str] = "hook"
    host: str
    hook: str
    cloud: str  # empty where it ran for the host alone
    ok: bool
    seconds: float
    output: str


@dataclass(slots=True)
class Paused(Event):
    """`what` is admission, writes, or whose new hosts wait: a model (refusals.model_pause) or a canary's type (waits.CANARY)."""

    kind: ClassVar[str] = "paused"
    what: str
    paused: bool
    who: str  # an operator, or refusals.SAFETY
    why: str


@dataclass(slots=True)
class OutageChanged(Event):
    """Something that many hosts depend on does not answer (open), is tried again (half open), or answers (closed).

    `service` is causes.FOREMAN, outages.of_rack(rack), or outages.DATABASE (closed only). `hosts`: how many BMCs of the rack do
    not answer.
    """

    kind: ClassVar[str] = "outage"
    service: str
    state: BreakerState
    since: float  # real time
    hosts: int = 0
    until: float | None = None  # OPEN: when the next try is due (real time)
    why: str = ""
    host: str = ""  # HALF_OPEN: whose BMC is tried
    given_up: bool = False  # CLOSED: not because it answers, but because it was waited for long enough


@dataclass(slots=True)
class Commanded(Event):
    """The audit: what an operator ordered, on how many hosts, and what came of it at once."""

    kind: ClassVar[str] = "commanded"
    who: str
    text: str


@dataclass(slots=True)
class ControlTaken(Event):
    """Who may order from now on: an attached console, by its user and process, or (empty) the screen of the process itself."""

    kind: ClassVar[str] = "control"
    who: str


@dataclass(slots=True)
class Notice(Event):
    """One line for the operator that concerns the whole rollout. `level` is info, warning or error."""

    kind: ClassVar[str] = "notice"
    level: str
    text: str


@dataclass(slots=True)
class LaneNarrowed(Event):
    """The write lane, wider than one by the operator's word, is one wide from now on: two writes met, `why` in words."""

    kind: ClassVar[str] = "lane_narrowed"
    why: str


@dataclass(slots=True)
class RolloutEnded(Event):
    """No host can move without a human, or the rollout was stopped.

    `reason` is empty, operator, safety, time limit, SIGINT or SIGTERM.
    """

    kind: ClassVar[str] = "rollout_ended"
    reason: str


ABOUT_A_HOST = (
    StageChanged,
    HostChanged,
    HostArmed,
    HostNote,
    HostCommented,
    HookRan,
    Identified,
    BmcReported,
    Intent,
    Outcome,
    RepairChanged,
)
"""Each has the member `host`, and changes what is known of that host."""

_KINDS: dict[str, type[Event]] = {
    cls.kind: cls
    for cls in (
        RolloutStarted,
        StageChanged,
        HostChanged,
        HostArmed,
        HostAhead,
        CanaryOverdue,
        HostNote,
        HostCommented,
        Identified,
        BmcReported,
        Intent,
        Outcome,
        BmcSession,
        LoginRefused,
        Remembered,
        Ordered,
        WriteOrdered,
        RepairChanged,
        QuadsTold,
        HookRan,
        Paused,
        OutageChanged,
        Commanded,
        ControlTaken,
        Notice,
        LaneNarrowed,
        RolloutEnded,
    )
}


def to_row(event: Event) -> list[Any]:
    """The event as JSON types: its kind, then its members in order. A new member may only come last, and with a default."""
    return [event.kind, *_MEMBERS[event.kind](event)]


def from_row(row: list[Any]) -> Event:
    """The inverse of to_row; `row` is taken over. Raises ValueError for a kind, a member or a value that is not known here."""
    try:
        cls, convert = _DECODERS[row[0]]
        if convert is not None:
            convert(row)
        return cls(*row[1:])
    except (LookupError, TypeError, AttributeError):
        raise ValueError(f"the event {row[:1]} or one of its members is not supported by this version") from None


def _stage_changed(row: list[Any]) -> None:
    row[3], row[4] = _STAGES[row[3]], _STAGE_STATUSES[row[4]]
    row[8] = _CAUSES[row[8]]


def _host_changed(row: list[Any]) -> None:
    row[3], row[4], row[5] = _HOST_STATUSES[row[3]], _STAGES[row[4]], _CAUSES[row[5]]
    if len(row) > _SAFETY:
        row[_SAFETY] = _SAFETIES[row[_SAFETY]]
    elif len(row) == _SAFETY and row[3].is_final:  # of a version that had no such member
        row[6], *kept = from_old_reason(row[6])
        row += kept


def _outcome(row: list[Any]) -> None:
    row[4] = ActResult(row[4])


def _repair(row: list[Any]) -> None:
    row[3], row[4], row[7] = Repair(row[3]), RepairStatus(row[4]), _SAFETIES[row[7]]


def _outage(row: list[Any]) -> None:
    row[3] = BreakerState(row[3])


def _intent(row: list[Any]) -> None:
    row[6:] = [moment_from(kept) for kept in row[6:]]


_STAGES: dict[str | None, Stage | None] = {None: None, **{stage.value: stage for stage in Stage}}
_CAUSES: dict[str | None, Cause | None] = {None: None, **{cause.value: cause for cause in Cause}}
_SAFETIES: dict[str | None, Safety | None] = {None: None, **{safety.value: safety for safety in Safety}}
_SAFETY = 8  # where a HostChanged has it
_STAGE_STATUSES = {status.value: status for status in StageStatus}
_HOST_STATUSES = {status.value: status for status in HostStatus}
_CONVERTERS: dict[str, Callable[[list[Any]], None]] = {
    StageChanged.kind: _stage_changed,
    HostChanged.kind: _host_changed,
    Intent.kind: _intent,
    Outcome.kind: _outcome,
    OutageChanged.kind: _outage,
    RepairChanged.kind: _repair,
}
_DECODERS = {kind: (cls, _CONVERTERS.get(kind)) for kind, cls in _KINDS.items()}
_MEMBERS = {kind: attrgetter(*(field.name for field in fields(cls))) for kind, cls in _KINDS.items()}
