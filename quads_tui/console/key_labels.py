"""What the keys in the last line are called: what each would do now, and to which hosts. One that would do nothing has none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from quads_tui.render.names import brief
from quads_tui.rollout.ports import RETRYABLE
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import HostState, Rollout

from .consequences import Place, leaves_from
from .key_actions import KeyAction
from .questions import pause_reasons

_NAMED = 12  # cells of the longest name that the keys of a host stand behind


class KeyLabels:
    """`chosen`: the hosts that keys act on now; `marked`: they were marked. They may be thousands: one pass."""

    def __init__(self, rollout: Rollout, chosen: Sequence[str], *, marked: bool = False) -> None:
        self._rollout = rollout
        self._hosts = [rollout.hosts[name] for name in chosen]
        self._marked = marked
        self._statuses = Counter(host.status for host in self._hosts)
        self._armed = sum(host.armed and host.status in RETRYABLE for host in self._hosts)

    @property
    def subject(self) -> str:
        """The hosts, as the words before their keys."""
        if len(self._hosts) == 1:
            name = brief(self._hosts[0].name)
            return name if len(name) <= _NAMED else "this host"
        return f"{len(self._hosts):,} marked" if self._marked else f"these {len(self._hosts):,} hosts"

    def of_hosts(self, action: KeyAction) -> str:
        """Of an action on hosts; empty: it would do nothing to any of them."""
        number = sum(self._statuses[status] for status in action.statuses)
        if action.name == "disarm":
            return f"disarm {self._armed:,} armed" if len(self._hosts) > 1 and self._armed else "disarm" if self._armed else ""
        if not number:
            return ""
        if len(self._hosts) == 1:
            return _skipping(self._hosts[0]) if action.name == "skip" else action.label
        verb, _, rest = action.label.partition(" ")
        words = f"{verb} {number:,} {rest}".rstrip()
        return f"{words}, disarm {self._armed:,}" if action.name == "skip" and self._armed else words

    def of_screen(self, action: KeyAction, *, short: bool) -> str:
        """Of an action on the rollout or the screen; empty: it would do nothing. `short`: there is little room."""
        rollout = self._rollout
        if action.name == "pause":
            if pause_reasons(rollout.paused, "admission"):
                return "resume new hosts"
            return action.label if rollout.counts[HostStatus.QUEUED] else ""
        if action.name == "leave" and rollout.over_at is None and rollout.time.carried and not short:
            return "leave; rollout continues"
        return action.label


def _skipping(host: HostState) -> str:
    match leaves_from(host):
        case Place.INSTALLING:
            return "skip, install continues"
        case Place.ENDED | Place.UNTOUCHED:
            return "skip"
        case Place.UNDER_WAY | Place.ARMED:
            return "skip and disarm" if host.armed else "skip"
