"""The JSON lines of `--json`, on which scripts rely. One object a line, `event` and `at` in each."""

from __future__ import annotations

from typing import Any

from quads_tui.rollout.cloud_counts import cloud_counts, counts_of
from quads_tui.rollout.events import (
    CanaryOverdue,
    Event,
    HostArmed,
    HostChanged,
    HostCommented,
    Identified,
    Notice,
    RepairChanged,
    RolloutStarted,
    StageChanged,
)
from quads_tui.rollout.overdue import overdue_installs
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.time_limit import not_begun
from quads_tui.rollout.time_words import rfc3339
from quads_tui.rollout.view import RolloutView

from .options import emit_json

_LOOK_INTERVAL = 1.0  # real seconds between two looks at which hosts are overdue


class JsonLines:
    """Listens to a rollout's events."""

    def __init__(self, rollout: Rollout) -> None:
        self._rollout = rollout

    def __call__(self, event: Event) -> None:
        members: dict[str, Any]
        match event:
            case RolloutStarted():
                members = {"hosts": event.hosts, "resumed": event.resumed, "who": event.who, "speed": event.speed}
                plan = self._rollout.plan
                members |= {"cloud": plan.cloud, "kind": plan.words("kind"), "canary": plan.canary}
                members |= {"until": rfc3339(plan.until)} if plan.until else {}
                clouds = [{"cloud": one.cloud, "kind": one.kind.value, "hosts": one.hosts} for one in cloud_counts(self._rollout)]
                self._emit("rollout_started", event, {**members, "clouds": clouds})
            case StageChanged():
                members = {"host": event.host, "stage": event.stage.value, "status": event.status.value}
                members |= {"attempt": event.attempt, "seconds": event.seconds, "reason": event.reason}
                members |= self._cloud(event.host)
                self._emit("stage", event, members | ({"cause": event.cause.value} if event.cause else {}))
            case HostChanged():
                members = {"host": event.host, "status": event.status.value, "reason": event.reason}
                members |= {"safety": event.safety.value} if event.safety else {}
                members |= {"not_disarmed": event.not_disarmed} if event.not_disarmed else {}
                members |= self._cloud(event.host)
                self._emit("host", event, members | ({"cause": event.cause.value} if event.cause else {}))
                self._cloud_finished(event)
            case HostArmed():
                self._emit("armed", event, {"host": event.host, "armed": event.armed})
            case HostCommented():
                self._emit("comment", event, {"host": event.host, "who": event.who, "text": event.text})
            case Identified():
                self._emit("identified", event, {"host": event.host, "machine": event.machine, "unverified": event.unverified})
            case CanaryOverdue():
                self._emit("canary_overdue", event, {"host": event.host, "reason": event.reason})
            case RepairChanged():
                members = {"host": event.host, "repair": event.repair.value, "status": event.status.value, "who": event.who}
                members |= {"reason": event.text, **({"owner": event.owner} if event.owner else {})}
                self._emit("repair", event, members | ({"safety": event.safety.value} if event.safety else {}))
            case Notice():
                self._emit("notice", event, {"level": event.level, "text": event.text})

    async def tell_overdue(self, view: RolloutView) -> None:
        """A line for every host that becomes overdue, until cancelled. No event says so: it is seen by what time it is."""
        told: set[str] = set()
        if not self._rollout.durations.expected.overdue_after:
            return  # nothing has been learned of their installs: none can be, and no forecast has to be made for it
        while True:
            made = view.forecast
            for one in made.overdue:
                if one.name not in told:
                    seconds = (made.at - self._rollout.durations.installing.get(one.name, made.at)) * self._rollout.speed
                    members = {"host": one.name, "seconds": round(seconds, 1), "until": rfc3339(one.until)}
                    emit_json("overdue", made.at, {"rollout": self._rollout.id, **members})
            told = {one.name for one in made.overdue}
            await view.clock.sleep_real(_LOOK_INTERVAL)

    def _cloud(self, host: str) -> dict[str, Any]:
        known = self._rollout.hosts.get(host)
        return {"cloud": known.cloud} if known is not None else {}

    def _cloud_finished(self, event: HostChanged) -> None:
        """`cloud_finished` each time that no host of a cloud is unfinished any more; after a retry again."""
        host = self._rollout.hosts.get(event.host)
        if host is not None and event.status.is_final:
            counts = counts_of(self._rollout, host.cloud)
            if not counts.unfinished:
                self._emit("cloud_finished", event, counts.members())

    def _emit(self, name: str, event: Event, members: dict[str, Any]) -> None:
        emit_json(name, event.at, {"rollout": self._rollout.id, **members})


def finished(rollout: Rollout, requests: dict[str, int], at: float) -> dict[str, Any]:
    """The members of `rollout_finished`. `requests`: foreman_writes, foreman_reads, redfish_requests of this process."""
    counts = rollout.counts
    ends = {status.value: counts[status] for status in HostStatus if status.is_final}
    hosts = rollout.hosts.values()
    return {
        "rollout": rollout.id,
        "hosts": len(rollout.hosts),
        **ends,
        "unfinished": len(rollout.hosts) - sum(ends.values()),
        "clouds": [one.members() for one in cloud_counts(rollout)],
        "seconds": round(rollout.seconds(at), 3),
        **requests,
        "failures": [
            {
                "host": host.name,
                "stage": host.stage.value if host.stage else "",
                "cause": host.cause.value if host.cause else "",
                "reason": host.reason,
                "safety": host.safety.value,
                "armed": host.armed,
                **({"given_back": host.given_back} if host.given_back else {}),
            }
            for host in hosts
            if host.status is HostStatus.FAILED
        ],
        "overdue_hosts": [
            {"host": name, "seconds": round(one.seconds, 1)} for name, one in overdue_installs(rollout, at).items()
        ],
        "armed_hosts": list(rollout.armed),
        "unverified_hosts": [{"host": name, "reason": why} for name, why in rollout.unverified.items()],
        **({"until": rfc3339(rollout.plan.until), "not_begun_hosts": not_begun(rollout)} if rollout.plan.until else {}),
        "comments": [
            {"host": host.name, "at": rfc3339(one.at), "who": one.who, "text": one.text}
            for host in hosts
            for one in host.comments
        ],
        "skipped_hosts": [host.name for host in hosts if host.status is HostStatus.SKIPPED],
        "held_hosts": [host.name for host in hosts if host.status is HostStatus.HELD],
    }
