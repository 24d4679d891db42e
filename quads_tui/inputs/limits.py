"""The `limits` section: the limits of a rollout as the site file gives them."""

from __future__ import annotations

from dataclasses import fields

from quads_tui.rollout.limits import Limits

from .section import Section

MOST_COUNT = 10_000
MOST_SECONDS = 7 * 24 * 3600
COUNTS = frozenset({"ahead", "attempts", "foreman_connections", "redfish_handshakes", "hooks"})
NAMES = tuple(member.name for member in fields(Limits))


def read_limits(section: Section) -> Limits:
    """The limits that the file names, the defaults for the others. Problems go into the section's report."""
    given: dict[str, float | int] = {}
    for name in NAMES:
        whole = name in COUNTS
        value = section.number(name, whole=whole, most=MOST_COUNT if whole else MOST_SECONDS)
        if value is not None:
            given[name] = int(value) if whole else value
    limits = Limits(**given)  # type: ignore[arg-type]
    if limits.backoff > limits.backoff_max:
        key = "backoff_max" if section.has("backoff_max") else "backoff"
        section.add(key, f"backoff ({limits.backoff:g} s) is above backoff_max ({limits.backoff_max:g} s); expected the contrary")
    return limits
