"""Facts and events of another machine's rollout, made safe to be shown: whoever wrote them is not known.

Only characters that are no text (they steer terminals, or make one name look like another) are taken out. Everything else stays
as it is, so that names still mean the same host everywhere.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from quads_tui.rollout.events import Event
from quads_tui.rollout.text import clean


def printable(value: Any) -> Any:
    """JSON types; what is printable already is given back as it is."""
    match value:
        case str():
            return value if value.isprintable() else clean(value, max(1, len(value)), compared=True)
        case dict():
            return {printable(key): printable(one) for key, one in value.items()}
        case list():
            return [printable(one) for one in value]
    return value


def printable_event(event: Event) -> Event:
    """The event itself, changed where it must be."""
    for field in fields(event):
        value = getattr(event, field.name)
        if isinstance(value, str | dict | list):
            setattr(event, field.name, printable(value))
    return event
