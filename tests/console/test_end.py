"""The end of a rollout: a panel with the result and what to press, a clock that stands still, and one announcement."""

from __future__ import annotations

import pytest

from quads_tui.render.end_panel import commands, end_sentences, keys
from quads_tui.rollout.events import HostChanged, RolloutEnded
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import Rollout

from .desk import Desk, desk
from .feed import NOW, rollout
from .test_plain_session import Plain

TOOK = 6600.0  # rollout seconds: the feed begins two hours before now


def end(model: Rollout, at: float = NOW - 600) -> None:
    """All that moves is done."""
    for host in list(model.hosts.values()):
        if not host.status.is_final:
            model.apply(HostChanged(at, host.name, HostStatus.DONE))


def ended() -> Rollout:
    model = rollout(60)
    end(model)
    return model


async def drawn(d: Desk) -> str:
    d.app.panels()
    await d.pilot.pause()
    return d.text


def test_the_clock_stands_still_from_the_last_host_on_and_runs_again_with_a_retry() -> None:
    model = rollout(60)
    assert model.over_at is None
    assert model.seconds(NOW) == 7200
    end(model)
    assert model.over_at == NOW - 600
    assert model.seconds(NOW) == model.seconds(NOW + 9000) == TOOK
    failed = next(host for host in model.hosts.values() if host.status is HostStatus.FAILED)
    model.apply(HostChanged(NOW + 60, failed.name, HostStatus.SKIPPED))  # nothing moves again for it
    assert model.seconds(NOW + 9000) == TOOK
    model.apply(RolloutEnded(NOW + 100, ""))
    assert model.seconds(NOW + 9000) == TOOK, "when the operator left says nothing"
    model.apply(HostChanged(NOW + 120, failed.name, HostStatus.QUEUED, Stage.POWER_OFF))
    model.ended_at = None
    assert model.seconds(NOW + 200) == 7400
    stopped = rollout(60)
    stopped.apply(RolloutEnded(NOW, "operator"))
    assert stopped.seconds(NOW + 9000) == 7200


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_panel_says_what_came_of_it_and_what_to_press(size: tuple[int, int]) -> None:
    async with desk(ended(), size) as d:
        text = d.text
        assert "Rollout ended" in text
        assert "took 1 h 50 min" in text
        assert d.model.id in text
        assert f"{d.model.counts[HostStatus.DONE]} done" in text
        assert f"{d.model.counts[HostStatus.FAILED]} failed" in text
        assert ("3 at INS" if size[0] == 80 else "3 at Install") in text
        assert "1 armed" in text
        assert "f, *, r" in text
        assert f"quads-tui report {d.model.id}" in text
        assert f"quads-tui resume {d.model.id} --failed" in text
        assert "Ended " in text
        assert "HOST" in text, "the table is still there"
        assert all(len(line) <= size[0] for line in text.splitlines())


async def test_it_closes_with_escape_comes_back_by_key_and_command_and_goes_with_a_retry() -> None:
    async with desk(ended()) as d:
        assert "Rollout ended" in d.text
        await d.press("escape")
        assert "Rollout ended" not in d.text
        assert "Redfish" in d.text
        await d.press("E")
        assert "Rollout ended" in d.text
        await d.press("E", "colon", *"summary", "enter")
        assert "Rollout ended" in d.text
        await d.press("slash", *"r650", "enter", "escape")
        assert "Rollout ended" in d.text, "escape clears the filter first"
        await d.press("escape")
        failed = d.first(HostStatus.FAILED)
        d.model.apply(HostChanged(NOW, failed, HostStatus.QUEUED, Stage.POWER_OFF))
        assert "Rollout ended" not in await drawn(d)
        d.model.apply(HostChanged(NOW, failed, HostStatus.DONE))
        assert "Rollout ended" in await drawn(d), "each end has its panel"


async def test_before_the_end_there_is_none() -> None:
    async with desk() as d:
        await d.press("E")
        assert "the rollout has not ended yet" in d.text


async def test_the_end_is_announced_once_with_the_bell_and_in_the_message_line(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as d:
        rung: list[bool] = []
        monkeypatch.setattr(d.app, "bell", lambda: rung.append(True))
        end(d.model)
        assert f"rollout {d.model.id} has ended: " in await drawn(d)
        for _ in range(3):
            await drawn(d)
        assert len(rung) == 1


async def test_a_watcher_is_offered_no_key_that_changes_the_rollout() -> None:
    async with desk(ended()) as d:
        d.app.read_only = "watching r1"
        text = await drawn(d)
        assert "Rollout ended" in text
        assert "f, *, r" not in text
        assert "hide or show this panel" in text


def test_keys_and_commands_are_those_that_help() -> None:
    model = ended()
    assert [key for key, _ in keys(model)] == ["d", "f, *, r", "F", "E", "q"]
    assert [words.split()[1] for words, _ in commands(model)] == ["report", "resume", "watch"]
    for host in list(model.hosts.values()):
        model.apply(HostChanged(NOW, host.name, HostStatus.DONE))
    model.armed.clear()
    assert [key for key, _ in keys(model)] == ["E", "q"]
    assert [words.split()[1] for words, _ in commands(model)] == ["report", "watch"]
    stopped = rollout(60)
    stopped.apply(RolloutEnded(NOW, "operator"))
    assert (f"quads-tui resume {stopped.id}", "continue") in commands(stopped)


def test_plain_announces_the_end_once() -> None:
    p = Plain()
    p.told()
    end(p.model)
    said = p.told()
    assert f"Rollout {p.model.id} has ended: " in said
    for line in end_sentences(p.model, NOW):
        assert line in said
    assert "The rollout took 1 h 50 min: 48 of 60 hosts done." in said
    assert "ARMED, the next boot reinstalls them: " in said
    assert "has ended" not in p.told()


async def test_the_graphs_of_the_whole_run_end_where_the_clock_stands_still() -> None:
    async with desk(ended()) as d:
        d.clock.at += 9000
        await d.press("v")
        assert d.text.splitlines()[-3].split()[-1] == "end"
        await d.press("t")
        assert d.text.splitlines()[-3].split()[-1] == "now", "the last half hour goes on: services are still asked"
