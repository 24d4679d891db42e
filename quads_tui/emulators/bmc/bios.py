"""The BIOS of a Dell as far as booting goes: its boot orders, its one-time device, and the settings that wait for a POST."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DISKS = {"UEFI": "RAID.Integrated.1-1", "Legacy": "HardDisk.List.1-1"}
SEQUENCES = {"UEFI": "UefiBootSeq", "Legacy": "BootSeq"}
FIRST_JOB = 400_000_000_001


@dataclass(slots=True)
class Job:
    """A configuration job: values that are committed to the next POST. `target`: which settings, bios or order."""

    id: str
    target: str
    state: str = "Scheduled"  # Running, Completed, Failed
    percent: int = 0

    @property
    def waits(self) -> bool:
        """Not ended: its settings are applied by the next POST."""
        return self.state in ("Scheduled", "Running")


class Bios:
    """`nics`: names of the machine's NICs, the first is the one that Foreman provisions through.

    `pxe_devices`: in UEFI mode NICs boot under names of their own (NIC.PxeDevice.N-1), which attributes map to NICs.
    """

    def __init__(self, nics: tuple[str, ...], *, pxe_devices: bool) -> None:
        self.nics = {
            "Legacy": list(nics),
            "UEFI": [f"NIC.PxeDevice.{number}-1" for number, _ in enumerate(nics, 1)] if pxe_devices else list(nics),
        }
        self.orders = {mode: [DISKS[mode], *names] for mode, names in self.nics.items()}
        self.once = ""  # the next boot's device
        self.pending: dict[str, str] = {}  # attributes
        self.pending_order: list[str] = []
        self.jobs: list[Job] = []
        self.fails = False  # jobs of this BIOS end as Failed, without effect
        self._pxe_devices = pxe_devices

    def attributes(self, mode: str) -> dict[str, str]:
        """The current ones, by the names that Dell gives them."""
        sequence = SEQUENCES[mode]
        found = {
            "BootMode": {"UEFI": "Uefi", "Legacy": "Bios"}[mode],
            "OneTimeBootMode": f"OneTime{sequence}" if self.once else "Disabled",
            f"OneTime{sequence}Dev": self.once or self.orders[mode][0],
        }
        if self._pxe_devices:
            for number, nic in enumerate(self.nics["Legacy"], 1):
                found |= {f"PxeDev{number}EnDis": "Enabled", f"PxeDev{number}Interface": nic}
        return found

    def values(self, name: str, mode: str) -> list[str]:
        """What a writable attribute may be set to; empty for the others."""
        sequence = SEQUENCES[mode]
        return {
            "OneTimeBootMode": ["Disabled", f"OneTime{sequence}"],
            f"OneTime{sequence}Dev": list(self.orders[mode]),
        }.get(name, [])

    def sources(self, mode: str, names: list[str]) -> dict[str, Any]:
        """A boot order as the boot sources show it."""
        sequence = SEQUENCES[mode]
        return {
            sequence: [
                {"Enabled": True, "Id": f"BIOS.Setup.1-1#{sequence}#{name}#{len(name):032x}", "Index": index, "Name": name}
                for index, name in enumerate(names)
            ]
        }

    def prefer(self, nic: str) -> None:
        """A person puts this NIC before the others in the BIOS setup, in both modes."""
        number = self.nics["Legacy"].index(nic)
        for mode, names in self.nics.items():
            rest = [name for name in self.orders[mode] if name != names[number]]
            place = min(rest.index(name) for name in rest if name in names)
            self.orders[mode] = [*rest[:place], names[number], *rest[place:]]

    # -- jobs --------------------------------------------------------------------------------------------------------

    def committed(self, target: str) -> bool:
        """Whether a job that has not ended will change these settings."""
        return any(job.waits and job.target == target for job in self.jobs)

    def schedule(self, target: str) -> Job:
        """A new job for the pending settings; the next POST carries it out."""
        self.jobs.append(Job(f"JID_{FIRST_JOB + len(self.jobs)}", target))
        return self.jobs[-1]

    def drop(self, target: str) -> None:
        """Forget the pending values of these settings."""
        if target == "bios":
            self.pending = {}
        else:
            self.pending_order = []

    @property
    def due(self) -> bool:
        """Whether the next POST has jobs to carry out."""
        return any(job.waits for job in self.jobs)

    def begin(self) -> None:
        """The POST has started: its jobs are Running."""
        for job in self.jobs:
            if job.waits:
                job.state, job.percent = "Running", 40

    def finish(self, mode: str) -> None:
        """The POST has carried out the jobs that were scheduled."""
        for job in self.jobs:
            if not job.waits:
                continue
            job.state, job.percent = ("Failed" if self.fails else "Completed"), 100
            if not self.fails and job.target == "bios":
                self.once = self._next(mode)
            elif not self.fails:
                self.orders[mode] = self.pending_order
            self.drop(job.target)

    # -- booting -----------------------------------------------------------------------------------------------------

    def devices(self, mode: str, pxe: bool) -> list[str]:
        """From what the machine tries to boot next, in order; `pxe`: an override asks for the network."""
        if self.once:
            return [self.once]
        return self._ordered(mode, pxe)

    def foreman_is_next(self, mode: str, pxe: bool) -> bool:
        """Whether the next boot reaches Foreman's network, jobs that wait for its POST included."""
        once = self._next(mode) if self.committed("bios") else self.once
        return self.nics[mode][0] in ([once] if once else self._ordered(mode, pxe))

    def _next(self, mode: str) -> str:
        """The device of one boot once the pending attributes are applied."""
        wanted = {**self.attributes(mode), **self.pending}
        return wanted[f"OneTime{SEQUENCES[mode]}Dev"] if wanted["OneTimeBootMode"] != "Disabled" else ""

    def _ordered(self, mode: str, pxe: bool) -> list[str]:
        order = self.orders[mode]
        if pxe:
            return [name for name in order if name in self.nics[mode]][:1]
        return order[: order.index(DISKS[mode]) + 1] if DISKS[mode] in order else order
