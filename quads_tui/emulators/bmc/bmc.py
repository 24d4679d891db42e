"""One BMC: its state, the family of its firmware, and the network that it is reached through."""

from __future__ import annotations

import asyncio
from typing import Protocol

from quads_tui.emulators.bmc.family import Family
from quads_tui.emulators.bmc.hardware import Hardware
from quads_tui.emulators.bmc.sessions import Sessions
from quads_tui.emulators.bmc.state import BmcState
from quads_tui.emulators.interfaces import Draws, Time


class Network(Protocol):
    """What the fleet does to the listeners of its BMCs. `host`: FQDN of the BMC's machine; `seconds`: emulated ones."""

    def restart_bmc(self, host: str, seconds: float) -> None: ...

    def interrupt(self, host: str, seconds: float) -> None: ...


class Bmc(BmcState):
    """What faults see and act on. `reachable` is cleared while the way to it is interrupted."""

    def __init__(
        self,
        hardware: Hardware,
        family: Family,
        *,
        network: Network,
        mac: str,
        time: Time,
        draws: Draws,
        username: str,
        password: str,
    ) -> None:
        super().__init__(
            hardware,
            mac=mac,
            time=time,
            draws=draws,
            username=username,
            password=password,
            sessions=Sessions(family.session_cap, family.session_timeout, draws),
            requests_until_ready=family.requests_until_ready,
        )
        self.family, self._network = family, network
        self.reachable = asyncio.Event()
        self.reachable.set()
        hardware.bios = family.make_bios()

    def restart(self, seconds: float) -> None:
        """The BMC goes away for so many emulated seconds: connections are refused, its sessions are lost."""
        self._network.restart_bmc(self.machine.name, seconds)

    def interrupt(self, seconds: float) -> None:
        """The way to the BMC is cut for so many emulated seconds: nothing arrives, nobody refuses, no session is lost."""
        self._network.interrupt(self.machine.name, seconds)
