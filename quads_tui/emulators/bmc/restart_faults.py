"""What goes wrong with the restart of a BMC itself (Manager.Reset), and a BMC that only such a restart cures."""

from __future__ import annotations

from collections.abc import Callable

from quads_tui.emulators.bmc.bmc import Bmc
from quads_tui.emulators.bmc.faults import Fault
from quads_tui.emulators.bmc.hardware import PowerState
from quads_tui.emulators.bmc.identity_faults import Edited
from quads_tui.emulators.bmc.replies import Document, Reply, Request, json_reply, ref

_FOR_EVER = 1e9  # emulated seconds


class RestartRefused(Fault):
    """Our user may not restart the BMC."""

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if request.method == "POST" and request.path == bmc.family.manager_reset:
            return bmc.family.error(403, "InsufficientPrivilege")
        return None


class RestartsForLong(Fault):
    """It is away for `seconds`; for ever by default."""

    def __init__(self, seconds: float = _FOR_EVER) -> None:
        self.seconds = seconds

    def restart(self, bmc: Bmc) -> None:
        bmc.restart(self.seconds)


class RestartIgnored(Fault):
    """The restart is accepted, and nothing happens; with `sessions`, these are lost all the same."""

    def __init__(self, *, sessions: bool = False) -> None:
        self.sessions = sessions

    def restart(self, bmc: Bmc) -> None:
        if self.sessions:
            bmc.sessions.clear()


class RestartBreaks(Fault):
    """It restarts before it answers: the connection breaks."""

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        if request.path == bmc.family.manager_reset and reply.status < 300:
            reply.connection_reset = True


class PowerMisread(Fault):
    """After its restart it reports the wrong power for `seconds` emulated ones; 0: until the power changes."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.until: float | None = None

    def restart(self, bmc: Bmc) -> None:
        super().restart(bmc)
        hardware = bmc.hardware
        hardware.reported = PowerState.OFF if hardware.power == PowerState.ON else PowerState.ON
        hardware.changed += 1
        if self.seconds:
            self.until = bmc.time.now() + bmc.family.manager_away + self.seconds

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if self.until is not None and bmc.time.now() >= self.until:
            self.until = None
            bmc.hardware.reported = bmc.hardware.power
            bmc.hardware.changed += 1
        return None


class NoManager(Edited):
    """No manager is listed, and the system names none."""

    def edit(self, bmc: Bmc, path: str) -> Callable[[Document], None] | None:
        family = bmc.family
        if path == f"{family.root}/Managers":
            return lambda document: document.update({"Members": [], "Members@odata.count": 0})
        if path == family.system:
            return lambda document: document.get("Links", {}).pop("ManagedBy", None)
        return None


class NoManagerReset(Edited):
    """The manager shows no Reset action; or, with `only`, offers nothing but these ResetTypes."""

    def __init__(self, *only: str) -> None:
        self.only = only

    def edit(self, bmc: Bmc, path: str) -> Callable[[Document], None] | None:
        if path != bmc.family.manager:
            return None

        def without(document: Document) -> None:
            if self.only:
                document["Actions"]["#Manager.Reset"]["ResetType@Redfish.AllowableValues"] = list(self.only)
            else:
                del document["Actions"]["#Manager.Reset"]

        return without


class EnclosureManager(Edited):
    """The system names no manager, and the manager of an enclosure comes first in the list. `restarts`: of that one, a bug.

    `kind`: its ManagerType. With `lost` the BMC itself answers 404.
    """

    def __init__(self, kind: str = "EnclosureManager", *, lost: bool = False) -> None:
        self.kind = kind
        self.lost = lost
        self.restarts = 0

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        path = self._path(bmc)
        if self.lost and request.path == bmc.family.manager:
            return bmc.family.error(404, "ResourceMissingAtURI")
        if request.path == path and request.method == "GET":
            reset = {"target": f"{path}/Actions/Manager.Reset", "ResetType@Redfish.AllowableValues": ["GracefulRestart"]}
            document = {"@odata.id": path, "Id": "Enclosure", "Name": "Enclosure", "ManagerType": self.kind}
            return json_reply(200, {**document, "Links": {}, "Actions": {"#Manager.Reset": reset}})
        if request.path.startswith(f"{path}/"):
            self.restarts += 1
            return Reply(204)
        return None

    def edit(self, bmc: Bmc, path: str) -> Callable[[Document], None] | None:
        family = bmc.family
        if path == f"{family.root}/Managers":
            return lambda document: document.update(
                {"Members": [ref(self._path(bmc)), *document["Members"]], "Members@odata.count": 2}
            )
        if path == family.system:
            return lambda document: document.get("Links", {}).pop("ManagedBy", None)
        return None

    def _path(self, bmc: Bmc) -> str:
        return f"{bmc.family.root}/Managers/Enclosure"
