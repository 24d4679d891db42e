"""Comments of operators in words: for a row, for the details of a host, and for whoever takes control."""

from __future__ import annotations

from collections.abc import Iterable

from quads_tui.rollout.comments import HostComment
from quads_tui.rollout.rollout_time import RolloutTime
from quads_tui.rollout.state import HostState

from .numbers import count

_IN_NOTE = 60  # characters of a comment in a row, in front of why the host stands where it does
_NAMED = 5  # comments of a summary


def with_comment(host: HostState, note: str) -> str:
    """The note, behind the newest comment: ann: "PSU replaced"  licence missing. Others are in the host's details."""
    if not host.comments:
        return note
    newest = host.comments[-1]
    text = newest.text if len(newest.text) <= _IN_NOTE else newest.text[: _IN_NOTE - 1] + "…"
    words = f'{newest.who.partition("@")[0]}: "{text}"'
    return f"{words}  {note}" if note else words


def comment_lines(host: HostState, time: RolloutTime) -> list[str]:
    """One a comment, the newest last."""
    return [f"comment by {one.who} at {time.clock(one.at, one.at)}: {one.text}" for one in host.comments]


def comments_summary(hosts: Iterable[HostState]) -> str:
    """2 comments by ann@jump: f21-h17: PSU replaced; f21-h18: left alone. Empty where there is none; the newest first."""
    found: list[tuple[HostState, HostComment]] = [(host, one) for host in hosts for one in host.comments]
    if not found:
        return ""
    found.sort(key=lambda pair: -pair[1].at)
    texts: dict[str, list[str]] = {}  # one comment on many hosts is one
    for host, one in found:
        texts.setdefault(one.text, []).append(host.short)
    people = ", ".join(dict.fromkeys(one.who for _, one in found))
    parts = [f"{_hosts(names)}: {text}" for text, names in texts.items()]
    more = f"; and {len(parts) - _NAMED} more" if len(parts) > _NAMED else ""
    return f"{count(len(parts), 'comment')} by {people}: {'; '.join(parts[:_NAMED])}{more}"


def _hosts(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
