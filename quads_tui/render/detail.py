"""One host in full: facts, stages, what comes next, and its history with every exchange."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap

from rich.text import Text

from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.learned import HostResult
from quads_tui.rollout.retries import retry_effect
from quads_tui.rollout.rollout_time import RolloutTime
from quads_tui.rollout.stages import HostStatus, Kind, Stage
from quads_tui.rollout.state import HostState
from quads_tui.rollout.time_words import date_and_time

from .comments import comment_lines
from .host_history import outcome
from .host_log import entries, log_line
from .host_row import glyph
from .line import cut
from .numbers import duration, measured
from .palette import ATTENTION, BAD, STRONG, STYLES
from .symbols import BRAILLE, Symbols

_COMMENTS = 3  # of a host, the newest; all are in its history


def detail_head(
    host: HostState, *, now: float, time: RolloutTime, width: int, why: str = "", symbols: Symbols = BRAILLE
) -> list[Text]:
    """Who it is, how it stands, what failed and what comes next. `why`: why it waits, in words."""
    cloud = f"  {host.cloud}" if host.cloud else ""
    head = Text(cut(f" {host.name}{cloud}  {host.model}  BMC {host.address}", width), STRONG)
    state = f" {host.status.label.upper()}" + (f" at {host.stage.label}" if host.stage else "")
    state += f", attempt {host.attempt}" if host.attempt else ""
    if host.since and not host.status.is_final:
        state += f", for {duration((now - host.since) * time.speed)}"
    state += "  ARMED: the next boot reinstalls the host" if host.armed else ""
    lines = [head, Text(cut(state, width), STYLES[host.status])]
    if host.cause:
        lines += _wrapped(f"cause {host.cause.value}: {host.reason}", width, STYLES[host.status])
    if host.left_behind and (not host.armed or host.not_disarmed):  # that it is armed stands above
        lines += _wrapped(f"afterwards: {host.left_behind}", width, STYLES[host.status])
    stages = "  ".join(f"{glyph(host, s, symbols)} {s.label} {host.attempts.get(s, '')}" for s in Stage)
    lines.append(Text(cut(f" {stages}", width)))
    if host.hooks:
        hooks = ", ".join(f"{name} {'done' if ok else 'failed'}" for name, ok in host.hooks.items())
        lines.append(Text(cut(f" hooks: {hooks}", width)))
    for words in comment_lines(host, time)[-_COMMENTS:]:
        lines += _wrapped(words, width, STRONG)
    return lines + _wrapped(f"next: {next_step(host, now=now, time=time, why=why)}", width, ATTENTION)


def past_lines(results: Sequence[HostResult], width: int, most: int) -> list[Text]:
    """Its last rollouts, at most `most`: when, the outcome, and what each stage took. Nothing where there is none."""
    lines = [Text(cut(f" earlier rollouts of this host: {len(results)}", width), STRONG)] if results else []
    for one in results[:most]:
        took = "  ".join(f"{stage.short} {measured(one.seconds[stage])}" for stage in Stage if stage in one.seconds)
        style = BAD if one.status is HostStatus.FAILED else ""
        lines.append(Text(cut(f"   {date_and_time(one.at)}  {outcome(one)}  {took}", width), style))
    return lines


def _wrapped(text: str, width: int, style: str) -> list[Text]:
    """At most three lines."""
    lines = wrap(text, width - 2, max_lines=3, placeholder=" ...")
    return [Text(cut(f" {line}", width), style) for line in lines]


def next_step(host: HostState, *, now: float, time: RolloutTime, why: str = "") -> str:
    """What happens to the host by itself, or which keys lead on from here."""
    if host.status is HostStatus.WAITING and host.until:
        return f"retrying at {time.clock(host.until, now)}, in {duration(max(0.0, host.until - now) * time.speed)}"
    if host.repair is not None:
        return f"{host.repair.label} under way: {host.note}"
    if host.status is HostStatus.FAILED:
        first = host.kind.stages[0].label + (" (reinstalls)" if host.kind is Kind.BUILD else "")
        if host.stage is None or retry_effect(host).from_first_stage:
            retry = f"r retries from {first}"
        else:
            retry = f"r retries from {host.stage.label}, R from {first}"
        rest = "s disarms and skips the host, d only disarms it" if host.armed else "s skips the host"
        return f"waiting for an operator: {retry}, {rest}"
    if host.status is HostStatus.HELD:
        return "waiting for an operator: h releases the host"
    if host.status is HostStatus.SKIPPED:
        return "out of the rollout: u returns the host to the rollout"
    if host.status is HostStatus.DONE:
        return "nothing, the host is done"
    return why or host.note or ("queued" if host.status is HostStatus.QUEUED else "in progress")


def history(host: HostState, exchanges: Iterable[Exchange], width: int, time: RolloutTime) -> list[Text]:
    """Its log, the oldest first, equal lines folded."""
    return [log_line(entry, width, time) for entry in entries(host, exchanges)]


def as_text(host: HostState, exchanges: Iterable[Exchange], *, now: float, time: RolloutTime) -> str:
    """The same as plain text, for a ticket."""
    lines = [*detail_head(host, now=now, time=time, width=200), *history(host, exchanges, 200, time)]
    lines += [Text(f" rehearsal at {time.speed_words}: all times are emulated")] if time.speed_words else []
    return "\n".join(line.plain.rstrip() for line in lines)
