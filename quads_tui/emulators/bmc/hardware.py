"""One server's power, its POST, its boot override and what it boots, apart from the BMC that shows it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from quads_tui.emulators.bmc.bios import Bios
from quads_tui.emulators.interfaces import Draws, Machine, Provisioner, Time, lognormal

# Median seconds that a model's installer takes; what is not listed takes DEFAULT_INSTALL.
INSTALL: dict[str, float] = {
    "R640": 600.0,
    "R650": 480.0,
    "R660": 480.0,
    "R740XD": 660.0,
    "R750": 540.0,
    "R7425": 660.0,
    "FC640": 600.0,
    "DL360": 540.0,
    "1029P": 720.0,
    "1029U": 720.0,
    "5039MS": 780.0,
    "6049R": 780.0,
    "3500RX": 540.0,
}
DEFAULT_INSTALL = 600.0
INSTALL_SPREAD = 1.35  # p95 over median
POST = (120.0, 300.0)
SHUTDOWN = (20.0, 60.0)  # from a request to the operating system until the machine is off

RESTARTS = frozenset({"ForceRestart", "GracefulRestart", "PowerCycle"})


class PowerState(StrEnum):
    """Of DSP0268's ComputerSystem."""

    ON = "On"
    OFF = "Off"
    POWERING_ON = "PoweringOn"
    POWERING_OFF = "PoweringOff"


class Phase(StrEnum):
    """What the machine is doing; `stuck`: it hangs in its POST, or its installer gave up."""

    OFF = "off"
    POST = "post"
    INSTALLER = "installer"
    OS = "os"
    STUCK = "stuck"


@dataclass(slots=True)
class Boot:
    """The boot source override of DSP0266's ComputerSystem; `mode` UEFI or Legacy."""

    target: str = "None"
    enabled: str = "Disabled"
    mode: str = "UEFI"

    @property
    def effective(self) -> bool:
        """Will the next boot come from the network?"""
        return self.enabled != "Disabled" and self.target == "Pxe"


@dataclass(frozen=True, slots=True)
class HardwareTiming:
    """How long the hardware of a family takes, in emulated seconds (least, most), and how it reports."""

    off: tuple[float, float] = (3.0, 15.0)
    on: tuple[float, float] = (5.0, 46.0)
    lags: bool = True  # PowerState is reported late now and then
    keeps_target: bool = False  # a consumed Once leaves the target as it was


class BootFaults:
    """Where a machine's boot may go wrong; a healthy one has these."""

    def network_boot_succeeds(self) -> bool:
        """Asked once for each boot from Foreman's network; False: the machine boots its disk instead."""
        return True

    def install_succeeds(self) -> bool:
        """Asked at the end of each install; False: the installer gives up."""
        return True


