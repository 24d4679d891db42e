"""The `tls` and `password` members of a service's section."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .secrets import Secret, SecretSource
from .section import Section
from .yaml_reader import Node

_TLS_EXPECTED = 'one of {ca_file: FILE}, {fingerprint: "sha256:HEX"}, {pin: first_use}, {verify: false}'
_PASSWORD_EXPECTED = "one of {env: NAME}, {file: PATH}, {command: [PROGRAM, ARGUMENT, ...]}"


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """How a server proves who it is. `fingerprint`: SHA-256 of the certificate's DER, 64 lower-case hexadecimal digits.

    `old`: protocols and ciphers of before TLS 1.2 are taken too, for BMCs that know nothing better.
    """

    kind: Literal["system", "ca_file", "fingerprint", "first_use", "off"] = "system"
    ca_file: Path | None = None
    fingerprint: str | None = None
    old: bool = False


def read_tls(section: Section, warnings: list[str]) -> TlsPolicy:
    """The policy of a section; the system's authorities when it says nothing."""
    node = section.child("tls")
    if node is None or node.kind == "bad":
        return TlsPolicy()
    part = Section(section.report, node, section.name("tls"), ("ca_file", "fingerprint", "pin", "verify"))
    if node.kind == "map" and len(node.entries) != 1:
        section.add("tls", f"has {len(node.entries)} members; expected {_TLS_EXPECTED}")
    if part.has("ca_file"):
        text = part.text("ca_file", "a file of certificates in PEM", most=4096)
        path = section.report.file.parent / text if text else None
        if path is not None and not path.is_file():
            part.add("ca_file", "there is no such file; expected a file of certificates in PEM")
        return TlsPolicy("ca_file", ca_file=path)
    if part.has("fingerprint"):
        text = part.text("fingerprint", '"sha256:" and 64 hexadecimal digits') or ""
        digits = text.lower().removeprefix("sha256:").replace(":", "")
        if text and not (text.lower().startswith("sha256:") and re.fullmatch("[0-9a-f]{64}", digits)):
            part.add("fingerprint", 'is no SHA-256 fingerprint; expected "sha256:" and 64 hexadecimal digits')
        return TlsPolicy("fingerprint", fingerprint=digits)
    if part.has("pin"):
        if (pin := part.text("pin", "first_use")) is not None and pin != "first_use":
            part.add("pin", "is no way to pin; expected first_use")
        return TlsPolicy("first_use")
    if part.flag("verify") is False:
        warnings.append(f"{section.path}: certificates are not verified")
        return TlsPolicy("off")
    return TlsPolicy()


def read_password(section: Section, warnings: list[str]) -> SecretSource | None:
    """Where the section's password comes from. Nothing of what stands there is ever shown."""
    node = section.child("password", required=_PASSWORD_EXPECTED)
    if node is None or node.kind == "bad":
        return None
    origin, line, key = section.report.file, node.line, section.name("password")
    if node.kind == "text":
        if not node.text:
            section.add("password", f"is empty; expected {_PASSWORD_EXPECTED}")
            return None
        warnings.append(f"{key}: the password stands in the site file itself; better {_PASSWORD_EXPECTED}")
        return SecretSource("plain", origin, line, key, plain=Secret(node.text))
    if node.kind != "map":
        section.wrong(node, key, _PASSWORD_EXPECTED + ", or text in quotes")
        return None
    part = Section(section.report, node, key, ("env", "file", "command"), hidden=True)
    if len(node.entries) != 1:
        section.add("password", f"has {len(node.entries)} members; expected {_PASSWORD_EXPECTED}")
        return None
    if part.has("env"):
        name = part.text("env", "the name of an environment variable")
        if name is not None and not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name):
            part.add("env", "is no name of an environment variable; expected letters, digits and _")
        return SecretSource("env", origin, line, key, variable=name) if name else None
    if part.has("file"):
        text = part.text("file", "a file's path", most=4096)
        return SecretSource("file", origin, line, key, path=origin.parent / text) if text else None
    return _command(part, origin, line, key)


def _command(part: Section, origin: Path, line: int, key: str) -> SecretSource | None:
    words: list[str] = []
    nodes: list[Node] = part.items("command", "a list: the program and its arguments")
    for index, node in enumerate(nodes):
        word = part.text_of(node, f"{key}.command[{index}]", "text", most=4096, empty=index > 0)
        if word is None:
            return None
        words.append(node.text)
    if not words:
        if part.has("command") and part.node.entries["command"].value.kind == "list":
            part.add("command", "is empty; expected a list: the program and its arguments")
        return None
    return SecretSource("command", origin, line, key, command=tuple(words))
