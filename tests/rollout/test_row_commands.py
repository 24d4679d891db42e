"""The arguments of a row command: whatever a fact of a host has, it is one piece of one argument, or the command is not run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.row_commands import FACTS, RowCommand, UnusableFact, argv, has_fact, wrong_braces
from quads_tui.rollout.stages import Kind

HOSTILE = (";id", "$(id)", "`id`", "a b", "'", '"', "#{pane_id}", "#(id)", "\\", "a;", "{host}", "%n", "~", "*", "|id", "&", ">x")


def plan(**facts: str) -> tuple[Plan, HostPlan]:
    given = {"name": "a01.example.com", "address": "https://mgmt-a01.example.com:8443", "rack": "a", "mac": "aa:bb", **facts}
    host = HostPlan(model=given.pop("model", "R650"), **given)  # type: ignore[arg-type]
    return Plan((Goal("cloud02", Kind.BUILD, "", "jdoe", "3753"),), (host,)), host


def words(run: list[str], **facts: str) -> tuple[str, ...]:
    return argv(RowCommand(key="x", name="x", run=tuple(run)), *plan(**facts))


def test_every_fact_of_a_host() -> None:
    found = words(["prog", *(f"{{{name}}}" for name in FACTS)])
    assert found == (
        "prog",
        *("a01.example.com", "a01", "mgmt-a01.example.com", "https://mgmt-a01.example.com:8443"),
        *("R650", "aa:bb", "a", "cloud02", "jdoe", "3753"),
    )


def test_braces_that_are_doubled_are_braces() -> None:
    assert words(["p", "{{{host}}}", "{{}}", "a{short}b{short}"]) == ("p", "{a01.example.com}", "{}", "aa01ba01")
    assert list(wrong_braces("{{{host}}} {{x}}")) == []
    assert list(wrong_braces("{hots} { } {} {host!r} {0}")) == ["hots", " ", "", "host!r", "0"]
    assert [has_fact(word) for word in ("{host}", "{{host}}", "host")] == [True, False, False]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_fact_is_one_piece_of_one_argument(value: str) -> None:
    assert words(["ssh", "root@{model}", "{model}"], model=value) == ("ssh", f"root@{value}", value)
    assert words(["ssh", "root@{host}"], name=value) == ("ssh", f"root@{value}")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "the model of a01 is not known"),
        ("-oProxyCommand=id", "begins with a hyphen, and could be taken for an option"),
        ("--", "begins with a hyphen"),
        ("a\nb", "has control characters"),
        ("a\x1b[2J", "has control characters"),
        ("a\x00b", "has control characters"),
        ("a\u202eb", "has control characters"),
        ("a\u200bb", "has control characters"),
        (" a", "has control characters"),
        ("x" * 256, "more than 255 characters"),
    ],
)
def test_a_fact_that_may_do_harm_is_refused(value: str, why: str) -> None:
    with pytest.raises(UnusableFact, match=why.replace("(", r"\(")) as caught:
        words(["ssh", "x{model}"], model=value)
    assert str(caught.value).isprintable()
    assert words(["ssh", "x{host}"], model=value), "a fact that is not asked for refuses nothing"


@given(st.text(max_size=40))
def test_whatever_it_has_the_arguments_are_as_many_as_were_written(value: str) -> None:
    try:
        found = words(["a", "b{model}c", "{{d}}"], model=value)
    except UnusableFact:
        return
    assert found == ("a", f"b{value}c", "{d}")
