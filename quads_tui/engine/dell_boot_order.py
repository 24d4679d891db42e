"""Dell's own boot order for good, as the site asks for it: a restart of its own before PXE is set, and only where it is wrong.

The job that changes the order runs in a POST. So a machine that is off is powered on for it, watched until the job has ended,
and powered off again; whatever it boots meanwhile is what it booted before.
"""

from __future__ import annotations

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.ports import SideEffects
from quads_tui.rollout.stages import Stage

from .memory import HostMemory
from .ports import BmcPort, Ports

POLL = 15.0  # own seconds between looks at the job, which takes minutes


async def ensure_order(host: HostPlan, ports: Ports, bmc: BmcPort, acts: SideEffects, memory: HostMemory) -> str:
    """The machine is off afterwards, as before. Gives the note for the stage. Raises what a stage raises."""
    clock, limits = ports.clock, ports.limits
    patience = clock.deadline(limits.foreman_build) - clock.now()
    if await ports.gate.watch(host.name, ports.watch.is_in_build(host.name), patience):
        return "the permanent boot order was not changed: the host is in build mode, and a restart would reinstall it"
    deadline = clock.deadline(limits.boot_order)
    reason = await bmc.stage_order(host.order, deadline)
    if not reason:
        ports.gate.leave_powered_off_set(host.name)  # it runs for minutes: another one may be powered off meanwhile
        memory.off = False
        ports.remember(host.name, memory)
        acts.note("powered on so that the BIOS applies the new permanent boot order")
        await bmc.ensure_on(deadline)
        await _until_ended(host, ports, bmc, acts, deadline)
        reason = "the permanent boot order was changed in the BIOS"
    if not memory.off:
        await ports.gate.admit(host.name, Stage.PXE_SET)
        await bmc.ensure_off(clock.deadline(limits.power_off))
        memory.off = True
        ports.remember(host.name, memory)
    return reason


async def _until_ended(host: HostPlan, ports: Ports, bmc: BmcPort, acts: SideEffects, deadline: float) -> None:
    last = ""
    while job := await bmc.order_job(deadline):
        if job != last:
            acts.note(f"waiting: {job}", waits=True)
        last = job
        if ports.clock.now() + POLL > deadline:
            raise StageFailure(
                Cause.TIMEOUT,
                f"the BIOS did not apply the permanent boot order in time (limits.boot_order): {job}",
                retryable=False,
            )
        await ports.gate.watch(host.name, ports.clock.sleep(POLL))
    await bmc.verify_order(host.order, deadline)
