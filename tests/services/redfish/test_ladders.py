"""Steps that firmware wants done in different ways, against emulated BMCs: a ladder, proved by a read, that remembers what worked.

Judged by what the machine did, by what the BMC was sent, and by what the operator reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from quads_tui.emulators.bmc import firmware_variants as variants
from quads_tui.emulators.bmc.bmc import Bmc as EmulatedBmc
from quads_tui.emulators.bmc.faults import Fault, WrongPassword
from quads_tui.emulators.bmc.fleet import Fleet
from quads_tui.emulators.bmc.hardware import Boot, PowerState
from quads_tui.emulators.bmc.replies import Reply, Request
from quads_tui.emulators.interfaces import Machine
from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.services.http import Http
from quads_tui.services.redfish import Bmc
from quads_tui.services.redfish.connection import BmcConnection
from quads_tui.services.redfish.learned import LearnedBmcs
from tests.clocks import FastClock, GrantedTime

from .conftest import Told
from .test_families import SPEED, Foreman

HOST = "f01-h01-000.example.com"


class Lab:
    """One emulated BMC, and the clients of one process."""

    def __init__(self, fleet: Fleet) -> None:
        self.clock, self.told = FastClock(SPEED, floor=5.0), Told()
        self.exchanges: list[Exchange] = []
        self.http = Http(self.clock, on_exchange=self.exchanges.append)
        self.bmcs = LearnedBmcs()
        self.clients: list[Bmc] = []
        self.fleet = fleet
        self.bmc = fleet.bmcs[HOST]

    def client(self, password: str = "pw", host: str = "") -> Bmc:
        address = self.fleet.address(HOST)
        connection = BmcConnection(
            self.http,
            address=address.replace("127.0.0.1", host) if host else address,
            host=HOST,
            username="root",
            password=Secret(password),
            tls=TlsPolicy(),
            clock=self.clock,
            limits=Limits(),
            meter=Meter(),
            acts=self.told,
            bmcs=self.bmcs,
        )
        self.clients.append(Bmc(connection))
        return self.clients[-1]

    def sent(self, method: str, ending: str = "") -> list[Exchange]:
        return [one for one in self.exchanges if one.method == method and one.path.endswith(ending)]

    async def off(self, client: Bmc, seconds: float = 180) -> str:
        return await client.ensure_off(self.clock.now() + seconds)

    async def pxe(self, client: Bmc) -> str:
        return await client.ensure_pxe_next(self.clock.now() + 180)

    async def clear(self, client: Bmc) -> str:
        return await client.clear_override(self.clock.now() + 180)


Start = Callable[..., Awaitable[Lab]]


@pytest.fixture
async def lab() -> AsyncIterator[Start]:
    labs: list[tuple[Lab, Fleet]] = []

    async def start(fault: Fault, model: str = "R650") -> Lab:
        machine = Machine(HOST, model, "04:3f:72:00:00:01")
        fleet = Fleet(
            [machine],
            time=GrantedTime(SPEED),
            seed=1,
            provisioner=Foreman(),
            username="root",
            password="pw",
            faults={HOST: fault},
        )
        await fleet.serve()
        labs.append((Lab(fleet), fleet))
        return labs[-1][0]

    yield start
    for one, fleet in labs:
        for client in one.clients:
            await client.close()
        await one.http.close()
        left = one.bmc.sessions.open()
        await fleet.close()
        assert left == [], "a session was left behind"
        assert one.bmc.lockouts == 0


async def fails(work: Awaitable[Any]) -> StageFailure:
    with pytest.raises(StageFailure) as caught:
        await work
    return caught.value


# Logins


@pytest.mark.parametrize("fault", [variants.SessionsRefused, variants.TokenUnused])
async def test_d2_basic_is_taken_where_sessions_are_refused_and_stays_taken(lab: Start, fault: type[Fault]) -> None:
    one = await lab(fault())
    first = one.client()
    assert await one.off(first) == ""
    await first.close()
    logins = len(one.sent("POST", "Sessions"))
    assert await one.pxe(one.client()) == ""
    assert len(one.sent("POST", "Sessions")) == logins, "the next client knows"
    assert one.bmc.hardware.boot.effective


async def test_d2_both_are_said_where_neither_is_taken(lab: Start) -> None:
    one = await lab(WrongPassword())
    failure = await fails(one.off(one.client()))
    assert (failure.cause, failure.retryable) == (Cause.CREDENTIALS, False)
    assert failure.reason == (
        "session at /redfish/v1/SessionService/Sessions, then Basic authentication: There is no valid session established with "
        "the implementation. (user root, refused 2 times; the password is not sent again until an operator retries the host)"
    )


async def test_d2_where_basic_is_not_offered_a_random_refusal_is_met_by_a_session(lab: Start) -> None:
    one = await lab(variants.BasicRefused())
    assert await one.off(one.client()) == ""


async def test_d2_a_refused_password_is_sent_twice_per_bmc_whoever_asks_until_an_operator_does(lab: Start) -> None:
    one = await lab(WrongPassword())
    survey = one.client()
    assert (await fails(survey.survey())).cause is Cause.CREDENTIALS
    await survey.close()
    for client in (one.client(), one.client(), one.client(host="127.0.0.1")):
        for _ in range(2):
            failure = await fails(one.off(client))
            assert (failure.cause, failure.retryable) == (Cause.CREDENTIALS, False)
    assert one.bmc.refused_logins == 2
    assert one.told.refusals[:2] == [1, 2] and set(one.told.refusals) == {1, 2}, "each client tells its host's journal"
    again = one.client()
    again.allow_login()
    assert one.told.refusals[-1] == 0
    await fails(one.off(again))
    await fails(one.off(one.client()))
    assert one.bmc.refused_logins == 4


async def test_d2_clients_that_log_in_at_once_share_the_count(lab: Start) -> None:
    """Two hosts behind one BMC, and the survey's last client."""
    one = await lab(WrongPassword())
    await asyncio.gather(*(fails(one.off(one.client())) for _ in range(3)))
    assert one.bmc.refused_logins == 2


