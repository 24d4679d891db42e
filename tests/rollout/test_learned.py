"""What a site learns of its hosts: neither the slow nor the new count more, and a damaged file is an error of its own."""

from __future__ import annotations

import json
import random
import statistics
from math import log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quads_tui.rollout.learned import (
    ENOUGH,
    MARGIN,
    ROLLOUTS,
    SAMPLE,
    BuildType,
    DurationSample,
    Expectations,
    HostResult,
    LearnedDurations,
)
from quads_tui.rollout.learned_json import learned_facts, learned_from
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import HostStatus, Kind, Stage

SECONDS = st.floats(0, 1e5).map(lambda seconds: round(seconds, 1))
TYPE = BuildType("R650", "RHEL 9.4", "RHEL Local")
WHOLE = Stage.INSTALL


def built(seconds: float, rollout: int = 1, type: BuildType = TYPE) -> HostResult:
    return HostResult(f"r{rollout}", float(rollout), type, HostStatus.DONE, seconds={WHOLE: seconds})


def failed(rollout: int, given_up: float | None = 5400.0) -> HostResult:
    return HostResult(f"r{rollout}", float(rollout), TYPE, HostStatus.FAILED, WHOLE, "timeout", {}, given_up)


def learned_of(results: list[tuple[str, HostResult]]) -> LearnedDurations:
    learned = LearnedDurations()
    for host, result in results:
        learned.add(host, result)
    return learned


RESULTS = st.builds(
    HostResult,
    st.sampled_from(["r1", "r2", "r3", "r4"]),
    st.integers(0, 2_000_000_000).map(float),
    st.builds(BuildType, st.sampled_from(["R640", "XR11", ""]), st.sampled_from(["RHEL 9.4", ""]), st.just("m")),
    st.sampled_from(HostStatus),
    st.none() | st.sampled_from(Stage),
    st.sampled_from(["timeout", ""]),
    st.dictionaries(st.sampled_from(Stage), SECONDS),
    st.none() | SECONDS,
)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), RESULTS), max_size=30))
def test_what_was_written_is_what_is_read(results: list[tuple[str, HostResult]]) -> None:
    learned = learned_of(results)
    facts = json.loads(json.dumps(learned_facts(learned)))
    again = learned_from(facts)
    assert json.loads(json.dumps(learned_facts(again))) == facts
    assert again.hosts == learned.hosts
    assert all(again.tail(host, TYPE) == learned.tail(host, TYPE) for host in ("a", "b", "c", "stranger"))


@given(st.lists(SECONDS, min_size=1, max_size=50), st.lists(SECONDS, max_size=50), st.floats(0, 1))
def test_quantiles_are_seconds_that_ended(ended: list[float], censored: list[float], share: float) -> None:
    sample = DurationSample(0, ended, censored)
    assert sample.quantile(share) in ended
    assert sample.quantile(0.0) == min(ended)
    assert min(ended) - 1e-6 <= sample.mean <= max(ended) + 1e-6
    assert 0 < sample.ends <= 1.0 + 1e-9
    assert sorted(sample.spread(1000)) == sorted(ended) or censored


def test_neither_the_slowest_nor_the_newest_count_more() -> None:
    """A rollout tells of its slow hosts last: 5,000 in ascending order are sampled as if they came in any other."""
    sample = DurationSample()
    for seconds in range(5000):
        sample.add(float(seconds))
    assert len(sample.ended) == SAMPLE
    assert sample.seen == 5000
    assert statistics.mean(sample.ended) == pytest.approx(2500, rel=0.12)
    assert sample.quantile(0.9) == pytest.approx(4500, rel=0.1)


def test_hosts_that_hang_make_no_other_one_slower() -> None:
    """4 % were given up after 90 minutes: the rest end as they did, and that 4 % hang is known."""
    chance = random.Random(1)
    sample = DurationSample()
    for number in range(190):
        sample.add(5400.0 if number % 25 == 0 else chance.gauss(900, 60), number % 25 == 0)
    assert sample.quantile(0.5) == pytest.approx(900, rel=0.03)
    assert sample.quantile(0.99) < 1200
    assert 1 - sample.ends == pytest.approx(0.04, abs=0.005)


def test_a_host_that_was_stopped_early_counts_as_one_that_took_at_least_so_long() -> None:
    sample = DurationSample(0, [100.0, 200.0, 300.0], [150.0])
    assert sample.quantile(0.5) == 200.0
    assert sample.mean > 200.0  # of three that ended, the two longer ones stand for the stopped one too


def test_less_than_enough_of_a_type_is_answered_by_its_model_then_by_all() -> None:
    other = BuildType("R650", "CentOS 9", "CentOS")
    few = [(f"a{n}", built(600.0)) for n in range(ENOUGH - 1)]
    learned = learned_of(few)
    assert learned.sample(TYPE, WHOLE) is None
    assert learned.overdue_after(TYPE) is None
    learned.add("b", built(900.0, type=other))
    known = learned.sample(TYPE, WHOLE)
    assert known is not None
    assert known is learned.sample(other, WHOLE) is learned.sample(BuildType("XR11"), WHOLE) or known.quantile(1.0) == 900.0
    learned.add("a-last", built(600.0))
    assert learned.overdue_after(TYPE) == 600.0 * MARGIN
    assert learned.overdue_after(other) == 900.0 * MARGIN


