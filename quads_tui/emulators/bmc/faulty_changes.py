"""Faults of changes: accepted and not made, refused and made, made late, made over a task, locked, or tied to an ETag."""

from __future__ import annotations

import asyncio

from quads_tui.emulators.bmc.bmc import Bmc
from quads_tui.emulators.bmc.faults import Fault
from quads_tui.emulators.bmc.hardware import Boot
from quads_tui.emulators.bmc.replies import Reply, Request, dumps

TASKS = "/redfish/v1/TaskService"


def sets_boot(request: Request) -> bool:
    """Whether the request changes the boot override."""
    return request.method == "PATCH" and b"BootSourceOverride" in request.body


class PatchNotApplied(Fault):
    """The first `times` changes of the boot override are answered as if made, and are not."""

    def __init__(self, times: int = 1) -> None:
        self.left = times

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if not sets_boot(request) or not self.left:
            return None
        self.left -= 1
        return bmc.family.patched(bmc)


class PatchDenied(Fault):
    """The first `times` changes of the boot override are made, and answered with 400."""

    def __init__(self, times: int = 1) -> None:
        self.left = times

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        if self.left and sets_boot(request) and reply.status < 300:
            self.left -= 1
            error = bmc.family.error(400, "GeneralError")
            reply.status, reply.body, reply.headers = error.status, error.body, error.headers


class FlipsMode(Fault):
    """The first `times` changes of the boot override that name no mode change it."""

    def __init__(self, times: int = 1) -> None:
        self.left = times

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        if self.left and sets_boot(request) and reply.status < 300 and b"BootSourceOverrideMode" not in request.body:
            self.left -= 1
            boot = bmc.hardware.boot
            bmc.hardware.set_boot(Boot(boot.target, boot.enabled, "Legacy" if boot.mode == "UEFI" else "UEFI"))


class BootLocked(Fault):
    """The boot settings are locked, as in a long POST, for `seconds` from the first change on."""

    def __init__(self, seconds: float = 90.0) -> None:
        self.seconds = seconds
        self.until: float | None = None

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if not sets_boot(request):
            return None
        if self.until is None:
            self.until = bmc.time.now() + self.seconds
        return bmc.family.in_post() if bmc.time.now() < self.until else None


class EtagOutdated(Fault):
    """The first `times` changes of the boot override meet 412, whatever their If-Match."""

    def __init__(self, times: int = 1) -> None:
        self.left = times

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if not self.left or not sets_boot(request):
            return None
        self.left -= 1
        return bmc.family.error(412, "PreconditionFailed")


class EtagWeakened(Fault):
    """A compressing server in front: ETags go out weak, and If-Match takes them strong only."""

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if request.method == "PATCH" and request.headers.get("if-match", "").startswith("W/"):
            return bmc.family.error(412, "PreconditionFailed")
        return None

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        etag = reply.headers.get("ETag", "")
        if etag.startswith('"'):
            reply.headers["ETag"] = f"W/{etag}"
            reply.body = reply.body.replace(dumps({"@odata.etag": etag})[1:-1], dumps({"@odata.etag": f"W/{etag}"})[1:-1])


class EtagDemanded(Fault):
    """PATCH needs an If-Match (428) though no resource ever shows an ETag; `*` will do."""

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if request.method == "PATCH" and "if-match" not in request.headers:
            return bmc.family.error(428, "PreconditionRequired")
        return None


class DelayedReset(Fault):
    """The first `times` power actions are accepted and done `seconds` later."""

    def __init__(self, times: int = 1, seconds: float = 30.0) -> None:
        self.left, self.seconds = times, seconds

    def ignores_reset(self, bmc: Bmc, reset_type: str) -> bool:
        if not self.left:
            return False
        self.left -= 1
        asyncio.get_running_loop().call_later(self.seconds / bmc.time.speed, self._act, bmc, reset_type)
        return True

    def _act(self, bmc: Bmc, reset_type: str) -> None:
        if bmc.hardware.would_change(reset_type) and bmc.hardware.act(reset_type, "Redfish, late"):
            bmc.hardware.resets += 1


class Tasks(Fault):
    """Changes are made, and answered with 202 and a task.

    polls: so many looks at it find it running. monitor: Location leads to the task monitor, else to the task itself.
    fails: the task ends in Exception, though the change was made. Once its end was seen it is 404.
    """

    def __init__(self, polls: int = 2, *, monitor: bool = True, fails: bool = False) -> None:
        self.polls, self.monitor, self.fails = polls, monitor, fails
        self.left: dict[str, int] = {}
        self.count = 0

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        if reply.status < 300 and (sets_boot(request) or (request.method == "POST" and request.path == bmc.family.reset)):
            self.count += 1
            path = f"{TASKS}/{'TaskMonitors' if self.monitor else 'Tasks'}/{self.count}"
            self.left[path] = self.polls
            reply.status, reply.body = 202, self._task("Running")
            reply.headers = {"Location": path, "Retry-After": str(bmc.time.retry_after(2.0))}

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if request.method != "GET" or request.path not in self.left:
            return None
        self.left[request.path] -= 1
        if self.left[request.path] >= 0:
            return Reply(202 if self.monitor else 200, self._task("Running"), {"Location": request.path})
        del self.left[request.path]
        if not self.monitor:
            return Reply(200, self._task("Exception" if self.fails else "Completed"))
        return bmc.family.error(500, "GeneralError") if self.fails else Reply(204)

    def _task(self, state: str) -> bytes:
        number = str(self.count)
        return dumps(
            {
                "@odata.id": f"{TASKS}/Tasks/{number}",
                "@odata.type": "#Task.v1_7_4.Task",
                "Id": number,
                "Name": f"Task {number}",
                "TaskState": state,
                "TaskStatus": "Critical" if state == "Exception" else "OK",
                "TaskMonitor": f"{TASKS}/TaskMonitors/{number}",
            }
        )
