"""The report worked out from a journal: a rollout of four hosts, killed in the night and resumed in the morning."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import Any

import pytest

from quads_tui.render.listing import State
from quads_tui.render.report import as_html, as_json, as_markdown, build_report, plan_of, stage_durations
from quads_tui.render.report import data as data_module
from quads_tui.render.report.charts import nice
from quads_tui.render.report.data import document
from quads_tui.render.report.document import Report
from quads_tui.render.report.elapsed import runs_of, time_of
from quads_tui.render.report.entry import entry
from quads_tui.render.report.text import headline, milestones, run_lines, stage_text
from quads_tui.rollout.breaker import BreakerState
from quads_tui.rollout.causes import FOREMAN, Cause
from quads_tui.rollout.events import (
    Commanded,
    Event,
    HostArmed,
    HostChanged,
    HostNote,
    Intent,
    Notice,
    OutageChanged,
    Outcome,
    Paused,
    RolloutEnded,
    RolloutStarted,
    StageChanged,
)
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import ActResult, HostStatus, Kind, Stage, StageStatus

START = 1_795_000_000.0
MORNING = START + 36_000
SPEED = 10.0


@dataclass(frozen=True)
class Sample:
    at: float
    data: dict[str, Any]


def stage(
    at: float, host: str, stage: Stage, seconds: float, *, attempt: int = 1, reason: str = "", cause: Cause | None = None
) -> list[Event]:
    """Started at `at`, then finished, or failed where there is a cause, `seconds` of own time later."""
    status = StageStatus.FAILED if cause else StageStatus.FINISHED
    started = StageChanged(at, host, stage, StageStatus.STARTED, attempt)
    return [started, StageChanged(at + seconds / SPEED, host, stage, status, attempt, seconds, reason, cause)]


def journal(word: str = "x", model: str = "R650") -> tuple[dict[str, Any], list[Event], list[Sample]]:
    """Facts, events and samples; `word` is in every string that comes from outside. Hosts: done, failed and armed, held, cut off."""
    done, failed, held, cut = (f"{word}{number}" for number in range(4))
    hosts = tuple(HostPlan(name, f"https://{word}", model, notes=(f"note {word}",)) for name in (done, failed, held, cut))
    goal = Goal("cloud02", Kind.BUILD, f"about {word}", f"owner {word}", word, word, word, word)
    plan = Plan((goal,), hosts, warnings=(word,), foreman=word)
    facts: dict[str, Any] = {
        "rollout": f"20261123-{word}",
        "created_at": START - 5,
        "who": f"jdoe {word}",
        "site": f"/{word}",
        "assignment": {"path": f"/a {word}", "cloud": "cloud02", "ccuser": [word], "parameters": {word: "hidden value"}},
        "rehearsal": None,
        "speed": SPEED,
        "plan": json.loads(json.dumps(asdict(plan))),
    }
    events: list[Event] = [RolloutStarted(START, "r", 4, False, f"jdoe {word}", SPEED), Paused(START, word, True, word, word)]
    for name in (done, failed, held, cut):
        events += stage(
            START + 1, name, Stage.POWER_OFF, 20.0 if name != held else 0.1, reason="was off already" if name == held else ""
        )
    events += stage(START + 4, done, Stage.PXE_SET, 5.0, reason="busy", cause=Cause.BUSY)
    events += stage(START + 5, done, Stage.PXE_SET, 7.0, attempt=2)
    events += [Intent(START + 6, done, 1, "build", {}), Outcome(START + 7, done, 1, ActResult.APPLIED, {})]
    events += [HostNote(START + 8, failed, f"ForceOff accepted {word}")]
    events += stage(START + 9, failed, Stage.PXE_SET, 30.0, reason=f"server said {word}", cause=Cause.REFUSED)
    events += [HostChanged(START + 12, failed, HostStatus.FAILED, Stage.PXE_SET, Cause.REFUSED, f"server said {word}")]
    events += [HostArmed(START + 12, failed, True), Notice(START + 13, "warning", f"look {word}")]
    events += [Intent(START + 14, cut, 2, "reset", {})]  # the process dies here
    events += [RolloutStarted(MORNING, "r", 4, True, f"asmith {word}", SPEED)]
    events += [
        Commanded(MORNING + 1, f"asmith {word}", f"hold: {word}"),
        HostChanged(MORNING + 2, held, HostStatus.HELD, None, None, word, None, Safety.UNKNOWN, word),
    ]
    events += stage(MORNING + 3, done, Stage.INSTALL, 50.0) + [HostChanged(MORNING + 8, done, HostStatus.DONE)]
    events += [StageChanged(MORNING + 9, cut, Stage.PXE_SET, StageStatus.STARTED, 1), RolloutEnded(MORNING + 10, "operator")]
    samples = [
        Sample(START + second, {"depth": second % 3, "head_age": 2.5, "granted": second, "redfish": [0.1, 0.2, 10, 1]})
        for second in range(1, 19)
    ]
    samples += [Sample(MORNING + second, {"depth": 0, "granted": 2, "redfish": [0.5, 0.9, 1, 0]}) for second in range(1, 10)]
    return facts, events, samples


def told(word: str = "x", model: str = "R650") -> Report:
    return build_report(*journal(word, model))


def test_the_night_between_a_kill_and_its_resume_took_no_time() -> None:
    report = told()
    first, second = report.runs
    assert (first.end, first.last, first.resumed) == (None, START + 18, False)  # the last sample, later than the last event
    assert (second.end, second.last, second.resumed) == ("operator", MORNING + 10, True)
    assert report.seconds == 28 * SPEED
    assert report.resumed_at == [MORNING]
    assert [report.time.own(at) for at in (0.0, START + 3, START + 5000, MORNING, MORNING + 4)] == [0, 30, 180, 180, 220]
    assert report.last == MORNING + 10


def test_every_attempt_with_its_seconds_and_outcome() -> None:
    done, failed, held, cut = told().hosts
    assert [(attempt.status.value, attempt.seconds) for attempt in done.stages[Stage.PXE_SET]] == [
        ("failed", 5.0),
        ("finished", 7.0),
    ]
    assert stage_text(done.stages[Stage.PXE_SET]) == "12 s ×2"
    assert stage_text(failed.stages[Stage.PXE_SET]) == "30 s failed"
    assert (done.status, done.began, done.ended, done.seconds) == (HostStatus.DONE, 10.0, 260.0, 250.0)
    assert (failed.status, failed.cause, failed.armed, failed.reason) == (HostStatus.FAILED, Cause.REFUSED, True, "server said x")
    assert (held.status, held.stages[Stage.POWER_OFF][0].reason) == (HostStatus.HELD, "was off already")
    assert stage_text(cut.stages[Stage.PXE_SET]) == "unfinished"
    assert cut.stages[Stage.PXE_SET][0].seconds is None
    assert done.evidence == ()


def test_failures_come_with_the_servers_words_and_the_last_lines() -> None:
    (group,) = told().failures
    assert (group.stage, group.cause, group.reason, [host.name for host in group.hosts]) == (
        Stage.PXE_SET,
        Cause.REFUSED,
        "server said x",
        ["x1"],
    )
    assert [line.text for line in group.hosts[0].evidence] == [
        "started",
        "finished",
        "ForceOff accepted x",
        "started",
        "failed: server said x",
        "afterwards: nothing was done to the host",
    ]
    for text in (as_markdown(told()), as_html(told())):
        assert "ForceOff accepted x" in text


def test_failed_attempts_that_a_retry_healed_are_counted() -> None:
    counted = {(tried.stage, tried.cause): (tried.attempts, tried.hosts, tried.recovered) for tried in told().attempts}
    assert counted == {(Stage.PXE_SET, Cause.BUSY): (1, 1, 1), (Stage.PXE_SET, Cause.REFUSED): (1, 1, 0)}


def test_acts_meet_their_outcomes_and_the_open_one_is_named() -> None:
    report = told()
    assert [(act.act, act.count, dict(act.results)) for act in report.acts] == [("build", 1, {"applied": 1}), ("reset", 1, {})]
    assert [(act.number, act.host, act.act) for act in report.open_acts] == [(2, "x3", "reset")]


def test_commands_and_notices_are_the_audit() -> None:
    assert [(message.level, message.who, message.text) for message in told().messages] == [
        ("warning", "", "look x"),
        ("command", "asmith x", "hold: x"),
    ]


def test_the_completion_curve_goes_back_when_a_host_is_retried() -> None:
    facts, events, _ = journal()
    events += [
        RolloutStarted(MORNING + 20, "r", 4, True, "jdoe", SPEED),
        StageChanged(MORNING + 21, "x1", Stage.PXE_SET, StageStatus.STARTED, 2),
    ]
    events += [HostChanged(MORNING + 23, "x1", HostStatus.DONE), HostChanged(MORNING + 24, "stranger", HostStatus.DONE)]
    points = build_report(facts, events, []).progress
    assert [(point.done, point.failed, point.held) for point in points] == [
        (0, 0, 0),
        (0, 1, 0),
        (0, 1, 1),
        (1, 1, 1),
        (1, 0, 1),
        (2, 0, 1),
    ]
    assert [point.seconds for point in points] == sorted(point.seconds for point in points)
    assert milestones(build_report(facts, events, []))[:3] == [
        ("10% (1)", "3 min 40 s"),
        ("25% (1)", "3 min 40 s"),
        ("50% (2)", "4 min 30 s"),
    ]


def test_durations_are_of_attempts_that_did_something() -> None:
    facts, events, _ = journal()
    plan = plan_of(facts)
    assert plan
    assert stage_durations(events, plan) == {
        ("R650", Stage.POWER_OFF): [20.0, 20.0, 20.0],  # neither the one that was off already
        ("R650", Stage.PXE_SET): [7.0],  # nor the attempts that failed
        ("R650", Stage.INSTALL): [50.0],
    }
    kept = {(times["model"], times["stage"]): times for times in document(told())["durations"]}
    assert kept["R650", "power_off"] == {
        "model": "R650",
        "stage": "power_off",
        "count": 3,
        "p50": 20.0,
        "p90": 20.0,
        "p95": 20.0,
        "seconds": [20.0] * 3,
    }


def test_what_a_resume_closes_took_until_the_kill_and_tells_no_duration() -> None:
    facts, events, samples = journal()
    start, closing = StageChanged(START + 16, "x3", Stage.INSTALL, StageStatus.STARTED, 1), MORNING + 0.5
    rest = StageChanged(MORNING + 3, "x3", Stage.INSTALL, StageStatus.FINISHED, 2, 25.0)
    events.insert(next(n for n, event in enumerate(events) if event.at >= MORNING), start)
    events += [StageChanged(closing, "x3", Stage.INSTALL, StageStatus.SKIPPED, 1, 359_845.0, "cut off")]
    events += [StageChanged(closing, "x3", Stage.INSTALL, StageStatus.STARTED, 2), rest]
    attempts = build_report(facts, events, samples).hosts[3].stages[Stage.INSTALL]
    assert [(attempt.status.value, attempt.began, attempt.seconds) for attempt in attempts] == [
        ("skipped", 160.0, 25.0),  # 20 until the last sample before the kill, 5 after the resume
        ("finished", 185.0, 25.0),
    ]
    plan = plan_of(facts)
    assert plan
    assert stage_durations(events, plan)["R650", Stage.INSTALL] == [50.0]
    again = [StageChanged(MORNING + 5, "x3", Stage.INSTALL, StageStatus.FINISHED, 3, 61.0)]
    assert stage_durations([*events, *again], plan)["R650", Stage.INSTALL] == [50.0, 61.0]


def test_the_lane_counts_anew_in_every_process() -> None:
    lane = told().lane
    assert lane
    assert lane.granted == 18 + 2
    assert (lane.peak_depth, lane.longest_wait) == (2, 2.5)
    assert lane.busy == pytest.approx(12 / 27)
    assert lane.mean_depth == pytest.approx(18 / 27)
    assert lane.rate == pytest.approx(20 / (28 * SPEED / 60))
    minutes = 28 * SPEED / 60 / 27  # of a point: as many points as samples
    assert sum(point.rate for point in lane.points) * minutes == pytest.approx(20)


def test_latencies_are_weighted_by_exchanges() -> None:
    redfish, reads, _ = told().real_latencies
    assert (redfish.exchanges, redfish.errors) == (18 * 10 + 9, 18)
    assert (redfish.p50, redfish.p95, redfish.worst) == (0.1, 0.2, 0.9)  # nine slow ones of 189 are less than 5 %
    assert (reads.exchanges, reads.points) == (0, ())


def test_one_busy_second_outweighs_nine_idle_ones() -> None:
    facts, events, _ = journal()
    samples = [Sample(START + second, {"redfish": [0.1, 0.1, 1, 0]}) for second in range(1, 10)]
    redfish = build_report(facts, events, [*samples, Sample(START + 10, {"redfish": [0.5, 0.7, 100, 0]})]).real_latencies[0]
    assert (redfish.p50, redfish.p95, redfish.worst) == (0.5, 0.7, 0.7)


def test_armed_hosts_stand_above_everything_that_was_asked() -> None:
    for text in (as_markdown(told()), as_html(told())):
        assert 0 < text.index("1 host STILL ARMED: the next boot, whoever causes it, reinstalls the host") < text.index("Request")
    facts, events, samples = journal()
    disarmed = build_report(facts, [*events, HostArmed(MORNING + 10, "x1", False)], samples)
    assert all("ARMED" not in text for text in (as_markdown(disarmed), as_html(disarmed)))
    assert document(told())["armed_hosts"] == ["x1"]


def test_what_hosts_were_left_as_stands_in_every_format_beside_the_reason() -> None:
    safety = {host["name"]: (host["safety"], host["reason"]) for host in document(told())["hosts"]}
    assert safety["x1"] == ("armed", "server said x")
    assert safety["x2"] == ("unknown", "x")
    for text in (as_markdown(told()), as_html(told())):
        assert "STILL ARMED: the next boot reinstalls the host" in text
        assert "x; not disarmed completely, check it before it boots: x" in text


@pytest.mark.parametrize(
    ("keep", "state", "words"),
    [
        (lambda event: True, State.STOPPED, "STOPPED (operator): 1 of 4 hosts unfinished."),
        (
            lambda event: not isinstance(event, RolloutEnded),
            State.UNFINISHED,
            "UNFINISHED: quads-tui exited before the rollout ended; 1 host of 4 unfinished.",
        ),
        (
            lambda event: getattr(event, "host", "") in ("", "x0"),
            State.STOPPED,
            "STOPPED (operator): 3 of 4 hosts unfinished.",
        ),
    ],
)
def test_how_it_stands_is_said_at_once(keep: Any, state: State, words: str) -> None:
    facts, events, samples = journal()
    report = build_report(facts, filter(keep, events), samples)
    assert report.state is state
    assert headline(report).startswith(words)
    for text in (as_markdown(report), as_html(report)):
        assert ("running in PXE" in text) == any(one in words for one in ("1 host of", "1 of 4 hosts unfinished"))
        assert words.partition(":")[0].partition("(")[0] in text
    assert document(report)["state"] == state.value


def test_a_rollout_that_somebody_carries_or_will_carry_says_so() -> None:
    facts, events, samples = journal()
    report = build_report(facts, events[:-1], samples, "process 7 of jdoe <x>")
    assert (report.state, headline(report)) == (
        State.RUNNING,
        "Running (process 7 of jdoe <x>): 3 of 4 hosts have ended (done, failed, skipped or held).",
    )
    assert [line[3] for line in run_lines(report)] == ["killed", "still running"]
    assert "process 7 of jdoe &lt;x&gt;" in as_html(report)
    assert entry("r", facts, events[:-1], [], "process 7").state is State.RUNNING
    waits = build_report(facts, events[:-1], samples, resume="")
    assert (
        headline(waits) == "No worker of the cluster carries it now; 1 host of 4 unfinished. The next free worker continues it."
    )


def test_ended_and_done() -> None:
    facts, events, _ = journal()
    events += [HostChanged(MORNING + 10, "x3", HostStatus.SKIPPED), RolloutEnded(MORNING + 11, "")]
    assert headline(build_report(facts, events, [])) == "Ended: 1 of 4 hosts done, 1 failed, 1 skipped, 1 held."
    events += [HostChanged(MORNING + 12, f"x{number}", HostStatus.DONE) for number in range(1, 4)]
    assert headline(build_report(facts, events, [])) == "Done: all 4 hosts."


def test_a_journal_without_a_plan_is_a_report_that_says_so() -> None:
    facts, _, _ = journal()
    del facts["plan"]
    report = build_report(facts, [], [])
    assert (report.state, report.hosts, report.lane, report.seconds) == (State.UNPLANNED, (), None, 0.0)
    for text in (as_markdown(report), as_html(report)):
        assert "UNFINISHED: quads-tui exited during planning" in text
        assert "cloud02" in text
    assert json.loads(as_json(build_report({}, [], [])))["state"] == "unplanned"


@pytest.mark.parametrize(
    "plan", [[], {"hosts": None}, {"kind": "build", "hosts": [{"name": 7}]}, {"kind": "cook", "hosts": []}, "x"]
)
def test_a_plan_that_is_none_is_an_error_in_words(plan: Any) -> None:
    with pytest.raises(ValueError, match="the plan in the journal cannot be read"):
        build_report({"plan": plan}, [], [])


def test_samples_with_nonsense_in_them_count_as_nothing() -> None:
    facts, events, _ = journal()
    odd = [
        {},
        {"depth": "deep", "redfish": "fast"},
        {"granted": float("nan"), "redfish": [1, 2]},
        {"redfish": [float("inf")] * 4},
    ]
    report = build_report(facts, events, [Sample(START + number, found) for number, found in enumerate(odd)])
    assert report.lane
    assert (report.lane.granted, report.latencies[0].exchanges) == (0, 0)


def test_the_json_is_what_its_docstring_says() -> None:
    words = set(
        (data_module.__doc__ or "")
        .replace(",", " ")
        .replace("[", " ")
        .replace("]", " ")
        .replace(";", " ")
        .replace(":", " ")
        .split()
    )

    def members(value: Any) -> set[str]:
        if isinstance(value, list):
            return set().union(*map(members, value)) if value else set()
        if not isinstance(value, dict):
            return set()
        return set(value).union(*map(members, value.values()))

    made = json.loads(as_json(told()))
    free = {"applied", "R650", "x", *Stage}  # names of acts' results, models, what was paused, stages
    plain = {word.strip("{}().\"'") for word in words}
    assert members(made) - free - plain == set()
    assert (made["report"], made["version"]) == ("quads-tui", 1)
    assert made["runs"][1]["started"] == "2026-11-18T21:06:40.000Z"
    assert made["asked"]["parameters"] == ["x"]
    assert all("hidden value" not in text for text in (as_json(told()), as_html(told()), as_markdown(told())))


def test_axes_are_round_and_reach_their_top() -> None:
    for top in (1e-5, 0.3, 1.0, 7.0, 99.0, 700.0, 123_456.0):
        ticks = nice(top)
        assert ticks[0] == 0
        assert top <= ticks[-1] * (1 + 1e-9)
        assert ticks[-1] < 2.01 * top
        assert 2 <= len(ticks) <= 6
    with pytest.raises(ValueError, match="cannot be drawn"):
        nice(float("inf"))


def test_runs_without_a_start_are_none() -> None:
    assert runs_of([Notice(START, "info", "x")], [START]) == []
    assert time_of([]).own(START) == 0


def test_who_writes_no_report_does_not_pay_for_its_template_engine() -> None:
    code = "import sys, quads_tui.cli.main, quads_tui.render.report; print('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_markdown_shows_who_is_still_armed_in_bold() -> None:
    assert "- x1: **STILL ARMED: the next boot reinstalls the host**" in as_markdown(told())


def test_installs_that_were_overdue_are_named_with_what_became_of_them() -> None:
    facts, events, samples = journal()
    facts["learned"] = {"hosts": {"x0": [None, 40.0], "x1": [None, 5.0], "x3": "damaged"}, "install": 5400.0}
    report = build_report(facts, events, samples)
    assert [(host.name, install.seconds, install.after) for host, install in report.overdue] == [("x0", 50.0, 40.0)]
    assert document(report)["overdue_hosts"] == [{"host": "x0", "seconds": 50.0, "overdue_after": 40.0}]
    for page in (as_markdown(report), as_html(report)):
        assert "nearly all hosts of this kind: 1 host" in page
        assert "50 s, overdue after 40 s: done" in page
    assert not told().overdue


def test_an_outage_is_one_line_of_the_report() -> None:
    facts, events, samples = journal()
    events += [
        OutageChanged(START + 50, "rack e21", BreakerState.OPEN, START + 50, 3, START + 54, "no route"),
        OutageChanged(START + 54, "rack e21", BreakerState.OPEN, START + 50, 24, START + 62, "no route"),
        OutageChanged(START + 99, "rack e21", BreakerState.CLOSED, START + 50, 20),
        OutageChanged(START + 60, FOREMAN, BreakerState.OPEN, START + 60, 0, START + 64, "503 | busy"),
    ]
    report = build_report(facts, events, samples)
    found = document(report)["outages"]
    assert [(one["service"], one["hosts"], one["reason"], one["given_up"]) for one in found] == [
        ("rack e21", 24, "no route", False),
        ("Foreman", 0, "503 | busy", False),
    ]
    assert found[0]["since"] < found[0]["until"]
    assert found[1]["until"] is None
    assert "| rack e21 (24 BMCs) |" in as_markdown(report)
    assert "rack e21 (24 BMCs)" in as_html(report)
    assert "Outages" not in as_markdown(build_report(*journal()))
