"""A rollout of a cluster as a console reads it, on a real PostgreSQL: as it proceeds, chosen by name, listed, reported."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from quads_tui.cli.cluster_watch import FollowedInCluster
from quads_tui.rollout.events import HostArmed, HostChanged, HostNote, Identified, StageChanged
from quads_tui.rollout.metrics import LaneState, lane_facts
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus
from quads_tui.runtime.journal_follower import Follower, follow
from quads_tui.runtime.options import Options, Usage
from tests.postgres import Cable
from tests.waiting import until

from .conftest import FOREMAN, HOSTS, ID, PLAN, TestWorker

pytest.importorskip("psycopg")

from quads_tui.runtime.cluster_source import ClusterSource, choose_in_cluster, standing, stored_in_cluster

SAMPLE = {"depth": 0, "head_age": 0.0, "granted": 0, "lane": lane_facts(LaneState(), 0.0)}
WHERE = "the database of the cluster (x)"


async def source_of(rollouts: Any) -> ClusterSource:
    return ClusterSource(rollouts, await standing(rollouts, await choose_in_cluster(rollouts, ID, WHERE)))


async def followed(rollouts: Any, state: Path) -> tuple[Follower, ClusterSource]:
    source = await source_of(rollouts)
    stored = await stored_in_cluster(rollouts, source.standing.row, Options(state_dir=state))
    return follow(stored, source=source), source


async def test_a_console_sees_what_the_worker_writes(rollouts: Any, worker: TestWorker, tmp_path: Path) -> None:
    follower, source = await followed(rollouts, tmp_path)
    seen: list[str] = []

    async def step() -> None:
        await follower.step(lambda event: seen.append(event.kind))

    await step()
    assert (seen, source.standing.worker) == ([], "")
    await worker.claim()
    await worker.begin()
    await worker.build(HOSTS[0])
    body = json.dumps([1.0, HOSTS[0], "GET", "/redfish/v1/", 200, 0.1, ""])
    await worker.write(samples=((worker.now(), SAMPLE),), exchanges=((HOSTS[0], body),))
    await step()
    assert source.standing.worker == worker.row.name
    assert follower.view.rollout.counts[HostStatus.DONE] == 1
    assert follower.view.rollout.time.last > 0
    assert follower.view.exchanges(HOSTS[0]) == ()  # asked for now, read with the next step
    await step()
    assert [one.path for one in follower.view.exchanges(HOSTS[0])] == ["/redfish/v1/"]
    assert follower.view.exchanges(HOSTS[1]) == ()
    await worker.end()
    await step()
    assert follower.ended
    assert seen.count("rollout_started") == 1  # each event once
    assert source.standing.worker == ""


async def test_news_come_by_notification(rollouts: Any, worker: TestWorker, tmp_path: Path) -> None:
    await worker.claim()
    follower, source = await followed(rollouts, tmp_path)
    running = asyncio.create_task(follower.run())
    try:
        await worker.begin()
        await until(lambda: follower.view.rollout.who == "quads@jump2")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert not source.away


@pytest.mark.parametrize("ahead", [600.0, -600.0, 0.3])
async def test_clocks_that_differ_change_no_duration(rollouts: Any, worker: TestWorker, tmp_path: Path, ahead: float) -> None:
    """The clock of the worker counts, as the database's clock shows it."""
    worker.ahead = ahead
    await worker.claim()
    await worker.begin()
    await worker.write(samples=((worker.now(), SAMPLE),))
    follower, source = await followed(rollouts, tmp_path)
    await follower.step()
    rollout, clock = follower.view.rollout, follower.view.clock
    assert abs(clock.wall() - worker.now()) < 30.0
    assert rollout.time.carried
    assert 0.0 <= rollout.seconds(clock.wall()) < 30.0 + abs(ahead - source.skew)
    assert source.skew == 0.0 if abs(ahead) < 1 else abs(source.skew - ahead) < 30.0


