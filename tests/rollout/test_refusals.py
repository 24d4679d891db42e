"""When one cause pauses new hosts: the rules as tables, and the bound against known values."""

from __future__ import annotations

import pytest

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import Event, HostChanged, Paused, QuadsTold, StageChanged
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.refusals import SAFETY, Trip, lower_bound
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from quads_tui.rollout.state import Rollout

BUILD, OFF, PXE, ON, INSTALL = Stage.FOREMAN_BUILD, Stage.POWER_OFF, Stage.PXE_SET, Stage.POWER_ON, Stage.INSTALL
OWNER = "Foreman 422: Owner must be in the organization of the host"


@pytest.mark.parametrize(
    ("hit", "of", "bound"),
    [  # tables of Clopper and Pearson's one-sided 95 % limits; of n out of n it is the nth root of 0.05
        (0, 10, 0.0),
        (1, 10, 0.0051),
        (2, 10, 0.0368),
        (5, 10, 0.2224),
        (10, 10, 0.7411),
        (5, 5, 0.5493),
        (5, 20, 0.1041),
        (5, 21, 0.0988),
        (1, 100, 0.0005),
        (20, 100, 0.1367),
        (100, 100, 0.9705),
    ],
)
def test_the_bound_is_that_of_clopper_and_pearson(hit: int, of: int, bound: float) -> None:
    assert lower_bound(hit, of) == pytest.approx(bound, abs=6e-5)


class Story:
    """A rollout told by short words; the pauses of the engine are told to it too. `trips` is what came of it."""

    def __init__(self, kinds: dict[str, Kind] | None = None, models: str = "R650", racks: int = 0, trouble: str = "") -> None:
        self.kinds = kinds or {}
        names = [f"h{n}" for n in range(60)]
        hosts = tuple(
            HostPlan(
                name,
                "x",
                models.split()[n % len(models.split())] if models else "",
                cloud="own" if self.kinds.get(name) is Kind.OWNERSHIP else "new",
                rack=f"r{n // racks}" if racks else "",
                blocker=trouble if n < 20 else "",
            )
            for n, name in enumerate(names)
        )
        self.rollout = Rollout("r", Plan((Goal("new", Kind.BUILD), Goal("own", Kind.OWNERSHIP)), hosts))
        self.trips: list[Trip] = []

    def tell(self, *events: Event) -> None:
        for event in events:
            self.rollout.apply(event)
            trip = self.rollout.refusals.trip
            if trip is not None:
                self.trips.append(trip)
                self.rollout.apply(Paused(1.0, trip.what, True, SAFETY, trip.why))

    def finish(self, stage: Stage, *numbers: int) -> None:
        self.tell(*(StageChanged(1.0, f"h{n}", stage, StageStatus.FINISHED, 1) for n in numbers))

    def fail(self, stage: Stage, cause: Cause, reason: str, *numbers: int, service: str = "", http: int = 0) -> None:
        for n in numbers:
            self.tell(
                StageChanged(1.0, f"h{n}", stage, StageStatus.FAILED, 1, 1.0, reason, cause, service, http),
                HostChanged(1.0, f"h{n}", HostStatus.FAILED, stage, cause, reason, safety=Safety.OFF),
            )

    def lift(self, what: str = "admission") -> None:
        self.tell(Paused(1.0, what, False, "me@here", ""))

    @property
    def paused(self) -> list[str]:
        return [trip.what for trip in self.trips]


def test_the_same_refusal_of_foreman_on_a_second_host_pauses_new_hosts_before_the_first_verified_write() -> None:
    story = Story()
    story.fail(BUILD, Cause.FOREMAN, f"{OWNER} h0", 0, http=422)
    assert story.paused == []
    story.fail(BUILD, Cause.FOREMAN, f"{OWNER} h1", 1, http=422)
    assert [trip.why for trip in story.trips] == [
        "Foreman refused Build of 2 hosts for the same reason before the first write was verified: "
        "Foreman 422: Owner must be in the organization of the host h0 (h0, h1)"
    ]


