"""The one-time boot override: set, or taken back. The boot mode (UEFI or Legacy) is never changed.

Whatever a PATCH is answered, the read-back decides: some BMCs say 200 and do nothing, some say 400 and do it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quads_tui.rollout.causes import Cause, StageFailure

from .connection import Missing
from .errors import ErrorResponse
from .learned import Step
from .resources import Boot, System
from .settings_patch import Changes
from .system import Machine

_READ_BACK = (0.5, 1.0, 2.0, 4.0)  # own seconds between looks after a PATCH that was accepted
_MISSED = 2.0  # own seconds until a resource that is linked and not there is read again
_WHAT = "the boot override"
_MOST_TO_CLEAR = 24  # requests: there are more ways to take it back than to set it
_MISREAD = (0.5, 2.0)  # own seconds until a boot mode is read again that is no word for one
_BY_TASK = (6.0,) * 7  # and that long beyond it where a task was started (202)


@dataclass(frozen=True, slots=True)
class Override:
    """What a PATCH says of target and enabled; empty: it says nothing of it."""

    target: str
    enabled: str

    def members(self, boot: Boot) -> dict[str, str]:
        """As the BMC's own lists spell the values. The lists advise: a value that they lack is sent all the same."""
        target, enabled = _spelled(self.target, boot.targets), _spelled(self.enabled, boot.enableds)
        members = {"BootSourceOverrideTarget": target, "BootSourceOverrideEnabled": enabled}
        return {name: value for name, value in members.items() if value}

    def is_allowed(self, boot: Boot) -> bool:
        """As far as the BMC's lists say."""
        pairs = ((self.target, boot.targets), (self.enabled, boot.enableds))
        return all(not value or not listed or value.lower() in map(str.lower, listed) for value, listed in pairs)


_MODES = ("uefi", "legacy")
_LASTING = "Continuous"
_PXE = (Override("Pxe", "Once"), Override("Pxe", _LASTING))
_NO_PXE = (  # some know no Disabled, some no None; the boot of the disk is then what leads nowhere else
    Override("None", "Disabled"),
    Override("", "Disabled"),
    Override("None", ""),
    Override("None", "Once"),
    Override("Hdd", "Once"),
    Override("Hdd", _LASTING),
)


@dataclass(frozen=True, slots=True)
class BootSnapshot:
    """Both places at once: the system itself and, where it carries the override too, its settings resource."""

    system: System
    settings: Boot
    settings_etag: str

    @property
    def boots(self) -> tuple[Boot, ...]:
        """The override of each place that carries one, the system's own first."""
        return (self.system.boot, self.settings) if self.settings.present else (self.system.boot,)

    @property
    def pxe_once(self) -> bool:
        """Some place has PXE for the next boot alone."""
        return any(boot.pxe_once for boot in self.boots)

    @property
    def pxe_next(self) -> bool:
        """The next boot is a PXE boot, the one after it perhaps too."""
        return any(boot.pxe_once or boot.pxe_always for boot in self.boots)

    @property
    def certain(self) -> bool:
        """The machine itself says so. A settings resource may still hold what an earlier boot has used up."""
        return self.system.boot.pxe_once or (not self.system.boot.present and self.settings.pxe_once)

    @property
    def mode(self) -> str:
        """As the machine has it now; a settings resource tells what will be, and only where the machine itself does not say."""
        return self.system.boot.mode or self.settings.mode

    @property
    def mode_known(self) -> bool:
        """It is a word for a boot mode."""
        return self.mode.casefold() in _MODES

    def place(self, path: str) -> tuple[Boot, str]:
        """The override and the entity tag of one of the two."""
        return (self.system.boot, self.system.etag) if path == self.system.path else (self.settings, self.settings_etag)

    def __str__(self) -> str:
        return ", ".join(dict.fromkeys(str(boot) for boot in self.boots))


