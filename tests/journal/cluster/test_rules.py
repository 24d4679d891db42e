"""The functions of the schema against a model: any order of asking, sending, dying and leases that end, of two to four consoles."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import postgres

if not postgres.is_here():
    pytest.skip(postgres.MISSING, allow_module_level=True)

import psycopg

KEYS = ["a:443", "b:443"]
ACTS = ("ask", "ask", "send", "renew", "settle", "give", "die", "expire")


@dataclass
class Console:
    request: uuid.UUID | None = None
    fence: int | None = None


@dataclass
class Model:
    """What must be true, and each step compared with the database."""

    database: psycopg.Connection[Any]
    consoles: list[Console]
    holder: uuid.UUID | None = None
    expired: bool = False
    waiting: list[uuid.UUID] = field(default_factory=list)  # who asked first
    sent: dict[int, uuid.UUID] = field(default_factory=dict)  # who sent the writes without an outcome, by fence
    last: int = 0  # fence

    def ask(self, console: Console) -> None:
        if console.request is None:
            console.request = uuid.uuid4()
            self.waiting.append(console.request)
        request = console.request
        call = "select fence, intents from quads_tui.take(%s, %s, 'x', interval '60 s', interval '1 hour')"
        fence, intents = self._row(call, (request, KEYS))
        if request == self.holder:
            assert fence == self.last
            return
        free = self.holder is None or self.expired
        if request not in self.waiting:  # it was the holder once: it asks again as a new one does
            self.waiting.append(request)
        assert (fence is not None) == (free and self.waiting[0] == request)
        if fence is not None:
            assert fence > self.last
            assert sorted(intent["number"] for intent in intents) == sorted(self.sent)
            self.holder, self.expired, self.last, console.fence = request, False, fence, fence
            self.waiting.remove(request)

    def send(self, console: Console) -> None:
        if console.fence is None:
            return
        call = "select quads_tui.sending(%s, %s, interval '60 s', 'h', '{}')"
        if console.request is not None and console.request == self.holder and set(self.sent) <= {console.fence}:
            self._row(call, (console.fence, KEYS))
            self.sent = {console.fence: console.request}
            self.expired = False
        else:
            with pytest.raises(psycopg.Error, match="another holder"):
                self._row(call, (console.fence, KEYS))

    def renew(self, console: Console) -> None:
        if console.fence is not None:
            (kept,) = self._row("select quads_tui.renew(%s, %s, interval '60 s')", (console.fence, KEYS))
            assert kept == (console.request == self.holder and console.fence == self.last)
            self.expired = self.expired and not kept

    def settle(self, console: Console) -> None:
        for number in list(self.sent) if console.fence is not None else []:
            (ours,) = self._row("select quads_tui.settled(%s, %s, %s)", (console.fence, KEYS, number))
            assert ours == (console.request == self.holder and console.fence == self.last)
            if ours:
                del self.sent[number]

    def give(self, console: Console) -> None:
        if console.request is None:
            return
        self._row("select quads_tui.give_back(%s)", (console.request,))
        self.sent = {
            fence: request for fence, request in self.sent.items() if request != console.request
        }  # whoever has the place
        if console.request == self.holder:
            self.holder = None
        with suppress(ValueError):
            self.waiting.remove(console.request)
        console.request = console.fence = None

    def die(self, console: Console) -> None:
        """Nobody hears of it any more."""
        if console.request in self.waiting:
            self.database.execute("update quads_tui.waiter set seen = '-infinity' where request = %s", (console.request,))
            self.waiting.remove(console.request)
        console.request = console.fence = None

    def expire(self, console: Console) -> None:
        self.database.execute("update quads_tui.place set expires = '-infinity' where request is not null")
        self.expired = True

    def _row(self, call: str, values: tuple[object, ...]) -> tuple[Any, ...]:
        row = self.database.execute(call.encode(), values).fetchone()
        assert row is not None
        return tuple(row)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 3)), min_size=5, max_size=40), st.integers(2, 4))
def test_one_holder_whatever_happens_and_nothing_sent_is_forgotten(
    no_grace: None, database: psycopg.Connection[Any], steps: list[tuple[str, int]], count: int
) -> None:
    database.execute("truncate quads_tui.place, quads_tui.waiter")
    model = Model(database, [Console() for _ in range(count)])
    row = database.execute("select last_value from quads_tui.fence where is_called").fetchone()
    model.last = row[0] if row else 0
    for act, number in steps:
        getattr(model, act)(model.consoles[number % count])
