"""Why a host waits before it may begin, in the same words wherever they are shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from quads_tui.rollout.counts import count

from .rollout_time import RolloutTime

CANARY = "canary "  # and the type of host in words: what the pause of its new hosts is called in events and commands

TIME_LIMIT = "time limit"  # what ended a rollout, where no safety limit and no operator did
FOR_FOREMAN = "waiting for Foreman writes: "  # begins what is said of a host behind others that are to be written
FOR_ITS_TURN = "waiting for its turn "  # of one in their queue
_NAMED = 20  # hosts


@lru_cache  # one text for all hosts that wait for the same: each keeps it in its timeline
def for_a_place(waiting: int, verified: bool) -> str:
    """`waiting` hosts are powered off and not yet written, as many as may be; `verified`: the first write of the rollout is."""
    number, hosts, those = (1, "host is", "that host is") if waiting == 1 else (waiting, "hosts are", "those hosts are")
    if verified:
        return f"{FOR_FOREMAN}{number} {hosts} ahead of this one; {those} powered off and not yet written (limits.ahead)"
    off = f"{number} other {hosts} already powered off, and no more will be until then"
    return f"waiting until the first write to Foreman is verified; {off}"


def is_for_a_place(note: str) -> bool:
    """Whether these are the words of `for_a_place`, with whatever number was right when they were said."""
    number = re.search("[0-9]{1,9}", note)
    return number is not None and any(note == for_a_place(int(number[0]), verified) for verified in (False, True))


def for_the_turn(host: str) -> str:
    """Ready to be written, but another host's write is out, and the first of all."""
    return f"ready; the first write to Foreman (for {host}) is not verified yet"


def for_the_first(type: str, wanted: int, hosts: Sequence[str]) -> str:
    """So many hosts of a type (what one of them is called) must be built before the others begin; `hosts`: those under way."""
    first = f"the first {type}" if wanted == 1 else f"{wanted} hosts ({type})"
    return f"waiting for {first} to be built" + (f": {', '.join(hosts)}" if hosts else "")


def for_an_install(most: int) -> str:
    """As many hosts as may be install, or are powered off for it."""
    return f"waiting for an install to end: {'1 host is' if most == 1 else f'{most} hosts are'} under way (limits.installing)"


def is_for_an_install(note: str) -> bool:
    """Whether these are the words of `for_an_install`."""
    return note.startswith("waiting for an install to end: ") and note.endswith("(limits.installing)")


def for_its_rack(rack: str, most: int, seconds: float) -> str:
    """As many hosts of the rack as may be were powered on within so many own seconds."""
    return f"waiting to power on: at most {count(most, 'host')} of rack {rack} in {seconds:g} s (limits.power_on_per_rack)"


def paused_subject(what: str) -> str:
    """What is paused, in words; `what` is admission, writes, a model or a canary's type, as in events.Paused."""
    return {"admission": "new hosts", "writes": "Foreman writes"}.get(what, f"new hosts of {what.removeprefix(CANARY)}")


def for_the_pause(what: str, why: str = "") -> str:
    """`what` as in paused_subject."""
    return f"{paused_subject(what)} are paused" + (f": {why}" if why else "")


def time_limit_words(until: float, time: RolloutTime | None = None) -> str:
    """A time limit on the clock of the rollout: 2026-11-29 02:00 CET. `until`: real time; `time`: None before it begins."""
    shown = until if time is None else time.shown_at(until)
    return datetime.fromtimestamp(shown).astimezone().strftime("%Y-%m-%d %H:%M %Z")


def for_the_time_limit(until: float, time: RolloutTime) -> str:
    """`until`: real time."""
    return f"not begun: less than 90 % likely to be done by the time limit, {time_limit_words(until, time)}"


def left_by_the_time_limit(until: float, hosts: Sequence[str], time: RolloutTime) -> str:
    """Which hosts the time limit has left, and why. `until`: real time."""
    more = f" and {len(hosts) - _NAMED} more" if len(hosts) > _NAMED else ""
    subject, they = ("1 host was", "it is") if len(hosts) == 1 else (f"{len(hosts)} hosts were", "they are")
    by = f"by the time limit, {time_limit_words(until, time)}"
    return f"{subject} not begun, because {they} less than 90 % likely to be done {by}: {', '.join(hosts[:_NAMED])}{more}"
