"""Where comments on hosts are shown: the row, the details, sentences, JSON, and both reports."""

from __future__ import annotations

import json
from dataclasses import asdict

from quads_tui.render.comments import comments_summary
from quads_tui.render.detail import detail_head
from quads_tui.render.report import as_html, as_json, as_markdown, build_report
from quads_tui.render.sentences import host as host_sentences
from quads_tui.render.wait_reason import host_note
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import Event, HostChanged, HostCommented, RolloutStarted
from quads_tui.rollout.forecast import Outlook
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import HostStatus, Kind, Stage
from quads_tui.rollout.state import Rollout
from quads_tui.runtime.json_lines import finished

A, B, C = (f"f21-h{number}-000-r650.example.com" for number in (17, 18, 19))
PLAN = Plan((Goal("cloud02", Kind.BUILD),), tuple(HostPlan(name, "https://x", "R650") for name in (A, B, C)))
EVENTS: tuple[Event, ...] = (
    RolloutStarted(1000.0, "r1", 3, False, "bob@jump", 1.0),
    HostChanged(1100.0, A, HostStatus.FAILED, Stage.PXE_SET, Cause.REFUSED, "licence missing"),
    HostCommented(1200.0, A, "ann@jump", "PSU <b>replaced</b> [/x]"),
    HostCommented(1300.0, B, "ann@jump", "do not touch"),
    HostCommented(1300.0, C, "ann@jump", "do not touch"),
)


def rollout() -> Rollout:
    made = Rollout("r1", PLAN)
    for event in EVENTS:
        made.apply(event)
    return made


def test_the_row_shows_the_newest_comment_before_why_the_host_stands_there() -> None:
    model, meters = rollout(), Meters()
    forecast = Outlook(model, meters).at(1400.0)
    notes = {name: host_note(model.hosts[name], model, meters, forecast, 1400.0) for name in (A, B)}
    assert notes[A].text.startswith('ann: "PSU <b>replaced</b> [/x]"  licence missing')
    assert notes[B].text.startswith('ann: "do not touch"')
    assert not notes[B].quiet
    model.apply(HostCommented(1500.0, B, "bob@jump", "x" * 200))
    text = host_note(model.hosts[B], model, meters, forecast, 1400.0).text
    assert text.startswith('bob: "xxx') and "…" in text[:80]


def test_details_sentences_and_history_have_them_all() -> None:
    model = rollout()
    host, time = model.hosts[A], model.time
    lines = [line.plain for line in detail_head(host, now=1400.0, time=time, width=100)]
    assert any("comment by ann@jump at" in line and "PSU <b>replaced</b>" in line for line in lines)
    assert any(line.startswith("Comment by ann@jump at") for line in host_sentences(host, (), now=1400.0, time=time))
    assert host.timeline[-1].text == "comment by ann@jump: PSU <b>replaced</b> [/x]"


def test_who_takes_control_reads_them_in_one_line() -> None:
    hosts = rollout().hosts
    words = comments_summary(hosts.values())
    assert words == (
        "2 comments by ann@jump: f21-h18-000-r650 and 1 more: do not touch; f21-h17-000-r650: PSU <b>replaced</b> [/x]"
    )
    assert comments_summary([]) == ""


def test_reports_and_json_have_them() -> None:
    facts = {"rollout": "r1", "created_at": 1000.0, "plan": asdict(PLAN)}
    report = build_report(facts, EVENTS, ())
    made = json.loads(as_json(report))
    (comment,) = made["hosts"][0]["comments"]
    assert (comment["who"], comment["text"], comment["at"]) == (
        "ann@jump",
        "PSU <b>replaced</b> [/x]",
        "1970-01-01T00:20:00.000Z",
    )
    page, text = as_html(report), as_markdown(report)
    assert "Comments on hosts" in page and "PSU &lt;b&gt;replaced&lt;/b&gt; [/x]" in page
    assert "## Comments on hosts" in text and f"| {B} |" in text
    assert [one["text"] for one in finished(rollout(), {}, 1400.0)["comments"]] == [
        "PSU <b>replaced</b> [/x]",
        "do not touch",
        "do not touch",
    ]
