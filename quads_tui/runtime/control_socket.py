"""Control of a running rollout: by its own screen, or by a console that attached over a local socket.

One JSON object a line. The client's first is {"who": TEXT}; after it, commands (rollout.commands). The server sends
{"holder": TEXT} at each change: who has control now, empty for the client that has it.
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

from quads_tui.rollout.commands import Command, from_dict, to_dict
from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.ports import Control
from quads_tui.rollout.text import clean

_MAX_LINE = 200_000  # bytes of a line: a command that names 5,000 hosts


class NotRunning(QuadsTuiError):
    """No process runs this rollout."""


class ControlServer:
    """Serves a running rollout. `on_holder` gets the console that took control; empty: the own screen has it."""

    def __init__(self, directory: Path, control: Control, on_holder: Callable[[str], None]) -> None:
        self._directory = directory
        self._control = control
        self._on_holder = on_holder
        self._server: asyncio.Server | None = None
        self._made: os.stat_result | None = None  # our own socket: a process that took over the rollout has another one there
        self._clients: dict[asyncio.StreamWriter, str] = {}

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
            for writer in list(self._clients):
                writer.close()
            with suppress(OSError):
                if self._made is not None and os.path.samestat(self._made, (self._directory / "keys.sock").lstat()):
                    _remove_socket(self._directory)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if _peer_uid(writer.get_extra_info("socket")) in (0, os.getuid()):
                await self._serve_commands(reader, writer)
        except (OSError, ValueError, asyncio.IncompleteReadError):
            pass  # a client that disconnects or sends garbage is dropped
        finally:
            self._clients.pop(writer, None)
            self._announce()
            writer.close()

    async def _serve_commands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = json.loads(await reader.readline())
        self._clients[writer] = clean(str(hello["who"]) if isinstance(hello, dict) else "", 100) or "somebody"
        self._announce()
        while line := await reader.readline():
            command = from_dict(json.loads(line))
            if writer is next(reversed(self._clients)):
                self._control.submit(command)

    def _announce(self) -> None:
        self._on_holder(self.holder)
        for writer in self._clients:
            words = "" if writer is next(reversed(self._clients)) else self.holder
            with suppress(OSError):
                writer.write(json.dumps({"holder": words}).encode() + b"\n")


class RemoteControl:
    """Implements rollout.ports.Control over the socket. `on_holder` gets who has control; empty while we have it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_holder: Callable[[str], None]) -> None:
        self._reader = reader
        self._writer = writer
        self._on_holder = on_holder

    @classmethod
    async def connect(cls, directory: Path, who: str, on_holder: Callable[[str], None]) -> RemoteControl:
        """Raises NotRunning."""
        try:
            with _SocketPath(directory) as path:
                reader, writer = await asyncio.open_unix_connection(path, limit=_MAX_LINE)
        except OSError:
            raise NotRunning from None
        writer.write(json.dumps({"who": who}).encode() + b"\n")
        return cls(reader, writer, on_holder)

    def submit(self, command: Command) -> None:
        self._writer.write(json.dumps(to_dict(command)).encode() + b"\n")

    async def run(self) -> None:
        """Returns when the server has closed the connection."""
        with suppress(OSError, ValueError):
            while line := await self._reader.readline():
                self._on_holder(clean(str(json.loads(line)["holder"]), 100))

    def close(self) -> None:
        self._writer.close()


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