class Hardware:
    """The state machine. Times are emulated seconds; `changed` counts what a document would show."""

    def __init__(
        self,
        machine: Machine,
        *,
        timing: HardwareTiming,
        time: Time,
        draws: Draws,
        provisioner: Provisioner,
        faults: BootFaults,
        power: PowerState,
        mode: str,
    ) -> None:
        self.machine, self.timing, self.time = machine, timing, time
        self._draws, self._provisioner, self._faults = draws, provisioner, faults
        self.power = power  # the truth
        self.reported = power  # as PowerState shows it
        self.boot = Boot(mode=mode)
        self.pending_mode: str | None = None
        self.bios: Bios | None = None  # of those whose BMC shows what they boot from
        self.phase = Phase.OS if power == PowerState.ON else Phase.OFF
        self.last_boot: dict[str, str | int] | None = None
        self.boots = self.wipes = self.resets = self.mode_changes = 0
        self.changed = 0
        self.off_since = float("-inf")  # emulated seconds
        self.log: deque[tuple[float, str]] = deque(maxlen=200)
        self._job: asyncio.Task[None] | None = None
        self._pending_report: asyncio.TimerHandle | None = None

    def note(self, text: str) -> None:
        """Log what happened, and let documents be rendered again."""
        self.changed += 1
        self.log.append((round(self.time.now(), 1), text))

    @property
    def armed(self) -> bool:
        """Whether the next boot reaches Foreman's network."""
        if self.bios is None:
            return self.boot.effective
        return self.bios.foreman_is_next(self.boot.mode, self.boot.effective)

    # -- what the BMC or the power button asks for -------------------------------------------------------------

    def would_change(self, reset_type: str) -> bool:
        """Whether `reset_type` (a ResetType) asks for another state than the present one."""
        is_on = self.power in (PowerState.ON, PowerState.POWERING_ON)
        if reset_type in ("On", "ForceOn"):
            return self.power == PowerState.OFF
        if reset_type in ("ForceOff", "GracefulShutdown"):
            return is_on
        if reset_type in RESTARTS:
            return is_on or (reset_type == "ForceRestart" and self.power == PowerState.OFF)
        return reset_type == "PushPowerButton"

    def act(self, reset_type: str, by: str) -> bool:
        """Carry out a ResetType that changes the present state; False when the machine ignores it."""
        self.note(f"{reset_type} by {by}")
        if reset_type == "PushPowerButton":
            reset_type = "On" if self.power == PowerState.OFF else "ForceOff"
        if reset_type in ("On", "ForceOn") or (reset_type == "ForceRestart" and self.power == PowerState.OFF):
            self._start(self._go_on())
        elif reset_type == "ForceOff":
            self._start(self._go_off(self._seconds("off", *self.timing.off)))
        elif reset_type == "GracefulShutdown":
            # The request is an event to the operating system, and without one it is lost.
            if self.phase != Phase.OS:
                return False
            self._start(self._go_off(self._seconds("shutdown", *SHUTDOWN)))
        elif reset_type in RESTARTS:
            self._start(self._go_round())
        return True

    def hang(self, reset_type: str) -> None:
        """The machine restarts and stays in its POST until it is powered off."""
        self._start(self._go_nowhere(reset_type))

    def set_boot(self, boot: Boot) -> None:
        """A PATCH that was accepted."""
        if boot.mode != self.boot.mode:
            self.mode_changes += 1
        self.boot = boot
        self.note(f"override {boot.target} {boot.enabled} {boot.mode}")

    def close(self) -> None:
        """Stop the timeline where it is."""
        if self._job is not None:
            self._job.cancel()
        if self._pending_report is not None:
            self._pending_report.cancel()

    # -- the timeline ------------------------------------------------------------------------------------------------

    def _start(self, job: Coroutine[Any, Any, None]) -> None:
        if self._job is not None:
            self._job.cancel()
        self._job = asyncio.get_running_loop().create_task(job)

    def _set(self, power: PowerState) -> None:
        self.power = power
        self.note(f"power {power}")
        lag = self._report_lag() if self.timing.lags else 0.0
        if self._pending_report is not None:
            self._pending_report.cancel()
        if lag:
            delay = lag / self.time.speed
            self._pending_report = asyncio.get_running_loop().call_later(delay, self._report_power, power)
        else:
            self._report_power(power)

    def _report_power(self, power: PowerState) -> None:
        self.reported = power
        self.changed += 1

    def _report_lag(self) -> float:
        """How long PowerState stays behind the truth: half of the changes show at once, a few take very long."""
        draw = self._draws.next("report")
        if draw.random() >= 0.5:
            return 0.0
        return draw.uniform(10.0, 35.0) if draw.random() < 0.06 else draw.uniform(0.5, 10.0)

    def _seconds(self, purpose: str, least: float, most: float) -> float:
        return self._draws.next(purpose).uniform(least, most)

    async def _go_off(self, seconds: float) -> None:
        self._set(PowerState.POWERING_OFF)
        await self.time.sleep(seconds)
        self.phase = Phase.OFF
        self.off_since = self.time.now()
        self._set(PowerState.OFF)

    async def _go_on(self) -> None:
        self._set(PowerState.POWERING_ON)
        await self.time.sleep(self._seconds("on", *self.timing.on))
        self._set(PowerState.ON)
        await self._boot()

    async def _go_nowhere(self, reset_type: str) -> None:
        self.boots += 1
        self.phase = Phase.STUCK
        self.note(f"{reset_type}: hangs in POST")

    async def _go_round(self) -> None:
        if self.power != PowerState.ON:
            self._set(PowerState.ON)
        await self._boot()

    async def _boot(self) -> None:
        while True:
            if self.bios is not None and self.bios.due:
                await self._configure(self.bios)
            source, to_foreman = self._take_override()
            self.boots += 1
            self.phase = Phase.POST
            self.last_boot = {"source": source, "mode": self.boot.mode, "n": self.boots}
            self.note(f"POST, then boot from {source}")
            await self.time.sleep(self._seconds("post", *POST))
            token = None
            if to_foreman and self._faults.network_boot_succeeds():
                token = self._provisioner.live_token(self.machine.name)
            if token is None:
                self.phase = Phase.OS
                self.note("the system on the disk runs")
                return
            if not await self._install(token):
                return

    async def _configure(self, bios: Bios) -> None:
        """A POST for the jobs that wait for one; the boot comes after it."""
        self.boots += 1
        self.phase = Phase.POST
        bios.begin()
        self.note("POST for configuration jobs")
        await self.time.sleep(self._seconds("post", *POST))
        bios.finish(self.boot.mode)
        self.note("configuration jobs have ended")

    def _take_override(self) -> tuple[str, bool]:
        """From what kind of device the machine boots now, and whether that leads to Foreman's network."""
        if self.pending_mode is not None:
            self.set_boot(Boot(self.boot.target, self.boot.enabled, self.pending_mode))
            self.pending_mode = None
        source, to_foreman = ("Pxe", True) if self.boot.effective else ("Hdd", False)
        if self.bios is not None:
            devices = self.bios.devices(self.boot.mode, self.boot.effective)
            source = "Pxe" if devices[0].startswith("NIC.") else "Hdd"
            to_foreman = self.bios.nics[self.boot.mode][0] in devices
            self.bios.once = ""
        if self.boot.enabled == "Once":
            target = self.boot.target if self.timing.keeps_target else "None"
            self.boot = Boot(target, "Disabled", self.boot.mode)
        return source, to_foreman

    async def _install(self, token: str) -> bool:
        """Into the installer; True when the machine then restarts by itself."""
        self.wipes += 1
        self.phase = Phase.INSTALLER
        self.note("booted into the installer")
        median = INSTALL.get(self.machine.model.upper(), DEFAULT_INSTALL)
        await self.time.sleep(lognormal(self._draws.next("install"), median, median * INSTALL_SPREAD))
        if not self._faults.install_succeeds():
            self.phase = Phase.STUCK
            self.note("the installer gave up")
            await self._provisioner.failed(self.machine.name, token, "anaconda: no usable disk found")
            return False
        taken = await self._provisioner.built(self.machine.name, token)
        self.note("installed" if taken else "installed, but Foreman did not take the token")
        return True
