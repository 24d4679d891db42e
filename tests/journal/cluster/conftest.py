"""A database of the shared write queue for each test, on one server for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests import postgres


@pytest.fixture(scope="session")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with postgres.shared_server(tmp_path_factory.getbasetemp().parent) as port:
        yield port


@pytest.fixture(scope="session")
def template(port: int) -> str:
    """The name of a database in which `cluster init` was run."""
    return postgres.with_schema(port)


@pytest.fixture
def dsn(port: int, template: str) -> str:
    """Of a database in which `cluster init` was run."""
    return postgres.new_database(port, template)


@pytest.fixture
def database(dsn: str) -> Any:
    """A connection to it, to look behind the functions."""
    import psycopg

    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def no_grace(database: Any) -> None:
    """The server began long ago."""
    row = database.execute("select pg_get_functiondef('quads_tui.take'::regproc)").fetchone()
    assert row is not None
    database.execute(row[0].replace("interval '15 seconds'", "interval '-1 day'").encode())
