"""Looking at a rollout that another process runs, or that has ended; and taking its keys."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from quads_tui.console.view_context import ViewContext
from quads_tui.journal.catalogue import NotFound, StoredRollout, find, stored_rollouts
from quads_tui.journal.reader import NoJournal
from quads_tui.render.progress import plain_line
from quads_tui.rollout.events import Event
from quads_tui.runtime.control_socket import NotRunning, RemoteControl
from quads_tui.runtime.journal_follower import STEP, Follower
from quads_tui.runtime.json_lines import JsonLines
from quads_tui.runtime.options import Options, Refused, Usage, say, who

from .plain import PlainScreen
from .run import guarded

_PLAIN = 10.0  # real seconds between two plain lines


def watch(name: str | None, *, replay: bool, pace: float | None, options: Options) -> int:
    """Read-only, following the journal; gives the exit status. `pace`: of a replay, 1 as it was."""

    def work() -> int:
        kept = _chosen(name, options)
        return asyncio.run(_watched(kept, options, (pace or 1.0) if replay else None))

    return guarded(options, work)


def attach(name: str | None, *, options: Options) -> int:
    """The same screens with the keys of a running rollout."""

    def work() -> int:
        kept = _chosen(name, options)
        if options.headless or not (options.terminal or (options.plain and sys.stdin.isatty())):
            raise Usage("attach takes keys, so it needs a terminal; quads-tui watch --headless only looks")
        return asyncio.run(attached(kept, plain=options.plain))

    return guarded(options, work)


def _chosen(name: str | None, options: Options) -> StoredRollout:
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


def followed(kept: StoredRollout, pace: float | None = None) -> Follower:
    """Raises Usage."""
    if kept.unreadable:
        raise Usage(kept.unreadable)
    if "plan" not in kept.facts:
        raise Usage(f"{kept.id} has no confirmed plan: there is nothing to see yet")
    try:
        return Follower(kept, pace=pace)
    except (NoJournal, KeyError, ValueError, TypeError) as error:
        raise Usage(f"{kept.journal} cannot be read: {error}") from None


async def _watched(kept: StoredRollout, options: Options, pace: float | None) -> int:
    follower = followed(kept, pace)
    holder = kept.holder()
    if pace is not None:
        words = f"a replay of {kept.id}" + (f", {pace:g} times as fast" if pace != 1 else "")
    else:
        words = f"watching {kept.id}, run by {holder}" if holder else f"{kept.id} is run by nobody"
    if options.plain:
        await _told(follower, words, lambda: pace is not None or bool(kept.holder()))
    elif options.headless or not options.terminal:
        await _lines(follower, options, lambda: pace is not None or bool(kept.holder()))
    else:
        await looked_at(follower, kept.directory, words)
    follower.close()
    return 0


async def looked_at(follower: Follower, directory: Path, read_only: str) -> None:
    """The console over it without its keys; `read_only` says why."""
    from quads_tui.console.app import Console

    await follower.step()
    console = Console(
        follower.rollout,
        follower.meters,
        None,
        follower.clock,
        title="WATCH",
        read_only=read_only,
        exchanges=follower.exchanges,
        shots=directory,
    )
    following = asyncio.create_task(follower.run())
    try:
        await console.run_async()
    finally:
        following.cancel()


async def _lines(follower: Follower, options: Options, alive: Callable[[], bool]) -> None:
    """JSON lines of its events, or plain ones, until it ends or nobody runs it any more."""
    listener: Callable[[Event], None] = JsonLines(follower.rollout) if options.json else lambda event: None
    next_line = 0.0
    while True:
        going = alive()  # before the look: what a process that ended wrote last is seen too
        await follower.step(listener)
        now = time.monotonic()
        if not options.json and now >= next_line:
            say(plain_line(follower.rollout, follower.meters, follower.clock.wall()))
            next_line = now + _PLAIN
        if follower.ended or not going:
            return
        await asyncio.sleep(STEP)


async def _told(follower: Follower, words: str, alive: Callable[[], bool]) -> None:
    """In sentences, until it ends, nobody runs it any more, or the operator leaves."""
    await follower.step()
    screen = PlainScreen(_desk(follower, words, read_only=words), None)
    following = asyncio.create_task(follower.run())
    try:
        await screen.until(lambda: follower.ended or not alive())
    finally:
        following.cancel()


def _desk(follower: Follower, title: str, read_only: str = "") -> ViewContext:
    given = (follower.rollout, follower.meters, follower.clock, time.monotonic)
    return ViewContext(*given, title, exchanges=follower.exchanges, read_only=read_only)


async def attached(kept: StoredRollout, *, plain: bool = False) -> int:
    """The console over it with its keys; or the same in sentences. Raises Usage and Refused."""
    from quads_tui.console.app import Console

    follower = followed(kept)
    await follower.step()
    holding: list[Callable[[str], None]] = []

    def on_holder(holder: str) -> None:
        for told in holding:
            told(holder)

    try:
        control = await RemoteControl.connect(kept.directory, f"{who()}, process {os.getpid()}", on_holder)
    except NotRunning:
        raise Refused([f"nobody runs {kept.id}: quads-tui resume {kept.id}"]) from None
    title, exchanges = "ATTACHED", follower.exchanges
    console: Console | PlainScreen
    if plain:
        console = PlainScreen(_desk(follower, title), control)
    else:
        given = (follower.rollout, follower.meters, control, follower.clock)
        console = Console(*given, title=title, exchanges=exchanges, shots=kept.directory)
    holding.append(lambda holder: setattr(console, "read_only", f"the keys are held by {holder}" if holder else ""))

    async def until_gone() -> None:
        await control.run()
        console.read_only = f"{kept.id} is no longer run by anybody"

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
