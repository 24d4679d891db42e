"""Times in the journal of a rollout that workers on several machines carried, one after the other."""

from __future__ import annotations

from dataclasses import replace

from quads_tui.rollout.events import BmcSession, Event, Intent
from quads_tui.rollout.moments import Moment


def rebased(event: Event, age: float, now: Moment, wall: float) -> Event:
    """The event, with an intent's moment as one of this machine, and the time of a login by this machine's clock. `age`: real
    seconds since the event was written, by the clock of the database; `wall`: real time here now.

    An intent of another machine was written when it was decided or later, so it counts as younger than it is: whoever waits for
    its effect waits too long rather than too short. Other moments stay as they are: on another machine they are not known, as
    after a boot of the machine.
    """
    if isinstance(event, Intent) and event.moment.boot != now.boot:
        return replace(event, moment=Moment(now.boot, now.seconds - max(0.0, age)))
    if isinstance(event, BmcSession) and event.is_open and not event.uri:
        return replace(event, at=wall - age)
    return event
