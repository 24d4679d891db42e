"""Two consoles, as on two machines: lock directories and journals of their own, one emulated Foreman, one shared write queue."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import postgres
from tests.forks import Program
from tests.waiting import PATIENCE, wait_for

from .conftest import Lab, lines

MakeLab = Callable[..., Lab]
pytestmark = pytest.mark.skipif(not postgres.is_here(), reason=postgres.MISSING)


class Console:
    """`quads-tui run` on a part of the lab's hosts."""

    def __init__(self, lab: Lab, name: str, hosts: list[Any], monkeypatch: pytest.MonkeyPatch, stops: Sequence[str] = ()) -> None:
        """`stops`: where it stops itself, as words of benchmarks.crash_points."""
        self.directory = lab.directory.parent / name
        self.directory.mkdir()
        self.hosts = hosts
        path = lab.directory / f"{name}.yaml"
        path.write_text(yaml.safe_dump({**yaml.safe_load(lab.assignment.read_text()), "hosts": hosts}))
        monkeypatch.setenv("QUADS_TUI_LOCKS", str(self.directory / "locks"))
        words = ["run", str(path), "--json", "--yes", "--site", str(lab.site), "--state-dir", str(self.directory / "state")]
        self.out, self.err = self.directory / "out", self.directory / "err"
        module = "benchmarks.crash_points" if stops else "quads_tui.cli"
        self.process = Program([*stops, *words], out=str(self.out), err=str(self.err), module=module)

    def shut(self) -> str:
        """Why it may not write, as its last sample says."""
        for path in (self.directory / "state").glob("rollouts/*/journal.db"):
            with suppress(sqlite3.Error, TypeError), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal:
                (body,) = journal.execute("select body from sample order by n desc limit 1").fetchone()
                return str(json.loads(body)["lane"]["shut"])
        return ""

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
    assert set(turns) == set(counts["hosts"])  # one that came too late to be used is asked for again


def test_a_console_that_is_killed_with_its_write_on_the_way_leaves_it_to_the_other_one(
    lab: MakeLab, server: postgres.PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    place = lab(hosts=8, speed=100)
    dsn = shared(place, server)
    one, two = (Console(place, name, hosts, monkeypatch) for name, hosts in zip(("one", "two"), halves(place), strict=True))
    with psycopg.connect(dsn, autocommit=True) as database:

        def sending() -> str:
            """The host of the write on its way."""
            row = database.execute("select host from quads_tui.place where intent is not null limit 1").fetchone()
            return str(row[0]) if row else ""

        end = time.monotonic() + PATIENCE
        while sending() not in {host["name"] for host in one.hosts}:  # as often as can be: it takes some 20 ms
            assert time.monotonic() < end
        one.process.send_signal(signal.SIGKILL)
    assert two.ended()["done"] == 4
    again = Program(
        ["resume", "--json", "--yes", "--state-dir", str(one.directory / "state")], out=str(one.out), err=str(one.err)
    )
    assert again.wait(PATIENCE) == 0, one.err.read_text()
    counts = place.counts()
    assert counts["foreman"]["peak_writes"] == 1
    assert {facts["wipes"] for facts in counts["hosts"].values()} == {1}
    assert counts["foreman"]["writes"] == 8


def test_a_console_that_freezes_before_its_check_is_passed_and_writes_nothing_when_it_wakes(
    lab: MakeLab, server: postgres.PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = lab(hosts=8, speed=100)
    shared(place, server)
    stops = ["child", "1", str(int(signal.SIGSTOP)), "build", "--"]
    mine, others = halves(place)
    one = Console(place, "one", mine, monkeypatch, stops)
    wait_for(lambda: stopped(one.process.pid))
    two = Console(place, "two", others, monkeypatch)
    assert two.ended()["done"] == 4
    one.process.send_signal(signal.SIGCONT)
    assert one.ended()["done"] == 4
    counts = place.counts()
    assert counts["foreman"]["peak_writes"] == 1
    assert counts["foreman"]["writes"] == 8
    assert {facts["wipes"] for facts in counts["hosts"].values()} == {1}


def stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"


def test_while_the_database_is_away_writes_wait_and_say_so(
    lab: MakeLab, server: postgres.PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = lab(hosts=12, speed=50)
    shared(place, server)
    consoles = [Console(place, name, hosts, monkeypatch) for name, hosts in zip(("one", "two"), halves(place), strict=True)]
    wait_for(lambda: place.counts()["foreman"]["writes"] >= 2)
    server.stop()
    wait_for(lambda: all("has not answered since" in console.shut() for console in consoles))
    before = place.counts()["foreman"]["writes"]
    server.start()
    assert [console.ended()["done"] for console in consoles] == [6, 6]
    counts = place.counts()
    assert before < 12
    assert counts["foreman"]["peak_writes"] == 1
    assert counts["foreman"]["writes"] == 12
    assert {facts["wipes"] for facts in counts["hosts"].values()} == {1}
    stages = [line for console in consoles for line in lines(console.out.read_text()) if line["event"] == "stage"]
    assert {line["attempt"] for line in stages} == {1}  # no attempt was used up
