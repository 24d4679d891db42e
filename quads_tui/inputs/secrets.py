"""Passwords: where they come from, and an object that does not show what it holds."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from quads_tui.rollout.scrub import SECRETS

from .diagnostics import InputError, Problem
from .environment import Child, child_environment, withhold
from .files import FileError, open_regular, read_bounded
from .yaml_reader import CONTROLS

COMMAND_SECONDS = 10.0
_POLL_INTERVAL = 0.05  # seconds
MOST_SECRET_BYTES = 65_536


class Secret:
    """A text that is shown as `****` everywhere, also where a server repeats it.

    Compares by identity only, and is never pickled.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text
        SECRETS.add(text)

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._text

    def __repr__(self) -> str:
        return "****"

    def __str__(self) -> str:
        return "****"

    def __format__(self, spec: str) -> str:
        return "****"

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True, slots=True, repr=False)
class SecretSource:
    """Where a password comes from, and the place in the site file that says so."""

    kind: Literal["env", "file", "command", "plain"]
    origin: Path
    line: int
    key: str
    variable: str = ""
    path: Path | None = None
    command: tuple[str, ...] = ()
    plain: Secret | None = None

    def __post_init__(self) -> None:
        if self.variable:
            withhold(self.variable)

    def __repr__(self) -> str:
        return f"SecretSource({self.kind}, {self.key})"

    def refused(self, message: str) -> InputError:
        """An error that points to the site file's line."""
        return InputError([Problem(self.origin, self.line, self.key, message)])


def resolve_secret(source: SecretSource, environ: Mapping[str, str] | None = None) -> Secret:
    """The password. Blocks (a command up to 10 s): call it before the loop runs or in a thread. InputError says what to do."""
    if source.kind == "plain" and source.plain is not None:
        return source.plain
    if source.kind == "env":
        text = (os.environ if environ is None else environ).get(source.variable, "")
        if not text:
            raise source.refused(f"the environment variable {source.variable} is not set or empty; expected the password in it")
    elif source.kind == "file":
        text = _decoded(source, _from_file(source), "the password file")
    else:
        text = _decoded(source, _from_command(source), "the password command")
    return Secret(text)


def _decoded(source: SecretSource, data: bytes, what: str) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise source.refused(f"{what} gave no UTF-8 text; expected the password alone") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or CONTROLS.search(text):
        wrong = "more than one line or control characters" if text else "nothing"
        raise source.refused(f"{what} gave {wrong}; expected the password alone, in one line")
    return text


def _from_file(source: SecretSource) -> bytes:
    path = source.path or Path()
    try:
        descriptor = open_regular(path, follow=False)
        try:
            status = os.fstat(descriptor)
            if status.st_uid != os.geteuid():
                raise FileError("belongs to another user; expected a file of your own")
            if status.st_mode & 0o077:
                raise FileError(f"may be read or written by others (mode {status.st_mode & 0o777:04o}); expected 0600: chmod 600")
            return read_bounded(descriptor, MOST_SECRET_BYTES)
        finally:
            os.close(descriptor)
    except FileError as trouble:
        raise source.refused(f"the password file {path} {trouble}") from None


def _from_command(source: SecretSource) -> bytes:
    """Runs the argv list without a shell, in the site file's folder. Its stderr is not shown: it may hold the secret."""
    name = source.command[0]
    try:
        process = subprocess.Popen(
            source.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=source.origin.absolute().parent,
            env=child_environment(Child.PASSWORD),
            start_new_session=True,
            bufsize=0,
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a possible command"
        raise source.refused(
            f"the password command {name} cannot be started: {why}; expected a program and its arguments"
        ) from None
    try:
        data = _collect(source, process)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # its own session: this ends its children too
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    if process.returncode:
        raise source.refused(
            f"the password command {name} ended with status {process.returncode}; run it by hand to see why; expected status 0"
        )
    return data


def _collect(source: SecretSource, process: subprocess.Popen[bytes]) -> bytes:
    """What it writes until its own end, whatever its children still hold open."""
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    deadline = time.monotonic() + COMMAND_SECONDS
    data = b""
    ended = False
    while True:
        ready, _, _ = select.select([descriptor], [], [], 0.0 if ended else _POLL_INTERVAL)
        part = os.read(descriptor, 65_536) if ready else b""
        data += part
        if len(data) > MOST_SECRET_BYTES:
            raise source.refused(f"the password command {source.command[0]} wrote over 64 KiB; expected the password alone")
        if ended and not part:
            return data
        if not part and ready:
            with suppress(subprocess.TimeoutExpired):  # it closed its output, and is about to end
                process.wait(_POLL_INTERVAL)
        if not ended and time.monotonic() > deadline:
            raise source.refused(
                f"the password command {source.command[0]} did not end in {COMMAND_SECONDS:g} s; expected an answer sooner"
            )
        ended = process.poll() is not None
