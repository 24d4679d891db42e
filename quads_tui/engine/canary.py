"""What the canaries of a rollout make of its events: who is tried next, when one is overdue, and when the operator is asked.

Where they stand is derived in rollout/canary.py. The gate asks there before a host begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from quads_tui.rollout.canary import TRIES, CanaryGroup, CanaryNews, CanaryStep, type_words
from quads_tui.rollout.counts import count
from quads_tui.rollout.events import CanaryOverdue, Event, Notice, Paused, StageChanged
from quads_tui.rollout.ports import Clock
from quads_tui.rollout.refusals import ADMISSION, SAFETY
from quads_tui.rollout.stages import Stage, StageStatus
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.waits import CANARY, for_the_pause

from .gate import RolloutGate
from .host_order import HostOrder

_FIRST = 1e5  # own seconds, more than any host takes: a canary goes before hosts of types that are known
_SAME_RACK = _FIRST / 2  # what failed may be the rack's: the next one is of another rack, where there is one
_WORDS = 160  # characters of a reason


class CanaryWatch:
    """Hears every event after the rollout has taken it in. `emit` and `help_with` are the engine's."""

    def __init__(
        self,
        rollout: Rollout,
        gate: RolloutGate,
        order: HostOrder,
        *,
        clock: Clock,
        emit: Callable[[Event], None],
        help_with: Callable[[str, Callable[[], Awaitable[None]]], asyncio.Task[None]],
    ) -> None:
        self._rollout = rollout
        self._gate = gate
        self._order = order
        self._clock = clock
        self._emit = emit
        self._help_with = help_with

    def resume(self) -> None:
        """What the other process did not come to. A pause that keeps no host any more is over: its hosts may be of another type
        since their BMCs were looked at again."""
        groups = self._rollout.canaries.groups
        held = {group.pause for group in groups if group.is_held}
        for what in [what for what in self._rollout.paused if what.startswith(CANARY) and what not in held]:
            self._emit(Paused(self._clock.wall(), what, False, SAFETY, ""))
        for group in groups:
            self._settle(group)

    def on_event(self, event: Event, news: CanaryNews | None) -> None:
        """`news`: what the rollout's canaries made of this event."""
        if isinstance(event, StageChanged) and event.stage is Stage.INSTALL and event.status is StageStatus.STARTED:
            self._watch(event.host)
        if news is not None:
            self._notice(news)
            self._settle(news.group)
            self._order.stale()

    def pause(self, what: str, paused: bool, who: str) -> bool:
        """An operator lets another host of a held type begin; of all of them where all new hosts are resumed. False: no such
        pause, or one that an operator cannot make."""
        held = [group for group in self._rollout.canaries.groups if group.pause in self._rollout.paused]
        found = [] if paused else [group for group in held if what in (ADMISSION, group.pause)]
        for group in found:
            self._emit(Paused(self._clock.wall(), group.pause, False, who, ""))
            self._settle(group)
        if found:
            self._gate.canary_changed()
        return bool(found)

    def _settle(self, group: CanaryGroup) -> None:
        """The pause of a type is in force where too many of its canaries failed, and not where enough are built."""
        paused = group.pause in self._rollout.paused
        if group.is_held and not paused:
            reasons = "; ".join(f"{host}: {why[:_WORDS]}" for host, why in group.failed.items() if host not in group.accepted)
            why = (
                f"{TRIES} canaries of this type failed or are overdue ({reasons}). If you resume: another host of "
                f"this type begins, and new hosts are paused again when {TRIES} more fail; {_others(group)} until one is built. "
                "If you do not resume: new hosts of this type do not begin; hosts under way continue"
            )
            self._emit(Paused(self._clock.wall(), group.pause, True, SAFETY, why))
            self._say("error", for_the_pause(group.pause, why))
        elif group.is_open and paused:
            self._emit(Paused(self._clock.wall(), group.pause, False, SAFETY, ""))

    def _notice(self, news: CanaryNews) -> None:
        group, host = news.group, news.host
        words = type_words(group.type)
        match news.step:
            case CanaryStep.BEGUN:
                self._say("info", f"{host} is to be built as the first {group.first}: {_others(group)}")
            case CanaryStep.BUILT if group.is_open:
                self._say("info", f"{host} is built: {count(len(group.waiting), 'other host')} of {words} can begin")
            case CanaryStep.FAILED | CanaryStep.OVERDUE:
                what = "failed" if news.step is CanaryStep.FAILED else "is overdue"
                self._say("warning", f"{host}, the first {group.first}, {what}: {group.failed[host][:_WORDS]}; {_others(group)}")
            case _:
                pass

    def _say(self, level: str, text: str) -> None:
        self._emit(Notice(self._clock.wall(), level, text))

    def _watch(self, host: str) -> None:
        """Its install begins, or goes on after another process."""
        durations, group = self._rollout.durations, self._rollout.canaries[host]
        after = durations.expected.overdue_after.get(host)
        if group is None or host not in group.live or after is None:
            return
        age = (self._clock.wall() - durations.installing[host]) * self._clock.speed
        self._help_with(f"while watching the install of {host}", partial(self._until_overdue, host, max(0.0, after - age), after))

    async def _until_overdue(self, host: str, seconds: float, after: float) -> None:
        await self._clock.sleep(seconds)
        group = self._rollout.canaries[host]
        if group is not None and host in group.live and self._rollout.hosts[host].stage is Stage.INSTALL:
            words = f"not built after {after / 60:.0f} min, longer than hosts of its type take"
            self._emit(CanaryOverdue(self._clock.wall(), host, words))
            self._gate.canary_changed()


def _others(group: CanaryGroup) -> str:
    count = len(group.waiting)
    return "1 other host of this type waits" if count == 1 else f"{count} other hosts of this type wait"


def expected_time(rollout: Rollout) -> Callable[[str], float | None]:
    """What the order goes by, in own seconds: the time that a host is expected to take after its write. Canaries come before
    all others, the quickest of each type first, since all others of its type wait for it."""
    racks = {host.name: host.rack or host.name for host in rollout.plan.hosts}

    def expected(host: str) -> float | None:
        tail, group = rollout.durations.tail(host), rollout.canaries[host]
        if group is None:
            return tail
        again = any(racks[other] == racks[host] for other in group.failed)
        return _FIRST - (tail or 0.0) - (_SAME_RACK if again else 0.0)

    return expected
