"""A rehearsal on real emulators: at its end, what Prometheus reads is what --json says."""

from __future__ import annotations

import asyncio
import json
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from quads_tui.cli.terminal import TerminalOperator
from quads_tui.emulators.bmc.fleet import Fleet
from quads_tui.emulators.bmc.missing_features import NoForceOff
from quads_tui.emulators.foreman import ForemanEmulator, ForemanOptions
from quads_tui.emulators.interfaces import Machine, Time
from quads_tui.inputs import Assignment, HostSpec, Listen, load_site
from quads_tui.runtime.launch import roll_out
from quads_tui.runtime.options import Options, Refused
from quads_tui.runtime.process_resources import ProcessResources
from quads_tui.runtime.rollout_input import RolloutInput
from quads_tui.runtime.running_rollout import RunningRollout

pytest.importorskip("prometheus_client")

SPEED = 200.0
NAMES = [f"f01-h{n:02}-000-r650.example.com" for n in range(4)]


async def test_the_last_scrape_is_what_the_json_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machines = [Machine(name, "R650", f"04:3f:72:00:00:{n:02x}") for n, name in enumerate(NAMES)]
    time = Time(SPEED)
    foreman = ForemanEmulator(machines, time=time, seed=1, options=ForemanOptions())
    faults = {NAMES[3]: NoForceOff()}
    fleet = Fleet(machines, time=time, seed=1, provisioner=foreman, username="root", password="pw", faults=faults)
    url = await foreman.serve()
    await fleet.serve()
    for name, bmc in fleet.bmcs.items():
        foreman.boots(name, bmc.hardware.boot.mode)
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    site = tmp_path / "site.yaml"
    site.write_text(
        f"foreman: {{url: '{url}', username: admin, password: changeme}}\n"
        f"redfish: {{username: root, password: pw, tls: {{verify: false}}}}\nspeed: {SPEED}\nmetrics: {{listen: {port}}}\n"
    )
    hosts = tuple(HostSpec(name, "R650", fleet.address(name)) for name in NAMES)
    given = Assignment(tmp_path / "a.yaml", "cloud02", hosts, os="RHEL 9.4", ptable="generic-rhel9", medium="RHEL Local")
    options = Options(site=site, state_dir=tmp_path / "state", headless=True, json=True, yes=True)
    scraped: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    meters: dict[str, tuple[int, int]] = {}

    def scrape() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            text: str = answer.read().decode()
            return text

    async def front_end(running: RunningRollout) -> None:
        from prometheus_client.parser import text_string_to_metric_families

        await running.settled()
        text = await asyncio.to_thread(scrape)
        for family in text_string_to_metric_families(text):
            scraped.update({(one.name, frozenset(one.labels.items())): one.value for one in family.samples})
        found = running.view.meters
        meters.update(
            {
                name: (getattr(found, name).total, getattr(found, name).errors)
                for name in ("redfish", "foreman_reads", "foreman_writes")
            }
        )
        assert not any(name in text for name in (*NAMES, "changeme", url))

    try:
        made = RolloutInput((given,), load_site(site))
        rollout = roll_out(made, options, ProcessResources(), TerminalOperator(), front_end)
        assert await asyncio.wait_for(rollout, 120) == 1
    finally:
        await fleet.close()
        await foreman.close()
    said = capsys.readouterr()
    assert f"metrics for Prometheus: http://127.0.0.1:{port}/metrics" in said.err
    last: dict[str, Any] = json.loads(said.out.splitlines()[-1])

    def total(name: str, **labels: str) -> float:
        wanted = {("rollout", last["rollout"]), *labels.items()}
        return sum(value for (metric, found), value in scraped.items() if metric == f"quads_tui_{name}" and wanted <= found)

    assert (last["event"], last["done"], last["failed"]) == ("rollout_finished", 3, 1)
    for member in ("done", "failed", "skipped", "held"):
        assert total("hosts", cloud="cloud02", status=member) == last[member]
    (failure,) = last["failures"]
    assert total("failed_hosts", stage=failure["stage"], cause=failure["cause"]) == total("failed_hosts") == 1
    assert total("requests_total", service="foreman_write") == last["foreman_writes"] == 3
    assert total("requests_total", service="foreman_read") == last["foreman_reads"]
    assert total("requests_total", service="redfish") == last["redfish_requests"]
    assert total("foreman_writes_total", action="build", result="applied") == total("foreman_writes_total") == 3
    for service, meter in (("redfish", "redfish"), ("foreman_read", "foreman_reads"), ("foreman_write", "foreman_writes")):
        assert (
            total("request_duration_seconds_count", service=service),
            total("request_errors_total", service=service),
        ) == meters[meter]
    with pytest.raises(OSError):  # it ended with the rollout
        scrape()


async def test_a_port_that_is_taken_ends_it_before_anything_is_done(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("foreman: {url: 'http://127.0.0.1:9', username: q, password: x}\nredfish: {username: r, password: x}\n")
    given = Assignment(tmp_path / "a.yaml", "cloud02", (HostSpec(NAMES[0], "R650", "https://127.0.0.1:9"),))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = Options(state_dir=tmp_path / "state", yes=True, metrics=Listen("127.0.0.1", taken.getsockname()[1]))
        with pytest.raises(Refused, match="Address already in use"):
            await roll_out(RolloutInput((given,), load_site(site)), options, ProcessResources(), TerminalOperator(), print)  # type: ignore[arg-type]
    assert not (tmp_path / "state").exists()
