"""The members by which something is decided, and whether a document tells them so that they can be believed.

A member that is absent or null is not told, which many BMCs do. A member of another type, or one that was damaged on its way, is
not readable now: its document is asked for again, like one that is no JSON. What is not in these tables decides nothing, and may
be anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from quads_tui.rollout.text import clean
from quads_tui.services.json_text import DAMAGED, is_damaged

from .resources import Document


class Form(StrEnum):
    """What a member has to be, in the words of a reason."""

    TEXT = "a text"
    LIST = "a list"
    OBJECT = "an object"
    REFERENCE = "a reference to a resource"


@dataclass(frozen=True, slots=True)
class Deciding:
    """One member, by the names that lead to it."""

    names: tuple[str, ...]
    form: Form = Form.TEXT


_SETTINGS = (
    Deciding(("@Redfish.Settings",), Form.OBJECT),
    Deciding(("@Redfish.Settings", "SettingsObject"), Form.REFERENCE),
)
BOOT = (
    Deciding(("Boot",), Form.OBJECT),
    Deciding(("Boot", "BootSourceOverrideTarget")),
    Deciding(("Boot", "BootSourceOverrideEnabled")),
    Deciding(("Boot", "BootSourceOverrideMode")),
)
SYSTEM = (
    Deciding(("@odata.id",)),
    Deciding(("PowerState",)),
    Deciding(("UUID",)),
    Deciding(("SystemType",)),
    *BOOT,
    *_SETTINGS,
    Deciding(("Actions",), Form.OBJECT),
    Deciding(("Actions", "#ComputerSystem.Reset"), Form.OBJECT),
    Deciding(("Actions", "#ComputerSystem.Reset", "target"), Form.REFERENCE),
)
NIC = (
    Deciding(("MACAddress",)),
    Deciding(("PermanentMACAddress",)),
    Deciding(("AssociatedNetworkAddresses",), Form.LIST),
    Deciding(("Ethernet",), Form.OBJECT),
    Deciding(("Ethernet", "MACAddress")),
    Deciding(("Ethernet", "PermanentMACAddress")),
    Deciding(("Ethernet", "AssociatedMACAddresses"), Form.LIST),
)
COLLECTION = (Deciding(("Members",), Form.LIST),)
ACTION_INFO = (Deciding(("Parameters",), Form.LIST),)
SERVICE_ROOT = (
    Deciding(("Systems",), Form.REFERENCE),
    Deciding(("Links",), Form.OBJECT),
    Deciding(("Links", "Sessions"), Form.REFERENCE),
)
ATTRIBUTES = (Deciding(("Attributes",), Form.OBJECT), Deciding(("Attributes", "BootMode")), *_SETTINGS)  # Dell's
_TYPES = {Form.TEXT: str, Form.LIST: list, Form.OBJECT: Mapping, Form.REFERENCE: str}


def unreadable(document: Document, deciding: Sequence[Deciding]) -> str:
    """The first of these members that cannot be believed, and why, in words; empty where all of them can."""
    for member in deciding:
        value: object = document
        for name in member.names:
            value = value.get(name) if isinstance(value, Mapping) else None
        if why := _why_not(value, member.form):
            return f"{'.'.join(member.names)} is {why}"
    return ""


def _why_not(value: object, form: Form) -> str:
    if form is Form.REFERENCE and isinstance(value, Mapping):
        value = value.get("@odata.id")
    if value is None:
        return ""
    if not isinstance(value, _TYPES[form]):
        return f"not {form}"
    return f'damaged ("{clean(value, 40)}")' if isinstance(value, str) and is_damaged(value) else ""


def parts_damaged(value: object) -> bool:
    """Whether some text or number in it was damaged: what is sent back to the BMC must not be."""
    if isinstance(value, Mapping):
        return any(map(parts_damaged, (*value.keys(), *value.values())))
    if isinstance(value, list):
        return any(map(parts_damaged, value))
    return value is DAMAGED or (isinstance(value, str) and is_damaged(value))
