"""The machine behind one BMC: read afresh, and compared with the one that was pinned. IPMI tells it by its GUID alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from quads_tui.rollout.causes import Cause, StageFailure, Unidentified
from quads_tui.rollout.identity import Identity, same_after_move

from .connection import IpmiConnection, Refused
from .requests import DEVICE, GUID, STATUS, Request, guid, is_on, model

ON, OFF = "On", "Off"
CHASSIS = "chassis"  # the one machine that IPMI knows behind a BMC


@dataclass(frozen=True, slots=True)
class Observation:
    """What a fresh read says. Maker and model are empty where the device id was not asked for."""

    power: str
    identity: Identity
    manufacturer: str = ""
    model: str = ""
    answers: Mapping[Request, bytes] = field(default_factory=dict)


class Machine:
    """Everything raises StageFailure, and Unidentified where another address answers and nothing tells which machine it is."""

    def __init__(self, connection: IpmiConnection) -> None:
        self.connection = connection
        self._pinned: Identity | None = None
        self._without_guid = False  # it answered that it has none

    async def look(self, deadline: float | None, *more: Request) -> Observation:
        """Power and identity, and the answers to `more`, in one session."""
        requests = [STATUS, *([] if self._without_guid else [GUID]), *more]
        try:
            answers = await self.connection.ask(requests, deadline)
        except Refused as no:
            if self._without_guid or no.refusal.command != GUID.words[1] or no.refusal.busy:
                raise
            self._without_guid = True
            return await self.look(deadline, *more)
        maker, product = model(answers.get(DEVICE, b""))
        now = Identity(peer=self.connection.peer, system=CHASSIS, uuid=guid(answers.get(GUID, b"")))
        self._compare(now)
        return Observation(ON if is_on(answers[STATUS]) else OFF, now, maker, product, answers)

    def pin(self, identity: Identity) -> None:
        self._pinned = identity

    def _compare(self, now: Identity) -> None:
        known = self._pinned
        if known is None:
            return
        if why := now.differs(known):
            words = f"another machine: its BMC now reports {now}; earlier it reported {known} ({why})"
            raise StageFailure(Cause.WRONG_BMC, words, retryable=False)
        if now.peer != known.peer and not same_after_move(now, known):
            raise Unidentified(f"it is not known whether this is still the same machine: {now}; earlier {known}")