async def test_d2_a_session_that_lives_on_says_nothing_about_a_password_that_was_refused(lab: Start) -> None:
    """Two hosts behind one BMC, whose password was changed after the first one logged in."""
    one = await lab(Fault())
    first = one.client()
    await first.observe()
    second = asyncio.ensure_future(fails(one.off(one.client("changed"))))
    for _ in range(200):  # reads of the first go on while the second tries
        if second.done():
            break
        await first.observe()
    assert one.bmc.refused_logins == 2
    assert "refused 2 times" in (await second).reason


class ChangedLater(variants.SessionsRefused):
    """Basic works until the password is changed."""

    changed = False

    def before(self, bmc: EmulatedBmc, request: Request) -> Reply | None:
        return WrongPassword().before(bmc, request) if self.changed else super().before(bmc, request)


async def test_d2_basic_is_not_sent_again_where_another_host_behind_the_bmc_saw_it_refused_twice(lab: Start) -> None:
    fault = ChangedLater()
    one = await lab(fault)
    clients = [one.client() for _ in range(4)]
    for client in clients:
        await client.observe()
    before = one.bmc.refused_logins
    fault.changed = True
    for client in clients:
        assert (await fails(client.observe())).cause is Cause.CREDENTIALS
    assert one.bmc.refused_logins == before + 2


async def test_d2_two_names_of_one_bmc_share_the_count(lab: Start) -> None:
    one = await lab(WrongPassword())
    await fails(one.off(one.client()))
    await fails(one.off(one.client(host="localhost")))
    assert one.bmc.refused_logins == 2


async def test_d2_what_an_earlier_process_counted_counts(lab: Start) -> None:
    one = await lab(WrongPassword())
    one.bmcs.of(one.fleet.address(HOST)).refusals = 1
    await fails(one.off(one.client()))
    failure = await fails(one.off(one.client()))
    assert one.bmc.refused_logins == 1
    assert "refused 2 times" in failure.reason


async def test_d3_a_401_at_a_guessed_place_is_no_refused_password(lab: Start) -> None:
    one = await lab(variants.SessionsElsewhere())
    assert await one.off(one.client()) == ""
    assert one.told.refusals == []


# Logouts


