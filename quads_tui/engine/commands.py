"""The operator's commands: carried out one after another, each audited with what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.commands import (
    AskBmc,
    Command,
    Comment,
    Disarm,
    GiveBack,
    Hold,
    Pause,
    PowerCycle,
    RecordRowCommand,
    Release,
    RestartBmc,
    Retry,
    Skip,
    Stop,
    Unskip,
    WriteNext,
)
from quads_tui.rollout.comments import LENGTH
from quads_tui.rollout.events import HostChanged, HostCommented, HostNote, Ordered, Paused, WriteOrdered
from quads_tui.rollout.ports import RETRYABLE, Held, Skipped
from quads_tui.rollout.repair_rules import why_not_again
from quads_tui.rollout.repairs import Repair
from quads_tui.rollout.stages import HostStatus, Kind
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.text import clean
from quads_tui.rollout.waits import paused_subject

from .bmc_reports import BmcReports
from .breakers import Breakers
from .canary import CanaryWatch
from .flow import disarm
from .gate import RolloutGate
from .host_order import HostOrder
from .host_tasks import HostTasks
from .memory import HostMemory
from .ports import Ports, RolloutLane
from .repairs import Repairs
from .side_effects import HostSideEffects

_TEXT = 500  # characters of what is recorded of a row command
_RETRY_SPREAD = 0.05  # own seconds between the starts of hosts that are retried together


@dataclass(slots=True, kw_only=True)
class Commands:
    """`who`: the user@machine of the last command, for the audit. `stop` ends the rollout, for the reason that it is given."""

    rollout: Rollout
    ports: Ports
    lane: RolloutLane
    gate: RolloutGate
    order: HostOrder
    breakers: Breakers
    canaries: CanaryWatch
    tasks: HostTasks
    reports: BmcReports
    repairs: Repairs
    memories: Mapping[str, HostMemory]
    who: str
    stop: Callable[[str], None]

    def carry_out(self, command: Command, who: str) -> str:
        """Gives what came of it, in words. Hosts that it does not fit are counted there, and left as they are."""
        self.who = who
        match command:
            case Comment(hosts, text):
                return self._comment(hosts, clean(text, LENGTH))
            case Pause(what, paused):
                return self._pause(what, paused)
            case Stop():
                self.stop("operator")
                return "stop: nothing new is started; quads-tui waits for the answers to the requests already sent"
            case Retry(hosts, from_start, accepts):
                done = [name for name in hosts if self._retry(name, from_start, accepts)]
                return _tally("retry from the start" if from_start else "retry", done, hosts)
            case Unskip(hosts):
                done = [name for name in hosts if self._status(name) is HostStatus.SKIPPED and self._retry(name, False, False)]
                return _tally("unskip", done, hosts)
            case Release(hosts):
                done = [name for name in hosts if self._status(name) is HostStatus.HELD and self._retry(name, False, True)]
                return _tally("release", done, hosts)
            case Skip(hosts, reason):
                done = [name for name in hosts if self._exclude(name, Skipped, reason or "skipped by the operator")]
                return _tally("skip", done, hosts)
            case Hold(hosts, reason):
                done = [name for name in hosts if self._exclude(name, Held, reason or "held by the operator")]
                return _tally("hold", done, hosts)
            case WriteNext(hosts):
                done = [name for name in hosts if self._write_next(name)]
                self.gate.order_changed()
                return _tally("write next", done, hosts)
            case Disarm(hosts):
                safe = [name for name in hosts if self._stands_safe(name)]
                done = [name for name in hosts if name not in safe and self._disarm(name)]
                return _tally("disarm", done, hosts, safe)
            case AskBmc(hosts):
                done = [name for name in hosts if self.reports.ask(name)]
                return _tally("ask the BMC", done, hosts)
            case RestartBmc(hosts):
                return self.repairs.begin(Repair.BMC_RESTART, hosts, who)
            case PowerCycle(hosts):
                return self.repairs.begin(Repair.POWER_CYCLE, hosts, who)
            case GiveBack(hosts):
                return self.repairs.begin(Repair.GIVE_BACK, hosts, who)
            case RecordRowCommand(hosts, text):
                return self._record(hosts, clean(text, _TEXT))
        assert_never(command)

    def _comment(self, hosts: tuple[str, ...], text: str) -> str:
        known = [name for name in dict.fromkeys(hosts) if name in self.rollout.hosts] if text else []
        for name in known:
            self.ports.emit(HostCommented(self.ports.clock.wall(), name, self.who, text))
        return f"{_tally('comment', known, hosts)}: {text}" if known else "comment: nothing was written, or no such host"

    def _kind(self, name: str) -> Kind:
        return self.rollout.plan.goal(self.tasks.plans[name]).kind

    def _status(self, name: str) -> HostStatus | None:
        host = self.rollout.hosts.get(name)
        return host.status if host else None

    def _pause(self, what: str, paused: bool) -> str:
        if what == "writes":
            self.lane.pause(paused)
            self.ports.emit(Paused(self.ports.clock.wall(), what, paused, self.who, "by the operator" if paused else ""))
        elif not any([self.breakers.pause(what, paused, self.who), self.canaries.pause(what, paused, self.who)]):
            return f"{what}: unknown; only new hosts (of all or of one model) and writes can be paused"
        return f"{paused_subject(what)} {'paused' if paused else 'resumed'}"

    def _retry(self, name: str, from_start: bool, accepts: bool) -> bool:
        """`accepts`: a host that is held because of its machine may act on that machine from now on."""
        if self._status(name) not in RETRYABLE or name in self.tasks or self.gate.stopping:
            return False
        if not from_start and why_not_again(self.rollout.hosts[name]):
            return False
        memory = self.memories[name]
        if accepts and memory.asked is not None and self._status(name) is HostStatus.HELD:
            memory.accepted = memory.asked
        memory.asked = None
        memory.rewind(from_start, self._kind(name))
        self.gate.readmit(name)
        if memory.attempts:
            self.gate.mark_begun(name)  # no new host: the operator asks for this one
        self.ports.remember(name, memory)
        self._allow_login(name)
        self.ports.emit(HostChanged(self.ports.clock.wall(), name, HostStatus.QUEUED, memory.start, None, "retry requested"))
        self.tasks.launch(name, _RETRY_SPREAD * len(self.tasks), "retried hosts start one after another")
        return True

    def _allow_login(self, name: str) -> None:
        """The operator asks for this host, so a password that its BMC refused is sent again."""
        self.ports.bmc(self.tasks.plans[name], HostSideEffects(name, self.ports)).allow_login()

    def _exclude(self, name: str, kind: type[Skipped] | type[Held], reason: str) -> bool:
        status = self._status(name)
        if status is None or status is HostStatus.DONE or self.gate.stopping:
            return False
        if self.rollout.hosts[name].repair is not None:
            return False  # it ends by itself
        self.ports.emit(Ordered(self.ports.clock.wall(), name, "skip" if kind is Skipped else "hold", reason))
        self.gate.exclude(name, kind, reason)
        self.lane.withdraw(name, kind(reason))
        if name not in self.tasks:  # it had ended: let its flow leave properly, disarming what is armed
            self.tasks.launch(name)
        return True

    def _write_next(self, name: str) -> bool:
        status = self._status(name)
        if status is None or status.is_final or name in self.rollout.durations.written or self._kind(name) is Kind.SPARE:
            return False
        self.ports.emit(WriteOrdered(self.ports.clock.wall(), name))
        self.order.name_next(name)
        return True

    def _stands_safe(self, name: str) -> bool:
        """Nothing of this rollout is left on its machine or in Foreman that a disarm could take back, and that is certain."""
        if self._status(name) not in RETRYABLE or name in self.tasks:
            return False
        memory = self.memories[name]
        unsure = memory.unread or memory.settling is not None
        return not (self.rollout.hosts[name].armed or memory.stands or unsure)

    def _disarm(self, name: str) -> bool:
        if self._status(name) not in RETRYABLE or name in self.tasks or self.gate.stopping:
            return False
        self._allow_login(name)
        self.tasks.work_on(name, self._make_safe(name))
        return True

    def _record(self, hosts: tuple[str, ...], text: str) -> str:
        for name in dict.fromkeys(hosts):
            if name in self.rollout.hosts:
                self.ports.emit(HostNote(self.ports.clock.wall(), name, text))
        return text

    async def _make_safe(self, name: str) -> None:
        memory = self.memories[name]
        trouble = await disarm(self.tasks.plans[name], self.ports, memory)
        if trouble:
            self.ports.notice("warning", f"{name} could not be disarmed completely: {trouble}")
        else:
            memory.failed = (self._kind(name).stages[0], Cause.UNKNOWN)  # a retry begins anew
            self.ports.remember(name, memory)
        if self.gate.is_excluded(name):  # a skip or a hold came meanwhile: it leaves as such
            await self.tasks.provision(name)


def _tally(act: str, done: list[str], asked: tuple[str, ...], safe: Sequence[str] = ()) -> str:
    """`safe`: hosts that were not armed."""
    words = f"{act}: {_some(done) or 'no host'}"
    words += f"; not armed, nothing done: {_some(safe)}" if safe else ""
    left = len(asked) - len(done) - len(safe)
    return words + (f"; not possible for {left} in their state" if left else "")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
