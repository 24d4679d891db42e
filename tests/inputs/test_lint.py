"""`quads-tui lint`: files checked offline, each recognised by its content, all that is wrong with file, line and key."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from quads_tui.inputs.lint import FileKind, lint

from .test_errors import GOOD, SITE, written
from .test_quads_export import HEAD, export, line

SAMPLES = Path(__file__).parents[2] / "sample_assignments"


def found(*paths: Path, site: Path | None = None) -> list[str]:
    """All problems, without the directory."""
    return [f"{one.file.name}{str(one).removeprefix(str(one.file))}" for file in lint(paths, site) for one in file.problems]


def test_each_file_is_recognised_by_its_content(tmp_path: Path) -> None:
    paths = [written(tmp_path, GOOD), written(tmp_path, SITE, "b.yaml"), export(tmp_path, line(0, -1, 13), line(1, -1, 13))]
    paths.append(written(tmp_path, "a: 1\n", "c.yaml"))
    checked = lint(paths)
    assert [file.kind for file in checked] == [FileKind.ASSIGNMENT, FileKind.SITE, FileKind.EXPORT, FileKind.UNKNOWN]
    assert [file.summary for file in checked] == [
        "cloud02, 4 hosts",
        "Foreman at https://foreman.example.com",
        "2 clouds, 2 schedules",
        "",
    ]
    assert [len(file.problems) for file in checked] == [0, 0, 0, 1]
    assert str(checked[3].problems[0]).endswith(
        "c.yaml:1: has no key of an assignment, a site file or a QUADS export; expected one of these three kinds of file"
    )


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_the_samples_have_no_problem_but_the_file_that_is_to_be_named(path: Path) -> None:
    (file,) = lint([path])
    assert [problem.key for problem in file.problems] == (["foreman.tls.ca_file"] if path.name == "site.yaml" else [])


def test_all_problems_of_all_files_come_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    one = written(tmp_path, GOOD.replace("cloud: cloud02", "cloud: c2").replace("ptable:", "ptabel:"))
    other = written(tmp_path, SITE.replace("write_width: 1", "write_width: 0"), "b.yaml")
    places = [text.split(": ")[:2] for text in found(one, other, tmp_path / "none.yaml")]
    assert places == [
        ["a.yaml:1", "cloud"],
        ["a.yaml:8", "ptabel"],
        ["b.yaml:6", "foreman.write_width"],
        ["none.yaml", "no such file; expected a file that exists"],
    ]


def test_warnings_name_line_and_key(tmp_path: Path) -> None:
    (file,) = lint([written(tmp_path, SITE.replace("write_width: 1", "write_width: 4"))])
    assert [(one.line, one.key) for one in file.warnings] == [
        (5, "foreman.tls"),
        (6, "foreman.write_width"),
        (12, "redfish.tls"),
    ]
    assert not file.problems


def test_an_assignment_is_checked_against_the_site_that_is_given_or_the_only_one(tmp_path: Path) -> None:
    site = SITE.replace("[foreman.example.com]", "[f21-h17-000-r650.example.com]").replace(
        "{os: RHEL 9.4, ptable: generic-rhel9, medium: RHEL Local}", "{os: RHEL 9.4}"
    )
    place = written(tmp_path, site, "site.yaml")
    asked = written(tmp_path, GOOD.replace("medium: RHEL Local\n", "").replace("os: RHEL 9.4\n", ""))
    wrong = [
        "a.yaml:1: medium: is set neither here nor in the defaults of the site file; expected medium in one of the two",
        "a.yaml:9: hosts: f21-h17-000-r650.example.com is a protected host (site file, protected_hosts); expected no protected host",
    ]
    assert found(asked) == []
    assert found(asked, place) == found(asked, site=place) == wrong
    assert found(asked, place, written(tmp_path, SITE, "other.yaml")) == [], "of two sites none is meant"
    assert found(asked, written(tmp_path, SITE, "other.yaml"), site=place) == wrong
    keep = written(tmp_path, GOOD.replace("medium: RHEL Local\n", "").replace("wipe: true", "wipe: false"), "keep.yaml")
    assert [text.split(": ")[1] for text in found(keep, site=place)] == ["hosts"], "nothing is built, so no medium is needed"


def test_a_speed_or_an_address_that_the_site_forbids_is_told(tmp_path: Path) -> None:
    site = written(tmp_path, SITE.replace("speed: 1", "speed: 60"), "site.yaml")
    (text,) = found(written(tmp_path, GOOD), site=site)
    assert text.startswith(
        "a.yaml:11: hosts: on this site (speed): 60 is for rehearsals; these addresses are not on this machine: foreman.url, quads.url"
    )


def test_what_is_given_as_the_site_is_read_as_one(tmp_path: Path) -> None:
    assert "a.yaml:1: foreman: the key is missing" in "\n".join(found(site=written(tmp_path, GOOD)))


def test_an_export_is_checked_for_every_cloud_and_every_date(tmp_path: Path) -> None:
    path = export(tmp_path, line(0, 40, 46), line(1, 22, 20), line(0, 45, 60, cloud="cloud07"), line(2, "soon", 3))
    (file,) = lint([path])
    assert [problem.key for problem in file.problems] == ["current_schedules[1].end", "current_schedules[3].start"]
    (warning,) = file.warnings
    assert warning.key == "current_schedules[2]" and "is also scheduled for cloud02 at the same time (line 5)" in warning.message
    broken = written(tmp_path, HEAD.replace("owner: jdoe", "owner: [jdoe]", 1) + line(0, 1, 2), "b.yaml")
    assert [text.split(": ")[1] for text in found(broken)] == ["clouds.cloud02.owner"]
    assert [text.split(": ")[1] for text in found(written(tmp_path, "clouds: {}\ncurrent_schedules: []\n", "c.yaml"))] == [
        "clouds"
    ]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from quads_tui.cli.main import main; main()", "lint", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_ends_with_0_or_2_and_prints_lines_or_json(tmp_path: Path) -> None:
    good, bad = written(tmp_path, GOOD), written(tmp_path, SITE.replace("speed: 1", "speed: fast"), "b.yaml")
    ran = run(str(good))
    assert (ran.returncode, ran.stdout, ran.stderr) == (
        0,
        f"{good}: assignment: cloud02, 4 hosts\n1 file, 0 problems, 0 warnings\n",
        "",
    )
    ran = run(str(good), str(bad))
    assert ran.returncode == 2
    assert ran.stdout.splitlines()[1].startswith(f"{bad}:20: speed: found text; expected a number above 0")
    assert ran.stdout.splitlines()[2:] == [
        f"{bad}:5: foreman.tls: certificates are not verified (warning)",
        f"{bad}:12: redfish.tls: certificates are not verified (warning)",
        "2 files, 1 problem, 2 warnings",
    ]
    ran = run("--json", str(good), str(bad))
    lines = [json.loads(text) for text in ran.stdout.splitlines()]
    assert (ran.returncode, [one["event"] for one in lines]) == (2, ["problem", "warning", "warning", "lint_finished"])
    assert [lines[0][name] for name in ("file", "line", "key")] == [str(bad), 20, "speed"]
    assert [lines[-1][name] for name in ("files", "problems", "warnings")] == [2, 1, 2]
    assert all("at" in one for one in lines)
