"""The question before a dangerous action, as lines of a dialog and as sentences: the same facts in both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from textwrap import wrap
from typing import NamedTuple

from rich.text import Text

from quads_tui.rollout.stages import HostStatus, Stage

from .line import cut, fitted
from .numbers import count
from .palette import ARMED, BAD, BADGE, QUIET, STAGE_STYLES, STRONG, STYLES
from .symbols import BRAILLE, Symbols

_NAME, _NOW = 22, 14  # cells of the columns
_LOUD = re.compile(r"\b(WIPED?S?|ARMED|armed)\b")


class HostRow(NamedTuple):
    """One host, or several that stand alike. `hosts`: the first by its short name, and how many more; `name`: its full name."""

    hosts: str
    name: str
    number: int
    word: str  # how it stands, such as held
    armed: bool
    status: HostStatus
    stage: Stage | None
    reason: str  # why; empty where there is nothing to be said


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionText:
    """`happens`, `lost`, `notes`, `gentler`: sentences. `states`: how the hosts stand, in one. `more`: hosts without a row.

    `yes`: what the answer y does. `wipes`: a disk may be wiped because of it.
    """

    title: str
    key: str = ""  # that asked
    happens: tuple[str, ...] = ()
    lost: str = ""
    states: str = ""
    rows: tuple[HostRow, ...] = ()
    more: int = 0
    notes: tuple[str, ...] = ()
    gentler: str = ""
    yes: str = "yes"
    wipes: bool = False


def question_lines(question: QuestionText, width: int, height: int, symbols: Symbols = BRAILLE) -> list[Text]:
    """Without its title and answers, each line exactly `width` cells. Where they are more than `height`, first the blank lines
    go, then rows but one, then the gentler way, how the hosts stand, and the last row: what happens and what is lost stays."""
    lines = _all_lines(question, width, symbols)
    if len(lines) > height:
        lines = [line for line in lines if line.plain.strip()]
    too_many = len(lines) - height
    if too_many <= 0:
        return lines
    if len(question.rows) > 1:
        kept = max(1, len(question.rows) - too_many - (0 if question.more else 1))
        left = sum(row.number for row in question.rows[kept:])
        less = replace(question, rows=question.rows[:kept], more=question.more + left)
    elif question.gentler:
        less = replace(question, gentler="")
    elif question.states:
        less = replace(question, states="")
    elif question.rows:
        less = replace(question, rows=(), more=0)
    else:
        return lines
    return question_lines(less, width, height, symbols)


def _all_lines(question: QuestionText, width: int, symbols: Symbols) -> list[Text]:
    lines: list[Text] = []
    for sentence in (*question.happens, *([question.lost] if question.lost else [])):
        lines += _wrapped(sentence, width)
    if question.states:
        lines += [_blank(width), *_wrapped(question.states, width)]
    if question.rows:
        lines.append(_blank(width))
        several = any(row.number > 1 for row in question.rows)
        number = "COUNT " if several else ""
        lines.append(Text(cut(f"{number}{'HOST':<{_NAME}}{'NOW':<{_NOW}}WHY", width), QUIET))
        lines += [_row(row, width, several, symbols) for row in question.rows]
        if question.more:
            lines.append(Text(cut(f"and {count(question.more, 'more host')}", width), QUIET))
    if question.notes or question.gentler:
        lines.append(_blank(width))
    for sentence in question.notes:
        lines += _wrapped(sentence, width)
    if question.gentler:
        lines += _wrapped(f"Safer: {question.gentler}", width, QUIET)
    return lines


def answer_lines(answers: Mapping[str, str], width: int, *, wipes: bool = False) -> list[Text]:
    """The keys, the safe one first and filled. `y` is filled too, in the colour of what failed where a disk is wiped."""
    parts = []
    for number, (key, what) in enumerate(answers.items()):
        part = Text()
        if not number:
            part.append(f" {key}  {what} ", BADGE)
        elif key == "y":
            part.append(f" {key} ", ARMED if wipes else BADGE).append(f" {what}", STRONG)
        else:
            part.append(f" {key} ", STRONG).append(f" {what}")
        parts.append(part)
    safe = "enter or esc cancels" if next(iter(answers), "") == "n" else f"enter: {next(iter(answers.values()), '')}"
    line = Text("   ").join(parts)
    if line.cell_len + len(safe) + 2 <= width:
        return [fitted(line, width, Text(safe, QUIET))]
    rows = [line] if line.cell_len <= width else [one for part in parts for one in _folded(part, width)]
    return [*(fitted(row, width) for row in rows), fitted(Text(), width, Text(safe, QUIET))]


def sentences(question: QuestionText) -> list[str]:
    """One fact a line, for who has no screen."""
    lines = [question.title, *question.happens, *([question.lost] if question.lost else [])]
    lines += [question.states] if question.states else []
    for row in question.rows:
        where = f" at {row.stage.label}" if row.stage else ""
        several = f" and {row.number - 1} more" if row.number > 1 else ""
        lines.append(f"{row.name}{several}: {row.word}{where}" + (f": {row.reason}" if row.reason else ""))
    lines += [f"And {count(question.more, 'more host')}."] if question.more else []
    lines += question.notes
    return lines + ([f"Safer: {question.gentler}"] if question.gentler else [])


def _row(row: HostRow, width: int, several: bool, symbols: Symbols) -> Text:
    line = Text().append(f"{row.number:>5} " if several else "", STRONG)
    line.append(f"{cut(row.hosts, _NAME - 2, symbols.ellipsis)}  ", STRONG)
    stage = row.stage.short if row.stage else ""
    word = f" {row.word} " if row.armed else row.word
    line.append(word, ARMED if row.armed else STYLES[row.status] if row.status.is_final else "")
    line.append(" " * max(1, _NOW - 4 - len(word)))
    line.append(f"{stage:<4}", STAGE_STYLES[row.stage] if row.stage else "")
    line.append(row.reason)
    return fitted(line, width, ellipsis=symbols.ellipsis)


def _wrapped(sentence: str, width: int, style: str = "") -> list[Text]:
    lines = []
    for words in wrap(sentence, width) or [""]:
        line = Text(words, style)
        for found in _LOUD.finditer(words):
            line.stylize(BAD if found[0].isupper() else STRONG, *found.span())
        lines.append(fitted(line, width))
    return lines


def _folded(part: Text, width: int) -> list[Text]:
    """One answer that may need several lines; they are indented under its words."""
    if part.cell_len <= width:
        return [part]
    lines = wrap(part.plain, width, subsequent_indent="     ", drop_whitespace=True)
    return [Text(line, part.spans[0].style if not number and part.spans else "") for number, line in enumerate(lines)]


def _blank(width: int) -> Text:
    return Text(" " * width)
