"""The log of one host: what happened, and each request with its answer. Equal lines that follow each other are one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rich.text import Text

from quads_tui.rollout.http_log import SHOWN_BODY, Exchange
from quads_tui.rollout.rollout_time import RolloutTime
from quads_tui.rollout.scrub import SECRETS
from quads_tui.rollout.stages import Stage, StageStatus
from quads_tui.rollout.state import HostState
from quads_tui.rollout.text import clean

from .line import cut, fitted
from .numbers import latency
from .palette import BAD, CURSOR, QUIET, STAGE_STYLES, STRONG, lifted
from .symbols import BRAILLE, Symbols

_REDFISH = "/redfish/v1"
_PATH, _SHORTEST_PATH = 80, 34  # cells of a path
_REST = 60  # cells of what stands beside it
_LINE = 400  # characters of one line of a body
_BODY_LINES = 200


@dataclass(frozen=True, slots=True)
class LogEntry:
    """`at`, `until`: real time of the first and the last of `count` equal ones. `exchange`: the last one; None: an event."""

    at: float
    until: float
    stage: Stage | None
    text: str
    bad: bool = False
    count: int = 1
    exchange: Exchange | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """Entries with the same one are equal."""
        one = self.exchange
        return (self.stage, self.text) if one is None else (one.method, one.path, one.status, one.error)


def entries(host: HostState, exchanges: Iterable[Exchange]) -> list[LogEntry]:
    """The oldest first, equal ones folded."""
    found = [LogEntry(one.at, one.at, one.stage, one.text, _is_bad(one.text)) for one in host.timeline]
    for exchange in exchanges:
        answer = str(exchange.status) if exchange.status else "no answer"
        words = f"{exchange.method:<5} {exchange.path}  {answer}" + (f"  {exchange.error}" if exchange.error else "")
        bad = not exchange.status or exchange.status >= 400
        found.append(LogEntry(exchange.at, exchange.at, None, words, bad, exchange=exchange))
    folded: list[LogEntry] = []
    for entry in sorted(found, key=lambda entry: entry.at):
        if folded and folded[-1].key == entry.key:
            last = folded[-1]
            folded[-1] = replace(last, until=entry.at, count=last.count + 1, exchange=entry.exchange)
        else:
            folded.append(entry)
    return folded


def _is_bad(text: str) -> bool:
    return text.startswith(StageStatus.FAILED.value)


def matching(found: Sequence[LogEntry], words: str) -> list[LogEntry]:
    """Those that contain all the words, whatever their case."""
    wanted = words.lower().split()
    return [one for one in found if all(word in f"{one.stage.short if one.stage else ''} {one.text}".lower() for word in wanted)]


def log_line(
    entry: LogEntry,
    width: int,
    time: RolloutTime,
    *,
    cursor: bool = False,
    symbols: Symbols = BRAILLE,
) -> Text:
    """Exactly `width` cells."""

    def ink(style: str) -> str:
        return lifted(style) if cursor else style

    line = Text(symbols.cursor if cursor else " ", style=CURSOR if cursor else "").append(
        f"{time.time_of_day(entry.at)} ", ink(QUIET)
    )
    if entry.exchange is None:
        style = ink(STAGE_STYLES[entry.stage]) if entry.stage else ""
        line.append(f"{entry.stage.short if entry.stage else '':<4}", style).append(entry.text, ink(BAD) if entry.bad else "")
    else:
        one, path = entry.exchange, min(_PATH, max(_SHORTEST_PATH, width - _REST))
        answer = str(one.status) if one.status else "no answer"
        where = one.path.removeprefix(_REDFISH) or one.path  # all of a BMC begins so, and the end tells more
        took = latency(one.seconds * time.speed_at(one.at))
        words = f"    {one.method:<6} {cut(where, path, symbols.ellipsis)}  {answer:>3}"
        line.append(words, ink(BAD) if entry.bad else ink(QUIET)).append(f"  {took:>6}", ink(QUIET))
        line.append(f"  {one.error}" if one.error else "", ink(BAD))
    if entry.count > 1:
        line.append(f"  {entry.count} times", ink(STRONG))
        until = f" until {time.time_of_day(entry.until)}"
        line.append(until if line.cell_len + len(until) <= width else "", ink(QUIET))
    return fitted(line, width, ellipsis=symbols.ellipsis)


def body_lines(exchange: Exchange) -> list[str]:
    """The answer's body in printable lines, known secrets masked; JSON that is whole is indented."""
    if not exchange.body:
        return []
    text = SECRETS.scrub(exchange.body.decode(errors="replace"))[:SHOWN_BODY]
    try:
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        pass  # no JSON, or cut
    return [_indented(line) for line in text.splitlines()[:_BODY_LINES]]


def _indented(line: str) -> str:
    depth = len(line) - len(line.lstrip(" "))
    return " " * min(depth, 40) + clean(line, _LINE)
