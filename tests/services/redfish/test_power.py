"""Off and on: observed, acted, verified, and never sent blindly again."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from aiohttp import web

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.ports import Held, Skipped, Stopping

from .conftest import Bench
from .fake import RESET, SYSTEM, FakeBmc, apply_and_hang_up, error, hang_up


async def test_off_then_on(bench: Bench) -> None:
    assert await bench.off() == ""
    assert await bench.on() == ""
    assert bench.bmc.applied == ["ForceOff", "On"]
    assert [act for act, _ in bench.told.intents] == ["reset", "reset"]
    assert bench.told.results == ["answered", "answered"]
    assert "ForceOff accepted (204)" in bench.told.notes


async def test_what_is_right_already_is_seen_twice_and_left_alone(bench: Bench) -> None:
    assert await bench.on() == "was on already"
    bench.bmc.power = "Off"
    assert await bench.off() == "was off already"
    assert bench.bmc.resets == [] and bench.told.intents == []
    assert bench.bmc.count(f"GET {SYSTEM}") >= 4


async def test_one_look_at_off_is_not_enough(bench: Bench) -> None:
    """The first word is the old one: the machine is On all the time."""

    async def stale(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        return web.json_response({**bmc.document(SYSTEM), "PowerState": "Off"})

    bench.bmc.when("GET", "/Systems/1", stale)
    assert await bench.off() == ""
    assert bench.bmc.applied == ["ForceOff"]


async def test_409_already_off_is_settled_by_a_look(bench: Bench) -> None:
    """Somebody else switched it off between our look and our act."""

    async def meanwhile(bmc: FakeBmc, request: web.Request, data: Any) -> None:
        bmc.power = "Off"

    bench.bmc.when("POST", RESET, meanwhile)
    assert await bench.off() == "was off already"
    assert bench.bmc.resets == ["ForceOff"] and bench.bmc.applied == []


async def test_400_invalid_operation_for_system_state(bench: Bench) -> None:
    async def meanwhile(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        bmc.power = "Off"
        return error(400, "InvalidOperationForSystemState")

    bench.bmc.when("POST", RESET, meanwhile)
    assert await bench.off() == "was off already"


@pytest.mark.parametrize("status", [400, 409])
async def test_a_lasting_refusal_ends_in_the_servers_words(bench: Bench, status: int) -> None:
    bench.bmc.when("POST", RESET, error(status, "PropertyValueConflict", "The chassis\x1b[31m is locked."), times=99)
    failure = await bench.fails(bench.off())
    assert failure.cause in (Cause.BUSY, Cause.REFUSED)
    assert "The chassis [31m is locked." in failure.reason
    assert 2 < len(bench.told.intents) < 12


async def test_sys518_is_waited_out_and_nothing_was_done(bench: Bench) -> None:
    bench.bmc.when("POST", RESET, error(503, "SYS518", Retry_After="2"), times=2)
    assert await bench.off(3000) == ""
    assert bench.clock.waited() == [2, 2]
    assert bench.bmc.applied == ["ForceOff"] and len(bench.told.intents) == 3


async def test_swc0700_with_status_400_is_busy_too(bench: Bench) -> None:
    bench.bmc.when("GET", "/Systems/1", error(400, "SWC0700", "iDRAC is not ready."), times=3)
    assert await bench.off() == ""


async def test_a_retry_after_beyond_the_deadline_is_handed_on(bench: Bench) -> None:
    bench.bmc.when("GET", "/Systems/1", error(503, "SYS518", "Not now.", Retry_After="600"), times=99)
    failure = await bench.fails(bench.off())
    assert (failure.cause, failure.after, failure.retryable, failure.reason) == (Cause.BUSY, 600.0, True, "Not now.")
    assert bench.bmc.count(f"GET {SYSTEM}") == 1
    await bench.clock.sleep_real(600)  # until then its session is not deleted either


async def test_idrac10_refuses_on_for_a_while_after_off(bench: Bench) -> None:
    bench.bmc.power = "Off"
    bench.bmc.when("POST", RESET, error(409, "ActionParameterValueConflict"), times=4)
    assert await bench.on() == ""
    assert bench.bmc.applied == ["On"] and len(bench.told.intents) == 5


async def test_a_reset_whose_answer_is_lost_after_it_was_done_is_not_sent_again(bench: Bench) -> None:
    bench.bmc.when("POST", RESET, apply_and_hang_up)
    assert await bench.off() == ""
    assert bench.bmc.resets == ["ForceOff"]
    assert bench.told.results == ["unknown"]


async def test_a_reset_that_never_arrived_is_sent_again_after_a_look(bench: Bench) -> None:
    bench.bmc.when("POST", RESET, hang_up)
    looks: list[int] = []

    async def note(bmc: FakeBmc, request: web.Request, data: Any) -> None:
        looks.append(bmc.count(f"GET {SYSTEM}"))

    bench.bmc.when("POST", RESET, note)
    began = bench.clock.now()
    assert await bench.off() == ""
    assert bench.clock.now() - began >= 15
    assert bench.bmc.applied == ["ForceOff"]
    assert looks[0] >= 4, "it looked for a while before it sent again"
    assert bench.told.results == ["unknown", "answered"]


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_server_error_may_hide_a_done_reset(bench: Bench, status: int) -> None:
    async def done(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        bmc.reset(data["ResetType"])
        return web.Response(status=status, text="<html>Bad gateway</html>")

    bench.bmc.when("POST", RESET, done)
    assert await bench.off() == ""
    assert bench.bmc.resets == ["ForceOff"]


async def test_an_ignored_reset_is_sent_once_more_and_then_told(bench: Bench) -> None:
    bench.bmc.when("POST", RESET, web.Response(status=202), times=99)
    failure = await bench.fails(bench.off())
    assert (failure.cause, failure.reason) == (Cause.TIMEOUT, "stayed On after 2 ForceOff commands (this attempt)")
    assert len(bench.told.intents) == 2


async def test_passing_states_are_waited_for(bench: Bench) -> None:
    async def slowly(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        bmc.resets.append(data["ResetType"])
        bmc.power = "PoweringOff" if data["ResetType"] == "ForceOff" else "PoweringOn"
        final = {"PoweringOff": "Off", "PoweringOn": "On"}[bmc.power]
        asyncio.get_running_loop().call_later(0.1, lambda: setattr(bmc, "power", final))  # 30 own seconds
        return web.Response(status=204)

    bench.bmc.when("POST", RESET, slowly, times=2)
    assert await bench.off() == ""
    assert bench.bmc.power == "Off"
    assert await bench.on() == ""
    assert bench.bmc.power == "On"
    assert bench.bmc.resets == ["ForceOff", "On"]


@pytest.mark.parametrize("odd", ["Paused", "Unknown", "", None])
async def test_an_unknown_state_is_no_ground_to_act(bench: Bench, odd: Any) -> None:
    bench.bmc.system = {"PowerState": odd}
    failure = await bench.fails(bench.off(20))
    assert failure.cause is Cause.BUSY and failure.reason.endswith(": ForceOff was not sent")
    assert bench.told.intents == []


async def test_on_becomes_force_on_where_only_that_is_offered_in_an_action_info(bench: Bench) -> None:
    info = "/redfish/v1/Systems/1/ResetActionInfo"
    bench.bmc.system = {"Actions": {"#ComputerSystem.Reset": {"target": RESET, "@Redfish.ActionInfo": info}}}
    bench.bmc.documents[info] = {"Parameters": [None, {"Name": "ResetType", "AllowableValues": ["ForceOn", "ForceOff"]}]}
    assert await bench.off() == ""
    assert await bench.on() == ""
    assert bench.bmc.applied == ["ForceOff", "ForceOn"]
    assert bench.bmc.count(f"GET {info}") == 1


async def test_lists_with_typing_errors_or_gone_advise_nothing(bench: Bench) -> None:
    reset = {"target": RESET, "ResetType@Redfish.AllowableValues": ["GracefulShutdownGracefulRestart", None, 3]}
    bench.bmc.system = {"Actions": {"#ComputerSystem.Reset": reset}}
    assert await bench.off() == ""
    bench.bmc.system = {"Actions": {"#ComputerSystem.Reset": {"target": RESET, "@Redfish.ActionInfo": "/redfish/v1/gone"}}}
    assert await bench.on() == ""
    assert bench.bmc.applied == ["ForceOff", "On"]


@pytest.mark.parametrize("out", [Skipped("broken"), Held("operator"), Stopping("")])
async def test_what_the_gate_says_goes_through(bench: Bench, out: Exception) -> None:
    bench.told.refusal = out
    with pytest.raises(type(out)):
        await bench.off()
    assert bench.bmc.resets == []


async def test_a_read_only_account_is_told_so_at_once(bench: Bench) -> None:
    bench.bmc.when("POST", RESET, error(403, "InsufficientPrivilege", "You may not."), times=99)
    failure = await bench.fails(bench.off())
    assert (failure.cause, failure.retryable, failure.reason) == (Cause.REFUSED, False, "You may not.")
    assert len(bench.told.intents) == 1


async def test_a_bmc_that_is_down_comes_back(bench: Bench) -> None:
    for _ in range(4):
        bench.bmc.when("GET", "", hang_up)
    assert await bench.off() == ""
    assert any("closed the connection" in note for note in bench.told.notes)


async def test_a_bmc_that_stays_down_is_unreachable(bench: Bench) -> None:
    await bench.bmc.server.close()
    failure = await bench.fails(bench.off(10))
    assert (failure.cause, failure.retryable) == (Cause.UNREACHABLE, True)
    assert "refused the connection" in failure.reason
    assert bench.told.intents == []


async def test_a_cancelled_reset_is_marked_unknown_and_the_session_closed(bench: Bench) -> None:
    async def slow(bmc: FakeBmc, request: web.Request, data: Any) -> None:
        arrived.set()
        await asyncio.sleep(0.2)

    arrived = asyncio.Event()
    bench.bmc.when("POST", RESET, slow)
    task = asyncio.create_task(bench.off())
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.told.results == ["unknown"]
    bench.bmc.peak = 0
    await bench.client.close()
    assert bench.bmc.sessions == {}
    await bench.bmc.idle()
    bench.bmc.peak = 0  # the server was still busy with what we left


@pytest.mark.parametrize("lost", ["no answer", "500"])
async def test_d2_a_power_button_whose_outcome_is_unknown_is_not_pressed_again_while_its_effect_may_show_late(
    bench: Bench, lost: str
) -> None:
    """Pressed twice it would take back what the first press did."""
    offered = ["ForceOff", "PushPowerButton"]
    target = {"target": RESET, "ResetType@Redfish.AllowableValues": offered}
    bench.bmc.system = {"Actions": {"#ComputerSystem.Reset": target}}
    pressed: list[float] = []

    async def only_the_button(bmc: FakeBmc, request: web.Request, data: Any) -> web.StreamResponse:
        if data["ResetType"] != "PushPowerButton":
            return error(400, "ActionParameterValueNotInList")
        pressed.append(bench.clock.now())
        return await hang_up(bmc, request, data) if lost == "no answer" else web.Response(status=500)

    bench.bmc.when("POST", RESET, only_the_button, times=99)
    await bench.fails(bench.off(300))
    assert len(pressed) >= 2
    assert min(later - earlier for earlier, later in itertools.pairwise(pressed)) >= 60
