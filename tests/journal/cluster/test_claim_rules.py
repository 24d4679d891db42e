"""The functions of rollouts against a model: any order of claiming, writing, falling silent, waking, ordering and letting go."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests import postgres

if not postgres.is_here():
    pytest.skip(postgres.MISSING, allow_module_level=True)

import psycopg

ROLLOUTS = ("r0", "r1")
STEPS = ("claim", "claim", "append", "append", "repeat", "act", "beat", "silence", "let_go", "leave", "order", "take")


@dataclass
class Process:
    """A worker, and what it believes: it goes on with its claims until the database tells it otherwise."""

    id: uuid.UUID
    claims: dict[str, int] = field(default_factory=dict)  # epoch by rollout
    written: dict[str, int] = field(default_factory=dict)  # events under it
    silent: bool = False  # not heard of for its lease
    gone: bool = False


@dataclass
class Model:
    """What must be true, and each step compared with the database."""

    database: psycopg.Connection[Any]
    processes: list[Process]
    holder: dict[str, Process | None] = field(default_factory=lambda: dict.fromkeys(ROLLOUTS))
    epoch: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ROLLOUTS, 0))
    wanted: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(ROLLOUTS, True))
    waiting: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ROLLOUTS, 0))  # commands
    events: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in ROLLOUTS})

    def holds(self, one: Process, name: str) -> bool:
        return self.holder[name] is one and one.claims.get(name) == self.epoch[name]

    def claim(self, one: Process, name: str) -> None:
        if one.gone:
            with pytest.raises(psycopg.Error, match="declared dead"):
                self.rows("select * from quads_tui.claim(%s)", one.id)
            return
        rows = self.rows("select * from quads_tui.claim(%s)", one.id)
        one.silent = False
        for other in self.processes:
            if other.silent and not other.gone:
                self.bury(other)
        free = [name for name in ROLLOUTS if self.wanted[name] and self.holder[name] is None]
        assert bool(rows) == bool(free)
        for found, epoch in rows:
            assert found == free[0]
            assert epoch == self.epoch[found] + 1
            self.holder[found], self.epoch[found] = one, epoch
            one.claims[found], one.written[found] = epoch, 0

    def bury(self, one: Process) -> None:
        one.gone = True
        for name in ROLLOUTS:
            if self.holder[name] is one:
                self.holder[name] = None

    def append(self, one: Process, name: str) -> None:
        self.write(one, name, one.written.get(name, 0))

    def repeat(self, one: Process, name: str) -> None:
        """The answer to its last event was lost: it sends that one again, with a new one."""
        self.write(one, name, max(0, one.written.get(name, 0) - 1))

    def write(self, one: Process, name: str, after: int) -> None:
        if name not in one.claims:
            return
        epoch, count = one.claims[name], one.written[name]
        bodies = [f"{epoch}.{number}" for number in range(after, count + 1)]
        call = "select quads_tui.append(%s, %s, %s, %s, '{}', '{}', '{}')"
        if self.holds(one, name):
            ((last,),) = self.rows(call, name, epoch, after, bodies)
            self.events[name].append(f"{epoch}.{count}")
            one.written[name] += 1
            assert last == len(self.events[name])
        else:
            with pytest.raises(psycopg.Error, match="another worker carries"):
                self.rows(call, name, epoch, after, bodies)

    def act(self, one: Process, name: str) -> None:
        if name in one.claims:
            ((ours,),) = self.rows("select quads_tui.owned(%s, %s)", name, one.claims[name])
            assert ours == self.holds(one, name)
            one.silent = one.silent and not ours  # who may act is heard of

    def beat(self, one: Process, name: str) -> None:
        with suppress(psycopg.Error):
            self.rows("select quads_tui.beat(%s)", one.id)
            assert not one.gone
            one.silent = False

    def silence(self, one: Process, name: str) -> None:
        if not one.gone:
            self.rows("update quads_tui.worker set seen = '-infinity' where id = %s returning 1", one.id)
            one.silent = True

    def let_go(self, one: Process, name: str) -> None:
        call = "select quads_tui.let_go(%s, %s, false)"
        if self.holds(one, name):
            self.rows(call, name, one.claims[name])
            self.holder[name], self.wanted[name] = None, self.waiting[name] > 0
        elif name in one.claims:
            with pytest.raises(psycopg.Error, match="another worker carries"):
                self.rows(call, name, one.claims[name])

    def leave(self, one: Process, name: str) -> None:
        self.rows("select quads_tui.leave(%s)", one.id)
        self.bury(one)

    def order(self, one: Process, name: str) -> None:
        self.rows("select quads_tui.order_command(%s, 'ann', '{}')", name)
        self.waiting[name] += 1
        self.wanted[name] = True

    def take(self, one: Process, name: str) -> None:
        call = "select * from quads_tui.take_commands(%s, %s)"
        if self.holds(one, name):
            assert len(self.rows(call, name, one.claims[name])) == self.waiting[name]
            self.waiting[name] = 0
        elif name in one.claims:
            with pytest.raises(psycopg.Error, match="another worker carries"):
                self.rows(call, name, one.claims[name])

    def check(self) -> None:
        for name in ROLLOUTS:
            rows = self.rows("select n, body from quads_tui.events(%s, 0, 1000)", name)
            assert rows == [(n, body) for n, body in enumerate(self.events[name], 1)]

    def rows(self, call: str, *values: object) -> list[tuple[Any, ...]]:
        return self.database.execute(call.encode(), values).fetchall()


@pytest.fixture
def no_start_grace(database: psycopg.Connection[Any]) -> None:
    """The server began long ago."""
    row = database.execute("select pg_get_functiondef('quads_tui.bury'::regproc)").fetchone()
    assert row is not None
    database.execute(row[0].replace("greatest(w.seen, pg_postmaster_start_time())", "w.seen").encode())


REPLACED = [(step, 0, "r0") for step in ("claim", "append", "silence")] + [("claim", 1, "r0"), ("append", 1, "r0")]
ZOMBIE = [(step, 0, "r0") for step in ("append", "repeat", "act", "take", "let_go", "beat", "claim")]


@example(steps=[*REPLACED, *ZOMBIE, ("append", 1, "r0"), ("act", 1, "r0")], count=2)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 3), st.sampled_from(ROLLOUTS)), min_size=5, max_size=40),
    count=st.integers(2, 3),
)
def test_one_carrier_whatever_happens_and_every_event_once(
    no_start_grace: None, database: psycopg.Connection[Any], steps: list[tuple[str, int, str]], count: int
) -> None:
    database.execute("truncate quads_tui.rollout, quads_tui.worker cascade")
    model = Model(database, [Process(uuid.uuid4()) for _ in range(count)])
    for process in model.processes:
        model.rows("select quads_tui.register(%s, 'w', 'f', '{}', interval '1 hour')", process.id)
    for name in ROLLOUTS:
        model.rows("select quads_tui.submit(%s, 'f', '', 'ann', '{}', '{}', '{}')", name)
    for step, number, name in steps:
        getattr(model, step)(model.processes[number % count], name)
    model.check()
