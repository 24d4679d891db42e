"""What a retry is said to do is what the engine's memory has it do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quads_tui.engine.memory import HostMemory
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.moments import Moment
from quads_tui.rollout.retries import RetryEffect, retry_effect
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from quads_tui.rollout.state import HostState

FAILED, HELD = HostStatus.FAILED, HostStatus.HELD
CASES = [
    # status, where, cause, what it was left as, its write counts still: what a retry does
    (FAILED, Stage.POWER_OFF, Cause.UNREACHABLE, Safety.UNTOUCHED, False, RetryEffect.ALL_STAGES),
    (FAILED, Stage.PXE_SET, Cause.REFUSED, Safety.OFF, False, RetryEffect.ALL_STAGES),
    (FAILED, Stage.FOREMAN_BUILD, Cause.FOREMAN, Safety.OFF, False, RetryEffect.ALL_STAGES),
    (FAILED, Stage.POWER_ON, Cause.TIMEOUT, Safety.ARMED, True, RetryEffect.BOOT),
    (FAILED, Stage.POWER_ON, Cause.UNKNOWN, Safety.DISARMED, False, RetryEffect.ALL_STAGES),
    (FAILED, Stage.INSTALL, Cause.INSTALL_TIMEOUT, Safety.INSTALLING, True, RetryEffect.WATCH),
    (FAILED, Stage.INSTALL, Cause.INSTALL_FAILED, Safety.UNKNOWN, False, RetryEffect.AGAIN),
    (FAILED, Stage.INSTALL, Cause.TOKEN_EXPIRED, Safety.UNKNOWN, True, RetryEffect.AGAIN),
    (HELD, Stage.INSTALL, Cause.INSTALL_TIMEOUT, Safety.INSTALLING, True, RetryEffect.WATCH),
    (HELD, Stage.PXE_SET, Cause.UNKNOWN, Safety.DISARMED, False, RetryEffect.ALL_STAGES),
]


@pytest.mark.parametrize(("status", "stage", "cause", "safety", "counts", "effect"), CASES)
def test_it_starts_where_the_engine_starts(
    status: HostStatus, stage: Stage, cause: Cause, safety: Safety, counts: bool, effect: RetryEffect
) -> None:
    host = HostState("a", "R650", "", 0, status=status, stage=stage, cause=cause if status is FAILED else None, left=safety)
    host.armed = safety is Safety.ARMED
    assert retry_effect(host) is effect
    memory = HostMemory(stage, failed=(stage, cause), built_at=Moment("boot", 1.0) if counts else None)
    memory.rewind(False, Kind.BUILD)
    starts = {RetryEffect.WATCH: Stage.INSTALL, RetryEffect.BOOT: Stage.POWER_ON}.get(effect, Stage.POWER_OFF)
    assert memory.start is starts
    assert retry_effect(host, from_start=True).wipes
    memory.rewind(True, Kind.BUILD)
    assert memory.start is Stage.POWER_OFF


def test_a_host_that_failed_to_install_and_was_held_is_wiped_again() -> None:
    """Its install has ended: nobody watches it again, though it was held as one that may be installing."""
    host = HostState("a", "R650", "", 0, status=HELD, stage=Stage.INSTALL, left=Safety.INSTALLING)
    host.marks[Stage.INSTALL] = StageStatus.FAILED
    assert retry_effect(host) is RetryEffect.AGAIN
    host.marks[Stage.INSTALL] = StageStatus.SKIPPED
    assert retry_effect(host) is RetryEffect.WATCH


@pytest.mark.parametrize(("kind", "effect"), [(Kind.OWNERSHIP, RetryEffect.OWNER), (Kind.SPARE, RetryEffect.POWER_OFF)])
def test_other_goals_wipe_nothing(kind: Kind, effect: RetryEffect) -> None:
    host = replace(HostState("a", "R650", "", 0, status=FAILED, stage=Stage.POWER_OFF), kind=kind)
    assert retry_effect(host, from_start=True) is effect
    assert not effect.wipes
