"""Off, PXE once, on and clear through ipmitool, against emulated BMCs with and without faults: the emulator says how it ended."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from quads_tui.emulators.bmc.hardware import PowerState
from quads_tui.emulators.ipmi import faults
from quads_tui.inputs import Secret
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.ports import NotSent, Stopping
from quads_tui.services.ipmi import IpmiConnection
from quads_tui.services.ipmi.process import Account, run_ipmitool
from tests.ipmi_bmc import GUID, EmulatedBmc, emulated, needs_ipmitool
from tests.waiting import until

from .conftest import Bench, Told

pytestmark = needs_ipmitool


async def through_the_stages(bench: Bench, bmc: EmulatedBmc, mode: str = "UEFI") -> None:
    """As the flow of a host has them."""
    client = bench.client(mode)
    client.pin(await client.identify(()))
    await client.ensure_off(bench.deadline())
    assert bmc.hardware.power == PowerState.OFF
    await client.ensure_pxe_next(bench.deadline())
    assert bmc.hardware.boot.effective and not client.pxe_persistent
    await client.ensure_on(bench.deadline())
    await until(lambda: bmc.hardware.boots == 1)
    assert bmc.hardware.last_boot == {"source": "Pxe", "mode": mode, "n": 1}
    assert (bmc.hardware.resets, bmc.hardware.mode_changes, bmc.service.peak) == (2, 0, 1)


@pytest.mark.parametrize(("mode", "suite"), [("UEFI", 17), ("Legacy", 3)])
async def test_off_pxe_on(mode: str, suite: int) -> None:
    async with emulated(mode=mode) as bmc:
        bench = Bench(bmc.address, suite=suite)
        await through_the_stages(bench, bmc, mode)
        assert bmc.service.sessions.open() == []
        assert bench.told.results == ["answered"] * 3
        assert [act for act, _ in bench.told.intents] == ["reset", "override", "reset"]
        assert bench.told.confirmed == 3
        assert bench.meter.total == len(bench.exchanges) == bench.bmcs.runs
        assert {one.service for one in bench.exchanges} == {"ipmi"}


@pytest.mark.parametrize(
    "fault",
    [faults.FlagsExpire(), faults.SlowOn(), faults.RepeatsPackets(), faults.NoAcknowledge(), faults.IgnoresControl()],
    ids=lambda fault: type(fault).__name__,
)
async def test_it_boots_from_pxe_once_whatever_the_bmc_does(fault: faults.IpmiFault) -> None:
    async with emulated(fault) as bmc:
        bench = Bench(bmc.address)
        await through_the_stages(bench, bmc)
        assert set(bench.told.results) == {"answered"}


async def test_flags_that_expired_while_the_host_waited_are_set_again_before_power_on() -> None:
    async with emulated(faults.FlagsExpire(), power=PowerState.OFF, speed=100.0) as bmc:
        bench = Bench(bmc.address, speed=100.0)
        client = bench.client()
        await client.ensure_pxe_next(bench.deadline())
        await until(lambda: bmc.service.options.get(5) == bytes.fromhex("2004000000"))
        assert not await client.pxe_armed()
        await client.ensure_on(bench.deadline())
        await until(lambda: bmc.hardware.boots == 1)
        assert bmc.hardware.last_boot["source"] == "Pxe"
        assert "the boot flags were set again before power on" in bench.told.notes


async def test_pxe_is_taken_back() -> None:
    async with emulated(power=PowerState.OFF) as bmc:
        bench = Bench(bmc.address)
        client = bench.client()
        await client.ensure_pxe_next(bench.deadline())
        assert await client.pxe_armed()
        assert await client.clear_override(bench.deadline()) == ""
        assert not bmc.hardware.boot.effective and not await client.pxe_armed()
        assert await client.clear_override(bench.deadline()) == "no PXE boot was set"


@pytest.mark.parametrize(
    ("fault", "words"),
    [(faults.FlagsForgotten(), "does not keep them"), (faults.EfiIgnored(), "would boot in Legacy mode, not in UEFI mode")],
    ids=["forgotten", "efi"],
)
async def test_flags_that_the_bmc_does_not_keep_are_a_refusal_and_nothing_stays(fault: faults.IpmiFault, words: str) -> None:
    async with emulated(fault, power=PowerState.OFF) as bmc:
        bench = Bench(bmc.address)
        with pytest.raises(StageFailure, match=words) as failure:
            await bench.client().ensure_pxe_next(bench.deadline())
        assert failure.value.cause is Cause.REFUSED
        assert (bmc.hardware.boot.effective, bmc.hardware.mode_changes, bmc.service.sessions.open()) == (False, 0, [])


async def test_without_a_mode_nothing_is_set() -> None:
    async with emulated(power=PowerState.OFF) as bmc:
        bench = Bench(bmc.address)
        with pytest.raises(StageFailure, match=r"neither the PXE loader of the host in Foreman nor ipmi\.boot_mode"):
            await bench.client("").ensure_pxe_next(bench.deadline())
        assert bench.told.intents == [] and bmc.service.requests == 0


async def test_lost_packets_cost_time_and_nothing_else() -> None:
    async with emulated(faults.LosesPackets(0.1)) as bmc:
        bench = Bench(bmc.address, speed=20.0)
        await bench.client().ensure_off(bench.deadline())
        assert (bmc.hardware.power, bmc.hardware.resets) == (PowerState.OFF, 1)


@pytest.mark.parametrize(
    ("fault", "cause", "words"),
    [
        (faults.OtherPassword(), Cause.CREDENTIALS, "does not accept the password or the name of user ADMIN"),
        (faults.OnlySuite3(), Cause.REFUSED, "refuses cipher suite 17: set cipher_suite: 3"),
        (faults.LowPrivilege(), Cause.REFUSED, "may not use the privilege ADMINISTRATOR"),
        (faults.SessionsFull(36000.0), Cause.BUSY, "no IPMI session is free"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, faults.IpmiFault) else "",
)
async def test_each_refusal_has_its_cause_and_what_to_do(fault: faults.IpmiFault, cause: Cause, words: str) -> None:
    async with emulated(fault) as bmc:
        with pytest.raises(StageFailure, match=words) as failure:
            await Bench(bmc.address).client().observe()
        assert failure.value.cause is cause
        assert failure.value.advises == (cause is not Cause.CREDENTIALS), "nothing general is added to what says what to do"
        assert bmc.service.sessions.open() == []


async def test_a_wrong_password_is_sent_twice_over_all_clients_until_an_operator_asks() -> None:
    async with emulated(faults.OtherPassword()) as bmc:
        bench = Bench(bmc.address)
        for _ in range(3):
            with pytest.raises(StageFailure) as failure:
                await bench.client().ensure_off(bench.deadline())
            assert failure.value.cause is Cause.CREDENTIALS and not failure.value.retryable
        assert bmc.service.sessions.logins == 2 and bench.told.refusals == [1, 2]
        client = bench.client()
        client.allow_login()
        with pytest.raises(StageFailure):
            await client.observe()
        assert 2 < bmc.service.sessions.logins <= 4


async def test_a_silent_bmc_is_unreachable_in_words_and_its_process_ends() -> None:
    async with emulated(faults.Silent()) as bmc:
        with pytest.raises(StageFailure, match=rf"no answer on UDP port {bmc.port} \(127\.0\.0\.1:{bmc.port}\)") as failure:
            await Bench(bmc.address).client().observe()
        assert failure.value.cause is Cause.UNREACHABLE


async def test_taken_sessions_are_waited_for() -> None:
    async with emulated(faults.SessionsFull(30.0)) as bmc:
        bench = Bench(bmc.address)
        await bench.client().ensure_off(bench.deadline())
        assert bmc.hardware.power == PowerState.OFF


async def test_another_machine_at_the_address_is_not_touched() -> None:
    async with emulated() as bmc:
        bench = Bench(bmc.address)
        client = bench.client()
        machine = await client.identify(())
        assert machine.uuid == GUID and machine.system == "chassis"
        client.pin(machine)
        bmc.service.sessions.guid = bytes.fromhex("91b64ff2d7c04e1f8d3a0c5be2467a90")
        with pytest.raises(StageFailure, match="another machine") as failure:
            await client.ensure_off(bench.deadline())
        assert failure.value.cause is Cause.WRONG_BMC and bmc.hardware.resets == 0


async def test_what_the_last_check_refuses_is_not_sent_and_leaves_no_session() -> None:
    async with emulated() as bmc:
        bench = Bench(bmc.address)
        bench.told.last_word = Stopping("ending")
        with pytest.raises(Stopping):
            await bench.client().ensure_off(bench.deadline())
        assert (bmc.hardware.resets, bench.told.results, bmc.service.sessions.open()) == (0, ["absent"], [])


class Late(Told):
    """Each act grows old once before it is sent: the database was away, or the process stood still."""

    async def confirm(self) -> None:
        await super().confirm()
        if self.results.count("absent") < len({act for act, _ in self.intents}):
            raise NotSent("too much time passed")


async def test_an_act_that_grew_old_before_it_was_sent_is_intended_again() -> None:
    async with emulated() as bmc:
        bench = Bench(bmc.address)
        client = bench.client(told=(told := Late()))
        client.pin(await client.identify(()))
        await client.ensure_off(bench.deadline())
        await client.ensure_pxe_next(bench.deadline())
        assert bmc.hardware.boot.effective and bmc.hardware.resets == 1
        assert [act for act, _ in told.intents] == ["reset", "reset", "override", "override"]
        assert told.results == ["absent", "answered"] * 2


class Frozen(Told):
    """This process stands still once in each act, with the answer of its last check in its hands."""

    frozen = 0.0

    async def confirm(self) -> None:
        await super().confirm()
        if self.results.count("absent") < len({act for act, _ in self.intents}):
            self.frozen += 1.5


async def test_a_process_that_was_frozen_in_its_last_check_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    right, told = time.clock_gettime, Frozen()
    monkeypatch.setattr(time, "clock_gettime", lambda clock: right(clock) + told.frozen)
    async with emulated() as bmc:
        bench = Bench(bmc.address)
        client = bench.client(told=told)
        client.pin(await client.identify(()))
        await client.ensure_off(bench.deadline())
        await client.ensure_pxe_next(bench.deadline())
        assert told.results == ["absent", "answered"] * 2 and bmc.hardware.resets == 1
        assert bmc.hardware.boot.effective


async def test_boot_flags_are_confirmed_each_time_that_they_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async with emulated() as bmc:
        bench = Bench(bmc.address)
        client = bench.client()
        client.pin(await client.identify(()))
        lost, asked = [StageFailure(Cause.UNREACHABLE, "no answer")], list[int]()
        run = IpmiConnection._run

        async def losing(self: IpmiConnection, requests: Any, gated: Any, what: str) -> Any:
            output = await run(self, requests, gated, what)
            if gated:
                asked.append(bench.told.confirmed)
                if lost:
                    raise lost.pop()
            return output

        monkeypatch.setattr(IpmiConnection, "_run", losing)
        await client.ensure_pxe_next(bench.deadline())
        assert asked == [1, 2] and [act for act, _ in bench.told.intents] == ["override"]


async def test_boot_flags_that_are_never_sent_fail_the_stage_in_words() -> None:
    async with emulated() as bmc:
        bench = Bench(bmc.address)
        bench.told.last_word = NotSent("too much time passed")
        client = bench.client()
        client.pin(await client.identify(()))
        with pytest.raises(StageFailure, match="the boot flags were not sent") as failure:
            await client.ensure_pxe_next(bench.clock.now())
        assert failure.value.cause is Cause.BUSY and bench.told.results == ["absent"]
        assert not bmc.hardware.boot.effective


async def test_a_cancelled_call_closes_its_session() -> None:
    async with emulated(speed=1.0) as bmc:
        task = asyncio.ensure_future(Bench(bmc.address, speed=1.0).client().observe())
        await until(lambda: bmc.service.sessions.created)
        task.cancel()
        await asyncio.wait({task})
        assert bmc.service.sessions.open() == []


async def test_a_survey_sees_power_and_model_and_touches_nothing() -> None:
    async with emulated() as bmc:
        bench = Bench(bmc.address)
        seen = await bench.client().survey()
        assert (seen.power, seen.model, seen.override, seen.identity.uuid) == ("On", "Supermicro 0x0803", True, GUID)
        assert bench.told.intents == [] and bmc.hardware.resets == 0


async def test_ipmitool_reads_a_short_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each start, the machine's takes it most of its CPU time."""
    program = tmp_path / "ipmitool"
    program.write_text('#!/bin/sh\nwc -l < "$HOME/.local/usr/share/misc/enterprise-numbers.txt"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    account = Account(host="h", port=623, username="u", password=Secret("p"), cipher_suite=17, privilege="ADMINISTRATOR")
    ended = await run_ipmitool(account, ["raw 6 1"])
    assert (ended.status, ended.answers.strip()) == (0, "3"), ended.messages


async def test_machines_at_once_do_not_meet() -> None:
    async def one(number: int) -> None:
        async with emulated(name=f"h{number}", speed=30.0) as bmc:
            bench = Bench(bmc.address, speed=30.0)
            await through_the_stages(bench, bmc)
            assert bmc.service.sessions.open() == [] and bmc.service.lockout.refused == 0

    await asyncio.gather(*map(one, range(5)))


async def test_a_cold_reset_restarts_the_bmc_once_and_leaves_the_machine_alone() -> None:
    async with emulated() as bmc:
        bench = Bench(bmc.address)
        client = bench.client()
        client.pin(await client.identify(()))
        words = await client.restart(bench.deadline(600))
        assert words.startswith("BMC cold reset accepted, ")
        assert words.endswith("power On as before")
        assert (bmc.service.restarts, bmc.hardware.resets, bmc.hardware.power) == (1, 0, PowerState.ON)
        assert [act for act, _ in bench.told.intents] == ["bmc_reset"]
        assert (bench.told.results, bmc.service.sessions.open()) == (["answered"], [])


async def test_power_on_without_pxe_sets_none() -> None:
    async with emulated(power=PowerState.OFF) as bmc:
        bench = Bench(bmc.address)
        client = bench.client()
        client.pin(await client.identify(()))
        await client.ensure_on(bench.deadline(), pxe=False)
        await until(lambda: bmc.hardware.boots == 1)
        assert bmc.hardware.last_boot["source"] == "Hdd"
