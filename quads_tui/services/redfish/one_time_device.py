"""Dell's one-time boot device: this NIC and no other for the next boot, where an override takes whichever NIC comes first.

Two BIOS attributes, applied at the next reset by a job that the BMC makes itself. Proof is what its settings object holds
afterwards, and that job. Jobs of others are never touched.
"""

from __future__ import annotations

from dataclasses import dataclass

from quads_tui.rollout.causes import Cause, StageFailure

from .dell import Dell, Job, Settings, Unsupported, boot_names, known_as, sequence
from .errors import ErrorResponse
from .quirks import Meaning
from .resources import mapping
from .settings_patch import Changes
from .system import Machine

_MODE = "OneTimeBootMode"
_READ_BACK = (0.5, 1.0, 2.0, 4.0, 8.0)  # own seconds between looks after a change that was accepted
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class DeviceSnapshot:
    """The BIOS as far as this device is concerned."""

    settings: Settings
    wanted: dict[str, str]  # attributes
    name: str  # what the BIOS calls the device

    @property
    def coming(self) -> bool:
        """The device is the next boot's, now or once what is pending is applied."""
        return all(self.settings.coming.get(name) == value for name, value in self.wanted.items())

    @property
    def pending(self) -> bool:
        """It is by what still waits for a reset."""
        return not self.settings.pending.keys().isdisjoint(self.wanted) and self.coming


class DeviceBoot:
    """One change of the one-time device until a fresh read shows it, or `deadline` (own time) has passed."""

    def __init__(self, machine: Machine, device: str, deadline: float) -> None:
        self._device = device
        self._name = ""  # what the BIOS calls it
        self._clock = machine.connection.clock
        self._deadline = deadline
        self._dell = Dell(machine, deadline)
        self._changes = Changes(machine.connection, "the one-time boot device", deadline)

    async def set(self) -> str:
        """The note for the stage. Raises Unsupported (nothing is pending), StageFailure and what SideEffects.intend raises."""
        look = await self._look()
        if not look.settings.on_reset:
            raise Unsupported("the BIOS settings cannot be applied on reset")
        refusal: ErrorResponse | None = None
        if look.pending and await self._has_job():
            return f"{look.name} is already set for the next boot"
        ignored = 0
        while ignored < 2:
            refusal = await self._changes.patch(look.settings.path, _body(look), look.settings.etag, self._etag)
            look = await self._read_back(refusal)
            if await self._stands(look):
                self._changes.proved()
                return f"boots once from {look.name}"
            if refusal is None:
                ignored += 1
            elif refusal.means(Meaning.COMMITTED):
                raise await self._foreign(look, refusal)
            elif not await self._changes.should_retry(refusal):
                break
        if look.pending:
            await self.clear()
        raise Unsupported(self._changes.last or "the BMC accepted the one-time boot device but did not set it")

    async def clear(self) -> None:
        """Take it back as far as it still waits for a reset. Raises StageFailure in plain words for what stays, and as `set`."""
        try:
            look = await self._look()
        except Unsupported:
            return
        if not look.pending:
            return
        if others := sorted(set(look.settings.pending) - set(look.wanted)):
            raise _stays(
                look, f"other BIOS changes are pending ({_listed(others)}) that quads-tui did not make; clear them at the BMC"
            )
        jobs = await self._dell.jobs()
        if len(jobs) > 1:
            raise _stays(look, f"{_listed([job.id for job in jobs])} all wait for a reset, and it is not clear which is ours")
        for job in jobs:
            look = await self._take_back("DELETE", job.path, None)
        if look.pending and look.settings.clear and not await self._dell.jobs():
            look = await self._take_back("POST", look.settings.clear, {})
        if look.pending:
            raise _stays(look, self._changes.last or "the BMC offers no way to discard it")

    async def armed(self) -> bool:
        """Whether the next boot is from this device as far as the BIOS tells."""
        try:
            return (await self._look()).coming
        except Unsupported:
            return False

    async def _look(self) -> DeviceSnapshot:
        system = await self._dell.system()
        settings = await self._dell.settings(system.bios, "BIOS attributes")
        order = sequence(settings.current, system)
        names = [_MODE, f"OneTime{order}Dev"]
        if missing := [name for name in names if name not in settings.current]:
            raise Unsupported(f"the BIOS has no attribute {_listed(missing)}")
        if not self._name:
            sources, _ = await self._dell.page(system.boot_sources, "boot sources")
            listed = boot_names(mapping(sources.get("Attributes")), order)
            self._name = known_as(self._device, listed, settings.current)
        if not self._name:
            raise Unsupported(f"the BIOS lists no boot device {self._device} in {order}")
        return DeviceSnapshot(settings, dict(zip(names, (f"OneTime{order}", self._name), strict=True)), self._name)

    async def _etag(self) -> str:
        return (await self._look()).settings.etag

    async def _read_back(self, refusal: ErrorResponse | None) -> DeviceSnapshot:
        look = await self._look()
        for pause in _READ_BACK if refusal is None else ():
            if await self._stands(look) or self._clock.now() + pause > self._deadline:
                break
            await self._clock.sleep(pause)
            look = await self._look()
        return look

    async def _stands(self, look: DeviceSnapshot) -> bool:
        return look.coming and (not look.pending or await self._has_job())

    async def _has_job(self) -> bool:
        """Whether something will apply what is pending. Where the BMC shows no queue, what is pending has to do as a proof."""
        return not await self._dell.jobs_path() or bool(await self._dell.jobs())

    async def _take_back(self, method: str, path: str, body: dict[str, object] | None) -> DeviceSnapshot:
        """One way to do it, and what a fresh look then shows."""
        while True:
            refusal = await self._changes.send(method, path, body)
            look = await self._look()
            for pause in _READ_BACK if refusal is None else ():
                if not look.pending or self._clock.now() + pause > self._deadline:
                    break
                await self._clock.sleep(pause)
                look = await self._look()
            if refusal is None or not look.pending or not await self._changes.should_retry(refusal):
                return look

    async def _foreign(self, look: DeviceSnapshot, refusal: ErrorResponse) -> StageFailure:
        jobs: list[Job] = await self._dell.jobs()
        named = f" by {_listed([job.id for job in jobs])}" if jobs else ""
        pending = _listed(sorted(look.settings.pending)) or "the BMC does not report which"
        return StageFailure(
            Cause.REFUSED,
            f"other BIOS settings wait for a reset{named} ({pending}): let that job run, or delete it if it is not wanted. "
            f"{refusal.text}",
            retryable=False,
        )


def _body(look: DeviceSnapshot) -> dict[str, object]:
    return {"Attributes": look.wanted, "@Redfish.SettingsApplyTime": {"ApplyTime": "OnReset"}}


def _stays(look: DeviceSnapshot, why: str) -> StageFailure:
    return StageFailure(Cause.REFUSED, f"the next boot stays set to {look.name}: {why}", retryable=False)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + (", ..." if len(names) > _MOST_NAMED else "")
