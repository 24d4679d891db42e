"""One writer per Foreman on this machine: whatever it is called, whoever squats there, and with a way round."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quads_tui.journal import foreman_lock, servers
from quads_tui.journal.foreman_lock import ForemanLock, NoDirectory, ServerIdentity, lock_directory
from quads_tui.journal.locks import LockHeld
from quads_tui.journal.servers import Server, server_of, spelled
from quads_tui.rollout.ports import TakenOver

ONE = Server("foreman.example.com:443", ("foreman.example.com:443", "one.test:443"))
PORT = 47443


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """The names are the machine's: one of these tests at a time, of all workers and runs."""
    with (Path(tempfile.gettempdir()) / f"quads-tui-lock-tests-{os.getuid()}").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return lock_directory(tmp_path / "locks")


@contextmanager
def held(directory: Path | None, server: Server = ONE, **options: bool) -> Iterator[ForemanLock]:
    lock = ForemanLock(directory)
    lock.acquire(server, **options)
    try:
        yield lock
    finally:
        lock.release()


@contextmanager
def child(program: str) -> Iterator[subprocess.Popen[str]]:
    """Another process, once it has said so."""
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


SPELLINGS = [
    f"http://127.0.0.1:{PORT}",
    f"http://localhost:{PORT}",
    f"HTTP://LocalHost:{PORT}/",
    f"http://localhost.:{PORT}",
    f"http://[::1]:{PORT}",
    f"http://[::ffff:127.0.0.1]:{PORT}",
    f"http://127.1:{PORT}/",
    f"http://0x7f000001:{PORT}",
    f"http://0.0.0.0:{PORT}",
    f"https://127.0.0.1:{PORT}",
    f"http://{socket.gethostname()}:{PORT}",  # its alias in /etc/hosts
]


@pytest.mark.parametrize("url", SPELLINGS)
async def test_c1_a_foreman_has_one_lock_however_it_is_spelled(directory: Path, url: str) -> None:
    first, second = await server_of(SPELLINGS[0]), await server_of(url)
    with held(directory, first), pytest.raises(LockHeld, match=f"another rollout is writing to .*: process {os.getpid()} of "):
        ForemanLock(directory).acquire(second)
    with held(directory, second), pytest.raises(LockHeld):
        ForemanLock(directory).acquire(first)


