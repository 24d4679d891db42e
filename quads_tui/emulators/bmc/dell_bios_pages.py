"""Dell's Redfish pages for the BIOS: attributes, boot sources, their settings objects and the queue of jobs."""

from __future__ import annotations

from typing import Any

from quads_tui.emulators.bmc.bios import SEQUENCES, Bios, Job
from quads_tui.emulators.bmc.family import Family
from quads_tui.emulators.bmc.hardware import Phase
from quads_tui.emulators.bmc.replies import Document, Reply, Request, collection, dumps, json_reply, ref
from quads_tui.emulators.bmc.state import BmcState

CLEAR = "Actions/Oem/DellManager.ClearPending"
APPLY_TIMES = ["OnReset", "AtMaintenanceWindowStart", "InMaintenanceWindowOnReset"]


class DellFamily(Family):
    """A BMC that shows the BIOS settings and their jobs, and where."""

    pxe_devices = True  # UEFI boots NICs under names of their own
    job_created = 200
    drops_with_job = True  # what a deleted job would have done is forgotten too

    @property
    def bios_page(self) -> str:
        return f"{self.system}/Bios"

    @property
    def sources_page(self) -> str:
        return f"{self.system}/BootSources"

    @property
    def jobs_page(self) -> str:
        return f"{self.manager}/Jobs"

    def make_bios(self) -> Bios | None:
        return Bios(self.nics, pxe_devices=self.pxe_devices)

    def own_reply(self, bmc: BmcState, request: Request) -> Reply | None:
        bios = bmc.hardware.bios
        return None if bios is None else BiosPages(bmc, self, bios).reply(request)


