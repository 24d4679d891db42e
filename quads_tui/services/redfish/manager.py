"""The restart of the BMC itself: Manager.Reset of the resource that manages the system (DSP0266 7.9, DSP0268 Manager)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.counts import count
from quads_tui.rollout.ports import REFUSALS, NotSent
from quads_tui.rollout.repairs import BMC_RESET
from quads_tui.rollout.stages import ActResult
from quads_tui.rollout.text import clean
from quads_tui.services.responses import RequestFailed

from ..bmc_restart import power_after, restart_words, unproven, until_back
from .connection import Missing
from .deciding import ACTION_INFO
from .errors import error_response
from .failures import failure_from, failure_of
from .listing import listing
from .login import Busy
from .quirks import Meaning
from .resources import Document, beside, local_path, mapping, references, reset_values, same_path, strings, text
from .system import Machine

_KINDS = ("GracefulRestart", "ForceRestart")  # of ResetType, in this order; whatever else is offered is no restart
_MOST = 8  # managers that are read
_MANAGERS = "/redfish/v1/Managers"
_BMC = "BMC"  # ManagerType
_OTHERS = frozenset({"EnclosureManager", "RackManager", "AuxiliaryController", "Service"})  # of more than this system, or less


@dataclass(frozen=True, slots=True)
class _Manager:
    path: str
    document: Document

    @property
    def reset(self) -> Document:
        return mapping(mapping(self.document.get("Actions")).get("#Manager.Reset"))

    @property
    def systems(self) -> list[str]:
        return references(mapping(self.document.get("Links")).get("ManagerForServers"))


class ManagerRestart:
    """One restart of the BMC, sent once, until it answers again or `deadline` (own time) has passed."""

    def __init__(self, machine: Machine, deadline: float) -> None:
        self._machine = machine
        self._connection = machine.connection
        self._clock = machine.connection.clock
        self._deadline = deadline

    async def run(self) -> str:
        """What came of it, in words. Raises StageFailure and what SideEffects.intend raises."""
        before = (await self._machine.look(self._deadline)).power
        manager = await self._manager()
        target, kinds = await self._ways(manager)
        if (others := len(manager.systems) - 1) > 0:
            self._connection.acts.note(f"this BMC manages {count(others, 'other system')} too")
        await self._machine.look(self._deadline)  # the act goes to the peer of this look
        kind, lost = await self._send(target, kinds, before)
        self._connection.acts.note(f"waiting until the BMC answers again after {kind}", waits=True)
        back = await until_back(self._clock, self._deadline, self._answers)
        if back.away:
            self._connection.session.forget()
        elif lost:
            raise unproven(kind, lost)
        now = await power_after(self._clock, before, self._power)
        return restart_words(kind, back, before, now)

    async def _answers(self) -> bool:
        try:
            await self._connection.root(self._clock.now())
        except StageFailure:
            return False
        return True

    async def _power(self) -> str:
        return (await self._machine.look(self._deadline)).power

    # Which manager, and how

    async def _manager(self) -> _Manager:
        """The BMC of this system, by what both say of each other. Raises StageFailure where nobody can be chosen."""
        system = await self._machine.look(self._deadline)
        document, _ = await self._machine.read(system.path, self._deadline)
        paths = references(mapping(document.get("Links")).get("ManagedBy")) or await self._listed()
        paths = list(dict.fromkeys(paths))
        shown = [manager for path in paths[:_MOST] if (manager := await self._read(path)) is not None]
        found = [one for one in shown if text(one.document, "ManagerType") not in _OTHERS]
        rules: tuple[Callable[[_Manager], bool], ...] = (
            lambda one: any(same_path(path, system.path) for path in one.systems),
            lambda one: text(one.document, "ManagerType") == _BMC,
            lambda one: bool(one.reset),
        )
        for rule in rules:  # each counts where it tells some of them from the others
            found = [one for one in found if rule(one)] or found
        if not found:
            raise StageFailure(Cause.REFUSED, "the BMC lists no manager that could be restarted", retryable=False)
        if len(found) > 1:
            listed = ", ".join(clean(one.path, 80) for one in found)
            raise StageFailure(
                Cause.PROTOCOL, f"it is not clear which manager is the BMC of this system: {listed}", retryable=False
            )
        if len(shown) < len(paths) and not any(same_path(path, system.path) for path in found[0].systems):
            few = f"the BMC lists {len(paths)} managers and shows {len(shown)} of them"
            words = f"{few}: the one of this system may be among the rest"
            raise StageFailure(Cause.PROTOCOL, words, retryable=False)
        return found[0]

    async def _listed(self) -> list[str]:
        root = await self._connection.root(self._deadline)
        try:
            found = await listing(self._connection, local_path(root.get("Managers")) or _MANAGERS, self._deadline)
        except Missing:
            return []
        return [member.path for member in found.members if member.path]

    async def _read(self, path: str) -> _Manager | None:
        try:
            document, _ = await self._connection.read(path, self._deadline)
        except Missing:
            return None
        return _Manager(path, document)

    async def _ways(self, manager: _Manager) -> tuple[str, list[str]]:
        """Where the reset is sent to, and the ResetTypes that may be sent, the first one first."""
        reset = manager.reset
        target = local_path(reset.get("target"))
        if not target or beside(manager.path, target):
            words = f"the BMC offers no Reset action (Manager.Reset) at {clean(manager.path, 80)}"
            raise StageFailure(Cause.REFUSED, words, retryable=False)
        offered = strings(reset.get("ResetType@Redfish.AllowableValues"))
        if not offered and (info := local_path(reset.get("@Redfish.ActionInfo"))):
            try:
                document, _ = await self._connection.read(info, self._deadline, ACTION_INFO)
            except Missing:
                document = {}
            offered = reset_values(document)
        spelled = {value.lower(): value for value in offered}
        kinds = [spelled[kind.lower()] for kind in _KINDS if kind.lower() in spelled] if offered else list(_KINDS)
        if not kinds:
            words = f"the BMC offers no restart of itself, only {', '.join(offered[:6])}"
            raise StageFailure(Cause.REFUSED, words, retryable=False)
        return target, kinds

    # The act

    async def _send(self, target: str, kinds: list[str], power: str) -> tuple[str, str]:
        """The ResetType that was sent, and why its result is unknown (empty: it was accepted).

        The next one is sent only where the BMC does not know the one before it.
        """
        acts = self._connection.acts
        for number, kind in enumerate(kinds, 1):
            await acts.intend(BMC_RESET, {"type": kind, "power": power})
            try:
                answer = await self._connection.exchange("POST", target, {"ResetType": kind})
            except RequestFailed as error:
                acts.result(ActResult.UNKNOWN if error.sent else ActResult.ABSENT, {"error": error.reason})
                if not error.sent:
                    raise failure_from(error) from None
                return kind, error.reason  # a BMC that restarts at once breaks the connection
            except (Busy, StageFailure) as error:
                acts.result(ActResult.ABSENT, {"error": str(error)})
                raise failure_from(error) from None
            except NotSent as no:
                acts.result(ActResult.ABSENT, {"error": f"not sent: {no}"})
                raise StageFailure(Cause.BUSY, f"{kind} was not sent: {no}") from None
            except REFUSALS as no:
                acts.result(ActResult.ABSENT, {"error": f"not sent: {str(no) or 'the rollout is stopping'}"})
                raise
            except BaseException:
                acts.result(ActResult.UNKNOWN, {"error": "interrupted"})
                raise
            if answer.ok:
                acts.result(ActResult.ANSWERED, {"status": answer.status})
                return kind, ""
            refusal = error_response(answer)
            if refusal.status >= 500 and not refusal.busy:
                acts.result(ActResult.UNKNOWN, {"status": answer.status})
                return kind, refusal.text
            acts.result(ActResult.REFUSED, {"status": answer.status})
            if number == len(kinds) or not refusal.means(Meaning.UNKNOWN_VALUE):
                raise failure_of(refusal)
        raise AssertionError("there is always one to send")
