"""Real consoles on one Foreman: one writes, however it is spelled, and one that was stopped and taken over does nothing more."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from quads_tui.inputs import load_site
from quads_tui.journal.foreman_lock import ForemanLock, lock_directory
from quads_tui.journal.locks import LockHeld
from quads_tui.journal.servers import server_of
from quads_tui.rollout.ports import TakenOver
from quads_tui.runtime.process_resources import ProcessResources
from tests.forks import Piped
from tests.waiting import PATIENCE, wait_for

from .conftest import Lab, lines, whole_lines

MakeLab = Callable[..., Lab]


@pytest.fixture(autouse=True)
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUADS_TUI_LOCKS", str(tmp_path / "locks"))


def started(lab: Lab) -> Piped:
    return Piped(lab.command("run", lab.assignment, "--json", "--yes")[3:])


@contextmanager
def stopped_at(lab: Lab, act: str, number: int) -> Iterator[Piped]:
    """A console that got SIGSTOP when the intent of its `number`-th such act was on disk: before the connection of that act."""
    words = ["child", str(number), str(int(signal.SIGSTOP)), act, "--"]
    words += lab.command("run", lab.assignment, "--json", "--yes")[3:]
    process = Piped(words, module="benchmarks.crash_points")
    try:
        wait_for(lambda: state_of(process.pid) in ("T", ""))
        assert state_of(process.pid) == "T", process.communicate()
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.communicate()


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def test_c1_a_second_console_under_five_spellings_is_refused_in_words(lab: MakeLab) -> None:
    place = lab(hosts=4, speed=10)  # long enough for five further consoles on a busy machine; it is stopped at the end
    first = started(place)
    try:
        wait_for(lambda: place.counts()["foreman"]["writes"] >= 1)
        scheme, port = re.findall(r"url: (https?)://127\.0\.0\.1:(\d+)", place.site.read_text())[0]
        for spelled in ("localhost:{}", "LOCALHOST:{}/", "127.0.0.1:{}/", "[::1]:{}", "127.0.0.2:{}"):
            url = f"{scheme.upper()}://{spelled.format(port)}"
            site = place.edited("site.yaml", lambda text, url=url: re.sub(r"url: \S+", f'url: "{url}"', text, count=1))  # type: ignore[misc]
            second = run_by_another(place, place.assignment, site)
            assert second.returncode == 3, second.stderr
            (reason,) = lines(second.stdout)[-1]["reasons"]
            assert reason.startswith("another rollout is writing to ")
            assert f"process {first.pid} of " in reason
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate()
    assert place.counts()["foreman"]["peak_writes"] == 1


def run_by_another(lab: Lab, assignment: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return of_another(lab).run("run", assignment, "--json", "--yes", site=site)


def of_another(lab: Lab) -> Lab:
    """The lab, for somebody who has journals of his own."""
    return replace(lab, state=lab.directory / "other")


async def test_c1_two_rollouts_of_one_console_share_the_lanes_of_a_foreman_however_they_spell_it(lab: MakeLab) -> None:
    place = lab(hosts=1, speed=200)
    site = load_site(place.site)
    port = urlsplit(site.foreman.url).port
    other = replace(site, foreman=replace(site.foreman, url=f"https://LOCALHOST:{port}/"))
    station = ProcessResources()
    async with station.writer_to(site) as first:
        async with station.writer_to(other) as second:
            assert first is second
        first.lock.check()
    async with station.writer_to(other) as third:
        assert third is not first


async def test_c1_whoever_joins_a_rollout_that_is_ending_holds_the_lock_too(
    lab: MakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = lab(hosts=1, speed=200)
    site = load_site(place.site)
    port = urlsplit(site.foreman.url).port
    other = replace(site, foreman=replace(site.foreman, url=f"https://LOCALHOST:{port}/"))
    station, joins, go_on = ProcessResources(), threading.Event(), threading.Event()
    acquire = ForemanLock.acquire

    def slowly(self: ForemanLock, *values: Any, **options: Any) -> None:
        others = bool(self.keys)
        acquire(self, *values, **options)
        if others:  # it is held, and the one who joins has not heard of it yet
            joins.set()
            assert go_on.wait(PATIENCE)

    monkeypatch.setattr(ForemanLock, "acquire", slowly)

    async def join() -> None:
        async with station.writer_to(other) as writer:
            writer.lock.check()
            with pytest.raises(LockHeld):
                ForemanLock(lock_directory(place.directory.parent / "locks")).acquire(await server_of(site.foreman.url))

    async def end() -> None:
        async with station.writer_to(site):
            joining.append(asyncio.create_task(join()))
            await asyncio.to_thread(joins.wait, PATIENCE)

    joining: list[asyncio.Task[None]] = []
    ending = asyncio.create_task(end())
    await asyncio.to_thread(joins.wait, PATIENCE)
    for _ in range(100):  # the first one leaves while the second one waits for the lock
        await asyncio.sleep(0.001)
    go_on.set()
    await asyncio.gather(ending, *joining)


async def test_c1_whoever_is_cancelled_while_it_acquires_the_lock_holds_none(
    lab: MakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = lab(hosts=1, speed=200)
    site = load_site(place.site)
    station, acquires, go_on = ProcessResources(), threading.Event(), threading.Event()
    acquire = ForemanLock.acquire

    def slowly(self: ForemanLock, *values: Any, **options: Any) -> None:
        acquires.set()
        assert go_on.wait(PATIENCE)
        acquire(self, *values, **options)

    async def hold() -> None:
        async with station.writer_to(site):
            raise AssertionError("it was cancelled")

    monkeypatch.setattr(ForemanLock, "acquire", slowly)
    holding = asyncio.create_task(hold())
    await asyncio.to_thread(acquires.wait, PATIENCE)
    for _ in range(3):  # as SIGTERM does, again and again
        holding.cancel()
        await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await holding
    monkeypatch.undo()
    monkeypatch.setenv("QUADS_TUI_LOCKS", str(place.directory.parent / "locks"))
    async with ProcessResources().writer_to(site) as writer:
        writer.lock.check()
    with pytest.raises(TakenOver, match="has been released"):
        writer.lock.check()


class Front(threading.Thread):
    """Another address of the same server: passes bytes on."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._behind = port
        self._ready = threading.Event()
        self.start()
        self._ready.wait()

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await server.serve_forever()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", self._behind)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            try:
                while data := await source.read(65536):
                    sink.write(data)
                    await sink.drain()
            except OSError:
                pass
            sink.close()

        await asyncio.gather(pump(reader, outer), pump(inner, writer))


