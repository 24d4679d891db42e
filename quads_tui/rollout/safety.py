"""What a host that did not end done was left as: whether it is off, and whether its next boot reinstalls it."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never


class Safety(StrEnum):
    UNTOUCHED = "untouched"  # nothing was sent to its BMC, and nothing to Foreman that concerns its build
    OFF = "off"  # we powered it off; its next boot installs nothing
    ARMED = "armed"  # build mode is set in Foreman and PXE on its BMC
    DISARMED = "disarmed"  # it had been prepared, and that was taken back; it may be on or off
    INSTALLING = "installing"  # it was booted into the installer, and nobody watches it any more
    UNKNOWN = "unknown"  # something was done to it, and nothing tells what it is now

    @property
    def words(self) -> str:
        """For the operator; a clause without a full stop."""
        match self:
            case Safety.UNTOUCHED:
                return "nothing was done to the host"
            case Safety.OFF:
                return "the host stays powered off"
            case Safety.ARMED:
                return "STILL ARMED: the next boot reinstalls the host"
            case Safety.DISARMED:
                return "disarmed: the next boot does not reinstall the host"
            case Safety.INSTALLING:
                return "the host may still be installing and is no longer watched"
            case Safety.UNKNOWN:
                return "the power and boot settings of the host are unknown"
            case _:
                assert_never(self)

    @property
    def short(self) -> str:
        """For counts of hosts: "2 powered off, 1 STILL ARMED"."""
        match self:
            case Safety.UNTOUCHED:
                return "untouched"
            case Safety.OFF:
                return "powered off"
            case Safety.ARMED:
                return "STILL ARMED"
            case Safety.DISARMED:
                return "disarmed"
            case Safety.INSTALLING:
                return "possibly installing"
            case Safety.UNKNOWN:
                return "in an unknown state"
            case _:
                assert_never(self)


_OFF = "; left off"
_INSTALLING = "; it may be installing: no longer watched, nothing touched"
_NOT_SAFE = "; NOT SAFE: "
_OVERRIDE = "; its boot override could not be cleared: "


def from_old_reason(reason: str) -> tuple[str, Safety | None, str]:
    """Journals kept what was left behind in words at the reason's end: the reason without them, the safety, why not disarmed.

    None where the reason tells nothing of it.
    """
    if reason.endswith(_OFF):
        return reason.removesuffix(_OFF), Safety.OFF, ""
    if reason.endswith(_INSTALLING):
        return reason.removesuffix(_INSTALLING), Safety.INSTALLING, ""
    if _NOT_SAFE in reason:
        first, _, why = reason.partition(_NOT_SAFE)
        return first, Safety.UNKNOWN, why
    if _OVERRIDE in reason:
        first, _, why = reason.partition(_OVERRIDE)
        return first, Safety.UNKNOWN, _OVERRIDE.removeprefix("; ") + why
    return reason, None, ""
