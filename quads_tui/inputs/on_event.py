"""The `on_event` section: a command of the site that is run when something calls for an operator."""

from __future__ import annotations

from dataclasses import dataclass

from quads_tui.rollout.alerts import AlertKind

from .section import Section

_EXPECTED = f"a list of some of: {', '.join(AlertKind)}"


@dataclass(frozen=True, slots=True)
class AlertCommand:
    """`run` is a program and its arguments, never a shell's line; `events` are AlertKinds; `timeout` in real seconds."""

    run: tuple[str, ...]
    events: tuple[AlertKind, ...] = tuple(AlertKind)
    timeout: float = 60.0


def read_on_event(section: Section) -> AlertCommand | None:
    """None where there is none, or where it is wrong; problems go into the report."""
    node = section.child("on_event")
    if node is None:
        return None
    part = Section(section.report, node, "on_event", ("run", "events", "timeout"))
    run = part.texts("run", "text")
    if not run:
        part.add("run", "is missing or empty; expected a list: the program and its arguments")
    names = part.texts("events", "event") if part.has("events") else tuple(AlertKind)
    for name in names:
        if name not in tuple(AlertKind):
            part.add("events", f"there is no event {name}; expected {_EXPECTED}")
    events = tuple(kind for kind in AlertKind if kind in names)
    timeout = part.number("timeout", whole=False, most=3600)
    return AlertCommand(run, events, timeout if timeout is not None else 60.0) if run else None
