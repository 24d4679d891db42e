"""One emulated machine whose BMC speaks IPMI, and Debian's ipmitool as a stranger's client of it."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from quads_tui.emulators.bmc.hardware import Hardware, HardwareTiming, PowerState
from quads_tui.emulators.interfaces import Draws, Machine, Time
from quads_tui.emulators.ipmi.faults import IpmiFault
from quads_tui.emulators.ipmi.service import IpmiService

needs_ipmitool = pytest.mark.skipif(shutil.which("ipmitool") is None, reason="ipmitool is not installed")
USER, PASSWORD = "ADMIN", "s3cret of 20 bytes."
GUID = "4c4c4544-0051-4c10-8033-c4c04f4e3532"
QUICK = HardwareTiming(off=(3.0, 5.0), on=(3.0, 5.0), lags=False)


class NoForeman:
    """Implements emulators.interfaces.Provisioner: nothing is in build, so that every machine boots its disk."""

    def live_token(self, host: str) -> str | None:
        return None

    async def built(self, host: str, token: str) -> bool:
        return False

    async def failed(self, host: str, token: str, log: str) -> bool:
        return False


@dataclass
class EmulatedBmc:
    service: IpmiService
    port: int

    @property
    def hardware(self) -> Hardware:
        return self.service.hardware

    @property
    def address(self) -> str:
        return f"ipmi://127.0.0.1:{self.port}"

    async def tool(self, *words: str, password: str = PASSWORD, suite: int = 17) -> tuple[int, str]:
        """Exit status and all output of ipmitool."""
        command = ["ipmitool", "-v", "-I", "lanplus", "-H", "127.0.0.1", "-p", str(self.port), "-U", USER, "-E", "-C", str(suite)]
        process = await asyncio.create_subprocess_exec(
            *command,
            *("-N", "1", "-R", "3"),
            *words,
            env={**os.environ, "IPMI_PASSWORD": password},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode()


@asynccontextmanager
async def emulated(
    fault: IpmiFault | None = None, *, speed: float = 60.0, power: PowerState = PowerState.ON, mode: str = "UEFI", name: str = "h"
) -> AsyncIterator[EmulatedBmc]:
    fault = fault or IpmiFault()
    time, draws = Time(speed), Draws(1, name)
    machine = Machine(f"{name}.example.com", "6048R", "b0:7b:25:00:00:01", ipmi=True)
    hardware = Hardware(
        machine,
        timing=fault.timing or QUICK,
        time=time,
        draws=draws,
        provisioner=NoForeman(),
        faults=fault,
        power=power,
        mode=mode,
    )
    service = IpmiService(hardware, fault, time=time, draws=draws, username=USER, password=PASSWORD, guid=GUID)
    port = await service.serve("127.0.0.1")
    try:
        yield EmulatedBmc(service, port)
    finally:
        service.close()
        hardware.close()
