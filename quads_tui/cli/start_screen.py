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
from quads_tui.runtime.emulator_process import lab
from quads_tui.runtime.journal_follower import follow
from quads_tui.runtime.launch import roll_out, unfinished_like
from quads_tui.runtime.options import Options, Refused, Usage
from quads_tui.runtime.process_resources import SIGNALS, ProcessResources
from quads_tui.runtime.resume import resume
from quads_tui.runtime.rollout_index import RolloutIndex
from quads_tui.runtime.rollout_input import RunRequest, load
from quads_tui.runtime.running_rollout import RunningRollout

from .screen import run_screen, run_until_exit, wait_for_enter
from .terminal import consequence, run_with_exit_status
from .watch import run_attached, run_watch, watching

if TYPE_CHECKING:
    from quads_tui.console.start_screen import StartApp

_LOOK = 1.0  # real seconds
log = logging.getLogger(__name__)

_QUADS = "QUADS' own moves"
_REHEARSAL = "a rehearsal: 700 emulated hosts, 30 times faster than life, realistic faults"


def home(options: Options) -> int:
    """Gives the exit status: the worst of the rollouts that ran here, 0 when none did."""
    return run_with_exit_status(options, lambda: asyncio.run(StartController(options).run()))


class StartController:
    """Implements console.start_screen.RolloutActions."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._resources = ProcessResources()
        self._board = RolloutIndex(options.state, self._resources)
        self._tasks: set[asyncio.Task[None]] = set()
        self._conducting: set[asyncio.Task[Any] | None] = set()  # those of them whose rollout has begun
        self._operator = StartScreenOperator(self)
        self._status = 0
        self._leaving = False
        self._start: StartApp | None = None
        self._started = asyncio.Event()  # the start screen is there
        self._open = ""  # to be opened at once
        self.news = ""

    async def run(self) -> int:
        self._resources.listen()
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
        return SIGNALS.get(self._resources.signal, self._status)

    async def _screens(self) -> None:
        """One after the other, until the operator leaves or a signal comes."""
        while not self._resources.signal:
            act, rollout = await self._choice()
            if act == "open" and (running := self._running(rollout)):
                if await run_screen(running) == "gone":
                    return
            elif act == "open":
                await self._watch(rollout)
            elif act == "attach":
                await self._attach(rollout)
            elif act == "leave" and self._resources.running and not self._resources.hung_up.is_set():
                if not await wait_for_enter(*self._resources.running):
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
        choice = await run_until_exit(self._start, self._resources.ended, self._resources.hung_up)
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
        task = asyncio.create_task(self._run_safely(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_safely(self, work: Coroutine[Any, Any, int]) -> None:
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

    async def _begun(self, request: RunRequest) -> int:
        self.news = f"reading {request.path or _QUADS}"
        work = await asyncio.to_thread(load, request, self._options, self._operator.say)
        old = await asyncio.to_thread(unfinished_like, work, self._options)
        if old is not None:
            raise Refused([f"the rollout {old.id} has unfinished hosts of this assignment: resume it, or end it first"])
        return await roll_out(work, self._options, self._resources, self._operator, self._hosted)

    async def _rehearsed(self) -> int:
        self.news = "starting the emulators"
        emulated = lab(self._options.state, say=self._operator.say)
        work = await asyncio.to_thread(emulated.__enter__)
        try:
            return await roll_out(work, replace(self._options, yes=True), self._resources, self._operator, self._hosted)
        finally:
            await asyncio.to_thread(emulated.__exit__, None, None, None)

    async def _resumed(self, rollout: str) -> int:
        kept = await asyncio.to_thread(find, self._options.state, rollout)
        if kept.rehearsal is not None:
            raise Refused([f"{rollout} is a rehearsal: quads-tui resume {rollout} goes on with it while its emulators run"])
        return await resume(kept, self._options, self._resources, self._operator, self._hosted, ask=not self._options.yes)

    async def _hosted(self, running: RunningRollout) -> None:
        """Its rollout runs here: looked at now and then, and kept for retries until all is done or the console is left."""
        self._conducting.add(asyncio.current_task())
        self._open = running.rollout.id
        if self._start is not None and self._started.is_set():
            self._start.exit(("open", running.rollout.id))
            self._open = ""
        while True:
            await running.settled()
            counts = running.rollout.counts
            retryable = counts[HostStatus.FAILED] or counts[HostStatus.HELD] or counts[HostStatus.SKIPPED]
            finished = running.rollout.settled and not retryable  # not where hosts wait for the end of a pause
            if running.executor.stopped or self._leaving or (finished and self._started.is_set()):
                self.news = f"{running.rollout.id} has ended: {counts[HostStatus.DONE]} of {len(running.rollout.hosts)} done"
                return
            await asyncio.sleep(_LOOK)

    def _running(self, rollout: str) -> RunningRollout | None:
        return next((running for running in self._resources.running if running.rollout.id == rollout), None)

    async def _watch(self, rollout: str) -> None:
        try:
            kept = find(self._options.state, rollout)
            follower = follow(kept)
        except Usage as error:
            self.news = str(error)
            return
        await run_watch(follower, watching(kept.id, kept.holder()))
        follower.close()

    async def _attach(self, rollout: str) -> None:
        try:
            await run_attached(find(self._options.state, rollout))
        except (Usage, Refused) as error:
            self.news = str(error)

    async def start_screen(self) -> StartApp:
        """As soon as it is there."""
        await self._started.wait()
        assert self._start is not None
        return self._start


class StartScreenOperator:
    """Implements runtime.operator.Operator: news and questions on the start screen, as soon as it is there."""

    def __init__(self, controller: StartController) -> None:
        self._controller = controller

    @property
    def can_answer(self) -> bool:
        return True

    def say(self, text: str) -> None:
        self._controller.news = clean(text, 300)

    async def agree_to_plan(self, plan: Plan) -> bool:
        start = await self._controller.start_screen()
        return await start.agreed(plan_lines(plan), plan.usable, consequence(plan))

    async def confirm(self, question: str) -> bool:
        start = await self._controller.start_screen()
        return await start.sure(question)

    async def agree_to_retry(self, hosts: int, installed: int) -> bool:
        installed_words = f"{installed} of them booted into the installer already"
        return await self.confirm(f"Retry {hosts} failed, skipped or held hosts, {installed_words}?")
