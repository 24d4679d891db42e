"""The location of a rollout: that of all its hosts."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from quads_tui.inputs import Assignment, HostSpec, Site
from quads_tui.runtime.cluster import location_of
from quads_tui.runtime.options import Refused
from quads_tui.runtime.rollout_input import RolloutInput


def given(*locations: str, patterns: tuple[tuple[re.Pattern[str], str], ...] = ()) -> RolloutInput:
    site = cast(
        "Site", SimpleNamespace(location=lambda host: Site.location(cast("Site", SimpleNamespace(locations=patterns)), host))
    )
    hosts = tuple(HostSpec(f"a{number:02}.example.com", location=location) for number, location in enumerate(locations))
    return RolloutInput((Assignment(path=Path("a.yaml"), cloud="cloud02", hosts=hosts),), site)


@pytest.mark.parametrize(("locations", "found"), [(("", ""), ""), (("pod2", "pod2"), "pod2")])
def test_one_location_is_that_of_the_rollout(locations: tuple[str, ...], found: str) -> None:
    assert location_of(given(*locations)) == found


def test_several_are_refused_with_how_many_hosts_each_has() -> None:
    words = "2 hosts at pod2, 1 host without one): submit one rollout for each location"
    with pytest.raises(Refused, match=words.replace(")", r"\)")):
        location_of(given("pod2", "pod2", ""))


def test_patterns_of_the_site_file_say_where_hosts_are_that_do_not_say_it() -> None:
    patterns = ((re.compile("^a0[01]"), "pod2"), (re.compile("^a"), "pod3"))
    assert location_of(given("", "", patterns=patterns)) == "pod2"
    assert location_of(given("pod4", "pod4", patterns=patterns)) == "pod4"
    with pytest.raises(Refused, match="2 hosts at pod2, 1 host at pod3"):
        location_of(given("", "", "", patterns=patterns))
