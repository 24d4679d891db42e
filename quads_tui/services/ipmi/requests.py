"""The IPMI requests that are sent, and what their answers mean (IPMI 2.0, chapters 20, 22 and 28)."""

from __future__ import annotations

from dataclasses import dataclass

from quads_tui.rollout.identity import uuid_of

_PXE = 1
_VALID, _PERSISTENT, _EFI = 0x80, 0x40, 0x20
_NO_TIMEOUT = 0x08  # parameter 3: the flags stay valid though no chassis control command comes within 60 s
_MAKERS = {
    11: "HP",
    343: "Intel",
    674: "Dell",
    2: "IBM",
    10368: "Fujitsu",
    10876: "Supermicro",
    19046: "Lenovo",
    47488: "Supermicro",
}


@dataclass(frozen=True, slots=True)
class Request:
    """`words`: network function, command and data. `reads`: its answer carries data that is looked at."""

    what: str
    words: tuple[int, ...]
    reads: bool = True

    @property
    def line(self) -> str:
        """As ipmitool takes it."""
        return "raw " + " ".join(f"0x{word:02x}" for word in self.words)


STATUS = Request("chassis status", (0x00, 0x01))
GUID = Request("system GUID", (0x06, 0x37))
DEVICE = Request("device id", (0x06, 0x01))
BOOT_FLAGS = Request("boot flags", (0x00, 0x09, 5, 0, 0))
VALID_CLEARING = Request("valid bit clearing", (0x00, 0x09, 3, 0, 0))
POWER = {
    "Off": Request("chassis power down", (0x00, 0x02, 0), reads=False),
    "On": Request("chassis power up", (0x00, 0x02, 1), reads=False),
}

COLD_RESET = Request("BMC cold reset", (0x06, 0x02), reads=False)  # as `mc reset cold`: of the BMC, not of the machine


def set_boot(number: int, *data: int) -> Request:
    """Set System Boot Options, one parameter."""
    return Request(f"boot option {number}", (0x00, 0x08, number, *data), reads=False)


def set_pxe(mode: str) -> tuple[Request, ...]:
    """PXE for the next boot only, valid until a boot uses it up. `mode`: UEFI or Legacy."""
    efi = _EFI if mode == "UEFI" else 0
    return set_boot(3, _NO_TIMEOUT), set_boot(4, 1, 1), set_boot(5, _VALID | efi, _PXE << 2, 0, 0, 0)


CLEAR = (set_boot(5, 0, 0, 0, 0, 0), set_boot(5, _VALID, 0, 0, 0, 0))  # some BMCs take only one of the two


@dataclass(frozen=True, slots=True)
class BootFlags:
    """Parameter 5, and whether parameter 3 says that it lasts."""

    valid: bool
    persistent: bool
    efi: bool
    pxe: bool
    lasts: bool

    @classmethod
    def read(cls, flags: bytes, clearing: bytes) -> BootFlags | None:
        """None for what is no answer to these two."""
        if len(flags) < 4 or flags[1] & 0x7F != 5:
            return None
        first, second = flags[2], flags[3]
        lasts = len(clearing) > 2 and clearing[1] & 0x7F == 3 and bool(clearing[2] & _NO_TIMEOUT)
        return cls(bool(first & _VALID), bool(first & _PERSISTENT), bool(first & _EFI), second >> 2 & 0x0F == _PXE, lasts)

    @property
    def mode(self) -> str:
        return "UEFI" if self.efi else "Legacy"

    def __str__(self) -> str:
        words = ["PXE" if self.pxe else "no PXE", self.mode, "valid" if self.valid else "not valid"]
        return ", ".join([*words, *(["persistent"] if self.persistent else [])])


def is_on(status: bytes) -> bool:
    """Chassis status."""
    return bool(status and status[0] & 1)


def guid(data: bytes) -> str:
    """As a UUID, in the byte order that makes it one: SMBIOS, IPMI's own, or RFC 4122; empty for a placeholder."""
    if len(data) != 16:
        return ""
    smbios = data[3::-1] + data[5:3:-1] + data[7:5:-1] + data[8:]
    orders = (smbios, data[::-1], data)
    good = next((order for order in orders if order[6] >> 4 in range(1, 6) and order[8] >> 6 == 0b10), smbios)
    return uuid_of(good.hex())


def model(data: bytes) -> tuple[str, str]:
    """Maker and product of a device id; the maker's number where its name is not known."""
    if len(data) < 11:
        return "", ""
    maker = int.from_bytes(data[6:9], "little") & 0xFFFFF
    return _MAKERS.get(maker, f"manufacturer {maker}"), f"0x{int.from_bytes(data[9:11], 'little'):04X}"
