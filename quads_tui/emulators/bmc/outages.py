"""Faults of reachability and access: BMCs that start late, a switch that fails, sessions that end, 503 of every kind."""

from __future__ import annotations

import time
from email.utils import formatdate

from quads_tui.emulators.bmc.bmc import Bmc
from quads_tui.emulators.bmc.faults import Fault, NotReady
from quads_tui.emulators.bmc.replies import Reply, Request


class WakesLate(Fault):
    """Connections are refused for the first `seconds`."""

    listens = False

    def __init__(self, seconds: float = 300.0) -> None:
        self.listens_after = seconds


class Switch:
    """What many BMCs are reached through; it fails once, for `seconds`, after a Reset of half of them."""

    def __init__(self, seconds: float = 120.0) -> None:
        self.seconds = seconds
        self.bmcs: list[Bmc] = []
        self.resets = 0

    def count(self) -> None:
        """A Reset was accepted by one of the BMCs."""
        self.resets += 1
        if self.resets == max(1, len(self.bmcs) // 2):
            for bmc in self.bmcs:
                bmc.interrupt(self.seconds)


class BehindSwitch(Fault):
    """This BMC is unreachable while its switch fails."""

    def __init__(self, switch: Switch) -> None:
        self.switch = switch

    def attached(self, bmc: Bmc) -> None:
        self.switch.bmcs.append(bmc)

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        if request.method == "POST" and request.path == bmc.family.reset and reply.status < 300:
            self.switch.count()


class NotReadyWithDate(NotReady):
    """503 with a Retry-After that is a date."""

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        reply = super().before(bmc, request)
        if reply is not None:
            # A date has whole seconds, so the next one is the first that is not too early.
            reply.headers["Retry-After"] = formatdate(time.time() + int(reply.headers["Retry-After"]) + 1, usegmt=True)
        return reply


class NotReadyWithoutTime(NotReady):
    """503 without a Retry-After."""

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        reply = super().before(bmc, request)
        if reply is not None:
            del reply.headers["Retry-After"]
        return reply


class NotReadyAtFirst(Fault):
    """The first look at the system meets a 503 with a Retry-After of `seconds` real ones; `early` counts who does not wait."""

    def __init__(self, seconds: int = 1) -> None:
        self.seconds = seconds
        self.until: float | None = None
        self.early = 0

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        now = bmc.time.now()
        if self.until is None:
            if request.path != bmc.family.system:
                return None
            self.until = now + self.seconds * bmc.time.speed
        elif now >= self.until:
            return None
        else:
            self.early += 1
        return bmc.family.not_ready(self.seconds)


class NotReadyWithNonsense(NotReady):
    """503 that asks to wait for a time which is none (`said`), in its message and, with `header`, in Retry-After."""

    def __init__(self, said: str, *, header: bool = False, seconds: float = 60.0) -> None:
        super().__init__(seconds)
        self.said, self.header = said, header

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if super().before(bmc, request) is None:
            return None
        headers = {"Retry-After": self.said} if self.header else {}
        return bmc.family.error(503, ("ServiceTemporarilyUnavailable", self.said), headers=headers)


class NotReady400(NotReady):
    """An iDRAC that answers 400 while it is not ready."""

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        return None if super().before(bmc, request) is None else bmc.family.error(400, "SWC0700")


class SessionEnds(Fault):
    """All sessions end after each `every` requests that name one, `times` times."""

    def __init__(self, every: int = 8, times: int = 2) -> None:
        self.every, self.left = every, times
        self.requests = 0

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if self.left and "x-auth-token" in request.headers and request.method != "DELETE":
            self.requests += 1
            if self.requests % self.every == 0:
                self.left -= 1
                bmc.sessions.clear()
        return None


class LoginUnanswered(Fault):
    """The first `times` logins make a session, and their answer is never sent."""

    def __init__(self, times: int = 1) -> None:
        self.left = times

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        if self.left and request.method == "POST" and request.path == bmc.family.sessions and reply.status < 300:
            self.left -= 1
            reply.never_sent = True


class LogoutUnanswered(Fault):
    """The first `times` deletions of a session get no answer: the connection stays open (`hangs`), or is reset.

    done: whether the session is deleted all the same.
    """

    def __init__(self, times: int = 1, *, done: bool = False, hangs: bool = True) -> None:
        self.left, self.done, self.hangs = times, done, hangs

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if request.method != "DELETE" or not self.left:
            return None
        self.left -= 1
        if self.done:
            bmc.sessions.delete(request.path.rpartition("/")[2])
        return Reply(204, never_sent=self.hangs, connection_reset=not self.hangs)


class PasswordExpired(Fault):
    """The password has to be changed: everything but the login is forbidden."""

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        opens = request.path in (bmc.family.root, "/redfish", bmc.family.sessions) or request.method == "DELETE"
        return None if opens else bmc.family.error(403, "PasswordChangeRequired")


class SlowReplies(Fault):
    """Every answer takes `latency_factor` times as long."""

    def __init__(self, latency_factor: float = 6.0) -> None:
        self.latency_factor = latency_factor
