"""Every metric that is served: one row each, from which the exposition and docs/metrics.md are made.

`python -m quads_tui.render.prometheus.table` brings the tables of docs/metrics.md up to date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import Any

from quads_tui.rollout.breaker import BreakerState
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import FOREMAN_ACTS
from quads_tui.rollout.repairs import BMC_RESET
from quads_tui.rollout.stages import ActResult, HostStatus, Stage, StageStatus
from quads_tui.rollout.tally import Histogram, Service

from ..header import left_armed
from .reading import LIMITS, NO_STAGE, Limit, OutageOf, PausedBy, PauseOf, Reading

ROLLOUT = "rollout"  # the label that every metric of a rollout has first
WRITES = tuple(sorted(FOREMAN_ACTS))
BMC_ACTIONS = ("reset", "override", BMC_RESET)
BUILD_INFO = "quads_tui_build_info"
LOOP_LAG = "quads_tui_event_loop_lag_seconds"

Value = float | Histogram
Sample = tuple[tuple[str, ...], Value]


class Kind(StrEnum):
    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """`labels`: their names, but for ROLLOUT. `samples`: the values of the labels and the value, of a moment."""

    name: str
    kind: Kind
    help: str
    samples: Callable[[Reading], Iterable[Sample]]
    labels: tuple[str, ...] = ()


def _one(value: Callable[[Reading], float | None]) -> Callable[[Reading], Iterable[Sample]]:
    """A metric without labels; nothing is served while its value is not known."""

    def samples(reading: Reading) -> Iterator[Sample]:
        found = value(reading)
        if found is not None:
            yield (), float(found)

    return samples


def _each(counted: Callable[[Reading], Mapping[Any, float]], *values: Iterable[str]) -> Callable[[Reading], Iterable[Sample]]:
    """One sample for each combination of the values, 0 where nothing is counted: a series does not begin in the middle."""
    every = [combination[0] if len(combination) == 1 else combination for combination in product(*values)]

    def samples(reading: Reading) -> Iterator[Sample]:
        found = counted(reading)
        for key in every:
            yield (key if isinstance(key, tuple) else (key,)), float(found.get(key, 0))

    return samples


def _hosts(reading: Reading) -> Iterator[Sample]:
    for cloud, counts in reading.rollout.clouds.items():
        for status in HostStatus:
            yield (cloud, status.value), float(counts[status])


def _failed(reading: Reading) -> Iterator[Sample]:
    for (stage, cause), hosts in sorted(reading.failed().items()):
        yield (stage, cause.value), float(hosts)


def _latencies(reading: Reading) -> Iterator[Sample]:
    for service in Service:
        yield (service.value,), reading.tally.latencies[service]


def _requests(reading: Reading) -> Mapping[str, float]:
    found = reading.requests
    return {
        Service.REDFISH: found["redfish_requests"],
        Service.IPMI: found.get("ipmi_sessions", 0),
        Service.FOREMAN_READ: found["foreman_reads"],
        Service.FOREMAN_WRITE: found["foreman_writes"],
    }


def _done_times(reading: Reading) -> Iterator[Sample]:
    for share, at in (("0.5", reading.forecast.done_at), ("0.9", reading.forecast.surely_done_at)):
        if at is not None:
            yield (share,), at


def _rate(reading: Reading) -> float | None:
    rate = reading.forecast.writes_per_minute
    return None if rate is None else rate / 60.0


def _info(reading: Reading) -> Iterator[Sample]:
    yield (reading.rollout.plan.cloud, "true" if reading.rehearsal else "false"), 1.0


METRICS: tuple[Metric, ...] = (
    Metric("quads_tui_rollout_info", Kind.GAUGE, "The rollout; the value is always 1.", _info, ("cloud", "rehearsal")),
    Metric(
        "quads_tui_rollout_start_timestamp_seconds",
        Kind.GAUGE,
        "When the rollout was started, in seconds since 1970 (UTC).",
        _one(lambda reading: reading.rollout.started_at or None),
    ),
    Metric(
        "quads_tui_rollout_end_timestamp_seconds",
        Kind.GAUGE,
        "When the rollout ended, in seconds since 1970 (UTC); absent while it runs.",
        _one(lambda reading: reading.rollout.ended_at),
    ),
    Metric(
        "quads_tui_rollout_duration_seconds",
        Kind.GAUGE,
        "How long the rollout has run, in seconds (emulated, in a rehearsal).",
        _one(lambda reading: reading.rollout.seconds(reading.now)),
    ),
    Metric(
        "quads_tui_rollout_speed_ratio",
        Kind.GAUGE,
        "Seconds of rollout time in one second of real time: 1, and more in rehearsals.",
        _one(lambda reading: reading.rollout.speed),
    ),
    Metric("quads_tui_hosts", Kind.GAUGE, "Hosts by status; the sum is the number of hosts.", _hosts, ("cloud", "status")),
    Metric(
        "quads_tui_stage_hosts",
        Kind.GAUGE,
        "Hosts that are in a stage: running, or retrying after a failed attempt.",
        _each(lambda reading: reading.rollout.at_stage, Stage),
        ("stage",),
    ),
    Metric(
        "quads_tui_failed_hosts",
        Kind.GAUGE,
        "Hosts that are failed now, by the stage in which they failed and the cause; only combinations that occur are served.",
        _failed,
        ("stage", "cause"),
    ),
    Metric(
        "quads_tui_armed_hosts",
        Kind.GAUGE,
        "Hosts that are armed: their next boot reinstalls them. Hosts on their way to their install are armed too.",
        _one(lambda reading: len(reading.rollout.armed)),
    ),
    Metric(
        "quads_tui_left_armed_hosts",
        Kind.GAUGE,
        "Hosts that are still armed after they, or the rollout, have ended. Their next boot reinstalls them.",
        _one(lambda reading: left_armed(reading.rollout)),
    ),
    Metric(
        "quads_tui_overdue_hosts",
        Kind.GAUGE,
        "Hosts whose install takes longer than those of nearly all hosts of their kind; they are still watched.",
        _one(lambda reading: len(reading.forecast.overdue)),
    ),
    Metric(
        "quads_tui_powered_off_hosts",
        Kind.GAUGE,
        "Hosts that are powered off, or are being powered off, and are not yet written to Foreman.",
        _one(lambda reading: len(reading.rollout.powered_off_waiting)),
    ),
    Metric(
        "quads_tui_not_verified_hosts",
        Kind.GAUGE,
        "Hosts whose machine could not be compared with Foreman's host.",
        _one(lambda reading: len(reading.rollout.unverified)),
    ),
    Metric(
        "quads_tui_write_queue_ready_hosts",
        Kind.GAUGE,
        "Hosts that are ready and wait for their turn to be written to Foreman.",
        _one(lambda reading: reading.lane.depth),
    ),
    Metric(
        "quads_tui_write_queue_left_writes",
        Kind.GAUGE,
        "Writes to Foreman that the plan has for hosts that are not yet written.",
        _one(lambda reading: reading.forecast.writes_left),
    ),
    Metric(
        "quads_tui_write_queue_head_age_seconds",
        Kind.GAUGE,
        "How long the host whose turn is next has waited, in seconds (emulated, in a rehearsal); 0 while nobody waits.",
        _one(lambda reading: reading.lane.head_age),
    ),
    Metric(
        "quads_tui_write_queue_writing_hosts",
        Kind.GAUGE,
        "Hosts whose write to Foreman is under way.",
        _one(lambda reading: len(reading.lane.in_flight)),
    ),
    Metric(
        "quads_tui_write_queue_writing_age_seconds",
        Kind.GAUGE,
        "How long the oldest write to Foreman has been under way, in seconds (emulated, in a rehearsal); 0 while there is none.",
        _one(lambda reading: reading.writing_age),
    ),
    Metric(
        "quads_tui_write_queue_blocked",
        Kind.GAUGE,
        "1 while no host may be written to Foreman: a result is unknown, or writes are paused. Else 0.",
        _one(lambda reading: bool(reading.lane.shut) or reading.lane.paused),
    ),
    Metric(
        "quads_tui_write_queue_concurrency",
        Kind.GAUGE,
        "How many writes to Foreman may be under way at once.",
        _one(lambda reading: reading.lane.width),
    ),
    Metric(
        "quads_tui_write_queue_writes_per_second",
        Kind.GAUGE,
        "The recent rate of writes to Foreman, per second of rollout time: the estimate uses it; absent until it is known.",
        _one(_rate),
    ),
    Metric(
        "quads_tui_foreman_writes_total",
        Kind.COUNTER,
        "Writes to Foreman whose result is known, by what was to be done and by the result.",
        _each(lambda reading: reading.tally.outcomes, WRITES, ActResult),
        ("action", "result"),
    ),
    Metric(
        "quads_tui_bmc_actions_total",
        Kind.COUNTER,
        "Power actions, boot settings and resets sent to BMCs, by what was to be done and by the result.",
        _each(lambda reading: reading.tally.outcomes, BMC_ACTIONS, ActResult),
        ("action", "result"),
    ),
    Metric(
        "quads_tui_requests_total",
        Kind.COUNTER,
        "Requests that were sent, including retries and logins; for IPMI, sessions are counted.",
        _each(_requests, Service),
        ("service",),
    ),
    Metric(
        "quads_tui_request_duration_seconds",
        Kind.HISTOGRAM,
        "How long requests took until their answer was read or they failed, in seconds of real time.",
        _latencies,
        ("service",),
    ),
    Metric(
        "quads_tui_request_errors_total",
        Kind.COUNTER,
        "Requests without an answer, or with an HTTP status of 500 and above.",
        _each(lambda reading: reading.tally.errors, Service),
        ("service",),
    ),
    Metric(
        "quads_tui_stage_attempts_total",
        Kind.COUNTER,
        "Attempts of stages that were started, and how they ended.",
        _each(lambda reading: reading.tally.attempts, Stage, StageStatus),
        ("stage", "status"),
    ),
    Metric(
        "quads_tui_stage_retries_total",
        Kind.COUNTER,
        "Retries: attempts at a stage after the first attempt of the host at that stage.",
        _each(lambda reading: reading.tally.retries, Stage),
        ("stage",),
    ),
    Metric(
        "quads_tui_stage_failures_total",
        Kind.COUNTER,
        "Attempts of stages that failed, by cause; the host may have succeeded later.",
        _each(lambda reading: reading.tally.failures, Stage, Cause),
        ("stage", "cause"),
    ),
    Metric(
        "quads_tui_pauses",
        Kind.GAUGE,
        "What is paused now: new hosts, writes to Foreman, new hosts of a model, hosts behind a canary.",
        _each(lambda reading: reading.pauses(), PauseOf, PausedBy),
        ("what", "who"),
    ),
    Metric(
        "quads_tui_outages",
        Kind.GAUGE,
        "Outages at this moment: Foreman, or the BMCs of a rack, do not answer.",
        _each(lambda reading: reading.outages(), OutageOf, (BreakerState.OPEN, BreakerState.HALF_OPEN)),
        ("what", "state"),
    ),
    Metric(
        "quads_tui_first_write_verified",
        Kind.GAUGE,
        "1 when Foreman has shown the first host in build mode after our write, else 0.",
        _one(lambda reading: reading.rollout.first_write_verified),
    ),
    Metric(
        "quads_tui_forecast_done_timestamp_seconds",
        Kind.GAUGE,
        "When all good hosts are done with this probability, in seconds since 1970 (UTC); absent while it is not known.",
        _done_times,
        ("probability",),
    ),
    Metric(
        "quads_tui_forecast_written_timestamp_seconds",
        Kind.GAUGE,
        "When the final write to Foreman is expected, in seconds since 1970 (UTC); absent while it is not known.",
        _one(lambda reading: reading.forecast.written_at),
    ),
    Metric(
        "quads_tui_forecast_good_hosts",
        Kind.GAUGE,
        "Good hosts, whose end is estimated: done or unfinished, without those that are overdue or excluded by the time limit.",
        _one(lambda reading: reading.good_hosts),
    ),
    Metric(
        "quads_tui_forecast_limited",
        Kind.GAUGE,
        "1 for the limit that the end of the rollout depends on, 0 for the others.",
        _each(lambda reading: {LIMITS[reading.forecast.bound]: 1} if reading.forecast.bound in LIMITS else {}, Limit),
        ("limit",),
    ),
)
"""Of each rollout of this process."""

OF_THE_PROCESS: tuple[tuple[str, Kind, str, tuple[str, ...]], ...] = (
    (BUILD_INFO, Kind.GAUGE, "The version of quads-tui; the value is always 1.", ("version",)),
    (LOOP_LAG, Kind.HISTOGRAM, "How late the program did what was due, in seconds of real time.", ()),
)
"""Name, kind, help and labels of what all rollouts of the process share."""

LABELS: dict[str, tuple[str, tuple[str, ...]]] = {
    "action": ("what was to be done", (*WRITES, *BMC_ACTIONS)),
    "cause": ("one of the [causes](troubleshooting.md#causes)", tuple(Cause)),
    "cloud": ("the clouds of the assignments; in `quads_tui_rollout_info` all of them together", ()),
    "limit": ("what the end waits for", tuple(Limit)),
    "probability": ("of the estimate", ("0.5", "0.9")),
    "rehearsal": ("whether the services are emulated", ("true", "false")),
    "result": ("what became of the action", tuple(ActResult)),
    ROLLOUT: ("the id of the rollout, as `quads-tui rollouts` lists it", ()),
    "service": ("whom the request was sent to", tuple(Service)),
    "stage": (f"the stage; `{NO_STAGE}` only for a host that failed before its first one", (*Stage, NO_STAGE)),
    "state": (
        "`half_open` while a single request tests whether Foreman, or the rack, answers again",
        (BreakerState.OPEN, BreakerState.HALF_OPEN),
    ),
    "status": ("of a host, or of an attempt", tuple(dict.fromkeys([one.value for one in (*HostStatus, *StageStatus)]))),
    "version": ("of the program", ()),
    "what": ("what is paused, or what does not answer", (*PauseOf, *OutageOf)),
    "who": ("who paused", tuple(PausedBy)),
}
"""What each label means, and its values where they are a fixed set."""


def up_to_date(page: str) -> str:
    """docs/metrics.md with the tables of what is served now."""
    rows = [(name, kind, text, labels) for name, kind, text, labels in OF_THE_PROCESS]
    rows += [(metric.name, metric.kind, metric.help, (ROLLOUT, *metric.labels)) for metric in METRICS]
    metrics = [f"| `{name}` | {kind} | {_code(labels)} | {text.removesuffix('.')} |" for name, kind, text, labels in rows]
    labels = [f"| `{name}` | {meaning} | {_code(values)} |" for name, (meaning, values) in LABELS.items()]
    page = _with_rows(page, "| metric | type | labels | meaning |", metrics)
    return _with_rows(page, "| label | meaning | values |", labels)


def _with_rows(page: str, head: str, rows: Sequence[str]) -> str:
    """The page with these rows in the table that has this head."""
    before, found, rest = page.partition(f"{head}\n")
    rule, _, rest = rest.partition("\n")
    _, _, after = rest.partition("\n\n")
    return before + found + "\n".join([rule, *rows]) + "\n\n" + after


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def main(path: Path = Path("docs/metrics.md")) -> None:
    """Writes it."""
    path.write_text(up_to_date(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
