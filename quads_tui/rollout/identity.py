"""Which machine is it? The facts by which one server is told from another, and how two sets of them compare.

A fact that is not known is empty: never equal to anything and never different from it. Placeholders that firmware ships with, and
values that are absent while a machine is off, are not known.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import Any

from .scrub import SECRETS

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_UUID_PLACEHOLDERS = (  # how they begin, in either byte order
    "03000200-0400-0500-0006-000700080009",  # AMI's own default
    "12345678-",
    "01234567-89ab-",
    "abcdef01-2345-",
    "deadbeef-",
    "4c4c4544-0000-2010-8020-80c04f202020",  # Dell, without a service tag
    "4c4c4544-0020-2010-8020-a0c04f202020",  # the same, with a blank one
)
_TYPED_MACS = frozenset({"001122334455", "123456789abc", "aabbccddeeff", "000000000001"})
_EVERYBODYS_MAC = "3af2b6059f"  # how the MAC of the USB network to the BMC ends, the same on all boards of some makers
_FEW_DIGITS = 4  # a UUID of that many different digits or fewer was typed, not made
_SERIAL_PLACEHOLDERS = re.compile(  # letters and digits only, as firmware leaves them in
    "none|null|nil|na|oem|tbd|sn|test|sample|unknown|undefined|empty|blank|invalid|unspecified|"
    "not(available|applicable|specified|present|set|provided)|nodata|default(string)?|tobe(filled(byoem)?|determined)|assettag|"
    "no(asset)?tag|badindex|(system|chassis|baseboard|mb|product|enter|insert|unknown)?ser(ial)?(num(ber)?|no)?[0-9]{0,3}|0*1"
)
_SHORTEST_SERIAL = 4


@dataclass(frozen=True, slots=True)
class Identity:
    """One machine, as its BMC tells it at one moment."""

    peer: str = ""  # of the BMC that told it: IP address and port, "192.0.2.7:443" or "[2001:db8::7]:443"
    system: str = ""  # path of the ComputerSystem (its @odata.id)
    uuid: str = ""  # lower case
    serial: str = ""  # upper case
    macs: tuple[str, ...] = ()  # lower case with colons, sorted
    complete: bool = False  # `macs` are all NICs of the machine, so that one that is missing is not its own

    @property
    def bmc(self) -> str:
        """Which BMC told it, as far as its address says."""
        return bmc_of(self.peer)

    @property
    def tells_a_machine(self) -> bool:
        """It has more than the address of a BMC: something by which the machine can be recognised."""
        return bool(self.system or self.uuid or self.serial or self.macs)

    @property
    def place(self) -> tuple[str, str]:
        """Where it stands: one BMC address and one system resource; ("", "") while either is not known."""
        return (self.bmc, self.system) if self.peer and self.system else ("", "")

    @property
    def marks(self) -> tuple[tuple[str, str], ...]:
        """What an index of machines finds it by: two that are one by `is_one_with` have one of these in common."""
        found = [("MAC", mac) for mac in self.macs]
        if self.place != ("", ""):
            found.append(("place", "\0".join(self.place)))
        if self.uuid:
            found.append(("UUID", min(self.uuid, _swapped(self.uuid))))
        return tuple(found)

    def differs(self, other: Identity) -> str:
        """Why these are two machines, in words ("UUID a, was b"); empty where no fact says so. `other` is the earlier one."""
        if self.uuid and other.uuid and not _is_same_uuid(self.uuid, other.uuid):
            return f"UUID {self.uuid}, was {other.uuid}"
        if self.serial and other.serial and self.serial != other.serial:
            return f"serial number {self.serial}, was {other.serial}"
        told = self.macs and other.macs and (self.complete or other.complete)
        if told and not self.agreeing(other):  # a machine that is off may tell other MACs than one that is on
            return f"MACs {some(self.macs)}, were {some(other.macs)}"
        return ""

    def agreeing(self, other: Identity) -> tuple[str, ...]:
        """The facts that both know and that are equal: "UUID", "serial number", "MAC"."""
        equal = (
            ("UUID", bool(self.uuid) and bool(other.uuid) and _is_same_uuid(self.uuid, other.uuid)),
            ("serial number", bool(self.serial) and self.serial == other.serial),
            ("MAC", bool(set(self.macs) & set(other.macs))),
        )
        return tuple(name for name, same in equal if same)

    def is_one_with(self, other: Identity) -> str:
        """Why two hosts share this machine: one address and system resource, or an equal UUID or MAC; empty: they do not.

        The serial number alone is not enough: twin nodes share that of their chassis.
        """
        if self.place != ("", "") and self.place == other.place:
            return f"the same BMC address and system ({self.peer} {self.system})"
        agreeing = self.agreeing(other)
        if agreeing not in ((), ("serial number",)) and not self.differs(other):
            return "the same " + " and ".join(agreeing)
        return ""

    def with_known(self, earlier: Identity) -> Identity:
        """The facts of now; those that are not told now, as they were told earlier."""
        macs = self if self.macs and (self.complete or not earlier.complete) else earlier
        uuid, serial = self.uuid or earlier.uuid, self.serial or earlier.serial
        return Identity(self.peer, self.system, uuid, serial, macs.macs, macs.complete)

    def facts(self) -> dict[str, Any]:
        """As dataclasses.asdict, at a thirtieth of the cost: the memory of a host is written to the journal six times."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        facts = [f"UUID {self.uuid}"] if self.uuid else []
        facts += [f"serial number {self.serial}"] if self.serial else []
        facts += [f"MACs {some(self.macs)}"] if self.macs else []
        where = " ".join(word for word in (self.system, f"at {self.peer}" if self.peer else "") if word)
        # The facts are compared as the BMC tells them; in words for the operator nothing of it may be a password.
        return SECRETS.scrub(", ".join([where, *facts] if where else facts)) or "nothing known"


