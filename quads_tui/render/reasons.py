"""Why a host failed, or waits, in the room that there is: what matters less is left out whole, before anything is cut."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple, assert_never

from rich.cells import cell_len, set_cell_size

from quads_tui.rollout.causes import FOREMAN, Cause
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import HostState

WRITTEN = "written; "  # begins what is noted once Foreman has answered the write (engine/host_stages)
_SHORTEST = 16  # characters of a clause that says something for itself
_LONGEST_WORD = 16  # cells that may stay empty so that no word is cut
_ASIDE = re.compile(r" \([^()]*\)")
_FILLERS = re.compile(r"\b(?:an?|the|is|are|was|were) ", re.IGNORECASE)  # without which a sentence is as clear


class _CauseWords(NamedTuple):
    """`before`: they stand before the reason, which is in the words of a server or a program; `enough`: and say as much."""

    words: str
    before: bool = False
    enough: bool = False


def fuller_notes(host: HostState, note: str) -> Sequence[str]:
    """The note of a failed host with the cause in words before it, where the reason does not say that itself."""
    if host.cause is None or note != host.full_reason or host.repaired:
        return ()
    cause = _cause_words(host.stage, host.cause)
    return (f"{cause.words}: {note}",) if cause.before else ()


def shorter_notes(host: HostState, note: str) -> Sequence[str]:
    """What a note that is too long may be replaced by, the fullest first."""
    if host.status in (HostStatus.QUEUED, HostStatus.RUNNING):
        if note.startswith(WRITTEN):
            return "written to Foreman; waiting to read it back", "written; not read back yet"
        plain = _ASIDE.sub("", note)
        first = plain.partition("; ")[0]
        brief = first.replace("waiting for its BMC to report", "waiting for BMC to report")
        briefest = first.replace("waiting for its BMC to report", "until BMC reports")
        return tuple(dict.fromkeys((plain, brief, briefest)))
    if host.status is HostStatus.WAITING:  # STATE says that it is retried
        due = note.removeprefix("retrying ").removeprefix("retry ")
        first = due.partition("; ")[0]
        return due, first, first.partition(": ")[2] or first
    if host.cause is None or note != host.full_reason:  # it tells of something else as well
        return ()
    left = "" if host.given_back or host.not_disarmed or host.repaired else host.safety.short
    found: list[str] = []
    for words in reason_ways(host.stage, host.cause, host.reason):
        found += [f"{words}; {left}", words] if left else [words]
    return found


def reason_ways(stage: Stage | None, cause: Cause, reason: str) -> Sequence[str]:
    """The reason with the cause in words before it, where it does not say that itself; then ever less of it."""
    reason = reason.removesuffix(".")
    words, before, enough = _cause_words(stage, cause)
    first = reason.partition(": ")[0]
    shorter = [first] if first != reason and len(first) >= _SHORTEST else []
    if not before:
        return (reason, *shorter, *_telegram(reason, shorter))
    return (f"{words}: {reason}", *([words] if enough else [reason, *shorter, *_telegram(reason, shorter)]))


def _telegram(reason: str, shorter: Sequence[str]) -> Sequence[str]:
    """The shortest way once more, without what stands in parentheses, then without the words that say nothing: so a cut comes
    later."""
    last = shorter[-1] if shorter else reason
    plain = _ASIDE.sub("", last)
    return tuple(dict.fromkeys(way for way in (plain, _FILLERS.sub("", plain)) if way != last))


def _cause_words(stage: Stage | None, cause: Cause) -> _CauseWords:
    who = "BMC" if stage is None or stage.is_at_bmc else FOREMAN  # the one that fails a host in this stage
    match cause:
        case Cause.UNREACHABLE:
            return _CauseWords(f"{who} unreachable", before=True, enough=True)
        case Cause.CREDENTIALS:
            return _CauseWords(f"{who} refused the login", before=True, enough=True)
        case Cause.REFUSED:
            return _CauseWords(f"{who} refused", before=True)
        case Cause.BUSY:
            return _CauseWords(f"{who} busy", before=True)
        case Cause.PROTOCOL:
            return _CauseWords(f"unusable answer of {who}", before=True)
        case Cause.TIMEOUT:
            return _CauseWords("not done in time")
        case Cause.FOREMAN:
            return _CauseWords("Foreman refused")
        case Cause.UNKNOWN_HOST:
            return _CauseWords("no such host in Foreman")
        case Cause.INSTALL_FAILED:
            return _CauseWords("install failed")
        case Cause.INSTALL_TIMEOUT:
            return _CauseWords("install not done in time")
        case Cause.TOKEN_EXPIRED:
            return _CauseWords("build token expired")
        case Cause.CANCELLED:
            return _CauseWords("cancelled by somebody else")
        case Cause.WRONG_BMC:
            return _CauseWords("wrong machine")
        case Cause.HOOK:
            return _CauseWords("hook failed")
        case Cause.UNKNOWN:
            return _CauseWords("cause unknown")
        case _:
            assert_never(cause)


def cause_words(stage: Stage | None, cause: Cause) -> str:
    """The cause alone, in a few words."""
    return _cause_words(stage, cause).words


def fitting(ways: Iterable[str], width: int, ellipsis: str) -> str:
    """The first of them that goes into so many cells; where none does, the last one, cut behind a word."""
    words = ""
    for words in ways:
        if cell_len(words) <= width:
            return words
    if width < 1:
        return ""
    room = set_cell_size(words, width - 1)
    whole = room if words[len(room) :].startswith(" ") else room.rpartition(" ")[0]
    return f"{(whole if whole and width - cell_len(whole) <= _LONGEST_WORD else room).rstrip(' ,:;')}{ellipsis}"
