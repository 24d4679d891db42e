"""What the operator types to see fewer hosts."""

from __future__ import annotations

from collections.abc import Callable
from time import thread_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quads_tui.render.host_filter import host_filter
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import HostArmed, HostChanged, Identified
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import HostState
from tests.console.feed import NOW, rollout
from tests.effort import tries


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("install-failed", Cause.INSTALL_FAILED),
        ("LICENSED", Cause.REFUSED),
        ("[/redfish", Cause.FOREMAN),
        ("mgmt.*conn", Cause.UNREACHABLE),
    ],
)
def test_the_filter_takes_expressions_and_plain_text(words: str, shown: Cause) -> None:
    fits = host_filter(words, failures_only=True)
    assert {host.cause for host in rollout(60).hosts.values() if fits(host)} == {shown}


@pytest.mark.parametrize(
    ("words", "fits"),
    [
        ("stage:install", lambda host: host.stage is Stage.INSTALL),
        ("!stage:install", lambda host: host.stage is not Stage.INSTALL),
        ("state:failed !cause:install", lambda host: host.status is HostStatus.FAILED and host.cause is not Cause.INSTALL_FAILED),
        ("state:armed", lambda host: host.armed),
        ('cause:"install-failed"', lambda host: host.cause is Cause.INSTALL_FAILED),
        ("state:done !state:done", lambda host: False),
        ("", lambda host: True),
    ],
)
def test_fields_are_asked_of_that_field_alone_and_all_must_fit(words: str, fits: Callable[[HostState], bool]) -> None:
    hosts = rollout(60).hosts.values()
    shown = host_filter(words)
    assert [host.name for host in hosts if shown(host)] == [host.name for host in hosts if fits(host)]


def test_hosts_whose_machine_nobody_compared_are_found() -> None:
    model = rollout(60)
    unsure, sure, *_ = model.hosts
    for name, why in ((unsure, "no MACs"), (sure, "")):
        model.apply(Identified(NOW, name, "UUID 1", why))
    found = {
        word: [host.name for host in model.hosts.values() if host_filter(word)(host)] for word in ("verified:no", "verified:yes")
    }
    assert found == {"verified:no": [unsure], "verified:yes": [sure]}


def test_a_whole_value_of_safety_is_no_part_of_another_one() -> None:
    model = rollout(60)
    host = next(host for host in model.hosts.values() if host.status is HostStatus.FAILED)
    found = {}
    for safety in (Safety.ARMED, Safety.DISARMED):
        model.apply(HostArmed(NOW, host.name, safety is Safety.ARMED))
        model.apply(HostChanged(NOW, host.name, HostStatus.FAILED, Stage.INSTALL, Cause.UNKNOWN, "x", safety=safety))
        found[safety] = [
            host in host_filter(words).of(model.hosts.values()) for words in ("safety:armed", "safety:disarmed", "safety:arm")
        ]
    assert found == {Safety.ARMED: [True, False, True], Safety.DISARMED: [False, True, True]}


@given(st.text(max_size=40))
@settings(max_examples=tries(80, 200), deadline=None)
def test_whatever_is_typed_is_a_filter(words: str) -> None:
    fits = host_filter(words)
    for host in list(rollout(12).hosts.values()):
        assert fits(host) in (True, False)


@pytest.mark.parametrize(
    ("words", "plain"),
    [
        ("(.|.)" * 18 + "\x01", True),
        ("(.|..)" * 14 + "\x01", True),
        ("(.|.).*(.|.).*\x01", True),
        (".*.*\x01", False),
        ("(r650|r640|1029u)", False),
        ("^(a|b)\\d(1|2)", False),
    ],
)
def test_f3_no_filter_holds_the_loop(words: str, plain: bool) -> None:
    hosts = list(rollout(12).hosts.values())
    for host in hosts:
        host.reason = "f21-h05-000-r650.example.com " * 70
    fits = host_filter(words)
    began = thread_time()
    fits.of(hosts)
    assert thread_time() - began < 1.0  # CPU; the first of these took minutes
    assert plain is bool(host_filter(words).plain)
