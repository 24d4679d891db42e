"""One BMC, as the flow of a host uses it. Each call observes afresh, acts only where it must, and verifies by a fresh read."""

from __future__ import annotations

from quads_tui.inputs import Limits, Secret, TlsPolicy
from quads_tui.rollout.meters import Meter
from quads_tui.rollout.ports import Acts, Clock

from ..http import Http
from .boot import BootChange
from .documents import OFF, ON, Observation
from .line import Line
from .machine import Machine
from .power import PowerChange


class Bmc:
    """One session and one request at a time. Deadlines are own time (Clock.deadline).

    Every call raises StageFailure in the BMC's own words, and lets pass what Acts.intend raises. After `close` it may be used
    again; it then makes a new session.
    """

    def __init__(
        self,
        http: Http,
        address: str,
        host: str,
        username: str,
        password: Secret,
        tls: TlsPolicy,
        clock: Clock,
        limits: Limits,
        meter: Meter,
        acts: Acts,
    ) -> None:
        self._line = Line(http, address, host, username, password, tls, clock, limits, meter, acts)
        self._machine = Machine(self._line)
        self.pxe_stays = False  # the BMC made a lasting PXE boot of the one-time one: it is to be cleared after the install

    async def ensure_off(self, deadline: float) -> str:
        """Off, seen twice; ForceOff where it is not. Gives "was off already" or an empty text."""
        return await PowerChange(self._machine, OFF, deadline).run()

    async def ensure_pxe_next(self, deadline: float) -> str:
        """PXE for exactly the next boot, read back; the boot mode stays as it is. Sets `pxe_stays`."""
        change = BootChange(self._machine, deadline)
        said = await change.set_pxe_once()
        self.pxe_stays = change.stays
        return said

    async def ensure_on(self, deadline: float) -> str:
        """On, seen twice (PoweringOn is not On). Gives "was on already" or an empty text."""
        return await PowerChange(self._machine, ON, deadline).run()

    async def clear_override(self, deadline: float) -> str:
        """No PXE boot any more, whoever set it; read back."""
        return await BootChange(self._machine, deadline).clear()

    async def observe(self, deadline: float | None = None) -> Observation:
        """A fresh look. Without a deadline each request is made once, and what does not answer is a failure at once."""
        return (await self._machine.look(self._line.clock.now() if deadline is None else deadline)).observation()

    async def is_off(self) -> bool:
        """Whether a fresh look shows Off, clearly. Patient for a minute."""
        return (await self._machine.look(self._line.clock.deadline(60))).power == OFF

    async def pxe_armed(self, deadline: float | None = None) -> bool:
        """Whether the next boot is a PXE boot, wherever this BMC keeps that. Patient for a minute by default."""
        look = BootChange(self._machine, self._line.clock.deadline(60) if deadline is None else deadline).look
        return (await look()).pxe_next

    def forget_refusal(self) -> None:
        """A human wants refused credentials to be tried again."""
        self._line.session.forget()

    async def close(self) -> None:
        """Delete the session: at most three real seconds, also while being cancelled; never raises anything else."""
        await self._line.session.close()
