"""A host's journal in short lines, for tests that hold what is told and remembered, and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import (
    BmcSession,
    Commanded,
    Event,
    HostAhead,
    HostArmed,
    HostChanged,
    HostNote,
    Intent,
    Notice,
    Ordered,
    Outcome,
    Paused,
    Remembered,
    RolloutEnded,
    StageChanged,
)
from quads_tui.rollout.stages import Stage, StageStatus

from .model import Lab
from .test_flow import names

NAME = names(1)[0]


def timeline(events: Iterable[Event], host: str) -> list[str]:
    """What concerns the host, a line an event. Of what is remembered only what has changed."""
    told: list[str] = []
    known: dict[str, Any] = {}
    for event in events:
        if getattr(event, "host", None) != host:
            continue
        match event:
            case StageChanged():
                words = [event.stage.value, event.status.value, str(event.attempt)]
                words += [f"after {event.seconds:g} s"] if event.seconds else []
                words += [event.cause.value] if event.cause else []
                told.append(" ".join(words) + (f": {event.reason}" if event.reason else ""))
            case HostChanged():
                words = ["host", event.status.value]
                words += [event.stage.value] if event.stage else []
                words += [event.cause.value] if event.cause else []
                why = "; ".join(part for part in (event.reason, event.safety) if part)
                told.append(" ".join(words) + (f": {why}" if why else ""))
            case HostNote():
                told.append(("waits: " if event.waits else "note: ") + event.text)
            case HostArmed():
                told.append("armed" if event.armed else "not armed")
            case HostAhead():
                told.append("takes a place" if event.ahead else "gives its place back")
            case Intent():
                told.append(f"intent: {event.act}")
            case Outcome():
                told.append(f"outcome: {event.result}" + (f" ({event.detail['why']})" if "why" in event.detail else ""))
            case BmcSession():
                if event.uri:  # else only that a login is about to be sent
                    told.append("session opened" if event.is_open else "session closed")
            case Ordered():
                told.append(f"ordered: {event.order or 'nothing any more'}")
            case Remembered():
                changed = {name: _short(name, value) for name, value in event.facts.items() if known.get(name, _UNSET) != value}
                if known:
                    told.append("remembers " + ", ".join(f"{name}={value}" for name, value in sorted(changed.items())))
                known = dict(event.facts)
    return told


def told(lab: Lab, host: str = NAME) -> list[str]:
    return timeline(lab.journal.events, host)


def without_seconds(lines: list[str]) -> list[str]:
    return [re.sub(r" after [\d.]+ s", "", line) for line in lines]


def failures(lab: Lab, stage: Stage) -> list[tuple[Cause | None, str]]:
    return [
        (event.cause, event.reason)
        for event in lab.journal.events
        if isinstance(event, StageChanged) and event.stage is stage and event.status is StageStatus.FAILED
    ]


async def whole(lab: Lab) -> Lab:
    await lab.run()
    await lab.end()
    return lab


def notices(events: Iterable[Event]) -> list[str]:
    return [f"{event.level}: {event.text}" for event in events if isinstance(event, Notice)]


def audit(events: Iterable[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Commanded)]


def pauses(events: Iterable[Event]) -> list[tuple[str, bool, str, str]]:
    return [(event.what, event.paused, event.who, event.why) for event in events if isinstance(event, Paused)]


def ended(events: Iterable[Event]) -> list[str]:
    return [event.reason for event in events if isinstance(event, RolloutEnded)]


_UNSET = object()
_MOMENTS = ("built_at", "installing_since", "identity", "baseline", "asked", "accepted")


def _short(name: str, value: Any) -> str:
    if name in _MOMENTS:
        return "set" if value is not None else "none"
    if isinstance(value, list):
        return "/".join(map(str, value))
    return str(value)