def test_c1_the_same_foreman_behind_another_address_is_refused_where_nobody_can_be_asked(lab: MakeLab) -> None:
    place = lab(hosts=4, speed=30)
    first = started(place)
    try:
        wait_for(lambda: place.counts()["foreman"]["writes"] >= 1)
        port = int(re.findall(r"url: https?://127\.0\.0\.1:(\d+)", place.site.read_text())[0])
        front = Front(port)
        site = place.edited("site.yaml", lambda text: text.replace(f":{port}", f":{front.port}", 1))
        assignment = place.edited("assignment.yaml", lambda text: text)
        second = run_by_another(place, assignment, site)
        assert second.returncode == 3, second.stderr
        (reason,) = lines(second.stdout)[-1]["reasons"]
        assert re.match(
            r"another rollout writes to a Foreman at localhost:\d+ that has the same (TLS certificate|setting foreman_url): ",
            reason,
        )
        assert f"process {first.pid} of " in reason
        assert "start from a terminal without --yes and confirm this" in reason
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate()
    assert place.counts()["foreman"]["peak_writes"] == 1


@pytest.mark.parametrize(("act", "number"), [("build", 1), ("reset", 1), ("reset", 2), ("override", 1)])
def test_c2_first_byte_a_stopped_console_that_was_taken_over_does_nothing_when_it_goes_on(
    lab: MakeLab, act: str, number: int
) -> None:
    # A write deadline of 3 real seconds, in which the second one can be looked at.
    place = lab(hosts=2, speed=60) if act == "build" else lab(hosts=1, speed=200)
    hosts = len(place.counts()["hosts"])
    with stopped_at(place, act, number) as first:
        (rollout,) = (place.state / "rollouts").iterdir()
        refused = place.run("resume", rollout.name, "--json", "--yes")
        assert refused.returncode == 3
        assert f"process {first.pid} of " in lines(refused.stdout)[0]["reasons"][0]
        assert "--take-over" in lines(refused.stdout)[0]["reasons"][0]
        name = [] if act == "override" else [rollout.name]  # without a name it is the newest, although it is held
        second = Piped(place.command("resume", *name, "--take-over", "--json", "--yes")[3:])
        assert '"resumed": true' in second.stdout.readline()
        if act == "build":  # the second one waits for the write deadline now: it can be attached to
            wait_for((rollout / "keys.sock").exists)
            assert second.poll() is None
        first.send_signal(signal.SIGCONT)
        _, said = first.communicate(timeout=PATIENCE)
        assert first.returncode == 4
        assert f"another process has taken over the rollout {rollout.name}: this process does nothing more" in said
        out, _ = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0
    assert whole_lines(out)[-1]["done"] == hosts
    counts = place.counts()
    assert (counts["foreman"]["peak_writes"], counts["foreman"]["writes"]) == (1, hosts)
    assert {(host["wipes"], host["built"], host["resets"]) for host in counts["hosts"].values()} == {(1, 1, 2)}
    assert counts["bmc"]["sessions_open"] == 0


