"""The stages of one host, and what a host can be."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """In the order in which a host goes through them."""

    POWER_OFF = "power_off"
    PXE_SET = "pxe_set"
    FOREMAN_BUILD = "foreman_build"
    POWER_ON = "power_on"
    INSTALL = "install"

    @property
    def short(self) -> str:
        """Three letters, for columns: OFF PXE BLD ON INS."""
        return _SHORT[self]

    @property
    def label(self) -> str:
        """In words."""
        return _LABEL[self]


_SHORT = {
    Stage.POWER_OFF: "OFF",
    Stage.PXE_SET: "PXE",
    Stage.FOREMAN_BUILD: "BLD",
    Stage.POWER_ON: "ON",
    Stage.INSTALL: "INS",
}
_LABEL = {
    Stage.POWER_OFF: "Power off",
    Stage.PXE_SET: "PXE",
    Stage.FOREMAN_BUILD: "Build",
    Stage.POWER_ON: "Power on",
    Stage.INSTALL: "Install",
}


class Kind(StrEnum):
    """What a rollout does to its hosts."""

    BUILD = "build"  # the five stages
    OWNERSHIP = "ownership"  # wipe: false, the owner in Foreman and nothing else
    SPARE = "spare"  # the target is the spare pool: powered off, nothing else

    @property
    def stages(self) -> tuple[Stage, ...]:
        return _STAGES[self]


_STAGES = {
    Kind.BUILD: tuple(Stage),
    Kind.OWNERSHIP: (Stage.FOREMAN_BUILD,),
    Kind.SPARE: (Stage.POWER_OFF,),
}


class HostStatus(StrEnum):
    """Where a host stands. The last four are ends: only a human moves a host on from them, and `done` for good."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"  # an attempt failed; the next one is due by itself
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    HELD = "held"

    @property
    def is_final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset({HostStatus.DONE, HostStatus.FAILED, HostStatus.SKIPPED, HostStatus.HELD})


class StageStatus(StrEnum):
    """How one attempt of a stage stands."""

    STARTED = "started"
    FINISHED = "finished"
    FAILED = "failed"
    SKIPPED = "skipped"