async def test_c1_names_ports_and_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {
        "foreman.example.com": ["10.1.2.3", "2001:db8::7"],
        "alias.example.com": ["10.1.2.4", "10.1.2.3"],
        "mapped.example.com": ["::ffff:10.1.2.3"],
        "lab.example.com": ["10.9.9.9"],
    }

    def look_up(host: str, port: None, **_: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        if host not in known:
            raise socket.gaierror
        return [(0, 0, 0, "", (address, 0)) for address in known[host]]

    monkeypatch.setattr(servers.socket, "getaddrinfo", look_up)
    monkeypatch.setattr(servers, "_is_ours", lambda address: address == "10.9.9.9")
    one = await server_of("https://foreman.example.com")
    assert one.keys == ("10.1.2.3:443", "2001:db8::7:443", "foreman.example.com:443")
    for same in ("HTTPS://Foreman.Example.COM:443/", "https://foreman.example.com./api/..", "https://foreman.example.com:443"):
        assert await server_of(same) == one
    assert set((await server_of("https://alias.example.com")).keys) & set(one.keys) == {"10.1.2.3:443"}
    assert set((await server_of("https://mapped.example.com")).keys) & set(one.keys) == {"10.1.2.3:443"}
    assert not set((await server_of("https://foreman.example.com:8443")).keys) & set(one.keys)
    assert spelled("HTTPS://Foreman.Example.COM./") == spelled("https://foreman.example.com:443") == one.shown
    assert (await server_of("http://foreman.example.com")).shown == "foreman.example.com:80"
    assert (await server_of("https://unknown.example.com")).keys == ("unknown.example.com:443",)
    assert (await server_of("https://lab.example.com")).keys == ("10.9.9.9:443", "lab.example.com:443", "localhost:443")
    strange = (await server_of("https://m\u00fcnchen.example.com")).keys
    assert all(key.isascii() and "/" not in key for key in strange)


async def test_c1_a_name_service_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    monkeypatch.setattr(servers, "_PATIENCE", 0.05)
    monkeypatch.setattr(servers.socket, "getaddrinfo", lambda *_, **__: free.wait(20) and [])
    assert (await server_of("https://foreman.example.com")).keys == ("foreman.example.com:443",)
    free.set()


def test_c1_one_lock_of_several_is_enough_and_a_refusal_leaves_nothing(directory: Path) -> None:
    other = Server("x:443", ("a.test:443", "one.test:443", "z.test:443"))
    with held(directory):
        with pytest.raises(LockHeld):
            ForemanLock(directory).acquire(other)
        with held(directory, Server("a", ("a.test:443", "z.test:443"))):
            pass
    with held(directory, other):
        pass
    assert list(directory.iterdir()) == []


def test_c1_other_network_namespaces_meet_at_the_file(directory: Path) -> None:
    with held(directory):
        elsewhere = subprocess.run(
            ["unshare", "-n", sys.executable, "-c", _TAKES, str(directory)], capture_output=True, text=True, check=False
        )
        if "Operation not permitted" in elsewhere.stderr and "unshare" in elsewhere.stderr:
            pytest.skip("no network namespaces for this user")
        assert f"another rollout is writing to foreman.example.com:443: process {os.getpid()}" in elsewhere.stdout
    again = subprocess.run(
        ["unshare", "-n", sys.executable, "-c", _TAKES, str(directory)], capture_output=True, text=True, check=False
    )
    assert again.stdout == "taken\n"


_TAKES = """
import sys; from pathlib import Path
from quads_tui.journal.foreman_lock import *; from quads_tui.journal.servers import Server
try:
    ForemanLock(Path(sys.argv[1])).acquire(Server("foreman.example.com:443", ("foreman.example.com:443", "one.test:443")))
    print("taken")
except LockHeld as held:
    print(held)
"""


def test_c1_without_a_directory_this_network_namespace_is_still_one(directory: Path) -> None:
    with held(None):
        with pytest.raises(LockHeld, match=f"process {os.getpid()} of"):
            ForemanLock(None).acquire(ONE)
        with pytest.raises(LockHeld, match=f"process {os.getpid()} of"):
            ForemanLock(directory).acquire(ONE)
        with pytest.raises(
            LockHeld, match=r"--take-over cannot stop that process, because it has no lock file: end it first \(kill"
        ):
            ForemanLock(directory).acquire(ONE, take_over=True)
    assert list(directory.iterdir()) == []


_SQUATS = """
import os, socket, time
os.setuid({uid})
made = socket.socket(socket.AF_UNIX)
made.bind("\\0quads-tui:one.test:443")
print("ready", flush=True)
time.sleep(600)
"""


def test_c2_a_squatted_name_is_told_with_its_owner_and_a_way_round(directory: Path) -> None:
    uid = 4711 if os.getuid() == 0 else os.getuid()
    with child(_SQUATS.format(uid=uid)) as squatter:
        with pytest.raises(LockHeld) as caught:
            ForemanLock(directory).acquire(ONE)
        told = str(caught.value)
        assert "(socket @quads-tui:one.test:443) is held by" in told
        assert f"process {squatter.pid} of" in told
        assert (f"uid {uid}" in told) == (os.getuid() == 0)
        assert "end that process, or use --take-over" in told
        with held(directory, take_over=True), pytest.raises(LockHeld, match="another rollout is writing"):
            ForemanLock(directory).acquire(ONE, take_over=False)


def test_c2_a_squatted_name_without_a_lock_directory_asks_for_the_directory_first() -> None:
    with child(_SQUATS.format(uid=os.getuid())):
        for take_over in (False, True):
            with pytest.raises(LockHeld, match="does not listen") as caught:
                ForemanLock(None).acquire(ONE, take_over=take_over)
            first = "or create the lock directory first (install -d -m 1777 /run/lock/quads-tui), then use --take-over"
            assert first in str(caught.value)


@pytest.mark.parametrize("kind", ["link", "directory", "fifo", "hard link"])
def test_c2_what_is_no_lock_file_is_never_followed_or_written(directory: Path, tmp_path: Path, kind: str) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    path = directory / "foreman-one.test:443.lock"
    {
        "link": lambda: path.symlink_to(precious),
        "directory": path.mkdir,
        "fifo": lambda: os.mkfifo(path),
        "hard link": lambda: path.hardlink_to(precious),
    }[kind]()
    with pytest.raises(LockHeld, match=r"foreman-one\.test:443\.lock.*an administrator must remove it"):
        ForemanLock(directory).acquire(ONE)
    assert precious.read_text() == "precious"


def test_c2_files_left_by_the_dead_hold_nobody_up(directory: Path) -> None:
    (directory / "foreman-one.test:443.lock").write_text('{"holder": "process 1 of \\u001b[2J"}' * 1000)
    with held(directory) as lock:
        lock.check()
        told = (directory / "foreman-one.test:443.lock").read_text()
        assert f"process {os.getpid()} of " in told
        assert "\x1b" not in told
        assert "process 1 of" not in told


def test_c2_a_directory_where_anybody_may_remove_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(NoDirectory, match="install -d -m 1777"):
        lock_directory(tmp_path / "open")
    (tmp_path / "file").touch()
    with pytest.raises(NoDirectory, match="is not a directory"):
        lock_directory(tmp_path / "file")
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(NoDirectory, match="is not a directory"):
        lock_directory(tmp_path / "link")
    with pytest.raises(NoDirectory, match="cannot be created"):
        lock_directory(Path("/proc/nowhere"))
    assert lock_directory(tmp_path / "new").stat().st_mode & 0o7777 == 0o1777


@pytest.mark.parametrize("way", ["take over", "remove the file"])
def test_c2_who_lost_its_lock_notices_before_its_next_act(directory: Path, way: str) -> None:
    with held(directory) as stopped:
        stopped.check()
        if way == "take over":
            with held(directory, take_over=True) as now:
                now.check()
                with pytest.raises(TakenOver, match="was taken over by another process: this process does nothing more"):
                    stopped.check()
                stopped.release()
                now.check()
        else:
            (directory / "foreman-one.test:443.lock").unlink()
            with pytest.raises(TakenOver):
                stopped.check()


def test_c2_the_file_tells_its_holder_where_the_kernel_does_not(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quads_tui.journal.foreman_lock.flock_holder", lambda found: "")  # as in another container
    with held(directory), pytest.raises(LockHeld, match=f"process {os.getpid()} of .*, on {socket.gethostname()}"):
        ForemanLock(directory).acquire(ONE)
    path = directory / "foreman-one.test:443.lock"
    path.touch()
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(LockHeld, match="cannot be seen from here"):
            ForemanLock(directory).acquire(ONE)


@pytest.mark.parametrize(
    ("mine", "theirs", "asks"),
    [
        (ServerIdentity("c1", "https://f"), ServerIdentity("c1", "https://g"), "TLS certificate"),
        (ServerIdentity("", "https://f"), ServerIdentity("c2", "https://f"), "setting foreman_url"),
        (ServerIdentity("c1", "https://f"), ServerIdentity("c2", "https://g"), ""),
        (ServerIdentity(), ServerIdentity(), ""),
    ],
)
def test_c1_the_same_foreman_behind_another_address_is_asked_about(
    directory: Path, mine: ServerIdentity, theirs: ServerIdentity, asks: str
) -> None:
    other = Server("front.example.com:443", ("front.test:443",))
    with held(directory, other) as first, held(directory) as second:
        assert first.same_foreman(theirs) == ""
        words = second.same_foreman(mine)
        assert bool(words) == bool(asks)
        if asks:
            assert words.startswith(
                f"another rollout writes to a Foreman at front.test:443 that has the same {asks}: process {os.getpid()}"
            )
            assert first.same_foreman(theirs) != "", "both are asked, whoever comes first"
    with held(directory) as alone:
        assert alone.same_foreman(mine) == ""


WRITING = {"rollout": "r1", "moment": ["boot", 7.0]}


def test_a_write_that_a_dead_process_left_on_its_way_is_told_to_the_next_holder_until_that_one_writes(tmp_path: Path) -> None:
    server = Server("left.test:9", ("left.test:9", "left.test:10"))
    dead = ForemanLock(tmp_path)
    dead.acquire(server)
    dead.mark(WRITING)
    for name in dead._names.values():
        name.close()
    for file in dead._files.values():
        os.close(file._file)  # as the kernel does: nothing is removed
    for _ in range(2):  # the first one ends before it wrote anything
        lock = ForemanLock(tmp_path)
        lock.acquire(server)
        assert lock.left == WRITING
        lock.release()
    lock = ForemanLock(tmp_path)
    lock.acquire(server)
    lock.mark({**WRITING, "rollout": "r2"})
    lock.mark(None)
    lock.release()
    assert list(tmp_path.iterdir()) == [], "nothing is on its way: no file is left"


def test_a_write_on_its_way_is_told_to_who_takes_the_lock_over(tmp_path: Path) -> None:
    server = Server("left.test:9", ("left.test:9", "left.test:10"))
    stopped, administrator = ForemanLock(tmp_path), ForemanLock(tmp_path)
    stopped.acquire(server)
    stopped.mark(WRITING)
    administrator.acquire(server, take_over=True)
    assert administrator.left == WRITING
    stopped.mark(None)  # it goes on: what it says is nobody's any more
    stopped.release()
    administrator.release()
    later = ForemanLock(tmp_path)
    later.acquire(server)
    assert later.left == WRITING
    later.release()


def test_consoles_of_one_write_queue_hold_the_lock_together_and_no_others_beside_them(directory: Path) -> None:
    first, second = ForemanLock(directory, "queue-1"), ForemanLock(directory, "queue-1")
    first.acquire(ONE)
    second.acquire(ONE)
    for lock in (first, *[second] * 200):  # before each act: no check may wait for, or fill, the queue of the socket
        lock.check()
    with pytest.raises(LockHeld, match="It uses a shared write queue"):
        ForemanLock(directory).acquire(ONE)
    with pytest.raises(LockHeld, match="It uses another write queue"):
        ForemanLock(directory, "queue-2").acquire(ONE)
    first.release()
    second.check()  # and binds the names that the first one had
    with pytest.raises(LockHeld, match="It uses a shared write queue"):
        ForemanLock(directory).acquire(ONE)
    second.release()
    assert not list(directory.iterdir())
    with held(directory), pytest.raises(LockHeld, match="It does not use the write queue of this site"):
        ForemanLock(directory, "queue-1").acquire(ONE)


def test_consoles_of_one_write_queue_with_different_lock_directories_know_each_other(tmp_path: Path) -> None:
    first, second = ForemanLock(tmp_path / "one", "queue-1"), ForemanLock(tmp_path / "two", "queue-1")
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    first.acquire(ONE)
    second.acquire(ONE)
    with pytest.raises(LockHeld, match="another rollout is writing to"):
        ForemanLock(tmp_path / "three").acquire(ONE)
    first.release()
    with held(tmp_path / "one"), pytest.raises(TakenOver, match="does not use the write queue"):
        second.check()
    second.release()


@pytest.mark.parametrize("second_first", [True, False])
def test_a_console_that_ends_between_two_looks_of_another_of_its_queue_is_not_taken_for_a_stranger(
    directory: Path, monkeypatch: pytest.MonkeyPatch, second_first: bool
) -> None:
    first, second, third = (ForemanLock(directory, "queue-1") for _ in range(3))
    for lock in (first, second, third):
        lock.acquire(ONE)
    names = [first._names, first._queue_names]
    given_up, left = reversed(names) if second_first else names
    for name in given_up.values():
        name.close()

    def ended(seconds: float) -> None:
        """While the other one waits for its next look."""
        for name in left.values():
            name.close()

    monkeypatch.setattr(foreman_lock.time, "sleep", ended)
    second.check()
    third.check()
    assert set(second._names) == set(second._queue_names) == second.keys
    with pytest.raises(LockHeld, match="It uses a shared write queue"):
        ForemanLock(directory).acquire(ONE)
    for lock in (first, second, third):
        lock.release()


def test_a_console_that_hangs_or_has_a_full_disk_holds_up_no_other_of_its_queue(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = ForemanLock(directory, "queue-1")
    lock.acquire(ONE)
    paths = [str(path) for path in directory.iterdir()]
    hangs = f"""
        import fcntl, time
        files = [open(path, "r+b") for path in {paths!r}]
        for file in files:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        print("ready", flush=True)
        time.sleep(600)
    """
    with child(hangs):
        lock.mark(None)  # and does not wait for ever
    with monkeypatch.context() as full:
        full.setattr(os, "pwrite", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        lock.mark(None)
    with child(hangs):
        pass  # it is given the turn
    lock.release()


def test_a_write_on_its_way_is_not_forgotten_by_the_other_consoles_of_the_queue(directory: Path) -> None:
    first, second = ForemanLock(directory, "queue-1"), ForemanLock(directory, "queue-1")
    first.acquire(ONE)
    first.mark({"rollout": "r1", "moment": ["boot", 1.0]})
    second.acquire(ONE)
    assert second.left == {}  # the queue settles it
    second.mark(None)
    second.release()
    for lock in (first._names, first._queue_names):  # as it ends when its process is killed
        for name in lock.values():
            name.close()
    for file in first._files.values():
        os.close(file._file)
    with held(directory) as third:
        assert third.left["rollout"] == "r1"