def test_c5_resume_deletes_the_sessions_of_a_process_that_was_killed(lab: MakeLab) -> None:
    place = lab(hosts=3, speed=200)
    with stopped_at(place, "override", 1) as first:
        left = place.counts()["bmc"]["sessions_open"]
        assert left >= 1  # as many as hosts were being prepared
        first.kill()
        first.communicate()
    assert place.counts()["bmc"]["sessions_open"] == left
    again = place.run("resume", "--json", "--yes")
    assert (again.returncode, lines(again.stdout)[-1]["done"]) == (0, 3)
    assert place.counts()["bmc"]["sessions_open"] == 0


def test_c2_a_lock_directory_that_is_asked_for_must_be_usable(
    lab: MakeLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = lab(hosts=1, speed=200)
    (tmp_path / "file").touch()
    monkeypatch.setenv("QUADS_TUI_LOCKS", str(tmp_path / "file"))
    refused = place.run("run", place.assignment, "--json", "--yes")
    assert refused.returncode == 3
    assert "($QUADS_TUI_LOCKS)" in lines(refused.stdout)[0]["reasons"][0]
    assert place.counts()["foreman"]["writes"] == 0


def test_c1_a_new_rollout_waits_for_the_write_that_a_killed_console_left_on_its_way(lab: MakeLab) -> None:
    for _ in range(5):  # on a busy machine the write may have ended before the console is killed
        place = lab(hosts=4, speed=6)
        first = started(place)
        wait_for(lambda place=place: place.counts()["foreman"]["writes"] >= 1, longest=0.02)
        first.kill()
        first.communicate()
        second = started(of_another(place))
        try:
            told = ""
            while "rollout_started" not in told and (told := second.stdout.readline()):
                pass
            waits = False
            while not waits and (told := second.stdout.readline()) and '"foreman_build", "status": "started"' not in told:
                waits = "exited before the result of its last Foreman write" in told
            if waits:
                wait_for(lambda place=place: place.counts()["foreman"]["writes"] >= 2)
                assert place.counts()["foreman"]["peak_writes"] == 1
                return
        finally:
            second.kill()
            second.communicate()
    raise AssertionError("a console was never killed with a write on its way")
