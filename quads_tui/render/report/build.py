"""The journal of a rollout worked out into a Report. Text is cleaned here, once: journals are files, and get handed round."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.cloud_counts import cloud_counts
from quads_tui.rollout.comments import HostComment
from quads_tui.rollout.events import Commanded, Event, HostChanged, Intent, Notice, Outcome, StageChanged
from quads_tui.rollout.learned import Expectations
from quads_tui.rollout.outages import Outage
from quads_tui.rollout.overdue import OverdueInstall, overdue_installs
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.rollout_time import RolloutTime
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from quads_tui.rollout.state import HostState, Rollout

from ..listing import State
from ..plan_text import canary_words
from .document import (
    Asked,
    Attempt,
    CloudReport,
    Evidence,
    FailedAttempts,
    Failures,
    HostReport,
    Message,
    OpenAct,
    Progress,
    Report,
    ReportedAction,
    StageTimes,
)
from .durations import stage_durations
from .elapsed import runs_of, time_of
from .journal_facts import assignments_of, given_words, member, models_of, number, plan_of, text, texts
from .series import Sample, Series

EVIDENCE = 8  # lines of a host's timeline


def build_report(
    facts: Mapping[str, Any],
    events: Iterable[Event],
    samples: Iterable[Sample],
    holder: str = "",
    resume: str = "quads-tui resume",
) -> Report:
    """The whole report. `holder`: who carries the rollout now, in words; `resume`: the command that continues it, empty where a
    worker will. Raises ValueError for a plan that cannot be read."""
    plan = plan_of(facts)
    kept, sampled = list(events), list(samples)
    runs = runs_of(kept, [sample.at for sample in sampled])
    elapsed = time_of(runs)
    rollout = replay(facts, plan, kept)
    series = Series(sampled, elapsed)
    rollout.durations.expected = Expectations(learned if isinstance(learned := facts.get("learned"), Mapping) else None)
    hosts = _hosts(rollout, kept, elapsed)
    acts, open_acts = _acts(kept)
    times = stage_durations(kept, plan) if plan else {}
    return Report(
        state=state_of(rollout, plan, holder),
        end_reason=text(rollout.end_reason),
        holder=text(holder),
        asked=_asked(facts, plan),
        runs=tuple(runs),
        time=elapsed,
        seconds=elapsed.total,
        last=runs[-1].last if runs else kept[-1].at if kept else None,
        counts={status: rollout.counts[status] for status in HostStatus},
        paused={text(what): text(why) for what, why in rollout.paused.items()},
        clouds=_clouds(rollout, hosts.values()) if plan else (),
        outages=_outages(rollout),
        hosts=tuple(hosts.values()),
        failures=_failures(rollout, hosts),
        attempts=_failed_attempts(hosts.values()),
        acts=acts,
        open_acts=open_acts,
        messages=_messages(kept),
        progress=_progress(rollout, kept, elapsed),
        durations=tuple(
            StageTimes(text(model, 100), stage, tuple(sorted(number(second) for second in seconds)))
            for (model, stage), seconds in sorted(times.items(), key=lambda entry: (list(Stage).index(entry[0][1]), entry[0][0]))
        ),
        too_late=series.too_late,
        lane=series.lane(),
        latencies=series.latencies(real=False) if sampled else (),
        real_latencies=series.latencies(real=True) if sampled else (),
        resume=resume,
        copy_of=text(exported.get("from")) if isinstance(exported := facts.get("exported"), Mapping) else "",
    )


def _outages(rollout: Rollout) -> tuple[Outage, ...]:
    found = [
        replace(one, service=text(one.service), why=text(one.why), since=number(one.since))
        for one in (*rollout.outages.past, *rollout.outages.standing.values())
    ]
    return tuple(sorted(found, key=lambda one: one.since))


def replay(facts: Mapping[str, Any], plan: Plan | None, events: Iterable[Event]) -> Rollout:
    """The model after all events; without a plan one that has no hosts."""
    rollout = Rollout(text(facts.get("rollout"), 200), plan or _no_plan(facts))
    for event in events:
        rollout.apply(event)
    return rollout


def state_of(rollout: Rollout, plan: Plan | None, holder: str) -> State:
    if plan is None:
        return State.UNPLANNED
    if holder:
        return State.RUNNING
    if rollout.ended_at is None:
        return State.UNFINISHED
    if not rollout.settled:
        return State.STOPPED
    return State.DONE if rollout.counts[HostStatus.DONE] == len(rollout.hosts) else State.ENDED


def _no_plan(facts: Mapping[str, Any]) -> Plan:
    return Plan((Goal(text(given_words(facts, "cloud"), 100), Kind.BUILD),), ())


def _asked(facts: Mapping[str, Any], plan: Plan | None) -> Asked:
    def wanted(name: str) -> str:
        return text(plan.words(name) if plan else given_words(facts, name))

    hosts = plan.hosts if plan else tuple(HostPlan(name, "") for name in _assigned(facts))
    return Asked(
        rollout=text(facts.get("rollout"), 200),
        created_at=number(facts.get("created_at")),
        who=text(facts.get("who")),
        assignment=given_words(facts, "path"),
        site=text(facts.get("site")),
        rehearsal=bool(facts.get("rehearsal")),
        cloud=wanted("cloud"),
        kinds=plan.kinds if plan else frozenset(),
        description=wanted("description"),
        owner=wanted("owner"),
        ticket=wanted("ticket"),
        ccuser=_each(facts, "ccuser"),
        os=wanted("os"),
        ptable=wanted("ptable"),
        medium=wanted("medium"),
        parameters=_each(facts, "parameters"),
        foreman=text(plan.foreman) if plan else "",
        models=models_of(hosts),
        canary=text(canary_words(plan), 2000) if plan else "",
        warnings=texts(plan.warnings) if plan else (),
    )


def _assigned(facts: Mapping[str, Any]) -> list[str]:
    found = []
    for given in assignments_of(facts):
        hosts = given.get("hosts")
        found += [text(member(host, "name")) for host in hosts] if isinstance(hosts, list) else []
    return found


def _each(facts: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Texts of a list that every assignment has, each once."""
    return tuple(dict.fromkeys(word for given in assignments_of(facts) for word in texts(given.get(name))))


