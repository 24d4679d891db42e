"""The metrics: their documents, promtool, and that their figures are those of the JSON of the same moment."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from quads_tui.render.prometheus.reading import MeasuredRollout
from quads_tui.render.prometheus.table import LABELS, METRICS, OF_THE_PROCESS, ROLLOUT, Kind, main, up_to_date
from quads_tui.render.report import build_report
from quads_tui.render.report.data import document
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.commands import Hold, Pause, Skip
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.tally import Histogram, Tally
from quads_tui.rollout.view import RolloutView
from quads_tui.runtime.json_lines import finished
from tests.clocks import in_virtual_time
from tests.engine.model import Lab
from tests.rollout.simulated_rollout import NOW, Course

ROOT = Path(__file__).parents[2]
KINDS = {name: kind for name, kind, *_ in OF_THE_PROCESS} | {metric.name: metric.kind for metric in METRICS}
REQUESTS = {"foreman_writes": 7, "foreman_reads": 11, "redfish_requests": 13}
Key = tuple[str, frozenset[tuple[str, str]]]


# What needs no package


def test_the_documents_tables_are_what_is_served(tmp_path: Path) -> None:
    page = (ROOT / "docs/metrics.md").read_text()
    assert up_to_date(page) == page, "docs/metrics.md is stale; run python -m quads_tui.render.prometheus.table"
    path = tmp_path / "metrics.md"
    path.write_text("\n".join(line for line in page.splitlines() if not line.startswith("| `quads_tui_hosts`")) + "\n")
    main(path)
    assert path.read_text() == page


def test_names_and_labels_follow_the_conventions() -> None:
    assert len(KINDS) == len(METRICS) + len(OF_THE_PROCESS)
    used = {label for metric in METRICS for label in metric.labels} | {label for *_, labels in OF_THE_PROCESS for label in labels}
    assert used | {ROLLOUT} == set(LABELS)
    assert "host" not in used
    for name, kind in KINDS.items():
        assert re.fullmatch(r"quads_tui_[a-z]+(_[a-z]+)*", name)
        assert name.endswith("_total") is (kind is Kind.COUNTER), name


def queries() -> Iterator[str]:
    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for name, value in node.items():
                if name in ("expr", "definition", "query") and isinstance(value, str):
                    yield value
                yield from walk(value)
        elif isinstance(node, list):
            for value in node:
                yield from walk(value)

    yield from walk(json.loads((ROOT / "docs/grafana.json").read_text()))
    yield from re.findall(
        r"(?m)^(?:expr: )?(.*quads_tui_.*)$",
        "".join(re.findall(r"(?s)```promql\n(.*?)```", (ROOT / "docs/metrics.md").read_text())),
    )


def test_every_metric_and_label_that_dashboard_and_examples_ask_for_exists() -> None:
    found = list(queries())
    assert len(found) > 20
    for query in found:
        names = re.findall(r"quads_tui_\w+", query)
        assert names or query.startswith("prometheus"), query
        for name in names:
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            assert name in KINDS or KINDS.get(base) is Kind.HISTOGRAM, f"{query}: there is no {name}"
        labels = re.findall(r"[{,]\s*(\w+)\s*(?:=|!=)~?\"", query) + re.findall(r"by \(([^)]*)\)", query)
        for label in (one.strip() for group in labels for one in group.split(",")):
            assert label in LABELS or label == "le", f"{query}: there is no label {label}"


def test_the_dashboard_shows_what_an_operator_watches() -> None:
    asked = " ".join(queries())
    for name in KINDS:
        shown = name not in ("quads_tui_build_info", "quads_tui_rollout_speed_ratio", "quads_tui_rollout_end_timestamp_seconds")
        assert not shown or name in asked, f"no panel shows {name}"


# What is served


class Reader:
    """Exposes one rollout; `read` is every sample that is served, by name and labels."""

    def __init__(self, view: RolloutView, tally: Tally, requests: Callable[[], dict[str, int]] = lambda: REQUESTS) -> None:
        exposition = pytest.importorskip("quads_tui.render.prometheus.exposition", exc_type=ImportError)
        measured = MeasuredRollout(view=view, tally=tally, requests=requests, rehearsal=True)
        self.made = exposition.Exposition(lambda: [measured], Histogram((0.1,)))

    def text(self) -> str:
        return self.made.text().decode()

    def read(self) -> dict[Key, float]:
        from prometheus_client.parser import text_string_to_metric_families

        families = text_string_to_metric_families(self.text())
        return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


class FixedClock:
    def wall(self) -> float:
        return NOW

    def now(self) -> float:
        return 20_000.0


def course() -> RolloutView:
    made = Course(["R650"] * 12)
    made.done(2000.0, 900.0)
    made.done(1900.0, 900.0)
    made.done(1800.0, 900.0)
    made.installing(300.0)
    made.in_lane(20.0)
    return RolloutView(rollout=made.rollout, meters=Meters(), clock=FixedClock())  # type: ignore[arg-type]


def test_all_that_is_documented_is_served_and_nothing_else() -> None:
    text = Reader(course(), Tally()).text()
    assert {(name, kind) for name, kind in re.findall(r"(?m)^# TYPE (\S+) (\S+)$", text)} == set(KINDS.items())
    helps = dict(re.findall(r"(?m)^# HELP (\S+) (.+)$", text))
    assert helps == {name: words for name, _, words, _ in OF_THE_PROCESS} | {one.name: one.help for one in METRICS}
    labels = {
        name: set(re.findall(r'(\w+)="', line)) - {"le"}
        for line in text.splitlines()
        for name in [line.split("{")[0]]
        if line[0] != "#"
    }
    for metric in METRICS:
        served = labels.get(metric.name) or labels.get(f"{metric.name}_count")
        assert served in (None, {ROLLOUT, *metric.labels}), metric.name


def test_values_of_labels_are_of_the_fixed_sets() -> None:
    samples = Reader(course(), Tally()).read()
    for _, labels in samples:
        for label, value in labels:
            allowed = LABELS[label][1] if label in LABELS else ()
            assert not allowed or value in allowed


def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    return found


def test_promtool_finds_nothing_wrong() -> None:
    program, text = promtool(), Reader(course(), Tally()).text()
    checked = subprocess.run([program, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_promtool_takes_every_query_of_dashboard_and_examples(tmp_path: Path) -> None:
    program, rules = promtool(), []
    for query in queries():
        if not query.startswith(("label_values(", "prometheus")):
            whole = query.replace("$__rate_interval", "5m").replace("$rollout", "r1")
            rules.append({"record": f"query_{len(rules)}", "expr": whole})
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))
    checked = subprocess.run([program, "check", "rules", tmp_path / "rules.yaml"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"SUCCESS: {len(rules)} rules found" in checked.stdout


def test_names_from_outside_cannot_break_the_text() -> None:
    view = course()
    view.rollout.id = 'r1"} 1\n# TYPE evil counter\\'
    (found,) = [labels for name, labels in Reader(view, Tally()).read() if name == "quads_tui_rollout_info"]
    assert dict(found)[ROLLOUT] == view.rollout.id


# The same figures as the JSON


@dataclass
class Row:
    """A row of samples, as a report reads it."""

    at: float
    data: dict[str, Any]


class Moments:
    """Compares metrics and JSON each time that the journal gets a sample: both are made at that moment."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.compared = 0
        self.seen: set[str] = set()
        self.tally = Tally()
        self._heard = 0
        self.view = RolloutView(rollout=lab.rollout, meters=lab.world.meters, clock=lab.clock)
        self.reader = Reader(self.view, self.tally)
        lab.journal.sample = self.sample  # type: ignore[method-assign]

    def sample(self, at: float, data: dict[str, object]) -> None:
        for event in self.lab.journal.events[self._heard :]:
            self.tally.on_event(event)
        self._heard = len(self.lab.journal.events)
        samples = self.reader.read()
        state = json.loads(json.dumps(data))
        self.seen |= {name for (name, _), value in samples.items() if value}
        self.compare(samples, state, at)
        self.compared += 1

    def compare(self, samples: dict[Key, float], state: dict[str, Any], at: float) -> None:
        rollout = self.lab.rollout

        def value(name: str, **labels: str) -> float | None:
            return samples.get((f"quads_tui_{name}", frozenset({ROLLOUT: rollout.id, **labels}.items())))

        def total(name: str, **labels: str) -> float:
            wanted = set(labels.items())
            return sum(one for (metric, found), one in samples.items() if metric == f"quads_tui_{name}" and wanted <= found)

        lines = finished(rollout, REQUESTS, at)
        for member in ("done", "failed", "skipped", "held"):
            assert total("hosts", status=member) == lines[member]
        assert total("hosts") == lines["hosts"]
        unfinished = total("hosts", status="queued") + total("hosts", status="running") + total("hosts", status="waiting")
        assert unfinished == lines["unfinished"]
        assert total("failed_hosts") == lines["failed"]
        for stage, cause in {(one["stage"], one["cause"]) for one in lines["failures"]}:
            hosts = sum((one["stage"], one["cause"]) == (stage, cause) for one in lines["failures"])
            assert value("failed_hosts", stage=stage, cause=cause) == hosts
        assert value("armed_hosts") == len(lines["armed_hosts"])
        assert value("left_armed_hosts") == sum(rollout.hosts[name].status.is_final for name in lines["armed_hosts"])
        assert value("overdue_hosts") == len(lines["overdue_hosts"])
        assert value("not_verified_hosts") == len(lines["unverified_hosts"])
        assert value("rollout_duration_seconds") == pytest.approx(lines["seconds"], abs=0.001)
        for service, member in (
            ("foreman_write", "foreman_writes"),
            ("foreman_read", "foreman_reads"),
            ("redfish", "redfish_requests"),
        ):
            assert value("requests_total", service=service) == lines[member]

        assert value("write_queue_ready_hosts") == state["depth"]
        assert value("write_queue_head_age_seconds") == pytest.approx(state["head_age"], abs=0.051)
        assert value("write_queue_writing_hosts") == state["in_flight"]
        assert value("write_queue_writing_age_seconds") == pytest.approx(
            max((age for _, _, age, _ in state["lane"]["in_flight"]), default=0.0), abs=0.051
        )
        assert value("write_queue_blocked") == bool(state["lane"]["shut"] or state["lane"]["paused"])
        assert value("write_queue_concurrency") == state["lane"]["width"]
        assert value("powered_off_hosts") == state["powered_off_waiting"]

        forecast = self.view.forecast
        assert value("forecast_done_timestamp_seconds", probability="0.5") == forecast.done_at
        assert value("forecast_done_timestamp_seconds", probability="0.9") == forecast.surely_done_at
        assert value("write_queue_left_writes") == forecast.writes_left
        rate = value("write_queue_writes_per_second")
        assert (rate is None) is (forecast.writes_per_minute is None)
        assert rate is None or rate == pytest.approx(forecast.writes_per_minute / 60)

        facts = {"rollout": rollout.id, "created_at": 0.0, "plan": json.loads(json.dumps(asdict(self.lab.plan)))}
        report = json.loads(json.dumps(document(build_report(facts, self.lab.journal.events, [Row(at, state)]))))
        for one in report["acts"]:
            metric = (
                "foreman_writes_total"
                if one["act"] in ("build", "cancel", "owner", "parameter", "rebuild")
                else "bmc_actions_total"
            )
            for result, count in one["results"].items():
                assert value(metric, action=one["act"], result=result) == count
        for one in report["failed_attempts"]:
            assert value("stage_failures_total", stage=one["stage"], cause=one["cause"]) == one["attempts"]
        assert total("stage_failures_total") == sum(one["attempts"] for one in report["failed_attempts"])
        assert total("pauses") == len(report["paused"])
        assert total("outages") == sum(one["until"] is None for one in report["outages"])
        began = [attempt for host in report["hosts"] for stages in host["stages"].values() for attempt in stages]
        assert total("stage_attempts_total", status="started") == len(began)
        assert total("stage_retries_total") == sum(attempt["attempt"] > 1 for attempt in began)
        for stage in Stage:
            at_stage = sum(host["stage"] == stage.value and host["status"] in ("running", "waiting") for host in report["hosts"])
            assert value("stage_hosts", stage=stage.value) == at_stage


