"""The write queue that consoles on several machines share: `foreman.write_queue` of the site."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .diagnostics import InputError, Problem
from .secrets import Secret, SecretSource
from .section import Section
from .table import Key, Table
from .trust import Password

_HAS_PASSWORD = re.compile(r"//[^/?#@]*:[^/?#@]*@|\b(ssl)?password\s*=", re.IGNORECASE)
EXPECTED = "one of {env: NAME}, {file: PATH}, {command: [PROGRAM, ARGUMENT, ...]}; without a password also the DSN itself"


def has_password(dsn: str) -> bool:
    """Whether a DSN (a URL, or key=value pairs) holds one."""
    return _HAS_PASSWORD.search(dsn) is not None


@dataclass(frozen=True, slots=True)
class DsnReader(Password):
    """A DSN is kept as a password is, since it may hold one. Without one, it may stand in the file itself."""

    expected: str = EXPECTED

    def read(self, section: Section, key: str) -> SecretSource | None:
        node = section.node.entries[key].value
        if node.kind == "text" and node.text and not has_password(node.text):
            plain = Secret(node.text)
            return SecretSource("plain", section.report.file, node.line, section.name(key), plain=plain)
        return Password.read(self, section, key)


@dataclass(frozen=True, slots=True)
class WriteQueueSite:
    """Where the shared write queue is."""

    dsn: SecretSource


WRITE_QUEUE = Table(
    WriteQueueSite,
    (
        Key(
            "dsn",
            DsnReader(),
            "Address of its PostgreSQL database, such as postgresql://quads@db.example.com/quads?sslmode=verify-full or "
            "service=NAME; with a password in it: {env: NAME}, {file: PATH} (mode 0600) or {command: [PROGRAM, ARGUMENT]}",
            required=True,
            sample="{file: queue.dsn}",
        ),
    ),
)


def dsn_option(text: str) -> SecretSource | str:
    """What --cluster means: a DSN without a password, {file: PATH} or {env: NAME}. Raises InputError."""
    if found := re.fullmatch(r"\{\s*(file|env)\s*:\s*(\S+?)\s*\}", text):
        kind, what = found.groups()
        if kind == "file":
            path = Path(what)  # a shell leaves the ~ in it as it is
            with suppress(RuntimeError):  # of a user who is not known
                path = path.expanduser()
            return SecretSource("file", Path("--cluster"), 0, "--cluster", path=path)
        return SecretSource("env", Path("--cluster"), 0, "--cluster", variable=what)
    if has_password(text):
        raise password_typed()
    return text


def password_typed() -> InputError:
    """The DSN of --cluster holds a password."""
    message = (
        "holds a password, which all users of this machine can read; expected {file: PATH}, {env: NAME} or service=NAME; or "
        "leave the password out, and put it into the file $PGPASSFILE (~/.pgpass) or into $PGPASSWORD"
    )
    return InputError([Problem(Path("--cluster"), 0, "", message)])