class BiosPages:
    """What one BMC answers on those pages."""

    def __init__(self, bmc: BmcState, family: DellFamily, bios: Bios) -> None:
        self._bmc, self._family, self._bios = bmc, family, bios
        self._settings = {f"{family.bios_page}/Settings": "bios", f"{family.sources_page}/Settings": "order"}

    def reply(self, request: Request) -> Reply | None:
        """The reply to a request for one of the pages; None for all others."""
        path = request.path
        owner, _, action = path.partition("/Actions/")
        if request.method == "POST" and owner in self._settings and f"Actions/{action}" == CLEAR:
            return self._clear(self._settings[owner])
        page = self.page(path)
        if page is None:
            return None
        body = dumps(page)
        etag = self._family.etag(path, body)
        if request.method in ("GET", "HEAD"):
            return Reply(200, body if request.method == "GET" else b"", {"ETag": etag} if etag else {})
        if request.method == "PATCH" and path in self._settings:
            return self._family.precondition(self._bmc, request, etag) or self._patch(request, self._settings[path])
        if request.method == "POST" and path == self._family.jobs_page:
            return self._commit(request)
        if request.method == "DELETE" and path.startswith(f"{self._family.jobs_page}/"):
            return self._delete(path.rpartition("/")[2])
        return self._family.error(405, "OperationNotAllowed", headers={"Allow": "GET, HEAD"})

    def page(self, path: str) -> Document | None:
        """The document of this path as it is now; None where it is none of the pages."""
        family, bios, mode = self._family, self._bios, self._bmc.hardware.boot.mode
        if path == family.bios_page:
            return self._resource(path, "Bios", bios.attributes(mode), f"{path}/Settings")
        if path == family.sources_page:
            return self._resource(path, "DellBootSources", bios.sources(mode, bios.orders[mode]), f"{path}/Settings")
        if path in self._settings:
            pending = bios.pending if self._settings[path] == "bios" else {}
            if self._settings[path] == "order" and bios.pending_order:
                pending = bios.sources(mode, bios.pending_order)
            return self._resource(path, "Bios" if self._settings[path] == "bios" else "DellBootSources", pending, "")
        if path == family.jobs_page:
            members = [f"{path}/{job.id}" for job in bios.jobs]
            return collection(path, "DellJob", "Job Queue", members)
        if path.startswith(f"{family.jobs_page}/"):
            job = next((job for job in bios.jobs if job.id == path.rpartition("/")[2]), None)
            return None if job is None else self._job(path, job)
        return None

    def _resource(self, path: str, kind: str, attributes: dict[str, Any], settings: str) -> Document:
        document: Document = {
            "@odata.id": path,
            "@odata.type": f"#{kind}.v1_1_0.{kind}",
            "Id": path.rpartition("/")[2],
            "Name": kind,
            "Attributes": attributes,
        }
        if settings:
            document["@Redfish.Settings"] = {"SettingsObject": ref(settings), "SupportedApplyTimes": APPLY_TIMES}
        else:
            document["Actions"] = {"Oem": {"#DellManager.ClearPending": {"target": f"{path}/{CLEAR}"}}}
        return document

    def _job(self, path: str, job: Job) -> Document:
        return {
            "@odata.id": path,
            "@odata.type": "#DellJob.v1_4_0.DellJob",
            "Id": job.id,
            "Name": "Configure: BIOS.Setup.1-1",
            "JobType": "BIOSConfiguration",
            "JobState": job.state,
            "PercentComplete": job.percent,
            "Message": {
                "Scheduled": "Task successfully scheduled.",
                "Running": "Job in progress.",
                "Completed": "Job completed successfully.",
                "Failed": "Unable to complete the configuration job.",
            }[job.state],
        }

    # -- changes -----------------------------------------------------------------------------------------------------

    def _patch(self, request: Request, target: str) -> Reply:
        family, bios, hardware = self._family, self._bios, self._bmc.hardware
        try:
            body = request.json()
            attributes = body["Attributes"]
            on_reset = body.get("@Redfish.SettingsApplyTime", {}).get("ApplyTime") == "OnReset"
        except (ValueError, KeyError, TypeError, AttributeError):
            return family.error(400, "MalformedJSON")
        if not isinstance(attributes, dict) or not attributes:
            return family.error(400, "NoOperation")
        if family.locks_in_post and hardware.phase == Phase.POST:
            return family.in_post()
        if bios.committed(target):
            return family.error(400, "SYS011")
        refusal = self._stage(attributes) if target == "bios" else self._stage_order(attributes)
        if refusal is not None:
            return refusal
        hardware.note(f"{target} settings pending")
        if not on_reset:
            return json_reply(200, {"@Message.ExtendedInfo": [family.message_info("Success")]})
        job = bios.schedule(target)
        return Reply(202, b"", {"Location": f"/redfish/v1/TaskService/Tasks/{job.id}"})

    def _stage(self, attributes: dict[str, Any]) -> Reply | None:
        mode = self._bmc.hardware.boot.mode
        for name, value in attributes.items():
            if name not in self._bios.attributes(mode):
                return self._family.error(400, ("PropertyUnknown", name))
            if value not in self._bios.values(name, mode):
                return self._family.error(400, ("PropertyValueNotInList", str(value), name))
        self._bios.pending.update(attributes)
        return None

    def _stage_order(self, attributes: dict[str, Any]) -> Reply | None:
        mode = self._bmc.hardware.boot.mode
        try:
            rows = attributes[SEQUENCES[mode]]
            names = [row["Name"] for row in sorted(rows, key=lambda row: int(row["Index"]))]
        except (KeyError, TypeError, ValueError):
            return self._family.error(400, ("PropertyMissing", SEQUENCES[mode]))
        if sorted(names) != sorted(self._bios.orders[mode]):
            return self._family.error(400, ("PropertyValueNotInList", ",".join(names), SEQUENCES[mode]))
        self._bios.pending_order = names
        return None

    def _commit(self, request: Request) -> Reply:
        try:
            target = self._settings.get(request.json()["TargetSettingsURI"])
        except (ValueError, KeyError, TypeError):
            target = None
        if target is None:
            return self._family.error(400, ("PropertyMissing", "TargetSettingsURI"))
        if self._bios.committed(target):
            return self._family.error(400, "SYS011")
        if not (self._bios.pending if target == "bios" else self._bios.pending_order):
            return self._family.error(400, "RAC051")
        job = self._bios.schedule(target)
        return Reply(self._family.job_created, b"", {"Location": f"{self._family.jobs_page}/{job.id}"})

    def _delete(self, name: str) -> Reply:
        job = next(job for job in self._bios.jobs if job.id == name)
        if job.state == "Running":
            return self._family.error(400, "SUP016")
        self._bios.jobs.remove(job)
        if job.waits and self._family.drops_with_job:
            self._bios.drop(job.target)
        return json_reply(200, {"@Message.ExtendedInfo": [self._family.message_info("Success")]})

    def _clear(self, target: str) -> Reply:
        if self._bios.committed(target):
            return self._family.error(400, "SYS011")
        self._bios.drop(target)
        return json_reply(200, {"@Message.ExtendedInfo": [self._family.message_info("Success")]})