@pytest.mark.parametrize(
    ("second", "pauses"),
    [
        ((BUILD, Cause.FOREMAN, "Foreman 422: MAC 00:11:22:33:44:66 is taken by id 8", 422), True),  # what varies does not matter
        ((BUILD, Cause.FOREMAN, "Foreman 422: name is too long", 422), False),
        ((BUILD, Cause.FOREMAN, "Foreman 422: MAC 00:11:22:33:44:55 is taken by id 7", 409), False),
        ((BUILD, Cause.REFUSED, "Foreman 422: MAC 00:11:22:33:44:55 is taken by id 7", 422), False),
        ((ON, Cause.FOREMAN, "Foreman 422: MAC 00:11:22:33:44:55 is taken by id 7", 422), False),
    ],
)
def test_the_same_is_status_cause_stage_and_words(second: tuple[Stage, Cause, str, int], pauses: bool) -> None:
    story = Story()
    story.fail(BUILD, Cause.FOREMAN, "Foreman 422: MAC 00:11:22:33:44:55 is taken by id 7", 0, http=422)
    stage, cause, reason, http = second
    story.fail(stage, cause, reason, 1, http=http)
    assert bool(story.trips) is pauses


def test_three_refusals_of_any_kind_by_foreman_pause_new_hosts_before_the_first_verified_write() -> None:
    story = Story()
    for n, words in enumerate(("name is too long", "the subnet is missing", "no such domain")):
        assert story.paused == []
        story.fail(BUILD, Cause.FOREMAN, f"Foreman 422: {words}", n, http=422)
    assert [trip.why for trip in story.trips] == [
        "Foreman refused Build of 3 hosts before the first write was verified: h0: Foreman 422: name is too long; "
        "h1: Foreman 422: the subnet is missing; h2: Foreman 422: no such domain"
    ]


def test_hooks_and_our_own_errors_are_shared_by_all_hosts_too() -> None:
    story = Story()
    story.fail(OFF, Cause.HOOK, "hook dhcp: exit status 1", 0, 1)
    assert [trip.why for trip in story.trips] == [
        "a hook at Power off failed for 2 hosts for the same reason before the first write was verified: "
        "hook dhcp: exit status 1 (h0, h1)"
    ]
    story = Story()
    story.fail(OFF, Cause.UNKNOWN, "internal error: KeyError", 0, 1, service="quads-tui")
    assert story.paused == ["admission"]


@pytest.mark.parametrize(
    ("kinds", "finished", "verified"),
    [
        ({}, (OFF, PXE), False),
        ({}, (OFF, PXE, BUILD), True),
        ({"h9": Kind.OWNERSHIP}, (BUILD,), False),  # of h9: an owner is no build
    ],
)
def test_c4_only_a_build_that_foreman_shows_is_the_first_verified_write(
    kinds: dict[str, Kind], finished: tuple[Stage, ...], verified: bool
) -> None:
    story = Story(kinds)
    for stage in finished:
        story.finish(stage, 9)
    assert story.rollout.first_write_verified is verified


def test_refusals_of_bmcs_hold_their_model_and_no_other() -> None:
    story = Story(models="R650 R640")
    story.fail(PXE, Cause.REFUSED, "no licence", 0, 1)
    assert story.paused == []  # one of each
    story.fail(PXE, Cause.REFUSED, "no licence", 2)
    assert [(trip.what, trip.why) for trip in story.trips] == [
        (
            "model R650",
            "PXE failed on 2 hosts of model R650 for the same reason before the first write was verified: no licence (h0, h2)",
        )
    ]
    rollout = story.rollout
    assert [rollout.new_host_paused(f"h{n}") for n in (4, 5)] == ["model R650", ""]
    assert rollout.paused_by_safety == {"model R650"}
    story.lift("model R650")
    assert rollout.new_host_paused("h4") == ""
    assert not rollout.paused_by_safety


@pytest.mark.parametrize(
    ("models", "cause"),
    [("", Cause.REFUSED), ("R650", Cause.UNREACHABLE), ("R650", Cause.WRONG_BMC)],
)
def test_what_no_model_stands_for_holds_none(models: str, cause: Cause) -> None:
    story = Story(models=models)
    story.fail(OFF, cause, "no", 0, 1, 2, 3)
    assert story.paused == []


# After the first verified write: who finished the stage, who failed in it of the one cause and of others, and what that pauses.
AFTER = [
    ("four are too few, whatever their share", range(0), range(4), range(0), []),
    ("five of five", range(0), range(5), range(0), ["admission"]),
    ("5 of 20: surely 10.4 %", range(10, 25), range(5), range(0), ["admission"]),
    ("5 of 21: 9.9 %", range(10, 26), range(5), range(0), []),
    ("who failed of something else came to the end of the stage too", range(10, 20), range(5), range(20, 26), []),
]


