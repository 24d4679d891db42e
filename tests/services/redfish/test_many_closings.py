"""Sessions of many BMCs that are closed at once by a machine that is slow itself, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from quads_tui.engine.clock import RealClock
from quads_tui.inputs import Secret
from quads_tui.services.redfish.learned import Learned, LearnedBmcs
from quads_tui.services.redfish.login import BeforeSend
from quads_tui.services.redfish.session import Session
from quads_tui.services.responses import Response
from tests.clocks import in_virtual_time

from .conftest import Told
from .fake import SESSIONS

_BMCS = 200
_OWN = 0.1  # seconds of this machine for one request


class _Bmc:
    """Answers at once, when this machine comes to it."""

    def __init__(self, machine: asyncio.Lock) -> None:
        self.open = False
        self._machine = machine

    async def send(
        self, method: str, path: str, headers: Mapping[str, str], body: object | None, before_send: BeforeSend | None = None
    ) -> Response:
        async with self._machine:
            await asyncio.sleep(_OWN)
        if method == "POST":
            self.open = True
            return Response(201, {"X-Auth-Token": "token", "Location": f"{SESSIONS}/1"})
        if method == "DELETE":
            self.open = False
            return Response(204)
        return Response(401)


def test_hundreds_that_are_closed_at_once_are_all_closed_however_slow_this_machine_is() -> None:
    told, bmcs = Told(), LearnedBmcs()

    async def run() -> list[bool]:
        machine = asyncio.Lock()
        fleet = [_Bmc(machine) for _ in range(_BMCS)]
        sessions = [
            Session(
                bmc.send,
                username="root",
                password=Secret("calvin"),
                clock=RealClock(),
                acts=told,
                learned=Learned,
                closing=bmcs.closing,
            )
            for bmc in fleet
        ]
        await asyncio.gather(*(session.headers() for session in sessions))
        assert all(bmc.open for bmc in fleet)
        await asyncio.gather(*(session.close() for session in sessions))
        return [bmc.open for bmc in fleet]

    assert in_virtual_time(run) == [False] * _BMCS
    assert told.notes == []
