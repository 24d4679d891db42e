"""The stages of one host, and what a host can be."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never


class Stage(StrEnum):
    """In the order in which a host goes through them: the value in JSON and journals, three letters for columns, words.

    Its colour is in render/palette.
    """

    _value_: str
    short: str
    label: str

    def __new__(cls, value: str, short: str = "", label: str = "") -> Stage:
        """The defaults are for the type checker, to which `Stage("install")` makes one; no stage goes without its words."""
        if not short or not label:
            raise TypeError(f"stage {value} needs its short form and its words")
        stage = str.__new__(cls, value)
        stage._value_, stage.short, stage.label = value, short, label
        return stage

    POWER_OFF = "power_off", "OFF", "Power off"
    PXE_SET = "pxe_set", "PXE", "PXE"
    FOREMAN_BUILD = "foreman_build", "BLD", "Build"
    POWER_ON = "power_on", "ON", "Power on"
    INSTALL = "install", "INS", "Install"

    @property
    def is_at_bmc(self) -> bool:
        """Its work is the BMC's; that of the others is Foreman's or the installer's."""
        match self:
            case Stage.POWER_OFF | Stage.PXE_SET | Stage.POWER_ON:
                return True
            case Stage.FOREMAN_BUILD | Stage.INSTALL:
                return False
            case _:
                assert_never(self)

    @property
    def is_powered_off(self) -> bool:
        """The machine was powered off by us when it began, and its BMC is asked: one that falls silent may do so for that."""
        match self:
            case Stage.PXE_SET | Stage.POWER_ON:
                return True
            case Stage.POWER_OFF | Stage.FOREMAN_BUILD | Stage.INSTALL:
                return False
            case _:
                assert_never(self)

    @property
    def is_before_write(self) -> bool:
        """It prepares the host for the write to Foreman."""
        match self:
            case Stage.POWER_OFF | Stage.PXE_SET:
                return True
            case Stage.FOREMAN_BUILD | Stage.POWER_ON | Stage.INSTALL:
                return False
            case _:
                assert_never(self)


_ALL = tuple(Stage)


class Kind(StrEnum):
    """What a rollout does to its hosts."""

    BUILD = "build"  # the five stages
    OWNERSHIP = "ownership"  # wipe: false, the owner in Foreman and nothing else
    SPARE = "spare"  # the target is the spare pool: powered off, nothing else

    @property
    def stages(self) -> tuple[Stage, ...]:
        match self:
            case Kind.BUILD:
                return _ALL
            case Kind.OWNERSHIP:
                return (Stage.FOREMAN_BUILD,)
            case Kind.SPARE:
                return (Stage.POWER_OFF,)
            case _:
                assert_never(self)

    @property
    def proof(self) -> Stage:
        """The stage whose end shows that a rollout of this kind does what it should."""
        match self:
            case Kind.BUILD | Kind.OWNERSHIP:
                return Stage.FOREMAN_BUILD
            case Kind.SPARE:
                return Stage.POWER_OFF
            case _:
                assert_never(self)


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

    @property
    def label(self) -> str:
        """For people: what waits for its next attempt is retrying."""
        return "retrying" if self is HostStatus.WAITING else self.value


_FINAL = frozenset({HostStatus.DONE, HostStatus.FAILED, HostStatus.SKIPPED, HostStatus.HELD})


class ActResult(StrEnum):
    """What became of an act after its intent was on disk."""

    ANSWERED = "answered"  # accepted by the server, not verified yet
    APPLIED = "applied"  # a read shows the change
    ABSENT = "absent"  # certainly not done: not sent, or a read shows that it did not happen and will not
    REFUSED = "refused"  # the server answered that it will not
    UNKNOWN = "unknown"  # sent, and nobody knows: to be settled; of a write to Foreman: it never will be, and is over


class StageStatus(StrEnum):
    """How one attempt of a stage stands."""

    STARTED = "started"
    FINISHED = "finished"
    FAILED = "failed"
    SKIPPED = "skipped"
