"""Who was refused what: when one cause explains the failures of several hosts, and new hosts should wait for a human.

Derived from the events alone, so a resume knows the same. Only failures for good count, and none that stood in the plan before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, lgamma, log, log1p
from typing import NamedTuple

from .causes import FOREMAN, Cause, group_of
from .events import Event, HostChanged, Paused, QuadsTold, StageChanged
from .plan import Plan
from .stages import HostStatus, Kind, Stage, StageStatus

SAFETY = "safety"  # who paused, where no operator did
ADMISSION = "admission"
FIRST = 3  # hosts that may be prepared, and refused, before the first write is verified
SAME = 2  # hosts with one cause that are enough before it
MANY = 5  # hosts with one cause that are enough after it, where their share is above _SHARE too
_SHARE = 0.10
_DOUBT = 0.05  # one-sided

QUADS = "QUADS"
_OF_NO_MODEL = frozenset({Cause.UNREACHABLE, Cause.WRONG_BMC})  # the network and the addresses, whatever is behind them
_SHOWN = 5  # hosts that the words name


class Key(NamedTuple):
    """One cause. `by`: the shared service that refused; empty: the hosts' own BMCs, or their installers."""

    stage: Stage | None
    by: str
    status: int
    cause: Cause
    words: str
    model: str | None = None  # whose BMCs refused; None: of no model, or it is not known


@dataclass(frozen=True, slots=True)
class Trip:
    """New hosts should wait: all of them (`what` is admission), or those of a model. `why` is for the operator."""

    what: str
    keys: tuple[Key, ...]
    why: str


