"""Two consoles, as on two machines: lock directories and journals of their own, one emulated Foreman, one shared write queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from tests import postgres
from tests.waiting import PATIENCE

from .conftest import Lab, lines
from .forks import Forked

MakeLab = Callable[..., Lab]
pytestmark = pytest.mark.skipif(not postgres.is_here(), reason=postgres.MISSING)


@pytest.fixture
def server() -> Iterator[postgres.PostgresServer]:
    made = postgres.PostgresServer()
    made.start()
    yield made
    made.remove()


class Console:
    """`quads-tui run` on a part of the lab's hosts."""

    def __init__(self, lab: Lab, name: str, hosts: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = lab.directory.parent / name
        self.directory.mkdir()
        self.hosts = hosts
        assignment = yaml.safe_load(lab.assignment.read_text())
        path = lab.directory / f"{name}.yaml"
        path.write_text(yaml.safe_dump({**assignment, "hosts": hosts}))
        monkeypatch.setenv("QUADS_TUI_LOCKS", str(self.directory / "locks"))
        words = ["run", str(path), "--json", "--yes", "--site", str(lab.site), "--state-dir", str(self.directory / "state")]
        self.out, self.err = self.directory / "out", self.directory / "err"
        self.process = Forked(words, out=str(self.out), err=str(self.err))

    def ended(self) -> dict[str, Any]:
        """The last line of its output."""
        assert self.process.wait(PATIENCE) == 0, self.err.read_text()
        return lines(self.out.read_text())[-1]


def shared(lab: Lab, server: postgres.PostgresServer) -> str:
    """The DSN of a queue that the site of this lab uses from now on."""
    dsn = postgres.new_database(server.port)
    made = lab.run("cluster", "init", "--cluster", dsn)
    assert made.returncode == 0, made.stderr
    site = yaml.safe_load(lab.site.read_text())
    site["foreman"]["write_queue"] = {"dsn": dsn}
    lab.site.write_text(yaml.safe_dump(site))
    return dsn


def halves(lab: Lab) -> tuple[list[Any], list[Any]]:
    hosts = yaml.safe_load(lab.assignment.read_text())["hosts"]
    return hosts[::2], hosts[1::2]


def test_two_consoles_are_one_writer_and_take_turns(
    lab: MakeLab, server: postgres.PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    place = lab(hosts=12, speed=100)
    dsn = shared(place, server)
    with psycopg.connect(dsn, autocommit=True) as database:
        database.execute("create table granted (fence bigint primary key, who text, host text)")
        database.execute(
            "create function granted() returns trigger language plpgsql as $$ begin "
            "insert into public.granted values (new.fence, new.who, new.host) on conflict (fence) do update set host = new.host; "
            "return null; end $$"
        )
        database.execute(
            "create trigger granted after update on quads_tui.place for each row when (new.host <> '') "
            "execute function public.granted()"
        )
        consoles = [Console(place, name, hosts, monkeypatch) for name, hosts in zip(("one", "two"), halves(place), strict=True)]
        ends = [console.ended() for console in consoles]
        turns = [host for (host,) in database.execute("select host from granted order by fence")]
    assert [end["done"] for end in ends] == [6, 6]
    counts = place.counts()
    assert counts["foreman"]["peak_writes"] == 1
    assert counts["foreman"]["writes"] == 12
    assert {facts["wipes"] for facts in counts["hosts"].values()} == {1}
    assert len(turns) == 12