@pytest.mark.parametrize(
    "fault",
    [
        variants.SessionUnnamed(),
        variants.SessionUnnamed("{id}"),
        variants.SessionUnnamed("/redfish/v1/SessionService/Sessions"),
        variants.SessionUnnamed("http://10.0.0.1/redfish/v1/SessionService/Sessions/{id}", ()),
        variants.SessionUnnamed("", ("@odata.id",)),
        variants.LogoutRefused(401),
        variants.LogoutRefused(500),
        variants.LogoutRefused(503),
        variants.LogoutRefused(204),
        variants.LogoutRefused(401, times=2),
        variants.LogoutRefused(204, times=2),
    ],
    ids=lambda fault: " ".join(map(str, vars(fault).values())),
)
async def test_d4_the_session_is_gone_from_the_bmc(lab: Start, fault: Fault) -> None:
    one = await lab(fault)
    client = one.client()
    await client.observe(one.clock.deadline(60))
    assert len(one.bmc.sessions.open()) == 1
    await client.close()
    assert one.bmc.sessions.open() == [] and one.told.sessions == []


async def test_d4_a_logout_that_never_works_is_said_and_left_in_the_journal(lab: Start) -> None:
    one = await lab(variants.LogoutRefused(204, times=99))
    client = one.client()
    await client.observe(one.clock.deadline(60))
    await client.close()
    (session,) = one.told.sessions
    why = "its deletion was refused 3 times: it was accepted without effect"
    assert one.told.notes[-1] == f"the session {session} stays open at the BMC, {why}"
    one.bmc.sessions.clear()


async def test_d4_a_password_that_a_logout_is_refused_with_is_counted_as_at_a_login(lab: Start) -> None:
    one = await lab(variants.LogoutRefused(401, times=99))
    client = one.client()
    await client.observe(one.clock.deadline(60))
    await client.close()
    assert len(one.sent("DELETE")) == 3
    assert one.told.refusals == [1]
    one.bmc.sessions.clear()


async def test_d4_a_logout_that_was_proved_once_is_not_proved_again(lab: Start) -> None:
    one = await lab(Fault())
    reads = []
    for _ in range(2):
        client = one.client()
        await client.observe(one.clock.deadline(60))
        before = len(one.sent("GET"))
        await client.close()
        reads.append(len(one.sent("GET")) - before)
    assert reads == [1, 0]


# Entity tags


@pytest.mark.parametrize("status", [412, 400])
@pytest.mark.parametrize("spelling", ["bare", "weak", "*", "none"])
async def test_d5_the_entity_tag_is_spelled_as_the_bmc_takes_it_and_the_next_client_knows(
    lab: Start, spelling: str, status: int
) -> None:
    fault = variants.EtagSpelled(spelling, status)
    one = await lab(fault)
    assert await one.pxe(one.client()) == ""
    assert one.bmc.hardware.boot.effective
    assert len(one.sent("PATCH")) <= 6
    refused = fault.refused
    assert await one.clear(one.client()) == ""
    assert fault.refused == refused and not one.bmc.hardware.boot.effective


# The boot override


@pytest.mark.parametrize("model", ["R650", "SR650", "3500RX", "1029U-TR4"])
@pytest.mark.parametrize(
    "fault",
    [
        variants.OverrideNeverDisabled(),
        variants.OverrideNeverDisabled(listed=False),
        variants.OverrideNeverDisabled(not_targets=("None",)),
        variants.OverrideNeverDisabled(("Once", "Continuous", "Disabled"), ("None",)),
    ],
    ids=["listed", "unlisted", "no None", "Disabled alone"],
)
async def test_d6_an_override_is_taken_back_as_the_bmc_knows_it(lab: Start, fault: Fault, model: str) -> None:
    one = await lab(fault, model)
    client = one.client()
    mode = one.bmc.hardware.boot.mode
    assert await one.pxe(client) == ""
    assert one.bmc.hardware.boot.effective
    assert await one.clear(client) == ""
    assert not one.bmc.hardware.boot.effective and not await client.pxe_armed()
    patches = len(one.sent("PATCH"))
    await one.pxe(client)
    await one.clear(one.client())
    assert len(one.sent("PATCH")) == patches + 2, "what worked comes first"
    assert one.bmc.hardware.boot.mode == mode and one.bmc.hardware.mode_changes == 0


async def test_d6_an_override_that_cannot_be_taken_back_is_still_there_and_said(lab: Start) -> None:
    one = await lab(variants.OverrideNeverDisabled(not_targets=("None", "Hdd")))
    client = one.client()
    await one.pxe(client)
    failure = await fails(one.clear(client))
    assert failure.cause is Cause.REFUSED
    assert failure.reason.startswith("no override is refused: ") and failure.reason.endswith("; the BMC shows Pxe/Once")
    assert await client.pxe_armed() and one.bmc.hardware.boot.effective


