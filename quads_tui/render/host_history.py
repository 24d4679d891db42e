"""Hosts over their last rollouts, as lines and as JSON types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from quads_tui.rollout.learned import HostResult
from quads_tui.rollout.metrics import quantile
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.time_words import date_and_time, rfc3339

from .numbers import duration, measured

_LAST = 5  # rollouts of a host in its line


class HostHistory(NamedTuple):
    """One host at one Foreman. `results`: the newest rollout first, one at least."""

    host: str
    foreman: str
    results: tuple[HostResult, ...]

    @property
    def failed(self) -> int:
        return sum(one.status is HostStatus.FAILED for one in self.results)

    @property
    def tail(self) -> float | None:
        """The median of what it took after its write; None where it was never built."""
        tails = sorted(one.tail for one in self.results if one.tail is not None)
        return quantile(tails, 0.5) if tails else None


def worst_first(hosts: Iterable[HostHistory]) -> list[HostHistory]:
    """By the share of rollouts in which it failed, then by what it took."""
    return sorted(hosts, key=lambda one: (-one.failed / len(one.results), -one.failed, -(one.tail or 0.0), one.host))


def heading(width: int) -> str:
    """`width`: of the longest name."""
    return f"{'HOST':<{width}}  {'ROLLOUTS':>8} {'FAILED':>6}  {'AFTER WRITE':>11}  RECENT ROLLOUTS (newest first)"


def line(one: HostHistory, width: int) -> str:
    """One host, in columns under `heading`. After write: the median from its write to Foreman until it was built."""
    after = duration(one.tail) if one.tail is not None else "-"
    last = ", ".join(outcome(result) for result in one.results[:_LAST])
    return f"{one.host:<{width}}  {len(one.results):>8} {one.failed or '-':>6}  {after:>11}  {last}"


def details(one: HostHistory) -> list[str]:
    """A line for each of its rollouts, with the duration of every stage that it finished."""
    width = max(len("ROLLOUT"), *(len(result.rollout) for result in one.results))
    stages = " ".join(f"{stage.label:>10}" for stage in Stage)
    lines = [f"{one.host}  (Foreman {one.foreman})", f"{'ROLLOUT':<{width}}  {'STARTED':<16} {stages}  OUTCOME"]
    for result in one.results:
        took = " ".join(f"{_took(result, stage):>10}" for stage in Stage)
        lines.append(f"{result.rollout:<{width}}  {_local(result.at):<16} {took}  {outcome(result)}")
    return lines


def members(one: HostHistory) -> dict[str, Any]:
    """As JSON types. Seconds are rollout time; of the Build only what follows Foreman's answer to the write."""
    return {
        "host": one.host,
        "foreman": one.foreman,
        "failed": one.failed,
        "seconds_after_write": one.tail,
        "rollouts": [
            {
                "rollout": result.rollout,
                "started_at": rfc3339(result.at),
                "status": result.status.value,
                "stage": result.stage.value if result.stage else None,
                "cause": result.cause or None,
                "model": result.type.model,
                "os": result.type.os,
                "medium": result.type.medium,
                "seconds": {stage.value: seconds for stage, seconds in result.seconds.items()},
                "given_up_after": result.given_up,
            }
            for result in one.results
        ],
    }


def outcome(result: HostResult) -> str:
    """Such as: done 22 min; failed Install (timeout)."""
    if result.status is HostStatus.DONE:
        return "done" if result.tail is None else f"done {duration(result.tail)}"
    where = f" {result.stage.label}" if result.stage else ""
    status = result.status.value if result.status.is_final else "unfinished"
    return f"{status}{where}" + (f" ({result.cause})" if result.cause else "")


def _took(result: HostResult, stage: Stage) -> str:
    return measured(result.seconds[stage]) if stage in result.seconds else "-"


def _local(at: float) -> str:
    return date_and_time(at) if at else "-"
