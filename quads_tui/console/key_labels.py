"""What the keys in the last line are called: what each would do now, and to which hosts. One that would do nothing has none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import IntEnum

from quads_tui.render.names import brief
from quads_tui.rollout.ports import RETRYABLE
from quads_tui.rollout.retries import retry_effect
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import HostState, Rollout

from .consequences import Place, is_disarmed_by_it, leaves_from, only_marked, retry_place
from .key_actions import KeyAction
from .questions import pause_reasons


class Room(IntEnum):
    """How many words the keys may have."""

    LEAST = 0
    SHORT = 1
    LITTLE = 2
    FEW = 3
    ALL = 4


_NAMED = 12  # cells of the longest name that the keys of a host stand behind


class KeyLabels:
    """`chosen`: the hosts that keys act on now; `marked`: they were marked. They may be thousands: one pass."""

    def __init__(self, rollout: Rollout, chosen: Sequence[str], *, marked: bool = False) -> None:
        self._rollout = rollout
        self._hosts = [rollout.hosts[name] for name in chosen]
        self._marked = marked
        self._statuses = Counter(host.status for host in self._hosts)
        self._armed = sum(host.armed and host.status in RETRYABLE for host in self._hosts)
        self._disarmed = sum(map(is_disarmed_by_it, self._hosts))  # by a skip

    @property
    def subject(self) -> str:
        """The hosts, as the words before their keys."""
        if len(self._hosts) == 1:
            name = brief(self._hosts[0].name)
            return name if len(name) <= _NAMED else "this host"
        return f"{len(self._hosts):,} marked" if self._marked else f"these {len(self._hosts):,} hosts"

    def of_hosts(self, action: KeyAction, room: Room = Room.ALL) -> str:
        """Of an action on hosts; empty: it would do nothing to any of them, or what another key does."""
        number, one = sum(self._statuses[status] for status in action.statuses), len(self._hosts) == 1
        if not number or (action.name == "disarm" and not self._armed):
            return ""
        match action.name:
            case "disarm":
                if one:
                    return f"disarm, stays {self._hosts[0].status.value}" if room > Room.SHORT else "disarm"
                return f"disarm {self._armed:,} armed"
            case "skip":
                number -= self._statuses[HostStatus.SKIPPED]  # those it can only give another reason
                if not number:
                    return ""
                if one:
                    return _skipping(self._hosts[0], room)
                marked = only_marked([host for host in self._hosts if host.status in action.statuses])
                words = f"mark {number:,} as skipped" if marked and room > Room.FEW else f"skip {number:,}"
                return (f"disarm {self._disarmed:,}, " if self._disarmed else "") + words
            case "retry" | "restart":
                return self._retrying(action, "" if one else f" {number:,}", short=room <= Room.SHORT)
            case _:
                verb, _, rest = action.label.partition(" ")
                return action.label if one else f"{verb} {number:,} {rest}".rstrip()

    def _retrying(self, action: KeyAction, number: str, *, short: bool) -> str:
        hosts, from_start = [host for host in self._hosts if host.status in action.statuses], action.name == "restart"
        if from_start and all(retry_effect(host) is retry_effect(host, True) and not host.given_back for host in hosts):
            return ""
        return f"{action.label}{number} {retry_place(hosts, from_start=from_start, short=short)}".rstrip()

    def of_screen(self, action: KeyAction, room: Room = Room.ALL) -> str:
        """Of an action on the rollout or the screen; empty: it would do nothing."""
        rollout = self._rollout
        if action.name == "pause":
            if pause_reasons(rollout.paused, "admission"):
                return "resume new hosts"
            return action.label if rollout.counts[HostStatus.QUEUED] else ""
        if action.name == "leave" and room is Room.LEAST:
            return "leave"
        if action.name == "leave" and room > Room.SHORT and rollout.over_at is None and rollout.time.carried:
            return f"leave, rollout {'continues' if room > Room.LITTLE else 'runs'}"
        return action.label


def _skipping(host: HostState, room: Room) -> str:
    if leaves_from(host) is Place.INSTALLING:
        return "skip, install continues"
    disarmed = "disarm, " if is_disarmed_by_it(host) else ""
    if not only_marked([host]):
        return f"{disarmed}skip{' host' if room > Room.LITTLE else ''}"
    if room <= Room.SHORT:
        return f"{disarmed}skip"
    return "disarm, becomes skipped" if disarmed else f"mark {'as ' if room > Room.FEW else ''}skipped"
