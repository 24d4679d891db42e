"""The journal's facts as what was asked. Facts that an older version did not keep are empty."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from quads_tui.rollout.plan import HostPlan, Plan, plan_from
from quads_tui.rollout.text import clean


def plan_of(facts: Mapping[str, Any]) -> Plan | None:
    """The plan of a rollout; None if its process never got that far. Raises ValueError for one that cannot be read."""
    data = facts.get("plan")
    if data is None:
        return None
    try:
        return plan_from(data)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise ValueError(f"the plan in the journal cannot be read: {error}") from None


def member(facts: Mapping[str, Any], *path: str) -> Any:
    """What stands at `path`; None where any part of it is missing or no mapping."""
    value: Any = facts
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def assignments_of(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """As they were given; the first journals kept one, under another name."""
    kept = facts.get("assignments", [facts.get("assignment")])
    return [given for given in kept if isinstance(given, Mapping)] if isinstance(kept, list) else []


def given_words(facts: Mapping[str, Any], name: str) -> str:
    """What the assignments say under this name, each once."""
    return ", ".join(dict.fromkeys(text(given.get(name)) for given in assignments_of(facts) if given.get(name)))


def text(value: object, limit: int = 1000) -> str:
    """Clean text; empty for None."""
    return "" if value is None else clean(value, limit)


def texts(value: object) -> tuple[str, ...]:
    """Clean texts of a list or the names of a mapping; empty for everything else."""
    return tuple(text(entry) for entry in value) if isinstance(value, list | tuple | Mapping) else ()


def number(value: object) -> float:
    """A finite number; 0 for everything else."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0


def models_of(hosts: Iterable[HostPlan]) -> dict[str, int]:
    """How many hosts of each model, most first."""
    return dict(Counter(text(host.model, 100) for host in hosts).most_common())
