"""Firmware that wants a step done in another way: logins, logouts, entity tags, the boot override, power."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from quads_tui.emulators.bmc.bmc import Bmc
from quads_tui.emulators.bmc.faults import Fault
from quads_tui.emulators.bmc.hardware import PowerState
from quads_tui.emulators.bmc.identity_faults import Edited
from quads_tui.emulators.bmc.replies import Document, Reply, Request, dumps

ENABLED = "BootSourceOverrideEnabled"
TARGET = "BootSourceOverrideTarget"

# -- logins and logouts -----------------------------------------------------------------------------------------------


class SessionsRefused(Fault):
    """A login at the session collection is answered 401 whatever the password is; Basic works."""

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if request.method == "POST" and request.path == bmc.family.sessions:
            return bmc.family.unauthorized()
        return None


class SessionsElsewhere(Fault):
    """The place that the root names answers 404, and every other place that is asked without a login 401."""

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if request.method != "POST" or not request.path.endswith("Sessions"):
            return None
        if request.path == bmc.family.sessions:
            return bmc.family.error(404, ("ResourceMissingAtURI", request.path))
        return bmc.family.unauthorized()


class BasicRefused(Fault):
    """Basic is switched off, and the first login of a session is answered 401 all the same."""

    def __init__(self) -> None:
        self.left = 1

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        login = request.method == "POST" and request.path == bmc.family.sessions
        if "authorization" in request.headers or (login and self.left):
            self.left -= login
            reply = bmc.family.unauthorized()
            reply.headers["WWW-Authenticate"] = 'X-Auth-Token realm="Redfish"'
            return reply
        return None


class TokenUnused(Fault):
    """Sessions are made, and their tokens open nothing; Basic works."""

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        return bmc.family.unauthorized() if "x-auth-token" in request.headers and request.method != "DELETE" else None


class SessionUnnamed(Fault):
    """The answer to a login names the session by `location` (with {id}; empty: no such header) and the members `body` alone."""

    def __init__(self, location: str = "", body: tuple[str, ...] = ("Id",)) -> None:
        self.location, self.body = location, body

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        if request.method != "POST" or reply.status != 201:
            return
        document = json.loads(reply.body)
        reply.headers.pop("Location")
        if self.location:
            reply.headers["Location"] = self.location.replace("{id}", document["Id"])
        reply.body = dumps({name: value for name, value in document.items() if name in self.body})


class LogoutRefused(Fault):
    """The first `times` deletions of a session are answered with `status`; 204: and nothing is done."""

    def __init__(self, status: int = 401, times: int = 1) -> None:
        self.status, self.left = status, times

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if request.method != "DELETE" or not self.left:
            return None
        self.left -= 1
        if self.status == 204:
            return Reply(204)
        return bmc.family.unauthorized() if self.status == 401 else bmc.family.error(self.status, "GeneralError")


# -- changes ------------------------------------------------------------------------------------------------------------


class EtagSpelled(Fault):
    """If-Match is compared with another spelling of the ETag than the one that is shown; what is no match is `status`.

    spelling: "bare" (without quotes), "weak", "*" or "none" (no header at all).
    """

    def __init__(self, spelling: str = "bare", status: int = 412) -> None:
        self.spelling, self.status = spelling, status
        self.refused = 0

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if request.method != "PATCH":
            return None
        given = request.headers.pop("if-match", "none")
        bare = given != "none" and given != "*" and not given.startswith(('"', "W/"))
        fits = {"bare": bare, "weak": given.startswith("W/"), "*": given == "*", "none": given == "none"}[self.spelling]
        if not fits:
            self.refused += 1
            return bmc.family.error(self.status, "PreconditionFailed")
        return None

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        if request.method == "GET" and reply.status == 200 and "ETag" not in reply.headers:
            reply.headers["ETag"] = '"5f3c"'


class OverrideNeverDisabled(Edited):
    """BootSourceOverrideEnabled takes the values of `enabled` and no other, BootSourceOverrideTarget none of `not_targets`."""

    def __init__(
        self, enabled: tuple[str, ...] = ("Once", "Continuous"), not_targets: tuple[str, ...] = (), *, listed: bool = True
    ) -> None:
        self.enabled, self.not_targets, self.listed = enabled, not_targets, listed

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if request.method != "PATCH":
            return None
        boot = json.loads(request.body).get("Boot", {})
        if ENABLED in boot and boot[ENABLED] not in self.enabled:
            return bmc.family.error(400, ("PropertyValueNotInList", boot[ENABLED], ENABLED))
        if boot.get(TARGET) in self.not_targets:
            return bmc.family.error(400, ("PropertyValueNotInList", boot[TARGET], TARGET))
        return None

    def edit(self, bmc: Bmc, path: str) -> Callable[[Document], None] | None:
        if not self.listed or not path.startswith(bmc.family.system):
            return None

        def without(document: Document) -> None:
            boot = document.get("Boot")
            if isinstance(boot, dict) and ENABLED in boot:
                boot[f"{ENABLED}@Redfish.AllowableValues"] = list(self.enabled)

        return without


# -- power --------------------------------------------------------------------------------------------------------------


class PowerSpelled(Edited):
    """PowerState is spelled in another way, such as ON or "off "; `change` is given the proper one."""

    def __init__(self, change: Callable[[str], Any] = str.upper) -> None:
        self.change = change

    def edit(self, bmc: Bmc, path: str) -> Callable[[Document], None] | None:
        if path != bmc.family.system:
            return None

        def spell(document: Document) -> None:
            document["PowerState"] = self.change(document["PowerState"])

        return spell


class PowerUntold(Edited):
    """PowerState is null in the first `times` reads of the system."""

    def __init__(self, times: int = 6) -> None:
        self.left = times

    def edit(self, bmc: Bmc, path: str) -> Callable[[Document], None] | None:
        if path != bmc.family.system or not self.left:
            return None
        self.left -= 1
        return lambda document: document.update(PowerState=None)


class PowerStuck(Edited):
    """PowerState shows `state` while the machine is on, until a ForceOff was accepted."""

    def __init__(self, state: str = "PoweringOff") -> None:
        self.state: str | None = state

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        if request.path == bmc.family.reset and b"ForceOff" in request.body and reply.status < 300:
            self.state = None
        super().after(bmc, request, reply)

    def edit(self, bmc: Bmc, path: str) -> Callable[[Document], None] | None:
        if self.state is None or path != bmc.family.system or bmc.hardware.power is not PowerState.ON:
            return None
        return lambda document: document.update(PowerState=self.state)


class ResetsOffered(Edited):
    """Of the resets, only those of `offered` are known."""

    def __init__(self, *offered: str) -> None:
        self.offered = offered or ("On", "PushPowerButton", "PowerCycle", "ForceRestart")

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if request.method == "POST" and request.path == bmc.family.reset:
            kind = json.loads(request.body).get("ResetType")
            if kind not in self.offered:
                return bmc.family.error(400, ("ActionParameterValueNotInList", kind, "ResetType"))
        return None

    def edit(self, bmc: Bmc, path: str) -> Callable[[Document], None] | None:
        if path == bmc.family.system:
            return lambda document: document["Actions"]["#ComputerSystem.Reset"].update(
                {"ResetType@Redfish.AllowableValues": list(self.offered)}
            )
        if path.endswith("/ResetActionInfo"):
            return lambda document: document["Parameters"][0].update({"AllowableValues": list(self.offered)})
        return None
