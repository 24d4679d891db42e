"""The clients of one process, and what they measure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from quads_tui.inputs import InputError, Problem, Secret, SecretSource, Site, is_ipmi, resolve_secret
from quads_tui.inputs.ipmi import LONGEST_PASSWORD
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.counts import count as counted
from quads_tui.rollout.events import Event, LoginRefused
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.metrics import Meter, Meters
from quads_tui.rollout.plan import HostPlan, Plan
from quads_tui.rollout.ports import Clock, SideEffects
from quads_tui.services import ipmi
from quads_tui.services.foreman import Foreman
from quads_tui.services.foreman.session import ForemanSession
from quads_tui.services.http import Http
from quads_tui.services.quads import Quads
from quads_tui.services.redfish import Bmc
from quads_tui.services.redfish.connection import BmcConnection
from quads_tui.services.redfish.learned import LearnedBmcs


class Services:
    """Foreman, the BMCs and QUADS of a site."""

    def __init__(
        self, site: Site, clock: Clock, passwords: dict[str, Secret], pins: Path, ipmi_passwords: Mapping[SecretSource, Secret]
    ) -> None:
        self.meters = Meters(clock.speed)
        self._listeners: list[Callable[[Exchange], None]] = []
        self._site = site
        self._clock = clock
        self._passwords = passwords
        self._ipmi_passwords = ipmi_passwords
        self._bmcs, self._ipmi_bmcs = LearnedBmcs(), ipmi.IpmiBmcs()
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

    def bmc(self, host: HostPlan, acts: SideEffects) -> Bmc | ipmi.Bmc:
        """The client of the host's BMC, by its address."""
        site = self._site
        if is_ipmi(host.address):
            return self._ipmi(host, acts)
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

    def _ipmi(self, host: HostPlan, acts: SideEffects) -> ipmi.Bmc:
        if self._site.ipmi is None:  # it was there when the plan was made
            raise StageFailure(Cause.UNKNOWN, "the site file no longer has the section ipmi", retryable=False)
        account = self._site.ipmi.of(host.name)
        connection = ipmi.IpmiConnection(
            host.address,
            host.name,
            account=account,
            password=self._ipmi_passwords[account.password],
            clock=self._clock,
            acts=acts,
            meter=self.meters.ipmi,
            bmcs=self._ipmi_bmcs,
            on_exchange=self._exchanged,
        )
        return ipmi.Bmc(connection, mode=host.mode or account.boot_mode)

    def recall_refusals(self, plan: Plan, events: Iterable[Event]) -> None:
        """How often BMCs refused our password in earlier processes of a rollout: it is not sent again until a human asks."""
        addresses = {host.name: host.address for host in plan.hosts if host.address}
        for event in events:
            if isinstance(event, LoginRefused) and event.host in addresses:
                address = addresses[event.host]
                (self._ipmi_bmcs if is_ipmi(address) else self._bmcs).of(address).refusals = event.times

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
            **({"ipmi_sessions": self._ipmi_bmcs.runs} if self._ipmi_bmcs.runs else {}),
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
    sources = site.ipmi.passwords if site.ipmi is not None else ()
    return Services(site, clock, passwords, state / "pins.json", {one: await _ipmi_password(one) for one in sources})


async def _ipmi_password(source: SecretSource) -> Secret:
    secret = await asyncio.to_thread(resolve_secret, source)
    if len(secret.reveal().encode()) > LONGEST_PASSWORD:
        raise source.refused(f"is longer than {LONGEST_PASSWORD} bytes, which IPMI 2.0 does not allow; expected a shorter one")
    return secret


def check_ipmitool(site: Site, addresses: Iterable[str]) -> None:
    """Raises InputError where one of the addresses needs a program that is not installed."""
    count = sum(map(is_ipmi, addresses))
    if count and not ipmi.is_installed():
        what = f"{counted(count, 'BMC')} at ipmi:// addresses, and the program ipmitool is not installed"
        raise InputError([Problem(site.path, 0, "ipmi", f"{what}; expected the package ipmitool")])
