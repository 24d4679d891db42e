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
from quads_tui.rollout.events import Event
from quads_tui.runtime.control_socket import NotRunning, RemoteControl
from quads_tui.runtime.event_loop import run_to_end
from quads_tui.runtime.journal_follower import STEP, Follower, follow
from quads_tui.runtime.json_lines import JsonLines
from quads_tui.runtime.options import Options, Refused, Usage, current_user, notify

from .headless import MAX_UNREAD
from .plain import PlainScreen
from .screen import settings_of
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
        return run_to_end(_run_watched(stored, options, (replay_speed or 1.0) if replay else None))

    return run_with_exit_status(options, work)


def attach(name: str | None, *, options: Options) -> int:
    """The same screens, with control of a running rollout; returns the exit status."""

    def work() -> int:
        stored = _choose_rollout(name, options)
        if options.headless or not (options.terminal or (options.plain and sys.stdin.isatty())):
            raise Usage("attach takes control and needs a terminal; without one use quads-tui watch --headless")
        return run_to_end(run_attached(stored, plain=options.plain))

    return run_with_exit_status(options, work)


def _choose_rollout(name: str | None, options: Options) -> StoredRollout:
    """The one of this name; without a name the newest that is running, else the newest. Raises Usage."""
    if name is not None:
        try:
            return find(options.state, name)
        except NotFound as error:
            raise Usage(str(error)) from None
    rollouts = list(stored_rollouts(options.state))
    if not rollouts:
        raise Usage(f"there is no rollout in {options.state / 'rollouts'}")
    return next((rollout for rollout in rollouts if rollout.holder()), rollouts[0])


async def _run_watched(stored: StoredRollout, options: Options, replay_speed: float | None) -> int:
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
        await run_watch(follower, words, watched)
    follower.close()
    return 0


def read_only_reason(stored: StoredRollout, holder: str) -> str:
    """Why a rollout that is only watched cannot be controlled. `holder`: who runs it, as StoredRollout.holder gives it."""
    return f"watching {stored.id}, run by {holder}" if holder else f"not running: quads-tui resume {stored.id}"


def _over(follower: Follower) -> bool:
    """Nothing is left to resume."""
    return follower.ended and all(host.status.is_final for host in follower.view.rollout.hosts.values())


async def run_watch(follower: Follower, read_only: str, watched: StoredRollout | None) -> None:
    """The console over it without control; `read_only` says why, and is kept right for the rollout that is `watched`."""
    from quads_tui.console.app import Console

    await follower.step()
    console = Console(follower.view, None, settings=settings_of(follower.view.directory), read_only=read_only)
    helpers = [asyncio.create_task(follower.run())]
    if watched is not None:
        helpers.append(asyncio.create_task(_keep_right(console, follower, watched, read_only)))
    try:
        await console.run_async()
    finally:
        for helper in helpers:
            helper.cancel()


async def _keep_right(screen: Console | PlainScreen, follower: Follower, watched: StoredRollout, told: str) -> None:
    """Say on the screen who runs the rollout, at each change; `told`: what it says now."""
    while True:
        await asyncio.sleep(_LOOK_INTERVAL)
        holder = await asyncio.to_thread(watched.holder)
        words = f"{watched.id} has ended" if not holder and _over(follower) else read_only_reason(watched, holder)
        if words != told:
            screen.read_only = told = words


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
        helpers.append(asyncio.create_task(_keep_right(screen, follower, watched, read_only)))
    try:
        await screen.until(lambda: follower.ended or stands)
    finally:
        for helper in helpers:
            helper.cancel()


async def run_attached(stored: StoredRollout, *, plain: bool = False) -> int:
    """The console over it with control; or the same in sentences. Raises Usage and Refused."""
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
    console = (
        PlainScreen(ViewContext(follower.view, time.monotonic), control)
        if plain
        else Console(follower.view, control, settings=settings_of(follower.view.directory))
    )
    shown.append(console)
    helpers = [asyncio.create_task(work) for work in (follower.run(), _stay_attached(control, console, follower, stored))]
    try:
        if isinstance(console, PlainScreen):
            await console.until(lambda: follower.ended)
        else:
            await console.run_async()
    finally:
        control.close()
        for helper in helpers:
            helper.cancel()
        follower.close()
    return 0


async def _stay_attached(
    control: RemoteControl, console: Console | PlainScreen, follower: Follower, stored: StoredRollout
) -> None:
    """When the process that runs the rollout goes, say so; when another resumes it, take control of that one."""
    while True:
        await control.run()
        console.read_only = read_only_reason(stored, "")
        while True:
            await asyncio.sleep(_LOOK_INTERVAL)
            if _over(follower):
                console.read_only = f"{stored.id} has ended"
            with suppress(NotRunning):
                await control.connect()
                break
