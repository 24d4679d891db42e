"""The exchange with QUADS: what it must be told follows from the rollout's events alone, so a resume tells what a dead process
still owed. Provisioning never waits for it.

QUADS is left as its own mover (2.0.5, 2.1, 2.2: `quads --move-hosts`) leaves it, in the mover's order:
- Before the first act on a host: the host build: false and switch_config_applied: false, once; with the first host that is to be
  wiped, the cloud's assignment validated: false, so that QUADS does not validate a cloud that is being rebuilt. 2.2 is also told
  that the move begins (it keeps the cloud that the host comes from).
- A host that is done: build_start and build_end of its schedule, if it still has one; then the host, with its cloud, build: true,
  last_build, validated: false. A host that fails stays in its cloud with build: false; 2.2's mover writes that once more, with
  validated and switch_config_applied false.
- A cloud whose last host has left or failed to: its assignment active: false, unless QUADS has current schedules there.
- All hosts of an assignment done: provisioned: true, and validated: true where nothing was wiped. The mover stops here where
  one failed, for good if that host's schedule is then removed. Here QUADS is asked again, as 2.2's mover does: once all hosts
  that it still schedules for the cloud are built and there, the cloud goes on to its validation without the others.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from quads_tui.rollout.events import Event, HostChanged, Notice, QuadsTold, StageChanged
from quads_tui.rollout.plan import HostPlan, Plan
from quads_tui.rollout.ports import Clock, JournalBroken, QuadsError
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus

_PAUSES = (2.0, 5.0, 15.0, 30.0, 60.0)  # own seconds between tries at a QUADS that is away; the last one repeats
_ASK_AGAIN = 60.0  # own seconds between two looks at whether QUADS still schedules the hosts that failed

# QUADS' own stages of a move (its tracking shows n of 12). Its validation follows ours, and is QUADS' business.
_STAGES = {
    Stage.POWER_OFF: ("hardware_prep", "powering off"),
    Stage.PXE_SET: ("hardware_prep", "setting PXE for the next boot"),
    Stage.FOREMAN_BUILD: ("provisioning", "marking for build in Foreman"),
    Stage.POWER_ON: ("reboot", "powering on"),
    Stage.INSTALL: ("post_install", "installing"),
}
_TRACKING = ("tracking", "progress", "failure")  # updates of which servers before 2.2 know nothing


_IN_A_ROW = 5  # updates that a QUADS which answers may stumble over before it counts as away


class QuadsPort(Protocol):
    """What the exchange needs of a QUADS client. Times are real, in seconds since 1970 UTC. Raises QuadsError.

    What QUADS took over was in its answer; an update may be sent again.
    """

    async def tracks(self) -> bool:
        """Whether this server keeps the progress of moves (2.2 and later)."""
        ...

    async def send_started(self, host: str) -> None:
        """The host is about to be moved."""
        ...

    async def start_tracking(self, host: str) -> None:
        """Have the server keep the progress of this host's move; nothing where it cannot."""
        ...

    async def send_progress(self, schedule: int, status: str, message: str, error: str) -> None:
        """One of QUADS' own stages (`status`), in words; `error` is empty where it did not fail."""
        ...

    async def send_failure(self, host: str) -> None:
        """The move failed."""
        ...

    async def send_schedule_times(self, host: str, cloud: str, begun_at: float, built_at: float) -> None:
        """When the move began and ended, for the schedule that the host has for this cloud; nothing where it was removed."""
        ...

    async def send_built(self, host: str, cloud: str, built_at: float) -> None:
        """The host is in its new cloud."""
        ...

    async def mark_unvalidated(self, assignment: int) -> None:
        """Hosts of it are about to be wiped. `assignment`: its id."""
        ...

    async def end_empty_assignment(self, cloud: str) -> None:
        """Hosts have left the cloud: without a current schedule there its assignment is over."""
        ...

    async def update_assignment(self, assignment: int, *, provisioned: bool, validated: bool) -> None:
        """What our side of the assignment (its id) has come to."""
        ...

    async def all_built(self, cloud: str) -> bool:
        """Whether every host that is scheduled for the cloud now is built and there; False where none is scheduled."""
        ...


@dataclass(frozen=True, slots=True)
class Update:
    """One thing that QUADS does not know yet. `key` names what it is about: a newer update of the same key replaces it."""

    key: str
    body: dict[str, Any]


