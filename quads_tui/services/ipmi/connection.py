"""The way to one BMC: one run of ipmitool at a time, repeated where that is safe; what a BMC taught is shared by its clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

from quads_tui.inputs import IpmiAccount, Secret
from quads_tui.rollout.addresses import host_and_port
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.http_log import CANCELLED, Exchange
from quads_tui.rollout.metrics import Meter
from quads_tui.rollout.ports import Clock, NotSent, SideEffects
from quads_tui.rollout.time_words import limit_words

from ..last_check import LONGEST, in_time
from ..peers import peers_of
from .errors import CommandRefusal, login_failure, refusals
from .process import ANSWERED, Account, Output, run_ipmitool
from .requests import STATUS, Request

_AT_ONCE = 16  # processes of ipmitool
_MOST_REFUSALS = 2  # a password is sent once more after a refusal, and then never before an operator asks for it
_PAUSES = (1.0, 2.0, 4.0, 8.0)  # own seconds between two tries
_PAUSE_AFTER_REFUSAL = 2.0  # own seconds
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@dataclass(slots=True)
class IpmiBmc:
    """What the clients of one BMC share."""

    refusals: int = 0  # of our password in a row, over all clients, and as far as the journal tells over processes
    shows_valid: bool | None = None  # it shows whether its boot flags are valid; None: not seen yet
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # one session at a time


class IpmiBmcs:
    """Of all BMCs of a process, by address."""

    def __init__(self) -> None:
        self._by_address: dict[str, IpmiBmc] = {}
        self.runs = 0  # of ipmitool

    def of(self, address: str) -> IpmiBmc:
        return self._by_address.setdefault(address, IpmiBmc())


Answers = dict[Request, bytes]


@dataclass(slots=True)
class Changes:
    """Requests that set something. They may be repeated: reads in the same session show what came of them."""

    requests: Sequence[Request]
    sent: bool = False  # they may have reached the BMC


class IpmiConnection:
    """Deadlines are own time (Clock.now). Everything raises StageFailure."""

    def __init__(
        self,
        address: str,
        host: str,
        *,
        account: IpmiAccount,
        password: Secret,
        clock: Clock,
        acts: SideEffects,
        meter: Meter,
        bmcs: IpmiBmcs,
        on_exchange: Callable[[Exchange], None],
    ) -> None:
        self.address, self.host, self.clock, self.acts = address, host, clock, acts
        self.boot_mode = account.boot_mode
        self.bmc = bmcs.of(address)
        self._bmcs, self._meter, self._on_exchange = bmcs, meter, on_exchange
        name, port = host_and_port(address)
        self._account = Account(
            host=name,
            port=port,
            username=account.username,
            password=password,
            cipher_suite=account.cipher_suite,
            privilege=account.privilege,
        )
        self.peer = ""  # IP address and port of the BMC; its name is resolved once

    async def ask(self, requests: Sequence[Request], deadline: float | None, changes: Changes | None = None) -> Answers:
        """The answers to reads, in one session; asked again until `deadline` while that may help (None: once).

        What is refused or not answered is an error. `changes` are made before, and nobody looks at their answers: each time after
        SideEffects.confirm, which is asked when the session stands, and raises through this.
        """
        step = 0
        while True:
            try:
                return await self._ask_once(requests, changes)
            except StageFailure as failure:
                again = await self._counts(failure)
                pause = _PAUSES[min(step, len(_PAUSES) - 1)]
                if not again and (not failure.retryable or deadline is None or self.clock.now() + pause >= deadline):
                    raise
                if not again and step == 1:
                    self.acts.note(f"trying again: {failure.reason}", waits=True)
                if failure.cause is Cause.UNREACHABLE:
                    self.peer = ""  # its name may lead elsewhere by now
                step += 1
                await self.clock.sleep(_PAUSE_AFTER_REFUSAL if again else pause)

    async def command(self, request: Request, first: Request, before: Sequence[Request] = ()) -> CommandRefusal | None:
        """Send a request that acts. None: it was accepted.

        `first` is read in the same session before, and SideEffects.confirm is asked between the two; what is set `before` it
        follows that, and is in force when the request comes. Raises what that raises,
        StageFailure where nothing was sent, and Unanswered where the outcome is unknown: that is for a read to settle. Within its
        seconds ipmitool sends a packet without an answer again, with the number by which a BMC knows it; so a request is to name
        the state that is wanted (power up or down, never a restart), or end the session that the packet belongs to (cold reset).
        """
        output = await self._run([first], [*before, request], request.what)
        if not output.sent:
            failure = login_failure(output, self._account, self.peer)
            failure = failure or StageFailure(Cause.UNREACHABLE, f"no answer to {first.what}")
            await self._counts(failure)
            raise failure
        told = [one for one in refusals(output) if (one.netfn, one.command) == request.words[:2]]
        if told and told[0].code is not None:
            return told[0]
        if told or output.messages.count(ANSWERED) + len(refusals(output)) < 2 + len(before):
            raise Unanswered(f"no answer to {request.what}")
        return None

    def allow_login(self) -> None:
        """An operator asks for it: a password that this BMC refused may be sent again."""
        self.bmc.refusals = 0
        self.acts.refused(0)

    async def _ask_once(self, requests: Sequence[Request], changes: Changes | None = None) -> Answers:
        before: list[Request] = []
        if changes is None:
            output = await self._run(requests, (), _words(requests))
        else:
            before, gated = [STATUS], [*changes.requests, *requests]
            output = await self._run(before, gated, _words(gated))
            changes.sent = changes.sent or output.sent
        failure = login_failure(output, self._account, self.peer)
        if failure is not None:
            raise failure
        if self.bmc.refusals:
            self.allow_login()
        lines = [line for line in output.answers.splitlines() if line.strip()][len(before) :]
        if len(lines) == len(requests):
            return {request: _octets(line, request) for request, line in zip(requests, lines, strict=True)}
        if len(requests) > 1 and output.status is not None and (output.sent or changes is None):
            # One was refused, and which one is told one by one only.
            return {request: answers[request] for request in requests for answers in [await self._ask_once([request])]}
        told = refusals(output)
        if told and told[0].code is not None:
            raise Refused(requests[0], told[0])
        raise StageFailure(Cause.UNREACHABLE, f"no answer to {requests[0].what} ({self.peer})")

    async def _run(self, requests: Sequence[Request], gated: Sequence[Request], what: str) -> Output:
        account = self._account
        if self.bmc.refusals >= _MOST_REFUSALS:
            words = f"the BMC refused the password of user {account.username} {self.bmc.refusals} times; it is not sent again"
            raise StageFailure(Cause.CREDENTIALS, f"{words} until you retry the host", retryable=False)
        await self._resolve()
        address = self.peer.rpartition(":")[0].strip("[]")
        async with self.bmc.turn, _turn():
            self._bmcs.runs += 1
            began, error, answered = time.monotonic(), CANCELLED, False
            try:
                output = await run_ipmitool(
                    replace(account, host=address),
                    [request.line for request in requests],
                    [request.line for request in gated],
                    self._confirm if gated else None,
                )
                failure = login_failure(output, account, self.peer)
                error = failure.reason if failure is not None else ""
                answered = failure is None or failure.cause is not Cause.UNREACHABLE
            except OSError as trouble:
                error = f"ipmitool cannot be run: {trouble.strerror or trouble}; install the package ipmitool"
                raise StageFailure(Cause.UNKNOWN, error, retryable=False, advises=True) from None
            finally:
                seconds = time.monotonic() - began
                if error != CANCELLED:
                    self._meter.observe(seconds, answered)
                self._on_exchange(
                    Exchange(
                        at=self.clock.wall(),
                        service="ipmi",
                        host=self.host,
                        method="IPMI",
                        path=what,
                        status=200 if answered else 0,
                        seconds=seconds,
                        error=error,
                    )
                )
        return output

    async def _confirm(self) -> None:
        try:
            await in_time(self.acts.confirm())
        except TimeoutError:
            raise NotSent(f"the last check took over {limit_words(LONGEST * self.clock.speed)}") from None

    async def _resolve(self) -> None:
        if self.peer:
            return
        peers = (await peers_of([self.address]))[self.address]
        if not peers:
            why = "the name service did not answer for" if peers is None else "no such name:"
            raise StageFailure(Cause.UNREACHABLE, f"{why} {self._account.host}")
        self.peer = min(peers)

    async def _counts(self, failure: StageFailure) -> bool:
        """A refused password counts; whether it may be sent once more."""
        if failure.cause is not Cause.CREDENTIALS or self.bmc.refusals >= _MOST_REFUSALS:
            return False
        self.bmc.refusals += 1
        self.acts.refused(self.bmc.refusals)
        return self.bmc.refusals < _MOST_REFUSALS


class Unanswered(StageFailure):
    """A request that acts was sent, and no answer came: what became of it shows by reading."""

    def __init__(self, reason: str) -> None:
        super().__init__(Cause.UNREACHABLE, reason)


class Refused(StageFailure):
    """A read was answered with a completion code."""

    def __init__(self, request: Request, refusal: CommandRefusal) -> None:
        cause = Cause.BUSY if refusal.busy else Cause.REFUSED
        super().__init__(cause, f"{request.what}: {refusal}", retryable=refusal.busy)
        self.refusal = refusal


def _octets(line: str, request: Request) -> bytes:
    try:
        return bytes.fromhex(line)
    except ValueError:
        raise StageFailure(Cause.PROTOCOL, f"the answer to {request.what} cannot be read") from None


def _words(requests: Sequence[Request]) -> str:
    return ", ".join(request.what for request in requests)


def _turn() -> asyncio.Semaphore:
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE))
