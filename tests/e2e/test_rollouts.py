"""Whole rollouts in real processes, judged by their exit status, their JSON lines and what the emulators counted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from quads_tui.journal.reader import JournalReader
from quads_tui.rollout.events import RolloutEnded
from tests.forks import Piped
from tests.waiting import PATIENCE, wait_for

from .conftest import Lab, lines

MakeLab = Callable[..., Lab]


def test_a_rehearsal_of_sixteen_ends_done_and_leaves_nothing_behind(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "quads_tui", "rehearse", "--hosts", "16", "--speed", "200", "--faults", "none", "--json", "--yes"]
        + ["--state-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    events = lines(ran.stdout)
    assert events[0]["event"] == "rollout_started"
    assert (events[0]["hosts"], events[0]["resumed"]) == (16, False)
    end = events[-1]
    assert end["event"] == "rollout_finished"
    assert (end["done"], end["unfinished"], end["foreman_writes"], end["failures"]) == (16, 0, 16, [])
    assert all("at" in event and event["at"].endswith("Z") for event in events)
    assert list((tmp_path / "rehearsals").iterdir()) == []
    (journal,) = (tmp_path / "rollouts").glob("*/journal.db")
    kept = list(JournalReader(journal).events())
    assert isinstance(kept[-1][1], RolloutEnded)
    facts = JournalReader(journal).facts()
    assert len(facts["plan"]["hosts"]) == 16
    assert Path(facts["site"]).name == "site.yaml"


def test_stage_lines_are_causal_and_the_counts_are_the_servers(lab: MakeLab) -> None:
    world = lab(hosts=16, speed=200, faults="realistic", seed=3)
    ran = world.run("run", world.assignment, "--json", "--yes")
    events = lines(ran.stdout)
    end = events[-1]
    attempts: Counter[tuple[str, str]] = Counter()
    under_way: set[tuple[str, str, int]] = set()
    for event in (event for event in events if event["event"] == "stage"):
        key = (event["host"], event["stage"], event["attempt"])
        if event["status"] == "started":
            attempts[key[:2]] += 1
            assert event["attempt"] == attempts[key[:2]]
            under_way.add(key)
        else:
            under_way.remove(key)
            assert event["status"] == "finished" or event["reason"]
    assert not under_way
    injected = {
        host: (fault["stage"], fault["cause"]) for host, fault in world.ask("faults").items() if fault["cured_by"] != "automatic"
    }
    assert {failure["host"]: (failure["stage"], failure["cause"]) for failure in end["failures"]} == injected
    assert ran.returncode == (1 if injected else 0)
    counts = world.counts()
    for failure in end["failures"]:
        assert failure["armed"] == counts["hosts"][failure["host"]]["armed"], failure
    assert (end["foreman_writes"], end["foreman_reads"]) == (counts["foreman"]["writes"], counts["foreman"]["reads"])
    assert end["redfish_requests"] >= counts["bmc"]["requests"]
    assert (counts["foreman"]["peak_writes"], counts["bmc"]["sessions_open"], counts["bmc"]["mode_changes"]) == (1, 0, 0)


def test_wipe_false_and_the_spare_pool(lab: MakeLab) -> None:
    world = lab(hosts=4, speed=200)
    kept = world.edited("assignment.yaml", lambda text: text + "wipe: false\n")
    ran = world.run("run", kept, "--json", "--yes")
    assert ran.returncode == 0, ran.stderr
    assert {event["stage"] for event in lines(ran.stdout) if event["event"] == "stage"} == {"foreman_build"}
    counts = world.counts()
    assert (counts["foreman"]["writes"], counts["bmc"]["requests"], counts["bmc"]["resets"]) == (4, 0, 0)
    spare = world.edited("assignment.yaml", lambda text: text.replace("cloud: cloud02", "cloud: cloud01"))
    ran = world.run("run", spare, "--json", "--yes")
    assert ran.returncode == 0, ran.stderr
    assert {event["stage"] for event in lines(ran.stdout) if event["event"] == "stage"} == {"power_off"}
    counts = world.counts()
    assert (counts["foreman"]["writes"], counts["bmc"]["resets"]) == (4, 4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("RHEL 9.4", "RHEL 9.44"), "no operating system 'RHEL 9.44'; nearest: RHEL 9.4"),
        (
            lambda text: text.replace("generic-rhel9", "generic-rhle9"),
            "no partition table 'generic-rhle9'; nearest: generic-rhel9",
        ),
        (lambda text: text.replace("RHEL Local", "Nowhere"), "no installation medium 'Nowhere'"),
        (lambda text: text.replace("cloud: cloud02", "cloud: cloud98"), "no user 'cloud98'"),
    ],
)
def test_unknown_names_are_refused_before_any_write(lab: MakeLab, change: Callable[[str], str], words: str) -> None:
    world = lab(hosts=2, speed=200)
    ran = world.run("run", world.edited("assignment.yaml", change), "--json", "--yes")
    assert ran.returncode == 3
    refused = lines(ran.stdout)[-1]
    assert refused["event"] == "refused"
    assert words in refused["reasons"][0]
    assert words in ran.stderr
    counts = world.counts()
    assert (counts["foreman"]["writes"], counts["bmc"]["requests"]) == (0, 0)
    assert not list(world.state.glob("rollouts/*/journal.db"))


def test_other_refusals(lab: MakeLab) -> None:
    world = lab(hosts=2, speed=200)
    first = world.ask("counts")["hosts"].popitem()[0]
    protected = world.edited("site.yaml", lambda text: text + f"protected_hosts: [{first.upper()}.]\n")
    cases = [
        (world.run("run", world.assignment, "--json", "--yes", "--expect", "3"), "the plan has 2 hosts, --expect is 3"),
        (world.run("run", world.assignment, "--json", "--yes", site=protected), f"{first} is a protected host"),
    ]
    (world.directory / "foreman.password").write_text("wrong")
    cases.append((world.run("run", world.assignment, "--json", "--yes"), "Foreman locks an address out after 30 failed logins"))
    for ran, words in cases:
        assert ran.returncode == 3, ran.stderr
        assert words in lines(ran.stdout)[-1]["reasons"][0]
    counts = world.counts()
    assert (counts["foreman"]["writes"], counts["foreman"]["failed_logins"], counts["bmc"]["requests"]) == (0, 1, 0)


def test_bad_input_is_status_2_and_named(lab: MakeLab) -> None:
    world = lab(hosts=2, speed=200)
    typo = world.edited("assignment.yaml", lambda text: text.replace("ptable:", "ptabel:"))
    ran = world.run("run", typo, "--json", "--yes")
    assert ran.returncode == 2
    assert "edited-assignment.yaml:6" in ran.stderr
    assert "ptabel" in ran.stderr
    assert "Traceback" not in ran.stderr
    asked = world.run("run", world.assignment)
    assert asked.returncode == 2
    assert "--yes" in asked.stderr
    assert world.run("run", world.directory / "nothing.yaml", "--yes").returncode == 2
    assert world.run("rehearse", "--hosts", "0").returncode == 2


def test_a_host_that_foreman_does_not_know_fails_alone_and_untouched(lab: MakeLab) -> None:
    world = lab(hosts=3, speed=200)
    stranger = "x99-h01-000-r650.example.com"
    bmc = next(line.split()[1] for line in world.assignment.read_text().splitlines() if "bmc:" in line)

    def renamed(text: str) -> str:
        first = next(line for line in text.splitlines() if line.startswith("- name:"))
        return text.replace(first, f"- name: {stranger}")

    ran = world.run("run", world.edited("assignment.yaml", renamed), "--json", "--yes")
    assert ran.returncode == 1
    end = lines(ran.stdout)[-1]
    assert [(f["host"], f["stage"], f["cause"]) for f in end["failures"]] == [(stranger, "foreman_build", "unknown-host")]
    assert end["done"] == 2
    assert bmc
    assert sum(host["resets"] for host in world.counts()["hosts"].values()) == 4


def test_the_plan_reads_and_writes_nothing(lab: MakeLab) -> None:
    world = lab(hosts=5, speed=200)
    ran = world.run("plan", world.assignment)
    assert ran.returncode == 0, ran.stderr
    assert "5 hosts" in ran.stdout
    assert "EVERYTHING ON THESE HOSTS IS WIPED" in ran.stdout
    counts = world.counts()
    assert (counts["foreman"]["writes"], counts["bmc"]["resets"], counts["bmc"]["sessions_open"]) == (0, 0, 0)
    assert all(host["wipes"] == 0 for host in counts["hosts"].values())


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_well(lab: MakeLab, sent: signal.Signals, status: int) -> None:
    world = lab(hosts=8, speed=60)
    process = Piped(world.command("run", world.assignment, "--json", "--yes")[3:])
    wait_for(lambda: world.counts()["foreman"]["writes"] >= 2)
    process.send_signal(sent)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == status
    end = lines(out)[-1]
    assert end["event"] == "rollout_finished"
    assert end["unfinished"] > 0
    assert end["done"] + end["failed"] + end["skipped"] + end["held"] + end["unfinished"] == end["hosts"] == 8
    counts = world.counts()
    assert counts["bmc"]["sessions_open"] == 0
    assert counts["foreman"]["writes"] == end["foreman_writes"]


def test_a_second_rollout_on_the_same_foreman_is_refused_with_its_holder(lab: MakeLab) -> None:
    world = lab(hosts=6, speed=60)
    process = Piped(world.command("run", world.assignment, "--json", "--yes")[3:])
    wait_for(lambda: world.counts()["foreman"]["writes"] >= 1)
    second = world.run("run", world.assignment, "--json", "--yes")
    assert second.returncode == 3
    assert f"process {process.pid}" in json.loads(second.stdout)["reasons"][0]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)


def test_a_wide_lane_is_taken_back_loudly_at_the_first_conflict(lab: MakeLab) -> None:
    world = lab(hosts=6, speed=400, faults="foreman-2019")
    wide = world.edited("site.yaml", lambda text: text.replace("foreman:\n", "foreman:\n  write_width: 3\n", 1))
    # So many writes a host that several wait, however slowly the machine makes hosts ready.
    many = "parameters:\n" + "".join(f"  p{number}: x\n" for number in range(8))
    busy = world.edited("assignment.yaml", lambda text: text.replace("parameters:\n", many, 1))
    ran = world.run("run", busy, "--json", "--yes", site=wide)
    assert ran.returncode == 0, ran.stderr
    events = lines(ran.stdout)
    loud = [event["text"] for event in events if event["event"] == "notice" and event["level"] == "error"]
    assert len(loud) == 1
    assert "write concurrency reduced to 1" in loud[0]
    counts = world.counts()
    assert 2 <= counts["foreman"]["peak_writes"] <= 3
    assert counts["foreman"]["peak_writes_per_host"] == 1
    assert {host["wipes"] for host in counts["hosts"].values()} == {1}


def test_chaos_over_all_families_ends_as_the_emulators_say(lab: MakeLab) -> None:
    world = lab(hosts=30, speed=100, faults="chaos", seed=1)  # an install has 54 real seconds, also on a busy machine
    ran = world.run("run", world.assignment, "--json", "--yes")
    failures = lines(ran.stdout)[-1]["failures"]
    faults = world.ask("faults")
    assert len(faults) > 8
    declared = {host: (fault["stage"], fault["cause"]) for host, fault in faults.items() if fault["cured_by"] != "automatic"}
    failed = {failure["host"]: (failure["stage"], failure["cause"]) for failure in failures}
    slow = {host for host in declared.keys() - failed if declared[host][1] == "timeout"}  # a late look finds that it did end
    assert failed == {host: end for host, end in declared.items() if host not in slow}
    counts = world.counts()
    assert all(host["built"] == 1 and not host["armed"] for name, host in counts["hosts"].items() if name not in failed)
    told = ("lockouts", "sessions_open", "mode_changes", "peak_requests_per_bmc")
    assert [counts["bmc"][name] for name in told] == [0, 0, 0, 1]