class Outbox:
    """What QUADS is still to be told, derived from events: the same after a resume. O(1) an event.

    `undecided` are clouds all of whose hosts have ended, not all of them done: QUADS decides whether it waits for the others.
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
        status, words = _STAGES[event.stage]
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
            self._progress(host.name, "validation", "installed; QUADS validates it")
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
        if not self._undone[cloud]:
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


class QuadsExchange:
    """Tells QUADS, one update after the other, for as long as it takes."""

    def __init__(
        self,
        port: QuadsPort,
        outbox: Outbox,
        *,
        clock: Clock,
        emit: Callable[[Event], None],
        owned: Callable[[], Awaitable[None]],
    ) -> None:
        """`owned` raises TakenOver: then QUADS is told by the process that took the rollout over."""
        self._port = port
        self._outbox = outbox
        self._clock = clock
        self._emit = emit
        self._owned = owned
        self._changed = asyncio.Event()
        self._tracks: bool | None = None
        self._trouble = ""
        self._sending: asyncio.Future[None] | None = None
        self._tries = 0  # pauses since QUADS took something over
        self._in_a_row = 0  # updates that it stumbled over since then, or since the last pause
        self._stuck: set[str] = set()  # hosts and clouds whose updates wait for the next pause
        self._stumbled: set[str] = set()  # keys that this was said of

    @property
    def owed(self) -> int:
        """How many updates QUADS has not taken over yet."""
        return len(self._outbox.waiting)

    @property
    def undecided(self) -> list[str]:
        """Clouds that QUADS does not validate yet, since it still schedules hosts for them that were not done."""
        return sorted(self._outbox.undecided)

    def on_event(self, event: Event) -> None:
        """Hear of an event of the rollout."""
        self._outbox.apply(event)
        if self._tracks is False:
            self._outbox.forget_tracking()
        if self._outbox.waiting or self._outbox.undecided:
            self._changed.set()

    async def run(self) -> None:
        """Until cancelled."""
        if self._outbox.waiting or self._outbox.undecided:  # of a process that died
            self._changed.set()
        while True:
            await self._changed.wait()
            try:
                if self._outbox.waiting:
                    if not await self._tell_next():
                        await self._pause()
                elif self._outbox.undecided:
                    await self._wait_for_more(_ASK_AGAIN)
                    await self._decide()
                else:
                    self._changed.clear()
            except QuadsError as trouble:
                self._say(trouble.reason)
                await self._pause()

    async def flush(self, seconds: float) -> None:
        """Tell what is left, for at most real `seconds`; what QUADS does not take stays owed."""
        try:
            async with asyncio.timeout(seconds):
                if self._sending is not None:  # of `run`, which was cancelled: it is on its way, so not sent once more
                    await asyncio.wait([self._sending])
                self._stuck.clear()
                while self._outbox.waiting and await self._tell_next():
                    pass
                await self._decide()
        except (QuadsError, TimeoutError, JournalBroken):
            pass
        finally:
            if self._sending is not None:
                self._sending.cancel()

    async def _pause(self) -> None:
        await self._clock.sleep(_PAUSES[min(self._tries, len(_PAUSES) - 1)])
        self._tries += 1
        self._in_a_row = 0
        self._stuck.clear()

    async def _wait_for_more(self, seconds: float) -> None:
        """Wait own `seconds`, less where something happens meanwhile."""
        self._changed.clear()
        waits = [asyncio.ensure_future(self._changed.wait()), asyncio.ensure_future(self._clock.sleep(seconds))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            self._changed.set()

    async def _decide(self) -> None:
        """Ask QUADS whether it still waits for the hosts that were not done; where not, their cloud goes on without them."""
        for cloud in sorted(self._outbox.undecided):
            if self._outbox.waiting or not await self._port.all_built(cloud):
                continue  # what it is still to be told comes first
            update = self._outbox.provisioned(cloud)
            self._emit(Notice(self._clock.wall(), "info", f"{cloud}: all hosts that QUADS still schedules for it are built"))
            await self._tell_it(update)

    async def _tell_next(self) -> bool:
        """The next update; False where QUADS stumbles over each that is left."""
        if self._tracks is None:
            self._tracks = await self._port.tracks()
            if not self._tracks:
                self._outbox.forget_tracking()
        update = next((update for update in self._outbox.waiting.values() if self._may_go(update)), None)
        if update is None:
            return not self._outbox.waiting
        try:
            await self._tell_it(update)
        except QuadsError as trouble:
            # An answer may be about this one alone: the others do not wait for it. Several in a row are about QUADS.
            if not trouble.answered or self._in_a_row >= _IN_A_ROW:
                raise
            self._in_a_row += 1
            self._stuck.add(_subject(update))
            if update.key not in self._stumbled:
                self._stumbled.add(update.key)
                self._emit(Notice(self._clock.wall(), "warning", f"QUADS, {update.key}: {trouble.reason}; tried again later"))
        return True

    def _may_go(self, update: Update) -> bool:
        """Updates of one host keep their order, and what concludes a cloud comes after those of all hosts."""
        concludes = update.key.startswith(("assignment ", "emptied "))
        return not self._stuck if concludes else _subject(update) not in self._stuck

    async def _tell_it(self, update: Update) -> None:
        sending = self._sending = asyncio.ensure_future(self._send(update))
        try:
            await asyncio.shield(sending)
        finally:
            if sending.done():
                self._sending = None
        self._tries = self._in_a_row = 0

    async def _send(self, update: Update) -> None:
        refused = ""
        await self._owned()
        try:
            await self._tell(update)
        except QuadsError as trouble:
            if not trouble.final:
                raise
            refused = trouble.reason
            self._emit(Notice(self._clock.wall(), "warning", f"QUADS, {update.key}: {refused}"))
        self._say("")
        self._emit(QuadsTold(self._clock.wall(), update.key, update.body, refused))

    async def _tell(self, update: Update) -> None:
        body, port = update.body, self._port
        match update.key.partition(" ")[0]:
            case "begun":
                await port.send_started(body["host"])
            case "unvalidated":
                await port.mark_unvalidated(body["assignment"])
            case "tracking":
                await port.start_tracking(body["host"])
            case "progress":
                await port.send_progress(body["schedule"], body["status"], body["message"], body["error"])
            case "failure":
                await port.send_failure(body["host"])
            case "schedule":
                await port.send_schedule_times(body["host"], body["cloud"], body["begun_at"], body["built_at"])
            case "host":
                await port.send_built(body["host"], body["cloud"], body["built_at"])
            case "emptied":
                await port.end_empty_assignment(body["cloud"])
            case _:
                await port.update_assignment(body["assignment"], provisioned=body["provisioned"], validated=body["validated"])

    def _say(self, trouble: str) -> None:
        """Once when it goes away, once when it is back."""
        if bool(trouble) != bool(self._trouble):
            words = f"{trouble}; {self.owed} updates pending, provisioning continues" if trouble else "QUADS answers again"
            self._emit(Notice(self._clock.wall(), "warning" if trouble else "info", words))
        self._trouble = trouble


def _subject(update: Update) -> str:
    """The host or the cloud that it is about."""
    return update.key.partition(" ")[2]
