"""plan and check against real emulators: what they find, and that they touch nothing."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import pytest

from quads_tui.cli.headless import headless
from quads_tui.cli.terminal import TerminalOperator, consequence
from quads_tui.rollout.plan import NOT_ASKED, Plan
from quads_tui.runtime.launch import roll_out
from quads_tui.runtime.options import Options
from quads_tui.runtime.process_resources import ProcessResources
from quads_tui.runtime.rollout_input import RunRequest, load

from .conftest import Lab, lines

MakeLab = Callable[..., Lab]


def untouched(world: Lab) -> None:
    counts = world.counts()
    assert counts["foreman"]["writes"] == 0
    assert (counts["bmc"]["resets"], counts["bmc"]["sessions_open"], counts["bmc"]["lockouts"]) == (0, 0, 0)
    assert counts["bmc"]["peak_requests_per_bmc"] <= 1
    assert not any(host["armed"] for host in counts["hosts"].values())


def surveyed(world: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    """The plan, once all BMCs were asked in the time that there is for it: on a busy machine not at the first try."""
    for _ in range(6):
        ran = world.run("plan", world.assignment, *words)
        if NOT_ASKED not in ran.stdout:
            break
    return ran


def test_a_plan_shows_what_the_bmcs_say_and_touches_nothing(lab: MakeLab) -> None:
    world = lab(hosts=30, speed=100, faults="realistic")  # few: a survey has a minute, also on a busy machine
    faults = world.ask("faults")
    ran = surveyed(world)
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"power +\d+ On, \d+ Off", ran.stdout)
    untouched(world)
    assert all(len(line) <= 80 for line in ran.stdout.splitlines())
    assert NOT_ASKED not in ran.stdout
    (told,) = lines(surveyed(world, "--json").stdout)
    hosts = {host["name"]: host for host in told["hosts"]}
    for name, fault in faults.items():
        host = hosts[name]
        match fault["fault"]:
            case "wrong-bmc":
                assert "wrong machine behind this BMC" in host["blocker"]
            case "bmc-dead":
                assert "refused the connection" in host["bmc"]
            case "bmc-password":
                assert "credentials" in host["bmc"]
            case "pxe-licence" | "never-on" | "stays-on":
                assert not (host["blocker"] or host["bmc"] or host["notes"])
    assert {host["name"] for host in told["hosts"] if host["blocker_cause"] == "wrong-bmc"} == {
        name for name, fault in faults.items() if fault["fault"] == "wrong-bmc"
    }


def swapped(text: str) -> str:
    """The BMCs of the first two hosts under each other's names: two cables, or two labels."""
    first, second = re.findall(r"bmc: (\S+)", text)[:2]
    return text.replace(first, "#").replace(second, first).replace("#", second)


def test_a_wrong_bmc_never_gets_an_act_not_even_for_the_spare_pool(lab: MakeLab) -> None:
    world = lab(hosts=3, speed=200)
    for cloud, resets in (("cloud01", 1), ("cloud02", 2)):
        assignment = world.edited(
            "assignment.yaml", lambda text, cloud=cloud: swapped(text).replace("cloud: cloud02", f"cloud: {cloud}")
        )
        first, second, third = re.findall(r"- name: (\S+)", assignment.read_text())
        end = lines(world.run("run", assignment, "--json", "--yes").stdout)[-1]
        assert {one["host"]: (one["stage"], one["cause"], one["armed"]) for one in end["failures"]} == dict.fromkeys(
            (first, second), ("power_off", "wrong-bmc", False)
        )
        assert {name: host["resets"] for name, host in world.counts()["hosts"].items()} == {first: 0, second: 0, third: resets}


def test_what_does_not_fit_together_is_refused_before_anything_is_done(lab: MakeLab) -> None:
    world = lab(hosts=3, speed=100)
    for change in ("ptable: generic-rhel8", "medium: CentOS mirror"):
        key = change.partition(":")[0]
        edited = world.edited("assignment.yaml", lambda text, key=key, change=change: re.sub(f"(?m)^{key}: .*$", change, text))
        ran = world.run("run", edited, "--json", "--yes")
        assert ran.returncode == 3, (change, ran.stdout)
        (reason,) = lines(ran.stdout)[-1]["reasons"]
        assert "is not associated with the operating system" in reason
    untouched(world)


