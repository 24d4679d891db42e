"""What an operator may have meant by a word that no host has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from itertools import islice

from quads_tui.rollout.state import HostState

from .host_filter import FIELDS

_LEAST = 3  # characters that must be right at the beginning or the end of a name
_COMPARED = 200  # names or values that are compared letter by letter: each takes some 20 us
_TYPED = 64  # characters of a word that are looked at


def nearest_name(typed: str, hosts: Iterable[HostState]) -> str:
    """The short name that is most like it, or "". A few passes over all names, whatever is typed."""
    typed = typed.lower()[:_TYPED]
    names = [host.short for host in hosts]
    begins = _longest(len(typed), names, lambda size: typed[:size])
    ends = _longest(len(typed), names, lambda size: typed[len(typed) - size :])
    piece = max(begins, ends, key=len)
    if len(piece) < _LEAST:
        return ""
    like = list(islice((name for name in names if piece in name), _COMPARED))
    return get_close_matches(typed, like, 1, 0.0)[0]


def _longest(size: int, names: Sequence[str], piece: Callable[[int], str]) -> str:
    """The longest piece that a name has. Shorter ones are in that name as well: so it is found by halving."""
    low, high = 0, size
    while low < high:
        middle = (low + high + 1) // 2
        if any(piece(middle) in name for name in names):
            low = middle
        else:
            high = middle - 1
    return piece(low)


def nearest_value(field: str, typed: str, hosts: Iterable[HostState]) -> str:
    """What hosts have in this field and is like it, or ""."""
    values = dict.fromkeys(word for host in hosts for word in FIELDS[field](host).lower().split())
    return next(iter(get_close_matches(typed.lower()[:_TYPED], list(islice(values, _COMPARED)), 1)), "")
