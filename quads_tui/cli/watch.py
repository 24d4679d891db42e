"""`watch` and `attach`: a rollout that another process runs, or that has ended; and taking control of it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable

from quads_tui.console.view_context import ViewContext
from quads_tui.journal.catalogue import NotFound, StoredRollout, find, stored_rollouts
from quads_tui.render.progress import plain_line
from quads_tui.rollout.events import Event
from quads_tui.runtime.control_socket import NotRunning, RemoteControl
from quads_tui.runtime.journal_follower import STEP, Follower, follow
from quads_tui.runtime.json_lines import JsonLines
from quads_tui.runtime.options import Options, Refused, Usage, current_user, notify

from .headless import MAX_UNREAD
from .plain import PlainScreen
from .streams import reader_gone, unread
from .terminal import run_with_exit_status

_LINE_INTERVAL = 10.0  # real seconds between two plain lines


def watch(name: str | None, *, replay: bool, replay_speed: float | None, options: Options) -> int:
    """Read-only, following the journal; gives the exit status. `replay_speed`: of a replay, 1 as it was."""

    def work() -> int:
        stored = _choose_rollout(name, options)
        return asyncio.run(_run_watched(stored, options, (replay_speed or 1.0) if replay else None))

    return run_with_exit_status(options, work)


def attach(name: str | None, *, options: Options) -> int:
    """The same screens, with control of a running rollout; returns the exit status."""

    def work() -> int:
        stored = _choose_rollout(name, options)
        if options.headless or not (options.terminal or (options.plain and sys.stdin.isatty())):
            raise Usage("attach takes control and needs a terminal; without one use quads-tui watch --headless")
        return asyncio.run(run_attached(stored, plain=options.plain))

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
    holder = stored.holder()
    if replay_speed is not None:
        words = f"replay of {stored.id}" + (f", {replay_speed:g} times as fast as recorded" if replay_speed != 1 else "")
    else:
        words = read_only_reason(stored.id, holder)
    follower = follow(stored, title=words if options.plain else "WATCH", replay_speed=replay_speed)

    def alive() -> bool:
        return replay_speed is not None or bool(stored.holder())

    if options.plain:
        await _print_sentences(follower, words, alive)
    elif options.headless or not options.terminal:
        await _print_lines(follower, options, alive)
    else:
        await run_watch(follower, words)
    follower.close()
    return 0


def read_only_reason(rollout: str, holder: str) -> str:
    """Why a rollout that is only watched cannot be controlled."""
    return f"watching {rollout}, run by {holder}" if holder else f"{rollout} is not running"


async def run_watch(follower: Follower, read_only: str) -> None:
    """The console over it without control; `read_only` says why."""
    from quads_tui.console.app import Console

    await follower.step()
    console = Console(follower.view, None, read_only=read_only)
    following = asyncio.create_task(follower.run())
    try:
        await console.run_async()
    finally:
        following.cancel()


async def _print_lines(follower: Follower, options: Options, alive: Callable[[], bool]) -> None:
    """Print its events as JSON lines, or progress lines, until it ends or no process runs it any more."""
    listener: Callable[[Event], None] = JsonLines(follower.view.rollout) if options.json else lambda event: None
    next_line = 0.0
    while True:
        if reader_gone():
            return
        if unread() > MAX_UNREAD:
            await asyncio.sleep(STEP)
            continue
        going = alive()  # before reading: the last lines of a process that has ended are read too
        await follower.step(listener)
        now = time.monotonic()
        if not options.json and now >= next_line:
            notify(plain_line(follower.view.rollout, follower.view.meters, follower.view.clock.wall()))
            next_line = now + _LINE_INTERVAL
        if follower.ended or not going:
            return
        await asyncio.sleep(STEP)


async def _print_sentences(follower: Follower, read_only: str, alive: Callable[[], bool]) -> None:
    """Print sentences until it ends, no process runs it any more, or the operator leaves."""
    await follower.step()
    screen = PlainScreen(ViewContext(follower.view, time.monotonic, read_only), None)
    following = asyncio.create_task(follower.run())
    try:
        await screen.until(lambda: follower.ended or not alive())
    finally:
        following.cancel()


async def run_attached(stored: StoredRollout, *, plain: bool = False) -> int:
    """The console over it with control; or the same in sentences. Raises Usage and Refused."""
    from quads_tui.console.app import Console

    follower = follow(stored, title="ATTACHED")
    await follower.step()
    shown: list[Console | PlainScreen] = []

    def on_holder(holder: str) -> None:
        for screen in shown:
            screen.read_only = f"controlled by {holder}" if holder else ""

    try:
        control = await RemoteControl.connect(stored.directory, f"{current_user()}, process {os.getpid()}", on_holder)
    except NotRunning:
        raise Refused([f"{stored.id} is not running; resume it with: quads-tui resume {stored.id}"]) from None
    console = PlainScreen(ViewContext(follower.view, time.monotonic), control) if plain else Console(follower.view, control)
    shown.append(console)

    async def until_gone() -> None:
        await control.run()
        console.read_only = f"{stored.id} is no longer running"

    helpers = [asyncio.create_task(work) for work in (follower.run(), until_gone())]
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
