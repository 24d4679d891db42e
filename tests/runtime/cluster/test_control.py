"""Commands of a console to the worker of a rollout, on a real PostgreSQL: given once, answered, and never lost without a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from quads_tui.rollout.commands import Pause, Skip
from quads_tui.rollout.events import Commanded
from tests.postgres import Cable
from tests.waiting import until

from .conftest import FOREMAN, HOSTS, ID, TestWorker

pytest.importorskip("psycopg")

from quads_tui.runtime import cluster_control
from quads_tui.runtime.cluster_control import ClusterControl

SKIP = Skip((HOSTS[0],), "its disk is gone")
ANN = "ann@jump1 (postgres at 127.0.0.1)"
Attach = Callable[..., Any]


class Console:
    """What an operator is told; `carrier`: who carries the rollout."""

    def __init__(self, rollouts: Any) -> None:
        self.told: list[str] = []
        self.carrier = ""
        self.control = ClusterControl(rollouts, ID, "ann@jump1", tell=self.told.append, worker=lambda: self.carrier)
        self.running: asyncio.Task[None] | None = None

    async def run(self) -> None:
        await self.control.connect()
        self.running = asyncio.create_task(self.control.run())


@pytest.fixture
async def attach(rollouts: Any, another: Callable[..., Any], dsn: str) -> AsyncIterator[Attach]:
    made: list[Console] = []
    assert await rollouts.one(ID) is not None

    async def console(at: str = dsn) -> Console:
        made.append(Console(another(at)))
        await made[-1].run()
        return made[-1]

    yield console
    for each in made:
        assert each.running is not None
        each.running.cancel()
        await asyncio.gather(each.running, return_exceptions=True)


async def test_a_command_is_given_with_its_author_and_answered(rollouts: Any, worker: TestWorker, attach: Attach) -> None:
    await worker.claim()
    console = await attach()
    console.carrier = "worker quads@jump2 process 7"
    for command in (SKIP, Pause("admission", True)):
        console.control.submit(command)
    await until(lambda: console.control._last == 2)
    assert await worker.claimed.take_commands() == [(ANN, SKIP), (ANN, Pause("admission", True))]
    assert [(one.who, one.role, one.taken) for one in await rollouts.commands(ID)] == [("ann@jump1", "postgres", True)] * 2
    assert console.told == []
    console.control.on_event(Commanded(0.0, "bob@laptop (postgres at 127.0.0.1)", "hold: 1 of 1 host"))  # of another console
    console.control.on_event(Commanded(0.0, ANN, "skip: 1 of 1 host"))
    assert console.told == ["skip: 1 of 1 host (worker quads@jump2 process 7)"]


async def test_the_role_of_a_console_is_enough(
    worker: TestWorker, attach: Attach, dsn: str, database: Any, run: Callable[..., Any]
) -> None:
    """For all that a console does; what it may not do, test_rollouts of the database has."""
    from quads_tui.journal.cluster.connection import Dsn
    from quads_tui.journal.cluster.schema import init

    role = f"console_{dsn.rpartition('/')[2]}"
    database.execute(f"create role {role} login".encode())
    await init(Dsn(dsn), (role,))
    own = dsn.replace("postgres@", f"{role}@")
    await worker.claim()
    await worker.begin()
    console = await attach(own)
    console.control.submit(SKIP)
    await until(lambda: console.control._last == 1)
    assert database.execute("select role from quads_tui.command").fetchall() == [(role,)]
    await worker.claimed.take_commands()
    await worker.end()
    for words in (["rollouts"], ["report"], ["watch", "--json"], ["cluster", "export", ID, "--take-back"]):
        done = await run(*words, "--cluster", own)
        assert done.returncode == 0, done.stderr


async def test_a_command_that_nobody_takes_is_shown(attach: Attach, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_control, "_LATE", 0.0)
    monkeypatch.setattr(cluster_control, "_AGAIN", 0.01)
    console = await attach()
    console.control.submit(SKIP)
    await until(lambda: console.told)
    assert console.told == ["1 command waits for a worker: this rollout has none now"]
    console.control.on_event(Commanded(0.0, ANN, "skip: 1 of 1 host"))
    assert console.told[1:] == ["skip: 1 of 1 host"]


async def test_a_command_that_a_dying_worker_took_is_shown(
    worker: TestWorker, attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is carried out once, or not at all: nobody gives it again but an operator."""
    monkeypatch.setattr(cluster_control, "_AGAIN", 0.01)
    await worker.claim()
    console = await attach()
    console.control.submit(SKIP)
    await until(lambda: console.control._last == 1)
    assert await worker.claimed.take_commands() == [(ANN, SKIP)]
    monkeypatch.setattr(cluster_control, "_LATE", 0.0)
    await until(lambda: console.told)
    assert console.told == ["skip 1 host: a worker took it, no result yet: if none comes, check the hosts and repeat it"]


async def test_what_the_database_refuses_is_shown(rollouts: Any, worker: TestWorker, attach: Attach) -> None:
    await worker.claim()
    await worker.let_go()
    await rollouts.submit("r2", foreman=FOREMAN, who="bob@laptop", facts={}, hosts=HOSTS)
    console = await attach()
    console.control.submit(SKIP)
    await until(lambda: console.told)
    (told,) = console.told
    assert told.startswith(f"skip 1 host: refused: hosts of {ID} are in the newer rollout r2")


async def test_a_command_without_an_answer_is_looked_for_and_not_repeated(
    rollouts: Any, attach: Attach, dsn: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_control, "_AGAIN", 0.01)
    cable = Cable(port)
    console = await attach(dsn.replace(f":{port}/", f":{cable.port}/"))
    cable.cut()
    console.control.submit(SKIP)
    await until(lambda: console.told)
    assert "the database does not answer" in console.told[0]
    cable.mend()
    await until(lambda: len(console.told) == 2)
    assert console.told[1].startswith("skip 1 host: did not reach the database, which answers again: repeat it")
    assert await rollouts.commands(ID) == []

    order, sent = console.control._rollouts.order, []

    async def answer_lost(*values: Any) -> int:
        from quads_tui.journal.cluster.connection import DatabaseAway

        sent.append(await order(*values))
        raise DatabaseAway("no answer within 10 s")

    monkeypatch.setattr(console.control._rollouts, "order", answer_lost)
    console.control.submit(SKIP)
    await until(lambda: len(console.told) == 3 and console.control._last == 1)
    console.control.submit(Pause("writes", True))
    await until(lambda: len(console.told) == 4 and console.control._last == 2)
    assert sent == [1, 2]  # each once; both arrived, and no word of a repetition
    assert len(console.told) == 4
