"""Where the metrics of a rollout are served: the `metrics` section of the site, and the option --metrics."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any

from .addresses import AddressError, is_loopback
from .section import Section
from .table import Key, Reader, Table

EXPECTED = "[ADDRESS:]PORT, such as 9180, 127.0.0.1:9180 or [::1]:9180"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Listen:
    """An IP address of this machine, and a port."""

    address: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Nobody on another machine reaches it."""
        return is_loopback(self.address)

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def listen_address(text: str) -> Listen:
    """Reads [ADDRESS:]PORT; without an address it is loopback. Names are not resolved. Raises AddressError."""
    address, _, port = text.rpartition(":")
    if not re.fullmatch(r"[1-9][0-9]{0,4}", port) or int(port) > 65_535:
        raise AddressError(f"has no port between 1 and 65535; expected {EXPECTED}")
    if not address and not text.startswith(":"):
        return Listen(LOOPBACK, int(port))
    if address.lower() == "localhost":
        return Listen(LOOPBACK, int(port))
    bare = address.removeprefix("[").removesuffix("]") if address.startswith("[") else address
    try:
        found = ipaddress.ip_address(bare)
    except ValueError:
        raise AddressError(f"has no IP address before the port; expected {EXPECTED}") from None
    if (found.version == 6) is not address.startswith("["):
        raise AddressError(f"has no IP address before the port; expected {EXPECTED}")
    return Listen(str(found), int(port))


@dataclass(frozen=True, slots=True)
class ListenReader(Reader):
    """[ADDRESS:]PORT."""

    expected: str = EXPECTED

    @property
    def kind(self) -> str:
        return "address and port"

    def read(self, section: Section, key: str) -> Listen | None:
        text = section.text(key, self.expected, numbers=True, most=100)
        try:
            return None if text is None else listen_address(text)
        except AddressError as error:
            section.add(key, f"{section.quoted(text or '')}{error}")
            return None

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "integer"], "pattern": r"^(?:[^\s]+:)?[1-9][0-9]{0,4}$", "minimum": 1, "maximum": 65_535}


@dataclass(frozen=True, slots=True)
class MetricsSite:
    """The `metrics` section."""

    listen: Listen


def open_to_others(listen: Listen) -> str:
    """What an operator must know of an address that is not loopback; empty for loopback."""
    if listen.is_loopback:
        return ""
    return f"metrics are served at {listen} without a password to everyone who can reach this address"


def _check(section: Section, values: dict[str, Any]) -> None:
    listen = values.get("listen")
    if listen is not None and (words := open_to_others(listen)):
        section.report.warn(section.line("listen"), section.name("listen"), words)


METRICS = Table(
    MetricsSite,
    (
        Key(
            "listen",
            ListenReader(),
            "IP address and port at which a rollout serves its metrics for Prometheus, without a password; keep it on loopback",
            required=True,
            sample='"127.0.0.1:9180"',
        ),
    ),
    check=_check,
)
