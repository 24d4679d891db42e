"""A BMC is asked when an operator wants it: beside the flows, bounded, read-only, and never where a flow is at work."""

from __future__ import annotations

import asyncio

import pytest

from quads_tui.rollout.bmc_report import SEL_LINES, BmcReport, LogLine, report_from
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.commands import AskBmc, Retry
from quads_tui.rollout.events import BmcReported, BmcSession, Intent, from_row, to_row
from quads_tui.rollout.stages import HostStatus, Stage

from .model import Lab
from .test_flow import names
from .test_ways_out import ordered, until
from .timeline import NAME, audit

pytestmark = pytest.mark.looptime
NEVER_ON = StageFailure(Cause.TIMEOUT, "stayed Off", retryable=False)


def reports(lab: Lab) -> list[BmcReport]:
    return [report_from(event.facts) for event in lab.journal.events if isinstance(event, BmcReported)]


async def test_an_installing_host_is_asked_and_goes_on_as_it_would() -> None:
    lab = Lab([NAME])
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    intents = sum(isinstance(event, Intent) for event in lab.journal.events)
    note = lab.rollout.hosts[NAME].note
    lab.executor.submit(AskBmc((NAME,)))
    await asyncio.sleep(5)
    host = lab.rollout.hosts[NAME]
    assert reports(lab) == [host.report]
    assert host.report is not None
    assert (host.report.power, host.report.progress, host.report.sel[0].text) == ("On", "OSRunning", "boot")
    assert host.timeline[-1].text.startswith("the BMC reports: power On, OSRunning")
    assert (host.status, host.note) == (HostStatus.RUNNING, note)
    assert sum(isinstance(event, Intent) for event in lab.journal.events) == intents, "nothing was done"
    assert not +lab.world.sessions
    await lab.run()
    assert (host.status, lab.machine(NAME).wipes) == (HostStatus.DONE, 1)
    await lab.end()


async def test_where_a_flow_is_at_the_bmc_nobody_else_goes() -> None:
    lab = Lab(names(3))
    lab.executor.start()
    await until(lab, Stage.PXE_SET)
    lab.executor.submit(AskBmc((*names(3), "stranger")))
    await asyncio.sleep(1)
    assert audit(lab.journal.events) == ["ask the BMC: no host; not possible for 4 in their state"]
    await lab.run()
    assert not reports(lab)
    await lab.end()


async def test_a_retry_waits_until_the_bmc_has_answered() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [("on", NEVER_ON)]
    await lab.run()
    lab.executor.submit(AskBmc((NAME,)))
    lab.executor.submit(AskBmc((NAME,)))
    lab.executor.submit(Retry((NAME,)))
    await asyncio.sleep(0)
    await ordered(lab)
    texts = audit(lab.journal.events)
    assert texts[:2] == [f"ask the BMC: {NAME}", "ask the BMC: no host; not possible for 1 in their state"]
    opened = [event for event in lab.journal.events if isinstance(event, BmcSession)]
    open_now = most = 0
    for event in opened:
        if event.uri:
            open_now += 1 if event.is_open else -1
            most = max(most, open_now)
    assert most <= 1
    assert lab.rollout.hosts[NAME].status is HostStatus.DONE
    await lab.end()


async def test_a_bmc_that_fails_or_is_silent_is_told_and_harms_nobody() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [("on", NEVER_ON), ("report", StageFailure(Cause.BUSY, "SYS518: busy"))]
    await lab.run()
    await ordered(lab, AskBmc((NAME,)))
    await asyncio.sleep(1)
    assert [one.error for one in reports(lab)] == ["SYS518: busy"]
    lab.machine(NAME).troubles = [("report", ValueError("of ours"))]
    await ordered(lab, AskBmc((NAME,)))
    await asyncio.sleep(1)
    assert reports(lab)[-1].error == "internal error: ValueError"
    assert lab.rollout.hosts[NAME].status is HostStatus.FAILED
    assert not lab.executor.stopped
    await lab.end()


async def test_a_stop_ends_it() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [("on", NEVER_ON)]
    await lab.run()
    lab.executor.submit(AskBmc((NAME,)))
    await asyncio.sleep(0)
    await lab.end()
    assert not +lab.world.sessions


def test_the_event_keeps_the_report_and_old_and_damaged_ones_are_read() -> None:
    made = BmcReport(power="On", sel=(LogLine("2026", "Correctable memory errors"),), missing=("event log: 404",))
    event = from_row(to_row(BmcReported(1.0, "h", made.facts())))
    assert isinstance(event, BmcReported)
    assert report_from(event.facts) == made
    for damaged in (None, [], {"sel": 1, "power": ["On"]}, {"sel": [[1]], "missing": "x"}, {"power": "\x1b[31mOn"}):
        assert "\x1b" not in report_from(damaged).power
    many = report_from({"sel": [["a", "b" * 5000]] * 50})
    assert len(many.sel) == SEL_LINES
    assert len(many.sel[0].text) <= 200