async def test_while_the_database_is_away_the_screen_says_so_and_nothing_is_lost(
    rollouts: Any, worker: TestWorker, another: Callable[..., Any], dsn: str, port: int, tmp_path: Path
) -> None:
    await worker.claim()
    await worker.begin()
    cable = Cable(port)
    follower, source = await followed(another(dsn.replace(f":{port}/", f":{cable.port}/")), tmp_path)
    shown = FollowedInCluster(source, WHERE, dsn)
    await follower.step()
    assert await shown.holder() == f"worker {worker.row.name}"
    cable.cut()
    await worker.build(HOSTS[0])
    await follower.step()
    assert shown.away.startswith(f"{WHERE} has not answered since ")
    assert shown.read_only_reason(await shown.holder()) == shown.away
    assert await shown.holder() == f"worker {worker.row.name}"  # unknown is not gone
    cable.mend()
    await follower.step()
    assert shown.away == ""
    assert follower.view.rollout.counts[HostStatus.DONE] == 1


async def test_who_carries_it_and_what_an_operator_can_do(
    rollouts: Any, worker: TestWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quads_tui.cli.cluster_watch._HANDOVER", 0.0)
    follower, source = await followed(rollouts, tmp_path)
    shown = FollowedInCluster(source, WHERE, "'service=quads lab'")

    async def words() -> str:
        await follower.step()
        holder = await shown.holder()
        return shown.read_only_reason(await shown.holder() and holder)

    waiting = "waiting for a worker; start one with: quads-tui worker --site FILE --cluster 'service=quads lab'"
    assert await words() == waiting
    await worker.claim()
    await worker.begin()
    assert await words() == f"carried out by worker {worker.row.name} (watching {ID})"
    await worker.silent()  # no other worker is there to declare it dead
    assert await words() == waiting
    await worker.row.beat(5.0)
    assert await words() == f"carried out by worker {worker.row.name} (watching {ID})"
    await worker.let_go()
    assert await words() == f"not running; resume it with: quads-tui resume {ID} --cluster 'service=quads lab'"


async def test_what_another_machine_wrote_steers_no_terminal(rollouts: Any, worker: TestWorker, tmp_path: Path) -> None:
    evil = "a01\x1b[2J\u202e.example.com"
    plan = {**asdict(PLAN), "hosts": [{**asdict(PLAN.hosts[0]), "name": evil}]}
    await rollouts.submit(
        "evil", foreman=FOREMAN, who="eve@laptop", facts={"foreman": "https://f", "speed": 1.0, "plan": plan}, hosts=[]
    )
    await worker.claim()
    await worker.let_go()
    await worker.claim()
    await worker.write(HostNote(1.0, evil, "\x1b]0;owned\x07"), Identified(2.0, evil, "x\x9b1m"), HostArmed(3.0, evil, True))
    source = ClusterSource(rollouts, await standing(rollouts, await choose_in_cluster(rollouts, "evil", WHERE)))
    stored = await stored_in_cluster(rollouts, source.standing.row, Options(state_dir=tmp_path))
    follower = follow(stored, source=source)
    shown: list[Any] = []
    await follower.step(shown.append)
    (host,) = follower.view.rollout.hosts.values()
    assert host.armed  # plan and events name the same host still
    assert all(text.isprintable() for text in (host.name, host.note, *(str(asdict(event)) for event in shown)))


async def test_a_rollout_is_chosen_by_the_beginning_of_its_id(rollouts: Any) -> None:
    assert (await choose_in_cluster(rollouts, None, WHERE)).id == ID
    assert (await choose_in_cluster(rollouts, ID[:12], WHERE)).id == ID
    with pytest.raises(Usage, match=f"there is no rollout 2025 in {WHERE[:10]}.*; the newest: {ID}"):
        await choose_in_cluster(rollouts, "2025", WHERE)


async def test_an_id_of_another_machine_leaves_the_state_directory_alone(rollouts: Any, tmp_path: Path) -> None:
    await rollouts.submit("../../etc", foreman="f:443", who="eve@laptop", facts={}, hosts=[])
    row = await choose_in_cluster(rollouts, "../../etc", WHERE)
    with pytest.raises(Usage, match="has an id that quads-tui does not give"):
        await stored_in_cluster(rollouts, row, Options(state_dir=tmp_path))


async def test_the_commands_read_the_same(
    rollouts: Any, worker: TestWorker, dsn: str, run: Callable[..., Any], tmp_path: Path
) -> None:
    common = ("--cluster", dsn)
    listed = await run("rollouts", *common)
    assert "unfinished (waits for a worker)" in listed.stdout, listed.stderr
    await worker.claim()
    await worker.begin()
    for host in HOSTS[:2]:
        await worker.build(host)
    running = json.loads((await run("rollouts", "--json", *common)).stdout)
    assert (running["rollout"], running["state"], running["done"], running["worker"]) == (ID, "running", 2, worker.row.name)
    await worker.write(HostChanged(worker.now(), HOSTS[2], HostStatus.FAILED, reason="its disk is gone"))
    await worker.end()
    ended = json.loads((await run("rollouts", "--json", *common)).stdout)
    assert (tmp_path / "state" / "cluster" / ID / "summary.json").exists()
    assert json.loads((await run("rollouts", "--json", *common)).stdout) == {**ended, "at": ANY}  # from the summary
    assert (ended["state"], ended["done"], ended["failed"], ended["worker"], ended["wanted"]) == ("ended", 2, 1, "", False)
    report = json.loads((await run("report", "--format", "json", *common)).stdout)
    assert report["rollout"] == ID
    watched = await run("watch", ID[:12], "--json", *common)
    assert watched.returncode == 0, watched.stderr
    events = [json.loads(line)["event"] for line in watched.stdout.splitlines()]
    assert (events[0], events[-1], events.count("stage")) == ("rollout_started", "cloud_finished", 20)
    plain = await run("watch", "--plain", "--replay", "--speed", "1000", *common)
    assert plain.returncode == 0, plain.stderr
    assert "2 of 3 done" in plain.stdout


async def test_a_shell_completes_rollouts_of_the_cluster_that_is_typed_before(rollouts: Any, dsn: str) -> None:
    from click.shell_completion import ShellComplete

    from quads_tui.cli.main import cli

    def completed(*words: str) -> list[str]:
        return [found.value for found in ShellComplete(cli, {}, "quads-tui", "X").get_completions([*words], ID[:6])]

    for command in ("watch", "attach", "report"):
        assert await asyncio.to_thread(completed, command, "--cluster", dsn) == [ID]
    nobody = "postgresql://quads@127.0.0.1:1/quads"
    assert await asyncio.to_thread(completed, "watch", "--cluster", nobody) == []


async def test_hosts_have_their_results_in_rollouts_of_the_cluster(
    rollouts: Any, worker: TestWorker, dsn: str, database: Any, run: Callable[..., Any]
) -> None:
    async def hosts(*words: str) -> list[dict[str, Any]]:
        done = await run("hosts", *words, "--json", "--cluster", dsn)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    await worker.claim()
    await worker.begin()
    await worker.build(HOSTS[0])
    assert await hosts() == []  # a worker carries it
    failed = StageChanged(worker.now(), HOSTS[1], Stage.POWER_OFF, StageStatus.STARTED, 1)
    await worker.write(failed, HostChanged(worker.now(), HOSTS[1], HostStatus.FAILED, Stage.POWER_OFF, reason="its disk is gone"))
    await worker.end()
    ended = {one["host"]: (one["foreman"], one["failed"], one["rollouts"][0]["status"]) for one in await hosts("--worst")}
    assert list(ended.items()) == [(HOSTS[1], (FOREMAN, 1, "failed")), (HOSTS[0], (FOREMAN, 0, "done"))]
    shown = await run("hosts", "a01", "--cluster", dsn)
    assert f"{HOSTS[0]}  (Foreman {FOREMAN})" in shown.stdout, shown.stderr
    database.execute("update quads_tui.fact set value = '3' where key = 'plan'")
    damaged = await run("hosts", "--cluster", dsn)
    assert f"the rollout {ID} is damaged" in damaged.stderr
    assert "no host in the ended rollouts of the database" in damaged.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rollouts", "--prune", "3"], "--prune removes journals of this machine"),
        (["attach"], "attach takes control and needs a terminal"),
        (["watch", "nothing"], "there is no rollout in the database of the cluster (127.0.0.1, database "),
        (["report"], "there is no rollout in the database of the cluster (127.0.0.1, database "),
    ],
)
async def test_what_cannot_be_done_is_said(words: list[str], said: str, dsn: str, run: Callable[..., Any]) -> None:
    done = await run(*words, "--cluster", dsn)
    assert done.returncode == 2
    assert said in done.stderr
