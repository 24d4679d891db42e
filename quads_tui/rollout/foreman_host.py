"""Foreman's answers as typed records. What is not there is None, never a guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .text import clean


@dataclass(frozen=True, slots=True)
class HostRecord:
    """One host (Foreman API v2, hosts/show). build_status: 0 installed, 1 pending, 2 token expired, 3 failed."""

    name: str
    id: int | None
    build: bool | None
    build_status: int | None
    installed_at: datetime | None
    owner_id: int | None
    owner_type: str | None
    operatingsystem_id: int | None
    ptable_id: int | None
    medium_id: int | None
    managed: bool | None
    mac: str | None
    pxe_loader: str | None = None
    organization: tuple[int, str] | None = None  # id and name
    location: tuple[int, str] | None = None

    @classmethod
    def read(cls, data: object) -> HostRecord | None:
        """None when this is no host."""
        if not isinstance(data, Mapping) or not isinstance(data.get("name"), str):
            return None
        return cls(
            name=clean(data["name"], compared=True).lower(),
            id=typed(data, "id", int),
            build=typed(data, "build", bool),
            build_status=typed(data, "build_status", int),
            installed_at=parse_time(data.get("installed_at")),
            owner_id=typed(data, "owner_id", int),
            owner_type=typed(data, "owner_type", str),
            operatingsystem_id=typed(data, "operatingsystem_id", int),
            ptable_id=typed(data, "ptable_id", int),
            medium_id=typed(data, "medium_id", int),
            managed=typed(data, "managed", bool),
            mac=typed(data, "mac", str),
            pxe_loader=typed(data, "pxe_loader", str),
            organization=_place(data, "organization"),
            location=_place(data, "location"),
        )

    @property
    def boot_mode(self) -> str:
        """The boot mode that its PXE loader is for: UEFI, Legacy, or empty where it does not tell."""
        words = (self.pxe_loader or "").upper()
        return "UEFI" if "UEFI" in words else "Legacy" if "BIOS" in words else ""

    def has(self, wanted: Mapping[str, object]) -> bool:
        """Whether every wanted attribute that a record keeps has this value here."""
        return all(getattr(self, key) == value for key, value in wanted.items() if key in self.__slots__)


def _place(data: Mapping[str, Any], kind: str) -> tuple[int, str] | None:
    number = typed(data, f"{kind}_id", int)
    return None if number is None else (number, clean(data.get(f"{kind}_name"), 100) or str(number))


def typed(data: Mapping[str, Any], key: str, kind: type[Any]) -> Any:
    """A member of a document of Foreman's; None where it has another type. No bool is an int."""
    value = data.get(key)
    if kind is int and isinstance(value, bool):
        return None
    return value if isinstance(value, kind) else None


def parse_time(value: object) -> datetime | None:
    """Foreman's "2026-11-22 22:04:31 UTC" (v2) or ISO 8601, as an aware time in UTC; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value.strip().replace(" UTC", "+00:00").replace("Z", "+00:00"))
    except ValueError:
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
