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
            "Program and arguments, run without a shell; QUADS_TUI_EVENT, QUADS_TUI_TEXT and others are in its environment",
            required=True,
            sample="[/opt/lab/bin/page-me]",
        ),
        Key(
            "events",
            Texts("event", tuple(AlertKind)),
            "Events at which the command runs: a new failure group, a pause, an outage, the end of the rollout",
            default="all of them",
            sample=f"[{', '.join(AlertKind)}]",
        ),
        Key(
            "timeout",
            Number(3600),
            "Time limit of the command in real time; a command that takes longer is ended",
            unit="s",
            sample="30",
        ),
    ),
)
