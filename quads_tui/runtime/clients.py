"""The clients of one process, and what they measure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from quads_tui.inputs import Secret, Site, resolve_secret
from quads_tui.rollout.events import Event, LoginRefused
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.metrics import Meter, Meters
from quads_tui.rollout.plan import HostPlan, Plan
from quads_tui.rollout.ports import Clock, SideEffects
from quads_tui.services.foreman import Foreman
from quads_tui.services.foreman.session import ForemanSession
from quads_tui.services.http import Http
from quads_tui.services.quads import Quads
from quads_tui.services.redfish import Bmc
from quads_tui.services.redfish.connection import BmcConnection
from quads_tui.services.redfish.learned import LearnedBmcs


class Services:
    """Foreman, the BMCs and QUADS of a site."""

    def __init__(self, site: Site, clock: Clock, passwords: dict[str, Secret], pins: Path) -> None:
        self.meters = Meters()
        self._listeners: list[Callable[[Exchange], None]] = []
        self._site = site
        self._clock = clock
        self._passwords = passwords
        self._bmcs = LearnedBmcs()
        self.http = Http(clock, handshakes=site.limits.redfish_handshakes, on_exchange=self._exchanged, pins=pins)
        self.foreman = Foreman(
            ForemanSession(
                self.http,
                url=site.foreman.url,
                username=site.foreman.username,
                password=passwords["foreman"],
                tls=site.foreman.tls,
                clock=clock,
                limits=site.limits,
                reads=self.meters.foreman_reads,
                writes=self.meters.foreman_writes,
                write_width=site.foreman.write_width,
            )
        )

        self.quads = (
            Quads(
                self.http,
                url=site.quads.url,
                username=site.quads.username,
                password=passwords["quads"],
                tls=site.quads.tls,
                clock=clock,
                limits=site.limits,
                meter=Meter(),
                zone=site.quads_zone,
                spare_pool=site.spare_pool,
            )
            if site.quads
            else None
        )

    def bmc(self, host: HostPlan, acts: SideEffects) -> Bmc:
        site = self._site
        return Bmc(
            BmcConnection(
                self.http,
                address=host.address,
                host=host.name,
                username=site.redfish.username,
                password=self._passwords["redfish"],
                tls=site.redfish.tls_of(host.name),
                clock=self._clock,
                limits=site.limits,
                meter=self.meters.redfish,
                acts=acts,
                bmcs=self._bmcs,
            ),
            device=host.device,
            system=host.system,
        )

    def recall_refusals(self, plan: Plan, events: Iterable[Event]) -> None:
        """How often BMCs refused our password in earlier processes of a rollout: it is not sent again until a human asks."""
        addresses = {host.name: host.address for host in plan.hosts if host.address}
        for event in events:
            if isinstance(event, LoginRefused) and event.host in addresses:
                self._bmcs.of(addresses[event.host]).refusals = event.times

    def subscribe(self, listener: Callable[[Exchange], None]) -> None:
        """`listener` is called with every exchange."""
        self._listeners.append(listener)

    def requests(self) -> dict[str, int]:
        """Number of requests sent, retries and logins included."""
        counted = self.http.requests
        return {
            "foreman_writes": counted["foreman", True],
            "foreman_reads": counted["foreman", False],
            "redfish_requests": counted["redfish", True] + counted["redfish", False],
        }

    def _exchanged(self, exchange: Exchange) -> None:
        for listener in self._listeners:
            listener(exchange)


async def open_services(site: Site, clock: Clock, state: Path) -> Services:
    """Secrets are read in a thread: a `command` may take ten seconds. Raises InputError."""
    passwords = {
        "foreman": await asyncio.to_thread(resolve_secret, site.foreman.password),
        "redfish": await asyncio.to_thread(resolve_secret, site.redfish.password),
    }
    if site.quads is not None:
        passwords["quads"] = await asyncio.to_thread(resolve_secret, site.quads.password)
    return Services(site, clock, passwords, state / "pins.json")
