"""TLS servers that end a handshake as real ones do, with an alert on the wire: asyncio's own would reset the connection."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress


class TlsServer:
    """Takes one connection after another, in a thread. `context` None: plain HTTP. Each request is answered with `answer`."""

    def __init__(self, context: ssl.SSLContext | None, answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") -> None:
        self._context = context
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(10)
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        if self._context is None:
            connection.recv(65536)
            connection.sendall(self._answer)
            _drained(connection)
            return
        try:
            tls = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            tls.do_handshake()
            tls.recv(65536)
            tls.sendall(self._answer)
        finally:
            _drained(tls)


def _drained(connection: socket.socket) -> None:
    """What is closed with unread bytes is reset, and the last words with it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while socket.socket.recv(connection, 65536):
            pass
