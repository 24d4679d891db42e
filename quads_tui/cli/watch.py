"""`watch` and `attach`: a rollout that another process runs, or that has ended; and taking control of it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from quads_tui.console.view_context import ViewContext
from quads_tui.journal.catalogue import NotFound, StoredRollout, find, stored_rollouts
from quads_tui.render.progress import plain_line
from quads_tui.render.runner_gone import RunnerGone
from quads_tui.rollout.events import Event
from quads_tui.runtime.control_socket import NotRunning, RemoteControl
from quads_tui.runtime.event_loop import run_to_end
from quads_tui.runtime.event_source import STEP
from quads_tui.runtime.journal_follower import Follower, follow
from quads_tui.runtime.json_lines import JsonLines
from quads_tui.runtime.options import Options, Refused, Usage, current_user, notify
from quads_tui.runtime.row_commands import SiteCommands, recorded_by, site_commands_of

from .followed import Followed, LocalRollout, may_resume, never
from .headless import MAX_UNREAD
from .plain import PlainScreen
from .resume import resume_now
from .screen import run_app, settings_of
from .streams import reader_gone, unread
from .terminal import run_with_exit_status

if TYPE_CHECKING:
    from quads_tui.console.app import Console

_LINE_INTERVAL = 10.0  # real seconds between two plain lines
LOOK_INTERVAL = 0.5  # real seconds between two looks at who runs the rollout


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
        again = run_to_end(run_attached(LocalRollout(stored, never if options.plain else may_resume), plain=options.plain))
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
    followed = LocalRollout(stored, never if options.plain else may_resume)
    words = followed.read_only_reason(await followed.holder())
    if replay_speed is not None:
        words = replay_words(stored.id, replay_speed)
    follower = follow(stored, title=words if options.plain else "WATCH", replay_speed=replay_speed)
    try:
        shown = followed if replay_speed is None else None
        return await show_watched(follower, words, shown, options, lambda: site_commands_of(stored, follower.view.rollout))
    finally:
        follower.close()


def replay_words(rollout: str, replay_speed: float) -> str:
    return f"replay of {rollout}" + (f", {replay_speed:g} times as fast as recorded" if replay_speed != 1 else "")


async def show_watched(
    follower: Follower,
    words: str,
    followed: Followed | None,
    options: Options,
    commands: Callable[[], Awaitable[SiteCommands | None]],
) -> bool:
    """By the front end that the options choose. `words`: why it is read-only; `followed`: None for a replay; `commands`: those
    that a screen offers.

    Returns whether the operator wants to resume it here.
    """
    if options.plain:
        await _print_sentences(follower, words, followed)
    elif options.headless or not options.terminal:
        await _print_lines(follower, options, followed)
    else:
        return await run_watch(follower, words, followed, await commands())
    return False


def over(follower: Follower) -> bool:
    """Nothing is left to resume."""
    return follower.ended and all(host.status.is_final for host in follower.view.rollout.hosts.values())


async def run_watch(follower: Follower, read_only: str, followed: Followed | None, commands: SiteCommands | None) -> bool:
    """The console over it without control; `read_only` says why, and is kept right for a rollout that is followed. Returns
    whether the operator wants to resume it here."""
    from quads_tui.console.app import Console

    await follower.step()
    settings = settings_of(follower.view.directory)
    console = Console(follower.view, None, settings=settings, read_only=read_only, row_commands=commands)
    helpers = [asyncio.create_task(follower.run())]
    if followed is not None:
        helpers.append(asyncio.create_task(_keep_right(console, follower, followed, read_only)))
    try:
        left: str | None = await run_app(console)
        return left == "resume"
    finally:
        for helper in helpers:
            helper.cancel()


async def _keep_right(screen: Console | PlainScreen, follower: Follower, followed: Followed, told: str) -> None:
    """Say on the screen who runs the rollout, at each change; `told`: what it says now."""
    while True:
        holder = await look(screen, follower, followed)
        controller = follower.view.rollout.controller
        words = f"{followed.id} has ended" if not holder and over(follower) else followed.read_only_reason(holder, controller)
        if words != told:
            screen.read_only = told = words
        await asyncio.sleep(LOOK_INTERVAL)


async def look(screen: Console | PlainScreen, follower: Follower, followed: Followed) -> str:
    """Who runs it; where nobody does any more and it has not ended, the screen says so, and its clock stands still."""
    holder = await followed.holder()
    follower.run_by(holder)
    rollout = follower.view.rollout
    if holder or rollout.ended_at is not None or not rollout.time.last:
        screen.gone = None
    elif screen.gone is None:
        key = await followed.resumable()
        screen.gone = RunnerGone(since=rollout.time.last, who=rollout.who or "another user", command=followed.command, key=key)
    return holder


async def _print_lines(follower: Follower, options: Options, followed: Followed | None) -> None:
    """Print its events as JSON lines, or progress lines, until it ends.

    If the process that runs it goes, that is said, and whoever resumes it is followed. A rollout that no process runs at first is
    printed as it stands.
    """
    listener: Callable[[Event], None] = JsonLines(follower.view.rollout) if options.json else lambda event: None
    next_line = 0.0
    ran, told = False, ""  # whether a process has run it since this watch began; what was said of who does
    while not reader_gone():
        if unread() > MAX_UNREAD:
            await asyncio.sleep(STEP)
            continue
        holder = await followed.holder() if followed is not None else ""  # before reading: its last lines are read too
        await follower.step(listener)
        now = time.monotonic()
        if not options.json and now >= next_line:
            notify(plain_line(follower.view.rollout, follower.view.meters, follower.view.clock.wall()))
            next_line = now + _LINE_INTERVAL
        if followed is not None and not over(follower):
            told = _tell_change(followed, holder, told)
        ran = ran or bool(holder)
        if follower.ended or (followed is not None and not ran and not followed.awaited):
            return
        await follower.wait()


def _tell_change(followed: Followed, holder: str, told: str) -> str:
    """Say who runs it now, where that is not `told` yet; gives what is told now. Who runs it at first is not worth a line."""
    words = followed.read_only_reason(holder)
    if words != told and (told or not holder):
        notify(words if holder else f"{followed.id} is {words}")
    return words


async def _print_sentences(follower: Follower, read_only: str, followed: Followed | None) -> None:
    """Print sentences until it ends or the operator leaves; one that no process runs at first, as it stands."""
    await follower.step()
    screen = PlainScreen(ViewContext(follower.view, time.monotonic, read_only), None)
    stands = followed is not None and not await followed.holder() and not followed.awaited
    helpers = [asyncio.create_task(follower.run())]
    if followed is not None:
        helpers.append(asyncio.create_task(_keep_right(screen, follower, followed, read_only)))
    try:
        await screen.until(lambda: follower.ended or stands)
    finally:
        for helper in helpers:
            helper.cancel()


async def run_attached(followed: LocalRollout, *, plain: bool = False) -> bool:
    """The console over it with control; or the same in sentences. Returns as run_watch. Raises Usage and Refused."""
    from quads_tui.console.app import Console

    stored = followed.stored
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
    stay = _stay_attached(control, console, follower, followed)
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
    control: RemoteControl, console: Console | PlainScreen, follower: Follower, followed: LocalRollout
) -> None:
    """When the process that runs the rollout goes, say so; when another resumes it, take control of that one."""
    while True:
        await control.run()
        console.read_only = followed.read_only_reason("")
        while True:
            await asyncio.sleep(LOOK_INTERVAL)
            await look(console, follower, followed)
            if over(follower):
                console.read_only = f"{followed.id} has ended"
            with suppress(NotRunning):
                await control.connect()
                break
        await look(console, follower, followed)
