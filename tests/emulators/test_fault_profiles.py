"""The fault profiles: who is chosen, how many, and what is promised."""

from __future__ import annotations

import pytest

from quads_tui.emulators.bmc.families import family_of
from quads_tui.emulators.fault_profiles import FAILURES, PROFILES, SWITCH, TRANSIENT_FAULTS, bmc_faults, hosts_with, plan
from quads_tui.emulators.lab import generated


def failing(faults: dict) -> dict:
    return {name: fault for name, fault in faults.items() if fault.stage is not None}


def test_the_seed_alone_decides() -> None:
    machines = generated(120, 5).machines
    names = {name: fault.name for name, fault in plan("realistic", machines, 5).items()}
    assert names == {name: fault.name for name, fault in plan("realistic", machines, 5).items()}
    assert names != {name: fault.name for name, fault in plan("realistic", machines, 6).items()}


@pytest.mark.parametrize("seed", range(5))
def test_realistic_of_700_hosts(seed: int) -> None:
    faults = plan("realistic", generated(700, seed).machines, seed)
    failed = failing(faults)
    assert 0.035 * 700 <= len(failed) <= 0.045 * 700
    assert 0.05 * 700 <= len(faults) - len(failed) <= 0.07 * 700
    pairs = {(fault.stage, fault.cause) for fault in failed.values()}
    assert len(pairs) >= 6
    assert {fault.cured_by for fault in failed.values()} == {"retry", None}
    assert all(fault.cured_by == "automatic" for name, fault in faults.items() if name not in failed)
    assert {fault.name for fault in faults.values()} == {fault.name for fault in (*FAILURES, *TRANSIENT_FAULTS)}


@pytest.mark.parametrize("seed", range(5))
def test_every_failure_appears_from_sixty_hosts_on(seed: int) -> None:
    faults = plan("realistic", generated(60, seed).machines, seed)
    assert {fault.name for fault in failing(faults).values()} == {fault.name for fault in FAILURES}


@pytest.mark.parametrize(("hosts", "most"), [(1, 0), (6, 0), (14, 2), (30, 4)])
def test_small_fleets_are_not_drowned(hosts: int, most: int) -> None:
    assert len(failing(plan("realistic", generated(hosts, 1).machines, 1))) <= most


@pytest.mark.parametrize("profile", ["none", "foreman-2019"])
def test_profiles_that_choose_no_host(profile: str) -> None:
    assert plan(profile, generated(300, 1).machines, 1) == {}
    assert PROFILES["foreman-2019"].concurrency_2019


def test_faults_that_need_a_family_get_one() -> None:
    machines = generated(700, 3).machines
    models = {machine.name: machine.model for machine in machines}
    stale = hosts_with(plan("realistic", machines, 3), "stale-power")
    assert stale
    assert {family_of(models[name]).name for name in stale} <= {"idrac9", "ilo5"}


@pytest.mark.parametrize("seed", range(3))
def test_chaos_has_every_fault_on_families_that_can_have_it(seed: int) -> None:
    machines = generated(700, seed, ipmi=True).machines
    families = {machine.name: family_of(machine.model) for machine in machines}
    faults = plan("chaos", machines, seed)
    chaos = PROFILES["chaos"]
    ipmi = {name for name, fault in faults.items() if fault.ipmi is not None}
    assert ipmi and ipmi == {machine.name for machine in machines if machine.ipmi and machine.name in faults}
    assert {fault.name for name, fault in faults.items() if name not in ipmi} == {
        SWITCH,
        *(fault.name for fault in (*chaos.failures, *chaos.transient_faults)),
    }
    assert all(fault.applies(families[name]) for name, fault in faults.items())
    assert 0.035 * 700 <= len(failing(faults)) <= 0.045 * 700
    wild = {fault.name for fault in (*chaos.failures, *chaos.transient_faults)} - {
        fault.name for fault in (*FAILURES, *TRANSIENT_FAULTS)
    }
    assert len(wild) > 30
    assert {name for name, fault in plan("realistic", machines, seed).items() if fault.name in wild} == set()


def test_forty_eight_neighbours_hang_on_one_switch() -> None:
    machines = generated(700, 1).machines
    faults = plan("chaos", machines, 1)
    dropped = hosts_with(faults, SWITCH)
    assert len(dropped) == 48
    racks = [name[:3] for name in dropped]
    assert len(set(racks)) < 6
    wrong = bmc_faults(faults)
    assert len({id(wrong[name].switch) for name in dropped}) == 1
    assert bmc_faults(faults)[dropped[0]] is not wrong[dropped[0]]


def test_each_host_has_a_fault_of_its_own_and_foreman_has_the_rest() -> None:
    faults = plan("realistic", generated(700, 1).machines, 1)
    wrong = bmc_faults(faults)
    assert len({id(fault) for fault in wrong.values()}) == len(wrong)
    assert set(faults) - set(wrong) == {*hosts_with(faults, "dhcp-conflict"), *hosts_with(faults, "proxy-hangs-once")}


def test_an_unknown_profile_is_an_error() -> None:
    with pytest.raises(KeyError):
        plan("apocalypse", generated(3, 1).machines, 1)
