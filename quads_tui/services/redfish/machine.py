"""The machine behind a BMC: which of its systems is meant, and fresh looks at it. Only what decides nothing is remembered."""

from __future__ import annotations

from collections.abc import Mapping

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.identity import mac_of

from .documents import (
    Boot,
    Document,
    System,
    etag_of,
    local_path,
    members,
    reset_values,
)
from .line import Line, Missing

_EMPTY_STEPS = (2.0, 4.0, 8.0, 15.0)  # Dell's collection is empty for 70 s and more after its job queue was cleared
_MOST_MEMBERS = 32
_FULL_BOOT = ("supermicro", "super micro", "american megatrends", "asrock")


class Machine:
    """Finds the ComputerSystem once and reads it afresh each time."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.families: set[str] = set()
        self.bare_settings: set[str] = set()  # settings resources that carry no boot override: a matter of the family
        self._path = ""
        self._reset_types: tuple[str, ...] | None = None

    async def look(self, deadline: float) -> System:
        """The system as it is now. A path that is gone is looked for once more. Raises StageFailure."""
        for _ in range(2):
            if not self._path:
                return await self._find(deadline)
            try:
                return await self._system(self._path, deadline)
            except Missing:
                self._path = ""
        return await self._find(deadline)

    async def boot_at(self, path: str, deadline: float) -> tuple[Boot, str]:
        """The boot override and the entity tag of a resource; not present where there is no such resource."""
        try:
            document, answer = await self.line.read(path, deadline)
        except Missing:
            return Boot(), ""
        return Boot.read(document), etag_of(answer.headers.get("ETag", ""), document)

    async def reset_types(self, system: System, deadline: float) -> tuple[str, ...]:
        """ResetType values that the BMC offers; empty where it does not say. They advise only."""
        if system.reset_types:
            return system.reset_types
        if self._reset_types is None:
            self._reset_types = ()
            if system.reset_info:
                try:
                    document, _ = await self.line.read(system.reset_info, deadline)
                    self._reset_types = reset_values(document)
                except Missing:
                    pass
        return self._reset_types

    async def macs(self, system: System, deadline: float, wanted: str = "") -> frozenset[str]:
        """MACs of the system's network interfaces (ComputerSystem.EthernetInterfaces); empty where the BMC does not tell.

        Reads stop at the one that is `wanted`.
        """
        found: set[str] = set()
        if not system.nics:
            return frozenset()
        try:
            collection, _ = await self.line.read(system.nics, deadline)
            listed = collection.get("Members")
            for member in listed[:_MOST_MEMBERS] if isinstance(listed, list) else []:
                document = member if isinstance(member, Mapping) and "MACAddress" in member else None
                if document is None and (path := local_path(member)):
                    document, _ = await self.line.read(path, deadline)
                for name in ("MACAddress", "PermanentMACAddress"):
                    found.add(mac_of((document or {}).get(name)))
                if wanted in found:
                    break
        except Missing:
            pass
        return frozenset(found - {""})

    @property
    def full_boot(self) -> bool:
        """Families that fill what a PATCH of Boot leaves out with defaults of their own, the mode too."""
        return any(family == "ami" or any(word in family for word in _FULL_BOOT) for family in self.families)

    async def _system(self, path: str, deadline: float) -> System:
        document, answer = await self.line.read(path, deadline)
        system = System.read(path, document, etag_of(answer.headers.get("ETag", ""), document))
        self.families |= system.families
        return system

    async def _find(self, deadline: float) -> System:
        """Member choice: the only one, else the only one that can be reset and booted. Never just the first."""
        root = await self.line.root(deadline)
        self._learn_vendor(root)
        collection = local_path(root.get("Systems")) or "/redfish/v1/Systems"
        tries = 0
        while True:
            paths = await self._members(collection, deadline)
            systems = []
            for path in paths[:_MOST_MEMBERS]:
                try:
                    systems.append(await self._system(path, deadline))
                except Missing:
                    continue
            if systems:
                break
            await self._wait_for_members(tries, deadline)
            tries += 1
        fit = systems if len(systems) == 1 and len(paths) == 1 else [system for system in systems if system.usable]
        if len(fit) != 1:
            names = ", ".join(sorted(system.path.rstrip("/").rpartition("/")[2] for system in systems)[:8])
            raise StageFailure(
                Cause.PROTOCOL,
                f"{len(fit) or 'none'} of the BMC's systems can be reset and booted ({names}): not clear which is meant",
                retryable=False,
            )
        self._path = fit[0].path
        return fit[0]

    async def _wait_for_members(self, tries: int, deadline: float) -> None:
        clock = self.line.clock
        pause = _EMPTY_STEPS[min(tries, len(_EMPTY_STEPS) - 1)]
        if clock.now() + pause > deadline:
            raise StageFailure(Cause.BUSY, "the BMC lists no systems (it may be restarting)")
        if not tries:
            self.line.acts.note("waiting: the BMC lists no systems (it may be restarting)", waits=True)
        await clock.sleep(pause)

    async def _members(self, collection: str, deadline: float) -> list[str]:
        found: dict[str, None] = {}
        path, seen = collection, set[str]()
        while path and path not in seen and len(found) <= _MOST_MEMBERS:
            seen.add(path)
            try:
                document, _ = await self.line.read(path, deadline)
            except Missing as error:
                raise StageFailure(Cause.PROTOCOL, f"no collection of systems: {error.complaint.text}") from None
            found.update(dict.fromkeys(members(document)))
            path = local_path(document.get("Members@odata.nextLink"))
        return list(found)

    def _learn_vendor(self, root: Document) -> None:
        vendor, oem = root.get("Vendor"), root.get("Oem")
        if isinstance(vendor, str):
            self.families.add(vendor.lower()[:80])
        if isinstance(oem, dict):
            self.families |= {str(key).lower()[:80] for key in oem}
