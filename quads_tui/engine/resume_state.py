"""What a journal tells to the process that goes on with its rollout."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from quads_tui.rollout.events import (
    FOREMAN_ACTS,
    BmcSession,
    Event,
    HookRan,
    HostChanged,
    Intent,
    Ordered,
    Outcome,
    Remembered,
    RepairChanged,
    StageChanged,
)
from quads_tui.rollout.moments import Moment
from quads_tui.rollout.plan import Plan
from quads_tui.rollout.repairs import BMC_RESET, RepairStatus
from quads_tui.rollout.stages import Stage, StageStatus

from .memory import HostMemory
from .quads_outbox import Outbox


@dataclass(slots=True)
class Recall:
    """`cut_off`: attempts begun and not ended (stage, number, real time). `unsettled`: writes to Foreman without an outcome.
    `resets`: when each host's last power act was. `pending`: skips and holds that had not taken effect.
    """

    memories: dict[str, HostMemory]
    outbox: Outbox  # what QUADS is still to be told
    cut_off: dict[str, tuple[Stage, int, float]] = field(default_factory=dict)
    unsettled: dict[str, Intent] = field(default_factory=dict)
    resets: dict[str, Moment] = field(default_factory=dict)
    pending: dict[str, Ordered] = field(default_factory=dict)
    repairs: dict[str, RepairChanged] = field(default_factory=dict)  # begun and not ended, by host
    bmc_resets: dict[str, Intent] = field(default_factory=dict)  # resets of a BMC itself without an outcome, by host
    sessions: dict[str, dict[str, None]] = field(default_factory=dict)  # by host: paths of those that were not deleted
    logins: dict[str, float] = field(default_factory=dict)  # by host: wall time of a login whose end is not recorded
    last_number: int = 0
    cloud_hooks: set[tuple[str, str]] = field(default_factory=set)  # (hook, cloud) that need not run again

    @property
    def open_intents(self) -> list[Intent]:
        """Those whose outcome this process is still to tell."""
        return [*self.unsettled.values(), *self.bmc_resets.values()]

    def apply(self, event: Event) -> None:
        """One event, in the journal's order."""
        self.outbox.apply(event)
        match event:
            case StageChanged():
                memory = self.memories.get(event.host)
                if memory is not None:
                    self._apply_stage(event, memory)
            case Remembered():
                memory = self.memories.get(event.host)
                if memory is not None:
                    memory.recall(event.facts)
            case Intent():
                self.last_number = max(self.last_number, event.number)
                if event.act in FOREMAN_ACTS:
                    self.unsettled[event.host] = event
                elif event.act == "reset":
                    self.resets[event.host] = event.moment
                elif event.act == BMC_RESET:
                    self.bmc_resets[event.host] = event
            case Outcome():
                reset = self.bmc_resets.get(event.host)
                if reset is not None and reset.number == event.number:
                    del self.bmc_resets[event.host]
                intent = self.unsettled.get(event.host)
                if intent is not None and intent.number == event.number:
                    del self.unsettled[event.host]
            case RepairChanged():
                if event.status is RepairStatus.STARTED:
                    self.repairs[event.host] = event
                else:
                    self.repairs.pop(event.host, None)
            case BmcSession(host=host, uri=uri):
                self.logins.pop(host, None)
                if not uri and event.is_open:
                    self.logins[host] = event.at
                elif event.is_open:
                    self.sessions.setdefault(host, {})[uri] = None
                else:
                    self.sessions.get(host, {}).pop(uri, None)
            case HookRan():
                if event.cloud and event.ok:
                    self.cloud_hooks.add((event.hook, event.cloud))
            case Ordered():
                if event.order:
                    self.pending[event.host] = event
                else:
                    self.pending.pop(event.host, None)
            case HostChanged() if event.status.is_final:
                self.pending.pop(event.host, None)
            case _:
                pass

    def _apply_stage(self, event: StageChanged, memory: HostMemory) -> None:
        memory.attempts[event.stage] = event.attempt
        if event.status is StageStatus.STARTED:
            memory.start = event.stage
            self.cut_off[event.host] = (event.stage, event.attempt, event.at)
        else:
            self.cut_off.pop(event.host, None)


def recall(plan: Plan, events: Iterable[Event]) -> Recall:
    """From a rollout's first event on."""
    recalled = Recall({host.name: HostMemory(plan.goal(host).kind.stages[0]) for host in plan.hosts}, Outbox(plan))
    for event in events:
        recalled.apply(event)
    return recalled