def _hosts(rollout: Rollout, events: Sequence[Event], elapsed: RolloutTime) -> dict[str, HostReport]:
    """By the names of the plan, in its order."""
    attempts: dict[str, dict[Stage, list[Attempt]]] = {name: {} for name in rollout.hosts}
    began: dict[tuple[str, Stage], float] = {}
    changed: dict[str, float] = {}
    for event in events:
        if isinstance(event, StageChanged) and event.host in attempts:
            if event.status is StageStatus.STARTED:
                began[event.host, event.stage] = event.at
            tries = attempts[event.host].setdefault(event.stage, [])
            _attempted(tries, began.get((event.host, event.stage), event.at), event, elapsed)
            changed[event.host] = event.at
        elif isinstance(event, HostChanged) and event.host in attempts:
            changed[event.host] = event.at
    overdue = overdue_installs(rollout, max((event.at for event in events), default=0.0))
    return {
        name: _host(
            host,
            plan,
            attempts[name],
            changed.get(name),
            elapsed,
            unverified=host.unverified,
            overdue=overdue.get(name),
        )
        for (name, host), plan in zip(rollout.hosts.items(), _plans(rollout), strict=True)
    }


def _clouds(rollout: Rollout, hosts: Iterable[HostReport]) -> tuple[CloudReport, ...]:
    ended: dict[str, float] = {}
    for host in hosts:
        ended[host.cloud] = max(ended.get(host.cloud, 0.0), host.ended or 0.0)
    found = []
    for counts in cloud_counts(rollout):
        name = text(counts.cloud, 100)
        found.append(CloudReport(replace(counts, cloud=name), None if counts.unfinished else ended.get(name)))
    return tuple(found)


def _plans(rollout: Rollout) -> list[HostPlan]:
    """One a host: a plan that names a host twice has it once in the model."""
    return list({host.name: host for host in rollout.plan.hosts}.values())


def _attempted(attempts: list[Attempt], began: float, event: StageChanged, elapsed: RolloutTime) -> None:
    """`began`: real time of the start of the attempt under way."""
    own, seconds = elapsed.own(event.at), number(event.seconds)
    if event.status is StageStatus.STARTED:
        attempts.append(Attempt(event.attempt, event.status, own, None, "", None))
        return
    ended = Attempt(event.attempt, event.status, max(0.0, own - seconds), seconds, text(event.reason), event.cause)
    if not attempts or attempts[-1].number != event.attempt:
        attempts.append(ended)
    elif elapsed.run(began) != elapsed.run(event.at):  # closed by a later process: the time between the two is nobody's
        attempts[-1] = replace(ended, began=attempts[-1].began, seconds=own - attempts[-1].began)
    else:
        attempts[-1] = replace(ended, began=attempts[-1].began)


