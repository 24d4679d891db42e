"""Which machine is it? A host's machine is identified before the first act, and nothing acts on another one."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from quads_tui.engine.memory import HostMemory
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.commands import Disarm, Hold, Release, Retry, Skip, Unskip
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.plan import HostPlan, Target
from quads_tui.rollout.stages import HostStatus, Kind, Stage
from quads_tui.rollout.state import HostState

from .model import Lab
from .network import SYSTEM, Facts
from .test_flow import ends, names

pytestmark = pytest.mark.looptime

A, B = names(2)
ELSEWHERE = "10.9.0.1:443"


def telling(lab: Lab, *told: str) -> None:
    """All machines of the lab tell these facts of themselves, and no others."""
    for known in lab.world.network.facts.values():
        known.uuid = known.uuid if "uuid" in told else ""
        known.serial = known.serial if "serial" in told else ""
        known.macs = known.macs if "macs" in told else ()


def planned(lab: Lab, name: str, **members: object) -> HostPlan:
    host = next(host for host in lab.plan.hosts if host.name == name)
    return replace(host, **members)  # type: ignore[arg-type]


def moved(lab: Lab, name: str) -> None:
    """Its BMC has a new address, and its name leads there."""
    network = lab.world.network
    network.boxes[ELSEWHERE] = network.boxes.pop(network.leads[name])
    network.leads[name] = ELSEWHERE


def exchanged(lab: Lab) -> None:
    """The two BMCs have each other's address."""
    network = lab.world.network
    a, b = network.leads[A], network.leads[B]
    network.boxes[a], network.boxes[b] = network.boxes[b], network.boxes[a]


async def ran(lab: Lab, *orders: Release | Retry | Unskip | Skip | Hold | Disarm) -> None:
    """To the end, each order when no host can move by itself."""
    lab.executor.start()
    await lab.executor.settled()
    for order in orders:
        lab.executor.submit(order)
        await asyncio.sleep(1)
        await lab.executor.settled()


async def crashed_in(lab: Lab, stage: Stage) -> None:
    """The process is killed when the first host has begun the stage."""
    lab.executor.start()
    while not any(host.stage is stage for host in lab.rollout.hosts.values()):
        await asyncio.sleep(0.5)
    await lab.crash()


def ended(lab: Lab, name: str) -> HostState:
    assert not lab.world.violations, lab.world.violations
    return lab.rollout.hosts[name]


def untouched(lab: Lab, *machines: str) -> bool:
    return all((lab.machine(name).resets, lab.machine(name).override) == (0, False) for name in machines)


# The same machine, or another one


async def test_a1_a_machine_that_takes_the_place_of_ours_is_a_failure_that_names_both_and_is_not_touched() -> None:
    lab = Lab([A])
    lab.world.network.facts["twin"] = Facts("aaaaaaaa-0000-4000-8000-0123456789ab", "TWIN1", ("02:00:00:00:99:99",))
    lab.executor.start()
    while lab.rollout.hosts[A].stage is not Stage.FOREMAN_BUILD:
        await asyncio.sleep(0.5)
    lab.world.network.boxes[lab.world.network.leads[A]].systems[SYSTEM] = "twin"
    await lab.executor.settled()
    host = ended(lab, A)
    assert (host.status, host.stage, host.cause) == (HostStatus.FAILED, Stage.POWER_ON, Cause.WRONG_BMC)
    assert "aaaaaaaa-0000-4000-8000-0123456789ab" in host.reason
    assert "00000000-aaaa-4bbb-8ccc-123456789abc" in host.reason
    assert host.armed
    assert lab.machine(A).wipes == 0


async def test_a1_a_system_that_is_gone_for_a_moment_is_waited_for_and_its_neighbour_is_not_taken() -> None:
    lab = Lab([A, "twin"], planned=[A])
    telling(lab)
    network = lab.world.network
    box = network.boxes[network.leads[A]]
    box.systems["/redfish/v1/Systems/B"] = "twin"
    box.absent.add(SYSTEM)
    lab.replan([planned(lab, A, accepted=True)])
    lab.executor.start()
    await asyncio.sleep(30)
    assert untouched(lab, "twin")
    await lab.executor.settled()
    assert ended(lab, A).status is HostStatus.FAILED
    assert untouched(lab, A, "twin")


async def test_a1_a_resume_that_finds_another_machine_names_both_and_searches_for_no_other() -> None:
    lab = Lab([A, B], planned=[A])
    await crashed_in(lab, Stage.PXE_SET)
    exchanged(lab)
    lab.resume()
    await ran(lab)
    host = ended(lab, A)
    assert (host.status, host.stage, host.cause) == (HostStatus.FAILED, Stage.POWER_OFF, Cause.WRONG_BMC)
    assert host.reason.startswith("another machine: its BMC now reports /redfish/v1/Systems/1 at 10.0.0.1:443, UUID 00000001-")
    assert "earlier it reported /redfish/v1/Systems/1 at 10.0.0.1:443, UUID 00000000-" in host.reason
    assert untouched(lab, B)


