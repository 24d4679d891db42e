"""What a site has learned as JSON types, and back: a file that anybody may have damaged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .learned import ROLLOUTS, SAMPLE, VERSION, BuildType, DurationSample, HostResult, LearnedDurations, is_seconds
from .stages import HostStatus, Stage
from .text import clean

_MOST_SEEN = 10**9
_STAGES = tuple(Stage)


def learned_facts(learned: LearnedDurations) -> dict[str, Any]:
    """As JSON types. Hosts name their types by number."""
    types = list(dict.fromkeys([type for type, _ in learned.samples] + [one.type for of in learned.hosts.values() for one in of]))
    numbers = {type: number for number, type in enumerate(types)}
    return {
        "version": VERSION,
        "types": [list(type) for type in types],
        "samples": [
            [numbers[type], stage.value, one.seen, _rounded(one.ended), _rounded(one.censored)]
            for (type, stage), one in learned.samples.items()
        ],
        "between": _rounded(learned.between),
        "hosts": {host: [_row(one, numbers[one.type]) for one in results] for host, results in learned.hosts.items()},
    }


def learned_from(facts: object) -> LearnedDurations:
    """The inverse of `learned_facts`. Raises ValueError for anything else."""
    try:
        return _read(facts)
    except (TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        raise ValueError(f"unexpected content: {error!r}") from None


def _read(facts: object) -> LearnedDurations:
    if not isinstance(facts, Mapping) or facts.get("version") != VERSION:
        raise ValueError(f"its version is not {VERSION}")
    types = [BuildType(*(_text(word) for word in words)) for words in facts["types"]]
    learned = LearnedDurations()
    for number, stage, seen, ended, censored in facts["samples"]:
        if not isinstance(seen, int) or not 0 <= seen <= _MOST_SEEN or len(ended) + len(censored) > SAMPLE:
            raise ValueError("a sample is too large")
        learned.samples[types[number], Stage(stage)] = DurationSample(seen, _seconds(ended), _seconds(censored))
    learned.between = _seconds(facts["between"])[:SAMPLE]
    for host, rows in facts["hosts"].items():
        learned.hosts[_text(host)] = [_result(row, types) for row in rows[-ROLLOUTS:]]
    if not all(learned.hosts.values()):
        raise ValueError("a host has no rollout")
    return learned


def _row(one: HostResult, number: int) -> list[Any]:
    stage = one.stage.value if one.stage else None
    seconds = [round(one.seconds[stage], 1) if stage in one.seconds else None for stage in _STAGES]
    given_up = None if one.given_up is None else round(one.given_up, 1)
    return [one.rollout, round(one.at, 1), number, one.status.value, stage, one.cause, seconds, given_up]


def _result(row: Any, types: list[BuildType]) -> HostResult:
    rollout, at, number, status, stage, cause, seconds, given_up = row
    if not isinstance(at, int | float) or not 0 <= at < 1e11 or len(seconds) != len(_STAGES):
        raise ValueError("the result of a host is invalid")
    return HostResult(
        _text(rollout),
        float(at),
        types[number],
        HostStatus(status),
        None if stage is None else Stage(stage),
        _text(cause),
        {stage: _one(value) for stage, value in zip(_STAGES, seconds, strict=True) if value is not None},
        None if given_up is None else _one(given_up),
    )


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 1) for value in values]


def _seconds(values: Any) -> list[float]:
    return [_one(value) for value in values]


def _one(value: Any) -> float:
    if not is_seconds(value):
        raise ValueError("a duration is invalid")
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a name is not a text")
    return clean(value, 300)
