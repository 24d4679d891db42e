"""A rollout of several clouds: how each is named and counted, on the screen, in words, in the plan and in its question."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from quads_tui.cli.terminal import consequence
from quads_tui.render.clouds import cloud_line, cloud_panel, cloud_sentences
from quads_tui.render.header import title_line
from quads_tui.render.listing import Listing, members
from quads_tui.render.names import clouds_name, short_clouds_name
from quads_tui.render.palette import BAD
from quads_tui.render.plan_text import plan_lines
from quads_tui.render.progress import plain_line
from quads_tui.render.report import as_html, as_json, as_markdown, build_report
from quads_tui.render.report.entry import entry
from quads_tui.render.shares import drawn_shares
from quads_tui.render.symbols import SYMBOLS
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import Event, HostChanged, RolloutStarted
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import HostStatus, Kind, Stage
from quads_tui.rollout.state import Rollout


def clouds(number: int, each: int = 4, **kinds: Kind) -> Plan:
    names = [f"cloud{n:02}" for n in range(2, 2 + number)]
    goals = tuple(Goal(name, kinds.get(name, Kind.BUILD)) for name in names)
    return Plan(goals, tuple(HostPlan(f"h{n}.{name}.example.com", "x", cloud=name) for name in names for n in range(each)))


def end(rollout: Rollout, cloud: str, hosts: int, status: HostStatus = HostStatus.DONE, first: int = 0) -> None:
    for number in range(first, first + hosts):
        rollout.apply(HostChanged(1.0, f"h{number}.{cloud}.example.com", status, Stage.INSTALL, Cause.TIMEOUT, "why"))


def test_the_rollout_counts_each_cloud_and_a_retry_takes_its_host_out_again() -> None:
    rollout = Rollout("r", clouds(2))
    end(rollout, "cloud03", 3)
    end(rollout, "cloud03", 1, HostStatus.FAILED, first=3)
    assert rollout.clouds["cloud03"] == {HostStatus.DONE: 3, HostStatus.FAILED: 1, HostStatus.QUEUED: 0}
    end(rollout, "cloud03", 1, HostStatus.QUEUED, first=3)
    assert +rollout.clouds["cloud03"] == {HostStatus.DONE: 3, HostStatus.QUEUED: 1}
    assert +rollout.clouds["cloud02"] == {HostStatus.QUEUED: 4}
    assert sum((counts for counts in rollout.clouds.values()), start=type(rollout.counts)()) == +rollout.counts


def test_names_of_one_two_and_many() -> None:
    assert [clouds_name(["cloud02", "cloud05", "cloud07"][:n]) for n in (1, 2, 3)] == ["cloud02", "cloud02, cloud05", "3 clouds"]
    assert [short_clouds_name(["cloud02"] * n) for n in (0, 1, 2, 20)] == ["", "cloud02", "2 clouds", "20 clouds"]
    first = title_line(Rollout("r", clouds(20)), now=0.0, width=120, title="", control="", warnings=())
    assert first.plain.startswith(" quads-tui  20 clouds  ")


def test_one_cloud_has_no_panel_and_no_sentences() -> None:
    rollout = Rollout("r", clouds(1))
    assert (cloud_panel(rollout, 120, 4), cloud_sentences(rollout)) == ([], [])
    assert "clouds" not in plain_line(rollout, Meters(), 0.0)


def test_the_line_of_a_run_without_a_screen_counts_the_clouds_that_are_done() -> None:
    rollout = Rollout("r", clouds(3))
    end(rollout, "cloud03", 4)
    end(rollout, "cloud04", 3)
    assert "  1/3 clouds done  " in plain_line(rollout, Meters(), 0.0)


def test_the_panel_shows_a_bar_and_the_counts_of_each() -> None:
    rollout = Rollout("r", clouds(2))
    end(rollout, "cloud02", 4)
    end(rollout, "cloud03", 1)
    end(rollout, "cloud03", 1, HostStatus.FAILED, first=1)
    end(rollout, "cloud03", 1, HostStatus.RUNNING, first=2)
    (line,) = cloud_panel(rollout, 80, 1, SYMBOLS["ascii"])
    bar = "##++.x"  # in proportion, and a cell at least for each kind
    assert line.plain.rstrip() == f" cloud02 {'#' * 6} 4/4           cloud03 {bar} 1/4 1 failed"
    assert line.cell_len == 80
    assert cloud_sentences(rollout) == ["cloud02 4/4 done.", "cloud03 1/4 done, 1 failed."]


def test_held_and_skipped_hosts_are_neither_failed_nor_done_in_the_bar_of_a_cloud() -> None:
    rollout = Rollout("r", clouds(2))
    end(rollout, "cloud02", 2)
    end(rollout, "cloud02", 1, HostStatus.HELD, first=2)
    end(rollout, "cloud02", 1, HostStatus.SKIPPED, first=3)
    for drawn in (cloud_panel(rollout, 80, 1, SYMBOLS["ascii"])[0], cloud_line(rollout, "cloud02", 80, SYMBOLS["ascii"])):
        styles = {drawn.plain[span.start : span.end].strip(", "): span.style for span in drawn.spans}
        assert styles["1 held"] != BAD != styles["1 skipped"]
        assert "x" not in drawn.plain.split(" 2/4")[0].removeprefix(" cloud02 ")
    assert cloud_panel(rollout, 80, 1, SYMBOLS["ascii"])[0].plain.startswith(" cloud02 ###--= 2/4 1 skipped, 1 held")
    assert not drawn_shares([(0, "#", "")], 9).plain


def test_a_bar_is_full_when_all_are_done_and_not_before() -> None:
    rollout = Rollout("r", clouds(2, 700))
    end(rollout, "cloud02", 699)
    end(rollout, "cloud02", 1, HostStatus.HELD, first=699)
    assert "#####=" in cloud_panel(rollout, 80, 1, SYMBOLS["ascii"])[0].plain


@pytest.mark.parametrize(("width", "height", "shown"), [(120, 4, 20), (200, 4, 20), (120, 1, 4), (80, 1, 2)])
def test_where_not_all_fit_those_that_are_done_give_way(width: int, height: int, shown: int) -> None:
    rollout = Rollout("r", clouds(20, 35))
    for number in range(2, 15):
        end(rollout, f"cloud{number:02}", 35)
    end(rollout, "cloud15", 1, HostStatus.FAILED)
    lines = cloud_panel(rollout, width, height)
    text = " ".join(line.plain for line in lines)
    assert len(lines) <= height and all(line.cell_len == width for line in lines)
    assert text.count("cloud") == shown
    if shown < 20:
        assert "cloud15" in text and "cloud02" not in text and f"and {20 - shown} more" in text


def test_the_plan_counts_the_clouds_beside_its_question_and_the_question_names_them() -> None:
    plan = clouds(3, 2, cloud03=Kind.OWNERSHIP)
    assert "  clouds   3 in one rollout: cloud02 (2), cloud03 (2), cloud04 (2)" in plan_lines(plan)
    assert consequence(plan) == ("4 wiped and rebuilt, 2 assigned to their new owner, in 3 clouds (cloud02, cloud03, cloud04)")
    assert consequence(clouds(20)).endswith("in 20 clouds (cloud02, cloud03, cloud04, cloud05, cloud06, cloud07 and 14 more)")
    assert not any("in one rollout" in line for line in plan_lines(clouds(1)))
    assert consequence(clouds(1)) == "wiped and rebuilt"


def journal_of_two() -> tuple[dict[str, Any], list[Event]]:
    plan = clouds(2, 2, cloud03=Kind.OWNERSHIP)
    ends = [HostChanged(100.0 * n, host.name, HostStatus.DONE) for n, host in enumerate(plan.hosts[:3], 1)]
    return {"rollout": "r", "plan": asdict(plan)}, [RolloutStarted(1.0, "r", 4, False, "me", 1.0), *ends]


def test_the_report_has_the_clouds_and_the_cloud_of_each_host_in_every_format() -> None:
    report = build_report(*journal_of_two(), ())
    made = json.loads(as_json(report))
    assert made["clouds"] == [
        {"cloud": "cloud02", "kind": "build", "hosts": 2, "done": 2, "failed": 0, "skipped": 0, "held": 0, "unfinished": 0, "ended_after": 199.0},
        {"cloud": "cloud03", "kind": "ownership", "hosts": 2, "done": 1, "failed": 0, "skipped": 0, "held": 0, "unfinished": 1, "ended_after": None},
    ]  # fmt: skip
    assert [host["cloud"] for host in made["hosts"]] == ["cloud02", "cloud02", "cloud03", "cloud03"]
    text, page = as_markdown(report), as_html(report)
    assert "| cloud02 | build | 2 | 2 | 0 | 0 | 0 | 0 | 3 min 19 s |" in text
    assert "| host | cloud | model |" in text and "| h1.cloud03.example.com | cloud03 |" in text
    assert "<h2>Clouds</h2>" in page and "<td>h1.cloud03.example.com</td><td>cloud03</td>" in page


def test_the_list_of_rollouts_has_a_line_that_counts_the_clouds_and_members_of_each() -> None:
    facts, events = journal_of_two()
    found = entry("r", facts, events)
    assert f"  {'2 clouds':<9}" in Listing(10).line(found) and members(found)["cloud"] == "cloud02, cloud03"
    assert [(one["cloud"], one["done"], one["unfinished"]) for one in members(found)["clouds"]] == [
        ("cloud02", 2, 0),
        ("cloud03", 1, 1),
    ]
    json.dumps(members(found))
