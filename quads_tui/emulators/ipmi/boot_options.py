"""The system boot options of one BMC (IPMI 2.0, table 28-14): parameters 0, 3, 4 and 5, and what they make the machine boot."""

from __future__ import annotations

from quads_tui.emulators.bmc.hardware import Boot, Hardware
from quads_tui.emulators.interfaces import Time

IN_PROGRESS, VALID_CLEARING, ACKNOWLEDGE, FLAGS = 0, 3, 4, 5
_LENGTHS = {IN_PROGRESS: 1, VALID_CLEARING: 1, ACKNOWLEDGE: 2, FLAGS: 5}
_VALID, _PERSISTENT, _EFI = 0x80, 0x40, 0x20
_NO_TIMEOUT = 0x08  # in parameter 3
_PXE = 1
LASTS = 60.0  # emulated seconds that the boot flags are valid unless told otherwise


class BootOptions:
    """`keeps` False: flags are accepted and forgotten. `expires` True: they last 60 s whatever was said.

    `knows_efi` False: the EFI bit is dropped. `acknowledges` False: parameter 4 is refused, as some BMCs do.
    """

    def __init__(self, hardware: Hardware, time: Time) -> None:
        self._hardware, self._time = hardware, time
        self._values = {number: bytes(length) for number, length in _LENGTHS.items()}
        self._until = float("inf")  # emulated time at which the flags are no longer valid
        self.keeps, self.expires, self.knows_efi, self.acknowledges = True, False, True, True
        self.expired = 0  # how often flags ran out

    def get(self, number: int) -> bytes | None:
        """The data of a parameter; None for one that this BMC does not have."""
        self.sweep()
        value = self._values.get(number)
        if number == FLAGS and value and self._is_pxe(value) and not self._hardware.boot.effective:
            self._values[FLAGS] = value = bytes(5)  # a boot has used it up
        return value

    def set(self, number: int, data: bytes) -> bool:
        """Whether the BMC takes it."""
        if number not in _LENGTHS or len(data) < _LENGTHS[number] or (number == ACKNOWLEDGE and not self.acknowledges):
            return False
        if number == FLAGS:
            self._set_flags(data[:5])
        else:
            self._values[number] = data[: _LENGTHS[number]]
        return True

    def commanded(self) -> None:
        """A chassis control command came: from now on the flags stay."""
        self.sweep()
        self._until = float("inf")

    def sweep(self) -> None:
        """The flags run out where nobody said that they shall last."""
        if self._time.now() < self._until:
            return
        self._until = float("inf")
        flags = self._values[FLAGS]
        self._values[FLAGS] = bytes([flags[0] & ~_VALID]) + flags[1:]
        self.expired += 1
        if self._hardware.boot.effective:
            self._hardware.note("the boot flags are no longer valid")
            self._hardware.set_boot(Boot("None", "Disabled", self._hardware.boot.mode))

    def _set_flags(self, data: bytes) -> None:
        if not self.keeps:
            return
        mode = "UEFI" if data[0] & _EFI else "Legacy"
        if not self.knows_efi:
            data, mode = bytes([data[0] & ~_EFI]) + data[1:], self._hardware.boot.mode
        self._values[FLAGS] = data
        lasts = self._values[VALID_CLEARING][0] & _NO_TIMEOUT and not self.expires
        self._until = float("inf") if lasts or not data[0] & _VALID else self._time.now() + LASTS
        if self._is_pxe(data):
            self._hardware.set_boot(Boot("Pxe", "Continuous" if data[0] & _PERSISTENT else "Once", mode))
        elif self._hardware.boot.effective:
            self._hardware.set_boot(Boot("None", "Disabled", self._hardware.boot.mode))

    @staticmethod
    def _is_pxe(flags: bytes) -> bool:
        return bool(flags[0] & _VALID) and flags[1] >> 2 & 0x0F == _PXE
