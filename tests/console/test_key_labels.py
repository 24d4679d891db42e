"""The last line: which hosts its keys act on, and what each would do to them now; a key that would do nothing is not there."""

from __future__ import annotations

import pytest

from quads_tui.console.key_actions import BY_NAME
from quads_tui.console.key_labels import KeyLabels, Room
from quads_tui.console.questions import question
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import HostArmed, HostChanged, Paused
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import Rollout

from .desk import desk
from .feed import NOW, rollout


def named(model: Rollout, chosen: list[str], *, marked: bool = False) -> str:
    labels = KeyLabels(model, chosen, marked=marked)
    words = (labels.of_hosts(BY_NAME[name]) for name in ("retry", "restart", "skip", "unskip", "release", "disarm"))
    return f"{labels.subject}: {', '.join(word for word in words if word)}"


def of(model: Rollout, status: HostStatus) -> list[str]:
    return [host.name for host in model.hosts.values() if host.status is status]


def test_keys_of_one_host_stand_behind_its_name_and_those_that_do_nothing_are_left_out() -> None:
    model = rollout(60)
    (armed,) = model.left_armed
    failed = next(name for name in of(model, HostStatus.FAILED) if name != armed)
    assert named(model, [armed]) == f"{armed[:7]}: retry from Power off, disarm, becomes skipped, disarm, stays failed"
    assert named(model, [failed], marked=True) == f"{failed[:7]}: retry from Power off, mark as skipped"
    assert named(model, of(model, HostStatus.DONE)[:1]).endswith(": ")
    model.apply(HostChanged(NOW, failed, HostStatus.SKIPPED, safety=Safety.OFF))
    assert "put back into the rollout" in named(model, [failed]) and "skip" not in named(model, [failed])
    model.apply(HostChanged(NOW, failed, HostStatus.HELD, safety=Safety.OFF))
    assert "release" in named(model, [failed])


def test_a_skip_says_what_becomes_of_the_host() -> None:
    model = rollout(60)
    running = {host.stage: host.name for host in model.hosts.values() if host.status is HostStatus.RUNNING}
    assert named(model, [running[Stage.INSTALL]]).endswith(": skip, install continues")
    before = running[next(stage for stage in running if stage is not Stage.INSTALL)]
    assert named(model, [before]).endswith(": skip host")
    assert KeyLabels(model, [before]).of_hosts(BY_NAME["skip"], Room.LITTLE) == "skip"
    failed = next(name for name in of(model, HostStatus.FAILED) if name not in model.left_armed)
    words = [KeyLabels(model, [failed]).of_hosts(BY_NAME["skip"], room) for room in sorted(Room, reverse=True)[:4]]
    assert words == ["mark as skipped", "mark skipped", "mark skipped", "skip"], "nothing is left to be stopped"
    model.apply(HostArmed(NOW, before, True))
    assert named(model, [before]).endswith(": disarm, skip host"), "and not disarm alone: it is under way"
    assert named(model, of(model, HostStatus.QUEUED)[:1]).endswith(": skip host")


def test_keys_of_several_hosts_say_how_many_each_is_for() -> None:
    model = rollout(60)
    failed, done = of(model, HostStatus.FAILED), of(model, HostStatus.DONE)
    count = len(failed)
    words = f"retry {count} from Power off, disarm 1, mark {count} as skipped, disarm 1 armed"
    assert named(model, [*failed, *done], marked=True) == f"{count + len(done)} marked: {words}"
    unarmed = [name for name in failed if name not in model.left_armed]
    assert "disarm" not in named(model, unarmed)
    assert named(model, unarmed).startswith(f"these {len(unarmed)} hosts: ")


def test_a_retry_says_from_where_and_a_second_key_that_would_do_the_same_is_left_out() -> None:
    model = rollout(60)
    name = of(model, HostStatus.FAILED)[0]
    model.apply(HostChanged(NOW, name, HostStatus.FAILED, Stage.POWER_ON, Cause.TIMEOUT, "stayed Off", safety=Safety.ARMED))
    assert ": retry from Power on, retry from Power off, " in named(model, [name])
    assert KeyLabels(model, [name]).of_hosts(BY_NAME["retry"], Room.LEAST) == "retry from ON"
    assert question(BY_NAME["retry"], [model.hosts[name]]).title.endswith(", failed at Power on, from Power on?")
    model.apply(HostChanged(NOW, name, HostStatus.FAILED, Stage.INSTALL, Cause.INSTALL_TIMEOUT, "x", safety=Safety.INSTALLING))
    assert ": retry by watching longer, retry from Power off, " in named(model, [name])
    assert ": retry 12, retry 12 from Power off, " in named(model, of(model, HostStatus.FAILED)), "not all from the same stage"


def test_a_long_name_leaves_the_keys_their_room() -> None:
    model = rollout(60)
    host = next(iter(model.hosts.values()))
    model.hosts["compute-of-some-other-lab-0001.example.com"] = host
    host.name = "compute-of-some-other-lab-0001.example.com"
    assert KeyLabels(model, [host.name]).subject == "this host"


def test_p_is_what_it_would_do_now_and_q_ends_no_rollout() -> None:
    model = rollout(60)
    labels, pause, leave = KeyLabels(model, []), BY_NAME["pause"], BY_NAME["leave"]
    assert labels.of_screen(pause) == "pause new hosts"
    model.apply(Paused(NOW, "admission", True, "me", ""))
    assert labels.of_screen(pause) == "resume new hosts"
    model.paused.clear()
    model.counts[HostStatus.QUEUED] = 0
    assert not labels.of_screen(pause), "no host is left to begin"
    words = [labels.of_screen(leave, room) for room in sorted(Room, reverse=True)]
    assert words == [*["leave, rollout continues"] * 2, "leave, rollout runs", "leave screen", "leave"]
    model.time.carried = False
    assert labels.of_screen(leave) == "leave screen", "nobody runs it"


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (
            (160, 40),
            "retry from Power off  d disarm, stays failed  s disarm, becomes skipped  │ enter details  p pause new hosts  ? help  "
            "q leave, rollout continues",
        ),
        ((120, 40), "from Power off  d disarm, stays failed  s disarm, becomes skipped  │ ? help  q leave, rollout runs"),
        ((80, 24), "from OFF  d disarm  s disarm, skip  │ ? help  q leave screen"),
        ((60, 16), "from OFF  d disarm  │ ? help  q leave"),
    ],
)
async def test_what_matters_for_an_armed_host_has_room_everywhere(size: tuple[int, int], words: str) -> None:
    async with desk(size=size) as d:
        (armed,) = d.model.left_armed
        assert d.app.table.cursor == armed
        line = d.lines("footer")[1]
        assert line.startswith(f" {armed[:7]}: r retry from ") and words in line


async def test_on_a_screen_whose_q_goes_back_no_key_leaves() -> None:
    async with desk() as d:
        for key in ("F", "M", "v", "enter"):
            await d.press("escape", key)
            line = d.text.splitlines()[-1]
            assert line.startswith(" esc back  ") and "leave" not in line
