"""Repairs: what an operator may have done to a host that nobody works on."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

BMC_RESET = "bmc_reset"  # the intent of a reset of the BMC itself: nothing is done to the machine behind it
GIVE_BACK = "give_back"  # the intent of the write that gives a host back to its former owner


class Repair(StrEnum):
    BMC_RESTART = "bmc_restart"  # the BMC itself is restarted; the power of its machines stays as it is
    POWER_CYCLE = "power_cycle"  # out of build mode and PXE first, then off, then on: the host boots its disk
    GIVE_BACK = "give_back"  # out of build mode and PXE first, then the former owner is written to Foreman

    @property
    def label(self) -> str:
        match self:
            case Repair.BMC_RESTART:
                return "BMC restart"
            case Repair.POWER_CYCLE:
                return "power cycle"
            case Repair.GIVE_BACK:
                return "give back"
            case _:
                assert_never(self)


class RepairStatus(StrEnum):
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