async def test_a1_a_retry_in_the_same_process_compares_too() -> None:
    lab = Lab([A, B], planned=[A])
    lab.machine(A).troubles = [("pxe", StageFailure(Cause.REFUSED, "no licence", retryable=False))]
    lab.executor.start()
    await lab.executor.settled()
    exchanged(lab)
    lab.executor.submit(Retry((A,)))
    await asyncio.sleep(1)
    await lab.executor.settled()
    assert (ended(lab, A).cause, lab.machine(A).resets) == (Cause.WRONG_BMC, 1)
    assert untouched(lab, B)


@pytest.mark.parametrize("fact", ["uuid", "serial", "macs"])
async def test_a1_the_same_uuid_serial_or_mac_at_a_new_address_goes_on_and_is_noted(fact: str) -> None:
    lab = Lab([A])
    telling(lab, fact)
    lab.replan([planned(lab, A, accepted=True)])
    await crashed_in(lab, Stage.FOREMAN_BUILD)
    moved(lab, A)
    lab.resume()
    await ran(lab)
    host = ended(lab, A)
    assert host.status is HostStatus.DONE
    words = {"uuid": "UUID", "serial": "serial number", "macs": "MAC"}[fact]
    note = (
        f"its machine now answers as {SYSTEM} at {ELSEWHERE}, earlier as {SYSTEM} at 10.0.0.1:443: recognised by the same {words}"
    )
    assert note in [line.text for line in host.timeline]


@pytest.mark.parametrize("way", ["process", "retry of a read"])
async def test_a1_a_twin_with_the_serial_number_of_the_chassis_is_never_taken_for_ours(way: str) -> None:
    lab = Lab([A, B], planned=[A])
    telling(lab, "serial", "macs")
    network = lab.world.network
    network.facts[B].serial = network.facts[A].serial
    network.facts[B].complete = False
    lab.replan([planned(lab, A, accepted=True)])
    ours = network.leads[A]
    if way == "process":
        await crashed_in(lab, Stage.FOREMAN_BUILD)
        lab.world.provisioning[A] |= set(network.facts[B].macs)  # Foreman's record would not tell either
        network.leads[A] = network.leads[B]
        lab.resume()
        await ran(lab)
    else:
        lab.executor.start()
        while lab.rollout.hosts[A].stage is not Stage.FOREMAN_BUILD:
            await asyncio.sleep(0.5)
        network.boxes[ours].gone, network.leads[A] = True, network.leads[B]
        await lab.executor.settled()
    assert ended(lab, A).status is HostStatus.HELD
    assert "If it is the same machine, release the host" in ended(lab, A).reason
    assert untouched(lab, B)


async def test_a1_what_was_released_is_not_its_twin_with_the_same_serial_number() -> None:
    lab = Lab([A, B], planned=[A])
    telling(lab, "serial", "macs")
    network = lab.world.network
    network.facts[B].serial = network.facts[A].serial
    for known in network.facts.values():
        known.complete = False
    lab.world.provisioning[A] = frozenset({"02:77:00:00:00:00"})
    lab.replan([planned(lab, A, mac="02:77:00:00:00:00")])
    await ran(lab)
    assert ended(lab, A).status is HostStatus.HELD
    network.leads[A] = network.leads[B]
    lab.executor.submit(Release((A,)))
    await asyncio.sleep(1)
    await lab.executor.settled()
    assert ended(lab, A).status is HostStatus.HELD
    assert untouched(lab, A, B)


async def test_a1_nothing_in_common_at_a_new_address_is_held_and_a_release_goes_on_there() -> None:
    lab = Lab([A])
    telling(lab)
    lab.replan([planned(lab, A, accepted=True)])
    await crashed_in(lab, Stage.FOREMAN_BUILD)
    moved(lab, A)
    lab.resume()
    await ran(lab)
    host = ended(lab, A)
    assert host.status is HostStatus.HELD
    assert host.reason.startswith(
        "it is not known whether this is still the same machine: its BMC now reports /redfish/v1/Systems/1 at 10.9.0.1:443; "
        "earlier it reported /redfish/v1/Systems/1 at 10.0.0.1:443. "
        "If it is the same machine, release the host; if not, skip the host and correct its BMC address"
    )
    lab.executor.submit(Release((A,)))
    await asyncio.sleep(1)
    await lab.executor.settled()
    assert ended(lab, A).status is HostStatus.DONE


