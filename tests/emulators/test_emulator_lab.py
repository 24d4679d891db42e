"""Made-up labs and given ones."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from quads_tui.emulators.bmc.families import FAMILIES, family_of
from quads_tui.emulators.lab import from_file, generated

NAME = re.compile(r"[a-f]\d\d-h\d\d-(000|b0\d)-[a-z0-9]+\.example\.com")


def test_700_different_realistic_names_of_all_families() -> None:
    lab = generated(700, 1)
    names = [machine.name for machine in lab.machines]
    assert len(set(names)) == 700
    assert all(NAME.fullmatch(name) for name in names)
    assert len({machine.mac for machine in lab.machines}) == 700
    families = [family_of(machine.model).name for machine in lab.machines]
    assert set(families) == set(FAMILIES)
    assert sum(name.startswith("idrac") for name in families) > 400
    assert families.count("idrac9") > 250
    assert families.count("idrac8") > 60
    assert families.count("smc_x11") > 60


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_dozen_hosts_show_every_family(seed: int) -> None:
    assert {family_of(machine.model).name for machine in generated(24, seed).machines} == set(FAMILIES)


def test_a_smaller_lab_is_the_beginning_of_a_larger_one() -> None:
    assert generated(90, 4).machines == generated(309, 4).machines[:90]
    assert generated(90, 4).machines != generated(90, 5).machines


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("R650", "idrac9"),
        ("fc640", "idrac9"),
        ("R620", "idrac7"),
        ("fc630", "idrac8"),
        ("R6715", "idrac10"),
        ("DL360", "ilo5"),
        ("DL320", "ilo6"),
        ("6018R", "smc_x10"),
        ("1029U", "smc_x11"),
        ("510T", "smc_x12"),
        ("821GE", "smc_x13"),
        ("SR670", "xcc"),
        ("SR655", "ami"),
        ("GB200", "openbmc"),
        ("", "conformant"),
    ],
)
def test_the_family_of_a_model(model: str, family: str) -> None:
    assert family_of(model).name == family


def test_every_beginning_of_a_model_leads_to_the_one_family_that_names_it() -> None:
    for family in FAMILIES.values():
        assert {family_of(model).name for model in family.models} <= {family.name}
        assert family.models or family.name == "conformant"


def test_a_given_fleet(tmp_path: Path) -> None:
    file = tmp_path / "fleet.json"
    hosts = [{"name": "F21-h17-000-R650.example.com.", "model": "R650"}, {"name": "e16-h12-b01-fc640.example.com", "model": None}]
    file.write_text(json.dumps({"cloud": "cloud05", "os": "RHEL 9.2", "ptable": None, "hosts": hosts}))
    lab = from_file(file, 1)
    assert [(machine.name, machine.model) for machine in lab.machines] == [
        ("f21-h17-000-r650.example.com", "R650"),
        ("e16-h12-b01-fc640.example.com", "FC640"),
    ]
    assert (lab.cloud, lab.os, lab.ptable) == ("cloud05", "RHEL 9.2", "generic-rhel9")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"hosts": [{}]}', '{"hosts": "x"}'])
def test_a_fleet_file_that_is_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "fleet.json"
    file.write_text(text)
    with pytest.raises(ValueError, match="not a fleet file"):
        from_file(file, 1)


def test_among_ten_thousand_no_two_have_one_name_or_mac() -> None:
    machines = generated(10_000, 1).machines
    assert len({machine.name for machine in machines}) == len({machine.mac for machine in machines}) == 10_000
