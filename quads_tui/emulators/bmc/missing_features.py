"""BMCs that lack what a rollout needs: a boot override, or a reset that powers off."""

from __future__ import annotations

from collections.abc import Callable

from quads_tui.emulators.bmc.bmc import Bmc
from quads_tui.emulators.bmc.identity_faults import Edited
from quads_tui.emulators.bmc.replies import Document, Reply, Request


class NoOverride(Edited):
    """The system's Boot shows no override, there is no settings object, and a PATCH of it is refused."""

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if request.method == "PATCH" and b"BootSourceOverride" in request.body:
            return bmc.family.error(400, ("PropertyUnknown", "BootSourceOverrideTarget"))
        return None

    def edit(self, bmc: Bmc, path: str) -> Callable[[Document], None] | None:
        if path != bmc.family.system:
            return None

        def without(document: Document) -> None:
            document.pop("@Redfish.Settings", None)
            document["Boot"] = {"BootOrder": []}

        return without


class NoForceOff(Edited):
    """It offers to power on and to restart, and no more."""

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if request.method == "POST" and request.path.endswith(".Reset") and b"Off" in request.body:
            return bmc.family.error(400, ("ActionParameterUnknown", "ComputerSystem.Reset", "ForceOff"))
        return None

    def edit(self, bmc: Bmc, path: str) -> Callable[[Document], None] | None:
        if path == bmc.family.system:
            return lambda document: document["Actions"]["#ComputerSystem.Reset"].update(
                {"ResetType@Redfish.AllowableValues": ["On", "ForceRestart"]}
            )
        if path.endswith("/ResetActionInfo"):
            return lambda document: document["Parameters"][0].update({"AllowableValues": ["On", "ForceRestart"]})
        return None