def test_the_figures_are_those_of_the_json_of_the_same_moment() -> None:
    """A rollout with hosts that fail, are retried, held, skipped and left armed, a pause, and an outage of Foreman."""
    pytest.importorskip("prometheus_client")

    async def work() -> Moments:
        names = [f"h{n:02}.example.com" for n in range(20)]
        plans = {
            name: HostPlan(name, f"https://mgmt-{name}", ("R650", "R640")[n % 2], rack=f"e{n % 4}")
            for n, name in enumerate(names)
        }
        lab = Lab(names, plans=plans, sample_seconds=31.0, write_seconds=15.0, limits=Limits(install=1200.0))
        moments = Moments(lab)
        for n, name in enumerate(names):
            lab.machine(name).install_seconds = 500.0 + 10 * n
        lab.machine(names[5]).installs = "failed"
        lab.machine(names[6]).installs = "never"
        lab.machine(names[7]).stays_on = True
        refused = StageFailure(Cause.REFUSED, "no licence", retryable=False)
        lab.machine(names[4]).troubles = [("on", refused)]
        for name in names[8:11]:
            lab.machine(name).troubles = [("pxe", StageFailure(Cause.BUSY, "SYS518"))]
        lab.executor.start()
        await lab.clock.sleep(60)
        lab.executor.submit(Skip((names[18],), "not now"))
        lab.executor.submit(Hold((names[19],), "bad DIMM"))
        lab.executor.submit(Pause("writes", True))
        await lab.clock.sleep(120)
        lab.executor.submit(Pause("writes", False))
        lab.world.away = StageFailure(Cause.UNREACHABLE, "connection refused")
        await lab.clock.sleep(300)
        lab.world.away = None
        await lab.executor.settled()
        await lab.clock.sleep(40)
        await lab.end()
        counts = lab.rollout.counts
        assert counts[HostStatus.DONE] >= 14 and counts[HostStatus.FAILED] >= 2 and counts[HostStatus.HELD]
        return moments

    moments = in_virtual_time(work)
    assert moments.compared > 30
    unseen = set(KINDS) - {re.sub(r"_(bucket|sum|count)$", "", name) for name in moments.seen}
    assert unseen <= {
        "quads_tui_event_loop_lag_seconds",  # of the server's own probe
        "quads_tui_request_duration_seconds",  # the model sends no requests
        "quads_tui_request_errors_total",
        "quads_tui_rollout_end_timestamp_seconds",
        "quads_tui_overdue_hosts",  # nothing was learned of its kinds before
        "quads_tui_not_verified_hosts",
    }


def test_a_faster_rehearsal_serves_latencies_in_real_seconds_as_its_exchanges_are_recorded() -> None:
    view, tally = course(), Tally()
    view.rollout.time.speed = 30.0
    for _ in range(4):
        tally.on_exchange(
            Exchange(at=1.0, service="foreman", host="h0", method="PUT", path="/x", status=200, seconds=0.043, error="")
        )
    samples = Reader(view, tally).read()
    rollout = view.rollout.id
    key = frozenset({"rollout": rollout, "service": "foreman_write"}.items())
    assert samples["quads_tui_request_duration_seconds_count", key] == 4
    assert samples["quads_tui_request_duration_seconds_sum", key] == pytest.approx(0.172)
    assert samples["quads_tui_rollout_speed_ratio", frozenset({"rollout": rollout}.items())] == 30.0
