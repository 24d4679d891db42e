"""The build lifecycle: tokens, PXE files, the smart proxy's tasks and their rollback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .answers import Answer, Refusal, invalid
from .database import Database
from .options import ForemanOptions
from .records import FAILED, INSTALLED, LOCAL, Host, Token
from .web_server import Work

KINDS = ("PXELinux", "PXEGrub2", "iPXE")
TIMED_OUT = (
    "ERF12-3093 [ProxyAPI::ProxyException]: Unable to set TFTP boot entry "
    "([RestClient::Exceptions::ReadTimeout]: Timed out reading data from server)"
)
TASKS_KEPT = 300.0  # emulated seconds that Foreman caches the task list of a finished PUT


@dataclass(slots=True)
class Task:
    """A step of an orchestration; `undo`: its rollback deletes the host's PXE file."""

    id: str
    name: str
    priority: int
    created: float
    timestamp: str
    status: str = "pending"
    undo: bool = False
    act: Callable[[], None] = field(default=lambda: None)

    def document(self) -> dict[str, Any]:
        return {
            "id": self.id, "name": self.name, "timestamp": self.timestamp, "status": self.status,
            "priority": self.priority, "created": self.created,
        }  # fmt: skip


def refused_task(host: Host, task: Task) -> Refusal:
    """422 with the smart proxy's timeout as the reason of this task."""
    return invalid(host.id, {"base": [f"{task.name} task failed with the following error: {TIMED_OUT}"]})


class Builds:
    """Orchestration: what a save of a host makes the smart proxy do, and the tokens that machines boot with."""

    def __init__(self, database: Database, options: ForemanOptions) -> None:
        self._database = database
        self._options = options
        self._hangs = dict(options.faults.proxy_hang)
        self._lists: dict[str, tuple[float, list[Task]]] = {}
        self.deployed = 0
        self.lost = 0

    def token(self) -> Token | None:
        """A new token, which lives `token_minutes` emulated minutes; None when the setting is 0."""
        minutes = self._options.token_minutes
        return Token(self._database.uuid(), self._database.time.now() + minutes * 60.0) if minutes else None

    def deploy(self, host: Host, content: str, *, moves: bool = True) -> list[Task]:
        """The tasks that write a host's PXE files; `moves` adds what a change of build, OS or medium looks up and fetches."""
        names = [(f"Query DHCP for {host.name} ({step})", 1) for step in ("mac", "ip")] if moves else []
        names += [(f"Query boot server for {host.name}", 2)] if moves else []
        names += [(f"Deploy TFTP {kind} config for {host.name}", 20) for kind in KINDS]
        names += [(f"Fetch TFTP boot files for {host.name} ({kind})", 25) for kind in ("kernel", "initrd")] if moves else []
        now, stamp = self._database.time.now(), self._database.now()
        tasks = [Task(f"{host.id}/{number}", name, priority, now, stamp) for number, (name, priority) in enumerate(names)]
        for task in tasks:
            if task.priority == 20:
                task.undo = True
                task.act = lambda: self._write(host, content)
        return tasks

    def _write(self, host: Host, content: str) -> None:
        self._database.pxe_files[host.mac] = content

    def watch(self, uuid: str, tasks: list[Task]) -> None:
        """Keep this task list for `tasks`; uuid: the progress_report_id of the PUT."""
        self._lists[uuid] = (self._database.time.now(), tasks)

    def tasks(self, uuid: str) -> list[dict[str, Any]] | None:
        """The task list of a PUT that carried this progress_report_id, also while it runs; None when it is not kept."""
        now = self._database.time.now()
        self._lists = {
            key: (since, tasks)
            for key, (since, tasks) in self._lists.items()
            if now - since < TASKS_KEPT or any(task.status in ("pending", "running") for task in tasks)
        }
        return [task.document() for task in self._lists[uuid][1]] if uuid in self._lists else None

    async def orchestrate(self, host: Host, tasks: list[Task], work: Work, *, building: bool) -> None:
        """Runs the tasks in order. Raises Refusal (422) after a rollback, which deletes PXE files and restores none."""
        costs = self._options.costs
        if tasks and building and host.name in self._options.faults.dhcp_conflict:
            await work.wait(costs.proxy_call)
            for task in tasks:
                task.status = "canceled"
            tasks[0].status = "conflict"
            conflict = f"DHCP record {host.mac} for {host.name} already exists with another address"
            raise invalid(host.id, {"conflict": [conflict]})
        hang = building and self._hangs.get(host.name, 0) > 0
        if hang:
            self._hangs[host.name] -= 1
        for number, task in enumerate(tasks):
            task.status = "running"
            if hang and task.priority == 20:
                await work.wait(costs.proxy_hang)
                self._roll_back(host, tasks, number)
                raise refused_task(host, task)
            await work.wait(costs.proxy_call)
            task.act()
            task.status = "completed"
        self.deployed += bool(tasks)

    def _roll_back(self, host: Host, tasks: list[Task], failed: int) -> None:
        tasks[failed].status = "failed"
        for task in tasks[failed + 1 :]:
            task.status = "canceled"
        for task in reversed(tasks[:failed]):
            task.status = "rollbacked"
        # The failed task is undone as well: whatever PXE file the host had before is gone, and it boots its disk.
        if any(task.undo for task in tasks[: failed + 1]):
            self._database.pxe_files.pop(host.mac, None)
            self.lost += 1

    def taken_back(self, host: Host) -> Answer:
        """The last PUT that was watched becomes one that lost against an equal PUT: its rollback deletes what that deployed."""
        tasks = next(reversed(self._lists.values()))[1]
        failed = next(number for number, task in enumerate(tasks) if task.undo)
        self._roll_back(host, tasks, failed)
        return refused_task(host, tasks[failed]).answer

    def live_token(self, host: Host) -> str | None:
        """The token that a machine finds when it boots from PXE now and that still lets it install."""
        value = self._database.pxe_files.get(host.mac, LOCAL)
        now = self._database.time.now()
        known = [host.token, *host.older_tokens] if host.token else []
        return value if host.build and any(token and token.value == value and token.expires > now for token in known) else None

    async def finish(self, host: Host, work: Work, *, errors: str | None) -> None:
        """`built` and `failed` alike: build mode ends, installed_at is now, the PXE files say local boot."""
        await work.cpu(self._options.costs.unattended)
        await self.orchestrate(host, self.deploy(host, LOCAL, moves=False), work, building=False)
        host.build = False
        host.build_errors = errors
        host.installed_at = self._database.time.utc().replace(microsecond=0)
        host.stored_status = INSTALLED if errors is None else FAILED
        host.token = None
        host.older_tokens.clear()
        host.updated_at = self._database.now()
        host.revision += 1
        if errors is None:
            host.times_built += 1
        else:
            host.times_failed += 1
