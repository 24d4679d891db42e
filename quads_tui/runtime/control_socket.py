"""Control of a running rollout: by its own screen, or by a console that attached over a local socket.

One JSON object a line. The client's first is {"who": TEXT}; after it, commands (rollout.commands). The server sends
{"holder": TEXT} at each change: who has control now, empty for the client that has it; and {"error": TEXT} for a line that is no
command, which changes nothing else. Lines, clients and what waits for a client are limited.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from quads_tui.rollout.commands import Command, from_dict, to_dict
from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.text import clean

_MAX_LINE = 6_000_000  # bytes of a line: a command that names 20,000 hosts, whose names have 253 bytes at most
_MAX_HELLO = 1000  # bytes of the first line
_HELLO_TIMEOUT = 10.0  # real seconds that a client has for it
_MAX_CLIENTS = 16  # connections at once; the reads of each may hold twice a line
_MAX_UNSENT = 100_000  # bytes that may wait for a client


class NotRunning(QuadsTuiError):
    """No process runs this rollout."""


class AttributedControl(Protocol):
    """As rollout.ports.Control; `who`: whose command it is, user@machine."""

    def submit(self, command: Command, who: str) -> None: ...


class ControlServer:
    """Serves a running rollout. `on_holder` gets the console that took control; empty: the own screen has it."""

    def __init__(self, directory: Path, control: AttributedControl, on_holder: Callable[[str], None]) -> None:
        self._directory = directory
        self._control = control
        self._on_holder = on_holder
        self._server: asyncio.Server | None = None
        self._made: os.stat_result | None = None  # our own socket: a process that took over the rollout has another one there
        self._clients: dict[asyncio.StreamWriter, str] = {}
        self._connected: set[asyncio.StreamWriter] = set()  # those that have not said who they are too

    @property
    def holder(self) -> str:
        """The last console that attached; empty when the own screen has control."""
        return next(reversed(self._clients.values()), "")

    async def open(self) -> None:
        """Raises OSError."""
        self._server = await asyncio.start_unix_server(self._serve, sock=self._listener(), limit=_MAX_LINE)

    def _listener(self) -> socket.socket:
        _remove_socket(self._directory)
        with _SocketPath(self._directory) as path:
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            before = os.umask(0o177)
            try:
                listener.bind(path)
            finally:
                os.umask(before)
            self._made = Path(path).lstat()
        return listener

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in list(self._connected):
                writer.close()
            with suppress(OSError):
                if self._made is not None and os.path.samestat(self._made, (self._directory / "keys.sock").lstat()):
                    _remove_socket(self._directory)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connected.add(writer)
        try:
            if len(self._connected) <= _MAX_CLIENTS and _peer_uid(writer.get_extra_info("socket")) in (0, os.getuid()):
                await self._serve_commands(reader, writer)
        except (OSError, ValueError, LookupError, RecursionError, TimeoutError):
            pass  # a client that disconnects, does not say who it is, or sends a line without end is dropped
        finally:
            self._connected.discard(writer)
            if self._clients.pop(writer, None) is not None:
                self._announce()
            writer.close()

    async def _serve_commands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_HELLO_TIMEOUT):
            line = await reader.readline()
        hello = json.loads(line) if len(line) <= _MAX_HELLO else None
        if not isinstance(hello, dict) or not isinstance(hello.get("who"), str):
            return
        self._clients[writer] = clean(hello["who"], 100) or "somebody"
        self._announce()
        while (line := await reader.readline()).endswith(b"\n"):  # half a line at the end is no command
            try:
                command = from_dict(json.loads(line))
            except (ValueError, RecursionError) as error:
                self._send(writer, {"error": clean(error)})
                await asyncio.sleep(0)  # lines that have come already would keep the loop
                if writer.is_closing():
                    return
                continue
            if writer is next(reversed(self._clients)):
                self._control.submit(command, user_of(self._clients[writer]))
            await asyncio.sleep(0)

    def _announce(self) -> None:
        self._on_holder(self.holder)
        for writer in list(self._clients):
            self._send(writer, {"holder": "" if writer is next(reversed(self._clients)) else self.holder})

    def _send(self, writer: asyncio.StreamWriter, message: dict[str, str]) -> None:
        with suppress(OSError):
            if writer.transport.get_write_buffer_size() > _MAX_UNSENT:
                writer.transport.abort()  # it does not read
            elif not writer.is_closing():  # asyncio would warn, line by line, on standard error
                writer.write(json.dumps(message).encode() + b"\n")


class RemoteControl:
    """Implements rollout.ports.Control over the socket, one connection after the other.

    `on_holder` gets who has control; empty while we have it.
    """

    def __init__(self, directory: Path, who: str, on_holder: Callable[[str], None]) -> None:
        self._directory = directory
        self._who = who
        self._on_holder = on_holder
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def connect(self) -> None:
        """Take control from the process that runs the rollout. Raises NotRunning."""
        try:
            with _SocketPath(self._directory) as path:
                reader, writer = await asyncio.open_unix_connection(path, limit=_MAX_LINE)
        except OSError:
            raise NotRunning from None
        writer.write(json.dumps({"who": self._who}).encode() + b"\n")
        self._streams = reader, writer

    def submit(self, command: Command) -> None:
        """Lost where no process runs the rollout: the screen is read-only then."""
        if self._streams is not None:
            self._streams[1].write(json.dumps(to_dict(command)).encode() + b"\n")

    async def run(self) -> None:
        """Returns when the process that runs the rollout has closed the connection, or has gone."""
        if self._streams is None:
            return
        reader, _ = self._streams
        with suppress(OSError, ValueError):
            while line := await reader.readline():
                message = json.loads(line)
                if isinstance(message, dict) and "holder" in message:
                    self._on_holder(clean(message["holder"], 100))
        self.close()

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def user_of(console: str) -> str:
    """The user@machine of a console that calls itself "user@machine, process 4711"."""
    return console.partition(", process ")[0]


class _SocketPath:
    """The socket's path by way of its directory's file descriptor: a Unix socket's name may have 107 bytes only."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __enter__(self) -> str:
        self._fd = os.open(self._directory, os.O_PATH | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._fd}/keys.sock"

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def _remove_socket(directory: Path) -> None:
    with suppress(OSError):
        (directory / "keys.sock").unlink()


def _peer_uid(peer: socket.socket) -> int:
    """The user id of the other side, from the kernel."""
    _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(uid)
