"""`watch` and `attach`: a rollout that another process runs, or that has ended; and taking control of it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from quads_tui.console.view_context import ViewContext
from quads_tui.journal.catalogue import NotFound, StoredRollout, find, stored_rollouts
from quads_tui.render.progress import plain_line
from quads_tui.render.runner_gone import RunnerGone
from quads_tui.rollout.events import Event
from quads_tui.runtime.control_socket import NotRunning, RemoteControl, user_of
from quads_tui.runtime.emulator_process import emulators_pid
from quads_tui.runtime.event_loop import run_to_end
from quads_tui.runtime.journal_follower import STEP, Follower, follow
from quads_tui.runtime.json_lines import JsonLines
from quads_tui.runtime.options import Options, Refused, Usage, current_user, notify
from quads_tui.runtime.row_commands import recorded_by, site_commands_of

from .headless import MAX_UNREAD
from .plain import PlainScreen
from .resume import resume_now
from .screen import run_app, settings_of
from .streams import reader_gone, unread
from .terminal import run_with_exit_status

if TYPE_CHECKING:
    from quads_tui.console.app import Console

_LINE_INTERVAL = 10.0  # real seconds between two plain lines
_LOOK_INTERVAL = 0.5  # real seconds between two looks at who runs the rollout


def watch(name: str | None, *, replay: bool, replay_speed: float | None, options: Options) -> int:
    """Read-only, following the journal; gives the exit status. `replay_speed`: of a replay, 1 as it was."""

    def work() -> int:
        stored = _choose_rollout(name, options)
        again = run_to_end(_run_watched(stored, options, (replay_speed or 1.0) if replay else None))
        return resume_now(find(options.state, stored.id), options) if again else 0

    return run_with_exit_status(options, work)


def attach(name: str | None, *, options: Options) -> int:
    """The same screens, with control of a running rollout; returns the exit status."""

    def work() -> int:
        stored = _choose_rollout(name, options)
        if not (options.terminal or (options.plain and sys.stdin.isatty())):
            raise Usage("attach takes control and needs a terminal; without one use quads-tui watch --headless")
        again = run_to_end(run_attached(stored, may_resume, plain=options.plain))
        return resume_now(find(options.state, stored.id), options) if again else 0

    return run_with_exit_status(options, work)


def _choose_rollout(name: str | None, options: Options) -> StoredRollout:
    """The one of this name; without a name the newest that is running, else the newest. Raises Usage."""
    if name is not None:
        try:
            return find(options.state, name)
        except NotFound as error:
            raise Usage(str(error)) from None
    rollouts = stored_rollouts(options.state)
    if not rollouts:
        raise Usage(f"there is no rollout in {options.state / 'rollouts'}")
    return next((rollout for rollout in rollouts if rollout.holder()), rollouts[0])


async def _run_watched(stored: StoredRollout, options: Options, replay_speed: float | None) -> bool:
    """Whether the operator wants to resume it here."""
    again = False
    words = read_only_reason(stored, stored.holder())
    if replay_speed is not None:
        words = f"replay of {stored.id}" + (f", {replay_speed:g} times as fast as recorded" if replay_speed != 1 else "")
    follower = follow(stored, title=words if options.plain else "WATCH", replay_speed=replay_speed)
    watched = None if replay_speed is not None else stored
    if options.plain:
        await _print_sentences(follower, words, watched)
    elif options.headless or not options.terminal:
        await _print_lines(follower, options, watched)
    else:
        again = await run_watch(follower, words, watched, may_resume)
    follower.close()
    return again


def may_resume(stored: StoredRollout) -> bool:
    """The journal is this user's, and the emulators of a rehearsal are running. Reads the disk."""
    try:
        own = stored.directory.stat().st_uid == os.geteuid() and os.access(stored.journal, os.W_OK)
    except OSError:
        return False
    return own and (stored.rehearsal is None or emulators_pid(stored.rehearsal) > 0)


def read_only_reason(stored: StoredRollout, holder: str, controller: str = "") -> str:
    """Why a rollout that is only watched cannot be controlled. `holder`: who runs it, as StoredRollout.holder gives it;
    `controller`: the attached console that has control of it."""
    if not holder:
        return f"not running: quads-tui resume {stored.id}"
    control = f"controlled by {user_of(controller)}, " if controller else ""
    return f"{control}run by {holder.partition(', since')[0]} (watching {stored.id})"


def _over(follower: Follower) -> bool:
    """Nothing is left to resume."""
    return follower.ended and all(host.status.is_final for host in follower.view.rollout.hosts.values())


async def run_watch(
    follower: Follower, read_only: str, watched: StoredRollout | None, resumable: Callable[[StoredRollout], bool]
) -> bool:
    """The console over it without control; `read_only` says why, and is kept right for the rollout that is `watched`. Returns
    whether the operator wants to resume it here, which `resumable` allows."""
    from quads_tui.console.app import Console

    await follower.step()
    settings, commands = settings_of(follower.view.directory), await site_commands_of(follower.stored, follower.view.rollout)
    console = Console(follower.view, None, settings=settings, read_only=read_only, row_commands=commands)
    helpers = [asyncio.create_task(follower.run())]
    if watched is not None:
        helpers.append(asyncio.create_task(_keep_right(console, follower, watched, read_only, resumable)))
    try:
        left: str | None = await run_app(console)
        return left == "resume"
    finally:
        for helper in helpers:
            helper.cancel()


