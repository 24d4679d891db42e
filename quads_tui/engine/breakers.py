"""What the rollout's own events make of the gate: the first write verified, places kept, and new hosts paused for one cause."""

from __future__ import annotations

from collections.abc import Callable

from quads_tui.rollout.causes import AWAY
from quads_tui.rollout.events import Event, HostAhead, HostChanged, Notice, Paused, StageChanged
from quads_tui.rollout.ports import Clock
from quads_tui.rollout.refusals import ADMISSION, MANY, SAFETY, Trip, model_pause
from quads_tui.rollout.stages import Stage, StageStatus
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.waits import for_the_pause

from .gate import RolloutGate


class Breakers:
    """Hears every event after the rollout has taken it in. `emit` is the engine's."""

    def __init__(self, rollout: Rollout, gate: RolloutGate, *, clock: Clock, emit: Callable[[Event], None], cap: int) -> None:
        """`cap`: limits.ahead, where it is a number: so many hosts of one cause pause new hosts."""
        self._rollout = rollout
        self._gate = gate
        self._clock = clock
        self._emit = emit
        self._models = {model_pause(host.model): host.model for host in rollout.plan.hosts}
        self._verified = False
        rollout.refusals.first = min(rollout.refusals.first, cap or rollout.refusals.first)

    def resume(self) -> None:
        """What was in force when the other process ended."""
        rollout = self._rollout
        taken = set(places(rollout))
        for host in list(rollout.powered_off_waiting):
            if host not in taken:
                self._emit(HostAhead(self._clock.wall(), host, False))
            elif rollout.hosts[host].status.is_final:
                self._gate.keep(host)
        self._note_first_write()
        for what in rollout.paused:
            self._set(what, True)

    def on_event(self, event: Event) -> None:
        """An event that the rollout has taken in."""
        trip = self._rollout.refusals.trip
        self._note_first_write()
        if isinstance(event, StageChanged):
            ended = event.stage is Stage.FOREMAN_BUILD and event.status is not StageStatus.STARTED
            if ended and not (event.status is StageStatus.FAILED and event.cause in AWAY):
                self._gate.turn_over(event.host)
        elif isinstance(event, HostChanged) and self._rollout.refusals.keeps_its_place(event.host):
            self._gate.keep(event.host)
        if trip is not None:
            self._trip(trip)

    def pause(self, what: str, paused: bool, who: str) -> bool:
        """An operator pauses new hosts (admission), or lets them begin; then those of held models too. False: no such pause."""
        rollout = self._rollout
        if what != ADMISSION and what not in self._models:
            return False
        if paused and what in rollout.paused_by_safety:
            return True  # its cause stays on the screen
        every = not paused and what == ADMISSION
        for each in [what, *(held for held in list(rollout.paused) if every and held in self._models)]:
            seen = not paused and each in rollout.paused_by_safety
            self._emit(Paused(self._clock.wall(), each, paused, who, "by the operator" if paused else ""))
            if seen and each == ADMISSION:  # a service keeps the places; no model does
                self._gate.clear_kept()
            self._set(each, paused)
        return True

    def _note_first_write(self) -> None:
        if self._rollout.first_write_verified and not self._verified:
            self._verified = True
            self._gate.first_write_verified()

    def _set(self, what: str, paused: bool) -> None:
        if what == ADMISSION:
            self._gate.pause(paused)
        elif what in self._models:
            self._gate.hold_model(self._models[what], paused)

    def _trip(self, trip: Trip) -> None:
        self._set(trip.what, True)
        hosts = "new hosts" if trip.what == ADMISSION else "new hosts of this model"
        why = (
            f"{trip.why}. If you resume: {hosts} begin, and are paused again when {MANY} more hosts fail for this cause. "
            f"If you do not resume: {hosts} do not begin; hosts under way continue"
        )
        now = self._clock.wall()
        self._emit(Paused(now, trip.what, True, SAFETY, why))
        self._emit(Notice(now, "error", for_the_pause(trip.what, why)))


def places(rollout: Rollout) -> list[str]:
    """The hosts that stand in their places ahead of the write, as their events tell: under way, or ended and kept."""
    hosts, keeps = rollout.hosts, rollout.refusals.keeps_its_place
    return [name for name in rollout.powered_off_waiting if not hosts[name].status.is_final or keeps(name)]
