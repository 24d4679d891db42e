"""Faults that tests inject into chosen requests, and those of overlapping writes, which follow the seed."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from enum import StrEnum

from ..errors import OptionsError
from .answers import GENERIC_500, Answer, json_answer, page


class InjectedFault(StrEnum):
    """What becomes of a request. Those of BEFORE are answered instead of executed."""

    HTML_503 = "html_503"  # the page of the web server in front
    HTML_502 = "html_502"
    EMPTY_401 = "empty_401"  # as from a session that was idle too long
    MAINTENANCE = "maintenance"  # 503 with a JSON message
    ERROR_500 = "error_500"  # the generic text, before the action runs
    RESET_BEFORE_APPLY = "reset_before_apply"  # connection reset, nothing executed
    ANSWER_LOST_AFTER_APPLY = "answer_lost_after_apply"  # executed, then the connection is reset instead of answered
    ANSWER_NEVER = "answer_never"  # executed, and the answer never comes
    TRUNCATED = "truncated"  # executed; the body ends in the middle
    DISCONNECT_ON_REUSE = "disconnect_on_reuse"  # answered well; the next request on the same connection is reset
    SLOW = "slow"  # executed after `seconds` emulated seconds
    GIVEN = "given"  # the answer that the test gives; nothing is executed
    TAKEN_BACK = "taken_back"  # a PUT of a host loses against an equal one: that build stays, ours is rolled back, PXE files too
    TAKEN_BACK_UNHEARD = "taken_back_unheard"  # the same, and the connection is reset instead of answered
    OVERLAP_500 = "overlap_500"  # a write that overlapped another; `ForemanFaults.concurrency_2019` alone makes it


BEFORE: dict[InjectedFault, Answer] = {
    InjectedFault.HTML_503: page(503, "Service Unavailable"),
    InjectedFault.HTML_502: page(502, "Proxy Error"),
    InjectedFault.EMPTY_401: Answer(401, "", "text/plain"),
    InjectedFault.MAINTENANCE: json_answer({"message": "Foreman is in maintenance mode. Please try again later."}, 503),
    InjectedFault.ERROR_500: json_answer({"error": {"message": GENERIC_500}}, 500),
}
OVERLAP_TEXTS = (GENERIC_500, "resource have no errors", "Validation failed: Owner has this role already")


@dataclass(slots=True)
class Injection:
    fault: InjectedFault
    left: int
    method: str | None
    path: re.Pattern[str]
    seconds: float
    answer: Answer | None = None


def given(answer: Answer) -> Injection:
    """One answer instead of a request's own."""
    return Injection(InjectedFault.GIVEN, 1, None, re.compile(""), 0.0, answer)


class FaultInjector:
    def __init__(self, generator: random.Random) -> None:
        self._generator = generator
        self._injections: list[Injection] = []
        self.handshakes = 0  # how many of the next connections are reset in their handshake

    def inject(
        self, fault: str, *, count: int, method: str | None, path: str, seconds: float = 0.0, answer: Answer | None = None
    ) -> None:
        """See `ForemanEmulator.inject`. Raises OptionsError for a name that is none of InjectedFault's."""
        try:
            known = InjectedFault(fault)
        except ValueError:
            raise OptionsError(f"unknown fault {fault!r}, expected one of {', '.join(sorted(InjectedFault))}") from None
        self._injections.append(Injection(known, count, method, re.compile(path), seconds, answer))

    def clear(self) -> None:
        self._injections.clear()
        self.handshakes = 0

    def take(self, method: str, path: str) -> Injection | None:
        """The first injection that this request matches, used up by one."""
        for injection in self._injections:
            if injection.method in (None, method) and injection.path.search(path):
                injection.left -= 1
                if injection.left <= 0:
                    self._injections.remove(injection)
                return injection
        return None

    def overlap(self) -> tuple[InjectedFault, Answer | None]:
        """What becomes of a write that overlaps another: a 500, or a reset before or after it was applied."""
        if self._generator.random() < 0.5:
            return InjectedFault.OVERLAP_500, json_answer({"error": {"message": self._generator.choice(OVERLAP_TEXTS)}}, 500)
        applied = self._generator.random() < 0.5
        return (InjectedFault.ANSWER_LOST_AFTER_APPLY if applied else InjectedFault.RESET_BEFORE_APPLY), None
