"""The time that graphs show, from left to right, and its labels."""

from __future__ import annotations

from typing import NamedTuple

from rich.text import Text

from quads_tui.rollout.stage_history import StageCounts
from quads_tui.rollout.state import Rollout

from .numbers import duration
from .palette import QUIET, RULE
from .symbols import Symbols

_STEPS = tuple(60 * minutes for minutes in (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 360, 720, 1440))  # rollout seconds
_APART = 15  # cells of a label with the room to the next one
_LEAST = 60.0  # rollout seconds that are shown, also in the first of them


class TimeAxis(NamedTuple):
    """From when to when, in real time."""

    start: float
    end: float

    @classmethod
    def of(cls, rollout: Rollout, now: float, wanted: int) -> TimeAxis:
        """The last `wanted` rollout seconds, 0 for all; never more than there are."""
        end = rollout.ended_at or now
        start = rollout.started_at or end
        if wanted:
            start = max(start, end - wanted / rollout.speed)
        return cls(min(start, end - _LEAST / rollout.speed), end)

    def seconds(self, rollout: Rollout) -> float:
        """Rollout seconds."""
        return (self.end - self.start) * rollout.speed

    def counts(self, rollout: Rollout, columns: int) -> list[StageCounts | None]:
        """How the hosts stood at the end of each column; None before the start, and while no process ran the rollout."""
        history, width = rollout.stage_history, (self.end - self.start) / columns
        points = iter(history.points(rollout.stage_counts(self.end)))
        newest, following = None, next(points, None)
        found: list[StageCounts | None] = []
        for column in range(columns):
            until = self.end if column == columns - 1 else self.start + (column + 1) * width
            while following is not None and following.at <= until:
                newest, following = following, next(points, None)
            middle = until - width / 2
            gap = until <= rollout.started_at or any(since < middle < to for since, to in rollout.time.interruptions)
            found.append(None if gap else newest)
        return found

    def lines(self, rollout: Rollout, columns: int, clock: bool, symbols: Symbols) -> tuple[Text, Text]:
        """A line with ticks, and the words below it: clock times, or how long ago. Each `columns` cells wide."""
        shown = self.seconds(rollout)
        step = next((step for step in _STEPS if shown / step * _APART <= columns), _STEPS[-1])
        over = rollout.ended_at is not None or (clock and rollout.over_at is not None)
        last = "end" if over else "now"
        line, words = [symbols.box[-2]] * columns, [" "] * columns
        until = columns - len(last) - 1  # what is behind is free
        words[columns - len(last) :] = last
        line[-1] = symbols.box[-1]
        for number in range(int(shown / step) + 1):
            at = number * step if clock else shown - number * step
            cell = min(columns - 1, int(at / shown * columns))
            real = self.start + at / rollout.speed
            label = rollout.time.clock(real, self.end) if clock else f"-{duration(shown - at)}"
            if (clock or number) and cell + len(label) <= until:
                words[cell : cell + len(label)] = label
                line[cell] = symbols.box[-1]
        return Text("".join(line), RULE), Text("".join(words), QUIET)
