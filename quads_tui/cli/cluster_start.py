"""`quads-tui --cluster DSN`: the screen of all rollouts of a cluster, which workers carry out."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from quads_tui.inputs import InputError
from quads_tui.render.rollout_list import Row, Source
from quads_tui.rollout.text import clean
from quads_tui.runtime.cluster import carry_on
from quads_tui.runtime.event_loop import run_to_end
from quads_tui.runtime.open_cluster import OpenCluster, open_cluster
from quads_tui.runtime.options import Options, Refused, Usage

from .cluster_watch import attach_in_cluster, watch_in_cluster
from .screen import run_until_exit
from .start_screen import StartScreenOperator
from .terminal import run_with_exit_status

if TYPE_CHECKING:
    from quads_tui.console.start_screen import StartApp


def run_cluster_start_screen(cluster: str, options: Options) -> int:
    """Gives the exit status."""
    return run_with_exit_status(options, lambda: run_to_end(_run(cluster, options)))


async def _run(cluster: str, options: Options) -> int:
    async with open_cluster(cluster) as opened:
        await ClusterStartController(cluster, opened, options).run()
    return 0


class ClusterStartController:
    """Implements console.start_screen.RolloutActions."""

    def __init__(self, cluster: str, opened: OpenCluster, options: Options) -> None:
        """`cluster`: as typed."""
        from quads_tui.runtime.cluster_index import ClusterIndex

        self._cluster = cluster
        self._opened = opened
        self._options = options
        self._index = ClusterIndex(opened, options)
        self._operator = StartScreenOperator(self)
        self._tasks: set[asyncio.Task[None]] = set()
        self._start: StartApp | None = None
        self._started = asyncio.Event()  # the start screen is shown
        self._message = ""

    async def run(self) -> None:
        """Until the operator leaves, or the terminal has gone."""
        self._keep(self._index.refresh())
        try:
            await self._screens()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._index.close()

    async def _screens(self) -> None:
        while True:
            act, rollout = await self._choice()
            try:
                if act == "open":
                    await watch_in_cluster(rollout, self._cluster, None, self._options)
                elif act == "attach":
                    await attach_in_cluster(rollout, self._cluster, self._options)
                else:
                    return
            except (InputError, Usage, Refused) as error:
                self._message = clean(error, 1000)

    async def _choice(self) -> tuple[str, str]:
        from quads_tui.console.settings import FILE, Settings
        from quads_tui.console.start_screen import StartApp

        self._start = StartApp(self, Settings(self._options.state / FILE))
        self._started.set()
        choice = await run_until_exit(self._start)
        self._started.clear()
        return choice if isinstance(choice, tuple) else ("leave", "")

    async def start_screen(self) -> StartApp:
        """Waits until it is shown."""
        await self._started.wait()
        assert self._start is not None
        return self._start

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # RolloutActions

    @property
    def message(self) -> str:
        return self._index.away or self._message

    @message.setter
    def message(self, text: str) -> None:
        self._message = text

    def rows(self) -> Sequence[Row]:
        return self._index.rows()

    @property
    def is_read(self) -> bool:
        return self._index.is_read

    @property
    def state(self) -> str:
        return clean(self._opened.where, 1000)

    @property
    def places(self) -> Sequence[str]:
        return ()

    @property
    def new_elsewhere(self) -> str:
        return f"submit a new rollout with: quads-tui run FILE --cluster {self._opened.typed}"

    def sources(self) -> Sequence[Source]:
        return ()

    def complete(self, path: str) -> Sequence[str]:
        return ()

    def plan_new(self, source: Source) -> None:
        """Never called: there are no sources."""

    def resume(self, rollout: str) -> None:
        self._keep(self._resume(rollout))

    async def _resume(self, rollout: str) -> None:
        from quads_tui.journal.cluster.connection import DatabaseAway

        if not await self._operator.confirm(f"A worker will continue the rollout {clean(rollout, 200)}."):
            return
        try:
            await carry_on(rollout, self._opened.dsn, self._operator, failed=False, ask=False)
        except (Usage, Refused, DatabaseAway) as error:
            self._message = f"refused: {clean(error, 1000)}"
