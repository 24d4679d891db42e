"""A faster rehearsal has a clock of its own: no screen, sentence or report shows a time of the wall beside it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from time import mktime

import pytest

from quads_tui.console.plain_session import PlainSession
from quads_tui.console.view_context import ViewContext
from quads_tui.journal.reader import StoredSample
from quads_tui.render.detail import as_text
from quads_tui.render.progress import plain_line
from quads_tui.render.report import as_html, as_markdown, build_report
from quads_tui.render.report.data import document
from quads_tui.rollout.breaker import BreakerState
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import Commanded, Event, HostChanged, HostNote, Notice, OutageChanged, RolloutStarted, StageChanged
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.view import RolloutView

from .desk import desk
from .feed import Clock, Recorder, meters

BEGAN = mktime((2026, 11, 22, 10, 0, 0, 0, 0, -1))  # here
SPEED = 30.0
NOW = BEGAN + 600  # five hours later on the clock of the rollout
UNTIL = BEGAN + 1500
HOSTS = tuple(
    HostPlan(f"a01-h{n:02}-000-r650.example.com", "https://x", "R650", rack="a01", cloud=f"cloud0{2 + n % 2}") for n in range(8)
)
PLAN = Plan((Goal("cloud02", Kind.BUILD), Goal("cloud03", Kind.BUILD)), HOSTS, until=UNTIL)
# The minutes of the wall at which something happened or will, here and in UTC; the clock of the rollout shows 12:30 and later.
REAL = {datetime.fromtimestamp(BEGAN + 60.0 * n, zone).strftime("%H:%M") for n in (*range(5, 13), 25) for zone in (None, UTC)}


def events() -> list[Event]:
    names = [host.name for host in HOSTS]
    made: list[Event] = [RolloutStarted(BEGAN, "r", len(HOSTS), False, "me", SPEED)]
    for number, name in enumerate(names[:6]):
        at = BEGAN + 300 + 20 * number
        made.append(StageChanged(at, name, Stage.POWER_OFF, StageStatus.STARTED, 1))
        made.append(HostNote(at + 5, name, "waiting for Off", True))
    for number, name in enumerate(names[:2]):
        at = BEGAN + 420 + 60 * number
        made.append(StageChanged(at, name, Stage.POWER_OFF, StageStatus.FAILED, 1, 100.0, "no licence", Cause.REFUSED))
        made.append(HostChanged(at, name, HostStatus.FAILED, Stage.POWER_OFF, Cause.REFUSED, "no licence"))
    late = HostChanged(NOW - 20, names[2], HostStatus.WAITING, Stage.POWER_OFF, Cause.TIMEOUT, "no answer", until=NOW + 60)
    out = OutageChanged(NOW - 60, "rack a01", BreakerState.OPEN, NOW - 60, 3, NOW + 10, "no route")
    said = [Notice(BEGAN + 330, "warning", "a notice"), Commanded(BEGAN + 400, "me", "retry: a01-h00")]
    return sorted([*made, late, out, *said], key=lambda event: event.at)


def rehearsal() -> Rollout:
    model = Rollout("r", PLAN)
    for event in events():
        model.apply(event)
    return model


def assert_own_time(text: str, place: str) -> None:
    found = [line for line in text.splitlines() if any(time in line for time in REAL)]
    assert not found, f"{place}: {found}"


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_every_screen_shows_the_clock_of_the_rollout_and_says_so(size: tuple[int, int]) -> None:
    async with desk(rehearsal(), size) as d:
        d.clock.at = NOW
        d.clock.speed = SPEED  # type: ignore[misc]
        d.exchanges = [
            Exchange(at=BEGAN + 310, host=HOSTS[2].name, method="GET", path="/redfish/v1/", status=200, seconds=0.05, error="")
        ]
        seen = {}
        for keys, words in (
            ((), "HOST"),
            (("F",), "since 14:"),
            (("m",), "a notice"),
            (("enter",), "Where its time went"),
            (("v",), "latency"),
            (("C",), "cloud03"),
        ):
            await d.press("escape", *keys)
            d.app.panels()
            await d.pilot.pause()
            seen[words] = d.text
            assert words in d.text
        for words, text in seen.items():
            assert_own_time(text, words)
            assert "15:00" in text.splitlines()[0]
            assert (" REHEARSAL: emulated time, 30x " if size[0] > 100 else " REHEARSAL 30x speed ") in text.splitlines()[0]
            rest = "".join(text.splitlines()[1:]).replace(
                "   emulated: 1 h takes 2 min", "", 1
            )  # what it means, on the table only
            assert "30x" not in rest, "said once"
        assert "13:20:00 me: retry: a01-h00" in " ".join(seen["a notice"].split())
        assert "OFF started" in seen["Where its time went"]
        assert "200   1.5 s" in seen["Where its time went"]  # 50 ms on the wire


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_machine_that_does_not_keep_up_is_said_over_every_screen(size: tuple[int, int]) -> None:
    async with desk(rehearsal(), size) as d:
        d.clock.at = NOW
        for _ in range(5):
            d.app.context.meters.lateness.add(4.0)
        d.app.panels()
        speed = ": emulated time, 30x" if size[0] > 100 else " 30x speed"
        assert f" REHEARSAL{speed}  TOO SLOW" in d.text.splitlines()[0]
        d.model.outages.standing.clear()
        d.app.panels()
        words = (
            "This computer is too slow for 30x: times are wrong"
            if size[0] > 100
            else "Computer too slow for 30x: times are wrong  "
        )
        assert words in d.text.splitlines()[1]


def test_it_is_said_in_plain_lines_and_in_the_report_too() -> None:
    model, gauges, clock, said = rehearsal(), meters(), Clock(), []
    clock.at = NOW
    for _ in range(5):
        gauges.lateness.add(4.0)
    session = PlainSession(ViewContext(RolloutView(rollout=model, meters=gauges, clock=clock), lambda: 100.0), None, said.append)
    session.print_updates()
    assert any(line.startswith("This computer is too slow for speed 30: each step takes about 4 s") for line in said)
    assert "this computer is too slow for 30x: times are wrong" in plain_line(model, gauges, NOW)
    facts = {"rollout": "r", "created_at": BEGAN, "who": "me", "rehearsal": "x", "plan": asdict(PLAN), "speed": SPEED}
    samples = [StoredSample(BEGAN + second, {"late": 4.0 * (second >= 50)}) for second in range(100)]
    report = build_report(facts, events(), samples)
    for text in (as_markdown(report), as_html(report)):
        assert "The computer was too slow for speed 30 during 48% of the rehearsal" in text
    assert document(report)["too_late"] == 0.48


def test_sentences_and_plain_lines_tell_the_same_time_and_say_so() -> None:
    model, clock, said = rehearsal(), Clock(), []
    clock.at = NOW
    view = RolloutView(rollout=model, meters=meters(), clock=clock)
    session = PlainSession(ViewContext(view, lambda: 100.0), Recorder(), said.append)
    session.start(True)
    session.print_updates()
    for words in ("status", "failed", "messages", *(f"show {host.name}" for host in HOSTS[:4])):
        session.handle_line(words)
    said.append(plain_line(model, meters(), NOW))
    host = model.hosts[HOSTS[2].name]
    said.append(as_text(host, (), now=NOW, time=model.time))
    text = "\n".join(said)
    assert_own_time(text, "sentences")
    assert "All times are emulated: 30x speed, counted from the start." in text
    assert text.count("(now 15:00 at 30x speed)") == 3  # the progress, the status, the plain line
    assert "rehearsal at 30x speed: all times are emulated" in text  # of a host, as it goes into a ticket
    assert "retrying at 15:30, in 30 min" in text
    assert "1 h" not in plain_line(model, meters(), NOW).split("(")[0]


def test_the_report_for_people_has_the_clock_of_the_screen_and_that_for_programs_the_wall() -> None:
    facts = {"rollout": "r", "created_at": BEGAN, "who": "me", "rehearsal": "x", "plan": asdict(PLAN), "speed": SPEED}
    report = build_report(facts, events(), [])
    for text in (as_markdown(report), as_html(report)):
        assert_own_time(text, "report")
        assert "Times in this report are rollout time: 30 times as fast as real time" in text
    (outage,) = document(report)["outages"]
    assert outage["since"] == datetime.fromtimestamp(NOW - 60, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_latencies_in_the_report_for_people_are_rollout_time_and_in_that_for_programs_real() -> None:
    facts = {"rollout": "r", "created_at": BEGAN, "who": "me", "rehearsal": "x", "plan": asdict(PLAN), "speed": SPEED}
    point = {"foreman_writes": [0.043, 0.05, 4, 0, 0.02]}
    report = build_report(facts, events(), [StoredSample(BEGAN + second, point) for second in range(1, 100)])
    assert "| Foreman writes | 396 | 0 | 1.3 s | 1.5 s | 1.5 s |" in as_markdown(report)
    assert "1.3 s" in as_html(report)
    for text in (as_markdown(report), as_html(report)):
        assert "43 ms" not in text and "(real time)" not in text
    told = document(report)["latencies"]["foreman_writes"]
    assert (told["p50"], told["p95"], told["worst"]) == (0.043, 0.05, 0.05)
    assert {tuple(point[1:]) for point in told["series"]} == {(0.043, 0.05)}