def _host(
    host: HostState,
    plan: HostPlan,
    attempts: Mapping[Stage, Sequence[Attempt]],
    changed: float | None,
    elapsed: RolloutTime,
    *,
    unverified: str,
    overdue: OverdueInstall | None,
) -> HostReport:
    began = [attempt.began for tries in attempts.values() for attempt in tries]
    lines = [] if host.status is HostStatus.DONE else list(host.timeline)
    return HostReport(
        name=text(host.name, 255),
        cloud=text(host.cloud, 100),
        model=text(host.model, 100),
        address=text(host.address),
        status=host.status,
        stage=host.stage,
        stages={stage: tuple(attempts[stage]) for stage in Stage if stage in attempts},
        began=min(began, default=None),
        ended=None if changed is None else elapsed.own(changed),
        armed=host.armed,
        unverified=text(unverified),
        overdue=overdue,
        cause=host.cause,
        reason=text(host.reason or host.note),
        safety=host.safety if host.left_behind else None,
        left_behind=text(host.left_behind),
        notes=tuple(text(note) for note in (*plan.notes, plan.left_session, plan.blocker) if note),
        comments=tuple(HostComment(number(one.at), text(one.who, 100), text(one.text)) for one in host.comments),
        evidence=tuple(Evidence(line.at, line.stage, text(line.text)) for line in lines[-EVIDENCE:]),
    )


def _failures(rollout: Rollout, hosts: Mapping[str, HostReport]) -> tuple[Failures, ...]:
    groups = sorted(rollout.groups.values(), key=lambda group: -len(group.hosts))
    return tuple(
        Failures(group.stage, group.cause, text(group.reason), tuple(hosts[name] for name in group.hosts)) for group in groups
    )


def _failed_attempts(hosts: Iterable[HostReport]) -> tuple[FailedAttempts, ...]:
    counts: Counter[tuple[Stage, Cause]] = Counter()
    named: dict[tuple[Stage, Cause], dict[str, bool]] = {}
    for host in hosts:
        for stage, attempts in host.stages.items():
            for attempt in attempts:
                if attempt.status is StageStatus.FAILED:
                    key = (stage, attempt.cause or Cause.UNKNOWN)
                    counts[key] += 1
                    named.setdefault(key, {})[host.name] = host.status is HostStatus.DONE
    return tuple(
        FailedAttempts(stage, cause, count, len(named[stage, cause]), sum(named[stage, cause].values()))
        for (stage, cause), count in counts.most_common()
    )


def _acts(events: Iterable[Event]) -> tuple[tuple[ReportedAction, ...], tuple[OpenAct, ...]]:
    """Intents beside their outcomes. Both carry the number by which they meet."""
    under_way: dict[int, Intent] = {}
    results: dict[str, Counter[str]] = {}
    for event in events:
        if isinstance(event, Intent):
            under_way[event.number] = event
            results.setdefault(text(event.act, 40), Counter())
        elif isinstance(event, Outcome) and event.number in under_way:
            results[text(under_way.pop(event.number).act, 40)][text(event.result, 40)] += 1
    open_acts = tuple(
        OpenAct(intent.number, text(intent.host, 255), text(intent.act, 40), intent.at) for intent in under_way.values()
    )
    missing = Counter(intent.act for intent in open_acts)
    acts = tuple(ReportedAction(act, sum(found.values()) + missing[act], dict(found)) for act, found in sorted(results.items()))
    return acts, open_acts


def _messages(events: Iterable[Event]) -> tuple[Message, ...]:
    found = []
    for event in events:
        if isinstance(event, Commanded):
            found.append(Message(event.at, "command", text(event.who), text(event.text)))
        elif isinstance(event, Notice):
            found.append(Message(event.at, text(event.level, 20), "", text(event.text)))
    return tuple(found)


def _progress(rollout: Rollout, events: Iterable[Event], elapsed: RolloutTime) -> tuple[Progress, ...]:
    """A point for every change of a host's end; a retry takes its host out of it again."""
    ends: dict[str, HostStatus] = {}
    counts: Counter[HostStatus] = Counter()
    points = [Progress(0.0, 0, 0, 0, 0)]
    for event in events:
        if isinstance(event, StageChanged) and event.status is StageStatus.STARTED:
            status = HostStatus.RUNNING
        elif isinstance(event, HostChanged):
            status = event.status
        else:
            continue
        before = ends.get(event.host)
        if event.host not in rollout.hosts or status is before or not (status.is_final or before):
            continue
        if before:
            counts[before] -= 1
        if status.is_final:
            counts[status] += 1
            ends[event.host] = status
        else:
            ends.pop(event.host)
        done, failed, skipped, held = (
            counts[end] for end in (HostStatus.DONE, HostStatus.FAILED, HostStatus.SKIPPED, HostStatus.HELD)
        )
        points.append(Progress(elapsed.own(event.at), done, failed, skipped, held))
    return tuple(points)
