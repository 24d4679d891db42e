"""One BMC, as the flow of a host uses it. Each call observes afresh, acts only where it must, and verifies by a fresh read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quads_tui.inputs import Limits, Secret, TlsPolicy
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.identity import mac_of
from quads_tui.rollout.meters import Meter
from quads_tui.rollout.ports import Acts, Clock

from ..http import Http
from .boot import BootChange
from .dell import Unfit
from .device import DeviceBoot
from .documents import OFF, ON, Observation, System
from .line import Line
from .machine import Machine
from .order import BootOrder, told
from .power import PowerChange


@dataclass(frozen=True, slots=True)
class Survey:
    """One BMC, looked at before anything is done. `pxe` is None where it does not list what it can boot from."""

    power: str
    mode: str
    pxe: bool | None
    model: str


def mistaken(macs: frozenset[str], provisioning: str) -> str:
    """Why a machine with these NICs is not the one that Foreman provisions through that MAC; empty where nobody can tell."""
    wanted = mac_of(provisioning)
    if not wanted or not macs or wanted in macs:
        return ""
    shown = ", ".join(sorted(macs)[:4]) + (", ..." if len(macs) > 4 else "")
    why = f"its NICs are {shown}, Foreman provisions through {wanted} (redfish.check_macs)"
    return f"not the machine that Foreman means: {why}"


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
        device: str = "",
    ) -> None:
        """`device`: Dell's name of the NIC to boot from once; empty: PXE from whichever comes first."""
        self._line = Line(http, address, host, username, password, tls, clock, limits, meter, acts)
        self._machine = Machine(self._line)
        self._device = device
        self._surveyed: System | None = None
        self.pxe_stays = False  # the BMC made a lasting PXE boot of the one-time one: it is to be cleared after the install

    async def ensure_off(self, deadline: float) -> str:
        """Off, seen twice; ForceOff where it is not. Gives "was off already" or an empty text."""
        return await PowerChange(self._machine, OFF, deadline).run()

    async def ensure_pxe_next(self, deadline: float) -> str:
        """PXE for exactly the next boot, read back; the boot mode stays as it is. Sets `pxe_stays`."""
        instead = ""
        if self._device:
            try:
                return await DeviceBoot(self._machine, self._device, deadline).set()
            except Unfit as no:
                instead = f"PXE of any NIC instead of {self._device}: {no}"
        change = BootChange(self._machine, deadline)
        said = await change.set_pxe_once()
        self.pxe_stays = change.stays
        return "; ".join(words for words in (said, instead) if words)

    async def ensure_on(self, deadline: float) -> str:
        """On, seen twice (PoweringOn is not On). Gives "was on already" or an empty text."""
        return await PowerChange(self._machine, ON, deadline).run()

    async def clear_override(self, deadline: float) -> str:
        """No PXE boot any more, whoever set it, and no boot from our device; read back."""
        said = await BootChange(self._machine, deadline).clear()
        if self._device:
            await DeviceBoot(self._machine, self._device, deadline).clear()
        return said

    async def stage_order(self, order: Sequence[str], deadline: float) -> str:
        """Dell's own boot order for good: why no reset is needed for it; empty when a job waits for one."""
        return await BootOrder(self._machine, order, deadline).stage()

    async def order_job(self, deadline: float) -> str:
        """What the job is at, in words; empty when none waits or runs."""
        job = await BootOrder(self._machine, (), deadline).job()
        return told(job) if job is not None else ""

    async def verify_order(self, order: Sequence[str], deadline: float) -> None:
        """The order is as wanted by a fresh read."""
        await BootOrder(self._machine, order, deadline).verify()

    async def observe(self, deadline: float | None = None) -> Observation:
        """A fresh look. Without a deadline each request is made once, and what does not answer is a failure at once."""
        return (await self._machine.look(self._line.clock.now() if deadline is None else deadline)).observation()

    async def is_of(self, mac: str, deadline: float) -> None:
        """Raise StageFailure when the BMC tells its system's MACs and `mac` (Foreman's provisioning NIC) is none of them."""
        wanted = mac_of(mac)
        if wanted:
            macs = await self._machine.macs(await self._machine.look(deadline), deadline, wanted)
            if why := mistaken(macs, wanted):
                raise StageFailure(Cause.WRONG_BMC, why, retryable=False)

    async def macs(self) -> frozenset[str]:
        """Of all its system's NICs, each request made once; empty where the BMC does not tell. Raises StageFailure."""
        now = self._line.clock.now()
        return await self._machine.macs(self._surveyed or await self._machine.look(now), now)

    async def survey(self) -> Survey:
        """What can be seen without touching anything, with some real seconds of patience. Raises StageFailure."""
        look = await BootChange(self._machine, self._line.clock.now() + 5.0 * self._line.clock.speed).look()
        self._surveyed = look.system
        targets = {target.lower() for boot in look.boots for target in boot.targets}
        return Survey(look.system.power, look.mode, "pxe" in targets if targets else None, look.system.model)

    async def is_off(self) -> bool:
        """Whether a fresh look shows Off, clearly. Patient for a minute."""
        return (await self._machine.look(self._line.clock.deadline(60))).power == OFF

    async def pxe_armed(self, deadline: float | None = None) -> bool:
        """Whether the next boot is a PXE boot, wherever this BMC keeps that. Patient for a minute by default."""
        deadline = self._line.clock.deadline(60) if deadline is None else deadline
        if self._device and await DeviceBoot(self._machine, self._device, deadline).armed():
            return True
        return (await BootChange(self._machine, deadline).look()).pxe_next

    async def end_sessions(self, uris: Sequence[str]) -> None:
        """Delete sessions that a process before this one left, each request made once; what does not go is noted."""
        try:
            await self._line.root(self._line.clock.now())
        except StageFailure as failure:
            self._line.acts.note(f"{len(uris)} sessions of an earlier process are left at the BMC: {failure.reason}")
            return
        await self._line.session.end(uris)

    def forget_refusal(self) -> None:
        """A human wants refused credentials to be tried again."""
        self._line.session.forget()

    async def close(self) -> None:
        """Delete the session: at most four real seconds, also while being cancelled; never raises anything else."""
        await self._line.session.close()