async def _keep_right(
    screen: Console | PlainScreen,
    follower: Follower,
    watched: StoredRollout,
    told: str,
    resumable: Callable[[StoredRollout], bool],
) -> None:
    """Say on the screen who runs the rollout, at each change; `told`: what it says now."""
    while True:
        holder = await _look(screen, follower, watched, resumable)
        controller = follower.view.rollout.controller
        words = f"{watched.id} has ended" if not holder and _over(follower) else read_only_reason(watched, holder, controller)
        if words != told:
            screen.read_only = told = words
        await asyncio.sleep(_LOOK_INTERVAL)


async def _look(
    screen: Console | PlainScreen, follower: Follower, watched: StoredRollout, resumable: Callable[[StoredRollout], bool]
) -> str:
    """Who runs it; where nobody does any more and it has not ended, the screen says so, and its clock stands still."""
    holder = await asyncio.to_thread(watched.holder)
    follower.run_by(holder)
    rollout = follower.view.rollout
    if holder or rollout.ended_at is not None:
        screen.gone = None
    elif screen.gone is None:
        key = await asyncio.to_thread(resumable, watched)
        command = f"quads-tui resume {watched.id}"
        screen.gone = RunnerGone(since=rollout.time.last, who=rollout.who or "another user", command=command, key=key)
    return holder


async def _print_lines(follower: Follower, options: Options, watched: StoredRollout | None) -> None:
    """Print its events as JSON lines, or progress lines, until it ends.

    If the process that runs it goes, that is said, and whoever resumes it is followed. A rollout that no process runs at first is
    printed as it stands.
    """
    listener: Callable[[Event], None] = JsonLines(follower.view.rollout) if options.json else lambda event: None
    next_line = 0.0
    ran, running = False, ""  # whether a process has run it since this watch began; which one does
    while not reader_gone():
        if unread() > MAX_UNREAD:
            await asyncio.sleep(STEP)
            continue
        holder = watched.holder() if watched is not None else ""  # before reading: the last lines of a process are read too
        await follower.step(listener)
        now = time.monotonic()
        if not options.json and now >= next_line:
            notify(plain_line(follower.view.rollout, follower.view.meters, follower.view.clock.wall()))
            next_line = now + _LINE_INTERVAL
        if watched is not None and not holder and (running or not ran) and not _over(follower):
            notify(f"{watched.id} is {read_only_reason(watched, '')}")
        elif watched is not None and holder and holder != running and ran:
            notify(read_only_reason(watched, holder))
        ran, running = ran or bool(holder), holder
        if follower.ended or (watched is not None and not ran):
            return
        await asyncio.sleep(STEP)


async def _print_sentences(follower: Follower, read_only: str, watched: StoredRollout | None) -> None:
    """Print sentences until it ends or the operator leaves; one that no process runs at first, as it stands."""
    await follower.step()
    screen = PlainScreen(ViewContext(follower.view, time.monotonic, read_only), None)
    stands = watched is not None and not watched.holder()
    helpers = [asyncio.create_task(follower.run())]
    if watched is not None:
        helpers.append(asyncio.create_task(_keep_right(screen, follower, watched, read_only, _not_here)))
    try:
        await screen.until(lambda: follower.ended or stands)
    finally:
        for helper in helpers:
            helper.cancel()


def _not_here(stored: StoredRollout) -> bool:
    """Of screens that have no key to resume a rollout with."""
    return False


async def run_attached(stored: StoredRollout, resumable: Callable[[StoredRollout], bool], *, plain: bool = False) -> bool:
    """The console over it with control; or the same in sentences. Returns as run_watch. Raises Usage and Refused."""
    from quads_tui.console.app import Console

    follower = follow(stored, title="ATTACHED")
    await follower.step()
    shown: list[Console | PlainScreen] = []

    def on_holder(holder: str) -> None:
        for screen in shown:
            screen.read_only = f"controlled by {holder}" if holder else ""

    control = RemoteControl(stored.directory, f"{current_user()}, process {os.getpid()}", on_holder)
    try:
        await control.connect()
    except NotRunning:
        raise Refused([f"{stored.id} is not running; resume it with: quads-tui resume {stored.id}"]) from None
    record = recorded_by(control, lambda: any(screen.read_only for screen in shown))
    commands = await site_commands_of(stored, follower.view.rollout, record)
    console = (
        PlainScreen(ViewContext(follower.view, time.monotonic), control)
        if plain
        else Console(follower.view, control, settings=settings_of(follower.view.directory), row_commands=commands)
    )
    shown.append(console)
    resumable = _not_here if plain else resumable
    stay = _stay_attached(control, console, follower, stored, resumable)
    helpers = [asyncio.create_task(work) for work in (follower.run(), stay)]
    try:
        if isinstance(console, PlainScreen):
            await console.until(lambda: follower.ended)
            return False
        left: str | None = await run_app(console)
        return left == "resume"
    finally:
        control.close()
        for helper in helpers:
            helper.cancel()
        follower.close()


async def _stay_attached(
    control: RemoteControl,
    console: Console | PlainScreen,
    follower: Follower,
    stored: StoredRollout,
    resumable: Callable[[StoredRollout], bool],
) -> None:
    """When the process that runs the rollout goes, say so; when another resumes it, take control of that one."""
    while True:
        await control.run()
        console.read_only = read_only_reason(stored, "")
        while True:
            await asyncio.sleep(_LOOK_INTERVAL)
            await _look(console, follower, stored, resumable)
            if _over(follower):
                console.read_only = f"{stored.id} has ended"
            with suppress(NotRunning):
                await control.connect()
                break
        await _look(console, follower, stored, resumable)
