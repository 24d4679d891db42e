"""`quads-tui` without a command: all rollouts in one console, several of them at once in this process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from quads_tui.inputs import InputError
from quads_tui.journal.catalogue import find
from quads_tui.journal.locks import LockHeld
from quads_tui.render.plan_text import plan_lines
from quads_tui.render.rollout_list import Row
from quads_tui.rollout.plan import Plan
from quads_tui.rollout.ports import JournalBroken
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.text import clean
from quads_tui.runtime.options import Options, Refused, Usage
from quads_tui.runtime.process_resources import SIGNALS, ProcessResources
from quads_tui.runtime.rollout_index import RolloutIndex

from .rehearse import lab
from .resume import resumed
from .run import OperatorPrompt, RunRequest, fate, guarded, load, roll_out, unfinished_like
from .screen import RunningRollout, screen_wanted, shown, until_left
from .watch import attached, followed, looked_at

if TYPE_CHECKING:
    from quads_tui.console.start_screen import StartApp

_LOOK = 1.0  # real seconds
log = logging.getLogger(__name__)

_QUADS = "QUADS' own moves"
_REHEARSAL = "a rehearsal: 700 emulated hosts, 30 times faster than life, realistic faults"


def home(options: Options) -> int:
    """Gives the exit status: the worst of the rollouts that ran here, 0 when none did."""
    return guarded(options, lambda: asyncio.run(StartController(options).run()))


class StartController:
    """Implements console.start_screen.RolloutActions."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._station = ProcessResources()
        self._board = RolloutIndex(options.state, self._station)
        self._tasks: set[asyncio.Task[None]] = set()
        self._conducting: set[asyncio.Task[Any] | None] = set()  # those of them whose rollout has begun
        self._status = 0
        self._leaving = False
        self._start: StartApp | None = None
        self._started = asyncio.Event()  # the start screen is there
        self._open = ""  # to be opened at once
        self.news = ""

    async def run(self) -> int:
        self._station.listen()
        await asyncio.to_thread(self._board.find_files)
        looking = asyncio.create_task(self._board.look())
        try:
            await self._screens()
        finally:
            self._leaving = True
            looking.cancel()
            for task in self._tasks - self._conducting:  # nothing has begun there, and nobody is left to be asked
                task.cancel()
            while self._tasks:
                await asyncio.wait(self._tasks)
            self._board.close()
        return SIGNALS.get(self._station.signal, self._status)

    async def _screens(self) -> None:
        """One after the other, until the operator leaves or a signal comes."""
        while not self._station.signal:
            act, rollout = await self._choice()
            if act == "open" and (front := self._front(rollout)):
                if await shown(front) == "gone":
                    return
            elif act == "open":
                await self._looked_at(rollout)
            elif act == "attach":
                await self._attached(rollout)
            elif act == "leave" and self._station.fronts and not self._station.hung_up.is_set():
                if not await screen_wanted(*self._station.fronts):
                    return
            else:
                return

    async def _choice(self) -> tuple[str, str]:
        from quads_tui.console.start_screen import StartApp

        if self._open:
            rollout, self._open = self._open, ""
            return "open", rollout
        self._start = StartApp(self)
        self._started.set()
        choice = await until_left(self._start, self._station.ended, self._station.hung_up)
        self._started.clear()
        return choice if isinstance(choice, tuple) else ("leave", "")

    # RolloutActions

    def rows(self) -> Sequence[Row]:
        return self._board.rows()

    def sources(self) -> Sequence[str]:
        return [*(clean(path, 1000) for path in self._board.files), _QUADS, _REHEARSAL]

    def begin(self, source: int) -> None:
        if source < len(self._board.files):
            self._work(self._begun(RunRequest(self._board.files[source])))
        elif self.sources()[source] == _QUADS:
            self._work(self._begun(RunRequest(None)))
        else:
            self._work(self._rehearsed())

    def resume(self, rollout: str) -> None:
        self._work(self._resumed(rollout))

    # What the operator orders

    def _work(self, work: Coroutine[Any, Any, int]) -> None:
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, int]) -> None:
        """A rollout that cannot begin is told, and ends nothing else."""
        try:
            self._status = max(self._status, await work)
        except (InputError, Usage, Refused, LockHeld, JournalBroken) as error:
            reasons = error.reasons if isinstance(error, Refused) else [clean(line, 1000) for line in str(error).splitlines()]
            self.news = f"refused: {reasons[0]}"
            if self._start is not None and self._started.is_set() and not self._leaving:
                await self._start.told("It cannot begin", reasons)
        except Exception as error:
            log.exception("a rollout broke")
            self.news = f"it broke: {type(error).__name__}: {clean(error)}"

    async def _begun(self, wanted: RunRequest) -> int:
        self.news = f"reading {wanted.path or _QUADS}"
        work = await asyncio.to_thread(load, wanted, self._options)
        old = await asyncio.to_thread(unfinished_like, work, self._options)
        if old is not None:
            raise Refused([f"the rollout {old.id} has unfinished hosts of this assignment: resume it, or end it first"])
        return await roll_out(work, self._options, show=self._hosted, desk=self._desk)

    async def _rehearsed(self) -> int:
        self.news = "starting the emulators"
        emulated = lab(self._options)
        work = await asyncio.to_thread(emulated.__enter__)
        try:
            return await roll_out(work, replace(self._options, yes=True), show=self._hosted, desk=self._desk)
        finally:
            await asyncio.to_thread(emulated.__exit__, None, None, None)

    async def _resumed(self, rollout: str) -> int:
        kept = await asyncio.to_thread(find, self._options.state, rollout)
        if kept.rehearsal is not None:
            raise Refused([f"{rollout} is a rehearsal: quads-tui resume {rollout} goes on with it while its emulators run"])
        return await resumed(kept, self._options, False, show=self._hosted, desk=self._desk)

    @property
    def _desk(self) -> OperatorPrompt:
        return OperatorPrompt(self._station, self._say, self._agreed, self._sure)

    def _say(self, text: str) -> None:
        self.news = clean(text, 300)

    async def _agreed(self, made: Plan) -> bool:
        """Asked on the start screen, as soon as it is there."""
        await self._started.wait()
        assert self._start is not None
        return await self._start.agreed(plan_lines(made), made.usable, fate(made))

    async def _sure(self, question: str) -> bool:
        await self._started.wait()
        assert self._start is not None
        return await self._start.sure(question)

    async def _hosted(self, front: RunningRollout) -> None:
        """Its rollout runs here: looked at now and then, and kept for retries until all is done or the console is left."""
        self._conducting.add(asyncio.current_task())
        self._open = front.rollout.id
        if self._start is not None and self._started.is_set():
            self._start.exit(("open", front.rollout.id))
            self._open = ""
        while True:
            await front.settled()
            counts = front.rollout.counts
            retryable = counts[HostStatus.FAILED] or counts[HostStatus.HELD] or counts[HostStatus.SKIPPED]
            finished = front.rollout.settled and not retryable  # not where hosts wait for the end of a pause
            if front.executor.stopped or self._leaving or (finished and self._started.is_set()):
                self.news = f"{front.rollout.id} has ended: {counts[HostStatus.DONE]} of {len(front.rollout.hosts)} done"
                return
            await asyncio.sleep(_LOOK)

    def _front(self, rollout: str) -> RunningRollout | None:
        return next((front for front in self._station.fronts if front.rollout.id == rollout), None)

    async def _looked_at(self, rollout: str) -> None:
        try:
            kept = find(self._options.state, rollout)
            follower = followed(kept)
        except Usage as error:
            self.news = str(error)
            return
        holder = kept.holder()
        await looked_at(
            follower, kept.directory, f"watching {kept.id}, run by {holder}" if holder else f"{kept.id} is run by nobody"
        )
        follower.close()

    async def _attached(self, rollout: str) -> None:
        try:
            await attached(find(self._options.state, rollout))
        except (Usage, Refused) as error:
            self.news = str(error)
