"""Where the time of one host went: a bar of its stages to scale, and a table of them beside their usual time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from quads_tui.rollout.durations import DurationStats
from quads_tui.rollout.stage_spans import StageSpan
from quads_tui.rollout.stages import Stage
from quads_tui.rollout.state import HostState, Rollout

from .line import cut, fitted
from .numbers import duration, measured
from .palette import AREA, QUIET, STAGE_STYLES, STRONG
from .shares import cells_of
from .symbols import BRAILLE, Symbols

_SEEN = 3  # samples from which on it is known how long a stage usually takes
_PAUSE = 1.0  # rollout seconds between two attempts that are worth a line
TABLE = 51  # cells of the table
TURN, BETWEEN = "write queue", "before retry"


@dataclass(frozen=True, slots=True)
class Part:
    """A time of the host. `stage`: None where it waited. `began`: real time; `seconds`: the rollout's own."""

    words: str
    stage: Stage | None
    began: float
    seconds: float


def parts(host: HostState, rollout: Rollout, now: float) -> list[Part]:
    """From its first stage on, in their order; `now` is real time."""
    found: list[Part] = []
    until: float | None = None  # real time, of the last one
    for span in host.spans:
        if until is not None and (span.began - until) * rollout.speed > _PAUSE:
            found.append(_part(BETWEEN, None, until, span.began, rollout))
        until = max(span.began, span.ended if span.ended is not None else now)
        found += _of_span(span, until, rollout)
    return found


def _of_span(span: StageSpan, until: float, rollout: Rollout) -> list[Part]:
    if span.stage is not Stage.FOREMAN_BUILD:
        return [_part(span.stage.label, span.stage, span.began, until, rollout)]
    written = min(until, span.written if span.written is not None else until)
    turn = [_part(TURN, None, span.began, written, rollout)]
    return turn if span.written is None else [*turn, _part(span.stage.label, span.stage, written, until, rollout)]


def _part(words: str, stage: Stage | None, began: float, ended: float, rollout: Rollout) -> Part:
    return Part(words, stage, began, max(0.0, ended - began) * rollout.speed)


def not_started_for(host: HostState, rollout: Rollout, now: float) -> float:
    """Rollout seconds from the rollout's start to the host's first stage."""
    began = host.spans[0].began if host.spans else now
    return max(0.0, began - rollout.started_at) * rollout.speed if rollout.started_at else 0.0


def title(host: HostState, rollout: Rollout, now: float) -> str:
    """Not started for 34 min, then 38 min under way so far."""
    waited = duration(not_started_for(host, rollout, now))
    if not host.spans:
        return f"not started for {waited}"
    took = duration(sum(part.seconds for part in parts(host, rollout, now)))
    return f"not started for {waited}, then {took} under way{'' if host.status.is_final else ' so far'}"


def bar(host: HostState, rollout: Rollout, now: float, width: int, symbols: Symbols = BRAILLE) -> list[Text]:
    """The bar, and under it when it begins and ends and, of the install, the usual time and when it is overdue.

    Nothing before the first stage.
    """
    found = parts(host, rollout, now)
    total = sum(part.seconds for part in found)
    if not found or total <= 0:
        return []
    usual, late = _limits(host, rollout)
    room = width - 2
    line = Text(" ")
    place = 0
    marks: list[tuple[int, str]] = []
    for cells, part in zip(cells_of([part.seconds for part in found], room), found, strict=True):
        glyph = symbols.heights[part.stage] if part.stage else symbols.none
        style = STAGE_STYLES[part.stage] if part.stage else QUIET
        if part.stage is Stage.INSTALL and part.seconds:
            full = min(cells, round(cells * late / part.seconds)) if late else cells
            line.append(glyph * full, style).append(glyph * (cells - full), AREA)
            if usual and usual <= part.seconds:
                marks.append((place + round(cells * usual / part.seconds), f"usually {duration(usual)}"))
            if late and late <= part.seconds:
                marks.append((place + full, f"overdue from {duration(late)} on"))
        else:
            line.append(glyph * cells, style)
        place += cells
    ends = "now" if not host.status.is_final else rollout.time.time_of_day(found[-1].began + found[-1].seconds / rollout.speed)
    ticks = Text(f" {rollout.time.time_of_day(found[0].began)} ", QUIET)
    kept = ""  # words that have room neither behind their mark nor before it
    for number, (place, words) in enumerate(marks):
        place, words, kept = min(place, room) + 1, f"{kept}{words}", ""
        ends_at = marks[number + 1][0] + 1 if number + 1 < len(marks) else width - len(ends) - 2
        free = place - ticks.cell_len
        if free < 0:
            continue
        behind = place + len(words) + 2 <= ends_at
        before = "" if behind or free < len(words) + 1 else f"{words} "
        kept = "" if behind or before else f"{words}, "
        ticks.append(before.rjust(free)).append(f"{symbols.box[-1]}{f'{words} ' if behind else ''}", QUIET)
    return [fitted(line, width), fitted(ticks, width, Text(f"{ends} ", QUIET), ellipsis=symbols.ellipsis)]


