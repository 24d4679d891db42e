"""One host: where its time went, its machine, and a log with a cursor that folds equal lines and shows bodies."""

from __future__ import annotations

import json
import re

import pytest

from quads_tui.console.screens.host import BodyScreen, HostScreen
from quads_tui.render import host_time
from quads_tui.render.host_head import machine_words
from quads_tui.render.host_log import body_lines, entries, log_line, matching
from quads_tui.rollout.bmc_report import BmcReport, LogLine
from quads_tui.rollout.commands import AskBmc
from quads_tui.rollout.events import BmcReported, HostChanged, HostNote, Identified, Intent, RolloutStarted, StageChanged
from quads_tui.rollout.http_log import SHOWN_BODY, Exchange
from quads_tui.rollout.learned import Expectations
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.rollout_time import RolloutTime
from quads_tui.rollout.scrub import SECRETS
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from quads_tui.rollout.state import Rollout

from .desk import Desk, desk
from .feed import NOW
from .test_plain_session import Plain

HOST = "f00-h00-000-r650.example.com"
STEPS = ((Stage.POWER_OFF, 54.0), (Stage.PXE_SET, 6.0), (Stage.FOREMAN_BUILD, 59.0), (Stage.POWER_ON, 36.0))
TURN = 52.0  # seconds of the Build before its write
BEGAN = NOW - 3000.0


def installing(speed: float = 1.0) -> Rollout:
    """One host that installs; an hour before its first stage began nothing had."""
    model = Rollout("r1", Plan((Goal("cloud02", Kind.BUILD),), (HostPlan(HOST, "https://127.0.0.1:1", "R650"),)))
    model.apply(RolloutStarted(BEGAN - 1800, "r1", 1, False, "me@here", speed))
    at = BEGAN
    for number, (stage, took) in enumerate(STEPS):
        model.apply(StageChanged(at, HOST, stage, StageStatus.STARTED, 1))
        if stage is Stage.POWER_OFF:
            model.apply(Identified(at, HOST, "/redfish/v1/Systems/1, serial number 7TQ0K33"))
        if stage is Stage.FOREMAN_BUILD:
            model.apply(Intent(at + TURN, HOST, number, "build", {}))
        at += took
        model.apply(StageChanged(at, HOST, stage, StageStatus.FINISHED, 1, took))
    model.apply(StageChanged(at, HOST, Stage.INSTALL, StageStatus.STARTED, 1))
    return model


def request(
    at: float, path: str = "/redfish/v1/Systems/1", method: str = "GET", status: int = 200, body: bytes = b""
) -> Exchange:
    return Exchange(at=at, host=HOST, method=method, path=path, status=status, seconds=0.03, error="", body=body)


# Where its time went


def test_the_time_is_told_by_stage_with_its_turn_apart() -> None:
    model = installing()
    host = model.hosts[HOST]
    found = host_time.parts(host, model, NOW)
    assert [(part.words, part.seconds) for part in found] == [
        ("Power off", 54.0),
        ("PXE", 6.0),
        ("write queue", 52.0),
        ("Build", 7.0),
        ("Power on", 36.0),
        ("Install", 3000.0 - 155.0),
    ]
    assert host_time.title(host, model, NOW) == "not started for 30 min, then 50 min under way so far"
    table = "\n".join(line.plain for line in host_time.table(host, model, NOW))
    assert "write queue" in table
    assert table.count("\n") == 7
    assert sum(part.seconds for part in found) == 3000.0


def test_attempts_add_up_and_what_lies_between_them_is_told() -> None:
    model = installing()
    host = model.hosts[HOST]
    model.apply(StageChanged(NOW - 500, HOST, Stage.INSTALL, StageStatus.FAILED, 1))
    model.apply(HostChanged(NOW - 500, HOST, HostStatus.FAILED, Stage.INSTALL))
    model.apply(StageChanged(NOW - 200, HOST, Stage.INSTALL, StageStatus.STARTED, 2))
    found = host_time.parts(host, model, NOW)
    assert [(part.words, part.seconds) for part in found[-3:]] == [
        ("Install", 2345.0),
        ("before retry", 300.0),
        ("Install", 200.0),
    ]
    lines = [line.plain for line in host_time.table(host, model, NOW)]
    assert sum("Install" in line for line in lines) == 1
    assert any("Install" in line and "42 min 25 s" in line for line in lines)


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_bar_is_to_scale_and_marks_the_usual_time_and_the_overdue_part(width: int) -> None:
    model = installing()
    model.durations.seed({"R650": {"install": [600.0] * 40}})
    model.durations.expected = Expectations({"hosts": {HOST: [None, 900.0, 0.0, 0.0]}})
    assert model.durations.expected.overdue_after == {HOST: 900.0}
    bar, ticks = host_time.bar(model.hosts[HOST], model, NOW, width)
    assert bar.cell_len == ticks.cell_len == width
    room = width - 2
    assert abs(bar.plain.count("▅") - room * 2845 / 3000) <= 3
    paler = sum(span.end - span.start for span in bar.spans if span.style == "quads.area")
    assert abs(paler - room * 1945 / 3000) <= 3
    assert "usually 10 min" in ticks.plain
    assert "overdue from 15 min on" in ticks.plain
    assert ticks.plain.rstrip().endswith("now")


