"""What QUADS has to be told of a rollout, in order, worked out from its events."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, assert_never

from quads_tui.rollout.events import Event, HostChanged, QuadsTold, StageChanged
from quads_tui.rollout.plan import HostPlan, Plan
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus

_TRACKING = ("tracking", "progress", "failure")  # updates of which servers before 2.2 know nothing


def _tracked_as(stage: Stage) -> tuple[str, str]:
    """QUADS' own stage of a move (its tracking shows n of 12), and ours in words. QUADS' validation follows, and is its own."""
    match stage:
        case Stage.POWER_OFF:
            return "hardware_prep", "powering off"
        case Stage.PXE_SET:
            return "hardware_prep", "setting PXE for the next boot"
        case Stage.FOREMAN_BUILD:
            return "provisioning", "setting build mode in Foreman"
        case Stage.POWER_ON:
            return "reboot", "powering on"
        case Stage.INSTALL:
            return "post_install", "installing"
        case _:
            assert_never(stage)


@dataclass(frozen=True, slots=True)
class Update:
    """One thing that QUADS does not know yet. `key` names what it is about: a newer update of the same key replaces it."""

    key: str
    body: dict[str, Any]


class Outbox:
    """What QUADS is still to be told, derived from events: the same after a resume. O(1) an event.

    `undecided` are clouds all of whose hosts have ended, not all of them done, or others in rollouts of their own: QUADS decides
    whether it waits for the others.
    """

    def __init__(self, plan: Plan) -> None:
        self.waiting: dict[str, Update] = {}
        self.undecided: set[str] = set()
        self._plan = plan
        self._hosts = {host.name: host for host in plan.hosts}
        self._goals = {goal.cloud: goal for goal in plan.goals}
        self._undone: defaultdict[str, set[str]] = defaultdict(set)  # hosts that are not done, by the cloud they go to
        self._running: defaultdict[str, set[str]] = defaultdict(set)  # hosts that have not ended, by the cloud they go to
        self._leaving: defaultdict[str, set[str]] = defaultdict(set)  # hosts that have not ended, by the cloud they come from
        self._begun: dict[str, float] = {}
        self._begun_clouds: set[str] = set()
        self._told: dict[str, dict[str, Any]] = {}
        self._untracked: set[str] = set()  # QUADS refused their progress: their schedule is gone
        for host in plan.hosts:
            self._undone[plan.goal(host).cloud].add(host.name)
            self._runs(host)

    def apply(self, event: Event) -> None:
        """One event, in the journal's order."""
        match event:
            case StageChanged(status=StageStatus.STARTED):
                self._begin(event)
            case HostChanged() if event.host in self._hosts:
                self._change(event)
            case QuadsTold():
                self._taken(event)
            case _:
                pass

    def forget_tracking(self) -> None:
        """The server keeps no progress (before 2.2)."""
        for key in [key for key in self.waiting if key.partition(" ")[0] in _TRACKING]:
            del self.waiting[key]

    def provisioned(self, cloud: str) -> Update:
        """All that QUADS waits for in this cloud is done. Only for a cloud that QUADS has an assignment of."""
        goal = self._goals[cloud]
        body = {"assignment": goal.quads_id, "provisioned": True, "validated": goal.kind is Kind.OWNERSHIP}
        return Update(f"assignment {cloud}", body)

    def _begin(self, event: StageChanged) -> None:
        host = self._hosts.get(event.host)
        if host is None:
            return
        if host.name not in self._begun:
            self._begun[host.name] = event.at
            self._put(Update(f"begun {host.name}", {"host": host.name}))
            goal = self._plan.goal(host)
            if goal.kind is Kind.BUILD and goal.quads_id is not None and goal.cloud not in self._begun_clouds:
                self._begun_clouds.add(goal.cloud)
                self._put(Update(f"unvalidated {goal.cloud}", {"assignment": goal.quads_id}))
            if host.schedule is not None:
                self._put(Update(f"tracking {host.name}", {"host": host.name}))
        status, words = _tracked_as(event.stage)
        self._progress(host.name, status, words if event.attempt == 1 else f"{words}, attempt {event.attempt}")

    def _runs(self, host: HostPlan) -> None:
        cloud = self._plan.goal(host).cloud
        self._running[cloud].add(host.name)
        if host.source not in ("", cloud):
            self._leaving[host.source].add(host.name)

    def _change(self, event: HostChanged) -> None:
        host = self._hosts[event.host]
        cloud = self._plan.goal(host).cloud
        if host.name not in self._undone[cloud]:
            return  # done is done
        if not event.status.is_final:
            self._runs(host)
            if event.status is HostStatus.QUEUED:
                self._progress(host.name, "pending", event.reason)
        else:
            self._running[cloud].discard(host.name)
            if event.status is HostStatus.DONE:
                self._undone[cloud].discard(host.name)
                self._done(event)
            else:
                self._failed(event)
            self._left(host.source, host.name)
        self._decide(cloud)

    def _done(self, event: HostChanged) -> None:
        host = self._hosts[event.host]
        goal, built = self._plan.goal(host), event.at
        begun = self._begun.get(host.name, built)
        self.waiting.pop(f"failure {host.name}", None)
        body = {"host": host.name, "cloud": goal.cloud, "begun_at": begun, "built_at": built}
        self._put(Update(f"schedule {host.name}", body))
        self._put(Update(f"host {host.name}", {"host": host.name, "cloud": goal.cloud, "built_at": built}))
        if goal.kind is Kind.BUILD:
            self._progress(host.name, "validation", "installed; waiting for the validation by QUADS")
        else:
            self._progress(host.name, "completed", "done")

    def _failed(self, event: HostChanged) -> None:
        if event.host in self._begun:
            self._put(Update(f"failure {event.host}", {"host": event.host}))
        stage = f"{event.stage.value}: " if event.stage else ""
        self._progress(event.host, "failed", event.status.value, f"{stage}{event.reason}")

    def _left(self, source: str, host: str) -> None:
        """Where the mover deactivates the assignment of the cloud that hosts leave: also when some of them failed to."""
        leaving = self._leaving.get(source)
        if leaving is None or host not in leaving:
            return
        leaving.discard(host)
        if not leaving and any(other.source == source and other.name in self._begun for other in self._plan.hosts):
            self._put(Update(f"emptied {source}", {"cloud": source}))

    def _decide(self, cloud: str) -> None:
        self.undecided.discard(cloud)
        if self._goals[cloud].quads_id is None or f"assignment {cloud}" in self._told:
            return
        if not (self._undone[cloud] or self._goals[cloud].partial):
            self._put(self.provisioned(cloud))
        elif not self._running[cloud]:
            self.undecided.add(cloud)

    def _taken(self, event: QuadsTold) -> None:
        what, _, whose = event.key.partition(" ")
        if isinstance(event.body.get("built_at"), str):  # a journal of before: it told less, and times as text
            for key in [f"{name} {whose}" for name in ("begun", "tracking", "schedule", "host")]:
                if update := self.waiting.pop(key, None):
                    self._told[key] = update.body
            return
        self._told[event.key] = event.body
        update = self.waiting.get(event.key)
        if update is not None and update.body == event.body:
            del self.waiting[event.key]
        if what == "assignment":
            self.undecided.discard(whose)
            self.waiting.pop(f"unvalidated {whose}", None)
        elif what == "progress" and event.refused:
            self._untracked.add(whose)
            self.waiting.pop(event.key, None)

    def _progress(self, host: str, status: str, message: str, error: str = "") -> None:
        schedule = self._hosts[host].schedule
        if schedule is not None and host not in self._untracked:
            body = {"schedule": schedule, "status": status, "message": message, "error": error}
            self._put(Update(f"progress {host}", body))

    def _put(self, update: Update) -> None:
        self.waiting.pop(update.key, None)  # the newest goes last: what is told stays in the order in which it happened
        if self._told.get(update.key) != update.body:
            self.waiting[update.key] = update
