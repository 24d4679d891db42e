"""`quads-tui` without a command: all rollouts in one console; this process can run several of them at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, assert_never

from quads_tui.inputs import InputError
from quads_tui.journal.catalogue import StoredRollout, find
from quads_tui.journal.locks import LockHeld
from quads_tui.render.plan_text import plan_lines
from quads_tui.render.rollout_list import Row, Source, SourceKind
from quads_tui.rollout.counts import count
from quads_tui.rollout.plan import Plan
from quads_tui.rollout.ports import JournalBroken
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.text import clean
from quads_tui.runtime.assignment_files import PLACES, AssignmentFiles
from quads_tui.runtime.emulator_process import rehearsal_emulators
from quads_tui.runtime.event_loop import run_to_end
from quads_tui.runtime.journal_follower import follow
from quads_tui.runtime.launch import roll_out
from quads_tui.runtime.options import SIGNALS, Options, Refused, Usage
from quads_tui.runtime.path_completion import path_completions, typed_path
from quads_tui.runtime.process_resources import ProcessResources
from quads_tui.runtime.resume import resume
from quads_tui.runtime.rollout_index import RolloutIndex
from quads_tui.runtime.rollout_input import RunRequest, load
from quads_tui.runtime.row_commands import site_commands_of
from quads_tui.runtime.running_rollout import RunningRollout
from quads_tui.runtime.unfinished import find_unfinished

from .followed import LocalRollout, may_resume
from .screen import run_screen, run_until_exit, wait_for_enter
from .terminal import already_installing, consequence, run_with_exit_status
from .watch import run_attached, run_watch

if TYPE_CHECKING:
    from quads_tui.console.start_screen import StartApp

_POLL_INTERVAL = 1.0  # real seconds
log = logging.getLogger(__name__)

_QUADS = "the moves of QUADS"
_REHEARSAL = "a rehearsal: 700 emulated hosts, 30 times faster than real time, realistic faults"


def run_start_screen(options: Options) -> int:
    """Returns the exit status: the worst of the rollouts that ran here, 0 when none did."""
    return run_with_exit_status(options, lambda: run_to_end(StartController(options).run()))


class StartController:
    """Implements console.start_screen.RolloutActions."""

    def __init__(self, options: Options, resources: ProcessResources | None = None) -> None:
        self._options = options
        self._resources = resources or ProcessResources()
        self.index = RolloutIndex(options.state, self._resources)
        self._files = AssignmentFiles(options.state)
        self._tasks: set[asyncio.Task[None]] = set()
        self._running_tasks: set[asyncio.Task[Any] | None] = set()  # those whose rollout has started
        self._operator = StartScreenOperator(self)
        self._status = 0
        self._exiting = False
        self._start: StartApp | None = None
        self._started = asyncio.Event()  # the start screen is shown
        self._open_next = ""  # the rollout to open next, without asking
        self.message = ""

    async def run(self) -> int:
        self._resources.listen()
        refreshing = asyncio.create_task(self.index.refresh())
        try:
            await self._screens()
        finally:
            self._exiting = True
            refreshing.cancel()
            for task in self._tasks - self._running_tasks:  # nothing has started there, and nobody is left to answer
                task.cancel()
            while self._tasks:
                await asyncio.wait(self._tasks)
            self.index.close()
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
        from quads_tui.console.settings import FILE, Settings
        from quads_tui.console.start_screen import StartApp

        if self._open_next:
            rollout, self._open_next = self._open_next, ""
            return "open", rollout
        self._start = StartApp(self, Settings(self._options.state / FILE))
        self._started.set()
        choice = await run_until_exit(self._start, self._resources.ended, self._resources.hung_up)
        self._started.clear()
        return choice if isinstance(choice, tuple) else ("leave", "")

    # RolloutActions

    def rows(self) -> Sequence[Row]:
        return self.index.rows()

    @property
    def is_read(self) -> bool:
        return self.index.is_read

    @property
    def state(self) -> str:
        return clean(self._options.state, 1000)

    @property
    def places(self) -> Sequence[str]:
        return [clean(place.absolute(), 1000) for place in PLACES]

    @property
    def new_elsewhere(self) -> str:
        return ""

    def sources(self) -> Sequence[Source]:
        files = [Source(SourceKind.FILE, clean(path, 1000), str(path)) for path in self._files.find()]
        return [*files, Source(SourceKind.QUADS, _QUADS), Source(SourceKind.REHEARSAL, _REHEARSAL)]

    def complete(self, path: str) -> Sequence[str]:
        return path_completions(path)

    def plan_new(self, source: Source) -> None:
        match source.kind:
            case SourceKind.FILE:
                self._start_task(self._run_new(RunRequest((typed_path(source.path),))))
            case SourceKind.QUADS:
                self._start_task(self._run_new(RunRequest(())))
            case SourceKind.REHEARSAL:
                self._start_task(self._run_rehearsal())
            case _:
                assert_never(source.kind)

    def resume(self, rollout: str) -> None:
        self._start_task(self._run_resumed(rollout))

    # What the operator starts

    def _start_task(self, work: Coroutine[Any, Any, int]) -> None:
        task = asyncio.create_task(self._run_safely(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_safely(self, work: Coroutine[Any, Any, int]) -> None:
        """An error of one rollout is shown, and ends nothing else."""
        try:
            self._status = max(self._status, await work)
        except (InputError, Usage, Refused, LockHeld, JournalBroken) as error:
            reasons = error.reasons if isinstance(error, Refused) else [clean(line, 1000) for line in str(error).splitlines()]
            self.message = f"refused: {reasons[0]}"
            if self._start is not None and self._started.is_set() and not self._exiting:
                await self._start.show_text("The rollout cannot start", reasons)
        except Exception as error:
            log.exception("a rollout ended with an internal error")
            self.message = f"internal error: {type(error).__name__}: {clean(error)}"

    async def _run_new(self, request: RunRequest) -> int:
        self.message = f"reading {', '.join(map(str, request.paths)) or _QUADS}"
        work = await asyncio.to_thread(load, request, self._options, self._operator.notify)
        old = await asyncio.to_thread(find_unfinished, work, self._options)
        if old:
            raise Refused(
                [f"the rollout {one.stored.id} has unfinished hosts of this assignment: resume that rollout first" for one in old]
            )
        return await roll_out(work, self._options, self._resources, self._operator, self._front_end)

    async def _run_rehearsal(self) -> int:
        self.message = "starting the emulators"
        emulated = rehearsal_emulators(self._options, notify=self._operator.notify)
        work = await asyncio.to_thread(emulated.__enter__)
        try:
            return await roll_out(work, replace(self._options, yes=True), self._resources, self._operator, self._front_end)
        finally:
            await asyncio.to_thread(emulated.__exit__, None, None, None)

    async def _run_resumed(self, rollout: str) -> int:
        stored = await asyncio.to_thread(find, self._options.state, rollout)
        if stored.rehearsal is not None:
            raise Refused(
                [f"{rollout} is a rehearsal: resume it with quads-tui resume {rollout} while its emulators are running"]
            )
        return await resume(stored, self._options, self._resources, self._operator, self._front_end, ask=not self._options.yes)

    async def _front_end(self, running: RunningRollout) -> None:
        """The front end of a rollout that runs here: it stays for retries until all hosts are done or the console is left."""
        self._running_tasks.add(asyncio.current_task())
        self._open_next = running.rollout.id
        if self._start is not None and self._started.is_set():
            self._start.exit(("open", running.rollout.id))
            self._open_next = ""
        while True:
            await running.settled()
            counts = running.rollout.counts
            retryable = counts[HostStatus.FAILED] or counts[HostStatus.HELD] or counts[HostStatus.SKIPPED]
            finished = running.rollout.settled and not retryable  # not where hosts wait for the end of a pause
            if running.executor.stopped or self._exiting or (finished and self._started.is_set()):
                done = f"{counts[HostStatus.DONE]} of {count(len(running.rollout.hosts), 'host')} done"
                self.message = f"{running.rollout.id} has ended: {done}"
                return
            await asyncio.sleep(_POLL_INTERVAL)

    def _running(self, rollout: str) -> RunningRollout | None:
        return next((running for running in self._resources.running if running.rollout.id == rollout), None)

    async def _watch(self, rollout: str) -> None:
        try:
            followed = LocalRollout(find(self._options.state, rollout), _resumable)
            follower = follow(followed.stored)
        except Usage as error:
            self.message = str(error)
            return
        commands = await site_commands_of(followed.stored, follower.view.rollout)
        if await run_watch(follower, followed.read_only_reason(await followed.holder()), followed, commands):
            self.resume(rollout)
        follower.close()

    async def _attach(self, rollout: str) -> None:
        try:
            if await run_attached(LocalRollout(find(self._options.state, rollout), _resumable)):
                self.resume(rollout)
        except (Usage, Refused) as error:
            self.message = str(error)

    async def start_screen(self) -> StartApp:
        """Waits until it is shown."""
        await self._started.wait()
        assert self._start is not None
        return self._start


def _resumable(stored: StoredRollout) -> bool:
    """This process has no emulators, so it resumes no rehearsal."""
    return stored.rehearsal is None and may_resume(stored)


class _Controller(Protocol):
    """What shows a start screen."""

    message: str

    async def start_screen(self) -> StartApp: ...


class StartScreenOperator:
    """Implements runtime.operator.Operator: messages and questions on the start screen, as soon as it is shown."""

    def __init__(self, controller: _Controller) -> None:
        self._controller = controller

    @property
    def can_answer(self) -> bool:
        return True

    def notify(self, text: str) -> None:
        self._controller.message = clean(text, 300)

    async def confirm_plan(self, plan: Plan) -> bool:
        start = await self._controller.start_screen()
        return await start.confirm_plan(plan_lines(plan), plan.usable, consequence(plan))

    async def confirm(self, question: str) -> bool:
        start = await self._controller.start_screen()
        return await start.confirm(question)

    async def confirm_retry(self, hosts: int, installed: int) -> bool:
        what = count(hosts, "failed, skipped or held host")
        return await self.confirm(f"Retry {what} ({already_installing(installed)})? Hosts to be rebuilt are WIPED.")
