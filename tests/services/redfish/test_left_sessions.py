"""The session of a process that was killed during its login, against the emulated families."""

from __future__ import annotations

import pytest

from quads_tui.emulators.bmc.fleet import Fleet
from quads_tui.emulators.interfaces import Machine, Time
from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.services.http import Http
from quads_tui.services.redfish import Bmc
from quads_tui.services.redfish.connection import BmcConnection
from quads_tui.services.redfish.left_sessions import SessionFacts, is_left, session_facts
from tests.clocks import FastClock

from .conftest import Told
from .test_families import SPEED, Foreman

NAME = "f01-h01-000.example.com"


@pytest.mark.parametrize(
    ("model", "client", "ago", "found"),
    [
        ("3500RX", "127.0.0.1", 0.0, True),
        ("DL360", "127.0.0.1", 0.0, True),
        ("DL360", "127.0.0.2", 0.0, False),  # somebody else's, from another machine
        ("DL360", "127.0.0.1", 600.0, False),  # made at another time
        ("R650", "127.0.0.1", 0.0, False),  # an iDRAC9 tells no time of creation
    ],
)
async def test_c5_a_session_of_an_interrupted_login_is_deleted_where_the_bmc_tells_that_it_is_ours(
    model: str, client: str, ago: float, found: bool
) -> None:
    machine = Machine(NAME, model, "04:3f:72:00:00:01")
    fleet = Fleet([machine], time=Time(SPEED), seed=1, provisioner=Foreman(), username="root", password="pw")
    await fleet.serve()
    clock, told = FastClock(SPEED, floor=5.0), Told()
    http = Http(clock)
    bmc = Bmc(
        BmcConnection(
            http,
            address=fleet.address(NAME),
            host=NAME,
            username="root",
            password=Secret("pw"),
            tls=TlsPolicy(),
            clock=clock,
            limits=Limits(),
            meter=Meter(),
            acts=told,
        )
    )
    sessions = fleet.bmcs[NAME].sessions
    left = sessions.create("root", client)
    assert left is not None
    left.created -= 60 + ago
    told.sessions.append(f"{fleet.bmcs[NAME].family.sessions}/{left.id}")
    stranger = sessions.create("admin", "127.0.0.1")
    assert stranger is not None
    tells = session_facts(fleet.bmcs[NAME].family.session_document(left)).told
    try:
        await bmc.end_sessions([], "", clock.wall() - 60)
    finally:
        await bmc.close()
        await http.close()
        await fleet.close()
    found = found and tells
    assert {session.id for session in sessions.open()} == ({stranger.id} if found else {left.id, stranger.id})
    not_sure = not tells or (not found and client == "127.0.0.1")  # of ours by name and place, made at another time
    assert any("a session may be left at the BMC" in note for note in told.notes) is not_sure


def test_what_is_not_told_is_never_ours() -> None:
    own = SessionFacts("root", "10.0.0.1", 1000.0)
    assert is_left(SessionFacts("root", "10.0.0.1", 940.0), own, 60.0)
    assert not is_left(SessionFacts("root", "10.0.0.1", 1000.0), own, 20.0)  # as young as our own: it is in use
    for other in (
        SessionFacts("", "", 940.0),
        SessionFacts("root", "", 940.0),
        SessionFacts("root", "10.0.0.1", None),
        SessionFacts("admin", "10.0.0.1", 940.0),
        SessionFacts("root", "10.0.0.2", 940.0),
        SessionFacts("root", "10.0.0.1", 900.0),
    ):
        assert not is_left(other, own, 60.0)
    assert not is_left(own, SessionFacts("root", "10.0.0.1", None), 0.0)
    for odd in (
        {},
        {"UserName": 7, "ClientOriginIPAddress": [], "CreatedTime": "soon"},
        {"Oem": {"Hpe": "x"}},
        {"CreatedTime": 1e400},
    ):
        assert not session_facts(odd).told
