"""Who holds the keys of a running rollout: its own screen, or one that attached over a local socket.

One JSON object a line. The client's first is {"who": TEXT}; after it, commands (rollout.commands). The server tells
{"holder": TEXT} at each change, with an empty text for whoever holds the keys now.
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

_LONGEST = 200_000  # bytes of a line: a command that names 5,000 hosts


class NotRunning(QuadsTuiError):
    """Nobody serves the keys of this rollout."""


class ControlServer:
    """Beside a running rollout. `on_holder` gets the name of who took the keys from the own screen; empty when they are back."""

    def __init__(self, directory: Path, control: Control, on_holder: Callable[[str], None]) -> None:
        self._directory = directory
        self._control = control
        self._on_holder = on_holder
        self._server: asyncio.Server | None = None
        self._made: os.stat_result | None = None  # our own socket: who took the rollout over has another one there
        self._clients: dict[asyncio.StreamWriter, str] = {}

    @property
    def holder(self) -> str:
        """The last one that attached; empty when the own screen holds the keys."""
        return next(reversed(self._clients.values()), "")

    async def open(self) -> None:
        """Raises OSError."""
        self._server = await asyncio.start_unix_server(self._serve, sock=self._listener(), limit=_LONGEST)

    def _listener(self) -> socket.socket:
        _removed(self._directory)
        with _bound(self._directory) as path:
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
                    _removed(self._directory)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if _peer(writer.get_extra_info("socket")) in (0, os.getuid()):
                await self._listen(reader, writer)
        except (OSError, ValueError, asyncio.IncompleteReadError):
            pass  # a client that breaks off or talks nonsense is let go
        finally:
            self._clients.pop(writer, None)
            self._tell()
            writer.close()

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = json.loads(await reader.readline())
        self._clients[writer] = clean(str(hello["who"]) if isinstance(hello, dict) else "", 100) or "somebody"
        self._tell()
        while line := await reader.readline():
            command = from_dict(json.loads(line))
            if writer is next(reversed(self._clients)):
                self._control.submit(command)

    def _tell(self) -> None:
        self._on_holder(self.holder)
        for writer in self._clients:
            words = "" if writer is next(reversed(self._clients)) else self.holder
            with suppress(OSError):
                writer.write(json.dumps({"holder": words}).encode() + b"\n")


class RemoteControl:
    """Implements rollout.ports.Control over the socket. `holder` is who holds the keys; empty while they are ours."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_holder: Callable[[str], None]) -> None:
        self._reader = reader
        self._writer = writer
        self._on_holder = on_holder

    @classmethod
    async def connect(cls, directory: Path, who: str, on_holder: Callable[[str], None]) -> RemoteControl:
        """Raises NotRunning."""
        try:
            with _bound(directory) as path:
                reader, writer = await asyncio.open_unix_connection(path, limit=_LONGEST)
        except OSError:
            raise NotRunning from None
        writer.write(json.dumps({"who": who}).encode() + b"\n")
        return cls(reader, writer, on_holder)

    def submit(self, command: Command) -> None:
        self._writer.write(json.dumps(to_dict(command)).encode() + b"\n")

    async def run(self) -> None:
        """Until the other side has gone."""
        with suppress(OSError, ValueError):
            while line := await self._reader.readline():
                self._on_holder(clean(str(json.loads(line)["holder"]), 100))

    def close(self) -> None:
        self._writer.close()


class _bound:
    """The socket's path by way of its directory's file descriptor: a Unix socket's name may have 107 bytes only."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __enter__(self) -> str:
        self._fd = os.open(self._directory, os.O_PATH | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._fd}/keys.sock"

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def _removed(directory: Path) -> None:
    with suppress(OSError):
        (directory / "keys.sock").unlink()


def _peer(peer: socket.socket) -> int:
    """The user id of the other side, as the kernel tells it."""
    _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(uid)
