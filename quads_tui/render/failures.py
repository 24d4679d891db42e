"""Failures by cause: the lines below the table, or the box beside the graphs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from rich.style import Style
from rich.text import Text

from quads_tui.rollout.stages import Stage
from quads_tui.rollout.state import FailureGroup, Rollout

from .line import fitted
from .names import brief
from .numbers import count
from .palette import BAD, CURSOR, QUIET, RULE, STAGE_STYLES, STRONG, lifted
from .reasons import cause_words, fitting, reason_ways
from .symbols import BRAILLE, Symbols

_STAGE = max(len(stage.label) for stage in Stage)  # cells
_TWO_COLUMNS = 110  # cells from which on two causes stand side by side


def groups(rollout: Rollout) -> list[FailureGroup]:
    """Failures by stage and cause, most hosts first."""
    return sorted(rollout.groups.values(), key=lambda group: (-len(group.hosts), group.since))


Key = tuple[str, str, str]


def key_of(group: FailureGroup) -> Key:
    """What stays when hosts join the group or leave it: the meta "group" of the texts that stand for it."""
    return str(group.stage), group.cause.value, group.reason


_ALL = Style.from_meta({"run": "causes"})  # a click on it shows all causes


@lru_cache(maxsize=64)
def _standing_for(key: Key) -> Style:
    """Kept, since rich makes bytes of each meta."""
    return Style.from_meta({"group": key})


def left_as(rollout: Rollout, group: FailureGroup) -> str:
    """What its hosts were left as, the most first: "2 powered off, 1 STILL ARMED"."""
    counts = Counter(rollout.hosts[name].safety for name in group.hosts)
    return ", ".join(f"{count} {safety.short}" for safety, count in counts.most_common())


def summary(rollout: Rollout) -> str:
    """14 hosts, 7 causes."""
    hosts = sum(len(group.hosts) for group in rollout.groups.values())
    return f"{count(hosts, 'host')}, {count(len(rollout.groups), 'cause')}"


def failures(rollout: Rollout, width: int, height: int, now: float, symbols: Symbols = BRAILLE) -> list[Text]:
    """What does not answer now, a rule with the title, and the groups: at most `height` lines and the rule; else nothing. The
    groups stand in two columns where there is room. `now`: real time."""
    outages = outage_lines(rollout, width, height, now, symbols)
    found, height = groups(rollout), max(1, height - len(outages))
    if not found:
        return outages
    head = Text().append(f" {symbols.box[4] * 2} ", RULE).append("Failures by cause", STRONG)
    head.append(f"  {summary(rollout)} (F: details) ", QUIET)
    head.stylize(_ALL)
    head.append(symbols.box[4] * max(0, width - head.cell_len - 1), RULE)
    if width < _TWO_COLUMNS:
        return [*outages, fitted(head, width), *_column(found, width, height, symbols)]
    half = width // 2
    rows = min(height, -(-len(found) // 2))
    left, right = _column(found[:rows], half, rows, symbols), _column(found[rows:], width - half, rows, symbols)
    right += [Text(" " * (width - half))] * (len(left) - len(right))
    return [*outages, fitted(head, width), *(Text.assemble(*pair) for pair in zip(left, right, strict=True))]


def outage_lines(rollout: Rollout, width: int, height: int, now: float, symbols: Symbols = BRAILLE) -> list[Text]:
    """Each service or rack that does not answer now, one incident each."""
    lines = rollout.outage_lines(now)[:height]
    return [fitted(Text().append(f" {words}", BAD), width, ellipsis=symbols.ellipsis) for words in lines]


def failures_line(rollout: Rollout, width: int, now: float, symbols: Symbols = BRAILLE) -> list[Text]:
    """What does not answer now, and the biggest groups in one line; nothing without any."""
    outages = outage_lines(rollout, width, 2, now, symbols)
    found = groups(rollout)
    if not found:
        return outages
    line, shown = Text(" causes ", QUIET), 0
    for group in found:
        part = Text("  ").append(f"{len(group.hosts)}", BAD).append(" at ", QUIET)
        part.append_text(_stage(group)).append(f": {cause_words(group.stage, group.cause)}")
        if line.cell_len + part.cell_len + len("  F: 99 more ") > width:
            break
        part.stylize(_standing_for(key_of(group)))
        line.append_text(part)
        shown += 1
    more = len(found) - shown
    rest = Text(f"F: {more} more " if more else "", QUIET)
    rest.stylize(_ALL)
    return [*outages, fitted(line, width, rest, ellipsis=symbols.ellipsis)]


def _column(found: Sequence[FailureGroup], width: int, height: int, symbols: Symbols) -> list[Text]:
    """As many as fit; the last line says how many more there are."""
    lines = [group_line(group, width, symbols=symbols) for group in found[:height]]
    if len(found) > height and lines:
        lines[-1] = fitted(Text(f"   and {count(len(found) - height + 1, 'more cause')} ", QUIET), width)
        lines[-1].stylize(_ALL)
    return lines


def _stage(group: FailureGroup) -> Text:
    return Text(group.stage.short, STAGE_STYLES[group.stage]) if group.stage else Text("the start", QUIET)


def group_line(group: FailureGroup, width: int, *, cursor: bool = False, since: str = "", symbols: Symbols = BRAILLE) -> Text:
    """How many hosts, in which stage, the reason as the first one had it, and its name. `since`: a clock time, shown with the
    cause."""

    def ink(style: str) -> str:
        return lifted(style) if cursor else style

    first = brief(next(iter(group.hosts)))
    more = f", {symbols.ellipsis}" if len(group.hosts) > 1 else ""
    line = Text(f"{symbols.cursor if cursor else ' '}{len(group.hosts):>2}", ink(BAD)).append(" at ", ink(QUIET))
    if group.stage is None:
        line.append(f"{'not started':<{_STAGE}}", ink(QUIET))
    else:
        line.append(f"{group.stage.label:<{_STAGE}}", ink(STAGE_STYLES[group.stage]))
    if since:
        line.append(f" {group.cause.value:15}", ink(QUIET)).append(f" since {since}", ink(QUIET))
    right = Text(f"{first}{more} ", ink(QUIET))
    room = width - line.cell_len - right.cell_len - 2
    ways = (group.reason,) if since else reason_ways(group.stage, group.cause, group.reason)
    words = fitting(ways, room, symbols.ellipsis)
    if words not in ways and (whole := fitting(ways, width - line.cell_len - 1, symbols.ellipsis)) in ways:
        words, right = whole, Text()  # the hosts stand in the table too
    line = fitted(line.append(f" {words}"), width, right, ellipsis=symbols.ellipsis)
    line.style = CURSOR if cursor else ""
    line.stylize(_standing_for(key_of(group)))
    return line
