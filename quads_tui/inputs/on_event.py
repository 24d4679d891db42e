"""The `on_event` section: a command of the site that is run when something calls for an operator."""

from __future__ import annotations

from dataclasses import dataclass

from quads_tui.rollout.alerts import AlertKind

from .readers import Command, Number, Texts
from .table import Key, Table


@dataclass(frozen=True, slots=True)
class AlertCommand:
    """`run` is a program and its arguments, never a shell's line; `events` are AlertKinds; `timeout` in real seconds."""

    run: tuple[str, ...]
    events: tuple[str, ...] = tuple(AlertKind)
    timeout: float = 60.0


ON_EVENT = Table(
    AlertCommand,
    (
        Key(
            "run",
            Command(),
            "A program without a shell; has QUADS_TUI_EVENT, _TEXT, _ROLLOUT and counts in its environment",
            required=True,
            sample="[/opt/lab/bin/page-me]",
        ),
        Key(
            "events",
            Texts("event", tuple(AlertKind)),
            "Which: a new group of failures, a pause, the end",
            default="all of them",
            sample=f"[{', '.join(AlertKind)}]",
        ),
        Key("timeout", Number(3600), "How long it may take, in real time", unit="s", sample="30"),
    ),
)
