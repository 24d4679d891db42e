"""The console without a screen: what it says, what typed words order, and that nothing dangerous goes unasked."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quads_tui.console.plain_session import COMMANDS, MINUTE, PlainSession
from quads_tui.console.view_context import ViewContext
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.commands import Disarm, Hold, Pause, Release, Retry, Skip, Stop, Unskip
from quads_tui.rollout.events import HostChanged, Paused
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.view import RolloutView
from tests.effort import tries

from .feed import NOW, Clock, Recorder, meters, rollout


class Plain:
    """A session under test, and what it printed since the last call."""

    def __init__(self, model: Rollout | None = None, *, control: bool = True) -> None:
        self.model = model or rollout(60)
        self.control = Recorder()
        self.clock = Clock()
        self.seconds = 100.0
        self.said: list[str] = []
        self.context = ViewContext(RolloutView(rollout=self.model, meters=meters(), clock=self.clock), lambda: self.seconds)  # type: ignore[arg-type]
        self.session = PlainSession(self.context, self.control if control else None, self.said.append)

    def type(self, *lines: str) -> str:
        self.said.clear()
        for line in lines:
            self.session.handle_line(line)
        return "\n".join(self.said)

    def told(self) -> str:
        self.said.clear()
        self.session.print_updates()
        return "\n".join(self.said)

    def one(self, status: HostStatus) -> str:
        return next(host.short for host in self.model.hosts.values() if host.status is status)


ORDERED = [
    ("retry", HostStatus.FAILED, ["y"], lambda host: Retry((host,))),
    ("restart", HostStatus.FAILED, ["y"], lambda host: Retry((host,), from_start=True)),
    ("skip", HostStatus.RUNNING, ["Y", ""], lambda host: Skip((host,), "skipped by the operator")),
    ("hold", HostStatus.RUNNING, ["y", "its disk"], lambda host: Hold((host,), "its disk")),
    ("disarm", HostStatus.FAILED, ["y"], lambda host: Disarm((host,))),
    ("unskip", HostStatus.SKIPPED, ["y"], lambda host: Unskip((host,))),
    ("release", HostStatus.HELD, ["y"], lambda host: Release((host,))),
]


@pytest.mark.parametrize(("word", "status", "answers", "order"), ORDERED)
def test_acts_ask_and_only_the_answer_does_it(word, status, answers, order) -> None:  # type: ignore[no-untyped-def]
    p = Plain()
    names = list(p.model.hosts)
    p.model.apply(HostChanged(NOW, names[0], HostStatus.SKIPPED, Stage.POWER_OFF))
    p.model.apply(HostChanged(NOW, names[1], HostStatus.HELD, Stage.POWER_OFF))
    host = p.one(status)
    assert host in p.type(f"{word} {host}")
    for no in ("", "n", "status", "1"):
        assert "Nothing was done" in p.type(f"{word} {host}", no)
    assert p.control.orders == []
    assert f"{word} requested for 1 host" in p.type(f"{word} {host}", *answers)
    assert p.control.orders == [order(p.model.hosts[host + ".example.com"].name)]


def test_many_hosts_want_their_number_and_filters_choose_them() -> None:
    p = Plain(rollout(700))
    failed = [host.name for host in p.model.hosts.values() if host.status is HostStatus.FAILED]
    assert f"Type {len(failed)} to confirm" in p.type("retry failed")
    assert "Nothing was done" in p.type("y")
    p.type("retry failed", str(len(failed)))
    assert p.control.orders.pop() == Retry(tuple(failed))
    licensed = [host.name for host in p.model.hosts.values() if host.cause is Cause.REFUSED]
    p.type("retry cause:^refused", "y" if len(licensed) <= 5 else str(len(licensed)))
    assert p.control.orders.pop() == Retry(tuple(licensed))
    assert "No host matches nosuchhost" in p.type("retry nosuchhost")
    assert "retry which hosts?" in p.type("retry")
    assert "not possible for these hosts in their present state" in p.type(f"retry {p.one(HostStatus.DONE)}")
    assert p.control.orders == []


def test_pause_and_stop() -> None:
    p = Plain()
    p.type("pause", "y", "pause-writes", "y", "stop", "n", "stop", "y")
    assert p.control.orders == [Pause("admission", True), Pause("writes", True), Stop()]


@pytest.mark.parametrize("command", [act.command for act in COMMANDS if act.dangerous])
def test_who_only_looks_orders_nothing(command: str) -> None:
    p = Plain(control=False)
    assert "Read-only" in p.type(f"{command} failed", "y", "y")
    q = Plain()
    q.type(f"{command} failed")  # a question stands, and now the keys are taken
    taken = len(q.control.orders)
    q.context.read_only = "controlled by somebody"
    q.type("y", "y", "")
    assert len(q.control.orders) == taken


def test_it_tells_new_failures_pauses_milestones_and_every_minute_how_far() -> None:
    p = Plain()
    assert "done" in p.told()  # at once, where it stands
    assert p.told() == ""
    host = p.one(HostStatus.RUNNING) + ".example.com"
    p.model.apply(HostChanged(NOW, host, HostStatus.FAILED, Stage.INSTALL, Cause.UNREACHABLE, "its BMC is gone"))
    assert p.told() == f"New failure at Install, unreachable: its BMC is gone (first host: {host})."
    p.model.apply(Paused(NOW, "writes", True, "me", "Foreman hangs"))
    assert p.told() == "Foreman writes are paused: Foreman hangs."
    p.seconds += MINUTE
    assert p.told().startswith("After 2 h: ")
    for name in list(p.model.hosts)[-12:]:
        p.model.apply(HostChanged(NOW, name, HostStatus.DONE))
    assert p.told().startswith("After 2 h: ")


def test_what_it_answers() -> None:
    p = Plain()
    assert "Armed (the next boot reinstalls them)" in p.type("status")
    assert "failed at Install" in p.type("failed")
    host = p.one(HostStatus.FAILED)
    assert f"{host}.example.com" in p.type(f"show {host}")
    assert "Next: waiting for an operator: r retries" in p.type(f"show {host}")
    assert "hosts match f00" in p.type("show f00")
    assert all(act.help in p.type("help") for act in COMMANDS)
    assert "No messages yet" in p.type("messages")
    assert "Unknown command frobnicate" in p.type("frobnicate")
    assert not p.session.left
    p.type("leave")
    assert p.session.left


@settings(max_examples=tries(40, 100), deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=40), max_size=6))
def test_no_typed_line_breaks_it(lines: list[str]) -> None:
    p = Plain()
    p.type(*lines)
    assert all(not isinstance(order, Stop) for order in p.control.orders)
    assert not any(unicodedata.category(char) in ("Cc", "Cf") for line in p.said for char in line)
