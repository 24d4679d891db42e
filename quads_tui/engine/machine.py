"""The machine of one host: identified before the first act, claimed, and every client of its BMC pinned to it."""

from __future__ import annotations

from quads_tui.rollout.causes import Cause, StageFailure, Unidentified
from quads_tui.rollout.events import Identified
from quads_tui.rollout.identity import Comparison, Identity, compared, mac_of, same_after_move
from quads_tui.rollout.plan import CHECK_MACS_OFF, HostPlan
from quads_tui.rollout.ports import Held

from .memory import HostMemory
from .ports import BmcPort, Ports
from .side_effects import HostSideEffects

_PATIENCE = 60.0  # own seconds for a BMC to tell which machine it is, where no stage's deadline holds


class Asked(Held):
    """Nobody but a human can say whether `machine` (None: it does not answer now) may be acted on. A release accepts it."""

    def __init__(self, words: str, machine: Identity | None) -> None:
        super().__init__(words)
        self.machine = machine


class HostMachine:
    """The only way to a host's BMC: what is read to decide and what is acted on is the machine that was identified.

    Every call raises StageFailure, and Asked.
    """

    def __init__(self, plan: HostPlan, ports: Ports, memory: HostMemory, *, disarming: bool = False) -> None:
        """`disarming`: as HostSideEffects has it."""
        self._plan = plan
        self._ports = ports
        self._memory = memory
        self._acts = HostSideEffects(plan.name, ports, disarming=disarming)
        self._client = ports.bmc(plan, self._acts)
        self._identity: Identity | None = None  # of now: each retry and each process identifies anew
        self._pinned = False  # the client is

    async def close(self) -> None:
        await self._client.close()

    async def bmc(self, deadline: float | None = None) -> BmcPort:
        """Pinned. `deadline` is for telling which machine it is; by default a minute from now."""
        if not self._pinned:
            await self._identify(self._ports.clock.deadline(_PATIENCE) if deadline is None else deadline)
        return self._client

    async def look(self, deadline: float | None = None) -> None:
        """A fresh look. Without a deadline what does not answer at once is a failure."""
        if self._pinned:
            await self._client.observe(deadline)
        else:
            await self._identify(deadline)

    async def clear_override(self, deadline: float) -> None:
        """An act that makes the machine safe, so it is let through for skipped and held hosts too."""
        await self._client.close()  # one session a BMC
        ours = self._client, self._pinned
        self._client, self._pinned = (
            self._ports.bmc(self._plan, HostSideEffects(self._plan.name, self._ports, disarming=True)),
            False,
        )
        try:
            await (await self.bmc(deadline)).clear_override(deadline)
        finally:
            await self._client.close()
            self._client, self._pinned = ours

    async def asked(self, unknown: Unidentified) -> Asked:
        """The question that follows from it: is what answers now the machine?"""
        await self._client.close()
        client = self._ports.bmc(self._plan, self._acts)
        machine = None
        try:
            machine = await client.identify(self._wanted(), self._ports.clock.deadline(_PATIENCE))
        except StageFailure:
            pass
        finally:
            await client.close()
        return Asked(f"{unknown.reason}. {_IF_THE_SAME}", machine)

    async def _identify(self, deadline: float | None) -> None:
        self._ports.gate.reach(self._plan.name)
        if self._identity is None:
            # A protected machine may be told by any of its MACs, not only by the one at which the reading would stop.
            whole = any(theirs.macs for theirs in self._ports.protected_machines.values())
            now = await self._client.identify(self._wanted(), deadline, whole)
            machine = self._recognised(now)
            unverified = await self._unverified(machine)
            if unverified and not self._accepted(machine):
                why = f"not verified: {unverified}. The BMC reports {machine}. If this is the machine of the host, release"
                unless = (
                    "the host or add it to redfish.unverified in the site file; if not, skip the host and correct its BMC address"
                )
                raise Asked(f"{why} {unless}", machine)
            self._claim(machine, now)
            self._memory.identity = self._identity = machine
            if not self._let(machine):
                self._memory.accepted = None  # it was said of another one
            self._ports.remember(self._plan.name, self._memory)
            self._ports.emit(Identified(self._ports.clock.wall(), self._plan.name, str(machine), unverified))
        self._client.pin(self._identity)
        self._pinned = True

    def _wanted(self) -> frozenset[str]:
        """The MAC by which Foreman knows the host, where it is to be compared."""
        return frozenset({mac_of(self._plan.mac)} - {""}) if self._plan.compared else frozenset()

    def _recognised(self, now: Identity) -> Identity:
        """With what is known of it, by an earlier process, an earlier attempt or the plan that was confirmed."""
        known = self._memory.identity or self._plan.identity
        if known is None or not known.tells_a_machine:
            return now
        both = f"its BMC now reports {now}; earlier it reported {known}"
        if why := now.differs(known):
            remedy = "If the hardware was replaced, start a new rollout for this host; else correct its BMC address"
            words = f"another machine: {both} ({why}). {remedy}"
            raise StageFailure(Cause.WRONG_BMC, words, retryable=False)
        if not now.peer or (now.peer, now.system) != (known.peer, known.system):
            same = same_after_move(now, known)
            if not same and not self._let(now):
                raise Asked(f"it is not known whether this is still the same machine: {both}. {_IF_THE_SAME}", now)
            why = f"recognised by the same {' and '.join(same)}" if same else "accepted by an operator"
            self._acts.note(
                f"its machine now answers as {now.system} at {now.peer}, earlier as {known.system} at {known.peer}: {why}"
            )
        return now.with_known(known)

    async def _unverified(self, machine: Identity) -> str:
        """Why nobody can tell whether it is Foreman's host; empty: it is. Raises StageFailure for another machine."""
        if not self._plan.compared:
            return CHECK_MACS_OFF
        wanted = self._wanted()
        result, why = compared(machine, wanted)
        if result is not Comparison.SAME and machine.macs:
            # The primary interface may be a bond with a MAC of its own; what counts is the one that provisions.
            try:
                provisioning = await self._ports.foreman.provisioning_macs(self._plan.name)
            except StageFailure:
                if result is Comparison.OTHER or not self._accepted(machine):
                    raise
                return why
            result, why = compared(machine, provisioning or wanted)
        if result is Comparison.OTHER:
            raise StageFailure(Cause.WRONG_BMC, f"{why}. The BMC reports {machine}", retryable=False)
        return why

    def _accepted(self, machine: Identity) -> bool:
        return self._plan.accepted or self._let(machine)

    def _let(self, machine: Identity) -> bool:
        """A human released the host when it was held because of this very machine."""
        let = self._memory.accepted
        if let is None or machine.differs(let):
            return False
        return machine.place == let.place != ("", "") or bool(same_after_move(machine, let))

    def _claim(self, machine: Identity, now: Identity) -> None:
        """No other host's, and none that is protected, by what is known of it and by what it tells now."""
        ports, host = self._ports, self._plan.name
        for name, theirs in ports.protected_machines.items():
            if (machine.bmc and machine.bmc == theirs.bmc) or machine.agreeing(theirs) or now.agreeing(theirs):
                what = f"this BMC reports {machine}; the protected host is {theirs}"
                words = f"the BMC address of {host} leads to the protected host {name}: {what}"
                raise StageFailure(Cause.WRONG_BMC, words, retryable=False)
        if other := ports.machines.claim(ports.rollout, host, machine):
            remedy = "Correct the BMC address that is wrong, and start a new rollout for that host"
            words = f"{host} is the same machine as {other}. {remedy}"
            raise StageFailure(Cause.WRONG_BMC, words, retryable=False)


_IF_THE_SAME = "If it is the same machine, release the host; if not, skip the host and correct its BMC address"
