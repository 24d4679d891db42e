"""Hosts with the same key have the same line: what is kept under it is never out of date."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable

import pytest

from quads_tui.render.host_row import Column, Columns, host_row, row_key
from quads_tui.render.line import StyledLine
from quads_tui.render.symbols import BRAILLE
from quads_tui.render.wait_reason import host_note, host_word
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import Event, HookRan, HostArmed, HostChanged, HostCommented, HostNote, RepairChanged, StageChanged
from quads_tui.rollout.forecast import forecast
from quads_tui.rollout.repairs import Repair, RepairStatus
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus
from quads_tui.rollout.state import HostState
from tests.console.feed import NOW, meters, rollout

HOOKS = ("switch", "tenant")
WORDS = ("waiting for Off", "Foreman 422: DHCP conflict (twice); asked again", "")


def event(luck: random.Random, host: str, number: int) -> Event:
    """Anything that happens to a host; later ones are of later attempts."""
    stage, words, text = luck.choice(list(Stage)), luck.choice(WORDS), luck.choice(WORDS) or "-"
    makers: list[Callable[[], Event]] = [
        lambda: HostNote(NOW, host, words),
        lambda: StageChanged(NOW, host, stage, luck.choice(list(StageStatus)), number // 300, 1.0, words),
        lambda: HostChanged(
            NOW, host, luck.choice(list(HostStatus)), stage, luck.choice(list(Cause)), words, None, luck.choice(list(Safety))
        ),
        lambda: HostArmed(NOW, host, luck.random() < 0.5),
        lambda: HookRan(NOW, host, luck.choice(HOOKS), "", luck.random() < 0.5, 1.0, ""),
        lambda: HostCommented(NOW, host, "jdoe@jump", text),
        lambda: RepairChanged(NOW, host, luck.choice(list(Repair)), luck.choice(list(RepairStatus)), "jdoe@jump", words),
    ]
    return luck.choice(makers)()


@pytest.mark.parametrize("width", [80, 133])
def test_hosts_with_the_same_key_have_the_same_line(width: int) -> None:
    luck, model, gauges = random.Random(1), rollout(60), meters()
    told, columns = forecast(model, gauges, NOW), Columns(width, tuple(Column), hooks=HOOKS, symbols=BRAILLE)
    lines: dict[Hashable, StyledLine] = {}
    again = 0

    def look(host: HostState) -> None:
        nonlocal again
        word, note = host_word(host, gauges, told), host_note(host, model, gauges, told, NOW)
        line = host_row(host, columns, now=NOW, speed=1.0, word=word, note=note)
        key = (row_key(host, note), host.since, word)
        again += key in lines
        assert lines.setdefault(key, line) == line

    few = list(model.hosts.values())[::10]
    for number in range(3000):
        host = luck.choice(few)
        model.apply(event(luck, host.name, number))
        look(host)
    assert again > 300, "events that change nothing of the line keep the key"
    assert len(lines) > 300
