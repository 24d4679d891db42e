"""`watch` and `attach` with `--cluster`: a rollout that workers carry out, read from their database and controlled through it."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from quads_tui.console.view_context import ViewContext
from quads_tui.inputs import InputError, find_site, load_site
from quads_tui.journal.servers import spelled
from quads_tui.rollout.commands import RecordRowCommand
from quads_tui.rollout.ports import Control
from quads_tui.rollout.time_words import clock_time
from quads_tui.runtime.control_socket import user_of
from quads_tui.runtime.event_loop import run_to_end
from quads_tui.runtime.journal_follower import Follower, follow
from quads_tui.runtime.open_cluster import OpenCluster, open_cluster
from quads_tui.runtime.options import Options, Usage, current_user
from quads_tui.runtime.row_commands import SiteCommands, recorded_by

from .plain import PlainScreen
from .screen import run_app, settings_of
from .terminal import run_with_exit_status
from .watch import LOOK_INTERVAL, look, replay_words, show_watched

if TYPE_CHECKING:
    from quads_tui.console.app import Console
    from quads_tui.runtime.cluster_source import ClusterSource

_HANDOVER = 5.0  # real seconds without a worker that are not worth a word: another one takes it over


def watch_cluster(name: str | None, cluster: str, *, replay_speed: float | None, options: Options) -> int:
    """Read-only; gives the exit status. `replay_speed`: None: as it proceeds."""
    return run_with_exit_status(options, lambda: run_to_end(watch_in_cluster(name, cluster, replay_speed, options)))


def attach_cluster(name: str | None, cluster: str, *, options: Options) -> int:
    """The same screens, with control; gives the exit status."""

    def work() -> int:
        if not (options.terminal or (options.plain and sys.stdin.isatty())):
            raise Usage("attach takes control and needs a terminal; without one use quads-tui watch --headless --cluster DSN")
        return run_to_end(attach_in_cluster(name, cluster, options))

    return run_with_exit_status(options, work)


class FollowedInCluster:
    """Implements cli.followed.Followed by what the source has read last."""

    def __init__(self, source: ClusterSource, where: str, typed: str) -> None:
        """`where`: the database, in words; `typed`: as a word of a command line."""
        self._source = source
        self._where = where
        self._typed = typed
        self._nobody_since: float | None = None  # monotonic
        self._worker = source.standing.worker

    @property
    def id(self) -> str:
        return self._source.standing.row.id

    @property
    def awaited(self) -> bool:
        return self._source.standing.row.wanted

    @property
    def away(self) -> str:
        """Why the database cannot be read now, in words; empty: it can."""
        if not self._source.away:
            return ""
        since = clock_time(self._source.away_since, time.time())
        return f"{self._where} has not answered since {since}: {self._source.away}"

    async def holder(self) -> str:
        """While the database does not answer, and during a handover, the worker that was known last."""
        worker, now = self._source.standing.worker, time.monotonic()
        if worker:
            self._worker, self._nobody_since = worker, None
        elif self._nobody_since is None:
            self._nobody_since = now
        if self._nobody_since is not None and (not self.awaited or now - self._nobody_since > _HANDOVER):
            self._worker = ""
        return self._worker and f"worker {self._worker}"

    def read_only_reason(self, holder: str, controller: str = "") -> str:
        if self._source.away:
            return self.away if holder else f"unavailable: {self.away}"
        if holder:
            control = f"controlled by {user_of(controller)}, " if controller else ""
            return f"{control}carried out by {holder} (watching {self.id})"
        what = "waiting for a worker; start one" if self.awaited else "not running; resume it"
        return f"{what} with: {self.command}"

    @property
    def command(self) -> str:
        if self.awaited:
            location = self._source.standing.row.location
            where = f" --location {shlex.quote(location)}" if location else ""
            return f"quads-tui worker --site FILE --cluster {self._typed}{where}"
        return f"quads-tui resume {self.id} --cluster {self._typed}"

    async def resumable(self) -> bool:
        return False


async def _source(opened: OpenCluster, name: str | None) -> ClusterSource:
    """Of the rollout that is meant. Raises Usage and DatabaseAway."""
    from quads_tui.runtime.cluster_source import ClusterSource, choose_in_cluster, standing

    row = await choose_in_cluster(opened.rollouts, name, opened.where)
    return ClusterSource(opened.rollouts, await standing(opened.rollouts, row))


async def _follower(
    opened: OpenCluster, source: ClusterSource, options: Options, title: str, replay_speed: float | None = None
) -> Follower:
    from quads_tui.runtime.cluster_source import stored_in_cluster

    stored = await stored_in_cluster(opened.rollouts, source.standing.row, options)
    made = follow(stored, title=title, replay_speed=replay_speed, source=source)
    made.view.rollout.cluster = opened.typed
    return made


async def watch_in_cluster(name: str | None, cluster: str, replay_speed: float | None, options: Options) -> int:
    """As watch_cluster. Raises Usage, InputError and Refused."""
    async with open_cluster(cluster) as opened:
        source = await _source(opened, name)
        followed = FollowedInCluster(source, opened.where, opened.typed)
        words = followed.read_only_reason(await followed.holder())
        if replay_speed is not None:
            words = replay_words(followed.id, replay_speed)
        follower = await _follower(opened, source, options, words if options.plain else "WATCH", replay_speed)
        shown = followed if replay_speed is None else None
        await show_watched(follower, words, shown, options, lambda: _site_commands(follower, options, lambda command: False))
    return 0


async def attach_in_cluster(name: str | None, cluster: str, options: Options) -> int:
    """As attach_cluster. Raises Usage, InputError and Refused."""
    async with open_cluster(cluster) as opened:
        from quads_tui.journal.cluster.rollouts import ClusterRollouts
        from quads_tui.runtime.cluster_control import ClusterControl

        source = await _source(opened, name)
        followed = FollowedInCluster(source, opened.where, opened.typed)
        follower = await _follower(opened, source, options, "ATTACHED")
        commands = ClusterRollouts(opened.dsn)
        shown: list[Console | PlainScreen] = []

        def tell(text: str) -> None:
            for screen in shown:
                screen.flash(text)

        def worker() -> str:
            return source.standing.worker and f"worker {source.standing.worker}"

        control = ClusterControl(commands, followed.id, current_user(), tell=tell, worker=worker)
        try:
            await control.connect()
            await follower.step()
            shown.append(await _screen(follower, control, options))
            helpers = [
                asyncio.create_task(work)
                for work in (follower.run(control.on_event), control.run(), _keep_control(shown[0], follower, followed))
            ]
            try:
                await _until_left(shown[0])
            finally:
                for helper in helpers:
                    helper.cancel()
        finally:
            await commands.close()
    return 0


async def _screen(follower: Follower, control: Control, options: Options) -> Console | PlainScreen:
    if options.plain:
        return PlainScreen(ViewContext(follower.view, time.monotonic), control)
    from quads_tui.console.app import Console

    commands = await _site_commands(follower, options, recorded_by(control))
    return Console(follower.view, control, settings=settings_of(follower.view.directory), row_commands=commands)


async def _site_commands(follower: Follower, options: Options, record: Callable[[RecordRowCommand], bool]) -> SiteCommands | None:
    """Those of this machine's own site file, where it is of the same Foreman: that of its submitter is not trusted here."""
    directory = options.private_directory(follower.stored.directory)  # for what they print, and for screenshots
    try:
        site = await asyncio.to_thread(lambda: load_site(find_site(options.site, os.environ)))
    except InputError:
        return None
    if spelled(site.foreman.url) != spelled(follower.stored.facts["foreman"]):
        return None
    return SiteCommands(site.commands, follower.view.rollout, record, directory)


async def _until_left(screen: Console | PlainScreen) -> None:
    """A rollout that has ended keeps its screen: failed hosts can be retried."""
    if isinstance(screen, PlainScreen):
        await screen.until(lambda: not screen.attended)
    else:
        await run_app(screen)


async def _keep_control(screen: Console | PlainScreen, follower: Follower, followed: FollowedInCluster) -> None:
    """While the database does not answer there is no control; where no worker carries the rollout, the screen says so."""
    while True:
        await look(screen, follower, followed)
        if screen.read_only != followed.away:
            screen.read_only = followed.away
        await asyncio.sleep(LOOK_INTERVAL)
