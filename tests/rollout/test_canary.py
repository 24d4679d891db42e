"""Where canaries stand, from plan and events alone: who is one, who waits for whom, and when the operator is asked."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace

import pytest

from quads_tui.rollout.canary import CanaryStep, canary_groups, with_canary
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import CanaryOverdue, Event, HostAhead, HostChanged, Paused, StageChanged
from quads_tui.rollout.learned import BuildType, HostResult, LearnedDurations
from quads_tui.rollout.plan import Goal, HostPlan, Plan, plan_from
from quads_tui.rollout.refusals import SAFETY
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from quads_tui.rollout.state import Rollout

R650, R640 = BuildType("R650", "RHEL 9.4", "RHEL Local"), BuildType("R640", "RHEL 9.4", "RHEL Local")
PAUSE = "canary R650 with RHEL 9.4 from RHEL Local"
DAY = 86400.0


def plan_of(models: str, canary: int = 1, kind: Kind = Kind.BUILD) -> Plan:
    """A host for each letter: a for R650, b for R640."""
    hosts = tuple(HostPlan(f"{letter}{n}", "x", {"a": "R650", "b": "R640"}[letter]) for n, letter in enumerate(models))
    return Plan((Goal("cloud02", kind, os="RHEL 9.4", medium="RHEL Local"),), hosts, canary=canary)


def begun(host: str) -> Event:
    return HostAhead(1.0, host, True)


def ended(host: str, status: HostStatus, reason: str = "why") -> Event:
    return HostChanged(2.0, host, status, Stage.INSTALL, Cause.TIMEOUT if status is HostStatus.FAILED else None, reason)


def failed(host: str) -> Event:
    return ended(host, HostStatus.FAILED, "never On")


def done(host: str) -> Event:
    return ended(host, HostStatus.DONE, "")


def overdue(host: str) -> Event:
    return CanaryOverdue(3.0, host, "slow")


def queued(host: str) -> Event:
    return HostChanged(4.0, host, HostStatus.QUEUED, Stage.INSTALL, None, "resuming")


def lifted(who: str = "me") -> Event:
    return Paused(5.0, PAUSE, False, who, "")


def rollout(plan: Plan, events: Iterable[Event] = ()) -> Rollout:
    made = Rollout("r1", plan)
    for event in events:
        made.apply(event)
    return made


WAITS = "waiting for the first R650 with RHEL 9.4 to be built: a0"
HELD = "new hosts of R650 with RHEL 9.4 from RHEL Local are paused"


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ((), ""),  # nobody has begun: whoever comes first is the canary
        ((begun("a0"),), WAITS),
        ((StageChanged(1.0, "a0", Stage.POWER_OFF, StageStatus.STARTED, 1),), WAITS),
        ((begun("a0"), HostAhead(2.0, "a0", False)), WAITS),  # written: no longer ahead, and not built yet
        ((begun("a0"), begun("b5")), WAITS),
        ((begun("a0"), HostChanged(2.0, "a0", HostStatus.WAITING)), WAITS),
        ((begun("a0"), done("a0")), ""),
        ((begun("b5"), done("b5")), ""),
        ((begun("a0"), failed("a0")), ""),
        ((begun("a0"), overdue("a0")), ""),
        ((begun("a0"), ended("a0", HostStatus.SKIPPED)), ""),
        ((begun("a0"), ended("a0", HostStatus.HELD)), ""),
        ((begun("a1"), failed("a1"), begun("a0")), WAITS),
        ((begun("a1"), failed("a1"), begun("a0"), failed("a0")), HELD),
        ((begun("a1"), overdue("a1"), begun("a0"), failed("a0")), HELD),
        ((begun("a1"), overdue("a1"), begun("a0"), overdue("a0"), queued("a0")), HELD),  # a resume takes nothing back
        ((begun("a1"), overdue("a1"), failed("a1"), begun("a0")), WAITS),  # one host, however often
        ((begun("a1"), ended("a1", HostStatus.HELD), begun("a2"), ended("a2", HostStatus.SKIPPED), begun("a0")), WAITS),
        ((begun("a1"), failed("a1"), begun("a0"), failed("a0"), queued("a0")), WAITS),  # retried by the operator
        ((begun("a1"), failed("a1"), begun("a0"), failed("a0"), queued("a0"), failed("a0")), HELD),
        ((begun("a1"), failed("a1"), begun("a0"), failed("a0"), lifted()), ""),
        ((begun("a1"), failed("a1"), begun("a2"), failed("a2"), lifted(), begun("a3"), failed("a3"), begun("a0")), WAITS),
        ((begun("a1"), failed("a1"), begun("a2"), failed("a2"), lifted(), begun("a3"), failed("a3"), failed("a3")), ""),
        (
            (
                begun("a1"),
                failed("a1"),
                begun("a2"),
                failed("a2"),
                lifted(),
                begun("a3"),
                failed("a3"),
                begun("a0"),
                failed("a0"),
            ),
            HELD,
        ),
        ((begun("a1"), overdue("a1"), begun("a0"), failed("a0"), done("a1")), ""),  # late, and built all the same
        ((begun("a0"), done("a0"), begun("a1"), failed("a1"), begun("a2"), failed("a2")), ""),  # the type is known now
        ((failed("a0"), failed("a1"), failed("a2")), ""),  # not begun: the plan had failed them
    ],
)
def test_why_the_others_of_a_type_wait(events: tuple[Event, ...], why: str) -> None:
    made = rollout(plan_of("aaaaabb"), events)
    assert made.canaries.wait("a4") == why
    assert made.canaries.paused("a4") == (PAUSE if why == HELD else "")
    assert made.canaries.wait("nobody") == ""
    assert made.canaries.wait("a0") == "" or not any(getattr(event, "host", "") == "a0" for event in events)


def test_several_canaries_are_all_built_before_the_others_begin() -> None:
    made = rollout(plan_of("aaaaa", canary=2), [begun("a0")])
    assert made.canaries.wait("a4") == ""
    made.apply(begun("a1"))
    assert made.canaries.wait("a4") == "waiting for 2 hosts (R650 with RHEL 9.4) to be built: a0, a1"
    made.apply(done("a0"))
    assert made.canaries.wait("a4") == "waiting for 2 hosts (R650 with RHEL 9.4) to be built: a1"
    made.apply(done("a1"))
    assert made.canaries.wait("a4") == ""


def test_what_an_event_makes_known() -> None:
    made = rollout(plan_of("aaab"))
    steps = []
    for event in (begun("a0"), begun("a0"), failed("a0"), begun("a1"), overdue("a1"), begun("a2"), done("a2"), done("a1")):
        made.apply(event)
        news = made.canaries.news
        steps.append(news and (news.step, news.host))
    assert steps == [
        (CanaryStep.BEGUN, "a0"),
        None,
        (CanaryStep.FAILED, "a0"),
        (CanaryStep.BEGUN, "a1"),
        (CanaryStep.OVERDUE, "a1"),
        (CanaryStep.BEGUN, "a2"),
        (CanaryStep.BUILT, "a2"),
        None,  # the type is known
    ]


@pytest.mark.parametrize(
    ("plan", "groups"),
    [
        (plan_of("aaabb"), [(R650, 3), (R640, 2)]),
        (plan_of("aaab"), [(R650, 3)]),  # nobody would wait for the only host of its type
        (plan_of("aaabb", canary=2), [(R650, 3)]),
        (plan_of("aaabb", canary=0), []),
        (plan_of("aaabb", kind=Kind.SPARE), []),
        (plan_of("aaabb", kind=Kind.OWNERSHIP), []),
        (replace(plan_of("aaabb"), proven=(R650,)), [(R640, 2)]),
        (replace(plan_of("aaabb"), hosts=tuple(replace(host, blocker="no") for host in plan_of("aaabb").hosts)), []),
    ],
)
def test_which_types_have_canaries(plan: Plan, groups: list[tuple[BuildType, int]]) -> None:
    assert [(group.type, len(group.waiting)) for group in canary_groups(plan)] == groups
    again = plan_from(json.loads(json.dumps(asdict(plan))))
    assert canary_groups(again) == canary_groups(plan)


def test_a_host_of_no_known_model_has_words_too() -> None:
    plan = Plan((Goal("c", Kind.BUILD, os="RHEL 9.4"),), tuple(HostPlan(f"h{n}", "x") for n in range(3)), canary=1)
    made = rollout(plan, [begun("h0")])
    assert made.canaries.wait("h1") == "waiting for the first host of unknown model with RHEL 9.4 to be built: h0"


def learned(days: float, status: HostStatus = HostStatus.DONE, type: BuildType = R650) -> LearnedDurations:
    made = LearnedDurations()
    made.add("other", HostResult("r0", 1000 * DAY - days * DAY, type, status))
    return made


@pytest.mark.parametrize(
    ("hosts", "wanted", "knows", "canary", "proven"),
    [
        (100, None, LearnedDurations(), 0, ()),
        (101, None, LearnedDurations(), 1, ()),
        (101, None, learned(29), 1, (R650,)),
        (101, None, learned(31), 1, ()),
        (101, None, learned(1, HostStatus.FAILED), 1, ()),
        (101, None, learned(1, type=BuildType("R650", "RHEL 9.4", "another")), 1, ()),
        (101, 0, LearnedDurations(), 0, ()),
        (3, 2, LearnedDurations(), 2, ()),
        (101, 1, learned(1), 1, ()),  # the operator's word counts for all
    ],
)
def test_who_needs_a_canary_where_the_operator_does_not_say(
    hosts: int, wanted: int | None, knows: LearnedDurations, canary: int, proven: tuple[BuildType, ...]
) -> None:
    plan = with_canary(plan_of("a" * hosts, canary=0), wanted, knows, 1000 * DAY)
    assert (plan.canary, plan.proven) == (canary, proven)


def test_a_journal_of_before_has_no_canary() -> None:
    facts = json.loads(json.dumps(asdict(plan_of("aaa"))))
    for name in ("canary", "proven", "canary_seconds"):
        del facts[name]
    assert plan_from(facts).canary == 0


def test_the_pause_of_a_type_is_one_of_new_hosts() -> None:
    made = rollout(plan_of("aaaab"), [begun("a0"), failed("a0"), begun("a1"), failed("a1")])
    assert made.new_host_paused("a3") == ""  # not before it is told
    made.apply(Paused(3.0, PAUSE, True, SAFETY, "why"))
    assert (made.new_host_paused("a3"), made.new_host_paused("b4")) == (PAUSE, "")
