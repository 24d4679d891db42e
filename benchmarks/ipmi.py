"""IPMI beside Redfish: the stages of a host by both, and a whole rollout of a mixed fleet.

    python -m benchmarks.ipmi stages --hosts 20            off, PXE, clear, PXE, on; CPU a host and loop lag, by both protocols
    python -m benchmarks.ipmi mixed --hosts 200 --ipmi 40  a rollout; what it reported, and what the emulators counted

Prints one JSON object. Needs ipmitool.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from quads_tui.engine.clock import RealClock
from quads_tui.inputs import load_assignment, load_site
from quads_tui.planning.bmc_survey import ReadOnlySideEffects
from quads_tui.rollout.metrics import quantile
from quads_tui.rollout.plan import HostPlan
from quads_tui.runtime.clients import Services, open_services
from tests.e2e.conftest import Lab, emulated, lines

_TICK = 0.01  # real seconds
_TWO_SYSTEMS = ("-gb200.example.com", "-dgxh100.example.com")  # by Redfish, Foreman's MAC is needed to tell them apart
_PATIENCE = 1e6  # own seconds


class Acts(ReadOnlySideEffects):
    """Everything may be done."""

    async def intend(self, act: str, detail: dict[str, object]) -> None:
        return

    async def confirm(self) -> None:
        return


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("stages", "mixed"))
    parser.add_argument("--hosts", type=int, default=20)
    parser.add_argument("--ipmi", type=int, default=40)
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", default="none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        if options.what == "stages":
            found = {kind: stages(place / kind, options, ipmi=kind == "ipmi") for kind in ("redfish", "ipmi")}
        else:
            found = mixed(place / "lab", options)
    print(json.dumps(found, indent=1))
    return 0


def stages(place: Path, options: argparse.Namespace, *, ipmi: bool) -> dict[str, Any]:
    """One protocol, all hosts at once."""
    with emulated(place, hosts=options.hosts, speed=options.speed, ipmi=options.hosts if ipmi else 0) as lab:
        return {**asyncio.run(_stages(lab)), "bmc": lab.counts()["bmc"]}


async def _stages(lab: Lab) -> dict[str, Any]:
    site = load_site(lab.site)
    hosts = [host for host in load_assignment(lab.assignment).hosts if not host.name.endswith(_TWO_SYSTEMS)]
    modes = {host.name: lab.ask(f"hosts/{host.name}")["boot"]["mode"] for host in hosts}
    lags: list[float] = []
    ticking = asyncio.create_task(_tick(lags))
    services = await open_services(site, RealClock(site.speed), lab.state)
    began, before = time.monotonic(), _cpu()
    try:
        await asyncio.gather(*(_one(services, host.name, host.bmc or "", modes[host.name]) for host in hosts))
        after, wall = _cpu(), time.monotonic() - began
    finally:
        ticking.cancel()
        await services.http.close()
    lags.sort()
    own, children = ((now - then) / len(hosts) for now, then in zip(after, before, strict=True))
    return {
        "wall_seconds": round(wall, 1),
        "cpu_ms_per_host": {"console": round(own * 1000, 1), "children": round(children * 1000, 1)},
        "loop_lag_ms": {"p50": _ms(quantile(lags, 0.5)), "p99": _ms(quantile(lags, 0.99)), "worst": _ms(lags[-1])},
        "requests": services.requests(),
    }


async def _one(services: Services, name: str, address: str, mode: str) -> None:
    bmc, never = services.bmc(HostPlan(name, address, mode=mode), Acts()), _PATIENCE
    try:
        bmc.pin(await bmc.identify((), never))
        await bmc.ensure_off(never)
        await bmc.ensure_pxe_next(never)
        await bmc.clear_override(never)
        await bmc.ensure_pxe_next(never)
        await bmc.ensure_on(never)
    finally:
        await bmc.close()


async def _tick(lags: list[float]) -> None:
    while True:
        began = time.monotonic()
        await asyncio.sleep(_TICK)
        lags.append(time.monotonic() - began - _TICK)


def _cpu() -> tuple[float, float]:
    """Seconds of this process, and of the children that have ended."""
    used = [resource.getrusage(whom) for whom in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own, children = (one.ru_utime + one.ru_stime for one in used)
    return own, children


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def mixed(place: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The first hosts speak IPMI."""
    with emulated(
        place, hosts=options.hosts, speed=options.speed, faults=options.faults, seed=options.seed, ipmi=options.ipmi
    ) as lab:
        began = time.monotonic()
        run = lab.run("run", lab.assignment, "--yes", "--json")
        wall = time.monotonic() - began
        counts, injected = lab.counts(), lab.ask("faults")
    end = lines(run.stdout)[-1]
    speaking = {one["name"] for one in json.loads(place.with_suffix(".json").read_text())["hosts"] if one["ipmi"]}
    machines = counts["hosts"]
    return {
        "status": run.returncode,
        "wall_seconds": round(wall, 1),
        "finished": {name: value for name, value in end.items() if isinstance(value, int | float)},
        "failures": [f"{one['host']} {one['stage']}: {one['reason']}" for one in end.get("failures", ())],
        "injected_into_ipmi": {name: injected[name]["fault"] for name in sorted(speaking & injected.keys())},
        "double_wipes": sum(machine["wipes"] > 1 for machine in machines.values()),
        "resets_over_2": {name: one["resets"] for name, one in machines.items() if one["resets"] > 2},
        "ipmi_hosts_built": sum(machines[name]["built"] == 1 for name in speaking),
        "foreman": {name: counts["foreman"][name] for name in ("writes", "reads", "peak_writes")},
        "bmc": counts["bmc"],
    }


if __name__ == "__main__":
    raise SystemExit(main())
