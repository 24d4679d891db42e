"""What keeps single hosts from a stage at the gate, beside pauses and places: outages, and the limits of the site."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from quads_tui.rollout.limits import OFF, Limits
from quads_tui.rollout.outages import subject
from quads_tui.rollout.ports import Clock
from quads_tui.rollout.stages import Kind, Stage
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.waits import for_an_install, for_its_rack


class GateHolds(Protocol):
    """What keeps single hosts from a stage, beside what the gate itself knows."""

    limits_installs: bool  # hosts may wait because others install

    def why(self, host: str, stage: Stage) -> str:
        """Why the host may not begin this stage now, in words; empty: it may."""
        ...

    def let(self, host: str, stage: Stage) -> None:
        """The host begins this stage now."""
        ...

    def wait(self, host: str) -> float:
        """Own seconds after which a host that waits to be powered on may be let in; 0: now, or nobody knows."""
        ...


class NoHolds:
    """Nothing does."""

    limits_installs = False

    def why(self, host: str, stage: Stage) -> str:
        return ""

    def let(self, host: str, stage: Stage) -> None:
        pass

    def wait(self, host: str) -> float:
        return 0.0


class Holds:
    """Implements GateHolds for a rollout and the limits of its site.

    `limits.installing` counts hosts from their place on, so that none stands dark because others install.

    An interval of `limits.power_on_interval` is not remembered over a resume: that takes longer than it.
    """

    def __init__(self, rollout: Rollout, limits: Limits, clock: Clock) -> None:
        self._rollout = rollout
        self._most = limits.installing
        self.limits_installs = limits.installing != OFF
        self._ramp = limits.power_on_per_rack
        self._interval = limits.power_on_interval
        self._clock = clock
        self._racks = {host.name: host.rack or host.name for host in rollout.plan.hosts}
        self._powered_on: dict[str, deque[float]] = {}  # by rack: own times, as many as may be in one interval

    def why(self, host: str, stage: Stage) -> str:
        """Why the host may not begin this stage now, in words; empty: it may."""
        kind = self._rollout.hosts[host].kind
        if (outage := self._rollout.outages.of(host, kind, stage)) is not None:
            return f"waiting: {subject(outage.service, outage.hosts)}"
        if self.limits_installs and stage is Stage.POWER_OFF and kind is Kind.BUILD and self._waits_for_an_install(host):
            return for_an_install(self._most)
        if stage is Stage.POWER_ON and self._wait(self._racks[host]) > 0:
            return for_its_rack(self._racks[host], self._ramp, self._interval)
        return ""

    def let(self, host: str, stage: Stage) -> None:
        """The host begins this stage now."""
        if stage is Stage.POWER_ON and self._ramp != OFF:
            self._powered_on.setdefault(self._racks[host], deque(maxlen=self._ramp)).append(self._clock.now())

    def wait(self, host: str) -> float:
        """Own seconds until the host's rack may take more power; 0: now."""
        return self._wait(self._racks[host])

    def _wait(self, rack: str) -> float:
        taken = self._powered_on.get(rack)
        if taken is None or len(taken) < self._ramp:
            return 0.0
        return max(0.0, taken[0] + self._interval - self._clock.now())

    def _waits_for_an_install(self, host: str) -> bool:
        """As many others as may be install, or will without waiting any more. One that is among them itself, since an earlier
        process too, never waits for the others: with a lower limit than that process had all would wait for each other."""
        to_install, placed = self._rollout.to_install, self._rollout.powered_off_waiting
        if host in to_install or host in placed:
            return False
        return len(to_install) + sum(name not in to_install for name in placed) >= self._most
