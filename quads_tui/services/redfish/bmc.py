"""One BMC, as the flow of a host uses it. Each call observes afresh, acts only where it must, and verifies by a fresh read."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from quads_tui.rollout.bmc_report import BmcReport
from quads_tui.rollout.causes import StageFailure
from quads_tui.rollout.identity import Identity

from ..survey import Survey
from .boot import BootChange
from .connection import BmcConnection
from .dell import Unsupported
from .dell_boot_order import BootOrder, job_words
from .manager import ManagerRestart
from .one_time_device import DeviceBoot
from .power import PowerChange
from .quirks import BUTTON
from .report import read_report
from .resources import OFF, ON, Observation, System
from .system import Machine, Unclear


class Bmc:
    """One session and one request at a time, to one address. Deadlines are own time (Clock.deadline).

    Every call raises StageFailure in the BMC's own words, and what SideEffects.intend raises. After `close` it may be used
    again; it then makes a new session.
    """

    def __init__(self, connection: BmcConnection, *, device: str = "", system: str = "") -> None:
        """`device`: Dell's name of the NIC to boot from once; empty: PXE from whichever comes first.

        `system`: which of several systems behind the BMC, by id or path, as the assignment names it.
        """
        self._connection = connection
        self._machine = Machine(self._connection, system)
        self._device = device
        self._surveyed: System | None = None  # by the last survey; good for one `identify`
        self.pxe_persistent = False  # the BMC made a lasting PXE boot of the one-time one: it is to be cleared after the install

    async def ensure_off(self, deadline: float) -> str:
        """Off, seen twice; ForceOff where it is not. Gives "was off already" or an empty text."""
        return await PowerChange(self._machine, OFF, deadline).run()

    async def ensure_pxe_next(self, deadline: float) -> str:
        """PXE for exactly the next boot, read back; the boot mode stays as it is. Sets `pxe_persistent`."""
        instead = ""
        if self._device:
            try:
                return await DeviceBoot(self._machine, self._device, deadline).set()
            except Unsupported as no:
                instead = f"PXE of any NIC instead of {self._device}: {no}"
        change = BootChange(self._machine, deadline)
        note = await change.set_pxe_once()
        self.pxe_persistent = change.persistent
        return "; ".join(words for words in (note, instead) if words)

    async def ensure_on(self, deadline: float, *, pxe: bool = True) -> str:
        """On, seen twice (PoweringOn is not On). Gives "was on already" or an empty text. `pxe` was set before, or was not."""
        return await PowerChange(self._machine, ON, deadline).run()

    async def restart(self, deadline: float) -> str:
        """Restart the BMC itself, and wait until it answers again: what came of it, in words. The machine is not touched."""
        return await ManagerRestart(self._machine, deadline).run()

    async def clear_override(self, deadline: float) -> str:
        """No PXE boot any more, whoever set it, and no boot from our device; read back."""
        note = await BootChange(self._machine, deadline).clear()
        if self._device:
            await DeviceBoot(self._machine, self._device, deadline).clear()
        return note

    async def stage_order(self, order: Sequence[str], deadline: float) -> str:
        """Dell's own boot order for good: why no reset is needed for it; empty when a job waits for one."""
        return await BootOrder(self._machine, order, deadline).stage()

    async def order_job(self, deadline: float) -> str:
        """What the job is at, in words; empty when none waits or runs."""
        job = await BootOrder(self._machine, (), deadline).job()
        return job_words(job) if job is not None else ""

    async def verify_order(self, order: Sequence[str], deadline: float) -> None:
        """The order is as wanted by a fresh read."""
        await BootOrder(self._machine, order, deadline).verify()

    async def observe(self, deadline: float | None = None) -> Observation:
        """A fresh look. Without a deadline each request is made once, and what does not answer is a failure at once."""
        return (await self._machine.look(self._connection.clock.now() if deadline is None else deadline)).observation()

    async def identify(self, macs: Collection[str], deadline: float | None = None, whole: bool = False) -> Identity:
        """The machine behind this BMC, fresh: its system resource, UUID, serial number, MACs, and the peer that told it.

        `macs`: Foreman's, by which one of several systems is chosen, and at which the reading of NICs stops, unless all of them
        are to be told (`whole`). After `pin`: of the pinned system only. Raises StageFailure where nobody can be chosen, and
        while a list of NICs cannot be read for now (unless `macs` is empty and not `whole`: then there is nothing to compare).
        Without a deadline each request is made once.

        Right after a survey the system is not read again, but its NICs are. The first client after that of a survey reads the
        system alone, where the BMC listed no other and UUID, serial number and peer are what they were within the last hour.
        """
        seen, self._surveyed = self._surveyed, None
        return await self._machine.identify(macs, self._connection.clock.now() if deadline is None else deadline, whole, seen)

    def pin(self, identity: Identity) -> None:
        """From now on this client acts on that machine and no other.

        Each fresh look compares path, UUID, serial number and peer: a pinned system that is gone is waited for, another machine
        in its place is a StageFailure that is final, and one that answers from another address and tells too little to be known
        by (same_after_move) is Unidentified. An act goes to the peer that the look before it came from, or it is not sent.
        """
        self._machine.pin(identity)

    async def survey(self) -> Survey:
        """What can be seen without touching anything, with some real seconds of patience. Raises StageFailure.

        While it is not clear which of several systems is meant it tells nothing but the peer: `identify` chooses by MACs, or says
        why it cannot, and a survey after it tells of the chosen one.
        """
        deadline = self._connection.clock.now() + 5.0 * self._connection.clock.speed
        try:
            look = await BootChange(self._machine, deadline).look()
        except Unclear:
            return Survey(power="", mode="", pxe=None, model="", identity=Identity(peer=self._connection.peer))
        system = self._surveyed = look.system
        targets = {target.lower() for boot in look.boots for target in boot.targets}
        override = any(boot.present for boot in look.boots)
        offered = await self._machine.reset_types(system, deadline)
        return Survey(
            power=system.power,
            mode=look.mode,
            pxe="pxe" in targets if targets else None,
            model=system.model,
            identity=self._machine.facts(system),
            override=override or (None if system.settings or system.power == OFF else False),
            acts=system.acts,
            force_off=_powers_off(offered) if offered or (system.acts and not system.reset_target) else None,
        )

    async def report(self) -> BmcReport:
        """What an operator who asks is shown: reads only, each request made once."""
        return await read_report(self._machine)

    async def is_off(self) -> bool:
        """Whether a fresh look shows Off, clearly. Patient for a minute."""
        return (await self._machine.look(self._connection.clock.deadline(60))).power == OFF

    async def pxe_armed(self, deadline: float | None = None) -> bool:
        """Whether the next boot is a PXE boot, wherever this BMC keeps that. Patient for a minute by default."""
        deadline = self._connection.clock.deadline(60) if deadline is None else deadline
        if self._device and await DeviceBoot(self._machine, self._device, deadline).armed():
            return True
        return (await BootChange(self._machine, deadline).look()).pxe_next

    def allow_login(self) -> None:
        """An operator asks for it: a password that this BMC refused may be sent again, twice at most."""
        self._connection.session.login.accepted()

    async def end_sessions(self, uris: Sequence[str], peer: str, login: float | None = None) -> None:
        """Delete sessions that a process before this one left at `peer`, each request made once; what does not go is noted.

        Behind another address the same URI may be somebody else's session. `peer` empty: nobody knows where it was. `login`: the
        wall time of a login whose session was not recorded any more.
        """
        left = f"sessions of an earlier process that stay open at the BMC: {len(uris) or 'perhaps some'}"
        try:
            await self._connection.root(self._connection.clock.now())
        except StageFailure as failure:
            self._connection.acts.left(f"{left} ({failure.reason})")
            return
        if peer and self._connection.peer != peer:
            self._connection.acts.left(f"{left} (it was at {peer}, and {self._connection.peer} answers now)")
            return
        await self._connection.session.end(uris, login)

    async def close(self) -> None:
        """Delete the session, as Session.close: some real seconds, also while being cancelled; never raises anything else."""
        self._machine.rest()
        await self._connection.session.close()


def _powers_off(offered: Collection[str]) -> bool:
    """By force. Lists of resets come with typing errors, as a comma that is missing."""
    return any(name in value.lower() for value in offered for name in ("forceoff", BUTTON.lower()))
