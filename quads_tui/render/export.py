"""The facts of hosts for other programs: a row each, as CSV or as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from quads_tui.rollout.stages import Stage
from quads_tui.rollout.state import HostState, Rollout

Facts = dict[str, str | int | bool | None]

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # a spreadsheet would compute such a cell


def host_facts(host: HostState, rollout: Rollout, *, state: str, note: str) -> Facts:
    """The row of a host, by column. `state` and `note`: the columns of the screen, in words. None and "": there is none.

    Times are RFC 3339 with the offset of this machine; `rollout` has the id, so that files of several rollouts can be joined.
    """
    plan = rollout.plan.hosts[host.index]
    goal = rollout.plan.goal(plan)
    return {
        "rollout": rollout.id,
        "host": host.name,
        "short": host.short,
        "rack": plan.rack,
        "model": host.model,
        "cloud": host.cloud,
        "old_cloud": plan.source,
        "owner": goal.owner,
        "ticket": goal.ticket,
        "bmc": host.address,
        "mac": plan.mac,
        "status": host.status.value,
        "state": state,
        "stage": host.stage.value if host.stage else "",
        **{stage.value: host.marks[stage].value if stage in host.marks else "" for stage in Stage},
        "attempt": host.attempt,
        "attempts": sum(host.attempts.values()),
        "since": _stamp(host.since) if host.since else "",
        "retry_at": _stamp(host.until) if host.until else "",
        "note": note,
        "cause": host.cause.value if host.cause else "",
        "reason": host.reason,
        "safety": host.safety.value if host.left_behind else "",
        "armed": host.armed,
        "not_verified": host.unverified,
        "hooks_failed": " ".join(name for name, ok in host.hooks.items() if not ok),
    }


def as_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """RFC 4180, with a line of column names. A cell that a spreadsheet would take for a formula begins with an apostrophe."""
    text = io.StringIO()
    columns = list(rows[0]) if rows else []
    lines = csv.writer(text)  # its default dialect ends lines with CR and LF, and doubles quotes
    if columns:
        lines.writerow(columns)
    lines.writerows([_cell(row[column]) for column in columns] for row in rows)
    return text.getvalue()


def as_json(rows: Sequence[Mapping[str, object]]) -> str:
    """One array of objects, a host a line."""
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n"


FORMATS: Mapping[str, Callable[[Sequence[Mapping[str, object]]], str]] = {"csv": as_csv, "json": as_json}


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")
