"""The same few thousand damaged inputs on every run, and what longer runs have found."""

from __future__ import annotations

import json
import warnings
from random import Random

import pytest

from quads_tui.render.host_filter import host_filter
from quads_tui.rollout.events import from_row
from tests.effort import tries

from .__main__ import run, shares
from .parsers import parsers

COUNT, SEED = tries(3_000, 9_000), 2026


def test_no_damaged_input_raises_anything_but_what_is_declared() -> None:
    with warnings.catch_warnings(), parsers() as found:
        warnings.simplefilter("error")  # they would stand on the screen
        for name, parser, count in shares(found, COUNT):
            tally = run(name, parser, count, SEED)
            assert tally.inputs == count
            assert not tally.faults, (name, tally.faults)


@pytest.mark.parametrize("words", ["[[a]", "note:x[a--b]", "[a&&b]", "![a||b~~c]"])
def test_a_filter_that_python_warns_of_prints_nothing(words: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        host_filter(words)


def test_an_old_journal_row_with_a_number_for_a_reason_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="not supported"):
        from_row(json.loads('["host", 1795870153.7, "a01-h31", "failed", "power_on", "refused", 1e308, null]'))


def test_a_client_that_sends_garbage_lines_and_goes_leaves_no_warnings(caplog: pytest.LogCaptureFixture) -> None:
    """asyncio warned once a line on standard error, for each answer to a client that had gone."""
    with parsers() as found:
        for _ in range(3):
            found["control socket"].feed(b'{"who": "me@here"}\n' + b"\n" * 5_000, Random(1))
    assert not [record for record in caplog.records if record.name == "asyncio" and "socket.send" in record.message]