def same_after_move(now: Identity, before: Identity) -> tuple[str, ...]:
    """The agreeing facts by which what answers at another address or system path is the machine of before; empty: nobody knows.

    The UUID is enough, and so is a MAC. The serial number alone is not, because twins share the number of their chassis and one
    of them cannot tell: it counts only where neither side tells a UUID or a MAC, so that there is nothing better to compare, and
    the system path stayed. `now` is to be told with its MACs, unless the UUID agrees.
    """
    agreeing = now.agreeing(before)
    if now.differs(before):
        return ()
    if agreeing == ("serial number",):
        told_more = now.uuid or before.uuid or now.macs or before.macs
        return () if told_more or now.system != before.system else agreeing
    return agreeing


class Comparison(StrEnum):
    """Whether the machine behind a BMC is Foreman's host."""

    SAME = "same"
    OTHER = "other"
    UNKNOWN = "unknown"  # not verified: the BMC or Foreman does not tell enough


def compared(machine: Identity, provisioning: Collection[str]) -> tuple[Comparison, str]:
    """This machine against the MACs that Foreman provisions its host through, and the reason in words (empty when the same)."""
    wanted = frozenset(provisioning)
    if not wanted:
        return Comparison.UNKNOWN, "Foreman lists no MAC address for the host"
    if wanted & set(machine.macs):
        return Comparison.SAME, ""
    foreman = f"Foreman expects the MAC {some(wanted)}"
    if not machine.macs:
        return Comparison.UNKNOWN, f"its BMC reports no MAC address; {foreman}"
    if machine.complete:
        return (
            Comparison.OTHER,
            f"wrong machine behind this BMC: its NICs have the MACs {some(machine.macs)}; {foreman}",
        )
    return Comparison.UNKNOWN, f"its BMC reports some of its MAC addresses only ({some(machine.macs)}); {foreman}"


def bmc_of(peer: str) -> str:
    """One BMC has one IP address, whatever the port; on loopback, where emulators are, each port is one."""
    address = peer.rpartition(":")[0]
    return peer if address == "[::1]" or address.startswith("127.") else address


def identity_from(facts: Mapping[str, Any]) -> Identity:
    """The inverse of Identity.facts and of dataclasses.asdict, as JSON keeps them."""
    return Identity(**{**facts, "macs": tuple(facts["macs"])})


def uuid_of(value: object) -> str:
    """A UUID in lower case; empty for what is none and for placeholders."""
    return _uuid(value) if isinstance(value, str) and len(value) < 100 else ""


@lru_cache(maxsize=1024)  # each look at a machine asks
def _uuid(told: str) -> str:
    text = told.strip().strip("{}").lower().removeprefix("urn:uuid:")
    if re.fullmatch("[0-9a-f]{32}", text):
        text = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    if not _UUID.fullmatch(text) or _is_typed(text) or _is_typed(_swapped(text)):
        return ""
    return text


def _is_typed(uuid: str) -> bool:
    """Not made by a machine: one of the known ones, of few different digits, or of bytes that rise or fall evenly."""
    octets = bytes.fromhex(uuid.replace("-", ""))
    steps = {(after - before) % 256 for before, after in pairwise(octets)}
    repeats = all(len(set(part)) == 1 for part in uuid.split("-"))  # 11111111-2222-...
    return len(set(uuid) - {"-"}) <= _FEW_DIGITS or len(steps) == 1 or repeats or uuid.startswith(_UUID_PLACEHOLDERS)


def _is_same_uuid(one: str, other: str) -> bool:
    """In whichever byte order each is told."""
    return one == other or one == _swapped(other)


def _swapped(uuid: str) -> str:
    """The same UUID in the other byte order of its first three parts (SMBIOS 2.6): firmware tells it both ways."""
    if not uuid:
        return ""
    head = (bytes.fromhex(part)[::-1].hex() for part in uuid.split("-")[:3])
    return "-".join((*head, *uuid.split("-")[3:]))


def serial_of(value: object) -> str:
    """A serial number, its letters and digits alone in upper case; empty for placeholders ("To be filled by O.E.M.", "N/A")."""
    return _serial(value) if isinstance(value, str) and len(value) < 200 else ""


@lru_cache(maxsize=1024)  # each look at a machine asks
def _serial(told: str) -> str:
    readable = told.isprintable() and "\ufffd" not in told  # a lost character
    plain = re.sub("[^a-z0-9]", "", told.lower()) if readable else ""
    counted = plain in "01234567890123456789" or plain in "98765432109876543210"
    if len(plain) < _SHORTEST_SERIAL or _SERIAL_PLACEHOLDERS.fullmatch(plain) or len(set(plain)) == 1 or counted:
        return ""
    return plain.upper()


def mac_of(value: object) -> str:
    """A MAC in lower case with colons, however it was written; empty for what is none or everybody's, and for group addresses."""
    digits = re.sub("[:. -]", "", value.lower()) if isinstance(value, str) and len(value) < 60 else ""
    if (
        not re.fullmatch("[0-9a-f]{12}", digits)
        or digits in _TYPED_MACS
        or not digits.strip("0")
        or int(digits[1], 16) & 1
        or digits.endswith(_EVERYBODYS_MAC)
    ):
        return ""
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def some(names: Collection[str]) -> str:
    """The first four, and that there are more."""
    return ", ".join(sorted(names)[:4]) + (", ..." if len(names) > 4 else "")
