"""The exchange with QUADS: what it must be told follows from the rollout's events alone, so a resume tells what a dead process
still owed. Provisioning never waits for it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from quads_tui.rollout.events import Event, HostChanged, Notice, QuadsTold, StageChanged
from quads_tui.rollout.plan import Plan
from quads_tui.rollout.ports import Clock, JournalBroken
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from quads_tui.services.quads import QuadsTrouble

_PAUSES = (2.0, 5.0, 15.0, 30.0, 60.0)  # own seconds between tries at a QUADS that is away; the last one repeats

# QUADS' own stages of a move (its tracking shows n of 12). Its validation follows ours, and is QUADS' business.
_STAGES = {
    Stage.POWER_OFF: ("hardware_prep", "powering off"),
    Stage.PXE_SET: ("hardware_prep", "setting PXE for the next boot"),
    Stage.FOREMAN_BUILD: ("provisioning", "marking for build in Foreman"),
    Stage.POWER_ON: ("reboot", "powering on"),
    Stage.INSTALL: ("post_install", "installing"),
}


class QuadsPort(Protocol):
    """What the exchange needs of a QUADS client. Raises QuadsTrouble."""

    async def tracks(self) -> bool: ...
    async def tell_progress(self, schedule: int, status: str, message: str, error: str) -> None: ...
    async def tell_host(self, host: str, cloud: str, built_at: str) -> None: ...
    async def tell_schedule(self, schedule: int, begun_at: str, built_at: str) -> None: ...
    async def tell_assignment(self, assignment: int, *, provisioned: bool, validated: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Update:
    """One thing that QUADS does not know yet. `key` names what it is about: a newer update of the same key replaces it."""

    key: str
    body: dict[str, Any]


class Outbox:
    """What QUADS is still to be told, derived from events: the same after a resume. O(1) an event."""

    def __init__(self, plan: Plan) -> None:
        self.waiting: dict[str, Update] = {}
        self._plan = plan
        self._hosts = {host.name: host for host in plan.hosts}
        self._open = Counter(plan.goal(host).cloud for host in plan.hosts)  # hosts that are not done
        self._begun: dict[str, float] = {}

    def take(self, event: Event) -> None:
        match event:
            case StageChanged(status=StageStatus.STARTED):
                self._begun.setdefault(event.host, event.at)
                status, words = _STAGES[event.stage]
                self._progress(event.host, status, words if event.attempt == 1 else f"{words}, attempt {event.attempt}")
            case HostChanged(status=HostStatus.DONE):
                self._done(event)
            case HostChanged(status=HostStatus.FAILED | HostStatus.SKIPPED | HostStatus.HELD):
                stage = f"{event.stage.value}: " if event.stage else ""
                self._progress(event.host, "failed", event.status.value, f"{stage}{event.reason}")
            case HostChanged(status=HostStatus.QUEUED):
                self._progress(event.host, "pending", event.reason)
            case QuadsTold():
                update = self.waiting.get(event.key)
                if update is not None and update.body == event.body:
                    del self.waiting[event.key]
            case _:
                pass

    def forget_progress(self) -> None:
        """The server keeps no progress (before 2.2)."""
        for key in [key for key in self.waiting if key.startswith("progress ")]:
            del self.waiting[key]

    def _progress(self, host: str, status: str, message: str, error: str = "") -> None:
        plan = self._hosts.get(host)
        if plan is not None and plan.schedule is not None:
            body = {"schedule": plan.schedule, "status": status, "message": message, "error": error}
            self._put(Update(f"progress {host}", body))

    def _done(self, event: HostChanged) -> None:
        host = self._hosts.get(event.host)
        if host is None:
            return
        goal, built = self._plan.goal(host), _minute(event.at)
        self._put(Update(f"host {host.name}", {"host": host.name, "cloud": goal.cloud, "built_at": built}))
        if host.schedule is not None:
            begun = _minute(self._begun.get(host.name, event.at))
            body = {"schedule": host.schedule, "begun_at": begun, "built_at": built}
            self._put(Update(f"schedule {host.name}", body))
        if goal.kind is Kind.BUILD:
            self._progress(host.name, "validation", "installed; QUADS validates it")
        else:
            self._progress(host.name, "completed", "done")
        self._open[goal.cloud] -= 1
        if self._open[goal.cloud] == 0 and goal.quads_id is not None:
            body = {"assignment": goal.quads_id, "provisioned": True, "validated": goal.kind is Kind.OWNERSHIP}
            self._put(Update(f"assignment {goal.cloud}", body))

    def _put(self, update: Update) -> None:
        self.waiting.pop(update.key, None)  # the newest goes last: what is told stays in the order in which it happened
        self.waiting[update.key] = update


class QuadsExchange:
    """Tells QUADS, one update after the other, for as long as it takes."""

    def __init__(
        self,
        port: QuadsPort,
        outbox: Outbox,
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

    @property
    def owed(self) -> int:
        """How many updates QUADS has not taken over yet."""
        return len(self._outbox.waiting)

    def take(self, event: Event) -> None:
        """Hear of an event of the rollout."""
        self._outbox.take(event)
        if self._tracks is False:
            self._outbox.forget_progress()
        if self._outbox.waiting:
            self._changed.set()

    async def run(self) -> None:
        """Until cancelled."""
        tries = 0
        while True:
            await self._changed.wait()
            try:
                await self._tell_next()
                tries = 0
            except QuadsTrouble as trouble:
                self._say(trouble.reason)
                await self._clock.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])
                tries += 1

    async def flush(self, seconds: float) -> None:
        """Tell what is left, for at most real `seconds`; what QUADS does not take stays owed."""
        try:
            async with asyncio.timeout(seconds):
                while self._outbox.waiting:
                    await self._tell_next()
        except (QuadsTrouble, TimeoutError, JournalBroken):
            pass

    async def _tell_next(self) -> None:
        if self._tracks is None:
            self._tracks = await self._port.tracks()
            if not self._tracks:
                self._outbox.forget_progress()
        update = next(iter(self._outbox.waiting.values()), None)
        if update is None:
            self._changed.clear()
            return
        refused = ""
        await self._owned()
        try:
            await self._tell(update)
        except QuadsTrouble as trouble:
            if not trouble.final:
                raise
            refused = trouble.reason
            self._emit(Notice(self._clock.wall(), "warning", f"QUADS, {update.key}: {refused}"))
        self._say("")
        self._emit(QuadsTold(self._clock.wall(), update.key, update.body, refused))

    async def _tell(self, update: Update) -> None:
        body, port = update.body, self._port
        match update.key.partition(" ")[0]:
            case "progress":
                await port.tell_progress(body["schedule"], body["status"], body["message"], body["error"])
            case "host":
                await port.tell_host(body["host"], body["cloud"], body["built_at"])
            case "schedule":
                await port.tell_schedule(body["schedule"], body["begun_at"], body["built_at"])
            case _:
                await port.tell_assignment(body["assignment"], provisioned=body["provisioned"], validated=body["validated"])

    def _say(self, trouble: str) -> None:
        """Once when it goes away, once when it is back."""
        if bool(trouble) != bool(self._trouble):
            words = f"{trouble}; {self.owed} updates wait, provisioning goes on" if trouble else "QUADS answers again"
            self._emit(Notice(self._clock.wall(), "warning" if trouble else "info", words))
        self._trouble = trouble


def _minute(at: float) -> str:
    """As QUADS reads it: UTC by convention."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M")
