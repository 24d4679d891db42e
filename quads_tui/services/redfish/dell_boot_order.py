"""Dell's own boot order, changed for good: staged in the boot sources' settings, committed by a job, applied by a POST.

Nothing is done where the order is right. Powering the machine on for the job, and off again, is the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.text import clean

from .dell import Dell, Job, Settings, Unsupported, boot_names, known_as, sequence
from .resources import mapping
from .settings_patch import Changes
from .system import Machine

_READ_BACK = (0.5, 1.0, 2.0, 4.0, 8.0)  # own seconds between looks after a change that was accepted
_SHOWN = (5.0, 10.0, 20.0, 30.0)  # between looks for the new order once its job has ended


@dataclass(frozen=True, slots=True)
class BootOrderSnapshot:
    """The boot sources, and what is to become of them."""

    settings: Settings
    order: str  # the name of the sequence that counts
    names: tuple[str, ...]  # as it is
    wanted: tuple[str, ...]  # all of them; those that were asked for first, the others as they are

    @property
    def right(self) -> bool:
        """It is as wanted, so that nothing is to be done."""
        return self.names == self.wanted

    @property
    def pending(self) -> bool:
        """It waits for a job, or for the reset that the job waits for."""
        return tuple(boot_names(self.settings.pending, self.order)) == self.wanted

    @property
    def body(self) -> dict[str, object]:
        """What stages it: the same entries with other indices."""
        rows = {row["Name"]: row for row in self.settings.current[self.order] if isinstance(row, Mapping) and "Name" in row}
        turned: list[dict[str, Any]] = [{**rows[name], "Index": index} for index, name in enumerate(self.wanted)]
        return {"Attributes": {self.order: turned}}


class BootOrder:
    """`devices` in the order that they are to have, by the names of the interfaces file. Deadlines are own time."""

    def __init__(self, machine: Machine, devices: Sequence[str], deadline: float) -> None:
        self._devices = devices
        self._clock = machine.connection.clock
        self._deadline = deadline
        self._dell = Dell(machine, deadline)
        self._changes = Changes(machine.connection, "the boot order", deadline)

    async def stage(self) -> str:
        """Why no reset is needed; empty when a job waits for one. Raises StageFailure and what SideEffects.intend raises."""
        try:
            look = await self._look()
            if look.right:
                return "the boot order is already as wanted"
            if not await self._dell.jobs_path():
                raise Unsupported("the BMC has no job queue")
        except Unsupported as no:
            return f"the boot order was not changed: {no}"
        if look.pending and await self._dell.jobs():
            return ""  # committed by an earlier attempt
        if not look.pending:
            look = await self._until("PATCH", look)
        await self._until("POST", look)
        return ""

    async def job(self) -> Job | None:
        """The one that still waits or runs."""
        return next(iter(await self._dell.jobs()), None)

    async def verify(self) -> None:
        """The order is as wanted by a fresh read. Raises StageFailure with what became of its job."""
        try:
            look = await self._look()
            for pause in _SHOWN:
                if look.right or self._clock.now() + pause > self._deadline:
                    break
                await self._clock.sleep(pause)
                look = await self._look()
        except Unsupported as no:
            raise StageFailure(Cause.PROTOCOL, f"the boot order can no longer be read: {no}") from None
        if not look.right:
            jobs = await self._dell.jobs(ended=True)
            why = job_words(jobs[0]) if jobs else "the BMC no longer lists its job"
            raise StageFailure(Cause.REFUSED, f"the boot order was not applied (it is {', '.join(look.names[:4])}): {why}")

    async def _look(self) -> BootOrderSnapshot:
        system = await self._dell.system()
        bios, _ = await self._dell.page(system.bios, "BIOS attributes")
        attributes = mapping(bios.get("Attributes"))
        order = sequence(attributes, system)
        settings = await self._dell.settings(system.boot_sources, "boot sources")
        names = boot_names(settings.current, order)
        first = [name for name in (known_as(device, names, attributes) for device in self._devices) if name]
        if not first:
            raise Unsupported(f"the BIOS lists none of {', '.join(self._devices[:4])} in {order}")
        return BootOrderSnapshot(settings, order, tuple(names), tuple(dict.fromkeys([*first, *names])))

    async def _until(self, method: str, look: BootOrderSnapshot) -> BootOrderSnapshot:
        """Staged (PATCH) or committed (POST), whatever the answers are, by a fresh read."""
        ignored = 0
        while ignored < 2:
            if method == "PATCH":
                refusal = await self._changes.patch(look.settings.path, look.body, look.settings.etag, self._etag)
            else:
                refusal = await self._changes.send(
                    "POST", await self._dell.jobs_path(), {"TargetSettingsURI": look.settings.path}
                )
            for pause in (0.0, *(_READ_BACK if refusal is None else ())):
                await self._clock.sleep(pause)
                look = await self._look()
                if look.right or (look.pending and (method == "PATCH" or await self._dell.jobs())):
                    return look
            if refusal is None:
                ignored += 1
            elif not await self._changes.should_retry(refusal):
                break
        jobs = ", ".join(job.id for job in (await self._dell.jobs())[:4])
        beside = f"; unfinished BIOS jobs of this server: {jobs}" if jobs else ""
        why = self._changes.last or "no effect"
        raise StageFailure(Cause.REFUSED, f"the boot order is refused: {why}{beside}", retryable=False)

    async def _etag(self) -> str:
        return (await self._look()).settings.etag


def job_words(job: Job) -> str:
    """What a job is at, in a few words."""
    return clean(f"{job.id} {job.state} {job.percent}%: {job.message}", 120)
