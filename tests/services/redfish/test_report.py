"""What a BMC is asked for an operator: each thing once, a few requests at most, and what it does not have is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from quads_tui.rollout.bmc_report import SEL_LINES
from quads_tui.services.redfish import report as report_module

from .conftest import Bench
from .fake import SYSTEM, error, linked

LOGS = f"{SYSTEM}/LogServices"
SEL = f"{LOGS}/SEL"


def with_log(bench: Bench, members: Any) -> None:
    bench.bmc.system["LogServices"] = {"@odata.id": LOGS}
    bench.bmc.documents[LOGS] = {"Members": linked(f"{LOGS}/Audit", SEL)}
    bench.bmc.documents[f"{SEL}/Entries"] = {"Members": members}


async def test_the_facts_are_told_as_the_bmc_has_them_and_nothing_is_changed(bench: Bench) -> None:
    bench.bmc.system |= {
        "BootProgress": {"LastState": "OSBootStarted"},
        "LastResetTime": "2026-11-22T22:36:20+00:00",
        "Oem": {"Hpe": {"PostState": "FinishedPost"}},
    }
    entries = [{"Created": f"2026-11-22T22:{minute:02}:00", "Message": f"event {minute}"} for minute in range(40)]
    with_log(bench, entries)
    report = await bench.client.report()
    assert (report.power, report.progress, report.post) == ("On", "OSBootStarted", "FinishedPost")
    assert report.last_reset == "2026-11-22T22:36:20+00:00"
    assert report.override == "None/Disabled"
    assert [line.text for line in report.sel] == [f"event {minute}" for minute in range(39, 39 - SEL_LINES, -1)]
    assert not report.missing
    assert not bench.told.intents
    assert not bench.bmc.patches and not bench.bmc.resets


async def test_a_log_of_references_is_read_at_both_ends_only(bench: Bench) -> None:
    with_log(bench, linked(*(f"{SEL}/Entries/{number}" for number in range(100))))
    for number in range(100):
        bench.bmc.documents[f"{SEL}/Entries/{number}"] = {
            "Created": f"2026-11-22T22:{number // 2:02}",
            "Message": f"event {number}",
        }
    report = await bench.client.report()
    assert report.sel[0].text == "event 99"
    assert len(report.sel) == 3
    assert bench.bmc.count("GET") <= 12


async def test_of_an_endless_log_the_ends_are_looked_at(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [{"Created": f"{number:06}", "Message": f"event {number}"} for number in range(15_000)]
    looked: list[str] = []

    def text(document: Mapping[str, object], name: str) -> str:
        looked.append(name)
        return str(document.get(name, ""))

    for members, newest in ((entries, 14_999), (entries[::-1], 14_999)):
        with_log(bench, members)
        monkeypatch.setattr(report_module, "text", text)
        assert (await bench.client.report()).sel[0].text == f"event {newest}"
    assert len(looked) < 2000


async def test_what_a_bmc_lacks_is_left_out_and_a_log_that_fails_is_said(bench: Bench) -> None:
    report = await bench.client.report()
    assert (report.progress, report.last_reset, report.sel, report.missing) == ("", "", (), ())
    with_log(bench, [])
    bench.bmc.when("GET", "/Entries", error(503, "ServiceTemporarilyUnavailable", "busy"), times=5)
    report = await bench.client.report()
    assert report.power == "On"
    assert report.missing[0].startswith("event log: ")
    assert bench.bmc.count("/Entries") == 1, "asked once"


async def test_poison_and_wrong_types_are_harmless(bench: Bench) -> None:
    bench.bmc.system |= {"BootProgress": ["x"], "LastResetTime": 5, "Oem": {"A": 1, "B": {"PostState": "\x1b[31mIn"}}}
    with_log(bench, [{"Created": None, "Message": "a\u202eb" + "c" * 9000}, 5, {"Message": {"x": 1}}])
    report = await bench.client.report()
    assert report.post.isprintable()
    assert all(line.text.isprintable() and len(line.text) <= 200 for line in report.sel)


async def test_a_bmc_that_refuses_is_a_failure_in_its_words(bench: Bench) -> None:
    bench.bmc.when("GET", SYSTEM, error(503, "ServiceTemporarilyUnavailable", "starting"), times=50)
    failure = await bench.fails(bench.client.report())
    assert "starting" in failure.reason