class Refusals:
    """`apply` is O(1) for all events but a failure. `trip` is what the last event brought about, None for most of them."""

    def __init__(self, plan: Plan, kinds: dict[str, Kind]) -> None:
        self.first_write_verified = False
        self.first = FIRST  # hosts refused before it that are enough; fewer where limits.ahead is lower
        self.trip: Trip | None = None
        self._kinds = kinds
        self._models = {host.name: host.model for host in plan.hosts}
        self._racks = {host.name: host.rack or host.name for host in plan.hosts}
        self._planned_failures = {host.name for host in plan.hosts if host.blocker}  # their failure stood in the plan
        # Where something is built only a build counts as the first write. Elsewhere no machine stands off for one.
        wanted = {kind for host, kind in kinds.items() if host not in self._planned_failures}
        self._leading = next((kind for kind in Kind if kind in wanted), Kind.BUILD)
        self._last: dict[str, StageChanged] = {}  # each host's last failed attempt
        self._failed: dict[Key, dict[str, str]] = {}  # by cause: host and reason, in the order in which they failed
        self._of: dict[str, Key] = {}
        self._finished: dict[Stage, set[str]] = {stage: set() for stage in Stage}  # hosts that finished it
        self._counts: Counter[tuple[Stage, str | None]] = Counter()  # hosts that finished a stage: of a model, of all (None)
        self._tripped: dict[str, tuple[Key, ...]] = {}
        self._standing: dict[str, tuple[Key, ...]] = {}  # causes of the pauses in force
        # Lifted by the operator: the hosts then, and how many had come to the end of the stage, by model.
        self._accepted: dict[Key, tuple[frozenset[str], dict[str | None, int]]] = {}

    def apply(self, event: Event) -> None:
        self.trip = None
        if isinstance(event, StageChanged):
            if event.status is StageStatus.FAILED:
                self._last[event.host] = event
            elif event.status is StageStatus.FINISHED:
                self._finish(event.host, event.stage)
        elif isinstance(event, HostChanged):
            self._leave(event.host)
            if event.status is HostStatus.FAILED:
                self._fail(event.host)
        elif isinstance(event, QuadsTold):
            if event.refused and not self.first_write_verified:
                subject = event.key.partition(" ")[2]
                key = Key(None, QUADS, 0, Cause.REFUSED, group_of(event.refused, subject))
                self._count(key, subject, event.refused)
        elif isinstance(event, Paused):
            self._pause(event)

    def keeps_its_place(self, host: str) -> bool:
        """Whether a failed host keeps one of the first places: a shared service refused it, and would refuse the next one too."""
        key = self._of.get(host)
        return not self.first_write_verified and key is not None and bool(key.by) and key not in self._accepted

    def _finish(self, host: str, stage: Stage) -> None:
        kind = self._kinds.get(host)
        if kind is None:
            return
        if kind is self._leading and stage is kind.proof:
            self.first_write_verified = True
        if host not in self._finished[stage]:
            self._finished[stage].add(host)
            for model in (self._models[host], None):
                self._counts[stage, model] += 1

    def _leave(self, host: str) -> None:
        """It is tried again, or no longer wanted."""
        key = self._of.pop(host, None)
        if key is not None:
            del self._failed[key][host]

    def _fail(self, host: str) -> None:
        last = self._last.get(host)
        if last is None or host in self._planned_failures or host not in self._kinds:
            return
        if host in self._finished[last.stage]:
            self._finished[last.stage].remove(host)
            for model in (self._models[host], None):
                self._counts[last.stage, model] -= 1
        by, cause = refused_by(last), last.cause or Cause.UNKNOWN
        model = self._models[host] or None if not by and last.stage.is_at_bmc and cause not in _OF_NO_MODEL else None
        key = self._of[host] = Key(last.stage, by, last.http, cause, group_of(last.reason, host), model)
        self._count(key, host, last.reason)

    def _count(self, key: Key, host: str, reason: str) -> None:
        self._failed.setdefault(key, {})[host] = reason
        if ADMISSION in self._standing or (key.model is not None and model_pause(key.model) in self._standing):
            return
        self.trip = self._judge(key)
        if self.trip is not None:
            self._tripped[self.trip.what] = self.trip.keys

    def _pause(self, event: Paused) -> None:
        if event.paused:
            if event.who == SAFETY:
                keys = self._tripped.pop(event.what, ())
                if not keys and event.what == ADMISSION:  # read again with another `first`: its cause is what was refused
                    keys = self._keys(self._refused_first())
                self._standing[event.what] = keys
            return
        for key in self._standing.pop(event.what, ()):
            decided = {model: self._decided(key.stage, model) for model in {key.model, None}}
            self._accepted[key] = (frozenset(self._failed[key]), decided)

    def _judge(self, key: Key) -> Trip | None:
        hosts = self._failed[key]
        if not self.first_write_verified and key not in self._accepted:
            before = "before the first write was verified"
            if len(hosts) >= SAME and (key.by or key.model is not None or _powered_off(key)):
                return _trip((key,), f"for the same reason {before}", hosts)
            if key.by and key.stage and len(refused := self._refused_first()) >= self.first:
                keys = self._keys(refused)
                reasons = "; ".join(f"{host}: {why[:_WORDS]}" for host, why in refused.items())
                return Trip(ADMISSION, keys, f"{_what(keys)} {_many(refused)} {before}: {reasons}")
        share = self._share((key,))
        if share > _SHARE:
            return _trip((key,), f"for the same reason; the failure rate is above {share:.0%} (95 % confidence)", hosts)
        like = tuple(other for other in self._failed if other[:-1] == key[:-1] and self._failed[other])
        if len(like) > 1 and (share := self._share(like)) > _SHARE:
            failed = {host: why for each in like for host, why in self._failed[each].items()}
            return _trip(
                like,
                f"of {len(like)} models for the same reason; the failure rate is above {share:.0%} (95 % confidence)",
                failed,
            )
        return self._judge_without_words(key)

    def _judge_without_words(self, key: Key) -> Trip | None:
        """Each failure may have words of its own (a name, a random id) and one cause all the same."""
        same = (key.stage, key.by, key.cause)
        like = tuple(other for other in self._failed if (other.stage, other.by, other.cause) == same and self._failed[other])
        if len(like) < 2:
            return None
        failed = {host: why for each in like for host, why in self._failed[each].items()}
        if not self.first_write_verified and _powered_off(key) and len(failed) >= FIRST:
            return _trip(like, "before the first write was verified", failed)
        if (share := self._share(like)) > _SHARE:
            return _trip(
                like,
                f"with the same cause but different reasons; the failure rate is above {share:.0%} (95 % confidence)",
                failed,
            )
        return None

    def _refused_first(self) -> dict[str, str]:
        """Hosts that a shared service refused, for causes that the operator has not seen."""
        found = (hosts for key, hosts in self._failed.items() if key.by and key.stage and key not in self._accepted)
        return {host: reason for hosts in found for host, reason in hosts.items()}

    def _keys(self, hosts: Iterable[str]) -> tuple[Key, ...]:
        return tuple(dict.fromkeys(self._of[host] for host in hosts))

    def _share(self, keys: tuple[Key, ...]) -> float:
        """The lower bound of the share that these causes have of the hosts that came to the end of the stage; 0: too few."""
        stage, model = keys[0].stage, keys[0].model if len(keys) == 1 else None
        hit, past = 0, 0
        for key in keys:
            known, decided = self._accepted.get(key, (frozenset(), {}))
            hit += self._weigh(key, [host for host in self._failed[key] if host not in known])
            past = max(past, decided.get(model, 0))
        return lower_bound(hit, max(hit, self._decided(stage, model) - past)) if stage and hit >= MANY else 0.0

    def _weigh(self, key: Key, hosts: Iterable[str]) -> int:
        """As how many they count: unreachable BMCs of one rack are one, for it is their switch or their power."""
        rack_wise = key.cause is Cause.UNREACHABLE and not key.by and not _powered_off(key)
        return len({self._racks[host] for host in hosts} if rack_wise else list(hosts))

    def _decided(self, stage: Stage | None, model: str | None) -> int:
        """Hosts that finished the stage or failed in it for good; of one model, or of all (None)."""
        if stage is None:
            return 0
        failed = 0
        for key, hosts in self._failed.items():
            if key.stage is stage:
                failed += self._weigh(key, [host for host in hosts if model is None or self._models[host] == model])
        return self._counts[stage, model] + failed


