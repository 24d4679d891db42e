"""The hosts that are being worked on: a task each, whose errors never end the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from quads_tui.rollout.causes import Cause, CredentialsRefused, ServiceGone
from quads_tui.rollout.events import HostChanged, HostNote
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.ports import JournalBroken, Stopping
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import Rollout

from .flow import provision
from .gate import RolloutGate
from .memory import HostMemory
from .ports import Ports

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class HostTasks:
    """`on_begin` is called when work on a host begins, `on_end` when it has ended, `on_safety` with what the whole rollout must
    be stopped for."""

    rollout: Rollout
    ports: Ports
    gate: RolloutGate
    memories: Mapping[str, HostMemory]
    on_begin: Callable[[], None]
    on_end: Callable[[], None]
    on_safety: Callable[[Exception], None]
    plans: dict[str, HostPlan] = field(init=False)
    _tasks: dict[str, asyncio.Task[None]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.plans = {host.name: host for host in self.rollout.plan.hosts}

    def __contains__(self, name: str) -> bool:
        return name in self._tasks

    def __iter__(self) -> Iterator[str]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """One for each host that is being worked on."""
        return list(self._tasks.values())

    def launch(self, name: str, delay: float = 0.0, why: str = "") -> None:
        """Take the host through its stages, after `delay` own seconds; `why` it waits, in words."""
        if delay >= 1.0:
            self.ports.emit(HostNote(self.ports.clock.wall(), name, f"starts in {delay:.0f} s: {why}", True))
        self.work_on(name, self.provision(name, delay))

    def work_on(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Nobody else may be working on this host: ask `in` first."""
        self.on_begin()
        self._tasks[name] = asyncio.create_task(self._guarded(name, work))

    async def provision(self, name: str, delay: float = 0.0) -> None:
        """The host's flow, for a coroutine that works on it already."""
        if delay:
            await self.ports.clock.sleep(delay)
        await provision(self.plans[name], self.ports, self.memories[name])

    async def _guarded(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Stopping:
            pass
        except (JournalBroken, CredentialsRefused, ServiceGone) as why:
            self.on_safety(why)
        except Exception as error:  # an error of ours outside its stages
            self._fault(name, internal_error(error, name))
        finally:
            if self._tasks.get(name) is asyncio.current_task():
                del self._tasks[name]
                self.gate.gone(name)
            self.on_end()

    def _fault(self, name: str, words: str) -> None:
        """Nobody works on the host any more: it has failed, and may be retried. A host that had ended stays as it was."""
        host = self.rollout.hosts[name]
        if host.status.is_final:
            self.ports.notice("error", f"{name}: {words}")
        else:
            now = self.ports.clock.wall()
            self.ports.emit(HostChanged(now, name, HostStatus.FAILED, host.stage, Cause.UNKNOWN, words, safety=host.safety))


def internal_error(error: Exception, of: str) -> str:
    """To the log with its traceback; gives the words for the operator. `of`: what it happened in."""
    log.error("%s: %s", of, type(error).__name__, exc_info=error)
    return f"internal error: {type(error).__name__}"
