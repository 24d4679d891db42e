"""`cluster init` and `check` on a real PostgreSQL: idempotent, least privileges, and no password in any text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import postgres

if not postgres.is_here():
    pytest.skip(postgres.MISSING, allow_module_level=True)

import psycopg
from click.testing import CliRunner

from quads_tui.cli.main import cli
from quads_tui.journal.cluster import schema
from quads_tui.journal.cluster.connection import DatabaseAway, Dsn
from quads_tui.journal.cluster.place import PostgresPlace
from quads_tui.journal.cluster.schema import CONSOLE, blocker, facts, init, migrations, newest


async def test_init_makes_the_schema_once_and_keeps_its_name(port: int) -> None:
    dsn = Dsn(postgres.new_database(port))
    assert blocker(await facts(dsn))[0].startswith("there is no schema quads_tui")
    assert await init(dsn) == (0, newest())
    first = await facts(dsn)
    assert await init(dsn) == (newest(), newest())
    assert (await facts(dsn)).queue == first.queue != ""
    assert blocker(first) == ("", "")
    assert abs(first.clock) < 60
    assert (first.tls, first.durable, first.standby) == (False, False, False)  # fsync is off in tests


async def test_a_database_of_an_earlier_version_is_migrated_and_keeps_its_grants(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = postgres.new_database(port)
    role = f"console_{text.rpartition('/')[2]}"
    with psycopg.connect(text, autocommit=True) as database:
        database.execute(f"create role {role} login".encode())
    with monkeypatch.context() as before:
        earlier = [(number, step) for number, step in migrations() if number <= 3]
        before.setattr(schema, "migrations", lambda: iter(earlier))
        assert await init(Dsn(text), (role,)) == (0, 3)
    own = Dsn(text.replace("postgres@", f"{role}@"))
    assert "has version 3, this program needs" in blocker(await facts(own, CONSOLE))[0]
    assert await init(Dsn(text)) == (3, newest())
    assert blocker(await facts(own, CONSOLE)) == ("", "")


async def test_a_console_needs_the_functions_and_no_table(port: int) -> None:
    text = postgres.new_database(port)
    role = f"console_{text.rpartition('/')[2]}"
    own = text.replace("postgres@", f"{role}@")
    with psycopg.connect(text, autocommit=True) as database:
        database.execute(f"create role {role} login".encode())
        await init(Dsn(text))
        assert blocker(await facts(Dsn(own)))[1].startswith("run: quads-tui cluster init --cluster DSN --grant ROLE")
        await init(Dsn(text), (role,))
        assert blocker(await facts(Dsn(own))) == ("", "")
        place = PostgresPlace(Dsn(own), ("a:443",), "ann@jump1")
        await place.take(60, 60)
        await place.sending("a01", "build", {})
        place.give_back()
        await place.close()
        with psycopg.connect(own, autocommit=True) as console, pytest.raises(psycopg.errors.InsufficientPrivilege):
            console.execute("update quads_tui.place set request = null")


async def test_a_schema_of_another_version_is_refused_with_a_remedy(dsn: str, database: psycopg.Connection[object]) -> None:
    database.execute("update quads_tui.schema_version set number = 99")
    assert blocker(await facts(Dsn(dsn))) == (
        f"the schema quads_tui has version 99, this program knows {newest()}",
        "install a newer quads-tui on this machine",
    )
    with pytest.raises(DatabaseAway, match="install a newer quads-tui"):
        await init(Dsn(dsn))


def test_a_password_is_shown_nowhere(port: int, tmp_path: Path) -> None:
    secret = "Sehr-geheim-4711"
    path = tmp_path / "queue.dsn"
    path.write_text(f"postgresql://nobody:{secret}@127.0.0.1:{port}/no_such_database")
    path.chmod(0o600)
    for given, status in (
        (f"{{file: {path}}}", 3),
        (path.read_text(), 2),
        (f"host=x password={secret}", 2),
        (f"postgresql://x/y?pass%77ord={secret}", 2),
    ):
        done = CliRunner().invoke(cli, ["cluster", "init", "--cluster", given])
        assert done.exit_code == status, done.output
        assert secret not in done.output
    assert secret not in repr(Dsn(path.read_text()))


def test_init_says_what_it_did(port: int) -> None:
    dsn = postgres.new_database(port)
    outputs = [CliRunner().invoke(cli, ["cluster", "init", "--cluster", dsn, "--grant", "postgres"]).output for _ in range(2)]
    assert f"the schema quads_tui was created (version {newest()})" in outputs[0]
    assert f"the schema quads_tui is up to date (version {newest()})" in outputs[1]
    assert json.dumps(outputs).count("may use the write queue: postgres") == 2
