"""The location of a rollout: that of all its hosts."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from quads_tui.inputs import Assignment, HostSpec, Site
from quads_tui.runtime.locations import location_of, only_at
from quads_tui.runtime.options import Refused, Usage
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


def test_several_are_refused_with_their_hosts_and_what_to_type() -> None:
    words = (
        "the hosts have several locations, and one worker carries out a whole rollout: submit one rollout for each location, "
        "with --location none and --location 'pod 2' "
        "(1 host without one: a02.example.com; 2 hosts at pod 2: a00.example.com, a01.example.com)"
    )
    with pytest.raises(Refused) as refused:
        location_of(given("pod 2", "pod 2", ""))
    assert refused.value.reasons == (words,)


def test_each_location_can_be_submitted_alone_and_the_plan_says_what_is_left_out() -> None:
    whole = given("pod2", "", "pod2", "pod3", "pod3", "pod3", "pod3")
    parts = {where: only_at(whole, where) for where in ("pod2", "pod3", "none")}
    assert [location_of(part) for part in parts.values()] == ["pod2", "pod3", ""]
    assert sum(len(part.assignments[0].hosts) for part in parts.values()) == 7
    taken = parts["pod2"].assignments[0]
    assert [host.name for host in taken.hosts] == ["a00.example.com", "a02.example.com"]
    assert (taken.partial, taken.notes) == (True, ("cloud02: not in this rollout: 5 hosts at other locations",))
    with pytest.raises(
        Usage, match=r"no host of the assignment is at the location pod9; there are 1 host without one: a01.*pod2"
    ):
        only_at(whole, "pod9")
    one = given("pod2")
    assert only_at(one, "pod2") == one
    with pytest.raises(Usage, match="is without a location"):
        only_at(given("pod2"), "none")


def test_an_assignment_without_hosts_there_is_left_out() -> None:
    whole = given("pod2")
    other = replace(whole.assignments[0], cloud="cloud03", hosts=(HostSpec("b00.example.com", location="pod3"),))
    both = replace(whole, assignments=(*whole.assignments, other))
    assert only_at(both, "pod2").assignments == whole.assignments


def test_patterns_of_the_site_file_say_where_hosts_are_that_do_not_say_it() -> None:
    patterns = ((re.compile("^a0[01]"), "pod2"), (re.compile("^a"), "pod3"))
    assert location_of(given("", "", patterns=patterns)) == "pod2"
    assert location_of(given("pod4", "pod4", patterns=patterns)) == "pod4"
    with pytest.raises(Refused, match=r"2 hosts at pod2: a00.example.com, a01.example.com; 1 host at pod3"):
        location_of(given("", "", "", patterns=patterns))
