"""The emulators as a process of their own: start all, write what a console needs into a directory, end cleanly."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
import ssl
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import trustme
import yaml

from quads_tui.emulators import fault_profiles
from quads_tui.emulators.bmc.fleet import LOOPBACK, Fleet
from quads_tui.emulators.control import Control
from quads_tui.emulators.errors import EmulatorError, OptionsError
from quads_tui.emulators.fault_profiles import PROFILES
from quads_tui.emulators.foreman import VERSION, Cost, Costs, ForemanEmulator, ForemanFaults, ForemanOptions
from quads_tui.emulators.interfaces import Time
from quads_tui.emulators.lab import Lab, from_file, generated
from quads_tui.emulators.lag import keep_lag
from quads_tui.emulators.quads import QuadsDatabase, QuadsEmulator

FOREMAN_USER = "quads"
BMC_USER = "root"
IPMI_USER = "ADMIN"
QUADS_USER = "admin@example.com"
QUADS_ZONE = "Asia/Kolkata"  # neither UTC nor a usual machine's, so that a time sent in the wrong zone is noticed
WATCH_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Options:
    """What to emulate, and where to write how it is reached.

    hosts: made-up ones, unless `fleet` is a file of given ones (`lab.from_file`). speed: emulated seconds a real one.
    faults: a name of `fault_profiles.PROFILES`. dir: created 0700 if missing.
    write_seconds: emulated seconds that Foreman works on a write of a host, its smart proxy beside them; 0: the usual ones.
    watch_pid_file: holds the pid of a console; once that process has been gone for `linger` real seconds, all ends.
    """

    dir: Path
    hosts: int = 700
    seed: int = 1
    speed: float = 1.0
    faults: str = "none"
    tls: bool = True
    fleet: Path | None = None
    foreman: str = VERSION  # the version that it is
    quads: str | None = None  # "2.0.5", "2.1" or "2.2": a QUADS too, whose moves of now are the lab's hosts
    write_seconds: float = 0.0
    watch_pid_file: Path | None = None
    linger: float = 600.0


def run(options: Options) -> int:
    """Emulate until SIGTERM or SIGINT, or until the watched console is gone; the exit status (2: unusable options)."""
    try:
        _check(options)
        asyncio.run(serve(options))
    except (EmulatorError, OSError) as error:
        print(f"emulate: {error}", file=sys.stderr)
        return 2
    return 0


def _check(options: Options) -> None:
    if options.faults not in PROFILES:
        raise OptionsError(f"unknown fault profile {options.faults!r}; choose from {', '.join(PROFILES)}")
    if options.hosts < 1:
        raise OptionsError(f"{options.hosts} hosts: at least one is needed")
    if not 0 < options.speed <= 10_000:
        raise OptionsError(f"speed {options.speed}: a number above 0 is needed, 10000 at most")


async def serve(options: Options) -> None:
    """Start everything, write the files of `Options.dir`, print `ready`, and serve until a signal ends it."""
    if options.watch_pid_file is not None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the watched console's pid says when to end, not its terminal
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    options.dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    (options.dir / "ready").unlink(missing_ok=True)
    if options.fleet is None:
        lab = generated(options.hosts, options.seed, ipmi=shutil.which("ipmitool") is not None)  # what the site's client needs
    else:
        lab = from_file(options.fleet, options.seed)
    clock = Time(options.speed)
    faults = fault_profiles.plan(options.faults, lab.machines, options.seed)
    passwords = {"foreman": secrets.token_urlsafe(18), "bmc": secrets.token_urlsafe(18)}
    if any(machine.ipmi for machine in lab.machines):
        passwords["ipmi"] = secrets.token_urlsafe(12)  # at most 20 bytes
    foreman = ForemanEmulator(
        lab.machines,
        time=clock,
        seed=options.seed,
        options=ForemanOptions(
            username=FOREMAN_USER,
            password=passwords["foreman"],
            version=options.foreman,
            costs=Costs(save=Cost(options.write_seconds, options.write_seconds)) if options.write_seconds else Costs(),
            faults=ForemanFaults(
                concurrency_2019=PROFILES[options.faults].concurrency_2019,
                proxy_hang=dict.fromkeys(fault_profiles.hosts_with(faults, "proxy-hangs-once"), 1),
                dhcp_conflict=frozenset(fault_profiles.hosts_with(faults, "dhcp-conflict")),
            ),
        ),
    )
    fleet = Fleet(
        lab.machines,
        time=clock,
        seed=options.seed,
        provisioner=foreman,
        username=BMC_USER,
        password=passwords["bmc"],
        faults=fault_profiles.bmc_faults(faults),
        idle_off=PROFILES[options.faults].idle_off,
        ipmi_account=(IPMI_USER, passwords.get("ipmi", "")),
        ipmi_faults=fault_profiles.ipmi_faults(faults),
    )
    for name, bmc in fleet.bmcs.items():
        foreman.boots(name, bmc.hardware.boot.mode)
    quads = _quads(options, lab, clock, passwords)
    control = Control(fleet, foreman, faults, quads)
    context = _tls(options.dir / "ca.pem") if options.tls else None
    try:
        url = await foreman.serve(LOOPBACK, 0, context)
        quads_url = await quads.serve(LOOPBACK, 0, context) if quads else ""
        await fleet.serve(context)
        control_url = await control.serve()
        _write_files(options, lab, fleet, passwords, url, quads_url, control_url)
        print("ready", flush=True)
        lag = asyncio.create_task(keep_lag(options.dir))
        try:
            await _wait_for_end(options, stop)
        finally:
            lag.cancel()
    finally:
        (options.dir / "ready").unlink(missing_ok=True)
        await control.close()
        await fleet.close()
        await foreman.close()
        if quads is not None:
            await quads.stop()


def _quads(options: Options, lab: Lab, clock: Time, passwords: dict[str, str]) -> QuadsEmulator | None:
    """A QUADS whose schedules move the lab's hosts from the spare pool to the lab's cloud now; None without `Options.quads`."""
    if options.quads is None:
        return None
    passwords["quads"] = secrets.token_urlsafe(18)
    zone = ZoneInfo(QUADS_ZONE)
    database = QuadsDatabase(clock.utc().astimezone(zone).replace(tzinfo=None))
    database.assign(lab.cloud, lab.machines, os=lab.os)
    return QuadsEmulator(
        database, time=clock, username=QUADS_USER, password=passwords["quads"], generation=options.quads, zone=zone
    )


async def _wait_for_end(options: Options, stop: asyncio.Event) -> None:
    if options.watch_pid_file is None:
        await stop.wait()
        return
    seen = time.monotonic()
    while time.monotonic() - seen < options.linger:
        if _alive(options.watch_pid_file):
            seen = time.monotonic()
        try:
            async with asyncio.timeout(min(WATCH_SECONDS, max(0.1, options.linger / 2))):
                await stop.wait()
        except TimeoutError:
            continue
        return


def _alive(pid_file: Path) -> bool:
    """Whether the process runs whose pid is in this file."""
    try:
        pid = int(pid_file.read_text())
        if pid <= 0:
            return False
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return True


def _tls(ca_file: Path) -> ssl.SSLContext:
    """A context for all servers, its certificate for loopback signed by a throw-away CA that is written to `ca_file`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(LOOPBACK, "localhost").configure_cert(context)
    return context


