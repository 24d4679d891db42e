"""The IPMI client beside an emulated BMC, with what the client intended and said."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from quads_tui.emulators.bmc.hardware import PowerState
from quads_tui.engine.clock import RealClock
from quads_tui.inputs import IpmiAccount, Secret, SecretSource
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.metrics import Meter
from quads_tui.services.ipmi import Bmc, IpmiBmcs, IpmiConnection
from tests.ipmi_bmc import PASSWORD, USER
from tests.services.redfish.conftest import Told

NOWHERE = SecretSource("env", Path("site.yaml"), 1, "ipmi.password", variable="IPMI_PASSWORD")


@dataclass
class Bench:
    """`wait` is for stages: own seconds from now."""

    address: str
    speed: float = 60.0
    password: str = PASSWORD
    suite: int = 17
    bmcs: IpmiBmcs = field(default_factory=IpmiBmcs)
    told: Told = field(default_factory=Told)
    meter: Meter = field(default_factory=Meter)
    exchanges: list[Exchange] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = RealClock(self.speed)

    def client(self, mode: str = "UEFI", told: Told | None = None) -> Bmc:
        connection = IpmiConnection(
            self.address,
            "h.example.com",
            account=IpmiAccount(USER, NOWHERE, cipher_suite=self.suite),
            password=Secret(self.password),
            clock=self.clock,
            acts=told or self.told,
            meter=self.meter,
            bmcs=self.bmcs,
            on_exchange=self.exchanges.append,
        )
        return Bmc(connection, mode=mode)

    def deadline(self, seconds: float = 180.0) -> float:
        return self.clock.deadline(max(seconds, 30.0 * self.speed))


__all__ = ["Bench", "PowerState", "Told"]