async def test_d6_a_lasting_override_only_where_the_bmc_has_no_other(lab: Start) -> None:
    one = await lab(variants.OverrideNeverDisabled(("Disabled", "Continuous")))
    client = one.client()
    await one.pxe(client)
    assert client.pxe_persistent and one.bmc.hardware.boot == Boot("Pxe", "Continuous", one.bmc.hardware.boot.mode)
    await one.clear(client)
    assert not one.bmc.hardware.boot.effective


# Power


@pytest.mark.parametrize("state", ["PoweringOff", "Paused", "Standby"])
async def test_d7_a_state_that_stays_is_ended_by_force_off_after_30_to_60_s(lab: Start, state: str) -> None:
    one = await lab(variants.PowerStuck(state))
    slept, sleep, intend = 0.0, one.clock.sleep, one.told.intend
    sent: list[tuple[float, float]] = []  # own time gone by, and how much of it was waited for

    async def counted(seconds: float) -> None:
        nonlocal slept
        slept += seconds
        await sleep(seconds)

    async def timed(act: str, detail: dict[str, object]) -> None:
        sent.append((one.clock.now() - began, slept))
        await intend(act, detail)

    one.clock.sleep = counted  # type: ignore[method-assign]
    one.told.intend = timed  # type: ignore[method-assign]
    began = one.clock.now()
    assert await one.off(one.client()) == ""
    assert one.bmc.hardware.power is PowerState.OFF and one.bmc.hardware.resets == 1
    ((gone, waited),) = sent
    assert gone >= 30 and waited <= 60


@pytest.mark.parametrize(
    "change", [str.upper, str.lower, lambda state: f"{state} ", lambda state: state.replace("Off", " OFF")], ids=range(4)
)
async def test_d7_power_states_in_any_spelling(lab: Start, change: Callable[[str], str]) -> None:
    one = await lab(variants.PowerSpelled(change))
    client = one.client()
    assert await one.off(client) == ""
    assert await client.is_off()
    assert await client.ensure_on(one.clock.now() + 180) == ""
    assert one.bmc.hardware.resets == 2


async def test_d7_a_power_state_that_is_null_for_a_while_is_waited_for(lab: Start) -> None:
    one = await lab(variants.PowerUntold())
    assert await one.off(one.client()) == ""
    assert one.bmc.hardware.resets == 1


@pytest.mark.parametrize("model", ["R650", "SR650", "3500RX"])
async def test_d7_what_stands_in_for_force_off_is_sent_where_it_is_not_known(lab: Start, model: str) -> None:
    one = await lab(variants.ResetsOffered(), model)
    client = one.client()
    assert (await client.survey()).force_off
    assert await one.off(client) == ""
    kinds = [detail["type"] for act, detail in one.told.intents if act == "reset"]
    assert kinds == ["ForceOff", "PushPowerButton"], "and no PowerCycle, which is no off"
    assert await client.ensure_on(one.clock.now() + 180) == ""
    assert await one.off(one.client()) == ""
    assert [detail["type"] for act, detail in one.told.intents if act == "reset"][2:] == ["On", "PushPowerButton"]


async def test_d7_the_button_is_not_pressed_while_the_bmc_may_be_late(lab: Start) -> None:
    """Somebody else switches the machine off, and the BMC still shows On: the button would switch it on again."""
    one = await lab(variants.ResetsOffered())
    client, intend = one.client(), one.told.intend

    async def meanwhile(act: str, detail: dict[str, object]) -> None:
        await intend(act, detail)
        if detail.get("type") == "ForceOff":
            one.bmc.hardware.act("ForceOff", "button")

    one.told.intend = meanwhile  # type: ignore[method-assign]
    await one.off(client)
    assert one.bmc.hardware.power is PowerState.OFF
    assert [detail["type"] for act, detail in one.told.intents if act == "reset"] == ["ForceOff"]


async def test_d7_where_nothing_powers_off_the_survey_says_so_and_nothing_else_is_sent(lab: Start) -> None:
    one = await lab(variants.ResetsOffered("On", "PowerCycle", "ForceRestart", "GracefulRestart", "Nmi"))
    client = one.client()
    assert (await client.survey()).force_off is False
    failure = await fails(one.off(client))
    assert "ForceOff" in failure.reason and "is not in the list" in failure.reason
    assert {detail["type"] for act, detail in one.told.intents if act == "reset"} == {"ForceOff"}
