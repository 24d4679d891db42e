"""The location of a rollout: that of all its hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from quads_tui.inputs import Assignment, HostSpec, Site
from quads_tui.runtime.cluster import location_of
from quads_tui.runtime.options import Refused
from quads_tui.runtime.rollout_input import RolloutInput


def given(*locations: str) -> RolloutInput:
    hosts = tuple(HostSpec(f"a{number:02}.example.com", location=location) for number, location in enumerate(locations))
    return RolloutInput((Assignment(path=Path("a.yaml"), cloud="cloud02", hosts=hosts),), cast("Site", cast("Any", None)))


@pytest.mark.parametrize(("locations", "found"), [(("", ""), ""), (("pod2", "pod2"), "pod2")])
def test_one_location_is_that_of_the_rollout(locations: tuple[str, ...], found: str) -> None:
    assert location_of(given(*locations)) == found


def test_several_are_refused_with_how_many_hosts_each_has() -> None:
    words = "2 hosts at pod2, 1 host without one): submit one rollout for each location"
    with pytest.raises(Refused, match=words.replace(")", r"\)")):
        location_of(given("pod2", "pod2", ""))