def test_check_tells_each_service_and_what_to_do(lab: MakeLab) -> None:
    world = lab(hosts=6, speed=100, quads="2.2")
    good = world.run("check", world.assignment)
    assert good.returncode == 0, good.stdout
    assert re.search(
        r"^ok +Foreman .* 3\.\d+\.\d+ .* TLS: CA file ca.pem, certificate until .* login accepted", good.stdout, re.M
    )
    assert re.search(r"^ok +QUADS ", good.stdout, re.M)
    assert re.search(r"^ok +BMCs +6 of 6", good.stdout, re.M)
    (world.directory / "wrong").write_text("not the password")
    (world.directory / "wrong").chmod(0o600)
    site = world.edited("site.yaml", lambda text: text.replace("foreman.password", "wrong").replace("bmc.password", "wrong"))
    bad = world.run("check", world.assignment, "--json", site=site)
    assert bad.returncode == 3
    told = {line["service"]: line for line in lines(bad.stdout)}
    assert told["QUADS"]["ok"]
    assert (told["Foreman"]["ok"], told["Foreman"]["remedy"]) == (
        False,
        "check foreman.username and where foreman.password comes from",
    )
    assert all("redfish.password" in line["remedy"] for name, line in told.items() if name not in ("Foreman", "QUADS"))
    assert "not the password" not in bad.stdout + bad.stderr
    strangers = world.edited("site.yaml", lambda text: re.sub(r" +tls:\n +ca_file: ca.pem\n", "", text))
    unknown = {line["service"]: line for line in lines(world.run("check", "--json", site=strangers).stdout)}
    assert "foreman.tls" in unknown["Foreman"]["remedy"]
    assert json.dumps(unknown).count("not trusted") == 2
    untouched(world)


def test_b1_an_owner_outside_the_hosts_organization_is_refused_before_anything_is_done(lab: MakeLab) -> None:
    world = lab(hosts=3, speed=100)
    world.ask("foreman", {"elsewhere": ["cloud02"]})
    ran = world.run("run", world.assignment, "--json", "--yes")
    assert ran.returncode == 3, ran.stdout
    (reason,) = lines(ran.stdout)[-1]["reasons"]
    assert reason.startswith("the Foreman user cloud02 is not in the organization Scale Lab of 3 hosts (a01-")
    untouched(world)


def test_a2_two_hosts_on_one_bmc_under_two_spellings_are_refused_and_nobody_is_asked(lab: MakeLab) -> None:
    world = lab(hosts=3, speed=100)
    first, second = re.findall(r"bmc: (\S+)", world.assignment.read_text())[:2]
    other = first.replace("127.0.0.1", "localhost")
    assignment = world.edited("assignment.yaml", lambda text: text.replace(second, other))
    for words in (("plan",), ("run", "--yes"), ("run", "--yes", "--no-survey")):
        ran = world.run(*words, assignment, "--json")
        assert ran.returncode == 3, ran.stdout
        (reason,) = lines(ran.stdout)[-1]["reasons"]
        names = re.findall(r"- name: (\S+)", assignment.read_text())
        assert reason.startswith(f"{names[0]} and {names[1]} have the same BMC (127.0.0.1:{first.rpartition(':')[2]})")
    assert world.counts()["bmc"]["requests"] == 0


