"""Hosts that cannot be compared with Foreman's, and machines that two hosts share: held, or refused, and never acted on twice."""

from __future__ import annotations

import asyncio

import pytest

from quads_tui.engine.claims import Machines
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.commands import Hold, Release, Retry, Skip, Unskip
from quads_tui.rollout.stages import HostStatus, Kind, Stage

from .model import Lab
from .network import SYSTEM, Box
from .test_flow import ends
from .test_identity import A, B, crashed_in, ended, planned, ran, telling, untouched

pytestmark = pytest.mark.looptime


async def test_a2_a_host_that_cannot_be_compared_is_held_untouched_and_a_release_accepts_it() -> None:
    lab = Lab([A])
    telling(lab, "uuid")
    await ran(lab)
    host = ended(lab, A)
    assert (host.status, host.stage) == (HostStatus.HELD, Stage.POWER_OFF)
    assert host.reason == (
        "not verified: its BMC reports no MAC address; Foreman expects the MAC 02:00:00:00:00:00. "
        "The BMC reports /redfish/v1/Systems/1 at 10.0.0.1:443, UUID 00000000-aaaa-4bbb-8ccc-123456789abc. "
        "If this is the machine of the host, release the host or add it to redfish.unverified in the site file; "
        "if not, skip the host and correct its BMC address"
    )
    assert untouched(lab, A)
    lab.executor.submit(Release((A,)))
    await asyncio.sleep(1)
    await lab.executor.settled()
    assert ended(lab, A).status is HostStatus.DONE
    assert lab.rollout.unverified.get(A, "").startswith("its BMC reports no MAC address")


@pytest.mark.parametrize("order", [Unskip((A,)), Retry((A,), accepts=False)])
async def test_a2_what_no_human_accepted_stays_held(order: Unskip | Retry) -> None:
    """Unskipped after it was held; or taken up again by `resume --failed`."""
    lab = Lab([A])
    telling(lab)
    await ran(lab, *((Skip((A,), "x"), order) if isinstance(order, Unskip) else (order,)))
    assert ended(lab, A).status is HostStatus.HELD
    assert untouched(lab, A)


async def test_a2_the_release_of_an_operators_own_hold_accepts_nothing() -> None:
    lab = Lab([A])
    telling(lab)
    await ran(lab, Hold((A,), "wait for me"), Release((A,)))
    assert ended(lab, A).reason.startswith("not verified: ")
    assert untouched(lab, A)


async def test_a2_what_was_accepted_is_this_machine_also_after_a_crash_and_no_other() -> None:
    lab = Lab([A, B], planned=[A])
    telling(lab)
    await ran(lab, Release((A,)))
    assert ended(lab, A).status is HostStatus.DONE
    lab = Lab([A, B], planned=[A])
    telling(lab)
    await ran(lab)
    lab.world.network.leads[A] = lab.world.network.leads[B]
    lab.executor.submit(Release((A,)))
    await asyncio.sleep(1)
    await lab.executor.settled()
    assert ended(lab, A).status is HostStatus.HELD
    assert untouched(lab, A, B)


async def test_a2_where_the_plan_accepts_it_goes_on_and_is_named() -> None:
    lab = Lab([A])
    lab.replan([planned(lab, A, compared=False, accepted=True)])
    await ran(lab)
    assert (ended(lab, A).status, lab.rollout.unverified.get(A, "")) == (
        HostStatus.DONE,
        "its MACs are not compared (redfish.check_macs)",
    )


async def test_a2_check_macs_that_is_off_counts_as_not_verified() -> None:
    lab = Lab([A])
    lab.replan([planned(lab, A, compared=False)])
    await ran(lab)
    assert ended(lab, A).reason.startswith("not verified: its MACs are not compared (redfish.check_macs). The BMC reports ")
    assert untouched(lab, A)


