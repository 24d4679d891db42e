"""What calls an operator who is not looking: a new kind of failure, a pause, the end. Each is told once."""

from __future__ import annotations

from dataclasses import dataclass

from .causes import Cause
from .stages import Stage
from .state import Rollout

FAILURE, PAUSED, FINISHED = "failure_group", "paused", "finished"
KINDS = (FAILURE, PAUSED, FINISHED)


@dataclass(frozen=True, slots=True)
class Alert:
    """`kind` is one of KINDS; `text` says it in a sentence."""

    kind: str
    text: str


class Alerts:
    """What is new since it was asked last; what stood there at the beginning is not."""

    def __init__(self, rollout: Rollout) -> None:
        self._rollout = rollout
        self._groups: set[tuple[Stage | None, Cause, str]] = set(rollout.groups)
        self._paused = set(rollout.paused)
        self._finished = self._is_finished

    @property
    def _is_finished(self) -> bool:
        """No host can move without a human, or the rollout was stopped."""
        return bool(self._rollout.started_at) and (self._rollout.settled or self._rollout.ended_at is not None)

    def new(self) -> list[Alert]:
        rollout = self._rollout
        alerts = []
        for key, group in rollout.groups.items():
            if key not in self._groups:
                self._groups.add(key)
                where, first = group.stage.value if group.stage else "the start", next(iter(group.hosts))
                alerts.append(Alert(FAILURE, f"{group.cause.value} at {where}: {group.reason} (first {first})"))
        alerts += [Alert(PAUSED, f"{what} paused: {why}") for what, why in rollout.paused.items() if what not in self._paused]
        self._paused = set(rollout.paused)
        if self._is_finished and not self._finished:
            counts = ", ".join(f"{count} {status.value}" for status, count in rollout.counts.items() if count)
            alerts.append(Alert(FINISHED, f"the rollout {rollout.id} has come to its end: {counts}"))
        self._finished = self._is_finished
        return alerts