def _write_files(
    options: Options, lab: Lab, fleet: Fleet, passwords: dict[str, str], foreman_url: str, quads_url: str, control_url: str
) -> None:
    """What a console needs to roll this lab out, and the marker `ready` last."""
    for name, password in passwords.items():
        _write_secret(options.dir / f"{name}.password", password)
    tls = {"tls": {"ca_file": "ca.pem"}} if options.tls else {}
    unverifiable = [name for name, bmc in fleet.bmcs.items() if not bmc.family.nics or name in fleet.ipmi]  # they show no MACs
    site: dict[str, Any] = {
        "foreman": {"url": foreman_url, "username": FOREMAN_USER, "password": {"file": "foreman.password"}, **tls},
        "defaults": {"os": lab.os, "ptable": lab.ptable, "medium": lab.medium},
        "redfish": {"username": BMC_USER, "password": {"file": "bmc.password"}, "unverified": unverifiable, **tls},
        "racks": r"^([a-f]\d\d)-",  # of generated names; a switch that drops takes the BMCs of one or two with it
        "speed": options.speed,
    }
    if fleet.ipmi:
        site["ipmi"] = {"username": IPMI_USER, "password": {"file": "ipmi.password"}}
    if quads_url:
        account = {"username": QUADS_USER, "password": {"file": "quads.password"}}
        site["quads"] = {"url": quads_url, **account, "lock_file": "quads.lock", "timezone": QUADS_ZONE, **tls}
        site["redfish"]["addresses"] = "bmcs.yaml"  # QUADS does not have the addresses of BMCs
        addresses = {machine.name: fleet.address(machine.name) for machine in lab.machines}
        (options.dir / "bmcs.yaml").write_text(yaml.dump(addresses, width=10_000))
    assignment: dict[str, Any] = {
        "cloud": lab.cloud,
        "description": "Rehearsal",
        "owner": "jdoe",
        "ticket": "3753",
        "os": lab.os,
        "ptable": lab.ptable,
        "medium": lab.medium,
        "parameters": {"overcloud": "true"},
        "hosts": [{"name": machine.name, "model": machine.model, "bmc": fleet.address(machine.name)} for machine in lab.machines],
    }
    for name, content in (("site.yaml", site), ("assignment.yaml", assignment)):
        text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
        (options.dir / name).write_text(text)
    (options.dir / "control.json").write_text(json.dumps({"url": control_url}) + "\n")
    (options.dir / "ready").touch()


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Strict readers refuse aliases, so nothing is ever written as one."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _write_secret(path: Path, text: str) -> None:
    """A file of mode 0600 from its first byte on, whatever stood there before."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
