"""Faults that hide which machine a BMC belongs to: several systems, missing members, lists of NICs with gaps, placeholders."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from quads_tui.emulators.bmc.bmc import Bmc
from quads_tui.emulators.bmc.faults import Fault
from quads_tui.emulators.bmc.replies import Document, Reply, Request, dumps, json_reply, ref

PAGE = 4  # members of a page


class Edited(Fault):
    """Reads of some resources show a changed document."""

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        edit = self.edit(bmc, request.path) if request.method == "GET" and reply.status == 200 else None
        if edit is not None:
            document = json.loads(reply.body)
            edit(document)
            reply.body = dumps(document)

    def edit(self, bmc: Bmc, path: str) -> Callable[[Document], None] | None:
        """What is done to the document of this path; None: nothing."""
        raise NotImplementedError


# -- systems -----------------------------------------------------------------------------------------------------------


class SecondSystem(Edited):
    """A second system comes before ours in the list, equal but for its UUID, serial number and MACs.

    away: so many reads of our own system find it gone (404), or unavailable (503), at first. no_reset: or without its Reset.
    same_serial: both show the number of their chassis. changes_received: requests to change the second system: a bug.
    """

    mac_of_second = "b0:7b:25:ee:ee:ee"

    def __init__(self, *, away: int = 0, status: int = 404, no_reset: int = 0, same_serial: bool = False) -> None:
        self.away, self.status, self.no_reset, self.same_serial = away, status, no_reset, same_serial
        self.changes_received: list[str] = []

    def path(self, bmc: Bmc) -> str:
        return f"{bmc.family.root}/Systems/Twin"

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        second = self.path(bmc)
        if request.path == second or request.path.startswith(f"{second}/"):
            return self._of_second(bmc, request, second)
        if request.path == bmc.family.system and request.method == "GET" and self.away and "x-auth-token" in request.headers:
            self.away -= 1
            return (
                bmc.family.not_ready(1) if self.status == 503 else bmc.family.error(404, ("ResourceMissingAtURI", request.path))
            )
        return None

    def _of_second(self, bmc: Bmc, request: Request, second: str) -> Reply:
        if request.method not in ("GET", "HEAD"):
            self.changes_received.append(f"{request.method} {request.path}")
            return Reply(204)
        family = bmc.family
        if request.path == second:
            text = dumps(family.system_document(bmc)).decode().replace(f'"{family.system}', f'"{second}')
            document: Document = json.loads(text)
            document["UUID"] = f"{bmc.uuid[:-4]}{int(bmc.uuid[-4:], 16) ^ 1:04x}"
            document["SerialNumber"] = bmc.serial if self.same_serial else f"{bmc.serial}T"
            if family.nics:
                document["EthernetInterfaces"] = ref(f"{second}/EthernetInterfaces")
            return json_reply(200, document)
        if request.path == f"{second}/EthernetInterfaces" and family.nics:
            return json_reply(200, {"Members": [{"Id": "1", "MACAddress": self.mac_of_second}], "Members@odata.count": 1})
        return family.error(404, ("ResourceMissingAtURI", request.path))

    def edit(self, bmc: Bmc, path: str) -> Callable[[Document], None] | None:
        if path == f"{bmc.family.root}/Systems":
            return lambda document: document.update(_listed([ref(self.path(bmc)), *document["Members"]]))
        if path == bmc.family.system:
            return lambda document: self._ours(bmc, document)
        return None

    def _ours(self, bmc: Bmc, document: Document) -> None:
        if self.same_serial:
            document["SerialNumber"] = bmc.serial
        if self.no_reset:
            self.no_reset -= 1
            del document["Actions"]


class Placeholders(Edited):
    """UUID and serial number are placeholders of the board's maker."""

    uuid: Any = "03000200-0400-0500-0006-000700080009"
    serial: Any = "To be filled by O.E.M."

    def edit(self, bmc: Bmc, path: str) -> Callable[[Document], None] | None:
        if path != bmc.family.system or not self.hides(bmc):
            return None
        return lambda document: document.update(UUID=self.uuid, SerialNumber=self.serial)

    def hides(self, bmc: Bmc) -> bool:
        """Whether the real UUID and serial number are hidden now."""
        return True


class UnknownWhileOff(Placeholders):
    """UUID and serial number are empty while the machine is off."""

    uuid, serial = None, ""

    def hides(self, bmc: Bmc) -> bool:
        return bmc.hardware.power != "On"