def test_a_host_that_has_not_begun_has_no_bar_and_one_that_ended_stands_still() -> None:
    model = installing()
    model.apply(HostChanged(NOW - 100, HOST, HostStatus.DONE))
    host = model.hosts[HOST]
    assert host_time.parts(host, model, NOW) == host_time.parts(host, model, NOW + 500)
    fresh = Rollout("r2", model.plan)
    assert host_time.bar(fresh.hosts[HOST], fresh, NOW, 80) == []
    assert host_time.title(fresh.hosts[HOST], fresh, NOW) == "not started for 0 s"


def test_the_machine_is_verified_or_it_says_why_not() -> None:
    model = installing()
    host = model.hosts[HOST]
    assert machine_words(host).startswith("verified by a MAC that Foreman has of this host: /redfish/v1/Systems/1")
    model.apply(Identified(NOW, HOST, "/redfish/v1/Systems/1", "its BMC reports no MAC address"))
    assert machine_words(host).startswith("not verified: its BMC reports no MAC address; the BMC reports")
    fresh = Rollout("r2", model.plan)
    assert machine_words(fresh.hosts[HOST]) == "not identified yet"


# The log


def test_equal_lines_are_folded_where_they_follow_each_other() -> None:
    model = installing()
    host = model.hosts[HOST]
    model.apply(HostNote(NOW - 50, HOST, "overdue"))
    polls = [request(NOW - 100 + second) for second in range(18)]
    found = entries(host, [*polls, request(NOW - 40), request(NOW - 39, status=503)])
    assert [one.count for one in found[-4:]] == [18, 1, 1, 1]
    line = log_line(found[-4], 100, model.time).plain
    assert re.search(r"GET    /Systems/1 +200   30 ms  18 times until ", line)
    assert len(line) == 100
    assert found[-1].bad
    assert sum(one.count for one in found) == len(host.timeline) + 20
    assert matching(found, "systems 503") == [found[-1]]
    assert [one.text for one in matching(found, "ins start")] == ["started"]


def test_times_of_a_faster_rehearsal_are_its_own() -> None:
    model = installing(30.0)
    entry = entries(model.hosts[HOST], [])[0]
    real, shown = log_line(entry, 80, RolloutTime()).plain[1:9], log_line(entry, 80, model.time).plain[1:9]
    assert real != shown


