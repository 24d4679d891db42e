"""The metrics of this process's rollouts: where they are served, and what is counted for them.

The server and the package prometheus-client are imported only where metrics are wanted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from quads_tui.inputs import Listen, Site, open_to_others
from quads_tui.render.prometheus.reading import MeasuredRollout
from quads_tui.rollout.events import Intent
from quads_tui.rollout.tally import Tally
from quads_tui.rollout.view import RolloutView

from .clients import Services
from .options import Options, Usage
from .rollout_journal import RolloutJournal

if TYPE_CHECKING:
    from .metrics_server import MetricsServer


class MetricsServers:
    """Those of this process, by address: its rollouts share them."""

    def __init__(self) -> None:
        self._servers: dict[Listen, MetricsServer] = {}

    @asynccontextmanager
    async def served(self, site: Site, options: Options, notify: Callable[[str], None]) -> AsyncIterator[MetricsServer | None]:
        """While it is used, metrics are served where options and site say; None: nowhere. Raises Usage and Refused."""
        listen = options.metrics or (site.metrics.listen if site.metrics is not None else None)
        if listen is None or options.no_metrics:
            yield None
            return
        server = self._servers.get(listen)
        if server is None:
            server = _opened(listen)
            self._servers[listen] = server
            if words := open_to_others(listen):
                notify(f"warning: {words}")
            notify(f"metrics for Prometheus: {server.url}")
        server.users += 1
        try:
            yield server
        finally:
            server.users -= 1
            if not server.users:
                del self._servers[listen]
                await server.close()


def _opened(listen: Listen) -> MetricsServer:
    try:
        from .metrics_server import MetricsServer
    except ModuleNotFoundError as error:
        if error.name != "prometheus_client":
            raise
        raise Usage(
            "metrics need the package prometheus-client, which is not installed: install quads-tui with its extra `metrics` "
            "(in the clone: pip install '.[metrics]'), or start without metrics: --metrics none"
        ) from None
    server = MetricsServer(listen)
    server.open()
    return server


class RolloutMetrics:
    """What is counted of one rollout, from the first request of its clients on. `server`: None where metrics are not served; then
    nothing is counted."""

    def __init__(self, server: MetricsServer | None, services: Services) -> None:
        self._server = server
        self._services = services
        self._tally = Tally()
        if server is not None:
            services.subscribe(self._tally.on_exchange)

    def count_events(self, journal: RolloutJournal, left: Iterable[Intent]) -> None:
        """From now on. `left`: what an earlier process began and left without an outcome."""
        if self._server is None:
            return
        for intent in left:
            self._tally.on_event(intent)
        journal.subscribe(self._tally.on_event)

    @contextmanager
    def served(self, view: RolloutView, *, rehearsal: bool) -> Iterator[None]:
        """While the rollout runs."""
        if self._server is None:
            yield
            return
        measured = MeasuredRollout(view=view, tally=self._tally, requests=self._services.requests, rehearsal=rehearsal)
        with self._server.shows(measured):
            yield
