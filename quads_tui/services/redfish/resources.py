"""The parts of Redfish documents that decide, read without believing that any of them is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from posixpath import normpath
from typing import Any
from urllib.parse import unquote, urlsplit

from quads_tui.rollout.text import clean
from quads_tui.services.json_text import LOST, is_damaged

Document = Mapping[str, Any]

_LONGEST = 1000  # characters of a path or an entity tag, which go back in the head of a request
_IDENTITY = frozenset({"Id", "Name", "UUID", "SerialNumber"})  # members that are compared with what was read before

ON, OFF, POWERING_ON, POWERING_OFF = "On", "Off", "PoweringOn", "PoweringOff"
_POWER_STATES = {state.lower(): state for state in (ON, OFF, POWERING_ON, POWERING_OFF)}


def local_path(reference: object) -> str:
    """The path of a reference on this same BMC, as it was handed out; empty for what is none.

    An absolute URL counts by its path alone, since BMCs put wrong schemes and hosts there; `//host` is somebody else.
    """
    text = reference.get("@odata.id") if isinstance(reference, Mapping) else reference
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or " " in text or len(text) > _LONGEST:
        return ""
    if text.startswith(("http://", "https://")):
        try:
            parts = urlsplit(text)
        except ValueError:
            return ""
        text = parts.path + (f"?{parts.query}" if parts.query else "")
    text = text.partition("#")[0]
    return text if text.startswith("/") and not text.startswith("//") and "\\" not in text else ""


@lru_cache(maxsize=1024)  # each look compares a dozen, and BMCs of one make have the same ones
def plain_path(path: str) -> str:
    """One spelling for all of a path: without a final slash, escapes and dots. Its query stays."""
    bare, mark, query = path.partition("?")
    return normpath(unquote(bare)) + mark + query


def same_path(one: str, other: str) -> bool:
    """In any case: some BMCs tell a path in another one than they were asked in."""
    return plain_path(one).casefold() == plain_path(other).casefold()


def beside(path: str, other: str) -> bool:
    """`other` lies in the same collection as `path`, and neither is it `path` nor below it."""
    own, there = plain_path(path).casefold(), plain_path(other).casefold()
    return there.startswith(own.rpartition("/")[0] + "/") and not f"{there}/".startswith(f"{own}/")


@dataclass(frozen=True, slots=True)
class Observation:
    """What a fresh read says. Members that the BMC does not have are empty."""

    power: str = ""
    override_target: str = ""
    override_enabled: str = ""
    mode: str = ""
    model: str = ""
    uuid: str = ""
    manufacturer: str = ""


@dataclass(frozen=True, slots=True)
class Boot:
    """The boot source override of one resource (ComputerSystem.Boot)."""

    present: bool = False  # the resource carries BootSourceOverrideTarget or -Enabled
    target: str = ""
    enabled: str = ""
    mode: str = ""
    targets: tuple[str, ...] = ()  # allowable values; empty where it does not say
    enableds: tuple[str, ...] = ()

    @classmethod
    def read(cls, document: Document) -> Boot:
        """From a ComputerSystem or its settings resource; not present where that has no Boot."""
        boot = document.get("Boot")
        if not isinstance(boot, Mapping):
            return cls()
        return cls(
            "BootSourceOverrideTarget" in boot or "BootSourceOverrideEnabled" in boot,
            text(boot, "BootSourceOverrideTarget"),
            text(boot, "BootSourceOverrideEnabled"),
            text(boot, "BootSourceOverrideMode"),
            strings(boot.get("BootSourceOverrideTarget@Redfish.AllowableValues")),
            strings(boot.get("BootSourceOverrideEnabled@Redfish.AllowableValues")),
        )

    @property
    def pxe_once(self) -> bool:
        """Enabled first: some leave the target at Pxe while the override is Disabled."""
        return self.enabled.lower() == "once" and self.target.lower() == "pxe"

    @property
    def pxe_always(self) -> bool:
        """PXE for every boot: what a few services make of Once."""
        return self.enabled.lower() == "continuous" and self.target.lower() == "pxe"

    def __str__(self) -> str:
        return f"{self.target or 'no target'}/{self.enabled or 'unknown'}"


@dataclass(frozen=True, slots=True)
class System:
    """A ComputerSystem as far as it concerns us."""

    path: str
    power: str
    boot: Boot
    etag: str
    reset_target: str
    reset_types: tuple[str, ...]  # inline values; empty where the BMC keeps them in an ActionInfo or nowhere
    reset_info: str  # path of the ActionInfo
    settings: str  # path of the settings resource
    model: str
    manufacturer: str
    uuid: str
    serial: str
    acts: bool  # it tells which actions it has; a BMC that is starting may not
    physical: bool  # as far as it says: no system that is composed of others, virtual, or the like
    nics: str  # path of the collection of its Ethernet interfaces
    adapters: str  # path of the collection of its network interfaces, as DMTF calls what a network adapter gives to a system
    bios: str  # path of the BIOS attributes
    boot_sources: str  # path of Dell's boot order
    manager: str  # path of the BMC's own resource
    families: frozenset[str] = field(default_factory=frozenset)  # vendor words, lower case
    peer: str = ""  # IP address and port of the BMC that told it

    @classmethod
    def read(cls, path: str, document: Document, etag: str, peer: str = "") -> System:
        """Of any document: what it lacks is empty."""
        reset = mapping(mapping(document.get("Actions")).get("#ComputerSystem.Reset"))
        settings = mapping(mapping(document.get("@Redfish.Settings")).get("SettingsObject"))
        manufacturer = text(document, "Manufacturer")
        return cls(
            path=path,
            power=power_state(document),
            boot=Boot.read(document),
            etag=etag,
            reset_target=local_path(reset.get("target")),
            reset_types=strings(reset.get("ResetType@Redfish.AllowableValues")),
            reset_info=local_path(reset.get("@Redfish.ActionInfo")),
            settings=local_path(settings),
            model=text(document, "Model"),
            manufacturer=manufacturer,
            uuid=text(document, "UUID"),
            serial=_fact(document, "SerialNumber"),
            acts=isinstance(document.get("Actions"), Mapping),
            physical=text(document, "SystemType") in ("", "Physical"),
            nics=local_path(document.get("EthernetInterfaces")),
            adapters=local_path(document.get("NetworkInterfaces")),
            bios=local_path(document.get("Bios")),
            boot_sources=local_path(dell_links(document).get("BootOrder")),
            manager=next(iter(references(mapping(document.get("Links")).get("ManagedBy"))), ""),
            families=frozenset({manufacturer.lower(), *(key.lower() for key in mapping(document.get("Oem")))}),
            peer=peer,
        )

    @property
    def own(self) -> dict[str, str]:
        """Paths by what they lead to, where that is the system's own and no other's."""
        return {
            "Reset": self.reset_target,
            "settings": self.settings,
            "BIOS": self.bios,
            "list of NICs": self.nics,
            "list of network interfaces": self.adapters,
        }

    @property
    def id(self) -> str:
        """The last part of its path."""
        return last_part(self.path)

    def observation(self) -> Observation:
        """What the rooms above are shown of it."""
        return Observation(
            self.power, self.boot.target, self.boot.enabled, self.boot.mode, self.model, self.uuid, self.manufacturer
        )


def last_part(path: str) -> str:
    """Of a path: the id of the resource."""
    return path.rstrip("/").rpartition("/")[2]


def etag_of(header: str, document: Document) -> str:
    """The entity tag as the BMC wrote it: the header's, else the document's; empty for those that say nothing, or a book."""
    for tag in (header, document.get("@odata.etag")):
        if not isinstance(tag, str) or len(tag) > _LONGEST or not tag.isascii() or not tag.isprintable():
            continue
        if tag.removeprefix("W/").strip("\"' "):
            return tag
    return ""


def reset_values(info: Document) -> tuple[str, ...]:
    """The ResetType values of an ActionInfo."""
    parameters = info.get("Parameters")
    for parameter in parameters if isinstance(parameters, list) else []:
        if isinstance(parameter, Mapping) and parameter.get("Name") == "ResetType":
            return strings(parameter.get("AllowableValues"))
    return ()


def references(found: object) -> list[str]:
    """The paths of a list of references."""
    return [path for path in (local_path(item) for item in (found if isinstance(found, list) else [])) if path]


def dell_links(document: Document) -> Document:
    """Dell's own among the links of a resource."""
    return mapping(mapping(mapping(document.get("Links")).get("Oem")).get("Dell"))


