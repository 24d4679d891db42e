"""What QUADS keeps: clouds, hosts, assignments, schedules, and the documents that it makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from quads_tui.emulators.interfaces import Machine

SPARE = "cloud01"
# The twelve stages of a move, and its two ends.
STATUSES = (
    "pending", "switch_config", "ipmi_config", "hardware_prep", "power_on", "provisioning", "cleanup", "reboot", "post_install",
    "foreman_rbac", "validation", "released", "completed", "failed",
)  # fmt: skip
ISO = "%Y-%m-%dT%H:%M"


@dataclass
class Host:
    id: int
    name: str
    model: str
    cloud: str = SPARE
    default_cloud: str = SPARE
    broken: bool = False
    retired: bool = False
    build: bool = False
    validated: bool = False
    switch_config_applied: bool = False
    overcloud: bool = False  # 2.2
    last_build: datetime | None = None


@dataclass
class Assignment:
    id: int
    cloud: str
    description: str
    owner: str
    ticket: str
    ccuser: list[str]
    wipe: bool
    os: str
    active: bool = True
    provisioned: bool = False
    validated: bool = False


@dataclass
class Schedule:
    id: int
    host: str
    assignment: int
    start: datetime
    end: datetime
    build_start: datetime | None = None
    build_end: datetime | None = None
    source: str = ""  # where the host was when its move began (2.2)
    progress: dict[str, str] = field(default_factory=dict)
    statuses: list[str] = field(default_factory=list)  # all that were reported, in order


class QuadsDatabase:
    """What the QUADS server stores. Times are naive, of the server's own clock."""

    def __init__(self, now: datetime) -> None:
        self.began = now
        self.clouds: list[str] = []
        self.hosts: dict[str, Host] = {}
        self.assignments: dict[int, Assignment] = {}
        self.schedules: dict[int, Schedule] = {}
        self.add_cloud(SPARE)

    def add_cloud(self, name: str) -> None:
        if name not in self.clouds:
            self.clouds.append(name)

    def assign(
        self,
        cloud: str,
        machines: Sequence[Machine],
        *,
        owner: str = "jdoe",
        ticket: str = "3753",
        description: str = "Rehearsal",
        wipe: bool = True,
        os: str = "",
        start: datetime | None = None,
    ) -> Assignment:
        """Schedule these machines, which are in the spare pool, for a cloud from `start` (now) on for two weeks."""
        self.add_cloud(cloud)
        made = Assignment(len(self.assignments) + 1, cloud, description, owner, ticket, ["asmith", "bwong"], wipe, os)
        self.assignments[made.id] = made
        for machine in machines:
            if machine.name not in self.hosts:
                self.hosts[machine.name] = Host(len(self.hosts) + 1, machine.name, machine.model)
            begins = start or self.began - timedelta(hours=1)
            number = max(self.schedules, default=0) + 1
            self.schedules[number] = Schedule(number, machine.name, made.id, begins, begins + timedelta(days=14))
        return made

    def reassign(self, cloud: str, names: Sequence[str], *, wipe: bool) -> Assignment | None:
        """These hosts go to another cloud than they were scheduled for; to the spare pool by ending their schedules."""
        self.unschedule(names)
        if cloud == SPARE:
            self.settle("cloud03", names)
            return None
        return self.assign(cloud, [Machine(name, self.hosts[name].model, "") for name in names], wipe=wipe, ticket="4001")

    def settle(self, cloud: str, names: Sequence[str]) -> None:
        """These hosts are in this cloud, built and validated, and its schedules have ended, as after the last tenant."""
        self.add_cloud(cloud)
        if self.active(cloud) is None:
            number = len(self.assignments) + 1
            self.assignments[number] = Assignment(number, cloud, "the last tenant", "old", "3000", [], True, "", True, True, True)
        for name in names:
            host = self.hosts[name]
            host.cloud, host.build, host.validated, host.switch_config_applied = cloud, True, True, True

    def unschedule(self, names: Sequence[str]) -> None:
        """Delete all schedules of these hosts."""
        for schedule in [schedule for schedule in self.schedules.values() if schedule.host in names]:
            del self.schedules[schedule.id]

    def dump(self) -> dict[str, Any]:
        """All columns that a mover may write, as JSON."""
        hosts = {
            host.name: {
                "cloud": host.cloud,
                "build": host.build,
                "validated": host.validated,
                "switch_config_applied": host.switch_config_applied,
                "overcloud": host.overcloud,
                "last_build": iso(host.last_build),
            }
            for host in self.hosts.values()
        }
        assignments = {
            made.id: {"cloud": made.cloud, "active": made.active, "provisioned": made.provisioned, "validated": made.validated}
            for made in self.assignments.values()
        }
        schedules = {
            made.id: {
                "host": made.host,
                "build_start": iso(made.build_start),
                "build_end": iso(made.build_end),
                "source": made.source,
            }
            for made in self.schedules.values()
        }
        return {"hosts": hosts, "assignments": assignments, "schedules": schedules}

    def current(self, at: datetime, host: str = "", cloud: str = "") -> list[Schedule]:
        """The schedules that hold at this moment, of one host or cloud where one is given."""
        return [
            schedule
            for schedule in self.schedules.values()
            if schedule.start <= at <= schedule.end
            and host in ("", schedule.host)
            and cloud in ("", self.assignments[schedule.assignment].cloud)
        ]

    def moves(self, at: datetime) -> list[dict[str, str]]:
        """Every host that is not where its schedule, or else its default, wants it: broken and retired ones too."""
        wanted = {schedule.host: self.assignments[schedule.assignment].cloud for schedule in self.current(at)}
        found = []
        for name in sorted(self.hosts):
            host = self.hosts[name]
            new = wanted.get(name, host.default_cloud)
            if new != host.cloud:
                found.append({"current": host.cloud, "host": name, "new": new})
        return found

    def active(self, cloud: str) -> Assignment | None:
        """The cloud's assignment that has not ended; None where it has none."""
        return next((made for made in self.assignments.values() if made.cloud == cloud and made.active), None)

    # Documents

    def cloud_document(self, name: str) -> dict[str, Any]:
        return {"id": self.clouds.index(name) + 1, "last_redefined": rfc1123(self.began), "name": name}

    def host_document(self, host: Host, generation: str) -> dict[str, Any]:
        document: dict[str, Any] = {
            "broken": host.broken,
            "build": host.build,
            "cloud": self.cloud_document(host.cloud),
            "cloud_id": self.clouds.index(host.cloud) + 1,
            "default_cloud": self.cloud_document(host.default_cloud),
            "default_cloud_id": self.clouds.index(host.default_cloud) + 1,
            "host_type": "scalelab",
            "id": host.id,
            "interfaces": [],
            "last_build": rfc1123(host.last_build),
            "model": host.model,
            "name": host.name,
            "retired": host.retired,
            "switch_config_applied": host.switch_config_applied,
            "validated": host.validated,
        }
        return document | ({"overcloud": host.overcloud} if generation >= "2.2" else {})

    def assignment_document(self, made: Assignment, generation: str) -> dict[str, Any]:
        document: dict[str, Any] = {
            "active": made.active,
            "ccuser": made.ccuser,
            "cloud": self.cloud_document(made.cloud),
            "cloud_id": self.clouds.index(made.cloud) + 1,
            "created_at": rfc1123(self.began),
            "description": made.description,
            "id": made.id,
            "notification": {"id": made.id, "initial": False, "pre": False, "success": False, "fail": False},
            "owner": made.owner,
            "provisioned": made.provisioned,
            "qinq": 0,
            "ticket": made.ticket,
            "validated": made.validated,
            "vlan": None,
            "wipe": made.wipe,
        }
        return document | ({"ostype": made.os or None, "boot_order": None} if generation >= "2.2" else {})

    def schedule_document(self, schedule: Schedule, generation: str) -> dict[str, Any]:
        host = self.hosts[schedule.host]
        return {
            "assignment": self.assignment_document(self.assignments[schedule.assignment], generation),
            "assignment_id": schedule.assignment,
            "build_end": rfc1123(schedule.build_end),
            "build_start": rfc1123(schedule.build_start),
            "end": rfc1123(schedule.end),
            "host": self.host_document(host, generation),
            "host_id": host.id,
            "id": schedule.id,
            "start": rfc1123(schedule.start),
        }

    def progress_document(self, schedule: Schedule) -> dict[str, Any]:
        progress = schedule.progress
        host = self.hosts[schedule.host]
        return {
            "id": schedule.id,
            "host": schedule.host,
            "host_id": host.id,
            "source_cloud": schedule.source or host.cloud,
            "target_cloud": self.assignments[schedule.assignment].cloud,
            "status": progress.get("status"),
            "message": progress.get("message"),
            "error_message": progress.get("error_message"),
            "stage_timestamps": {},
            "started_at": None,
            "completed_at": None,
        }


def iso(moment: datetime | None) -> str | None:
    """To the minute, without a zone."""
    return moment.strftime(ISO) if moment else None


def rfc1123(moment: datetime | None) -> str | None:
    """As QUADS writes its naive local times: with "GMT", whatever they are."""
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT") if moment else None
