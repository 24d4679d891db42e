"""What calls an operator who is not looking: a new kind of failure, a pause, the end. Each comes once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .causes import Cause
from .outages import since_words
from .stages import Stage
from .state import Rollout
from .waits import for_the_pause


class AlertKind(StrEnum):
    """The values are those of the site file's on_event.events."""

    FAILURE = "failure_group"
    PAUSED = "paused"
    OUTAGE = "outage"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Alert:
    """`text` says it in a sentence."""

    kind: AlertKind
    text: str


class Alerts:
    """What is new since it was asked last; what stood there at the beginning is not."""

    def __init__(self, rollout: Rollout) -> None:
        self._rollout = rollout
        self._groups: set[tuple[Stage | None, Cause, str]] = set(rollout.groups)
        self._paused = set(rollout.paused)
        self._outages = {(one.service, one.since) for one in rollout.outages.standing.values()}
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
                where, first = group.stage.label if group.stage else "the start", next(iter(group.hosts))
                alerts.append(
                    Alert(AlertKind.FAILURE, f"failure at {where}, {group.cause.value}: {group.reason} (first host: {first})")
                )
        paused = [(what, why) for what, why in rollout.paused.items() if what not in self._paused]
        alerts += [Alert(AlertKind.PAUSED, for_the_pause(what, why)) for what, why in paused]
        self._paused = set(rollout.paused)
        for outage in rollout.outages.standing.values():
            if (outage.service, outage.since) not in self._outages:
                self._outages.add((outage.service, outage.since))
                alerts.append(Alert(AlertKind.OUTAGE, f"{since_words(outage, rollout.time.last, rollout.time)}: {outage.why}"))
        if self._is_finished and not self._finished:
            counts = ", ".join(f"{count} {status.value}" for status, count in rollout.counts.items() if count)
            alerts.append(Alert(AlertKind.FINISHED, f"rollout {rollout.id} has ended: {counts}"))
        self._finished = self._is_finished
        return alerts
