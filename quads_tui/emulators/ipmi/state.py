"""What one BMC knows and remembers, apart from its fault and from the port that it answers at."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

from quads_tui.emulators.bmc.hardware import Hardware
from quads_tui.emulators.bmc.sessions import LoginLockout
from quads_tui.emulators.interfaces import Machine, Time
from quads_tui.emulators.ipmi.boot_options import BootOptions
from quads_tui.emulators.ipmi.sessions import IpmiSessions


class IpmiState:
    """`on_first_packet` is called once, when the first datagram comes in. `restarts`: of the BMC, by cold resets."""

    def __init__(self, hardware: Hardware, *, time: Time, username: str, password: str, guid: str) -> None:
        self.hardware, self.time = hardware, time
        self.lockout = LoginLockout(time)
        self.sessions = IpmiSessions(username=username, password=password, guid=uuid.UUID(guid).bytes_le, lockout=self.lockout)
        self.options = BootOptions(hardware, time)
        self.on_first_packet: Callable[[], None] | None = None
        self.restarts = 0
        self._away_until = 0.0  # emulated time
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def machine(self) -> Machine:
        return self.hardware.machine

    @property
    def away(self) -> bool:
        """It restarts, and answers nothing."""
        return self.time.now() < self._away_until

    def restart(self, seconds: float) -> None:
        """The BMC is away for so many emulated seconds, once its answer is sent; its sessions are lost."""
        self.restarts += 1
        self.hardware.note("the BMC restarts (cold reset)")
        if seconds:
            self.spawn(self._restart(seconds))

    async def _restart(self, seconds: float) -> None:
        await asyncio.sleep(0.05)
        self._away_until = self.time.now() + seconds
        self.sessions.clear()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it beside, until `close`."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
