"""Foreman's answers as typed records: what is not there is None, never a guess, and what has a wrong type is not believed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from quads_tui.rollout.counts import count

from .causes import Unreadable
from .identity import mac_of
from .numbers import iso_time, record_id
from .text import clean

_OFFSET = re.compile(r" ?(UTC|[+-]\d\d:?\d\d)$", re.ASCII)


@dataclass(frozen=True, slots=True)
class HostRecord:
    """One host (Foreman API v2, hosts/show). build_status: 0 installed, 1 pending, 2 token expired, 3 failed."""

    name: str
    id: int
    build: bool
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
    def read(cls, data: object, name: str = "") -> HostRecord:
        """`name`: whose record this must be; empty: of whatever host. Raises Unreadable."""
        if not isinstance(data, Mapping):
            raise Unreadable(f"Foreman's answer is not a host{f' ({name} was asked for)' if name else ''}")
        found = host_name(data.get("name"))
        if name and found != name:
            raise Unreadable(f"Foreman was asked for {name} and answered with {clean(found, 80)}")
        of = clean(found, 80)
        number, build = record_id(data.get("id")), data.get("build")
        if number is None or not isinstance(build, bool) or "installed_at" not in data:
            wrong = "id" if number is None else "build" if not isinstance(build, bool) else "installed_at"
            raise Unreadable(_odd(of, wrong, data.get(wrong, "missing")))
        return cls(
            name=found,
            id=number,
            build=build,
            build_status=_status(of, data.get("build_status")),
            installed_at=parse_time(of, data["installed_at"]),
            owner_id=typed(of, data, "owner_id", int),
            owner_type=typed(of, data, "owner_type", str),
            operatingsystem_id=typed(of, data, "operatingsystem_id", int),
            ptable_id=typed(of, data, "ptable_id", int),
            medium_id=typed(of, data, "medium_id", int),
            managed=typed(of, data, "managed", bool),
            mac=typed(of, data, "mac", str),
            pxe_loader=typed(of, data, "pxe_loader", str),
            organization=_place(of, data, "organization"),
            location=_place(of, data, "location"),
        )

    @property
    def boot_mode(self) -> str:
        """The boot mode that its PXE loader is for: UEFI, Legacy, or empty where it does not tell."""
        words = (self.pxe_loader or "").upper()
        return "UEFI" if "UEFI" in words else "Legacy" if "BIOS" in words else ""

    def has(self, wanted: Mapping[str, object]) -> bool:
        """Whether every wanted attribute that a record keeps has this value here."""
        return all(getattr(self, key) == value for key, value in wanted.items() if key in self.__slots__)


@dataclass(frozen=True, slots=True)
class Interface:
    """One network interface of a host (hosts/show). `mac`: lower case with colons, empty where it has none."""

    mac: str
    provision: bool
    type: str  # "interface", "bond", "bmc", ...


def interfaces(data: object, name: str) -> list[Interface]:
    """Of the host of this name. Raises Unreadable."""
    HostRecord.read(data, name)
    listed = data.get("interfaces") if isinstance(data, Mapping) else None
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        raise Unreadable(f"Foreman shows {name} without its interfaces")
    return [
        Interface(
            mac_of(typed(name, one, "mac", str)),
            bool(typed(name, one, "provision", bool)),
            typed(name, one, "type", str) or "",
        )
        for one in listed
    ]


class SomeUnreadable(Unreadable):
    """Not every record that was asked for can be read; `records` are those that can, by name."""

    def __init__(self, reasons: Sequence[Unreadable], records: Mapping[str, HostRecord]) -> None:
        more = f", and {count(len(reasons) - 1, 'more host')}" if len(reasons) > 1 else ""
        super().__init__(f"{reasons[0].what}{more}")
        self.records = records


def _place(of: str, data: Mapping[str, Any], kind: str) -> tuple[int, str] | None:
    number = typed(of, data, f"{kind}_id", int)
    return None if number is None else (number, clean(data.get(f"{kind}_name"), 100) or str(number))


def host_name(value: object) -> str:
    """As Foreman has it, in lower case and otherwise untouched: it is compared. Raises Unreadable for what is no name."""
    if not isinstance(value, str) or not 0 < len(value) < 256:
        raise Unreadable(f"Foreman shows a host with an invalid name: {clean(value, 40)!r}")
    return value.lower()


def typed(of: str, data: Mapping[str, Any], key: str, kind: type[Any]) -> Any:
    """A member of a document of Foreman's `of` something; None where it has none. An int is an id. Raises Unreadable."""
    value = data.get(key)
    if value is None:
        return None
    good = record_id(value) is not None if kind is int else isinstance(value, kind)
    if not good:
        raise Unreadable(_odd(of, key, value))
    return value


def parse_time(of: str, value: object) -> datetime | None:
    """Foreman's "2026-11-22 22:04:31 UTC" (v2) or ISO 8601, in UTC; None where it has none. Raises Unreadable."""
    if value is None:
        return None
    zoned = _OFFSET.sub(lambda zone: "+00:00" if zone[1] == "UTC" else zone[1], value.strip()) if isinstance(value, str) else None
    found = iso_time(zoned)
    if found is None:
        raise Unreadable(_odd(of, "installed_at", value))
    return found


def _status(of: str, value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1000:
        raise Unreadable(_odd(of, "build_status", value))
    return value


def _odd(of: str, key: str, value: object) -> str:
    return f"Foreman shows {of} with {key} {clean(value, 40)!r}"
