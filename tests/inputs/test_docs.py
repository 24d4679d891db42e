"""What is made of the tables of keys: it is up to date, and samples, schemas and readers agree."""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from quads_tui.inputs import InputError, load_assignment, load_site
from quads_tui.inputs.assignment_file import ASSIGNMENT
from quads_tui.inputs.docs import files, main
from quads_tui.inputs.site_file import SITE
from quads_tui.inputs.table import Table

from .json_schema import problems
from .test_errors import GOOD, written
from .test_errors import SITE as GOOD_SITE

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sample_assignments"
SCHEMAS = {name: json.loads((ROOT / f"docs/{name}.schema.json").read_text()) for name in ("site", "assignment")}


def tables(table: Table[Any], name: str) -> dict[str, Table[Any]]:
    """The table and all below it, by path."""
    found = {name: table}
    for key in table.keys:
        if key.reader.table is not None:
            found |= tables(key.reader.table, f"{name}.{key.name}")
    return found


TABLES = tables(SITE, "site") | tables(ASSIGNMENT, "assignment")
ROWS = [pytest.param(table, key, id=f"{name}.{key.name}") for name, table in TABLES.items() for key in table.keys]


@pytest.mark.parametrize("name", files())
def test_what_is_made_of_the_tables_is_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text() == files()[name], f"{name} is stale; run python -m quads_tui.inputs.docs"


def test_the_files_are_written_below_a_directory(tmp_path: Path) -> None:
    for name in files():
        (tmp_path / name).parent.mkdir(exist_ok=True)
    main(tmp_path)
    assert {name: (tmp_path / name).read_text() for name in files()} == files()


