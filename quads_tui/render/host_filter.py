"""What the operator types to see fewer hosts.

Words are parted by blanks and all must fit: `text` or a regular expression over everything that a row shows, `field:value` over
one member, `!` before either turns it round, "in quotes" keeps blanks. `stage:install cause:401 !r650` shows the hosts at the
install whose cause or reason speaks of 401 and whose row has no r650. An expression with more than two repeats, with a repeated
group, or with many alternatives in several groups, is taken as plain text: it could take for ever.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from itertools import islice
from time import thread_time

from quads_tui.rollout.pieces import PIECE, at_once
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import HostState

LONGEST = 200  # characters of a filter
WORDS = 16  # more are not looked at
BUDGET, _EACH = 0.02, 30e-6  # CPU seconds of one expression over all hosts, and for each host where that is more
_TIMED = 8  # texts that are searched between two looks at what an expression has used
_REACH = (2000, 300, 120)  # characters of a row that an expression without, with one, and with two repeats looks at
_CHOICES = (64, 16, 4)  # ways through the alternatives of its groups that such an expression may have
_SIGNS = frozenset(".^$*+?{}[]\\|()")  # a text without any of them is no expression
_ESCAPED = re.compile(r"\\.", re.S)
_REPEAT = re.compile(r"[*+?{]")
_DEAR = re.compile(r"\)[*+?{]|\\[1-9]|\(\?")  # repeated groups, references back, and whatever begins with (?
_WORD = re.compile(r'(!?)(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))')


NOT_VERIFIED = "no"  # the field verified of a host whose machine nobody could compare with Foreman's


def _rack(host: HostState) -> str:
    """What stands before the first dash of names such as f21-h05-000-r650.example.com."""
    return host.short.partition("-")[0]


_STAGE_WORDS = {stage: f"{stage.value} {stage.short}" for stage in Stage}

FIELDS: Mapping[str, Callable[[HostState], str]] = {
    "name": lambda host: host.name,
    "model": lambda host: f"{host.model} {host.short}",  # many labs have it in the name only
    "rack": _rack,
    "cloud": lambda host: host.cloud,
    "state": lambda host: f"{host.status} armed" if host.armed else host.status,
    "stage": lambda host: _STAGE_WORDS[host.stage] if host.stage else "",
    "cause": lambda host: f"{host.cause or ''} {host.reason}",
    "note": lambda host: host.note,
    "safety": lambda host: host.safety.value if host.left_behind else "",
    "verified": lambda host: NOT_VERIFIED if host.unverified else "yes" if host.machine else "",
}


def _row(host: HostState) -> str:
    parts = (host.name, host.model, host.cloud, host.status, host.stage or "", host.cause or "", host.note, host.reason)
    return " ".join(parts)


class HostFilter:
    """Whether a host fits. An expression takes no longer than its budget, and little more, whatever the words are."""

    def __init__(self, words: str, failures_only: bool) -> None:
        parts = [match.groups() for match in islice(_WORD.finditer(words), WORDS)]
        self._tests = [_Test(turned, field, plain if quoted is None else quoted) for turned, field, quoted, plain in parts]
        self._failures_only = failures_only

    def __call__(self, host: HostState) -> bool:
        return bool(self._fitting([host]))

    def _fitting(self, hosts: Sequence[HostState]) -> Sequence[HostState]:
        if self._failures_only:
            hosts = [host for host in hosts if host.status is HostStatus.FAILED]
        for test in self._tests:
            if not hosts:
                break
            hosts = test.of(hosts)
            test.met = test.met or bool(hosts)
        return hosts

    @property
    def plain(self) -> list[str]:
        """The patterns that are taken as plain text, since they would take too long."""
        return [test.value for test in self._tests if test.pattern.slow]

    @property
    def problems(self) -> list[str]:
        """What is not taken as it was meant, one sentence each."""
        return [problem for test in self._tests for problem in (test.problem, test.pattern.problem) if problem]

    @property
    def unmet(self) -> tuple[str, str, bool] | None:
        """Where no host fits: the field ("" for the whole row) and the value of the first word that no host has, and whether it
        is the first of all. None: every word fits a host, or the one that does not is turned round."""
        for place, test in enumerate(self._tests):
            if not test.met:
                return (test.field, test.value, not place) if test.wanted else None
        return None

    def of(self, hosts: Iterable[HostState]) -> list[HostState]:
        """Those of them that fit. All are judged alike: a pattern that turns out to be slow is plain text for all of them."""
        return at_once(self.in_pieces(hosts))

    def in_pieces(self, hosts: Iterable[HostState]) -> Generator[None, None, list[HostState]]:
        """The same; whoever asks may do something else at each `yield`. A host that changes in between is judged as it was or as
        it is: both were true while it was looked at."""
        hosts = list(hosts)
        for test in self._tests:
            test.pattern.budget = max(BUDGET, _EACH * len(hosts))
        while True:
            before = self.plain
            fitting: list[HostState] = []
            for start in range(0, len(hosts), PIECE):
                fitting += self._fitting(hosts[start : start + PIECE])
                yield
            if self.plain == before:
                return fitting


def host_filter(words: str, failures_only: bool = False) -> HostFilter:
    """Never fails: what is no regular expression is taken as plain text, what is no field as text with a colon."""
    return HostFilter(words, failures_only)


class _Test:
    """One word. Raises nothing. `met`: a host that has the words before it has this one, too."""

    def __init__(self, turned: str, field: str | None, value: str | None) -> None:
        self.value, self.problem, self.met = value or "", "", False
        if field is not None and field not in FIELDS:
            near = get_close_matches(field, FIELDS, 1)
            meant = f"did you mean {near[0]}:?" if near else f"fields are {', '.join(FIELDS)}"
            self.value, self.problem, field = f"{field}:{self.value}", f"there is no field {field}: ({meant})", None
        self.field, self.wanted = field or "", not turned
        self._shown = FIELDS[field] if field else _row
        self.pattern = _pattern(self.value)
        self.pattern.spent = 0.0
        self._exact = field == "safety" and self.value.lower() in tuple(Safety)  # "disarmed" must not count as "armed"

    def of(self, hosts: Sequence[HostState]) -> list[HostState]:
        """Those of them that have it."""
        texts = [self._shown(host) for host in hosts]
        value = self.value.lower()
        found = [text == value for text in texts] if self._exact else self.pattern.found(texts)
        return [host for host, hit in zip(hosts, found, strict=True) if hit is self.wanted]


class _Pattern:
    """Python's expressions know no time limit. With up to two repeats and short texts none takes long; others are plain text.

    `spent`: CPU seconds in this pass over the hosts, of `budget`. `slow`: too dear as an expression, now and when it is asked for
    again.
    `problem`: why it is plain text, as a sentence.
    """

    def __init__(self, value: str) -> None:
        bare = _ESCAPED.sub("x", value)
        repeats = len(_REPEAT.findall(bare))
        choices = (1 + bare.count("|")) ** min(bare.count("("), 20)  # at most; alternatives in no group cost one after the other
        self.slow = repeats >= len(_REACH) or choices > _CHOICES[repeats] or _DEAR.search(value) is not None
        self.spent, self.budget = 0.0, BUDGET
        self._value, self._broken = value, ""
        self._text = value.lower()
        self._literal = not _SIGNS.intersection(value)
        self._reach = _REACH[min(repeats, len(_REACH) - 1)]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python warns of "[[" and the like on standard error, which is the screen
                self._expression = re.compile(re.escape(value) if self.slow else value, re.I)
        except (re.error, RecursionError, OverflowError) as error:
            place = f" at character {error.pos + 1}" if isinstance(error, re.error) and error.pos is not None else ""
            self._broken = f"{error}".partition(" at position")[0] + place
            self._expression = re.compile(re.escape(value), re.I)

    @property
    def problem(self) -> str:
        if self._broken:
            return f"{self._value!r} is a broken regular expression: {self._broken}; it is searched for as plain text"
        return (
            f"{self._value!r} is searched for as plain text: as a regular expression it could take too long" if self.slow else ""
        )

    def found(self, texts: Sequence[str]) -> list[bool]:
        """Whether it is in each of them."""
        hits: list[bool] = []
        for start in range(0, len(texts), _TIMED):
            some = texts[start : start + _TIMED]
            if self.slow or self._literal:
                hits += [self._text in text.lower() for text in some]
                continue
            began = thread_time()
            hits += [self._expression.search(text[: self._reach]) is not None for text in some]
            self.spent += thread_time() - began
            self.slow = self.spent > self.budget
        return hits


_pattern = lru_cache(maxsize=64)(_Pattern)
