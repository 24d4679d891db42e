"""The `ipmi` section of the site: the account of BMCs at ipmi:// addresses, and how they and their machines are talked to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .patterns import LOOKED_AT, bounded_expression
from .readers import Choice, Text
from .secrets import SecretSource
from .section import Section
from .table import Key, Reader, Table
from .trust import Password

LONGEST_PASSWORD = 20  # bytes, of IPMI 2.0
_LONGEST_USER = 16  # bytes
CIPHER_SUITES = (17, 3)  # with a login and encryption by AES: SHA-256, and SHA-1 for older BMCs
PRIVILEGES = ("ADMINISTRATOR", "OPERATOR")  # USER may read only
BOOT_MODES = {"uefi": "UEFI", "legacy": "Legacy"}


@dataclass(frozen=True, slots=True)
class IpmiAccount:
    """How one BMC is talked to. `boot_mode`: UEFI, Legacy, or empty where the site does not say."""

    username: str
    password: SecretSource
    cipher_suite: int = 17
    privilege: str = "ADMINISTRATOR"
    boot_mode: str = ""


@dataclass(frozen=True, slots=True)
class IpmiSite:
    """The account of all BMCs, and what is different for some: by a pattern of host names, the first that fits."""

    username: str
    password: SecretSource
    cipher_suite: int = 17
    privilege: str = "ADMINISTRATOR"
    boot_mode: str = ""
    hosts: Mapping[re.Pattern[str], Mapping[str, Any]] = field(default_factory=dict)

    def of(self, host: str) -> IpmiAccount:
        """The account for the BMC of this host."""
        account = IpmiAccount(self.username, self.password, self.cipher_suite, self.privilege, self.boot_mode)
        for pattern, other in self.hosts.items():
            if pattern.search(host[:LOOKED_AT]):
                return replace(account, **other)
        return account

    @property
    def passwords(self) -> tuple[SecretSource, ...]:
        """All that are to be fetched."""
        return (self.password, *(other["password"] for other in self.hosts.values() if "password" in other))


@dataclass(frozen=True, slots=True)
class _CipherSuite(Reader):
    expected: str = "17, or 3 for BMCs that know no SHA-256"

    @property
    def kind(self) -> str:
        return "17 or 3"

    def read(self, section: Section, key: str) -> int | None:
        value = section.number(key, whole=True, most=255)
        if value is None or int(value) in CIPHER_SUITES:
            return None if value is None else int(value)
        section.add(key, f"{value:.0f} is not supported; expected {self.expected}")
        return None

    def schema(self) -> dict[str, Any]:
        return {"enum": list(CIPHER_SUITES)}


@dataclass(frozen=True, slots=True)
class _BootMode(Choice):
    def read(self, section: Section, key: str) -> str | None:
        word = Choice.read(self, section, key)
        return BOOT_MODES.get(word) if word else None


@dataclass(frozen=True, slots=True)
class _User(Text):
    def read(self, section: Section, key: str) -> str | None:
        name = Text.read(self, section, key)
        if name is not None and len(name.encode()) > _LONGEST_USER:
            section.add(key, f"is longer than {_LONGEST_USER} bytes, which IPMI does not allow; expected {self.expected}")
            return None
        return name


@dataclass(frozen=True, slots=True)
class _Exceptions(Reader):
    """What is different for hosts whose name fits a regular expression."""

    expected: str = "a mapping of patterns such as ^f21- to mappings"

    @property
    def kind(self) -> str:
        return "mapping of patterns to mappings"

    def read(self, section: Section, key: str) -> dict[re.Pattern[str], dict[str, Any]]:
        node = section.node.entries[key].value
        if node.kind != "map":
            section.wrong(node, section.name(key), self.expected)
        found: dict[re.Pattern[str], dict[str, Any]] = {}
        for text, entry in node.entries.items():
            path = f"{section.name(key)}.{text}"
            pattern, why = bounded_expression(text, "a regular expression such as ^f21-")
            other = _EXCEPTION.read(section.report, entry.value, path)
            if pattern is None:
                section.report.add(entry.line, path, why)
            elif other is not None:
                found[pattern] = other
        return found

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": _EXCEPTION.schema()}


_ROWS = (
    Key("username", _User("a user's name of at most 16 bytes"), "User name of the BMC account", required=True, sample="ADMIN"),
    Key(
        "password",
        Password(),
        "Password of the BMC account, of at most 20 bytes",
        required=True,
        sample="{env: IPMI_PASSWORD}",
    ),
    Key(
        "cipher_suite",
        _CipherSuite(),
        "Cipher suite of the sessions: 17 (SHA-256), or 3 (SHA-1) for BMCs that do not have 17",
        default="17",
        sample="17",
    ),
    Key(
        "privilege",
        Choice("ADMINISTRATOR or OPERATOR", PRIVILEGES),
        "Privilege level of the sessions; the account must have it",
        default="ADMINISTRATOR",
        sample="ADMINISTRATOR",
    ),
    Key(
        "boot_mode",
        _BootMode("uefi or legacy", tuple(BOOT_MODES)),
        "Boot mode of hosts whose PXE loader in Foreman does not show it; a host without either is not provisioned",
        sample="uefi",
    ),
)
_EXCEPTION: Table[dict[str, Any]] = Table(dict, tuple(replace(row, required=False) for row in _ROWS))
IPMI = Table(
    IpmiSite,
    (
        *_ROWS,
        Key(
            "hosts",
            _Exceptions(),
            "Other values of these keys for hosts whose name a regular expression finds; the first that fits counts",
            sample='{"^f21-": {cipher_suite: 3, boot_mode: legacy}}',
        ),
    ),
)
