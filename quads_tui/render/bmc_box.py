"""What the BMC of a host told when an operator asked last."""

from __future__ import annotations

import re

from rich.text import Text

from quads_tui.rollout.state import HostState, Rollout

from .boxes import box
from .palette import BAD, QUIET, STRONG
from .symbols import BRAILLE, Symbols

_LABEL = 11  # cells


def bmc_box(host: HostState, rollout: Rollout, *, width: int, height: int, asks: bool, symbols: Symbols = BRAILLE) -> list[Text]:
    """Framed, `height` lines. `asks`: the key works here."""
    state = Text(f"asked {rollout.time.time_of_day(host.reported_at)}" if host.report else "", QUIET)
    lines = [Text().append(f" {label:<{_LABEL}}", QUIET).append(words, style) for label, words, style in facts(host)]
    if not lines:
        lines = [Text(" i asks the BMC: boot progress, last boot, event log" if asks else " not asked yet", QUIET)]
    key = "i asks again" if asks and host.report else ""
    room = height - 2
    lines += [Text()] * (room - len(lines))
    return box(Text("BMC", STRONG), state, lines[:room], ("", "", key), width, symbols)


def bmc_words(host: HostState, rollout: Rollout) -> list[str]:
    """The same, one fact a line."""
    if host.report is None:
        return []
    last, lines = "", []
    for label, words, _ in facts(host):
        last = label or last
        lines.append(f"BMC {last}: {words}.")
    return [f"BMC asked at {rollout.time.time_of_day(host.reported_at)}.", *lines]


def facts(host: HostState) -> list[tuple[str, str, str]]:
    """Label, words and style of each; empty where it was not asked. A log's further lines have no label."""
    report = host.report
    if report is None:
        return []
    if report.error:
        return [("no answer", report.error, BAD)]
    found = [
        ("power", report.power or "not reported", STRONG),
        ("boot", report.progress, STRONG),
        ("POST", report.post, ""),
        ("last boot", _bmc_time(report.last_reset), ""),
        ("next boot", report.override, ""),
    ]
    found = [(label, words, style) for label, words, style in found if words]
    found += [
        ("" if number else "event log", f"{_bmc_time(line.when, year=False)}  {line.text}".strip(), "")
        for number, line in enumerate(report.sel)
    ]
    return found + [("not read", why, QUIET) for why in report.missing]


def _bmc_time(when: str, *, year: bool = True) -> str:
    """By the BMC's own clock, which need not be right: without its zone."""
    return re.sub(r"^(\d{4}-)(\d\d-\d\d)T(\d\d:\d\d:\d\d).*", r"\1\2 \3" if year else r"\2 \3", when)
