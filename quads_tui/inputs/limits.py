"""The `limits` section: the limits of a rollout as the site file gives them. Each field of Limits is a key."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from quads_tui.rollout.limits import WORD, Limits

from .readers import Number
from .section import Section
from .table import Key, Table

MOST_COUNT = 10_000
MOST_SECONDS = 7 * 24 * 3600


def _check(section: Section, values: dict[str, Any]) -> None:
    limits = Limits(**values)
    if limits.backoff > limits.backoff_max:
        key = "backoff_max" if section.has("backoff_max") else "backoff"
        message = f"backoff must not exceed backoff_max: {limits.backoff:g} s is more than {limits.backoff_max:g} s"
        section.add(key, f"{message}; expected a smaller backoff or a larger backoff_max")


def _row(name: str, kind: object, word: str) -> Key:
    """Counts are whole numbers, all else is seconds."""
    whole = kind in (int, "int")
    reader = Number(MOST_COUNT if whole else MOST_SECONDS, whole=whole, word=word)
    return Key(name, reader, unit="" if whole else "s", default=word, optional=True)


LIMITS = Table(
    Limits, tuple(_row(member.name, member.type, member.metadata.get(WORD, "")) for member in fields(Limits)), check=_check
)
