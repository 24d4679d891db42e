"""What BMCs tell of their machines when an operator asks. A flow waits for it only where both would be at one BMC."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from quads_tui.rollout.bmc_report import BmcReport
from quads_tui.rollout.causes import StageFailure
from quads_tui.rollout.events import BmcReported
from quads_tui.rollout.ports import REFUSALS
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.time_words import limit_words

from .gate import RolloutGate
from .host_tasks import HostTasks, internal_error
from .memory import HostMemory
from .ports import Ports
from .side_effects import HostSideEffects

_LONGEST = 60.0  # real seconds that a BMC gets for all of it
_AT_ONCE = 5  # BMCs that are asked at the same time


class _Reading(HostSideEffects):
    """Of a client that only reads: what it meets changes neither the host's NOTE nor what is known of its rack."""

    def heard(self, why: str = "") -> None:
        pass

    def note(self, text: str, waits: bool = False) -> None:
        pass


@dataclass(slots=True, kw_only=True)
class BmcReports:
    """Of failed, held and skipped hosts, and of hosts that install: at their BMCs nobody is at work."""

    rollout: Rollout
    ports: Ports
    gate: RolloutGate
    hosts: HostTasks
    memories: Mapping[str, HostMemory]
    _asking: dict[str, asyncio.Task[None]] = field(init=False, default_factory=dict)

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """One for each BMC that is being asked."""
        return list(self._asking.values())

    def ask(self, name: str) -> bool:
        """Begin to ask. False: its flow is at the BMC, or may be; it is asked already; or too many others are."""
        host = self.rollout.hosts.get(name)
        if host is None or self.gate.stopping or name in self._asking or len(self._asking) >= _AT_ONCE:
            return False
        installing = host.status is HostStatus.RUNNING and host.stage is Stage.INSTALL  # its flow has closed its session
        memory = self.memories[name]
        pending = memory.ending is not None and not memory.ending.done()
        if pending or not (installing or (host.status.is_final and name not in self.hosts)):
            return False
        # A retry, a disarm, a skip or a hold waits for it: one session at a BMC.
        memory.ending = self._asking[name] = asyncio.create_task(self._ask(name))
        return True

    async def _ask(self, name: str) -> None:
        ports, memory = self.ports, self.memories[name]
        client = ports.bmc(self.hosts.plans[name], _Reading(name, ports))
        try:
            self.gate.reach(name)
            if memory.identity is not None:
                client.pin(memory.identity)
            async with asyncio.timeout(_LONGEST):
                report = await client.report()
        except TimeoutError:
            report = BmcReport(error=f"no whole answer within {limit_words(_LONGEST * self.ports.clock.speed)}")
        except (StageFailure, *REFUSALS) as no:
            report = BmcReport(error=str(no) or "the rollout is stopping")
        except Exception as error:  # of ours: told, and nobody else's
            report = BmcReport(error=internal_error(error, f"the report of the BMC of {name}"))
        finally:
            await client.close()
            if memory.ending is self._asking.pop(name):
                memory.ending = None
        if not self.gate.stopping:
            ports.emit(BmcReported(ports.clock.wall(), name, report.facts()))
