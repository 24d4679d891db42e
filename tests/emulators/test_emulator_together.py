"""Foreman and BMCs as one lab: what is built in one is booted in the other."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import sys
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.waiting import PATIENCE


class Console:
    """The least that a console does, against the files that the emulators wrote."""

    def __init__(self, client: aiohttp.ClientSession, folder: Path) -> None:
        self.client = client
        self.site = yaml.safe_load((folder / "site.yaml").read_text())
        self.host = yaml.safe_load((folder / "assignment.yaml").read_text())["hosts"][0]
        self.control = json.loads((folder / "control.json").read_text())["url"]
        self.headers = {
            service: {"Authorization": aiohttp.encode_basic_auth(self.site[service]["username"], password)}
            for service in ("foreman", "redfish")
            for password in [(folder / self.site[service]["password"]["file"]).read_text()]
        }

    async def foreman(self, method: str, path: str, body: Any = None) -> Any:
        url = self.site["foreman"]["url"] + "/api" + path
        async with self.client.request(method, url, json=body, headers=self.headers["foreman"]) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def redfish(self, method: str, path: str, body: Any = None) -> None:
        url = self.host["bmc"] + "/redfish/v1/Systems/System.Embedded.1" + path
        async with self.client.request(method, url, json=body, headers=self.headers["redfish"]) as response:
            assert response.status < 300, await response.text()

    async def counts(self) -> Any:
        async with self.client.get(self.control + "/counts") as response:
            return (await response.json())["hosts"][self.host["name"]]

    async def booted(self, times: int) -> None:
        """Wait until the host has booted so often and its system runs."""
        async with asyncio.timeout(PATIENCE):
            while True:
                async with self.client.get(f"{self.control}/hosts/{self.host['name']}") as response:
                    host = await response.json()
                if (host["boots"], host["phase"]) == (times, "os"):
                    return
                await asyncio.sleep(0.02)


async def test_a_host_in_build_with_pxe_is_wiped_by_its_next_boot_and_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    command = [sys.executable, "-m", "quads_tui.emulators", "--hosts", "1", "--speed", "1500", "--dir", str(folder)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as client:
            console = Console(client, folder)
            name = console.host["name"]
            once = {"Boot": {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}}

            await console.redfish("PATCH", "", once)
            await console.redfish("POST", "/Actions/ComputerSystem.Reset", {"ResetType": "ForceRestart"})
            await console.booted(1)
            counts = await console.counts()
            assert counts == {"wipes": 0, "resets": 1, "built": 0, "armed": False}

            await console.foreman("PUT", f"/hosts/{name}", {"host": {"build": True}})
            assert (await console.counts())["armed"] is False
            await console.redfish("PATCH", "", once)
            assert (await console.counts())["armed"] is True
            await console.redfish("POST", "/Actions/ComputerSystem.Reset", {"ResetType": "ForceRestart"})

            await console.booted(3)  # from the network, and then from the new disk
            counts = await console.counts()
            assert counts == {"wipes": 1, "resets": 2, "built": 1, "armed": False}
            host = await console.foreman("GET", f"/hosts/{name}")
            assert (host["build"], host["build_status"]) == (False, 0)
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