@pytest.mark.parametrize(("case", "finished", "hit", "other", "paused"), AFTER, ids=[case[0] for case in AFTER])
def test_after_the_first_verified_write_a_cause_must_hit_many_and_a_tenth_of_those_that_ended_the_stage(
    case: str, finished: range, hit: range, other: range, paused: list[str]
) -> None:
    story = Story()
    story.finish(BUILD, 59)
    story.finish(INSTALL, *finished)
    for n in other:
        story.fail(INSTALL, Cause.INSTALL_TIMEOUT, "still in build", n)
    story.trips.clear()
    story.rollout.apply(Paused(1.0, "admission", False, "me", ""))
    story.fail(INSTALL, Cause.INSTALL_FAILED, "the installer reported an error", *hit)
    assert story.paused == paused
    if paused:
        assert "Install failed on 5 hosts for the same reason; the failure rate is above" in story.trips[0].why


def test_hosts_that_have_not_come_to_the_end_of_the_stage_do_not_count() -> None:
    story = Story()
    story.finish(BUILD, *range(40))
    story.finish(ON, *range(40))  # forty are installing
    story.fail(INSTALL, Cause.INSTALL_FAILED, "no disk", *range(5))
    assert story.paused == ["admission"]


def test_a_host_that_is_tried_again_no_longer_counts_as_failed() -> None:
    story = Story()
    story.finish(BUILD, 59)
    story.fail(INSTALL, Cause.INSTALL_FAILED, "no disk", 0, 1, 2, 3)
    story.tell(HostChanged(1.0, "h3", HostStatus.QUEUED, BUILD))
    story.fail(INSTALL, Cause.INSTALL_FAILED, "no disk", 4)
    assert story.paused == []
    story.fail(INSTALL, Cause.INSTALL_FAILED, "no disk", 3)
    assert story.paused == ["admission"]


def test_unreachable_hosts_of_one_rack_count_as_one() -> None:
    story = Story(racks=10)  # h0 to h9 are r0
    story.finish(BUILD, 59)
    story.fail(OFF, Cause.UNREACHABLE, "no route to host", *range(10), 10, 20, 30)
    assert story.paused == []  # four racks
    story.fail(OFF, Cause.UNREACHABLE, "no route to host", 40)
    assert story.paused == ["admission"]


def test_hosts_that_a_service_does_not_answer_count_one_by_one_whatever_their_racks() -> None:
    """Foreman is no switch of a rack."""
    story = Story(racks=60)
    story.finish(BUILD, 59)
    story.fail(OFF, Cause.UNREACHABLE, "Foreman refused the connection", *range(5), service="Foreman")
    assert story.paused == ["admission"]


def test_a_pause_that_came_sooner_by_a_lower_limit_is_lifted_for_the_same_causes_when_its_journal_is_read_again() -> None:
    """The journal is read before the limits are told: with two hosts ahead, two refusals were enough."""
    read = Story()
    for n, words in enumerate(("name is too long", "the subnet is missing")):
        read.fail(BUILD, Cause.FOREMAN, f"Foreman 422: {words}", n, http=422)
    assert read.paused == []  # by three
    read.tell(Paused(1.0, "admission", True, SAFETY, "as the process before said"))
    assert read.rollout.refusals.keeps_its_place("h0")
    read.rollout.refusals.first = 2
    read.lift()
    assert not any(read.rollout.refusals.keeps_its_place(f"h{n}") for n in (0, 1))
    read.fail(BUILD, Cause.FOREMAN, "Foreman 422: no such domain", 2, http=422)
    assert read.paused == []  # one, where two are wanted
    read.fail(BUILD, Cause.FOREMAN, "Foreman 422: no such medium", 3, http=422)
    assert read.paused == ["admission"]


def test_a_model_is_judged_by_its_own_hosts_and_one_cause_of_several_models_by_all() -> None:
    story = Story(models="R650 R640")
    story.finish(BUILD, 59)
    story.finish(PXE, *range(1, 59, 2))  # the R640 are well
    story.fail(PXE, Cause.REFUSED, "no licence", 0, 2, 4, 6, 8)
    assert story.paused == ["model R650"]
    story = Story(models="R650 R640")
    story.finish(BUILD, 59)
    story.fail(OFF, Cause.CREDENTIALS, "401", 0, 1, 2, 3)
    assert story.paused == []
    story.fail(OFF, Cause.CREDENTIALS, "401", 4)
    assert story.paused == ["admission"]
    assert "Power off failed on 5 hosts of 2 models for the same reason" in story.trips[0].why


