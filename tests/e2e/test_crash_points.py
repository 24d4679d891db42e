"""Killed at a journal write, and continued, on both engines. At every write: python -m benchmarks.crash_points every [--cluster]."""

from __future__ import annotations

import signal

import pytest

from benchmarks.crash_points import Tally, point
from benchmarks.crash_runs import Disturbance, OneMachine, Workers
from tests import postgres

from .test_cluster import port

__all__ = ["port"]

HOSTS = 3


def check(engine: OneMachine | Workers, at: int) -> None:
    tally = Tally()
    assert point(engine, tally, "kill", HOSTS, 1, Disturbance(at=at, number=signal.SIGKILL))
    assert (tally.points, tally.bad) == (1, [])


def test_a_process_that_is_killed_at_a_journal_write_costs_nothing() -> None:
    check(OneMachine(), 40)


@pytest.mark.skipif(not postgres.is_here(), reason=postgres.MISSING)
def test_a_worker_that_is_killed_at_a_journal_write_costs_nothing(port: int) -> None:
    check(Workers(port), 40)
