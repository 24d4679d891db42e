"""Troubles of reach and of access: BMCs that come late, a switch that drops many, sessions that end, waiting times told."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import TYPE_CHECKING

from quads_tui.emulators.bmc.faults import NotReady, Trouble
from quads_tui.emulators.bmc.replies import Call, Reply

if TYPE_CHECKING:
    from quads_tui.emulators.bmc.service import Bmc


class WakesLate(Trouble):
    """Connections are refused for the first `seconds`."""

    listens = False

    def __init__(self, seconds: float = 300.0) -> None:
        self.wakes_after = seconds


class Switch:
    """What many BMCs are reached through; it fails once, for `seconds`, when half of them have been told to reset."""

    def __init__(self, seconds: float = 120.0) -> None:
        self.seconds = seconds
        self.bmcs: list[Bmc] = []
        self.resets = 0

    def count(self) -> None:
        self.resets += 1
        if self.resets == max(1, len(self.bmcs) // 2):
            for bmc in self.bmcs:
                bmc.cut(self.seconds)


class BehindSwitch(Trouble):
    """This BMC shares the fate of its switch."""

    def __init__(self, switch: Switch) -> None:
        self.switch = switch

    def placed(self, bmc: Bmc) -> None:
        self.switch.bmcs.append(bmc)

    def after(self, bmc: Bmc, call: Call, reply: Reply) -> None:
        if call.method == "POST" and call.path == bmc.family.reset and reply.status < 300:
            self.switch.count()


class NotReadyUntil(NotReady):
    """503 with a Retry-After that is a date."""

    def answer(self, bmc: Bmc, call: Call) -> Reply | None:
        reply = super().answer(bmc, call)
        if reply is not None:
            # A date has whole seconds, so the next one is the first that is not too early.
            reply.headers["Retry-After"] = formatdate(time.time() + int(reply.headers["Retry-After"]) + 1, usegmt=True)
        return reply


class NotReadyUntold(NotReady):
    """503 without a word on how long."""

    def answer(self, bmc: Bmc, call: Call) -> Reply | None:
        reply = super().answer(bmc, call)
        if reply is not None:
            del reply.headers["Retry-After"]
        return reply


class NotReady400(NotReady):
    """An iDRAC that says with 400 that it is not ready."""

    def answer(self, bmc: Bmc, call: Call) -> Reply | None:
        return None if super().answer(bmc, call) is None else bmc.family.error(400, "SWC0700")


class SessionEnds(Trouble):
    """All sessions end after each `every` requests that name one, `times` times."""

    def __init__(self, every: int = 8, times: int = 2) -> None:
        self.every, self.left = every, times
        self.requests = 0

    def answer(self, bmc: Bmc, call: Call) -> Reply | None:
        if self.left and "x-auth-token" in call.headers and call.method != "DELETE":
            self.requests += 1
            if self.requests % self.every == 0:
                self.left -= 1
                bmc.sessions.clear()
        return None


class PasswordExpired(Trouble):
    """The password has to be changed: everything but the login is forbidden."""

    def answer(self, bmc: Bmc, call: Call) -> Reply | None:
        opens = call.path in (bmc.family.root, "/redfish", bmc.family.sessions) or call.method == "DELETE"
        return None if opens else bmc.family.error(403, "PasswordChangeRequired")


class Slow(Trouble):
    """Every answer takes `slowness` times as long."""

    def __init__(self, slowness: float = 6.0) -> None:
        self.slowness = slowness
