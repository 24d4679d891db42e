"""A real PostgreSQL for tests: own data directory, loopback and a Unix socket, no fsync; initdb refuses root, so as `nobody` there."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .waiting import PATIENCE, wait_for

MISSING = "no PostgreSQL 15 or newer on this machine (Debian: apt install postgresql), or no psycopg"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_wal_size": "64MB",
    "max_connections": "100",
    "autovacuum": "off",
}


def binaries() -> Path | None:
    """Where `initdb` and `postgres` of the newest version are; None: nowhere, or too old."""
    found = [Path(path).parent for path in filter(None, [shutil.which("initdb")])]
    installed = sorted(Path("/usr/lib/postgresql").glob("[0-9]*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found += [path.parent for path in installed if int(path.parts[-3]) >= 15]
    return found[-1] if found else None


def is_here() -> bool:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return False
    return binaries() is not None


def _as() -> dict[str, Any]:
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}


class PostgresServer:
    """From `start` to `remove`. It ends with its process at the latest."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="quads-tui-pg-"))
        if os.getuid() == 0:
            shutil.chown(self.directory, "nobody", "nogroup")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        words = ["--auth=trust", "--username=postgres", "--no-sync", "--no-instructions", "--encoding=UTF8", "--locale=C"]
        self._run("initdb", "-D", str(self.data), *words)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def dsn(self, database: str, port: int = 0, user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        settings = {**_SETTINGS, "port": str(self.port), "unix_socket_directories": str(self.directory)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with Path(os.devnull).open("wb") as nothing:
            words = [str(_program("postgres")), "-D", str(self.data), *options]
            self._process = subprocess.Popen(words, stdout=nothing, stderr=nothing, cwd="/", start_new_session=True, **_as())
        wait_for(lambda: _answers(self.port))

    def stop(self) -> None:
        """At once, as a crash does it."""
        stop(self.pid)
        assert self._process is not None
        self._process.wait(PATIENCE)

    def remove(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run([str(_program(program)), *words], capture_output=True, cwd="/", check=False, **_as())
        assert done.returncode == 0, done.stderr.decode()


def _answers(port: int) -> bool:
    words = [str(_program("pg_isready")), "-q", "-h", "127.0.0.1", "-p", str(port)]
    return subprocess.run(words, check=False).returncode == 0


def stop(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGQUIT)


def _program(name: str) -> Path:
    found = binaries()
    assert found is not None
    return found / name


@contextmanager
def shared_server(directory: Path) -> Iterator[int]:
    """The port of one server for all test processes that name the same directory: the first starts it, the last ends it.

    A test run that was killed is still counted; when its server has ended, too, the next one starts another.
    """
    path = directory / "postgres.json"
    with _users(path) as users:
        if not users.get("count") or not _answers(users["port"]):
            server = PostgresServer()
            server.start()
            users |= {"port": server.port, "pid": server.pid, "directory": str(server.directory), "count": 0}
        users["count"] += 1
        port = users["port"]
    try:
        yield port
    finally:
        with _users(path) as users:
            users["count"] -= 1
            if not users["count"]:
                stop(users["pid"])
                with suppress(ChildProcessError):
                    os.waitpid(users["pid"], 0)
                shutil.rmtree(users["directory"], ignore_errors=True)


@contextmanager
def _users(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        users = json.loads(file.read() or "{}")
        yield users
        file.truncate(0)
        file.write(json.dumps(users))


def new_database(port: int, template: str = "template0") -> str:
    """The DSN of a database of its own: an empty one, or a copy of another one."""
    import psycopg

    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres", autocommit=True) as connection:
        connection.execute(f"create database {name} template {template}".encode())
    return f"postgresql://postgres@127.0.0.1:{port}/{name}"


def with_schema(port: int) -> str:
    """The name of a database in which `cluster init` was run: a template for others."""
    from quads_tui.journal.cluster.connection import Dsn
    from quads_tui.journal.cluster.schema import init

    made = new_database(port)
    asyncio.run(init(Dsn(made)))
    return made.rpartition("/")[2]


class Cable(threading.Thread):
    """A way to the server that a test can cut, or make silent without cutting it."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._behind = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._passing = threading.Event()
        self._passing.set()
        self._open: set[socket.socket] = set()
        self.plugged = True
        self.start()

    def run(self) -> None:
        while True:
            try:
                inner, _ = self._server.accept()
            except OSError:
                return
            if not self.plugged:
                inner.close()
                continue
            try:
                outer = socket.create_connection(("127.0.0.1", self._behind))
            except OSError:  # the server is away
                inner.close()
                continue
            self._open |= {inner, outer}
            for source, sink in ((inner, outer), (outer, inner)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self._passing.wait()
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """All connections end, and no new ones stand until `mend`."""
        self.plugged = False
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self.plugged = True
        self._passing.set()

    def silence(self) -> None:
        """Nothing comes through any more, and no connection ends."""
        self._passing.clear()
