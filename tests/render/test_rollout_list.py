"""The listing of the rollouts: a line for each, at every width."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len

from quads_tui.render.listing import Listing
from quads_tui.render.report.entry import entry

from .test_report import START, journal


def test_a_line_of_the_listing() -> None:
    facts, events, _ = journal()
    found = entry("20261123-x", facts, events)
    assert (found.hosts, found.done, found.failed, found.held, found.open, found.armed) == (4, 1, 1, 1, 1, 1)
    listing = Listing(10)
    line = listing.line(found).replace("4 min", "4-min").replace("stopped (operator)", "stopped")
    columns = dict(zip(listing.heading().split()[1:-3], line.split()[1:-4], strict=True))
    assert entry("r", facts, events, [START + 18]).seconds == found.seconds + 40  # the run that was killed had a later sample
    assert columns == {
        "STATE": "stopped",
        "HOSTS": "4",
        "DONE": "1",
        "FAILED": "1",
        "ARMED": "1",
        "UNFINISHED": "1",
        "TIME": "4-min",
        "CLOUD": "cloud02",
    }
    assert line.split()[-2:] == ["-", "1"]  # skipped, held


@pytest.mark.parametrize("width", [20, 40, 80, 100, 120, 200])
def test_the_listing_fits_every_terminal_and_keeps_what_is_most_useful(width: int) -> None:
    facts, events, _ = journal()
    name = "20261123-2200-cloud02-ab12"
    listing = Listing(len(name), width)
    found = replace(entry(name, facts, events), rehearsal=True, end_reason="time limit")
    lines = [listing.heading(), listing.line(found), listing.damaged(name, "x" * 500)]
    assert all(cell_len(line) <= width for line in lines)
    if width >= 80:
        assert name in lines[1]
        assert listing.heading().split()[:6] == ["ROLLOUT", "STATE", "HOSTS", "DONE", "FAILED", "ARMED"]
    if width == 200:
        assert listing.heading() == Listing(len(name)).heading()  # all of them
