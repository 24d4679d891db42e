"""What the operator types to see fewer hosts.

Words are parted by blanks and all must fit: `text` or a regular expression over everything that a row shows, `field:value` over
one member, `!` before either turns it round, "in quotes" keeps blanks. `stage:install cause:401 !r650` shows the hosts at the
install whose cause or reason speaks of 401 and whose row has no r650.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import HostState

Fits = Callable[[HostState], bool]

_WORD = re.compile(r'(!?)(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))')


def _rack(host: HostState) -> str:
    """What stands before the first dash of names such as f21-h05-000-r650.example.com."""
    return host.short.partition("-")[0]


FIELDS: Mapping[str, Callable[[HostState], str]] = {
    "name": lambda host: host.name,
    "model": lambda host: f"{host.model} {host.short}",  # many labs have it in the name only
    "rack": _rack,
    "cloud": lambda host: host.cloud,
    "state": lambda host: f"{host.status.value}{' armed' if host.armed else ''}",
    "stage": lambda host: f"{host.stage.value} {host.stage.short}" if host.stage else "",
    "cause": lambda host: f"{host.cause or ''} {host.reason}",
    "note": lambda host: host.note,
}


def _row(host: HostState) -> str:
    parts = (host.name, host.model, host.cloud, host.status.value, host.stage or "", host.cause or "", host.note, host.reason)
    return " ".join(parts)


def host_filter(words: str, failures_only: bool = False) -> Fits:
    """Never fails: what is no regular expression is taken as plain text, what is no field as text with a colon."""
    tests = [_test(*match.groups()) for match in _WORD.finditer(words)]
    if failures_only:
        tests.insert(0, lambda host: host.status is HostStatus.FAILED)
    return lambda host: all(test(host) for test in tests)


def _test(turned: str, field: str | None, quoted: str | None, plain: str | None) -> Fits:
    value = plain if quoted is None else quoted
    value = value or ""
    if field is not None and field not in FIELDS:
        value, field = f"{field}:{value}", None
    try:
        pattern = re.compile(value, re.I)
    except re.error:
        pattern = re.compile(re.escape(value), re.I)
    shown = FIELDS[field] if field else _row
    wanted = not turned
    return lambda host: (pattern.search(shown(host)) is not None) is wanted
