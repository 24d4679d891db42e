"""What happens in a rollout. Events are small, never changed, and made of JSON types, since the journal keeps every one of them.

Not `frozen`: that costs four times as much to make, and a resume reads tens of thousands before it can go on.

`at` is real time, seconds since 1970 UTC. `seconds` are the rollout's own: real seconds x speed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from .causes import Cause
from .stages import HostStatus, Stage, StageStatus


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


@dataclass(slots=True)
class HostChanged(Event):
    """A host moved to another status: queued again, waiting for the next attempt, or an end."""

    kind: ClassVar[str] = "host"
    host: str
    status: HostStatus
    stage: Stage | None = None
    cause: Cause | None = None
    reason: str = ""
    until: float | None = None  # WAITING: when the next attempt is due (real time)


@dataclass(slots=True)
class HostArmed(Event):
    """The host's build flag in Foreman and its boot override say that the next boot wipes it (or no longer do)."""

    kind: ClassVar[str] = "armed"
    host: str
    armed: bool


@dataclass(slots=True)
class HostNote(Event):
    """One line for the host's timeline: what was observed, what the host waits for. `waits` replaces the row's note."""

    kind: ClassVar[str] = "note"
    host: str
    text: str
    waits: bool = False


@dataclass(slots=True)
class Intent(Event):
    """On disk before the act. `number` is unique in the journal.

    `act` is reset or override (the BMC's), build, cancel, rebuild, parameter or owner (Foreman's).
    """

    kind: ClassVar[str] = "intent"
    host: str
    number: int
    act: str
    detail: dict[str, Any]


@dataclass(slots=True)
class Outcome(Event):
    """What became of the intent `number`: answered, applied, absent or unknown. `detail` keeps what a resume needs."""

    kind: ClassVar[str] = "outcome"
    host: str
    number: int
    result: str
    detail: dict[str, Any]


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
class Paused(Event):
    """`what` is admission or writes."""

    kind: ClassVar[str] = "paused"
    what: str
    paused: bool
    who: str
    why: str


@dataclass(slots=True)
class Commanded(Event):
    """The audit: what an operator ordered, on how many hosts, and what came of it at once."""

    kind: ClassVar[str] = "commanded"
    who: str
    text: str


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
    """No host can move without a human, or the rollout was stopped. `reason` is empty, operator, safety, SIGINT or SIGTERM."""

    kind: ClassVar[str] = "rollout_ended"
    reason: str


_KINDS: dict[str, type[Event]] = {
    cls.kind: cls
    for cls in (
        RolloutStarted,
        StageChanged,
        HostChanged,
        HostArmed,
        HostNote,
        Intent,
        Outcome,
        Remembered,
        Ordered,
        Paused,
        Commanded,
        Notice,
        LaneNarrowed,
        RolloutEnded,
    )
}


def to_dict(event: Event) -> dict[str, Any]:
    """The event as JSON types, without its kind."""
    return asdict(event)


def from_dict(kind: str, data: dict[str, Any]) -> Event:
    """The inverse of to_dict; `data` is taken over. Raises ValueError for a kind, a member or a value that is not known here."""
    try:
        cls, members, convert = _DECODERS[kind]
        if convert is not None:
            convert(data)
        if len(data) == members:
            return cls(**data)
    except (KeyError, TypeError):
        pass
    raise ValueError(f"event {kind!r} is not known here, or not with these members: {sorted(data)}")


def _stage_changed(data: dict[str, Any]) -> None:
    data["stage"], data["status"] = _STAGES[data["stage"]], _STAGE_STATUSES[data["status"]]
    data["cause"] = _CAUSES[data["cause"]]


def _host_changed(data: dict[str, Any]) -> None:
    data["stage"], data["status"] = _STAGES[data["stage"]], _HOST_STATUSES[data["status"]]
    data["cause"] = _CAUSES[data["cause"]]


_STAGES: dict[str | None, Stage | None] = {None: None, **{stage.value: stage for stage in Stage}}
_CAUSES: dict[str | None, Cause | None] = {None: None, **{cause.value: cause for cause in Cause}}
_STAGE_STATUSES = {status.value: status for status in StageStatus}
_HOST_STATUSES = {status.value: status for status in HostStatus}
_CONVERTERS: dict[str, Callable[[dict[str, Any]], None]] = {StageChanged.kind: _stage_changed, HostChanged.kind: _host_changed}
_DECODERS = {kind: (cls, len(fields(cls)), _CONVERTERS.get(kind)) for kind, cls in _KINDS.items()}
