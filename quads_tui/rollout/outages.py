"""What many hosts depend on and does not answer: Foreman, the BMCs of a rack, or the database of the journal. One incident,
however many hosts it concerns.

Derived from the events alone, so a resume, a report and every screen know the same.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace

from .breaker import BreakerState
from .causes import FOREMAN
from .events import OutageChanged
from .plan import Plan
from .rollout_time import RolloutTime
from .stages import Kind, Stage
from .time_words import duration

DATABASE = "database of the cluster"  # heard of when it answers again: until then nothing can be written down
MANY = 3  # BMCs of a rack that fall silent one after another, and none answers meanwhile: fewer are failures of single hosts
_KEPT = 200  # outages that are over


@dataclass(frozen=True, slots=True)
class Outage:
    """Times are real. `hosts`: how many BMCs are known not to answer (0 for Foreman). `over`: when it ended, None while it lasts.

    `given_up`: it was waited for long enough, and its hosts go on one by one.
    """

    service: str
    since: float
    hosts: int
    why: str
    until: float | None  # when it is tried again; None: a try is under way
    host: str = ""  # whose BMC is tried now
    over: float | None = None
    given_up: bool = False


class Outages:
    """`standing`: those that last, by service. `past`: those that are over, the oldest first."""

    def __init__(self, plan: Plan) -> None:
        racks = {host.name: host.rack for host in plan.hosts if host.rack and host.rack != host.name and plan.reaches_bmc(host)}
        known = Counter(racks.values())
        self.racks = {host: rack for host, rack in racks.items() if known[rack] >= MANY}  # of hosts that share one with enough
        self.standing: dict[str, Outage] = {}
        self.past: deque[Outage] = deque(maxlen=_KEPT)

    def apply(self, event: OutageChanged) -> None:
        found = self.standing.pop(event.service, None)
        outage = found or Outage(event.service, event.since, 0, "", None)
        outage = replace(outage, hosts=max(outage.hosts, event.hosts), why=event.why or outage.why)
        if event.state is not BreakerState.CLOSED:
            self.standing[event.service] = replace(outage, until=event.until, host=event.host)
        elif found is not None or event.service == DATABASE:
            self.past.append(replace(outage, until=None, host="", over=event.at, given_up=event.given_up))

    def of(self, host: str, kind: Kind, stage: Stage | None) -> Outage | None:
        """What keeps the host from this stage (None: from its first one); None where nothing does, or it is the one that tries.

        Without Foreman no host begins that will need it, and the others go on. An install needs nobody's BMC.
        """
        if not self.standing:
            return None
        stage = stage or kind.stages[0]
        if stage is kind.stages[0] and kind is not Kind.SPARE and (found := self.standing.get(FOREMAN)):
            return found
        rack = self.racks.get(host) if stage.is_at_bmc else None
        found = self.standing.get(of_rack(rack)) if rack else None
        return None if found is None or found.host == host else found


def of_rack(rack: str) -> str:
    """What the BMCs of a rack are called in events."""
    return f"rack {rack}"


def subject(service: str, hosts: int) -> str:
    """What does not answer, in words."""
    if service == FOREMAN:
        return "Foreman unavailable"
    return f"{service}: 1 BMC does not answer" if hosts == 1 else f"{service}: {hosts} BMCs do not answer"


def since_words(outage: Outage, now: float, time: RolloutTime) -> str:
    """What does not answer, and since when. `now` is real time; what is shown is the rollout's own."""
    return f"{subject(outage.service, outage.hosts)} since {time.clock(outage.since, now)}"


def outage_words(outage: Outage, now: float, time: RolloutTime) -> str:
    """The same with the next try: a clause for the operator."""
    words = since_words(outage, now, time)
    if outage.until is None:
        return f"{words}, trying now"
    return f"{words}, next try in {duration(max(0.0, outage.until - now) * time.speed)}"