def test_the_cause_that_the_operator_lifted_pauses_again_only_when_it_hits_five_more() -> None:
    story = Story()
    story.fail(BUILD, Cause.FOREMAN, OWNER, 0, 1, http=422)
    assert story.rollout.refusals.keeps_its_place("h0")
    story.lift()
    assert not story.rollout.refusals.keeps_its_place("h0")
    story.fail(BUILD, Cause.FOREMAN, OWNER, 2, 3, 4, 5, http=422)
    assert story.paused == ["admission"]
    story.tell(HostChanged(1.0, "h0", HostStatus.QUEUED, BUILD))
    story.fail(BUILD, Cause.FOREMAN, OWNER, 0, http=422)  # known already
    assert story.paused == ["admission"]
    story.fail(BUILD, Cause.FOREMAN, OWNER, 6, http=422)
    assert story.paused == ["admission", "admission"]


def test_another_cause_pauses_after_the_first_one_was_lifted() -> None:
    story = Story()
    story.fail(BUILD, Cause.FOREMAN, OWNER, 0, 1, http=422)
    story.lift()
    story.fail(BUILD, Cause.FOREMAN, "Foreman 422: no such domain", 2, 3, http=422)
    assert story.paused == ["admission", "admission"]


def test_what_the_plan_told_is_no_refusal() -> None:
    story = Story(trouble="Foreman does not know this host")
    story.fail(BUILD, Cause.UNKNOWN_HOST, "Foreman does not know this host", *range(20))
    assert story.paused == []


@pytest.mark.parametrize(
    ("second", "verified", "paused"),
    [("host h1", False, ["admission"]), ("host h0", False, []), ("host h1", True, [])],
)
def test_quads_pauses_new_hosts_when_it_refuses_the_same_of_two_hosts_before_the_first_write(
    second: str, verified: bool, paused: list[str]
) -> None:
    story = Story()
    if verified:
        story.finish(BUILD, 9)
    for key in ("host h0", second):
        story.tell(QuadsTold(1.0, key, {}, f"QUADS 403: {key.split()[1]} is not yours"))
    assert story.paused == paused
    for trip in story.trips:
        assert trip.why == (
            "QUADS refused updates of 2 hosts for the same reason before the first write was verified: "
            "QUADS 403: h0 is not yours (h0, h1)"
        )


@pytest.mark.parametrize("stage", [PXE, ON])
@pytest.mark.parametrize("models", ["R650", ""])
def test_bmcs_that_fall_silent_after_their_machine_was_switched_off_pause_from_the_second_on_whatever_their_racks(
    stage: Stage, models: str
) -> None:
    story = Story(models=models, racks=60)
    story.fail(stage, Cause.UNREACHABLE, "refused the connection", 0)
    assert not story.trips
    story.fail(stage, Cause.UNREACHABLE, "refused the connection", 1)
    assert len(story.trips) == 1


def test_bmcs_of_one_rack_that_fall_silent_after_their_machine_was_switched_off_count_one_by_one_later_too() -> None:
    story = Story(racks=60)
    story.finish(BUILD, 59)
    story.finish(PXE, *range(50, 60))
    story.fail(PXE, Cause.UNREACHABLE, "refused the connection", *range(12))
    assert len(story.trips) == 1


@pytest.mark.parametrize("verified", [False, True])
def test_refusals_whose_words_are_different_each_time_pause_all_the_same(verified: bool) -> None:
    story = Story()
    if verified:
        story.finish(BUILD, *range(50, 60))
    for n in range(12):
        story.fail(
            BUILD, Cause.FOREMAN, f"Foreman 422: Name {'xyz'[n % 3] * (n + 3)} is not unique", n, service="Foreman", http=422
        )
    assert story.trips
    other = Story()
    if verified:
        other.finish(BUILD, 59)
        other.finish(PXE, *range(50, 60))
    for n in range(12):
        other.fail(PXE, Cause.REFUSED, f"Licence {'xyz'[n % 3] * (n + 3)} is missing", n)
    assert other.trips
