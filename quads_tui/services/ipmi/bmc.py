"""One BMC that speaks IPMI, as the flow of a host uses it: the same port as Redfish's.

Each call observes afresh, acts only where it must, and verifies by a fresh read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from quads_tui.rollout.bmc_report import BmcReport
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.identity import Identity

from ..survey import Survey
from .boot import BootChange
from .cold_reset import ColdReset
from .connection import IpmiConnection, Refused
from .machine import OFF, ON, Machine, Observation
from .power import PowerChange
from .requests import DEVICE, Request, set_pxe

_PATIENCE = 60.0  # own seconds


class Bmc:
    """Deadlines are own time (Clock.deadline). Sessions end with each call."""

    def __init__(self, connection: IpmiConnection, *, mode: str) -> None:
        """`mode`: the boot mode of the host, UEFI or Legacy; empty: nothing tells it, and PXE is not set."""
        self._connection = connection
        self._machine = Machine(connection)
        self._mode = mode
        self.pxe_persistent = False

    async def ensure_off(self, deadline: float) -> str:
        """Off, seen twice."""
        return await PowerChange(self._machine, OFF, deadline).run()

    async def ensure_pxe_next(self, deadline: float) -> str:
        """PXE for the next boot only, read back."""
        change = BootChange(self._machine, self._mode, deadline)
        note = await change.set_pxe_once()
        self.pxe_persistent = change.persistent
        return note

    async def ensure_on(self, deadline: float, *, pxe: bool = True) -> str:
        """On, seen twice.

        With `pxe` that is read again before, set again where it is gone, and once more in the session of the command.
        """

        async def before() -> Sequence[Request]:
            if not await BootChange(self._machine, self._mode, deadline).set_pxe_once():
                self._connection.acts.note("the boot flags were set again before power on")
            return set_pxe(self._mode)

        return await PowerChange(self._machine, ON, deadline, before if pxe else None).run()

    async def restart(self, deadline: float) -> str:
        """Restart the BMC itself (cold reset), and wait until it answers again; the machine is not touched."""
        return await ColdReset(self._machine, deadline).run()

    async def clear_override(self, deadline: float) -> str:
        """No PXE boot any more, whoever set it; read back."""
        return await BootChange(self._machine, self._mode, deadline).clear()

    async def pxe_armed(self) -> bool:
        """Whether the next boot is a PXE boot."""
        change = BootChange(self._machine, self._mode, self._connection.clock.deadline(_PATIENCE))
        return change.is_set(await change.look())

    async def observe(self, deadline: float | None = None) -> Observation:
        """A fresh look, with maker and model. Without a deadline everything is sent once."""
        return await self._machine.look(deadline, *([DEVICE] if deadline is None else []))

    async def identify(self, macs: Collection[str], deadline: float | None = None, whole: bool = False) -> Identity:
        """The machine behind this BMC by its GUID; IPMI tells no MACs."""
        return (await self._machine.look(deadline)).identity

    def pin(self, identity: Identity) -> None:
        """From now on each fresh look compares GUID and address."""
        self._machine.pin(identity)

    async def survey(self) -> Survey:
        """What can be seen without touching anything."""
        clock = self._connection.clock
        deadline = clock.now() + 5.0 * clock.speed
        seen = await self._machine.look(deadline, DEVICE)
        try:
            await BootChange(self._machine, self._mode, deadline).look()
        except Refused:
            override = False
        else:
            override = True
        return Survey(
            power=seen.power,
            mode=self._connection.boot_mode,
            pxe=None,
            model=f"{seen.manufacturer} {seen.model}".strip(),
            identity=seen.identity,
            override=override,
            force_off=True,
        )

    async def report(self) -> BmcReport:
        """The power: IPMI tells no boot progress, and its event log is not read."""
        seen = await self._machine.look(None)
        return BmcReport(power=seen.power, missing=("IPMI reports neither boot progress nor the last boot",))

    async def is_off(self) -> bool:
        return (await self._machine.look(self._connection.clock.deadline(_PATIENCE))).power == OFF

    def allow_login(self) -> None:
        self._connection.allow_login()

    async def stage_order(self, order: Sequence[str], deadline: float) -> str:
        raise StageFailure(Cause.REFUSED, "IPMI cannot change a permanent boot order", retryable=False)

    async def order_job(self, deadline: float) -> str:
        return ""

    async def verify_order(self, order: Sequence[str], deadline: float) -> None:
        raise StageFailure(Cause.REFUSED, "IPMI cannot read a permanent boot order", retryable=False)

    async def end_sessions(self, uris: Sequence[str], peer: str, login: float | None = None) -> None:
        """Nothing to end: ipmitool closes its own session, also when the process that started it is gone."""

    async def close(self) -> None:
        """Nothing is open between two calls."""
