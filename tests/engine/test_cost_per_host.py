"""What a host costs the engine, counted in steps: the same in a small rollout and in a large one."""

from __future__ import annotations

import sys

import pytest

from quads_tui.rollout.stages import HostStatus
from tests.counted_work import counted

from .model import Lab
from .test_flow import ends, names

pytestmark = pytest.mark.looptime


async def steps_a_host(hosts: int) -> float:
    """From the first host to the last."""
    lab = Lab(names(hosts))
    ours = [module for name, module in sys.modules.items() if name.startswith(("quads_tui.engine.", "quads_tui.rollout."))]
    with counted(*ours) as work:
        await lab.run()
    assert ends(lab.rollout) == {HostStatus.DONE: hosts}
    await lab.end()
    return work.steps / hosts


async def test_a_host_costs_the_same_among_few_and_among_many() -> None:
    few, many = [await steps_a_host(hosts) for hosts in (30, 120)]
    assert many < 1.05 * few, (few, many)
