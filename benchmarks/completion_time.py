"""Completion time against the size of a cloud: one host after the other, the policy of 2019, and this program.

python -m benchmarks.completion_time [--sizes 3,16,36,90,150] [--speed 60]

All three on the same emulators and seeds; the time counts from the first request until the emulated Foreman has built the last
host, in emulated minutes. `sequential` and `2019` make QUADS' own calls: per host 10 reads and 4 writes to Foreman, each on a
connection of its own with a login of its own; power on, PXE once, ForceOff, On through Redfish. Sequential goes to the next host
when one has been told to boot; 2019 runs all hosts at once, reads free, writes one wide, and ends the cloud at a barrier.
Writes screenshots/completion-time.svg and .png.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.e2e.conftest import Lab, emulated

from .picture import Picture

POLICIES = ("sequential", "2019", "quads-tui")
COLOURS = {"sequential": "#8a8f98", "2019": "#f0953f", "quads-tui": "#3b82d0"}
POLL = 5.0  # emulated seconds between two looks at the power, as badfish does
OUT = Path(__file__).parent.parent / "screenshots" / "completion-time"


@dataclass
class Policy2019:
    """QUADS' move-and-rebuild of one host, against the emulators."""

    lab: Lab
    speed: float

    def __post_init__(self) -> None:
        site = yaml.safe_load(self.lab.site.read_text())
        assignment = yaml.safe_load(self.lab.assignment.read_text())
        self.foreman = site["foreman"]["url"]
        self.logins = {
            who: {"Authorization": aiohttp.encode_basic_auth(user, self.lab.directory.joinpath(f"{who}.password").read_text())}
            for who, user in (("foreman", "quads"), ("bmc", "root"))
        }
        self.cloud = assignment["cloud"]
        self.names = {"operatingsystems": assignment["os"], "ptables": assignment["ptable"], "media": assignment["medium"]}
        self.hosts = {host["name"]: host["bmc"] for host in assignment["hosts"]}
        self.ssl = ssl.create_default_context(cafile=str(self.lab.directory / "ca.pem"))
        self.lane = asyncio.Semaphore(1)

    async def call(self, who: str, method: str, url: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """A session, a connection and a login for this one call."""
        connector = aiohttp.TCPConnector(ssl=self.ssl, force_close=True)
        async with (
            aiohttp.ClientSession(connector=connector, headers=self.logins[who]) as session,
            session.request(method, url, json=body, headers=headers) as answer,
        ):
            text = await answer.text()
            return answer.status, json.loads(text) if text.startswith(("{", "[")) else {}

    async def read(self, path: str, **query: str) -> list[dict[str, Any]]:
        words = "&".join(f"{name}={value}" for name, value in {**query, "per_page": "200"}.items())
        _, body = await self.call("foreman", "GET", f"{self.foreman}/api/v2/{path}?{words}")
        return list(body.get("results", []))

    async def write(self, method: str, path: str, body: Any) -> None:
        async with self.lane:
            status, said = await self.call("foreman", method, f"{self.foreman}/api/v2/{path}", body)
        assert status in (200, 201), said

    async def host_id(self, host: str) -> int:
        return int((await self.read("hosts", search=f"name={host}"))[0]["id"])

    async def move(self, host: str) -> None:
        system = await self.system(host)
        await self.reset(host, system, "On")
        number = await self.host_id(host)
        found = await self.read(f"hosts/{number}/parameters", search="name=overcloud")
        parameter = {"parameter": {"name": "overcloud", "value": "true"}}
        if found:
            await self.write("PUT", f"hosts/{number}/parameters/{found[0]['id']}", parameter)
        else:
            await self.write("POST", f"hosts/{number}/parameters", parameter)
        number = await self.host_id(host)
        await self.write("PUT", f"hosts/{number}", {"host": {"build": 1}})
        ids = {}
        for kind, name in self.names.items():
            ids[kind] = next(item["id"] for item in await self.read(kind) if name in (item.get("title"), item.get("name")))
        number = await self.host_id(host)
        await self.write(
            "PUT",
            f"hosts/{number}",
            {"host": {"operatingsystem_id": ids["operatingsystems"], "ptable_id": ids["ptables"], "medium_id": ids["media"]}},
        )
        owner = (await self.read("users", search=f"login={self.cloud}"))[0]["id"]
        number = await self.host_id(host)
        await self.write("PUT", f"hosts/{number}", {"host": {"owner_id": owner}})
        await self.pxe(host, system)
        await self.reset(host, system, "ForceOff")
        await self.until(host, system, "Off")
        await self.reset(host, system, "On")

    async def system(self, host: str) -> str:
        _, body = await self.call("bmc", "GET", f"{self.hosts[host]}/redfish/v1/Systems")
        return str(body["Members"][0]["@odata.id"])

    async def power(self, host: str, system: str) -> str:
        return str((await self.call("bmc", "GET", f"{self.hosts[host]}{system}"))[1].get("PowerState"))

    async def until(self, host: str, system: str, power: str) -> None:
        while await self.power(host, system) != power:
            await asyncio.sleep(POLL / self.speed)

    async def reset(self, host: str, system: str, kind: str) -> None:
        """Unless it is so already; again while the BMC is busy."""
        while await self.power(host, system) != {"On": "On", "ForceOff": "Off"}[kind]:
            url = f"{self.hosts[host]}{system}/Actions/ComputerSystem.Reset"
            status, _ = await self.call("bmc", "POST", url, {"ResetType": kind})
            if status < 400:
                return
            await asyncio.sleep(POLL / self.speed)

    async def pxe(self, host: str, system: str) -> None:
        """Where and how a family wants it, until it shows."""
        while True:
            _, document = await self.call("bmc", "GET", f"{self.hosts[host]}{system}")
            boot = document.get("Boot", {})
            if (boot.get("BootSourceOverrideTarget"), boot.get("BootSourceOverrideEnabled")) == ("Pxe", "Once"):
                return
            place = document.get("@Redfish.Settings", {}).get("SettingsObject", {}).get("@odata.id", "")
            wanted = {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}
            mode = {name: boot[name] for name in ("BootSourceOverrideMode",) if name in boot}
            ways = [(path, body) for body in ({**wanted, **mode}, wanted) for path in (system, place) if path]
            for path, body in ways:
                _, now = await self.call("bmc", "GET", f"{self.hosts[host]}{path}")
                tag = {"If-Match": now["@odata.etag"]} if "@odata.etag" in now else {}
                status, _ = await self.call("bmc", "PATCH", f"{self.hosts[host]}{path}", {"Boot": body}, tag)
                if status < 400:
                    if path == place:
                        return
                    break
            await asyncio.sleep(POLL / self.speed)


async def sequential(lab: Lab, speed: float) -> None:
    policy = Policy2019(lab, speed)
    for host in policy.hosts:
        await policy.move(host)


async def at_once(lab: Lab, speed: float) -> None:
    policy = Policy2019(lab, speed)
    await asyncio.gather(*(policy.move(host) for host in policy.hosts))


def built(lab: Lab) -> int:
    return sum(machine["built"] > 0 for machine in lab.counts()["hosts"].values())


def measured(policy: str, hosts: int, speed: float) -> tuple[float, dict[str, Any]]:
    """Emulated minutes until the last host is built, and the emulators' counts."""
    with tempfile.TemporaryDirectory() as place, emulated(Path(place) / "lab", hosts=hosts, speed=speed) as lab:
        began = time.monotonic()
        child = None
        if policy == "quads-tui":
            child = subprocess.Popen(
                lab.command("run", lab.assignment, "--canary", "0", "--json", "--yes"), stdout=subprocess.DEVNULL
            )
        else:
            ways: dict[str, Callable[..., Any]] = {"sequential": sequential, "2019": at_once}
            asyncio.run(ways[policy](lab, speed))
        while built(lab) < hosts:
            time.sleep(0.1)
        minutes = (time.monotonic() - began) * speed / 60
        if child is not None:
            child.wait()
        return minutes, lab.counts()["foreman"]


def picture(results: dict[str, dict[int, float]]) -> None:
    """Lines over both axes."""
    width, height, left, bottom, top = 900, 520, 80, 60, 50
    most_hosts = max(max(line) for line in results.values())
    most = max(max(line.values()) for line in results.values())

    def at(hosts: float, minutes: float) -> tuple[float, float]:
        return left + hosts / most_hosts * (width - left - 150), height - bottom - minutes / most * (height - bottom - top)

    drawn = Picture(width, height)
    drawn.text(left, 28, "Completion time of a cloud (emulated minutes until the last host is built)")
    for hosts in sorted({size for series in results.values() for size in series}):
        drawn.text(at(hosts, 0)[0] - 8, height - bottom + 22, str(hosts))
    drawn.text(at(most_hosts / 2, 0)[0], height - 12, "hosts")
    for part in range(5):
        minutes = most * part / 4
        drawn.line([at(0, minutes), at(most_hosts, minutes)], "#dddddd", 1)
        drawn.text(left - 10, at(0, minutes)[1] + 5, f"{minutes:.0f}", anchor="rs")
    for policy, series in results.items():
        drawn.line([at(hosts, minutes) for hosts, minutes in sorted(series.items())], COLOURS[policy], 3)
        end = max(series)
        drawn.text(at(end, 0)[0] + 8, at(end, series[end])[1] + 5, f"{policy} {series[end]:.0f}", COLOURS[policy])
    drawn.save(OUT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="3,16,36,90,150")
    parser.add_argument("--speed", type=float, default=60.0)
    given = parser.parse_args()
    results: dict[str, dict[int, float]] = {policy: {} for policy in POLICIES}
    print(f"{'hosts':>6} {'policy':>11} {'minutes':>8}  writes reads connections", flush=True)
    for hosts in map(int, given.sizes.split(",")):
        for policy in POLICIES:
            minutes, counts = measured(policy, hosts, given.speed)
            results[policy][hosts] = minutes
            seen = f"{counts['writes']:6} {counts['reads']:6} {counts['connections']:6}"
            print(f"{hosts:6} {policy:>11} {minutes:8.1f}  {seen}", flush=True)
    picture(results)


if __name__ == "__main__":
    main()
