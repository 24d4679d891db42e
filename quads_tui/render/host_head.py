"""One host at the top of its screen: which it is, how it stands, why, what comes next, and whether its machine is verified."""

from __future__ import annotations

from textwrap import wrap

from rich.text import Text

from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import HostState, Rollout

from .detail import next_step
from .line import cut, fitted
from .numbers import duration
from .palette import ARMED, BAD, OVERDUE, QUIET, RULE, STAGE_STYLES, STRONG, STYLES
from .symbols import BRAILLE, Symbols
from .wait_reason import HostWord

_GAP = "   "
_LABEL = 11  # cells
_WIDE = 100  # cells from which on the full name and the BMC have room in the first line
_MOST = 2  # lines of one fact


def name_line(host: HostState, rollout: Rollout, *, now: float, width: int, word: HostWord, symbols: Symbols = BRAILLE) -> Text:
    """Which host it is; at the right edge how it stands, where, and for how long. `now`: real time."""
    line = Text(" ").append(host.short if width < _WIDE else host.name, STRONG)
    facts = [
        host.model,
        host.cloud,
        f"attempt {host.attempt}" if host.attempt else "",
        f"BMC {host.address}" if width >= _WIDE else "",
    ]
    line.append("".join(f"{_GAP}{fact}" for fact in facts if fact), QUIET)
    right = Text()
    if word in (HostWord.ARMED, HostWord.OVERDUE):
        right.append(f" {word.value} ", ARMED if word is HostWord.ARMED else OVERDUE).append("  ")
    else:
        words = "not started" if host.status is HostStatus.QUEUED and not host.attempts else word.value
        right.append(f"{words}  " if words else "", STYLES[host.status] if host.status.is_final else "")
    if host.stage:
        right.append(f"{host.stage.short if width < _WIDE else host.stage.label} ", STAGE_STYLES[host.stage])
    seconds = (now - host.since) * rollout.speed if host.since else 0.0
    right.append(f"{duration(seconds)} " if seconds >= 1 else "", STRONG)
    return fitted(line, width, right, ellipsis=symbols.ellipsis)


def state_lines(host: HostState, rollout: Rollout, *, now: float, width: int, why: str) -> list[Text]:
    """Why it stands so, what it was left as, what comes next, and its machine. `why`: in words."""
    lines: list[Text] = []
    if host.cause:
        lines += _fact("cause", f"{host.cause.value}: {host.reason}", width, BAD)
    elif host.status.is_final and host.reason:
        lines += _fact("reason", host.reason, width)
    if host.left_behind:
        lines += _fact("afterwards", host.left_behind, width, BAD if host.armed else "")
    elif host.armed:
        lines += _fact("now", "ARMED: the next boot reinstalls the host", width, BAD)
    lines += _fact("next", next_step(host, now=now, time=rollout.time, why=why), width)
    if host.hooks:
        lines += _fact("hooks", ", ".join(f"{name} {'done' if ok else 'failed'}" for name, ok in host.hooks.items()), width)
    where = f"BMC {host.address}; " if host.address and width < _WIDE else ""  # else it stands beside the name
    return [*lines, *_fact("machine", f"{where}{machine_words(host)}", width)]


def machine_words(host: HostState) -> str:
    """Whether the machine behind the BMC is Foreman's host, and by what that is known."""
    why = host.unverified
    if not host.machine:
        return f"not verified: {why}" if why else "not identified yet"
    if why:
        return f"not verified: {why}; the BMC reports {host.machine}"
    return f"verified by a MAC that Foreman has of this host: {host.machine}"


def rule(title: str, words: str, width: int, symbols: Symbols = BRAILLE) -> Text:
    """A line with a title."""
    line = Text().append(f" {symbols.box[4] * 2} ", RULE).append(title, STRONG).append(f"  {words} " if words else " ", QUIET)
    line.append(symbols.box[4] * max(0, width - line.cell_len - 1), RULE)
    return fitted(line, width, ellipsis=symbols.ellipsis)


def _fact(label: str, words: str, width: int, style: str = "") -> list[Text]:
    """At most two lines, the label before the first."""
    wrapped = wrap(words, width - _LABEL - 2, max_lines=_MOST, placeholder=" ...") or [""]
    return [
        Text().append(f" {'' if number else label:<{_LABEL}}", QUIET).append(cut(part, width - _LABEL - 1), style)
        for number, part in enumerate(wrapped)
    ]
