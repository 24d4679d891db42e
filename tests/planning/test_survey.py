"""The plan's look at BMCs: what was told in time counts, whatever else the BMC is still busy with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

import pytest

from quads_tui.planning.bmc_survey import (
    ANSWER_TIMEOUT,
    BMC_TIMEOUT,
    NO_ACTIONS,
    NO_FORCE_OFF,
    NO_OVERRIDE,
    SURVEY_TIMEOUT,
    BmcSurvey,
    ReadOnlySideEffects,
)
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.plan import NOT_ASKED, Goal, HostPlan, Plan, Protected
from quads_tui.rollout.stages import Kind, Stage
from quads_tui.services.survey import Survey

MAC, BOND, OTHER = "b0:7b:25:00:00:01", "b0:7b:25:00:00:0b", "b0:7b:25:ff:ff:ff"
UUID = "8a3b4f3c-1f0e-4e0a-9d21-7c5b6a493827"


class Bmc:
    """Tells after `wait` seconds, and its NICs after `nics` more."""

    def __init__(
        self,
        wait: float = 1,
        nics: float = 1,
        macs: Collection[str] = (MAC,),
        *,
        failure: StageFailure | None = None,
        complete: bool = True,
        power: str = "On",
        override: bool | None = True,
        force_off: bool | None = True,
        acts: bool = True,
        unclear: bool = False,
        halves: int = 0,
    ) -> None:
        """`halves`: so many answers at first lack what the later ones have."""
        self._wait, self._nics, self._macs, self._failure = wait, nics, tuple(sorted(macs)), failure
        self._complete, self._power, self._override, self._force_off = complete, power, override, force_off
        self._acts = acts
        self._unclear, self._halves = unclear, halves
        self.asked: list[frozenset[str]] = []
        self.whole: set[bool] = set()
        self.closed = False

    async def survey(self) -> Survey:
        await asyncio.sleep(self._wait)
        if self._failure:
            raise self._failure
        machine = Identity(peer="192.0.2.7:443", system="/redfish/v1/Systems/1", uuid=UUID)
        if self._unclear and not self.asked:
            return Survey("", "", None, "", identity=Identity(machine.peer))
        whole = self._halves <= 0
        self._halves -= 1
        return Survey(
            self._power,
            "UEFI",
            True,
            "R650",
            identity=machine,
            override=self._override if whole else False,
            acts=self._acts and whole,
            force_off=self._force_off if whole else None,
        )

    async def identify(self, macs: Collection[str], deadline: float | None = None, whole: bool = False) -> Identity:
        self.asked.append(frozenset(macs))
        self.whole.add(whole)
        await asyncio.sleep(self._nics)
        if self._unclear and not self.asked[-1] & set(self._macs):
            raise StageFailure(Cause.PROTOCOL, "not clear which of 2 systems is meant", retryable=False)
        machine = Identity(peer="192.0.2.7:443", system="/redfish/v1/Systems/1", uuid=UUID)
        return Identity(machine.peer, machine.system, machine.uuid, "", self._macs, self._complete and bool(self._macs))

    async def close(self) -> None:
        self.closed = True


def host(name: str, **more: object) -> HostPlan:
    return HostPlan(name, f"https://{name}", **{"mac": MAC, **more})  # type: ignore[arg-type]


async def surveyed(
    bmcs: dict[str, Bmc],
    kind: Kind = Kind.BUILD,
    provisioning: Callable[[str], Awaitable[Collection[str]]] | None = None,
    said: list[str] | None = None,
    **more: object,
) -> dict[str, HostPlan]:
    async def known(name: str) -> Collection[str]:
        return {MAC}

    plan = Plan((Goal("cloud02", kind),), tuple(host(name, **more) for name in bmcs))
    survey = BmcSurvey(lambda host, acts: bmcs[host.name], provisioning or known, (said if said is not None else []).append)
    return {host.name: host for host in (await survey.run(plan)).hosts}


@pytest.mark.looptime
@pytest.mark.parametrize(("theirs", "whole"), [((OTHER,), True), ((), False)])
async def test_a3_all_nics_are_read_where_a_protected_machine_is_known_by_a_mac(theirs: tuple[str, ...], whole: bool) -> None:
    async def known(name: str) -> Collection[str]:
        return {MAC}

    protected = (Protected("guarded", Identity("192.0.2.9:443", macs=theirs)),)
    bmc = Bmc()
    plan = Plan((Goal("cloud02", Kind.BUILD),), (host("h1"),), protected=protected)
    await BmcSurvey(lambda host, acts: bmc, known, lambda line: None).run(plan)
    assert bmc.whole == {whole}


@pytest.mark.looptime
async def test_each_bmc_is_told_by_what_it_said_in_time() -> None:
    refused = StageFailure(Cause.CREDENTIALS, "wrong password", retryable=False)
    bmcs = {
        "quick": (Bmc(1, 1), "On", "", ""),
        "slow-nics": (Bmc(1, 600), "On", "network interfaces were not reported", ""),
        "silent": (Bmc(600, 0), "", "no complete answer", ""),
        "refuses": (Bmc(1, 0, failure=refused), "", "credentials: wrong password", ""),
        "another": (Bmc(1, 1, {OTHER}), "On", "", "wrong machine"),
    }
    said: list[str] = []
    found = await surveyed({name: bmc for name, (bmc, *_) in bmcs.items()}, said=said)
    assert asyncio.get_running_loop().time() <= 2 * ANSWER_TIMEOUT + 1
    for name, (bmc, power, trouble, wrong) in bmcs.items():
        told = found[name]
        assert (told.power, bool(told.bmc), bool(told.blocker), told.unverified) == (power, bool(trouble), bool(wrong), ""), name
        assert trouble in told.bmc and wrong in told.blocker
        assert bmc.closed
    assert "3 of 5 BMCs answered" in said
    assert found["quick"].identity is not None and found["quick"].identity.uuid == UUID


@pytest.mark.looptime
@pytest.mark.parametrize(("seconds", "told"), [(BMC_TIMEOUT - 1, ""), (3 * BMC_TIMEOUT, "busy: no complete answer within 15 s")])
async def test_b5_a_bmc_that_goes_on_answering_is_never_called_unreachable(seconds: float, told: str) -> None:
    plan = Plan((Goal("cloud02", Kind.BUILD),), (host("slow"),))

    async def known(name: str) -> Collection[str]:
        return {MAC}

    survey = BmcSurvey(lambda host, acts: Bmc(seconds, 0.5), known, lambda line: None)

    async def answers() -> None:
        while True:
            await asyncio.sleep(ANSWER_TIMEOUT - 1)
            survey.on_answer("slow")

    answering = asyncio.create_task(answers())
    (found,) = (await survey.run(plan)).hosts
    answering.cancel()
    assert (found.bmc.partition(";")[0], found.power) == (told, "" if told else "On")


@pytest.mark.looptime
async def test_b5_a_survey_that_takes_longer_than_a_minute_leaves_the_rest_for_their_first_act(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("quads_tui.planning.bmc_survey._CONCURRENT", 1)
    said: list[str] = []
    found = await surveyed({f"h{number:03}": Bmc(ANSWER_TIMEOUT - 0.5, ANSWER_TIMEOUT - 0.5) for number in range(60)}, said=said)
    late = [told for told in found.values() if told.bmc == NOT_ASKED]
    assert asyncio.get_running_loop().time() <= SURVEY_TIMEOUT + 5
    assert 0 < len(late) < 60 and all(not told.unverified and not told.blocker for told in late)
    assert said[-1] == f"{len(late)} BMCs not surveyed after 60 s: each is read before the first action on its host"


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("bmc", "kind", "stage", "why"),
    [
        (Bmc(override=False), Kind.BUILD, Stage.PXE_SET, NO_OVERRIDE),
        (Bmc(force_off=False), Kind.BUILD, Stage.POWER_OFF, NO_FORCE_OFF),
        (Bmc(force_off=False), Kind.SPARE, Stage.POWER_OFF, NO_FORCE_OFF),
        (Bmc(override=False), Kind.SPARE, None, ""),
        (Bmc(force_off=False, power="Off"), Kind.BUILD, None, ""),
        (Bmc(override=None, force_off=None), Kind.BUILD, None, ""),
        (Bmc(halves=1), Kind.BUILD, None, ""),
    ],
)
async def test_b4_a_bmc_without_an_override_or_a_way_to_off_ends_its_host_before_the_first_act(
    bmc: Bmc, kind: Kind, stage: Stage | None, why: str
) -> None:
    found = (await surveyed({"a": bmc}, kind))["a"]
    assert (found.blocker_stage, found.blocker) == (stage, why)


@pytest.mark.looptime
@pytest.mark.parametrize(("halves", "why"), [(0, ""), (1, ""), (2, NO_ACTIONS)])
async def test_a_bmc_that_does_not_report_its_actions_is_starting_and_blocks_nothing(halves: int, why: str) -> None:
    bmc = Bmc(acts=halves < 2, force_off=True if halves < 2 else None, halves=min(halves, 1))
    found = (await surveyed({"a": bmc}))["a"]
    assert (found.bmc, found.blocker, found.power) == (why, "", "On")


@pytest.mark.looptime
async def test_a4_one_of_several_systems_is_looked_at_once_its_macs_have_chosen_it() -> None:
    found = (await surveyed({"a": Bmc(unclear=True, override=False)}))["a"]
    assert (found.power, found.blocker) == ("On", NO_OVERRIDE)
    assert found.identity is not None and found.identity.system == "/redfish/v1/Systems/1"


@pytest.mark.looptime
async def test_a6_the_provisioning_nic_chooses_the_system_where_the_primary_interface_is_a_bond() -> None:
    bmc = Bmc(unclear=True)
    found = (await surveyed({"a": bmc}, mac=BOND))["a"]
    assert (found.power, found.blocker, found.bmc, found.unverified, found.mac) == ("On", "", "", "", MAC)
    assert bmc.asked == [{BOND}, {MAC}]


@pytest.mark.looptime
async def test_b4_a_dell_that_boots_once_from_its_own_nic_needs_no_override() -> None:
    found = (await surveyed({"a": Bmc(override=False)}, device="NIC.Integrated.1-1-1"))["a"]
    assert not found.blocker and "one-time boot works only from NIC.Integrated.1-1-1:" in found.notes[0]


@pytest.mark.looptime
async def test_a6_a_bond_as_primary_interface_is_no_other_machine() -> None:
    asked: list[str] = []

    async def provisioning(name: str) -> Collection[str]:
        asked.append(name)
        return {MAC}

    found = await surveyed({"bonded": Bmc(), "other": Bmc(macs={OTHER})}, provisioning=provisioning, mac=BOND)
    assert (found["bonded"].blocker, found["bonded"].unverified, found["bonded"].mac) == ("", "", MAC)
    assert found["other"].blocker_cause is Cause.WRONG_BMC and MAC in found["other"].blocker
    assert sorted(asked) == ["bonded", "other"]


@pytest.mark.looptime
async def test_a6_foreman_is_asked_for_interfaces_only_where_the_primary_mac_is_not_found() -> None:
    async def never(name: str) -> Collection[str]:
        raise AssertionError(name)

    found = await surveyed({"same": Bmc(), "mute": Bmc(macs=())}, provisioning=never)
    assert not found["same"].unverified
    assert found["mute"].unverified == f"its BMC reports no MAC address; Foreman expects the MAC {MAC}"


@pytest.mark.looptime
async def test_a5_only_a_complete_list_that_lacks_the_mac_convicts() -> None:
    found = (await surveyed({"a": Bmc(macs={OTHER}, complete=False)}))["a"]
    assert not found.blocker
    assert found.unverified == f"its BMC reports some of its MAC addresses only ({OTHER}); Foreman expects the MAC {MAC}"


@pytest.mark.looptime
async def test_a6_a_foreman_that_does_not_tell_the_interfaces_convicts_nobody() -> None:
    async def away(name: str) -> Collection[str]:
        raise StageFailure(Cause.UNREACHABLE, "no answer")

    found = (await surveyed({"a": Bmc(macs={OTHER})}, provisioning=away))["a"]
    assert (found.blocker, found.unverified) == ("", "the network interfaces of the host in Foreman cannot be read: no answer")


@pytest.mark.looptime
async def test_where_check_macs_is_off_all_nics_are_read_and_none_is_compared() -> None:
    bmc = Bmc(macs={OTHER})
    found = (await surveyed({"a": bmc}, compared=False, unverified="its MACs are not compared (redfish.check_macs)"))["a"]
    assert (found.blocker, found.unverified, bmc.asked) == ("", "its MACs are not compared (redfish.check_macs)", [frozenset()])
    assert found.identity is not None and found.identity.macs == (OTHER,)


async def test_a_plan_never_acts() -> None:
    with pytest.raises(RuntimeError, match="the plan must not act"):
        await ReadOnlySideEffects().intend("reset", {})


def block(seconds: float) -> None:
    """The loop does nothing for so long, as on a machine that is busy with other things."""
    loop, before = asyncio.get_running_loop(), asyncio.get_running_loop().time
    loop.time = lambda: before() + seconds  # type: ignore[method-assign]


async def always_late() -> None:
    """Nine tenths of the time of the loop are lost."""
    while True:
        await asyncio.sleep(0.05)
        block(0.45)


class Answers(Bmc):
    """Its answer has arrived when `arrived` is set."""

    def __init__(self) -> None:
        super().__init__(0, 0)
        self.arrived = asyncio.Event()

    async def survey(self) -> Survey:
        await self.arrived.wait()
        return await super().survey()


class Unreached(Bmc):
    """No connection to it stands in time, for the first `times` times."""

    def __init__(self, times: int) -> None:
        super().__init__(1, 0)
        self.left, self.tried = times, 0

    async def survey(self) -> Survey:
        self.tried += 1
        if self.left:
            self.left -= 1
            await asyncio.sleep(5)
            raise StageFailure(Cause.UNREACHABLE, "no connection within 5 s")
        return await super().survey()


@pytest.mark.looptime
async def test_time_in_which_our_own_loop_was_late_is_no_silence_of_a_bmc() -> None:
    bmc, loop = Answers(), asyncio.get_running_loop()
    loop.call_later(1, block, 40)
    loop.call_later(2, bmc.arrived.set)
    found = (await surveyed({"a": bmc}))["a"]
    assert (found.bmc, found.power) == ("", "On")


@pytest.mark.looptime
@pytest.mark.parametrize("blocked", [0.0, 20.0])
async def test_a_bmc_that_is_silent_while_the_loop_is_punctual_is_unreachable(blocked: float) -> None:
    """However late it was between: its own seconds are the others."""
    bmc, loop = Answers(), asyncio.get_running_loop()
    loop.call_later(1, block, blocked)
    found = (await surveyed({"a": bmc}))["a"]
    assert found.bmc == "unreachable: no complete answer, the BMC sent no data for 9.5 s"
    assert loop.time() < (2 if blocked else 1) * ANSWER_TIMEOUT + blocked + 1


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("late", "times", "tried", "told"),
    [
        (False, 1, 1, "unreachable: no connection within 5 s"),
        (True, 0, 1, ""),
        (True, 1, 2, ""),
        (True, 2, 2, NOT_ASKED),  # nothing is known of it: it is read before the first action
    ],
)
async def test_a_bmc_that_was_not_reached_while_our_loop_was_late_is_tried_once_more(
    late: bool, times: int, tried: int, told: str
) -> None:
    bmc = Unreached(times)
    busy = asyncio.create_task(always_late()) if late else None
    found = (await surveyed({"a": bmc}))["a"]
    if busy is not None:
        busy.cancel()
    assert (bmc.tried, found.bmc) == (tried, told)


@pytest.mark.looptime
async def test_a_survey_by_a_busy_machine_calls_no_bmc_unreachable_and_ends_in_its_minute() -> None:
    bmcs = {f"h{number}": Answers() for number in range(20)}
    busy = asyncio.create_task(always_late())
    found = await surveyed(dict(bmcs))
    busy.cancel()
    assert {told.bmc for told in found.values()} == {NOT_ASKED}
    assert asyncio.get_running_loop().time() <= SURVEY_TIMEOUT + 5


@pytest.mark.looptime
@pytest.mark.parametrize(("late", "most"), [(False, 6), (True, 2)])
async def test_no_more_bmcs_are_asked_at_once_because_this_machine_is_slow(
    monkeypatch: pytest.MonkeyPatch, late: bool, most: int
) -> None:
    """Slow BMCs give their turns away; one that only seems slow does not."""
    monkeypatch.setattr("quads_tui.planning.bmc_survey._CONCURRENT", 2)
    asked = peak = 0

    class Counted(Bmc):
        async def survey(self) -> Survey:
            nonlocal asked, peak
            asked += 1
            peak = max(peak, asked)
            try:
                return await super().survey()
            finally:
                asked -= 1

    busy = asyncio.create_task(always_late()) if late else None
    found = await surveyed({f"h{number}": Counted(4, 0) for number in range(6)})
    if busy is not None:
        busy.cancel()
    assert peak == most and {told.bmc for told in found.values()} == {""}
