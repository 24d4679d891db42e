"""The file of what a site has learned, in the state directory: one for each Foreman, written at the end of every rollout."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from quads_tui.journal.catalogue import known_pace
from quads_tui.journal.servers import spelled
from quads_tui.rollout.canary import with_canary
from quads_tui.rollout.events import RolloutStarted
from quads_tui.rollout.forecast import forecast
from quads_tui.rollout.host_results import learn_from
from quads_tui.rollout.learned import HostResult, LearnedDurations
from quads_tui.rollout.learned_json import learned_facts, learned_from
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.plan import Plan
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.text import clean
from quads_tui.rollout.time_limit import assumed_words

_MOST = 256 << 20  # bytes; 20,000 hosts with ten rollouts each are about 20 MB

Notify = Callable[[str], None]


def learned_path(state: Path, foreman: str) -> Path:
    """`foreman`: its URL, however it is spelled."""
    server = spelled(foreman)
    plain = re.sub(r"[^a-z0-9.-]+", "_", server)[:80]
    return state / "learned" / f"{plain}-{hashlib.sha256(server.encode()).hexdigest()[:8]}.json"


def read_learned(state: Path, foreman: str, notify: Notify) -> LearnedDurations:
    """What is known; nothing where there is no file. One that is damaged is as good as none, and `notify` says so."""
    return _read(learned_path(state, foreman), notify)


def _read(path: Path, notify: Notify) -> LearnedDurations:
    try:
        if path.stat().st_size > _MOST:
            raise ValueError(f"larger than {_MOST >> 20} MB")
        return learned_from(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return LearnedDurations()
    except (OSError, ValueError, RecursionError) as error:
        notify(f"warning: the learned durations in {path} are ignored: {clean(error)}")
        return LearnedDurations()


def known_durations(
    state: Path, foreman: str, plan: Plan, install: float, notify: Notify
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a rollout of this plan begins with, as DurationStats.seed takes it: how long things take at this site, and what is
    expected of the hosts of the plan. `install`: seconds after which an install is given up."""
    learned = read_learned(state, foreman, notify)
    if not learned.hosts:
        return known_pace(state, foreman), {}
    return learned.seeds(plan), learned.expectations(plan, install)


def past_results(state: Path, foreman: str, hosts: Collection[str]) -> dict[str, tuple[HostResult, ...]]:
    """What became of these hosts in their last rollouts, the newest first."""
    learned = read_learned(state, foreman, lambda words: None)  # a damaged file was reported when the plan was made
    return {host: tuple(reversed(learned.hosts[host])) for host in hosts if host in learned.hosts}


def with_history(
    state: Path,
    foreman: str,
    plan: Plan,
    install: float,
    notify: Notify,
    *,
    canary: int | None = None,
    begins: float,
    speed: float = 1.0,
) -> Plan:
    """The plan, with canaries, how long it is expected to take, a note at each host that failed in most of its last rollouts, and
    which hosts its time limit is expected to leave.

    `install`: as for `known_durations`. `canary`: of each type, as the operator wants it; None: the usual. `begins`: real time.
    """
    learned = read_learned(state, foreman, notify)
    words = {host.name: learned.failing(host.name) for host in plan.hosts if host.name in learned.hosts}
    hosts = (replace(host, notes=(*host.notes, words[host.name])) if words.get(host.name) else host for host in plan.hosts)
    plan = with_canary(replace(plan, hosts=tuple(hosts)), canary, learned, begins)
    expected, late, assumed = _foreseen(plan, learned, install, begins, speed)
    if expected and plan.canary:
        without, _, _ = _foreseen(replace(plan, canary=0), learned, install, begins, speed)
        plan = replace(plan, canary_seconds=max(0.0, expected[0] - without[0]) if without else None)
    warnings = (*plan.warnings, assumed) if assumed else plan.warnings
    return replace(plan, expected_seconds=expected, late=late, warnings=warnings)


def _foreseen(
    plan: Plan, learned: LearnedDurations, install: float, begins: float, speed: float
) -> tuple[tuple[float, ...], tuple[str, ...], str]:
    """Of a rollout that begins then: how long it takes (p50, p90), the hosts that its time limit leaves, and what was assumed."""
    usable = replace(plan, hosts=tuple(host for host in plan.hosts if not host.blocker))
    rollout = Rollout("", usable, speed=speed)
    rollout.durations.seed(learned.seeds(usable), learned.expectations(usable, install))
    rollout.apply(RolloutStarted(begins, "", len(usable.hosts), False, "", speed))
    made = forecast(rollout, Meters(), begins)
    expected = (round(made.p50), round(made.p90)) if made.p50 and made.p90 else ()
    late = tuple(host.name for host in usable.hosts if host.name in made.late)
    return expected, late, assumed_words(rollout, begins)


def learned_sites(state: Path, foreman: str | None, notify: Notify) -> dict[str, LearnedDurations]:
    """What is known, by the server of each Foreman, or of the one that is asked for."""
    if foreman is not None:
        return {spelled(foreman): read_learned(state, foreman, notify)}
    found: dict[str, LearnedDurations] = {}
    for path in sorted((state / "learned").glob("*.json")):
        server, _, port = path.stem.rpartition("-")[0].rpartition("_")
        found[f"{server}:{port}"] = _read(path, notify)
    return found


def learn(state: Path, foreman: str, rollout: Rollout, now: float, notify: Notify) -> None:
    """Add the rollout to the file. What cannot be written is reported and stops nothing. `now`: real time."""
    learned = read_learned(state, foreman, notify)
    learn_from(rollout, learned, now)
    path = learned_path(state, foreman)
    new = path.with_suffix(f".{os.getpid()}.new")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as file:
            json.dump(learned_facts(learned), file, separators=(",", ":"))
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        notify(f"warning: the durations of this rollout could not be added to {path}: {clean(error)}")
