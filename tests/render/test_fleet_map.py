"""The map: every host has its cell, whatever the width, and what asks for a decision is seen."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from quads_tui.render import fleet_map
from quads_tui.render.symbols import SYMBOLS
from quads_tui.rollout.stages import HostStatus
from tests.console.feed import rollout


@pytest.mark.parametrize("by", fleet_map.GROUPINGS)
@pytest.mark.parametrize("width", [80, 120, 200])
def test_every_host_has_one_cell_and_every_line_is_as_wide_as_the_screen(by: str, width: int) -> None:
    model = rollout()
    rows = fleet_map.rows(fleet_map.blocks(model, by), width)
    assert sorted(host.name for row in rows for host in row.hosts) == sorted(model.hosts)
    lines = [fleet_map.row_line(row, model, width, cursor=row.hosts[-1].name) for row in rows] + [fleet_map.heading(by, width)]
    assert {cell_len(line.plain) for line in lines} == {width}


def test_a_block_is_a_rack_of_the_plan_or_what_names_begin_with() -> None:
    model = rollout(85)
    assert {name: len(hosts) for name, hosts in fleet_map.blocks(model, "rack").items()} == {"f00": 40, "f01": 40, "f02": 5}


def test_failed_armed_and_overdue_hosts_are_told_apart_and_a_filter_leaves_its_own() -> None:
    model = rollout(60)
    plain = SYMBOLS["ascii"]
    late = next(host.name for host in model.hosts.values() if host.status is HostStatus.RUNNING)
    rows = fleet_map.rows(fleet_map.blocks(model, "cloud"), 200)
    text = "".join(fleet_map.row_line(row, model, 200, overdue={late}, symbols=plain).plain[16:160] for row in rows)
    failed = model.counts[HostStatus.FAILED]
    assert (text.count("A"), text.count("x"), text.count("!")) == (1, failed - 1, 1)
    few = "".join(fleet_map.row_line(row, model, 200, fits={late}, symbols=plain).plain[16:160] for row in rows)
    assert few.count("x") == few.count("A") == 0


def test_the_figures_are_those_of_the_block() -> None:
    model = rollout(60)
    (row, *_) = fleet_map.rows(fleet_map.blocks(model, "cloud"), 120)
    words = fleet_map.row_line(row, model, 120).plain.split()
    assert f"{model.counts[HostStatus.DONE]}/60" in words
    took = fleet_map.installs(model, model.hosts.values())
    assert len(took) == model.counts[HostStatus.DONE]
