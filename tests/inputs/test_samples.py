"""The samples that newcomers copy must load, all of them, and be what their names say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quads_tui.inputs import InputError, bmc_address, load_assignment, load_site

SAMPLES = Path(__file__).parents[2] / "sample_assignments"


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("cloud*.yaml")), ids=lambda path: path.name)
def test_a_sample_loads(path: Path) -> None:
    assignment = load_assignment(path)
    assert assignment.cloud == path.name.partition("-")[0]
    assert all(host.name.endswith(".example.com") for host in assignment.hosts)
    if count := re.search(r"-(\d+)-hosts", path.name):
        assert len(assignment.hosts) == int(count[1])
    assert assignment.wipe == ("no-wipe" not in path.name)


def test_the_export_wants_to_know_which_cloud() -> None:
    assert len(load_assignment(SAMPLES / "quads-export.yaml", cloud="cloud03").hosts) == 5
    assert not load_assignment(SAMPLES / "quads-export.yaml", cloud="cloud09").wipe
    with pytest.raises(InputError, match=r"cloud02.*cloud03.*cloud09"):
        load_assignment(SAMPLES / "quads-export.yaml")


def test_the_site_to_copy_loads_and_warns_of_what_it_should(tmp_path: Path) -> None:
    copy = tmp_path / "site.yaml"
    copy.write_text((SAMPLES / "site.yaml").read_text())
    with pytest.raises(InputError, match=r"site.yaml:7: foreman.tls.ca_file: there is no such file"):
        load_site(copy)
    (tmp_path / "lab-ca.pem").write_text("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
    site = load_site(copy)
    assignment = load_assignment(SAMPLES / "cloud02-3-hosts.yaml")
    assert bmc_address(site, assignment.hosts[0]) == f"https://mgmt-{assignment.hosts[0].name}"
    assert any("verif" in warning for warning in site.warnings)
    assert not any("write_width" in warning for warning in site.warnings)
    copy.write_text((SAMPLES / "site.yaml").read_text().replace("write_width: 1 ", "write_width: 4 "))
    assert (
        "foreman.write_width: 4 writes to Foreman at the same time; after the first conflict one at a time"
        in load_site(copy).warnings
    )