# -- network interfaces ------------------------------------------------------------------------------------------------


class Nics(Edited):
    """The list of the system's network interfaces, changed; the NICs themselves are there to be read."""

    def edit(self, bmc: Bmc, path: str) -> Callable[[Document], None] | None:
        if not bmc.family.nics or path != bmc.family.interfaces:
            return None
        return lambda document: self.relist(bmc, document)

    def relist(self, bmc: Bmc, document: Document) -> None:
        """Change the collection of network interfaces in place."""
        raise NotImplementedError


class NicsNotShown(Edited):
    """The BMC does not show the system's NICs."""

    def edit(self, bmc: Bmc, path: str) -> Callable[[Document], None] | None:
        return (lambda document: document.pop("EthernetInterfaces", None)) if path == bmc.family.system else None


class NicGone(Nics):
    """The first NIC of the list does not exist (404). `missing`: ours is not listed either, though others are."""

    def __init__(self, *, missing: bool = False) -> None:
        self.missing = missing

    def relist(self, bmc: Bmc, document: Document) -> None:
        others = document["Members"][1:] if self.missing else document["Members"]
        document.update(_listed([ref(f"{bmc.family.interfaces}/Gone"), *others]))


class NicWithoutMac(Nics):
    """The first NIC of the list has no MAC, or a `placeholder` instead of one."""

    def __init__(self, placeholder: str | None = None) -> None:
        self.placeholder = placeholder

    def relist(self, bmc: Bmc, document: Document) -> None:
        document.update(_listed([ref(f"{bmc.family.interfaces}/Silent"), *document["Members"]]))

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        path = f"{bmc.family.interfaces}/Silent"
        if request.method != "GET" or request.path != path or "x-auth-token" not in request.headers:
            return None
        return json_reply(200, {"@odata.id": path, "Id": "Silent", "MACAddress": self.placeholder})


class NicsMiscounted(Nics):
    """The collection counts one more than it lists."""

    def relist(self, bmc: Bmc, document: Document) -> None:
        document["Members@odata.count"] += 1


class NicsInline(Nics):
    """`others` NICs before ours, all with their documents in the collection itself."""

    def __init__(self, others: int = 0) -> None:
        self.others = others

    def relist(self, bmc: Bmc, document: Document) -> None:
        macs = [*(f"0a:00:00:00:00:{number:02x}" for number in range(1, self.others + 1)), bmc.mac.upper()]
        inline = [{"@odata.id": f"{bmc.family.interfaces}/{n}", "Id": str(n), "MACAddress": mac} for n, mac in enumerate(macs)]
        document.update(_listed(inline))


class NicsPaged(NicsInline):
    """So many that they come in pages; ours is on the last one. `circle`: there the next page is the first one again."""

    def __init__(self, others: int = 40, *, circle: bool = False) -> None:
        super().__init__(others)
        self.circle = circle
        self.page = 0

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        skip = request.query.partition("skip=")[2]
        self.page = int(skip) // PAGE if skip.isdigit() else 0
        if request.path == bmc.family.interfaces:
            request.query = ""  # a strict service refuses queries, those of others
        return None

    def relist(self, bmc: Bmc, document: Document) -> None:
        super().relist(bmc, document)
        first = self.page * PAGE
        rest = document["Members"][first + PAGE :]
        document["Members"] = document["Members"][first : first + PAGE]
        if rest or self.circle:
            document["Members@odata.nextLink"] = f"{bmc.family.interfaces}?$skip={first + PAGE if rest else 0}"


class NicsEndless(NicsPaged):
    """There is always a next page, and each lists the same NICs."""

    def relist(self, bmc: Bmc, document: Document) -> None:
        document["Members@odata.nextLink"] = f"{bmc.family.interfaces}?$skip={(self.page + 1) * PAGE}"


class NicsAway(Fault):
    """The list of NICs is unavailable (503) at the first `times` reads."""

    def __init__(self, times: int = 2) -> None:
        self.left = times

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if not self.left or request.method != "GET" or request.path != bmc.family.interfaces:
            return None
        self.left -= 1
        return bmc.family.not_ready(1)


def _listed(members: list[Any]) -> Document:
    return {"Members": members, "Members@odata.count": len(members)}
