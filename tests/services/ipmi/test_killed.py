"""A console that is killed in the middle of a session leaves none behind."""

from __future__ import annotations

import subprocess
import sys

from tests.ipmi_bmc import emulated, needs_ipmitool
from tests.waiting import until

_CONSOLE = """
import asyncio, sys
from tests.services.ipmi.conftest import Bench
asyncio.run(Bench(sys.argv[1], speed=1.0).client().observe())
"""
_BEFORE_IT_EXPIRES = 30.0  # real seconds; the BMC ends it after 60 itself


@needs_ipmitool
async def test_ipmitool_closes_its_session_when_its_console_was_killed() -> None:
    async with emulated(speed=1.0) as bmc:
        console = subprocess.Popen([sys.executable, "-c", _CONSOLE, bmc.address])
        try:
            await until(lambda: bmc.service.sessions.created)
        finally:
            console.kill()
            console.wait()
        await until(lambda: not bmc.service.sessions.open(), _BEFORE_IT_EXPIRES)
