"""What came of a rollout once no host moves by itself any more, what to press now, and what to type later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich.text import Text

from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import Rollout

from .boxes import box
from .header import left_armed
from .line import cut, fitted
from .numbers import count, duration
from .palette import ARMED, BAD, QUIET, STAGE_STYLES, STRONG, STYLES
from .symbols import BRAILLE, Symbols

_GAP = "   "
_LABEL = 16  # cells of the counts
_KEY = 10  # cells of the keys
_NAMES = 5  # of armed hosts
_SEEN = 3  # installs from which on it is known how long they usually take
COMPACT = 30  # rows of the terminal below which the panel is short


def keys(rollout: Rollout) -> list[tuple[str, str]]:
    """What to press now: the keys, and what they do."""
    failed, armed = rollout.counts[HostStatus.FAILED], left_armed(rollout)
    found = []
    if armed:
        found.append(("d", "disarm the host under the cursor"))
    if failed:
        found.append(("f, *, r", f"retry all {failed} failed hosts" if failed > 1 else "retry the failed host"))
        found.append(("F", "failures by cause; r there retries one cause"))
    if rollout.counts[HostStatus.HELD]:
        found.append(("H", "release the held host under the cursor"))
    return [*found, ("E", "hide or show this panel"), ("q", "leave screen; the result is kept")]


def commands(rollout: Rollout) -> list[tuple[str, str]]:
    """What to type later, in a shell."""
    where = f" --cluster {rollout.cluster}" if rollout.cluster else ""
    found = [(f"quads-tui report {rollout.id}{where}", "a report; --format html, json")]
    if any(rollout.counts[status] for status in (HostStatus.FAILED, HostStatus.HELD, HostStatus.SKIPPED)):
        found.append((f"quads-tui resume {rollout.id} --failed{where}", "retries failed, held and skipped hosts"))
    if not rollout.settled:
        found.append((f"quads-tui resume {rollout.id}{where}", "continue"))
    return [*found, (f"quads-tui watch {rollout.id}{where}", "this screen, read-only")]


def end_panel(rollout: Rollout, *, now: float, width: int, height: int, control: bool, symbols: Symbols = BRAILLE) -> list[Text]:
    """`height`: of the terminal; `control`: keys that change the rollout work here."""
    took = Text(f"took {duration(rollout.seconds(now))}", STRONG)
    title = Text().append("Rollout ended" if rollout.settled else "Rollout stopped", STRONG).append(f"{_GAP}{rollout.id}", QUIET)
    inner = width - 2
    facts = _facts(rollout, now, inner, symbols)
    now_keys = keys(rollout) if control else keys(rollout)[-2:]
    if height < COMPACT or width < 100:
        line = Text()
        for key, what in now_keys:
            if key in ("f, *, r", "F", "q"):
                line.append(f" {key}", STRONG).append(f" {what.partition(';')[0]}  ")
        later = [Text(f" {command}", STRONG) for command, _ in commands(rollout)[:2]]
        return box(title, took, [*facts, line, *later], ("", "", "E or esc hides"), width, symbols)
    blank = Text()
    half = inner // 2
    left = [Text(" NOW", QUIET), *(_pair(key, what, _KEY, half) for key, what in now_keys)]
    longest = max(len(command) for command, _ in commands(rollout)) + 2
    right = [Text(" LATER, FROM A SHELL", QUIET), *(_pair(one, what, longest, inner - half) for one, what in commands(rollout))]
    rows = max(len(left), len(right))
    pairs = zip([*left, *[blank] * (rows - len(left))], [*right, *[blank] * (rows - len(right))], strict=True)
    beside = [
        fitted(one, half, ellipsis=symbols.ellipsis).append_text(fitted(other, inner - half, ellipsis=symbols.ellipsis))
        for one, other in pairs
    ]
    return box(title, took, [blank, *facts, blank, *beside, blank], ("", "", "E or esc hides"), width, symbols)


def end_sentences(rollout: Rollout, now: float) -> list[str]:
    """The same for who has no screen; without its keys."""
    counts = rollout.counts
    done = f"{counts[HostStatus.DONE]} of {count(len(rollout.hosts), 'host')} done"
    lines = [f"The rollout took {duration(rollout.seconds(now))}: {done}."]
    if failed := counts[HostStatus.FAILED]:
        at = ", ".join(f"{number} at {stage.label if stage else 'the start'}" for stage, number in _failed_at(rollout))
        lines.append(f"{count(failed, 'host')} failed: {at}; {count(len(rollout.groups), 'cause')}.")
    if armed := [name for name in rollout.armed if rollout.hosts[name].status.is_final]:
        lines.append(f"ARMED, the next boot reinstalls them: {_names(armed)}.")
    lines += [f"Later, {what}: {command}" for command, what in commands(rollout)]
    return lines


def _facts(rollout: Rollout, now: float, width: int, symbols: Symbols) -> list[Text]:
    counts = rollout.counts
    lines = [_count(symbols.done, STYLES[HostStatus.DONE], counts[HostStatus.DONE], "done", _done(rollout, now))]
    for short in (False, True):
        failed = _count(symbols.failed, BAD, counts[HostStatus.FAILED], "failed", _where_failed(rollout, short=short))
        if failed.cell_len <= width:
            break
    lines.append(failed)
    armed = [name for name in rollout.armed if rollout.hosts[name].status.is_final]
    if armed:
        words = (
            Text().append(_names(armed), STRONG).append(f"{_GAP}the next boot reinstalls {'it' if len(armed) == 1 else 'them'}")
        )
        lines.append(_count("A", ARMED, len(armed), "armed", words))
    rest = [(counts[status], status.value) for status in (HostStatus.SKIPPED, HostStatus.HELD) if counts[status]]
    unfinished = sum(counts[status] for status in HostStatus if not status.is_final)
    rest += [(unfinished, "unfinished")] if unfinished else []
    if rest:
        lines.append(Text(f" {symbols.none} {', '.join(f'{number} {what}' for number, what in rest)}", QUIET))
    return [fitted(line, width, ellipsis=symbols.ellipsis) for line in lines]


def _where_failed(rollout: Rollout, *, short: bool) -> Text:
    line = Text()
    for number, (stage, hosts) in enumerate(_failed_at(rollout)):
        line.append(_GAP if number else "").append(f"{hosts}", STRONG).append(" at ", QUIET)
        words = "the start" if stage is None else stage.short if short else stage.label
        line.append(words, STAGE_STYLES[stage] if stage else "")
    return line.append(f"{_GAP}{count(len(rollout.groups), 'cause')}" if line.plain else "", QUIET)


def _count(mark: str, style: str, number: int, word: str, words: Text) -> Text:
    line = Text(" ").append(mark, style if number else QUIET).append(f" {number:,}", STRONG if number else QUIET)
    line.append(f" {word}", "" if number else QUIET)
    return line.append(" " * max(1, _LABEL - line.cell_len)).append_text(words)


def _done(rollout: Rollout, now: float) -> Text:
    """When the last one was done, and how long installs took."""
    last = max((host.since for host in rollout.hosts.values() if host.status is HostStatus.DONE), default=0.0)
    words = [f"the last at {rollout.time.clock(last, now)}"] if last else []
    samples = rollout.durations.samples(None, Stage.INSTALL)
    if len(samples) >= _SEEN:
        words.append(f"install usually {duration(samples.quantile(0.5))}, 90 % within {duration(samples.quantile(0.9))}")
    return Text("; ".join(words), QUIET)


def _failed_at(rollout: Rollout) -> list[tuple[Stage | None, int]]:
    """In the order of the stages."""
    found = Counter(host.stage for host in rollout.hosts.values() if host.status is HostStatus.FAILED)
    return [(stage, found[stage]) for stage in (None, *Stage) if found[stage]]


def _names(hosts: Iterable[str]) -> str:
    short = [host.partition(".")[0] for host in hosts]
    more = f" and {len(short) - _NAMES} more" if len(short) > _NAMES else ""
    return "  ".join(short[:_NAMES]) + more


def _pair(key: str, what: str, width: int, room: int) -> Text:
    line = Text().append(f" {cut(key, width)}", STRONG)
    return line.append(what, QUIET) if line.cell_len + len(what) <= room else Text(f" {key}", STRONG)
