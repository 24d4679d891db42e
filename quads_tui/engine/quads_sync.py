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
from collections.abc import Awaitable, Callable
from typing import Protocol

from quads_tui.rollout.events import Event, Notice, QuadsTold
from quads_tui.rollout.ports import Clock, JournalBroken, QuadsError

from .quads_outbox import Outbox, Update

_PAUSES = (2.0, 5.0, 15.0, 30.0, 60.0)  # own seconds between tries at a QUADS that is away; the last one repeats
_ASK_AGAIN = 60.0  # own seconds between two looks at whether QUADS still schedules the hosts that failed


_MOST_ERRORS = 5  # updates in a row that a QUADS which answers may fail before it counts as away


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
        self._errors = 0  # updates that failed in a row since then, or since the last pause
        self._stuck: set[str] = set()  # hosts and clouds whose updates wait for the next pause
        self._noticed: set[str] = set()  # keys of updates whose failure has its notice

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
        self._errors = 0
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
            self._emit(
                Notice(
                    self._clock.wall(), "info", f"{cloud}: all hosts that are still scheduled for this cloud in QUADS are built"
                )
            )
            await self._tell_it(update)

    async def _tell_next(self) -> bool:
        """The next update; False where QUADS fails each that is left."""
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
            if not trouble.answered or self._errors >= _MOST_ERRORS:
                raise
            self._errors += 1
            self._stuck.add(_subject(update))
            if update.key not in self._noticed:
                self._noticed.add(update.key)
                self._emit(
                    Notice(
                        self._clock.wall(),
                        "warning",
                        f'QUADS update "{update.key}" failed and will be sent again: {trouble.reason}',
                    )
                )
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
        self._tries = self._errors = 0

    async def _send(self, update: Update) -> None:
        refused = ""
        await self._owned()
        try:
            await self._tell(update)
        except QuadsError as trouble:
            if not trouble.final:
                raise
            refused = trouble.reason
            self._emit(Notice(self._clock.wall(), "warning", f'QUADS update "{update.key}" was refused: {refused}'))
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
            words = (
                f"{trouble}; updates to QUADS pending: {self.owed}; the rollout continues" if trouble else "QUADS answers again"
            )
            self._emit(Notice(self._clock.wall(), "warning" if trouble else "info", words))
        self._trouble = trouble


def _subject(update: Update) -> str:
    """The host or the cloud that it is about."""
    return update.key.partition(" ")[2]