def test_a3_the_bmc_of_a_protected_host_is_never_contacted(lab: MakeLab) -> None:
    world = lab(hosts=3, speed=100)
    text = world.assignment.read_text()
    names, addresses = re.findall(r"- name: (\S+)", text), re.findall(r"bmc: (\S+)", text)
    (world.directory / "bmcs.yaml").write_text(f"{names[2]}: {addresses[2]}\n")
    site = world.edited(
        "site.yaml",
        lambda text: (
            text.replace("redfish:\n", "redfish:\n  addresses: bmcs.yaml\n  check_macs: false\n")
            + f"protected_hosts: [{names[2]}]\n"
        ),
    )
    # The third host is protected, and the second one's address leads to its BMC.
    third = text.index(f"- name: {names[2]}")
    assignment = world.edited("assignment.yaml", lambda text: text[:third].replace(addresses[1], addresses[2]))
    for words in (("plan",), ("run", "--yes"), ("check",)):
        ran = world.run(*words, assignment, "--json", site=site)
        assert ran.returncode == 3, (words, ran.stdout, ran.stderr)
        assert f"the BMC address of {names[1]} ({addresses[2]}) leads to the protected host {names[2]}" in ran.stdout
    assert world.counts()["bmc"]["requests"] == 0


def test_a3_a_machine_that_nobody_asked_before_is_known_as_protected_at_its_first_act(lab: MakeLab) -> None:
    world = lab(hosts=3, speed=200)
    text = world.assignment.read_text()
    names, addresses = re.findall(r"- name: (\S+)", text), re.findall(r"bmc: (\S+)", text)
    # Where the third host's BMC is nobody knows; Foreman knows its MAC, and the second one's address leads to it.
    site = world.edited(
        "site.yaml",
        lambda text: (
            re.sub(r"  unverified:.*\n(  - .*\n)*", "", text).replace(
                "redfish:\n", "redfish:\n  check_macs: false\n  unverified: ['*']\n"
            )
            + f"protected_hosts: [{names[2]}]\n"
        ),
    )
    third = text.index(f"- name: {names[2]}")
    assignment = world.edited("assignment.yaml", lambda text: text[:third].replace(addresses[1], addresses[2]))
    ran = world.run("run", "--yes", "--no-survey", assignment, "--json", site=site)
    (failure,) = lines(ran.stdout)[-1]["failures"]
    assert (failure["host"], failure["stage"], failure["cause"]) == (names[1], "power_off", "wrong-bmc")
    assert f"leads to the protected host {names[2]}" in failure["reason"]
    assert [world.counts()["hosts"][name]["resets"] for name in names] == [2, 0, 0]
    surveyed = world.run("plan", assignment, "--json", site=site)
    assert surveyed.returncode == 3 and f"leads to the protected host {names[2]}" in surveyed.stdout


def test_b5_run_shows_the_plan_with_the_same_survey_before_its_question(lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    world = lab(hosts=6, speed=100)
    site = world.edited("site.yaml", lambda text: re.sub(r"  unverified:\n(  - .*\n)+", "", text))
    shown: list[Plan] = []
    said: list[str] = []

    class SaysNo(TerminalOperator):
        async def confirm_plan(self, plan: Plan) -> bool:
            shown.append(plan)
            return False

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    for survey in (True, False):
        options = Options(site=site, headless=True, state_dir=world.state, survey=survey)
        work = load(RunRequest((world.assignment,)), options, said.append)
        assert asyncio.run(roll_out(work, options, ProcessResources(), SaysNo(), partial(headless, json=False))) == 4
    (told,) = lines(world.run("plan", world.assignment, "--json", site=site).stdout)
    assert json.loads(json.dumps(asdict(shown[0])["hosts"])) == told["hosts"]
    assert {host.power for host in shown[0].hosts} == {"On"} and {host.bmc for host in shown[1].hosts} == {"not surveyed yet"}
    (mute,) = shown[0].unaccepted
    assert mute.unverified.startswith("its BMC reports no MAC address")
    question = "wiped and rebuilt, including 1 not verified (machine not compared with Foreman's host)"
    assert consequence(shown[0]) == question
    untouched(world)


def test_check_tells_what_is_not_verified_of_each_bmc(lab: MakeLab) -> None:
    world = lab(hosts=6, speed=100)
    told: list[dict[str, Any]] = lines(world.run("check", world.assignment, "--json").stdout)
    (mute,) = [line for line in told if line["unverified"]]
    assert mute["ok"] and "6048r" in mute["service"] and mute["unverified"].startswith("its BMC reports no MAC address")
    assert re.search(r"^note +not verified: 1 of these", world.run("check", world.assignment).stdout, re.M)
    untouched(world)
