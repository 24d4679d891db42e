"""What an operator can order. Keys, headless signals and later sockets make these; the engine's inbox takes them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retry:
    """Failed, skipped and held hosts only. From the failed stage, or from the first one (`from_start`: the host is rebuilt)."""

    hosts: tuple[str, ...]
    from_start: bool = False


@dataclass(frozen=True, slots=True)
class Skip:
    """The hosts leave the rollout before their next act; armed ones are disarmed, installing ones only no longer watched."""

    hosts: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Unskip:
    """Skipped hosts come back where they left."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """As skip, but the host stays the rollout's and waits for a release."""

    hosts: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Release:
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disarm:
    """Take failed, armed hosts out of build and clear their boot override; they stay failed."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pause:
    """`what`: admission (no host starts its next stage) or writes (the lane grants no ticket)."""

    what: str
    paused: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """No new acts; requests in flight settle; then the rollout ends with hosts unfinished (exit status 4)."""


Command = Retry | Skip | Unskip | Hold | Release | Disarm | Pause | Stop