def text(document: Document, name: str) -> str:
    """A member as clean text of at most 120 characters; empty where it is absent or no text."""
    value = document.get(name)
    if not isinstance(value, str):
        return ""
    return clean(value, 120, compared=True) if name in _IDENTITY else _enumerated(value, 120)


def power_state(document: Document) -> str:
    """PowerState as DSP0268 spells it, whatever its case and blanks; an unknown word as it is; empty for what is no text."""
    value = text(document, "PowerState").strip()
    return _POWER_STATES.get("".join(filter(str.isalnum, value)).lower(), value)


def _fact(document: Document, name: str) -> str:
    """As `text`; where the member is no text, or a damaged one, a lost character: no fact, and not "not told" either."""
    value = document.get(name)
    damaged = value is not None and (not isinstance(value, str) or is_damaged(value))
    return LOST if damaged else text(document, name)


def strings(values: object) -> tuple[str, ...]:
    """The texts of a list, clean, of at most 80 characters each; none where an entry cannot be believed: gaps count too."""
    listed = [value for value in values if value is not None] if isinstance(values, list) else []
    if not all(isinstance(value, str) and not is_damaged(value) for value in listed):
        return ()
    return tuple(_enumerated(value) for value in listed)


def _enumerated(value: str, limit: int = 80) -> str:
    """A value of an enumeration is a word of letters, such as ForceOff, which is no secret even if it is somebody's password."""
    word = value.isalpha()
    if word and value.isascii() and len(value) <= limit:
        return value  # nearly all of them, and clean as they are
    return clean(value, limit, compared=word)


def mapping(value: object) -> Document:
    """The value itself, or an empty mapping where it is something else."""
    return value if isinstance(value, Mapping) else {}