@pytest.mark.parametrize(("table", "key"), ROWS)
def test_a_row_says_what_it_means(table: Table[Any], key: Any) -> None:
    assert len(table.help(key)) > 5 and not table.help(key).endswith(".")
    assert key.reader.kind and key.reader.expected
    if is_dataclass(table.into) and key.name not in ("hosts", "hosts_file"):  # two rows that fill one member
        member = {member.name: member for member in fields(table.into)}[key.field or key.name]
        optional = member.default is not MISSING or member.default_factory is not MISSING
        assert key.required or optional or key.default, "nothing holds without the key"


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("cloud*.yaml")), ids=lambda path: path.name)
def test_a_sample_names_its_schema_and_fits_it(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    found = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert found and (path.parent / found[1]).resolve() == ROOT / "docs/assignment.schema.json"
    assert list(problems(SCHEMAS["assignment"], yaml.safe_load(path.read_text()))) == []


def uncommented() -> str:
    """The sample site with the keys that it has as comments."""
    return re.sub(r"(?m)^# ( *(?:- )?[a-z_]+:)", r"\1", (SAMPLES / "site.yaml").read_text())


@pytest.mark.parametrize("text", [(SAMPLES / "site.yaml").read_text(), uncommented()], ids=["as it is", "with every key"])
def test_the_sample_site_loads_and_fits_its_schema(tmp_path: Path, text: str) -> None:
    (tmp_path / "lab-ca.pem").write_text("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
    (tmp_path / "bmcs.yaml").write_text("a01.example.com: https://10.0.0.1\n")
    (tmp_path / "idrac_interfaces.yml").write_text("director_r650: NIC.Slot.1-1\n")
    (tmp_path / "site.yaml").write_text(text)
    site = load_site(tmp_path / "site.yaml")
    assert list(problems(SCHEMAS["site"], yaml.safe_load(text))) == []
    assert site.spare_pool == "cloud01"


def test_the_sample_site_has_every_key() -> None:
    found = yaml.safe_load(uncommented())
    assert set(found) == set(SITE.names)
    for name in ("foreman", "defaults", "redfish", "quads", "on_event", "limits"):
        assert set(found[name]) == set(TABLES[f"site.{name}"].names)
    (hook,) = found["hooks"]
    assert set(hook) == set(TABLES["site.hooks"].names) - {"before"}


SITE_CHANGES = (
    ("", ""),
    ("write_width", "write_with"),
    ("write_width: 1", "write_width: 0"),
    ("write_width: 1", "write_width: 1.5"),
    ("write_width: 1", "write_width: 65"),
    ("username: quads", "username: 3"),
    ("  username: quads\n", ""),
    ("https://foreman.example.com", "foreman.example.com"),
    ("https://foreman.example.com", "https://quads@foreman.example.com"),
    ("tls: {verify: false}", "tls: {}"),
    ("tls: {verify: false}", "tls: {verify: false, pin: first_use}"),
    ("tls: {verify: false}", "tls: {pin: always}"),
    ("tls: {verify: false}", "tls: {pin: first_use}"),
    ("tls: {verify: false}", f'tls: {{fingerprint: "SHA256:{":".join(["AB"] * 32)}"}}'),
    ("tls: {verify: false}", 'tls: {fingerprint: "sha256:12"}'),
    ("{env: BMC_PASSWORD}", "{env: 1X}"),
    ("{env: BMC_PASSWORD}", "{command: []}"),
    ("{env: BMC_PASSWORD}", "{command: [pass, show, foreman]}"),
    ("{env: BMC_PASSWORD}", "secret"),
    ("https://mgmt-{host}", "https://mgmt"),
    ("spare_pool: cloud01", "spare_pool: pool"),
    ("protected_hosts: [foreman.example.com]", "protected_hosts: foreman.example.com"),
    ("limits: {}", "limits: {ahead: 3, install: 60.5}"),
    ("limits: {}", "limits: {ahead: 2.5}"),
    ("limits: {}", "limits: {ahead: auto, installing: off, power_on_per_rack: 'off'}"),
    ("limits: {}", "limits: {installing: auto}"),
    ("limits: {}", "limits: {ahead: off}"),
    ("limits: {}", "limits: {installing: 50, power_on_per_rack: 1, power_on_interval: 2.5, rack_outage: 600}"),
    ("limits: {}", "limits: {power_on_per_rack: -1}"),
    ("limits: {}", "limits:"),
    ("speed: 1", "speed: fast"),
    ("speed: 1", "speed: 1\nmetrics: {listen: 9180}"),
    ("speed: 1", "speed: 1\nmetrics: {listen: '[::1]:9180'}"),
    ("speed: 1", "speed: 1\nmetrics: {listen: 0}"),
    ("speed: 1", "speed: 1\nmetrics: {listen: 90.5}"),
    ("speed: 1", "speed: 1\nmetrics: {}"),
    ("speed: 1", "speed: 1\nhooks: [{name: x, run: [a], before: install}]"),
    ("speed: 1", "speed: 1\nhooks: [{name: x, run: [a]}]"),
    ("speed: 1", "speed: 1\nhooks: [{name: X, run: [a], before: install}]"),
    ("speed: 1", "speed: 1\nhooks: [{name: x, run: [a], before: sometime}]"),
    ("speed: 1", "speed: 1\non_event: {run: [x], events: [paused]}"),
    ("speed: 1", "speed: 1\non_event: {run: [x], events: [failures]}"),
    ("  username: root", "  check_macs: [f21-*]\n  username: root"),
    ("  username: root", "  check_macs: 3\n  username: root"),
)
ASSIGNMENT_CHANGES = (
    ("", ""),
    ("ptable:", "ptabel:"),
    ("cloud: cloud02", "cloud: c2"),
    ("cloud: cloud02", ""),
    ("wipe: true", "wipe: 3"),
    ('ticket: "3753"', "ticket: 3753"),
    ("ccuser: [asmith, bwong]", "ccuser: asmith"),
    ('overcloud: "true"', "overcloud: true"),
    ("model: R650", "modell: R650"),
    ("model: R650", "system: Node2"),
    ("model: R650", "system: ../Node2"),
    ("name: f21-h18-000-r650.example.com, ", ""),
    ("hosts_file: cloud02.hosts", "hosts_file: ../cloud02.hosts"),
    ("hosts_file: cloud02.hosts", ""),
)


@pytest.mark.parametrize(
    ("kind", "change"), [("site", one) for one in SITE_CHANGES] + [("assignment", one) for one in ASSIGNMENT_CHANGES]
)
def test_the_schema_takes_what_the_reader_takes(tmp_path: Path, kind: str, change: tuple[str, str]) -> None:
    good = GOOD_SITE if kind == "site" else GOOD
    assert change[0] in good
    text = good.replace(*change, 1)
    load = load_site if kind == "site" else load_assignment
    try:
        load(written(tmp_path, text))
        told = ""
    except InputError as error:
        told = str(error)
    assert bool(told) == bool(list(problems(SCHEMAS[kind], yaml.safe_load(text)))), told
