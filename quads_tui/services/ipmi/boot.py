"""PXE for the next boot only, by the system boot options: set so that it lasts until that boot, read back, and taken back.

Boot flags are valid for 60 s unless parameter 3 says otherwise, and some BMCs forget them all the same: they are read again, and
set again where they are gone, right before the machine is powered on. The EFI bit is never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.ports import REFUSALS, NotSent
from quads_tui.rollout.stages import ActResult

from .connection import Changes, Refused
from .machine import Machine
from .requests import BOOT_FLAGS, CLEAR, VALID_CLEARING, BootFlags, Request, set_pxe

_OPTIONS = (BOOT_FLAGS, VALID_CLEARING)
_TRIES = 3
_PAUSE = 5.0  # own seconds between two of them
NO_MODE = (
    "the boot mode is not known: neither the PXE loader of the host in Foreman nor ipmi.boot_mode in the site file"
    " shows whether it is UEFI or Legacy"
)


_SHORT = "the BMC does not confirm that it keeps its boot flags: they are read again before power on"


class BootChange:
    """Until a fresh read shows it, or `deadline` (own time) has passed. `mode`: UEFI, Legacy, or empty where nothing tells it."""

    def __init__(self, machine: Machine, mode: str, deadline: float) -> None:
        self._machine, self._mode, self._deadline = machine, mode, deadline
        self._connection = machine.connection
        self._clock = machine.connection.clock
        self.persistent = False  # the BMC made a lasting PXE boot of the one-time one

    async def look(self) -> BootFlags:
        """Fresh, of the pinned machine."""
        try:
            return _flags((await self._machine.look(self._deadline, *_OPTIONS)).answers)
        except Refused as no:
            if no.refusal.command != BOOT_FLAGS.words[1] or no.refusal.busy:
                raise
            return _flags((await self._machine.look(self._deadline, BOOT_FLAGS)).answers)  # without parameter 3

    def is_set(self, flags: BootFlags) -> bool:
        """The next boot is a PXE boot. A BMC that never shows whether its flags are valid is taken at its word."""
        return flags.pxe and (flags.valid or not self._connection.bmc.shows_valid)

    async def set_pxe_once(self) -> str:
        """Give the note for the stage. Raises StageFailure and what SideEffects.intend raises."""
        if not self._mode:
            raise StageFailure(Cause.REFUSED, NO_MODE, retryable=False)
        flags = await self.look()
        if flags.pxe and flags.valid and flags.lasts and not flags.persistent and flags.mode == self._mode:
            return "PXE is already set for the next boot"
        for last in (False,) * (_TRIES - 1) + (True,):
            flags = await self._send(set_pxe(self._mode), {"target": "Pxe", "enabled": "Once", "mode": self._mode})
            if flags.valid:
                self._connection.bmc.shows_valid = True
            elif flags.pxe and self._connection.bmc.shows_valid is None:
                self._connection.bmc.shows_valid = False
                self._connection.acts.note("the BMC does not report whether its boot flags are valid")
            if self.is_set(flags) and flags.mode == self._mode:
                self.persistent = flags.persistent
                return "" if flags.lasts else _SHORT
            if self.is_set(flags):
                await self.clear()
                words = "the BMC does not keep the EFI bit of the boot flags: the host would boot in"
                raise StageFailure(Cause.REFUSED, f"{words} {flags.mode} mode, not in {self._mode} mode", retryable=False)
            if last or self._clock.now() + _PAUSE >= self._deadline:
                break
            await self._clock.sleep(_PAUSE)
        raise StageFailure(Cause.REFUSED, f"the BMC accepts the boot flags and does not keep them: it reports {flags}")

    async def clear(self) -> str:
        """Give the note. Raises StageFailure and what SideEffects.intend raises."""
        flags = await self.look()
        if not self.is_set(flags):
            return "no PXE boot was set"
        for way in CLEAR:
            flags = await self._send((way,), {"target": "None", "enabled": "Disabled"})
            if not self.is_set(flags):
                return ""
        raise StageFailure(Cause.REFUSED, f"the BMC does not take PXE back: it reports {flags}")

    async def _send(self, requests: tuple[Request, ...], detail: dict[str, object]) -> BootFlags:
        """Set, and read back in the same session: what shows counts, not what was answered."""
        while True:
            flags = await self._intended(Changes(requests), detail)
            if flags is not None:
                return flags
            if self._clock.now() + _PAUSE >= self._deadline:
                raise StageFailure(Cause.BUSY, "the boot flags were not sent: each time too much passed before they could be")
            await self._clock.sleep(_PAUSE)

    async def _intended(self, changes: Changes, detail: dict[str, object]) -> BootFlags | None:
        """None: the intent grew old before it was confirmed (a database was away, the process stood still, no session stood)."""
        acts = self._connection.acts
        await acts.intend("override", detail)
        try:
            flags = await self._read(changes)
        except (NotSent, *REFUSALS) as no:
            words = f"not sent{' again' if changes.sent else ''}: {str(no) or 'the rollout is stopping'}"
            acts.result(ActResult.UNKNOWN if changes.sent else ActResult.ABSENT, {"error": words})
            if not isinstance(no, NotSent):
                raise
            return None
        except StageFailure as failure:
            acts.result(ActResult.UNKNOWN if changes.sent else ActResult.ABSENT, {"error": failure.reason})
            raise
        except BaseException:
            acts.result(ActResult.UNKNOWN, {"error": "interrupted"})
            raise
        acts.result(ActResult.ANSWERED, {"status": 0, "flags": str(flags)})
        return flags

    async def _read(self, changes: Changes) -> BootFlags:
        try:
            return _flags(await self._connection.ask(_OPTIONS, self._deadline, changes))
        except Refused as no:
            if no.refusal.command != BOOT_FLAGS.words[1] or no.refusal.busy:
                raise
            return _flags(await self._connection.ask([BOOT_FLAGS], self._deadline))


def _flags(answers: Mapping[Request, bytes]) -> BootFlags:
    flags = BootFlags.read(answers[BOOT_FLAGS], answers.get(VALID_CLEARING, b""))
    if flags is None:
        raise StageFailure(Cause.PROTOCOL, "the answer to boot flags cannot be read")
    return flags
