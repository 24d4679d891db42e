"""What a Dell tells beside the standard: BIOS attributes, boot sources, what waits for the next POST, and the jobs that apply it.

All paths are followed from the system: they moved between the generations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.numbers import bounded, whole
from quads_tui.services.responses import Response

from .connection import Missing
from .deciding import ATTRIBUTES, parts_damaged
from .listing import listing
from .resources import Document, System, dell_links, etag_of, local_path, mapping, strings, text
from .system import Machine

_LAST = 999  # place in a boot order of what tells none
_MOST_JOBS = 8  # of the newest: a queue keeps hundreds that have ended
_ENDED = frozenset({"completed", "completedwitherrors", "failed", "cancelled", "canceled", "rebootcompleted", "rebootfailed"})


class Unsupported(QuadsTuiError):
    """This BMC or this BIOS has no such thing. Carries the reason; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A resource of attributes, and its settings object with what is to come."""

    path: str  # of the settings object
    etag: str
    current: Mapping[str, Any]
    pending: Mapping[str, Any]
    on_reset: bool  # applies what it is given at the next reset, by a job that it makes itself
    clear: str  # target of the action that forgets what is pending without a job; empty: there is none

    @property
    def coming(self) -> Mapping[str, Any]:
        """As all will be. What is set to the value that it has already is not pending on some firmware."""
        return {**self.current, **self.pending}


@dataclass(frozen=True, slots=True)
class Job:
    """A configuration job of the BIOS."""

    path: str
    state: str
    percent: int
    message: str

    @property
    def id(self) -> str:
        """Such as JID_123456789012."""
        return self.path.rstrip("/").rpartition("/")[2]

    @property
    def ended(self) -> bool:
        """Well or not: it does not wait for a reset any more."""
        return self.state.lower() in _ENDED


class Dell:
    """Fresh looks at one Dell; `deadline` in own time. Raises StageFailure, and Unsupported for what is no such machine."""

    def __init__(self, machine: Machine, deadline: float) -> None:
        self._machine = machine
        self._deadline = deadline
        self._jobs_path = ""

    async def system(self) -> System:
        """A fresh look at the machine. Raises Unsupported where it is not a Dell."""
        system = await self._machine.look(self._deadline)
        if not any(maker.dell_attributes for maker in self._machine.connection.makers):
            raise Unsupported("the BMC is not a Dell")
        return system

    async def page(self, path: str, what: str) -> tuple[Document, Response]:
        """`what` names the resource in a reason."""
        if not path:
            raise Unsupported(f"the BMC does not show its {what}")
        try:
            return await self._machine.read(path, self._deadline, ATTRIBUTES)
        except Missing as gone:
            raise Unsupported(f"the BMC does not show its {what} ({gone})") from None

    async def settings(self, path: str, what: str) -> Settings:
        """As `page`, with the settings object."""
        page, _ = await self.page(path, what)
        annotation = mapping(page.get("@Redfish.Settings"))
        place = local_path(mapping(annotation.get("SettingsObject")))
        if not place:
            raise Unsupported(f"the {what} cannot be set")
        coming, answer = await self.page(place, f"settings of the {what}")
        actions = mapping(mapping(coming.get("Actions")).get("Oem"))
        return Settings(
            path=place,
            etag=etag_of(answer.headers.get("ETag", ""), coming),
            current=mapping(page.get("Attributes")),
            pending=mapping(coming.get("Attributes")),
            on_reset="OnReset" in strings(annotation.get("SupportedApplyTimes")),
            clear=local_path(mapping(actions.get("#DellManager.ClearPending")).get("target")),
        )

    async def jobs_path(self) -> str:
        """Of the queue; empty where the BMC does not tell."""
        if not self._jobs_path:
            system = await self.system()
            if system.manager:
                try:
                    manager, _ = await self._machine.read(system.manager, self._deadline)
                    self._jobs_path = local_path(dell_links(manager).get("Jobs"))
                except Missing:
                    pass
        return self._jobs_path

    async def jobs(self, *, ended: bool = False) -> list[Job]:
        """Those of the BIOS, the newest first; `ended`: with those that have ended."""
        path = await self.jobs_path()
        if not path:
            return []
        try:
            queue = await listing(self._machine.connection, path, self._deadline, read=self._machine.read)
        except Missing:
            return []
        named = sorted((member.path for member in queue.members if "JID_" in member.path), reverse=True)
        found = [await self.job(one) for one in named[:_MOST_JOBS]]
        return [job for job in found if job is not None and (ended or not job.ended)]

    async def job(self, path: str) -> Job | None:
        """None where it is gone, or where it is none of the BIOS."""
        try:
            document, _ = await self._machine.read(path, self._deadline)
        except Missing:
            return None
        if "bios" not in f"{text(document, 'JobType')} {text(document, 'Name')}".lower():
            return None
        percent = int(bounded(document.get("PercentComplete"), 0, 100) or 0)
        return Job(path, text(document, "JobState"), percent, text(document, "Message"))


def sequence(attributes: Mapping[str, Any], system: System) -> str:
    """The name of the boot order that counts in the mode that the BIOS is in."""
    mode = attributes.get("BootMode") or system.boot.mode
    return "UefiBootSeq" if str(mode).lower() == "uefi" else "BootSeq"


def boot_names(attributes: Mapping[str, Any], order: str) -> list[str]:
    """The boot devices of an order of that name, first to last. Raises StageFailure where some of it was damaged."""
    rows = attributes.get(order)
    if parts_damaged(rows):
        raise StageFailure(Cause.PROTOCOL, f"the boot order {order} is not readable now: an entry is damaged")
    named = [row for row in rows if isinstance(row, Mapping) and text(row, "Name")] if isinstance(rows, list) else []
    return [text(row, "Name") for row in sorted(named, key=_index)]


def known_as(device: str, names: list[str], attributes: Mapping[str, Any]) -> str:
    """What the BIOS calls this device now; empty where it has none of that name.

    In UEFI mode a NIC boots as NIC.PxeDevice.N-1, with N of the attribute that is set to the NIC's own name.
    """
    if device in names:
        return device
    for number in range(1, 17):
        if attributes.get(f"PxeDev{number}Interface") == device and attributes.get(f"PxeDev{number}EnDis") == "Enabled":
            name = f"NIC.PxeDevice.{number}-1"
            return name if name in names else ""
    return ""


def _index(row: Mapping[str, Any]) -> int:
    index = whole(row.get("Index"), 0, _LAST)
    return _LAST if index is None else index