def _limits(host: HostState, rollout: Rollout) -> tuple[float, float]:
    """Rollout seconds that an install of its kind usually takes, and from which on it is overdue; 0: not known."""
    return usual(rollout.durations, host, Stage.INSTALL), rollout.durations.expected.overdue_after.get(host.name) or 0.0


def usual(durations: DurationStats, host: HostState, stage: Stage | None) -> float:
    """Rollout seconds; 0: not known."""
    samples = durations.samples(host.model, stage) if stage is not None else ()
    return samples.quantile(0.5) if samples and len(samples) >= _SEEN else 0.0


def table(host: HostState, rollout: Rollout, now: float, symbols: Symbols = BRAILLE) -> list[Text]:
    """A line for each stage: when it first began, what it took over all attempts, and what it usually takes."""
    head = f" {'STAGE':<19}{'BEGAN':<9}{'TOOK':>11}{'USUALLY':>11}"
    lines = [Text(cut(head, TABLE), QUIET)]
    waited = not_started_for(host, rollout, now)
    lines.append(_row(symbols.none, "", QUIET, "not started", rollout.started_at, waited, 0.0, rollout))
    for words, of in _grouped(parts(host, rollout, now)):
        stage, seconds = of[0].stage, sum(part.seconds for part in of)
        mark, style = (symbols.heights[stage], STAGE_STYLES[stage]) if stage else (symbols.none, QUIET)
        short = stage.short if stage else ""
        known = usual(rollout.durations, host, stage)
        lines.append(_row(mark, short, style, words, of[0].began, seconds, known, rollout))
    return lines


def _grouped(found: Sequence[Part]) -> list[tuple[str, list[Part]]]:
    groups: dict[str, list[Part]] = {}
    for part in found:
        groups.setdefault(part.words, []).append(part)
    return list(groups.items())


def _row(mark: str, short: str, style: str, words: str, began: float, seconds: float, known: float, rollout: Rollout) -> Text:
    line = Text(" ").append(f"{mark} ", style).append(f"{short:<4}", style).append(f"{words:<13}")
    line.append(f"{rollout.time.time_of_day(began) if began else '':<9}", QUIET)
    slow = known and seconds > 2 * known
    line.append(f"{measured(seconds):>11}", STRONG if slow else "").append(f"{duration(known) if known else '':>11}", QUIET)
    return fitted(line, TABLE)


def short_line(host: HostState, rollout: Rollout, now: float, width: int, symbols: Symbols = BRAILLE) -> Text:
    """The same in one line, for low terminals."""
    line = Text(" ")
    for words, of in _grouped(parts(host, rollout, now)):
        stage, seconds = of[0].stage, sum(part.seconds for part in of)
        line.append(f"{stage.short if stage else words} ", STAGE_STYLES[stage] if stage else QUIET)
        line.append(f"{measured(seconds)}  ")
    return fitted(line, width, ellipsis=symbols.ellipsis)
