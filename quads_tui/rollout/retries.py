"""What a retry, a release or an unskip does to a host, by what its events tell: as engine/memory.rewind decides it."""

from __future__ import annotations

from enum import StrEnum

from .causes import Cause
from .safety import Safety
from .stages import HostStatus, Kind, Stage, StageStatus
from .state import HostState


class RetryEffect(StrEnum):
    """From the gentlest to the hardest. The machine is wiped by the last three."""

    OWNER = "owner"  # the owner in Foreman is changed, nothing else
    POWER_OFF = "power off"  # the host is powered off, nothing else
    WATCH = "watch"  # it may still be installing: it is watched for longer, nothing is done to it
    BOOT = "boot"  # Foreman has it in build mode: it is booted into the installer
    ALL_STAGES = "all stages"  # from Power off on; what is right already is kept
    AGAIN = "again"  # the same, after it was booted into the installer once

    @property
    def wipes(self) -> bool:
        return self in (RetryEffect.BOOT, RetryEffect.ALL_STAGES, RetryEffect.AGAIN)

    @property
    def from_first_stage(self) -> bool:
        return self in (RetryEffect.ALL_STAGES, RetryEffect.AGAIN)


def retry_effect(host: HostState, from_start: bool = False) -> RetryEffect:
    """Of a host that failed, or was held or skipped. In doubt the harder one is given."""
    if host.kind is Kind.OWNERSHIP:
        return RetryEffect.OWNER
    if host.kind is Kind.SPARE:
        return RetryEffect.POWER_OFF
    booted = host.stage is Stage.INSTALL or host.safety is Safety.INSTALLING
    if not from_start and _may_be_installing(host):
        return RetryEffect.WATCH
    if booted:
        return RetryEffect.AGAIN
    written = host.stage is Stage.POWER_ON and host.status is HostStatus.FAILED and host.safety is not Safety.DISARMED
    return RetryEffect.BOOT if written and not from_start else RetryEffect.ALL_STAGES


def _may_be_installing(host: HostState) -> bool:
    """Nobody has seen its install end: it was given up, or no longer watched."""
    if host.status is HostStatus.FAILED:
        return host.stage is Stage.INSTALL and host.cause is Cause.INSTALL_TIMEOUT and host.safety is not Safety.DISARMED
    return host.safety is Safety.INSTALLING and host.marks.get(Stage.INSTALL) is not StageStatus.FAILED
