"""Rendering as plain text: exact widths, whatever the names and reasons are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from quads_tui.render import overview
from quads_tui.render.detail import detail_lines
from quads_tui.render.graphs import braille, held, milliseconds
from quads_tui.render.host_row import heading, host_filter, host_row, ordered
from quads_tui.render.plan_text import plan_lines
from quads_tui.render.progress import clock_text, plain_line
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import HostChanged, Paused
from quads_tui.rollout.meters import LaneState
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import HostStatus, Kind, Stage
from quads_tui.rollout.text import clean
from tests.console.feed import NOW, meters, rollout


def test_a_row_says_stage_by_stage_where_the_host_stands() -> None:
    model = rollout(60)
    rows = {
        host.status: host_row(host, now=NOW, speed=1.0, width=100, cursor=False, marked=True).plain
        for host in model.hosts.values()
    }
    assert " ✓   ✓   ✓   ✓   ✓  DONE" in rows[HostStatus.DONE]
    assert "*" in rows[HostStatus.DONE][:3]
    assert " ·   ·   ·   ·   ·  QUEUED" in rows[HostStatus.QUEUED]
    assert " ▶ " in rows[HostStatus.RUNNING]
    assert "waiting for Off" in rows[HostStatus.RUNNING]
    assert " ✗ " in rows[HostStatus.FAILED]
    assert "OFF PXE BLD ON  INS" in heading(100).plain


def test_attention_puts_the_failed_first_and_the_done_last() -> None:
    statuses = [host.status for host in ordered(rollout(60).hosts.values(), "attention")]
    assert statuses[0] is HostStatus.FAILED
    assert statuses[-1] is HostStatus.DONE
    assert statuses.index(HostStatus.RUNNING) < statuses.index(HostStatus.QUEUED)
    assert [host.index for host in ordered(rollout(60).hosts.values(), "plan")] == list(range(60))


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("install-failed", Cause.INSTALL_FAILED),
        ("LICENSED", Cause.REFUSED),
        ("[/redfish", Cause.FOREMAN),
        ("mgmt.*conn", Cause.UNREACHABLE),
    ],
)
def test_the_filter_takes_expressions_and_plain_text(words: str, shown: Cause) -> None:
    fits = host_filter(words, failures_only=True)
    assert {host.cause for host in rollout(60).hosts.values() if fits(host)} == {shown}


poison = st.text(max_size=80) | st.sampled_from(("[/oops]", "日本語" * 30, "é" * 90, "👩‍👩‍👧" * 20))


@given(reason=poison, name=poison, width=st.integers(80, 220))
@settings(max_examples=150, deadline=None)
def test_every_line_is_exactly_as_wide_as_asked(reason: str, name: str, width: int) -> None:
    plan = Plan((Goal("cloud02", Kind.BUILD, clean(name)),), (HostPlan(clean(name) or "h", clean(name), clean(name)),))
    from quads_tui.rollout.state import Rollout

    model = Rollout("r", plan)
    (host,) = model.hosts.values()
    model.apply(HostChanged(NOW, host.name, HostStatus.FAILED, Stage.PXE_SET, Cause.REFUSED, clean(reason)))
    lines = [
        host_row(host, now=NOW, speed=1.0, width=width, cursor=True, marked=False),
        heading(width),
        overview.pipeline(model, width),
        overview.numbers(meters(), width),
        *overview.graphs(meters(), 100.0, width, 7),
        *overview.failures(model, width, 4),
        *overview.header(model, now=NOW, width=width, title="REHEARSAL", lag=0.002, warnings=(clean(reason),)),
        *detail_lines(host, now=NOW, speed=1.0, width=width, height=20),
    ]
    for line in lines:
        assert cell_len(line.plain) == width, line.plain
        assert not any(ord(char) < 32 for char in line.plain)


def test_the_plain_line_and_the_header_say_pauses_and_a_shut_lane() -> None:
    model, gauges = rollout(60), meters()
    model.apply(Paused(NOW, "writes", True, "me", "Foreman hangs"))
    gauges.lane = LaneState(depth=3, shut="outcome unknown (timeout), look 2")
    line = plain_line(model, gauges, NOW)
    assert line.startswith("2:00:00  ")
    assert "lane 3 SHUT: outcome unknown (timeout), look 2" in line
    assert "writes PAUSED" in line
    head = overview.header(model, now=NOW, width=120, title="", lag=0.0, warnings=())
    assert "WRITES PAUSED" in head[0].plain


def test_graphs_fill_from_below_and_dot_above() -> None:
    assert braille([0, 1, 2, 4], 2, 1) == [chr(0x2800 | 0x80) + chr(0x2800 | 0x44 | 0xB8)]
    (line,) = braille([2, 2], 1, 1, [4, 4])
    assert line == chr(0x2800 | 0x44 | 0xA0 | 0x01 | 0x08)
    assert braille([], 3, 2) == ["⠀⠀⠀", "⠀⠀⠀"]
    assert held([0, 2, 0, 3]) == [0, 2, 2, 3]
    assert [milliseconds(s) for s in (0.0451, 0.9994, 1.25, 61.2)] == ["45ms", "999ms", "1.2s", "61s"]
    assert clock_text(3725) == "1:02:05"


def test_the_plan_names_what_differs_and_what_cannot_be_done() -> None:
    hosts = (
        HostPlan("a.example.com", "x", "R650"),
        HostPlan("b.example.com", "x", "R650", in_build=True, notes=("in build already: cancelled first",)),
        HostPlan("c.example.com", "x", "", trouble="Foreman has no host of this name", trouble_stage=Stage.FOREMAN_BUILD),
    )
    text = "\n".join(plan_lines(Plan((Goal("cloud02", Kind.BUILD, "", "jdoe", "", "RHEL 9.4", "", "m"),), hosts)))
    assert "cannot be done: 1\n    c.example.com  Foreman has no host of this name" in text
    assert "differs: 1\n    b.example.com  in build already: cancelled first" in text
    assert "writes   3 to Foreman" in text
    assert "ptable   as Foreman has it" in text
    assert "boots" not in text


def test_the_plan_tells_from_what_hosts_boot() -> None:
    order = ("NIC.Slot.1-1-1", "HardDisk.List.1-1")
    hosts = (
        HostPlan("a.example.com", "x", "R650", device="NIC.Integrated.1-1-1", order=order),
        HostPlan("b.example.com", "x", "R650", device="NIC.Integrated.1-1-1"),
        HostPlan("c.example.com", "x", "DL360"),
    )
    text = "\n".join(plan_lines(Plan((Goal("cloud02", Kind.BUILD),), hosts)))
    assert "boots    once from NIC.Integrated.1-1-1 (2), PXE of any NIC (1)" in text
    assert "    NIC.Slot.1-1-1, HardDisk.List.1-1  (1)" in text
