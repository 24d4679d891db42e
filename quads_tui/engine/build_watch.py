"""One look at Foreman serves all hosts: builds are verified and installs followed by shared searches, never one read a host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import filterfalse
from typing import Protocol

from quads_tui.rollout.breaker import MOMENT
from quads_tui.rollout.causes import CredentialsRefused, StageFailure
from quads_tui.rollout.foreman_host import HostRecord, SomeUnreadable
from quads_tui.rollout.ports import Clock

_FLOOR = 1.0  # own seconds between two looks, whoever waits
_PLENTY = 30.0  # reads that may still be spent: with so many of them nobody waits for longer than the floor
_EARLIER = 0.5  # the share by which looks for hosts that only install are earlier where there are plenty of reads


class HostReads(Protocol):
    """What the watch needs of a Foreman client. Raises StageFailure and CredentialsRefused."""

    async def in_build(self) -> frozenset[str]:
        """Names of all hosts that are in build mode now, of the whole Foreman: one thin search."""
        ...

    async def records(self, names: Collection[str]) -> Mapping[str, HostRecord]:
        """Full records by name; hosts that Foreman does not show are missing. Raises SomeUnreadable, with the others."""
        ...


class LookPace(Protocol):
    """Says when Foreman may be looked at, and hears what came of it: while it is away it is looked at once in a while."""

    def not_before(self) -> float:
        """Own time before which nobody looks."""
        ...

    def look_begins(self) -> None: ...

    def looked(self, failure: StageFailure | None) -> None:
        """None: Foreman answered."""
        ...


class _AnyPace:
    def not_before(self) -> float:
        return 0.0

    def look_begins(self) -> None:
        pass

    def looked(self, failure: StageFailure | None) -> None:
        pass


class _PendingQuestion:
    """A question about one host, open until a look that began after it was asked answers it."""

    def __init__(self, host: str, asked: float) -> None:
        self.host = host
        self.asked = asked
        self.answer: asyncio.Future[HostRecord | bool] = asyncio.get_running_loop().create_future()


class _OpenQuestions:
    """Those of one kind, by host. A thousand hosts install at once, and what is asked about them stays open for as long as that
    takes: a look passes over the hosts that it does not concern without touching their questions."""

    def __init__(self) -> None:
        self._by_host: dict[str, list[_PendingQuestion]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_host)

    def __iter__(self) -> Iterator[_PendingQuestion]:
        return (question for theirs in self._by_host.values() for question in theirs)

    def about_others(self, names: Collection[str]) -> list[_PendingQuestion]:
        """About hosts that are not among these."""
        return [question for host in filterfalse(names.__contains__, self._by_host) for question in self._by_host[host]]

    def add(self, question: _PendingQuestion) -> None:
        self._by_host.setdefault(question.host, []).append(question)

    def tell(self, question: _PendingQuestion, answer: HostRecord | bool) -> None:
        if not question.answer.done():
            question.answer.set_result(answer)
        self.remove(question)

    def remove(self, question: _PendingQuestion) -> None:
        """Answered, or its host has been given up. Once more does no harm."""
        theirs = self._by_host.get(question.host, [])
        if question in theirs:
            theirs.remove(question)
            if not theirs:
                del self._by_host[question.host]


class BuildWatch:
    """Asks Foreman when somebody wants to know: one thin search, and the full records of those that need one.

    Between two looks are `poll` own seconds, and less where a host stands dark until it is answered and reads are left: a second
    at least. `reads_left`: how many reads of Foreman the rollout may still spend now; it grows with the time and the writes.
    A failed look answers nobody: unknown stays unknown. `on_trouble` gets the reason, "" when it ends.
    """

    def __init__(
        self,
        foreman: HostReads,
        clock: Clock,
        poll: float,
        *,
        reads_left: Callable[[], float] = lambda: 0.0,
        on_trouble: Callable[[str], None] = lambda why: None,
        on_refused: Callable[[CredentialsRefused], None] = lambda refused: None,
        pace: LookPace | None = None,
    ) -> None:
        self._foreman = foreman
        self._reads_left = reads_left
        self._clock = clock
        self._poll = poll
        self._on_trouble = on_trouble
        self._on_refused = on_refused
        self._pace: LookPace = pace or _AnyPace()
        self._flags = _OpenQuestions()  # is it in build?
        self._armed = _OpenQuestions()  # tell when it is in build
        self._left = _OpenQuestions()  # tell when it is no longer
        self._records = _OpenQuestions()  # show it in full
        self._spared = False  # the last look left the records out
        self._asked = False  # to look, though no question is open
        self._wanted = asyncio.Event()
        self._urgent = asyncio.Event()  # a host stands dark until it is answered

    async def is_in_build(self, host: str) -> bool:
        """Whether Foreman has the host in build, by a look that begins after this call."""
        return bool(await self._ask(self._flags, host, urgent=True))

    async def until_in_build(self, host: str) -> None:
        """Return when a fresh look shows the host in build."""
        await self._ask(self._armed, host, urgent=True)

    async def until_left(self, host: str) -> HostRecord:
        """The host's record from the first look that shows it out of build."""
        return _record(await self._ask(self._left, host))

    async def record(self, host: str) -> HostRecord:
        """A fresh full record; waits for as long as Foreman does not show the host."""
        return _record(await self._ask(self._records, host, urgent=True))

    def look(self) -> None:
        """Look once, though nobody asks."""
        self._asked = True
        self._wanted.set()
        self._urgent.set()

    async def run(self) -> None:
        """Until cancelled."""
        trouble = ""
        while True:
            await self._wanted.wait()
            while (early := self._pace.not_before() - self._clock.now()) > MOMENT:
                await self._clock.sleep(early)
            began = self._clock.now()
            self._urgent.clear()
            self._asked, asked = False, self._asked
            self._pace.look_begins()
            failed: StageFailure | None = None
            try:
                await self._look(began, asked)
                if trouble and not self._spared:
                    trouble = ""
                    self._on_trouble(trouble)
            except StageFailure as failure:
                failed = failure
                if failure.reason != trouble:  # told once, not at every look
                    trouble = failure.reason
                    self._on_trouble(trouble)
            except CredentialsRefused as refused:
                self._on_refused(refused)
                return
            self._pace.looked(failed)
            self._rest()
            await self._pause(began)

    async def _pause(self, began: float) -> None:
        """Until the next look, after one that began at own time `began`."""
        share = min(max(self._reads_left() / _PLENTY, 0.0), 1.0)
        patient = began + self._poll * (1.0 - share * _EARLIER)
        urgent = began + max(_FLOOR, self._poll * (1.0 - share))
        if self._pace.not_before() > began:
            return  # it is away: that is how long the next look takes
        with suppress(TimeoutError):
            async with asyncio.timeout(self._clock.real(max(0.0, patient - self._clock.now()))):
                await self._urgent.wait()
        await self._clock.sleep(min(urgent, patient) - self._clock.now())

    async def _ask(self, questions: _OpenQuestions, host: str, urgent: bool = False) -> HostRecord | bool:
        question = _PendingQuestion(host, self._clock.now())
        questions.add(question)
        self._wanted.set()
        if urgent:
            self._urgent.set()
        try:
            return await question.answer
        finally:
            questions.remove(question)
            self._rest()

    async def _look(self, began: float, asked: bool) -> None:
        if asked or self._flags or self._armed or self._left:
            names = await self._foreman.in_build()
            for question in _answered(self._flags, began):
                self._flags.tell(question, question.host in names)
            for question in _answered(self._armed, began, lambda host: host in names):
                self._armed.tell(question, True)
            gone = [question for question in self._left.about_others(names) if question.asked < began]
        else:
            gone = []
        self._spared = not self._spared and self._reads_left() < 0  # with too many reads spent, every second look brings them
        if (gone or self._records) and not self._spared:
            began = self._clock.now()
            odd: SomeUnreadable | None = None
            try:
                records = await self._foreman.records({question.host for question in (*gone, *self._records)})
            except SomeUnreadable as some:
                records, odd = some.records, some
            for question in _answered(self._records, began, lambda host: host in records):
                self._records.tell(question, records[question.host])
            for question in _answered(gone, began, lambda host: _out_of_build(records.get(host))):
                self._left.tell(question, records[question.host])
            if odd is not None:
                raise odd

    def _rest(self) -> None:
        """Where nobody asks any more."""
        if not (self._asked or self._flags or self._armed or self._left or self._records):
            self._wanted.clear()


def _out_of_build(record: HostRecord | None) -> bool:
    return record is not None and record.build is False


def _answered(
    questions: Iterable[_PendingQuestion], began: float, answers: Callable[[str], bool] = lambda host: True
) -> list[_PendingQuestion]:
    """Those that were asked before the look began and that it answers. `answers`: those about this host."""
    return [question for question in questions if question.asked <= began and answers(question.host)]


def _record(answer: HostRecord | bool) -> HostRecord:
    if not isinstance(answer, HostRecord):
        raise TypeError("a look for a record was answered with a flag")
    return answer