async def test_a1_a_new_address_while_the_host_is_under_way_is_held_too() -> None:
    lab = Lab([A])
    telling(lab)
    lab.replan([planned(lab, A, accepted=True)])
    lab.executor.start()
    while lab.rollout.hosts[A].stage is not Stage.PXE_SET:
        await asyncio.sleep(0.5)
    await asyncio.sleep(1)
    moved(lab, A)
    await lab.executor.settled()
    assert ended(lab, A).status is HostStatus.HELD
    assert "10.9.0.1:443 answers instead of 10.0.0.1:443" in ended(lab, A).reason
    await ran(lab, Release((A,)))
    assert ended(lab, A).status is HostStatus.DONE


async def test_a1_the_machine_that_the_plan_showed_is_the_first_to_be_compared_with() -> None:
    lab = Lab([A, B], planned=[A])
    telling(lab, "uuid")
    network = lab.world.network
    lab.replan([planned(lab, A, accepted=True, identity=network.told(network.leads[A], SYSTEM))])
    exchanged(lab)
    await ran(lab)
    assert (ended(lab, A).status, ended(lab, A).cause) == (HostStatus.FAILED, Cause.WRONG_BMC)
    assert untouched(lab, A, B)


async def test_a5_a_plan_that_knows_only_the_address_of_a_bmc_holds_no_host() -> None:
    """The survey met a list of systems that was not whole: it told a peer and nothing to recognise a machine by."""
    lab = Lab([A])
    lab.replan([planned(lab, A, identity=Identity(peer=lab.world.network.leads[A]))])
    await ran(lab)
    assert ended(lab, A).status is HostStatus.DONE


async def test_a1_facts_that_are_empty_for_a_while_are_no_other_machine() -> None:
    lab = Lab([A])
    network = lab.world.network
    lab.replan([planned(lab, A, identity=network.told(network.leads[A], SYSTEM))])
    network.facts[A].quiet = True
    await ran(lab)
    assert (ended(lab, A).status, lab.rollout.unverified.get(A, "")) == (HostStatus.DONE, "")


async def test_a1_the_identity_is_in_the_journal_before_the_first_act() -> None:
    lab = Lab([A])
    await ran(lab)
    kinds = [event.kind for event in lab.journal.events]
    first = next(i for i, event in enumerate(lab.journal.events) if event.kind == "memory" and event.facts["identity"])  # type: ignore[attr-defined]
    assert first < kinds.index("intent")


async def test_a1_a_skip_does_not_clear_the_override_of_another_machine() -> None:
    lab = Lab([A, B], planned=[A])
    lab.executor.start()
    while lab.rollout.hosts[A].stage is not Stage.FOREMAN_BUILD:
        await asyncio.sleep(0.5)
    await lab.crash()
    exchanged(lab)
    lab.resume()
    lab.machine(B).override = True
    lab.executor.submit(Skip((A,), "x"))
    await ran(lab)
    assert ended(lab, A).status is HostStatus.SKIPPED
    assert "its boot override could not be cleared: another machine" in ended(lab, A).not_disarmed
    assert lab.machine(B).override


async def test_a1_a_disarm_acts_on_the_pinned_machine_only() -> None:
    lab = Lab([A, B], planned=[A])
    lab.machine(A).troubles = [("on", StageFailure(Cause.TIMEOUT, "never On", retryable=False))]
    await ran(lab)
    exchanged(lab)
    lab.machine(B).override = True
    lab.executor.submit(Disarm((A,)))
    await asyncio.sleep(1)
    await lab.executor.settled()
    ended(lab, A)
    assert (lab.machine(A).build, lab.machine(B).override) == (False, True)
    assert any(
        "could not be disarmed completely: its boot override could not be cleared: another machine" in n.text
        for n in lab.rollout.notices
    )


async def test_a_resume_whose_bmc_is_away_loses_no_host() -> None:
    lab = Lab([A])
    await crashed_in(lab, Stage.POWER_ON)
    lab.machine(A).build = False  # somebody ended the build meanwhile
    lab.world.network.boxes[lab.world.network.leads[A]].gone = True
    lab.resume()
    await ran(lab)
    assert (ended(lab, A).status, ended(lab, A).cause) == (HostStatus.FAILED, Cause.UNREACHABLE)


# Foreman's host, another one, or not verified


async def test_a6_the_interface_that_provisions_counts_where_the_primary_is_a_bond() -> None:
    lab = Lab([A, B])
    lab.replan([planned(lab, A, mac="02:ff:00:00:00:01")])
    await ran(lab)
    assert ends(lab.rollout) == {HostStatus.DONE: 2}
    assert lab.world.reads["interfaces"] == 1  # of the host whose primary MAC its BMC does not tell
    assert lab.rollout.unverified.get(A, "") == ""