def test_a_host_is_expected_to_do_as_it_did_as_far_as_hosts_repeat_themselves() -> None:
    steady = learned_of([(f"h{n}", built(600.0 + n + roll % 2, roll)) for n in range(100) for roll in range(5)])
    assert steady.tail("h99", TYPE) == pytest.approx(699.5, abs=1)
    assert steady.tail("h00", TYPE) == steady.tail("stranger", TYPE) == pytest.approx(650, abs=1)
    chance = random.Random(2)
    noisy = learned_of([(f"h{n}", built(chance.gauss(600, 60), roll)) for n in range(100) for roll in range(5)])
    told = [noisy.tail(f"h{n}", TYPE) or 0.0 for n in range(100)]
    assert statistics.pstdev(told) < 20  # it was chance, and so it is taken


def test_how_far_a_host_lies_from_its_type_and_how_much_its_own_installs_vary() -> None:
    chance = random.Random(3)
    results = [(f"h{n}", built(600.0 + 10 * n + chance.gauss(0, 50), roll)) for n in range(60) for roll in range(10)]
    learned = learned_of(results)
    plan = Plan(
        (Goal("cloud02", Kind.BUILD, os=TYPE.os, medium=TYPE.medium),),
        (HostPlan("h0", "", "R650"), HostPlan("h59", "", "R650"), HostPlan("stranger", "", "R650")),
    )
    apart = Expectations(learned.expectations(plan, 5400.0)).apart
    assert set(apart) == {"h0", "h59"}
    for name, usual in (("h0", 600.0), ("h59", 1190.0)):
        assert apart[name] == (pytest.approx(log(usual / 880), abs=0.08), pytest.approx(52.0 / usual, abs=0.02))


def test_another_system_on_the_same_machine_shifts_what_its_host_did() -> None:
    other = BuildType("R650", "CentOS 9", "CentOS")
    results = [(f"h{n:02}", built(600.0 + 10 * n, roll)) for n in range(40) for roll in (1, 2)]
    results += [(f"c{n:02}", built(1600.0 + 10 * n, roll, other)) for n in range(40) for roll in (1, 2)]
    learned = learned_of(results)
    first, last = learned.tail("h00", other) or 0.0, learned.tail("h39", other) or 0.0
    assert (first, last) == (pytest.approx(1600, abs=1), pytest.approx(1990, abs=1))


def test_a_rollout_that_is_told_again_after_its_resume_counts_once() -> None:
    learned = learned_of([("a", built(600.0)), ("b", failed(1))])
    learned.add("a", built(600.0))
    learned.add("b", failed(1))
    assert len(learned.hosts["a"]) == len(learned.hosts["b"]) == 1
    assert learned.samples[TYPE, WHOLE].seen == 2
    learned.add("b", built(700.0))  # retried
    assert learned.hosts["b"] == [built(700.0)]


def test_the_plan_names_hosts_that_failed_in_two_of_the_last_three() -> None:
    learned = learned_of([("a", failed(1)), ("a", built(600.0, 2)), ("a", failed(3)), ("b", failed(1)), ("b", built(9.0, 2))])
    learned.add("c", failed(1))
    assert learned.failing("a") == "failed in 2 of its last 3 rollouts (Install, timeout)"
    assert [learned.failing(host) for host in "bcd"] == ["", "", ""]
    for rollout in range(4, 4 + ROLLOUTS):
        learned.add("a", built(600.0, rollout))
    assert learned.failing("a") == ""
    assert len(learned.hosts["a"]) == ROLLOUTS


def test_a_rollout_begins_with_what_is_known_of_its_own_models_only() -> None:
    results = [(f"a{n}", built(600.0 + n)) for n in range(60)] + [
        (f"x{n}", built(1500.0, type=BuildType("XR11"))) for n in range(60)
    ]
    learned = learned_of(results)
    learned.between = [7.5, 8.0]
    plan = Plan(
        (Goal("cloud02", Kind.BUILD, os=TYPE.os, medium=TYPE.medium),), (HostPlan("a5", "", "R650"), HostPlan("n", "", "new"))
    )
    seeds = learned.seeds(plan)
    assert set(seeds) == {"", "R650"}
    assert statistics.mean(seeds["R650"]["install"]) == pytest.approx(629.5, abs=1)
    assert seeds["R650"]["install"] != sorted(seeds["R650"]["install"])  # what is forgotten first is not the quick ones
    expected = Expectations(json.loads(json.dumps(learned.expectations(plan, 5400.0))))
    assert set(expected.tails) == {"a5", "n"}
    assert expected.overdue_after["a5"] == pytest.approx(659 * MARGIN, rel=0.02)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.sampled_from(["version", "types", "samples", "between", "hosts"]))
def test_a_damaged_file_is_an_error_and_never_another(damage: Any, member: str) -> None:
    facts = json.loads(json.dumps(learned_facts(learned_of([("a", built(600.0)), ("b", failed(1))]))))
    facts[member] = damage
    for given_facts in (damage, facts):
        try:
            read = learned_from(given_facts)
        except ValueError:
            continue
        read.tail("a", TYPE)
        read.failing("a")
        json.dumps(learned_facts(read), allow_nan=False)


@given(JSON)
def test_expectations_take_any_journal(damage: Any) -> None:
    for kept in ({"hosts": damage, "hanging": damage}, {"hosts": {"a": damage}}, {"hosts": {"a": [damage, damage]}}):
        expected = Expectations(kept)
        assert all(0 <= value < 1e6 for value in [*expected.tails.values(), *expected.overdue_after.values()])
        assert 0 <= expected.hanging <= 0.5
