"""The interfaces file: what Dell calls the boot devices of a model or of a host, in both spellings that labs have.

One line a type and a model, `foreman_r650: NIC.Integrated.1-1-1,HardDisk.List.1-1,NIC.Slot.1-1-1`: boot devices in order, the
first is the NIC to boot from. A key may name rack, unit and blade too (`foreman_f18_r640`, `director_b01_fc640`); QUADS puts
the model before the blade and the word `interfaces` behind (`director_fc640_b01_interfaces`). The words of a key are therefore
taken without their order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .diagnostics import Report, nearest
from .section import Section
from .table import Reader
from .yaml_reader import Node, read_yaml

FOREMAN = "foreman"  # the type whose first device is the NIC that Foreman provisions through
_KEY = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")
_DEVICE = re.compile(r"[A-Za-z0-9]+(?:[.-][A-Za-z0-9]+){1,7}")
_KEY_EXPECTED = "TYPE_MODEL such as foreman_r650, with rack, unit or blade added if the key is for single hosts"
_DEVICES_EXPECTED = "boot devices with commas between them, such as NIC.Integrated.1-1-1,HardDisk.List.1-1"


@dataclass(frozen=True, slots=True)
class Interfaces:
    """A whole file: type of order (foreman, director...) and words of the key to boot devices."""

    rows: Mapping[tuple[str, frozenset[str]], tuple[str, ...]] = field(default_factory=dict)

    @property
    def types(self) -> frozenset[str]:
        return frozenset(kind for kind, _ in self.rows)

    def devices(self, kind: str, host: str, model: str = "") -> tuple[str, ...]:
        """Of the most specific key that fits; empty where there is none.

        `host` is named RACK-UNIT-BLADE-MODEL, blade `000` or left out where there is none; `model` is another word for the
        model. Of two keys with as many words the one with the blade wins: sleds of one model differ by their slot.
        """
        rack, unit, blade, named = _parts(host)
        words = {word for word in (rack, unit, blade, named, model.lower()) if word}
        fitting = [key for key in self.rows if key[0] == kind and key[1] <= words and key[1] & {named, model.lower()}]
        best = max(fitting, key=lambda key: (len(key[1]), blade in key[1], unit in key[1], named in key[1]), default=None)
        return self.rows[best] if best is not None else ()


def _parts(host: str) -> tuple[str, str, str, str]:
    """Rack, unit, blade and model, as far as the name tells them."""
    words = host.partition(".")[0].lower().split("-")
    if len(words) < 3:
        return "", "", "", words[-1] if len(words) > 1 else ""
    return words[0], words[1], words[2] if len(words) > 3 else "", words[-1]


@dataclass(frozen=True, slots=True)
class InterfacesFile(Reader):
    """The file beside the site. Its problems are noted with its own name and lines."""

    expected: str = "a file's path"

    @property
    def kind(self) -> str:
        return "path"

    def read(self, section: Section, key: str) -> Interfaces | None:
        text = section.text(key, self.expected, most=4096)
        if text is None:
            return None
        report = Report(section.report.file.parent / text)
        root = read_yaml(report.file, report)
        rows = _rows(report, root) if root is not None else {}
        section.report.problems += report.problems
        return Interfaces(rows)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": 4096}


def check_boot_order(section: Section, values: Mapping[str, Any]) -> None:
    """Notes a boot order that no file, or not the file, has."""
    kind, interfaces = values.get("boot_order"), values.get("interfaces")
    if kind is None:
        return
    if not section.has("interfaces"):
        section.add("boot_order", "needs the key redfish.interfaces; expected the path of the file of boot devices there")
    elif interfaces is not None and interfaces.rows and kind not in interfaces.types:
        section.add(
            "boot_order", f"{section.quoted(kind)}is not a type in the file redfish.interfaces; {nearest(kind, interfaces.types)}"
        )


def _rows(report: Report, root: Node) -> dict[tuple[str, frozenset[str]], tuple[str, ...]]:
    rows: dict[tuple[str, frozenset[str]], tuple[str, ...]] = {}
    if root.kind != "map":
        report.add(root.line, "", f"expected a mapping of keys ({_KEY_EXPECTED}) and boot devices")
        return rows
    written: dict[tuple[str, frozenset[str]], str] = {}
    section = Section(report, root, "", tuple(root.entries))
    for name in root.entries:
        key = _key(name)
        if key is None:
            section.add(name, f"is not a key of this file; expected {_KEY_EXPECTED}")
            continue
        if key in written:
            section.add(name, f"means the same as {written[key]}; expected only one of them")
        written[key] = name
        if devices := _devices(section, name):
            rows[key] = devices
    return rows


def _key(name: str) -> tuple[str, frozenset[str]] | None:
    plain = name.lower().removesuffix("_interfaces")
    if not _KEY.fullmatch(plain):
        return None
    kind, *words = plain.split("_")
    return kind, frozenset(words)


def _devices(section: Section, name: str) -> tuple[str, ...]:
    text = section.text(name, _DEVICES_EXPECTED, most=2000)
    if text is None:
        return ()
    devices = tuple(device.strip() for device in text.split(","))
    for number, device in enumerate(devices, 1):
        if not _DEVICE.fullmatch(device):
            section.add(
                name, f"{section.quoted(device)}(item {number}) is not the name of a boot device; expected {_DEVICES_EXPECTED}"
            )
            return ()
    if len(set(devices)) < len(devices):
        section.add(name, "lists a device twice; expected each device once")
        return ()
    return devices