def test_a_body_is_shown_printable_and_without_secrets() -> None:
    SECRETS.add("hunter2hunter2")
    told = {"Name": "x\u202e\x1b[31m", "Password": "hunter2hunter2", "Deep": {"er": 1}}
    lines = body_lines(request(NOW, body=json.dumps(told).encode()))
    assert any(line.startswith("    ") for line in lines)
    text = "\n".join(lines)
    assert "hunter2" not in text
    assert all(line.isprintable() for line in lines)
    assert body_lines(request(NOW)) == []
    assert body_lines(request(NOW, body=b'{"cut": "hunter2hunter2 \xff')) == ['{"cut": "**** \ufffd']
    assert len(body_lines(request(NOW, body=b"[" * 2000))) == 1
    shown = "".join(body_lines(request(NOW, body=("x y " * (SHOWN_BODY // 4 - 2) + "hunter2hunter2").encode())))
    assert "hunter" not in shown  # a secret that is shown in part is masked, too


async def shown(d: Desk) -> HostScreen:
    await d.press("enter")
    screen = d.app.screen
    assert isinstance(screen, HostScreen)
    return screen


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_screen_shows_time_machine_and_log(size: tuple[int, int]) -> None:
    async with desk(installing(), size) as d:
        d.exchanges = [request(NOW - 100 + second) for second in range(18)]
        await shown(d)
        text = d.text
        for words in (
            "Where its time went",
            "not started for 30 min",
            "machine",
            "verified by a MAC",
            "18 times",
            "INS",
            "write queue",
        ):
            assert words in text, words
        assert all(len(line) <= size[0] for line in text.splitlines())
        assert d.error_count == 0


async def test_enter_shows_the_body_under_the_cursor_and_back() -> None:
    async with desk(installing()) as d:
        d.exchanges = [request(NOW - 9, method="POST", status=400, body=b'{"error": {"message": "no such thing"}}')]
        await shown(d)
        await d.press("enter")
        assert isinstance(d.app.screen, BodyScreen)
        assert '"message": "no such thing"' in d.text
        await d.press("escape", "up", "enter")
        assert isinstance(d.app.screen, HostScreen)
        assert "this line is not a request" in d.text
        d.exchanges = [request(NOW - 9)]
        await d.press("end", "enter")
        assert "was not kept" in d.text


async def test_new_lines_stay_in_view_until_the_operator_moves_up() -> None:
    async with desk(installing(), (80, 24)) as d:
        await shown(d)

        async def come(number: int) -> None:
            d.model.apply(HostNote(NOW + number, HOST, f"note {number}"))
            d.app.frame()
            await d.pilot.pause()

        for number in range(20):
            await come(number)
        assert "note 19" in d.text
        assert "following new log lines" in d.text
        await d.press(*["up"] * 12)
        assert "view held while you scroll (press End to follow new lines)" in d.text
        before = [line for line in d.text.splitlines() if line.startswith("▌")]
        for number in range(20, 26):
            await come(number)
        assert [line for line in d.text.splitlines() if line.startswith("▌")] == before, "the cursor stays on its line"
        assert "note 25" not in d.text
        await d.press("end")
        assert "note 25" in d.text
        await come(26)
        assert "note 26" in d.text


async def test_slash_searches_the_log_and_escape_shows_all() -> None:
    async with desk(installing()) as d:
        d.exchanges = [request(NOW - 9, "/api/v2/hosts", "PUT"), request(NOW - 5)]
        await shown(d)
        await d.press("slash", *"put")
        assert "lines with 'put': 1" in d.text
        await d.press("enter")
        assert "GET    /Systems/1 " not in d.text
        await d.press("escape")
        assert isinstance(d.app.screen, HostScreen)
        assert "GET    /Systems/1 " in d.text
        assert not d.control.orders
        await d.press("escape")
        assert not isinstance(d.app.screen, HostScreen)


# What the BMC tells on demand

REPORT = BmcReport(
    power="On",
    progress="OSBootStarted",
    last_reset="2026-11-22T22:36:20+00:00",
    override="Pxe/Disabled",
    sel=(LogLine("2026-11-22T22:58:13", "Correctable memory errors, DIMM A3"), LogLine("2026-11-22T22:37:02", "boot completed")),
    missing=("event log: cut",),
)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_bmc_is_asked_by_a_key_and_its_answer_is_shown(size: tuple[int, int]) -> None:
    async with desk(installing(), size) as d:
        await shown(d)
        if size[0] > 80:
            assert "i asks the BMC: boot progress, last boot, event log" in d.text
        await d.press("i")
        assert d.control.orders == [AskBmc((HOST,))]
        assert "asking the BMC of f00-h00-000-r650" in d.text
        d.model.apply(BmcReported(NOW, HOST, REPORT.facts()))
        d.app.frame()
        await d.pilot.pause()
        for words in ("OSBootStarted", "2026-11-22 22:36:20"):
            assert words in d.text
        if size[0] > 80:
            assert "Correctable memory errors, DIMM A3" in d.text
            assert "asked " in d.text
        d.model.apply(BmcReported(NOW, HOST, BmcReport(error="192.0.2.1:443 did not answer").facts()))
        d.app.frame()
        await d.pilot.pause()
        assert "192.0.2.1:443 did not answer" in d.text
        assert d.error_count == 0


async def test_a_watcher_cannot_ask_and_sees_what_others_asked() -> None:
    async with desk(installing()) as d:
        d.app.read_only = "watching r1"
        await shown(d)
        await d.press("i")
        assert not d.control.orders
        assert "read-only: watching r1" in d.text
        d.model.apply(BmcReported(NOW, HOST, REPORT.facts()))
        d.app.panels()
        await d.pilot.pause()
        assert "OSBootStarted" in d.text


async def test_one_host_at_a_time_by_key_or_by_name() -> None:
    async with desk() as d:
        await d.press("space", "space", "i")
        assert "ask the BMC of one host at a time" in d.text
        name = next(iter(d.model.hosts.values())).short
        await d.press("colon", *f"ask-bmc {name}", "enter")
        (order,) = d.control.orders
        assert order == AskBmc((d.model.hosts[f"{name}.example.com"].name,))
        await d.press("colon", *"ask-bmc nobody", "enter")
        assert "no host is named nobody" in d.text


def test_plain_asks_and_shows_the_answer() -> None:
    p = Plain()
    host = next(iter(p.model.hosts.values()))
    assert f"Asking the BMC of {host.short}. Type show {host.short} to see the answer." in p.type(f"ask-bmc {host.short}")
    assert p.control.orders == [AskBmc((host.name,))]
    assert "Give the name of one host" in p.type("ask-bmc failed")
    p.model.apply(BmcReported(NOW, host.name, REPORT.facts()))
    said = p.type(f"show {host.short}")
    assert "BMC boot: OSBootStarted." in said
    assert "BMC event log: 11-22 22:37:02 boot completed." in said
    assert "Read-only" in Plain(control=False).type(f"ask-bmc {host.short}")