@dataclass(frozen=True, slots=True)
class PatchTarget:
    """Where a PATCH goes and how much it carries. Places differ per family; what is refused here may be right there."""

    path: str
    full: bool  # with the mode, as read


class BootChange:
    """One change of the override until a fresh read shows it, or `deadline` (own time) has passed."""

    def __init__(self, machine: Machine, deadline: float) -> None:
        self._machine = machine
        self._connection = machine.connection
        self._clock = machine.connection.clock
        self._deadline = deadline
        self._changes = Changes(machine.connection, _WHAT, deadline)
        self._patched: set[str] = set()
        self._missed: set[str] = set()  # settings resources that were not there
        self._mode = ""
        self.persistent = False  # the BMC made a lasting PXE boot of the one-time one

    async def look(self) -> BootSnapshot:
        """Fresh. Raises StageFailure."""
        system = await self._machine.look(self._deadline)
        bare = self._machine.bare_settings
        if not system.settings or system.settings == system.path or system.settings in bare - self._patched:
            return BootSnapshot(system, Boot(), "")
        try:
            boot, etag = await self._machine.boot_at(system.settings, self._deadline)
        except Missing:
            if system.settings in self._missed:
                return BootSnapshot(system, Boot(), "")
            # It is linked: it may be missing for a moment, and may hold a PXE boot all the same.
            self._missed.add(system.settings)
            await self._clock.sleep(_MISSED)
            return await self.look()
        (bare.discard if boot.present else bare.add)(system.settings)
        return BootSnapshot(system, boot, etag)

    async def set_pxe_once(self) -> str:
        """Give the note for the stage. Raises StageFailure and what SideEffects.intend raises."""
        look = await self.look()
        if look.certain:
            return "PXE is already set for the next boot"
        await self._change(
            look, Step.SET, _PXE, lambda now: now.pxe_once, "PXE for the next boot", otherwise=self._accept_lasting
        )
        return "this BMC has no one-time boot: PXE stays set until the install ends" if self.persistent else ""

    def _accept_lasting(self, look: BootSnapshot) -> bool:
        """Once was accepted and reads Continuous, every time: the service has nothing better. It is taken back afterwards."""
        self.persistent = self._changes.accepted and not look.pxe_once and look.pxe_next
        return self.persistent

    async def clear(self) -> str:
        """Take a PXE boot back, whoever set it; other overrides stay. As set_pxe_once."""
        look = await self.look()
        if not look.pxe_next:
            return "no PXE boot was set"
        self._changes = Changes(self._connection, _WHAT, self._deadline, most=_MOST_TO_CLEAR)
        await self._change(look, Step.CLEAR, _NO_PXE, lambda now: not now.pxe_next, "no override")
        return ""

    async def _change(
        self,
        look: BootSnapshot,
        step: Step,
        overrides: tuple[Override, ...],
        done: Callable[[BootSnapshot], bool],
        what: str,
        otherwise: Callable[[BootSnapshot], bool] = lambda look: False,
    ) -> None:
        """Raises StageFailure when no way leads to `done`, nor to `otherwise`, which is asked at the end."""
        look = await self._readable(look)
        self._mode = look.mode if look.mode_known else ""
        learned = self._connection.learned
        for way in learned.ordered(Step.OVERRIDE, self._ways(look)):
            if way.path in self._machine.bare_settings - self._patched:
                self._patched.add(way.path)
                look = await self.look()  # its entity tag
            for override in learned.ordered(step, _allowed_first(overrides, look.place(way.path)[0])):
                ignored = 0
                while ignored < 2:
                    refusal = await self._patch(look, way, override.members(look.place(way.path)[0]))
                    look = await self._read_back(done, patient=refusal is None)
                    look = await self._keep_mode(look, way, override)
                    if done(look) or (override.enabled == _LASTING and otherwise(look)):
                        self._changes.proved()
                        learned.worked(Step.OVERRIDE, way)
                        learned.worked(step, override)
                        return
                    if refusal is None:
                        ignored += 1
                    elif not await self._changes.should_retry(refusal):
                        break
        if otherwise(look):
            return
        reads = f"; the BMC shows {look}"
        if self._changes.last:
            raise StageFailure(Cause.REFUSED, f"{what} is refused: {self._changes.last}{reads}")
        raise StageFailure(Cause.TIMEOUT, f"{what} was accepted {self._changes.sent} times without effect{reads}")

    def _ways(self, look: BootSnapshot) -> list[PatchTarget]:
        """Per property: the settings resource where it carries the override itself, else the system; then the other one."""
        system = look.system
        places = [system.path]
        if system.settings and system.settings != system.path:
            places.insert(0 if look.settings.present else 1, system.settings)
        full = any(maker.fills_gaps for maker in self._connection.makers)
        ways = [PatchTarget(path, full) for path in places]
        return ways if full or not self._mode else ways + [PatchTarget(path, True) for path in places]

    async def _patch(self, look: BootSnapshot, way: PatchTarget, override: dict[str, str]) -> ErrorResponse | None:
        """As Changes.patch."""
        boot, etag = look.place(way.path)
        mode = boot.mode or (self._mode if way.path == look.system.path else "")  # as this very place has it
        if way.full and mode:
            override = {**override, "BootSourceOverrideMode": mode}

        async def afresh() -> str:
            return (await self.look()).place(way.path)[1]

        return await self._changes.patch(way.path, {"Boot": override}, etag, afresh)

    async def _read_back(self, done: Callable[[BootSnapshot], bool], *, patient: bool) -> BootSnapshot:
        look = await self.look()
        pauses = (*_READ_BACK, *_BY_TASK) if self._changes.by_task else _READ_BACK
        for pause in pauses if patient else ():
            if done(look) or self._clock.now() + pause > self._deadline:
                break
            await self._clock.sleep(pause)
            look = await self.look()
        return look

    async def _readable(self, look: BootSnapshot) -> BootSnapshot:
        """A newer one where the mode is no word that DSP0268 knows: it may have been garbled on its way."""
        for pause in _MISREAD:
            if not look.mode or look.mode_known:
                break
            await self._clock.sleep(pause)
            look = await self.look()
        return look

    async def _keep_mode(self, look: BootSnapshot, way: PatchTarget, override: Override) -> BootSnapshot:
        """A BMC that moved the mode along gets it told again as it was; one that keeps on is a failure, and a loud one."""
        before = self._mode
        if before and look.mode and not _same_mode(look.mode, before):
            look = await self._readable(look)
        if not before or not look.mode or _same_mode(look.mode, before):
            return look
        now = look.mode
        self._connection.acts.note(f"the BMC changed the boot mode from {before} to {now}: setting it back")
        boot, etag = look.place(way.path)
        await self._changes.send("PATCH", way.path, {"Boot": {**override.members(boot), "BootSourceOverrideMode": before}}, etag)
        look = await self._read_back(lambda look: _same_mode(look.mode, before), patient=True)
        if not _same_mode(look.mode, before):
            raise StageFailure(
                Cause.REFUSED,
                f"the BMC changed the boot mode from {before} to {look.mode} and refuses to restore it: set it by hand",
                retryable=False,
            )
        return look


def _allowed_first(overrides: tuple[Override, ...], boot: Boot) -> list[Override]:
    """A lasting override only where the BMC says that it has no other."""
    listed = {value.lower() for value in boot.enableds}
    lasting = "continuous" in listed and "once" not in listed
    kept = [one for one in overrides if one.enabled != _LASTING or lasting]
    return sorted(kept, key=lambda one: not one.is_allowed(boot))


def _same_mode(one: str, other: str) -> bool:
    """In any case: some BMCs write UEFI here and Uefi there."""
    return one.casefold() == other.casefold()


def _spelled(value: str, listed: tuple[str, ...]) -> str:
    return next((offered for offered in listed if offered.lower() == value.lower()), value)
