"""The `tls` and `password` members of a service's section."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .readers import Choice, Command, FilePath, Flag, Text
from .secrets import Secret, SecretSource
from .section import Section
from .table import Key, Reader, Table

_FINGERPRINT = re.compile(r"[Ss][Hh][Aa]256:(?:[0-9A-Fa-f]:?){64}")


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """How a server proves who it is. `fingerprint`: SHA-256 of the certificate's DER, 64 lower-case hexadecimal digits.

    `old`: protocols and ciphers of before TLS 1.2 are taken too, for BMCs that know nothing better.
    """

    kind: Literal["system", "ca_file", "fingerprint", "first_use", "off"] = "system"
    ca_file: Path | None = None
    fingerprint: str | None = None
    old: bool = False


def _policy(
    ca_file: Path | None = None, fingerprint: str | None = None, pin: str | None = None, verify: bool = True
) -> TlsPolicy:
    if ca_file is not None:
        return TlsPolicy("ca_file", ca_file=ca_file)
    if fingerprint is not None:
        return TlsPolicy("fingerprint", fingerprint=fingerprint.lower().removeprefix("sha256:").replace(":", ""))
    if pin is not None:
        return TlsPolicy("first_use")
    return TlsPolicy() if verify else TlsPolicy("off")


TLS = Table(
    _policy,
    (
        Key(
            "ca_file",
            FilePath("a file of certificates in PEM", must_exist=True),
            "File of the certificate authorities that are trusted (PEM); the host name is checked too",
            sample="lab-ca.pem",
        ),
        Key(
            "fingerprint",
            Text('"sha256:" and 64 hexadecimal digits', pattern=_FINGERPRINT, wrong="is not a SHA-256 fingerprint"),
            "SHA-256 of the only certificate that is accepted (DER form); colons and case are ignored",
            sample='"sha256:' + "ab12" * 16 + '"',
        ),
        Key(
            "pin",
            Choice("first_use", ("first_use",)),
            "The first certificate of a server is stored in the state directory; every other certificate is then refused",
            sample="first_use",
        ),
        Key(
            "verify",
            Flag(),
            "false: certificates are not checked, and the header always shows a warning",
            default="true",
            sample="false",
        ),
    ),
    single=True,
)


@dataclass(frozen=True, slots=True)
class Tls(Reader):
    """Exactly one of the ways to trust a server."""

    expected: str = 'one of {ca_file: FILE}, {fingerprint: "sha256:HEX"}, {pin: first_use}, {verify: false}'

    @property
    def kind(self) -> str:
        return "mapping with one key"

    @property
    def table(self) -> Table[Any]:
        return TLS

    def read(self, section: Section, key: str) -> TlsPolicy | None:
        node = section.node.entries[key].value
        if node.kind == "bad":
            return None
        if node.kind == "map" and len(node.entries) != 1:
            section.add(key, f"has {len(node.entries)} keys; expected {self.expected}")
        policy = TLS.read(section.report, node, section.name(key))
        if policy is not None and policy.kind == "off":
            section.report.warn(section.line(key), section.name(key), "certificates are not verified")
        return policy

    def schema(self) -> dict[str, Any]:
        return TLS.schema()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a password is kept: one of these."""

    env: str | None = None
    file: Path | None = None
    command: tuple[str, ...] | None = None


PASSWORD = Table(
    _Place,
    (
        Key(
            "env",
            Text(
                "the name of an environment variable: letters, digits and _",
                pattern=re.compile("[A-Za-z_][A-Za-z0-9_]*"),
                wrong="is not the name of an environment variable",
            ),
            "The environment variable that holds the password",
            sample="FOREMAN_PASSWORD",
        ),
        Key(
            "file",
            FilePath(),
            "A file with only the password: owned by you, mode 0600, not a symbolic link",
            sample="foreman.password",
        ),
        Key(
            "command",
            Command(),
            "A program that prints the password; it runs without a shell, for 10 s at most",
            sample="[pass, show, foreman]",
        ),
    ),
    hidden=True,
    single=True,
)


@dataclass(frozen=True, slots=True)
class Password(Reader):
    """Where a password comes from. Nothing of what stands there is ever shown."""

    expected: str = "one of {env: NAME}, {file: PATH}, {command: [PROGRAM, ARGUMENT, ...]}"

    @property
    def kind(self) -> str:
        return "mapping with one key"

    @property
    def table(self) -> Table[Any]:
        return PASSWORD

    def read(self, section: Section, key: str) -> SecretSource | None:
        node = section.node.entries[key].value
        origin, line, path = section.report.file, node.line, section.name(key)
        if node.kind == "bad":
            return None
        if node.kind == "text":
            if not node.text:
                section.add(key, f"is empty; expected {self.expected}")
                return None
            section.report.warn(section.line(key), path, f"the password is in the site file itself; better {self.expected}")
            return SecretSource("plain", origin, line, path, plain=Secret(node.text))
        if node.kind != "map":
            section.wrong(node, path, self.expected + ", or text in quotes")
            return None
        place = PASSWORD.read(section.report, node, path)
        if len(node.entries) != 1:
            section.add(key, f"has {len(node.entries)} keys; expected {self.expected}")
        elif place is not None and place.env is not None:
            return SecretSource("env", origin, line, path, variable=place.env)
        elif place is not None and place.file is not None:
            return SecretSource("file", origin, line, path, path=place.file)
        elif place is not None and place.command is not None:
            return SecretSource("command", origin, line, path, command=place.command)
        return None

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "minLength": 1}, PASSWORD.schema()]}
