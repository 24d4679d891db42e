"""plan and check against real emulators: what they find, and that they touch nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from .conftest import Lab, lines

MakeLab = Callable[..., Lab]


def untouched(world: Lab) -> None:
    counts = world.counts()
    assert counts["foreman"]["writes"] == 0
    assert (counts["bmc"]["resets"], counts["bmc"]["sessions_open"], counts["bmc"]["lockouts"]) == (0, 0, 0)
    assert counts["bmc"]["peak_requests_per_bmc"] <= 1
    assert not any(host["armed"] for host in counts["hosts"].values())


def test_a_plan_shows_what_the_bmcs_say_and_touches_nothing(lab: MakeLab) -> None:
    world = lab(hosts=60, speed=100, faults="realistic")
    faults = world.ask("faults")
    ran = world.run("plan", world.assignment)
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"power +\d+ On, \d+ Off", ran.stdout)
    untouched(world)
    assert all(len(line) <= 80 for line in ran.stdout.splitlines())
    assert "not asked yet" not in ran.stdout
    (told,) = lines(world.run("plan", world.assignment, "--json").stdout)
    hosts = {host["name"]: host for host in told["hosts"]}
    for name, fault in faults.items():
        host = hosts[name]
        match fault["fault"]:
            case "wrong-bmc":
                assert "not the machine that Foreman means" in host["trouble"]
            case "bmc-dead":
                assert "refused the connection" in host["bmc"]
            case "bmc-password":
                assert "credentials" in host["bmc"]
            case "pxe-licence" | "never-on" | "stays-on":
                assert not (host["trouble"] or host["bmc"] or host["notes"])
    assert {host["name"] for host in told["hosts"] if host["trouble_cause"] == "wrong-bmc"} == {
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
        assert "does not go with the operating system" in reason
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
