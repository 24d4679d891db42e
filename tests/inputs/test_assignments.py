"""Several assignments as one rollout: what is wrong in any file, or between two of them, refuses the whole and names the files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quads_tui.inputs import InputError, load_assignments
from quads_tui.inputs.lint import lint

from .test_errors import written
from .test_quads_export import AT, BERLIN, HEAD, line


def cloud(number: int, *hosts: str, more: str = "") -> str:
    return f"cloud: cloud{number:02}\n{more}hosts:\n" + "".join(f"  - {host}.example.com\n" for host in hosts)


def wrong(*paths: Path, at: float | None = None) -> list[str]:
    """All problems, without the directory."""
    with pytest.raises(InputError) as caught:
        load_assignments(paths, at=at, zone=BERLIN)
    return [str(problem).replace(f"{paths[0].parent}/", "") for problem in caught.value.problems]


def test_one_for_each_file_in_their_order(tmp_path: Path) -> None:
    paths = [written(tmp_path, cloud(5, "a"), "a.yaml"), written(tmp_path, cloud(2, "b", "c"), "b.yaml")]
    found = load_assignments(paths)
    assert [(one.path, one.cloud, len(one.hosts)) for one in found] == [(paths[0], "cloud05", 1), (paths[1], "cloud02", 2)]
    assert load_assignments(()) == ()


def test_an_export_of_quads_may_be_one_of_them(tmp_path: Path) -> None:
    path = written(tmp_path, re.sub("  cloud07.*\n", "", HEAD) + line(0, -1, 13), "export.yaml")
    other = written(tmp_path, cloud(2, "a"), "a.yaml")
    assert wrong(other, path, at=AT) == [
        "export.yaml:2: clouds.cloud02: cloud02 is also the cloud of a.yaml:1; expected one file for each cloud"
    ]


def test_a_host_in_two_assignments_names_both_files_and_both_lines(tmp_path: Path) -> None:
    first, other = written(tmp_path, cloud(2, "a", "b"), "a.yaml"), written(tmp_path, cloud(5, "c", "B"), "b.yaml")
    assert wrong(first, other) == [
        "b.yaml:4: hosts[1]: the host b.example.com of b.yaml is also in a.yaml:4; expected each host in one assignment"
    ]


def test_many_hosts_in_two_assignments_are_one_problem(tmp_path: Path) -> None:
    names = [f"h{number}" for number in range(12)]
    first, other = written(tmp_path, cloud(2, *names), "a.yaml"), written(tmp_path, cloud(5, *names), "b.yaml")
    (problem,) = wrong(first, other)
    assert problem.startswith("b.yaml:3: hosts[0]: 12 hosts of b.yaml are also in a.yaml: h0.example.com (a.yaml:3), h1.example")
    assert problem.endswith("h9.example.com (a.yaml:12) and 2 more; expected each host in one assignment")


def test_two_assignments_with_one_hosts_file(tmp_path: Path) -> None:
    (tmp_path / "x.hosts").write_text("h1.example.com\n")
    files = [written(tmp_path, f"cloud: cloud0{number}\nhosts_file: x.hosts\n", f"{number}.yaml") for number in (2, 5)]
    (problem,) = wrong(*files)
    assert problem.startswith("x.hosts:1: the host h1.example.com of 5.yaml is also in 2.yaml (x.hosts:1); expected")


def test_two_files_for_one_cloud_are_an_error_even_where_they_ask_for_the_same(tmp_path: Path) -> None:
    first, other = written(tmp_path, cloud(2, "a"), "a.yaml"), written(tmp_path, "\n" + cloud(2, "b"), "b.yaml")
    assert wrong(first, other) == ["b.yaml:2: cloud: cloud02 is also the cloud of a.yaml:1; expected one file for each cloud"]


def test_a_file_that_is_given_twice(tmp_path: Path) -> None:
    file = written(tmp_path, cloud(2, "a"), "a.yaml")
    assert wrong(file, tmp_path / "." / "a.yaml") == ["a.yaml: the file is given twice; expected each file once"]


def test_what_is_wrong_in_one_file_refuses_all_with_its_line(tmp_path: Path) -> None:
    good = written(tmp_path, cloud(2, "a"), "a.yaml")
    bad = written(tmp_path, cloud(5, "b", more="hots: 1\n"), "b.yaml")
    worse = written(tmp_path, cloud(6, "a"), "c.yaml")
    places = [problem.split(": ")[:2] for problem in wrong(good, bad, worse, tmp_path / "none.yaml")]
    assert places == [
        ["b.yaml:2", "hots"],
        ["none.yaml", "no such file; expected a file that exists"],
        ["c.yaml:3", "hosts[0]"],
    ]


def test_lint_warns_of_files_that_cannot_be_one_rollout(tmp_path: Path) -> None:
    first, other = written(tmp_path, cloud(2, "a"), "a.yaml"), written(tmp_path, cloud(2, "a"), "b.yaml")
    checked = lint([first, other])
    assert [one.problems for one in checked] == [(), ()]
    assert [(warning.line, warning.key, warning.message.partition(":")[0]) for warning in checked[1].warnings] == [
        (1, "cloud", "not in one rollout"),
        (3, "hosts[0]", "not in one rollout"),
    ]
    assert checked[0].warnings == ()