def refused_by(event: StageChanged) -> str:
    """The shared service behind a failed attempt. In the stage Build no BMC is asked anything."""
    if event.service:
        return event.service
    if event.cause is Cause.HOOK:
        return "a hook"
    return FOREMAN if event.stage is Stage.FOREMAN_BUILD or event.cause in (Cause.FOREMAN, Cause.UNKNOWN_HOST) else ""


def lower_bound(hit: int, of: int, doubt: float = _DOUBT) -> float:
    """The one-sided lower confidence bound of a share, exact (Clopper and Pearson): below it, `hit` of `of` would be too many."""
    low, high = 0.0, 1.0 if hit else 0.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_least(hit, of, middle) < doubt else (low, middle)
    return low


def _at_least(hit: int, of: int, share: float) -> float:
    """The probability that `hit` or more of `of` are hit, where each is with probability `share` (the binomial's upper tail)."""
    above = hit > of * share  # the side of `hit` on which the terms only fall
    total = 0.0
    for count in range(hit, of + 1) if above else range(hit - 1, -1, -1):
        ways = lgamma(of + 1) - lgamma(count + 1) - lgamma(of - count + 1)
        term = exp(ways + count * log(share) + (of - count) * log1p(-share))
        total += term
        if term < total * 1e-12:
            break
    return total if above else 1.0 - total


_WORDS = 160  # characters of a reason


def model_pause(model: str) -> str:
    """What a pause of one model's new hosts is called in events and commands."""
    return f"model {model}"


def _powered_off(key: Key) -> bool:
    return key.stage is not None and key.stage.is_powered_off


def _what(keys: Sequence[Key]) -> str:
    """Who did what to."""
    key = keys[0]
    at = key.stage.label if key.stage else "updates"
    if key.cause is Cause.HOOK:
        return f"a hook at {at} failed for"
    if not key.by:
        return f"{at} failed on"
    return f"{' and '.join(dict.fromkeys(key.by for key in keys))} refused {at} of"


def _many(hosts: dict[str, str]) -> str:
    return "1 host" if len(hosts) == 1 else f"{len(hosts)} hosts"


def _trip(keys: tuple[Key, ...], words: str, hosts: dict[str, str]) -> Trip:
    model = keys[0].model if len(keys) == 1 else None
    of = f" of model {model}" if model is not None else ""
    reason = next(iter(hosts.values()))[:_WORDS]
    names = ", ".join(list(hosts)[:_SHOWN]) + (f" and {len(hosts) - _SHOWN} more" if len(hosts) > _SHOWN else "")
    why = f"{_what(keys)} {_many(hosts)}{of} {words}: {reason} ({names})"
    return Trip(ADMISSION if model is None else model_pause(model), keys, why)