async def test_a6_another_machine_by_its_provisioning_mac_is_not_touched() -> None:
    lab = Lab([A])
    lab.replan([planned(lab, A, mac="02:ff:00:00:00:01")])
    lab.world.provisioning[A] = frozenset({"02:ee:00:00:00:01"})
    await ran(lab)
    host = ended(lab, A)
    assert (host.status, host.stage, host.cause) == (HostStatus.FAILED, Stage.POWER_OFF, Cause.WRONG_BMC)
    assert host.reason.startswith(
        "wrong machine behind this BMC: its NICs have the MACs 02:00:00:00:00:00; Foreman expects the MAC 02:ee:00:00:00:01"
    )
    assert untouched(lab, A)


async def test_a6_foreman_is_asked_again_when_it_does_not_tell_the_interfaces() -> None:
    lab = Lab([A])
    lab.replan([planned(lab, A, mac="02:ff:00:00:00:01")])
    lab.machine(A).troubles = [("interfaces", StageFailure(Cause.BUSY, "Foreman: 503"))]
    await ran(lab)
    assert ended(lab, A).status is HostStatus.DONE


async def test_ownership_alone_contacts_no_bmc() -> None:
    lab = Lab([A], kind=Kind.OWNERSHIP, target=Target(owner_id=41))
    lab.world.network.boxes.clear()
    await ran(lab)
    assert ended(lab, A).status is HostStatus.DONE


@pytest.mark.parametrize(
    "known",
    [Identity("10.0.0.2:443"), Identity("10.0.0.2:8443"), Identity(macs=("02:00:00:00:00:01",))],
    ids=["address", "address with another port", "MAC"],
)
async def test_a3_a_protected_machine_is_refused_by_its_bmc_address_and_by_its_mac(known: Identity) -> None:
    lab = Lab([A, "guarded"], planned=[A], protected_machines={"guarded": known})
    lab.world.untouchable = {"guarded"}
    lab.world.network.leads[A] = lab.world.network.leads["guarded"]
    lab.replan([planned(lab, A, compared=False, accepted=True)])
    await ran(lab)
    assert ended(lab, A).cause is Cause.WRONG_BMC
    assert ended(lab, A).reason.startswith(f"the BMC address of {A} leads to the protected host guarded: ")
    assert untouched(lab, "guarded")


@pytest.mark.parametrize("compared", [True, False])
async def test_a3_a_protected_machine_is_found_by_a_mac_behind_the_one_that_foreman_knows(compared: bool) -> None:
    ours, theirs = "02:00:00:00:00:00", "02:00:00:00:00:99"
    lab = Lab([A], protected_machines={"guarded": Identity(macs=(theirs,))})
    lab.world.network.facts[A].macs = (ours, theirs)
    lab.world.untouchable = {A}
    lab.replan([planned(lab, A, compared=compared, accepted=True)])
    await ran(lab)
    assert ended(lab, A).cause is Cause.WRONG_BMC
    assert ended(lab, A).reason.startswith(f"the BMC address of {A} leads to the protected host guarded: ")
    assert untouched(lab, A)


async def test_a3_a_protected_machine_is_found_by_a_mac_that_an_older_list_did_not_have() -> None:
    ours, theirs = "02:00:00:00:00:00", "02:00:00:00:00:99"
    lab = Lab([A], protected_machines={"guarded": Identity(macs=(theirs,))})
    known = lab.world.network.facts[A]
    lab.replan([planned(lab, A, identity=lab.world.network.told("10.0.0.1:443", SYSTEM))])
    known.macs, known.complete = (ours, theirs), False
    await ran(lab)
    assert ended(lab, A).cause is Cause.WRONG_BMC
    assert untouched(lab, A)


# The journal


def test_the_machine_is_recalled_and_a_journal_of_before_knows_none() -> None:
    machine = Identity("10.0.0.1:443", SYSTEM, "u", "s", ("02:00:00:00:00:01",), True)
    memory = HostMemory(Stage.POWER_OFF, identity=machine, asked=machine, accepted=replace(machine, peer="10.0.0.2:443"))
    again = HostMemory(Stage.POWER_OFF)
    again.recall(memory.facts())
    assert (again.identity, again.asked, again.accepted) == (memory.identity, memory.asked, memory.accepted)
    of_before = {name: value for name, value in memory.facts().items() if name not in ("identity", "asked", "accepted")}
    again.recall(of_before)
    assert (again.identity, again.asked, again.accepted) == (None, None, None)
