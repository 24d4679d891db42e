"""What a service asks before it acts on a host, and what becomes of it: the gate first, then the intent on disk, then the act."""

from __future__ import annotations

from quads_tui.rollout.events import BmcSession, HostNote, Intent, LoginRefused, Outcome
from quads_tui.rollout.moments import LONG_AGO
from quads_tui.rollout.ports import Clock, NotSent
from quads_tui.rollout.scrub import SECRETS
from quads_tui.rollout.stages import ActResult

from .gate import DISARM
from .ports import Ports


def longest_intent(clock: Clock) -> float:
    """Real seconds from an intent to its first byte: what was decided on an older look is decided anew.

    A resume that finds an intent without an outcome reckons that it was sent this long after.
    """
    return clock.real(10.0, 3.0)


class HostSideEffects:
    """Implements rollout.ports.SideEffects for one host."""

    def __init__(self, host: str, ports: Ports, *, disarming: bool = False, last: int = 0) -> None:
        """`disarming`: its acts are let through for skipped and held hosts, since they make the host safe, or are what an
        operator ordered for the host as it stands. `last`: the number of an intent whose outcome is still to be told."""
        self._host = host
        self._ports = ports
        self._disarming = disarming
        self._last = last
        self._act = ""
        self._intended = LONG_AGO

    async def intend(self, act: str, detail: dict[str, object]) -> None:
        ports, self._act = self._ports, DISARM if self._disarming else act
        await ports.gate.enter(self._host, self._act)
        self._last, self._intended = ports.number(), ports.clock.moment()
        await ports.commit(Intent(ports.clock.wall(), self._host, self._last, act, dict(detail), self._intended))

    async def confirm(self) -> None:
        gone = self._intended.until(self._ports.clock.moment())
        if gone is None or gone > longest_intent(self._ports.clock):
            raise NotSent("too much time passed between preparing and sending the request")
        await self._ports.gate.enter(self._host, self._act)
        await self._ports.owned()

    async def before_login(self) -> None:
        await self._ports.commit(BmcSession(self._ports.clock.wall(), self._host, "", True))
        await self._ports.until_owned()  # after it: whoever was frozen or waited meanwhile may have been replaced

    def heard(self, why: str = "") -> None:
        self._ports.outages.heard(self._host, why)

    def result(self, result: ActResult, detail: dict[str, object]) -> None:
        self._ports.emit(Outcome(self._ports.clock.wall(), self._host, self._last, result, dict(detail)))

    def session(self, uri: str, is_open: bool) -> None:
        if SECRETS.scrub(uri) != uri:  # it holds its token: this process ends it, or it expires
            if not is_open:
                return
            uri, is_open = "", False
        self._ports.emit(BmcSession(self._ports.clock.wall(), self._host, uri, is_open))

    def left(self, words: str) -> None:
        self._ports.emit(HostNote(self._ports.clock.wall(), self._host, SECRETS.scrub(words)))

    def refused(self, times: int) -> None:
        self._ports.emit(LoginRefused(self._ports.clock.wall(), self._host, times))

    def note(self, text: str, waits: bool = False) -> None:
        self._ports.emit(HostNote(self._ports.clock.wall(), self._host, SECRETS.scrub(text), waits))
