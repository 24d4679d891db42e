"""Faults that tests inject into chosen requests, and those of overlapping writes, which follow the seed."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import OptionsError
from .answers import GENERIC_500, Answer, json_answer, page

InjectedFault = Literal[
    "html_503",  # the page of the web server in front; nothing is executed
    "html_502",
    "empty_401",  # as from a session that was idle too long
    "maintenance",  # 503 with a JSON message
    "error_500",  # the generic text, before the action runs
    "reset_before_apply",  # connection reset, nothing executed
    "answer_lost_after_apply",  # executed, then the connection is reset instead of answered
    "answer_never",  # executed, and the answer never comes
    "truncated",  # executed; the body ends in the middle
    "disconnect_on_reuse",  # answered well; the next request on the same connection is reset
    "slow",  # executed after `seconds` emulated seconds
    "given",  # the answer that the test gives; nothing is executed
    "taken_back",  # a PUT of a host meets an equal one that wins: that build stands, and ours is rolled back, PXE files and all
    "taken_back_unheard",  # the same, and the connection is reset instead of answered
]
FAULTS = frozenset(get_args(InjectedFault))
BEFORE: dict[str, Answer] = {
    "html_503": page(503, "Service Unavailable"),
    "html_502": page(502, "Proxy Error"),
    "empty_401": Answer(401, "", "text/plain"),
    "maintenance": json_answer({"message": "Foreman is in maintenance mode. Please try again later."}, 503),
    "error_500": json_answer({"error": {"message": GENERIC_500}}, 500),
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


class FaultInjector:
    def __init__(self, generator: random.Random) -> None:
        self._generator = generator
        self._injections: list[Injection] = []
        self.handshakes = 0  # how many of the next connections are reset in their handshake

    def inject(
        self, fault: InjectedFault, count: int, method: str | None, path: str, seconds: float, answer: Answer | None = None
    ) -> None:
        if fault not in FAULTS:
            raise OptionsError(f"unknown fault {fault!r}, expected one of {', '.join(sorted(FAULTS))}")
        self._injections.append(Injection(fault, count, method, re.compile(path), seconds, answer))

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

    def overlap(self) -> tuple[InjectedFault | None, Answer | None]:
        """What becomes of a write that overlaps another: a 500, or a reset before or after it was applied."""
        if self._generator.random() < 0.5:
            return None, json_answer({"error": {"message": self._generator.choice(OVERLAP_TEXTS)}}, 500)
        return ("answer_lost_after_apply" if self._generator.random() < 0.5 else "reset_before_apply"), None