async def test_a2_a_bmc_that_does_not_answer_is_unreachable_and_not_unverified() -> None:
    lab = Lab([A])
    lab.world.network.boxes[lab.world.network.leads[A]].gone = True
    await ran(lab)
    assert (ended(lab, A).status, ended(lab, A).cause) == (HostStatus.FAILED, Cause.UNREACHABLE)


@pytest.mark.parametrize("kind", [Kind.BUILD, Kind.SPARE])
async def test_a2_powering_off_for_the_spare_pool_is_an_act_like_any_other(kind: Kind) -> None:
    lab = Lab([A], kind=kind)
    lab.world.network.facts[A].macs = ("02:77:00:00:00:00",)
    await ran(lab)
    assert (ended(lab, A).status, ended(lab, A).cause) == (HostStatus.FAILED, Cause.WRONG_BMC)
    assert untouched(lab, A)


# Two hosts on one machine


async def test_a2_two_names_that_lead_to_one_bmc_never_act_on_one_machine() -> None:
    lab = Lab([A, B])
    telling(lab)
    lab.world.network.leads[B] = lab.world.network.leads[A]
    lab.replan([planned(lab, name, accepted=True) for name in (A, B)])
    await ran(lab)
    host = ended(lab, B)
    assert ended(lab, A).status is HostStatus.DONE
    assert (host.status, host.stage, host.cause, host.armed) == (HostStatus.FAILED, Stage.POWER_OFF, Cause.WRONG_BMC, False)
    assert host.reason == (
        f"{B} is the same machine as {A}: the same BMC address and system (10.0.0.1:443 /redfish/v1/Systems/1). "
        "Correct the BMC address that is wrong, and start a new rollout for that host"
    )
    assert lab.world.writes[B] == 0


async def test_a2_a_machine_with_two_bmc_addresses_is_one_machine() -> None:
    lab = Lab([A, B])
    telling(lab, "uuid", "serial")
    network = lab.world.network
    network.boxes[network.leads[B]] = Box({SYSTEM: A})
    lab.replan([planned(lab, name, accepted=True) for name in (A, B)])
    await ran(lab)
    assert "the same UUID and serial number" in ended(lab, B).reason
    assert untouched(lab, B)


async def test_a2_twins_with_the_serial_number_of_their_chassis_are_two_machines() -> None:
    lab = Lab([A, B])
    telling(lab, "serial")
    lab.world.network.facts[B].serial = lab.world.network.facts[A].serial
    lab.replan([planned(lab, name, accepted=True) for name in (A, B)])
    await ran(lab)
    assert ends(lab.rollout) == {HostStatus.DONE: 2}


async def test_a2_the_other_host_is_refused_after_a_resume_as_well() -> None:
    lab = Lab([A, B])
    telling(lab)
    network = lab.world.network
    network.boxes[network.leads[B]].gone = True
    lab.replan([planned(lab, name, accepted=True) for name in (A, B)])
    await crashed_in(lab, Stage.PXE_SET)
    network.leads[B] = network.leads[A]
    lab.resume()  # B starts at once, A after the time that its BMC may take to report the effect of the last Reset
    await ran(lab)
    assert (ended(lab, A).status, ended(lab, B).cause) == (HostStatus.DONE, Cause.WRONG_BMC)


async def test_a2_two_rollouts_of_one_process_never_share_a_machine_under_way() -> None:
    machines = Machines()
    first, second = Lab([A], machines=machines), Lab([B], machines=machines, rollout="r2")
    second.world.network.facts[B] = first.world.network.facts[A]
    second.replan([planned(second, B, mac=first.world.network.facts[A].macs[0])])
    first.executor.start()
    await asyncio.sleep(20)
    await ran(second)
    host = ended(second, B)
    assert host.cause is Cause.WRONG_BMC
    assert host.reason.startswith(f"{B} is the same machine as {A} of rollout r1: ")
    await first.executor.settled()
    second.executor.submit(Retry((B,)))  # A is done: nothing more will be done there by the other rollout
    await asyncio.sleep(1)
    await second.executor.settled()
    assert ended(second, B).status is HostStatus.DONE
