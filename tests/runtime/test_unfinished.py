"""Unfinished rollouts that a new one of several clouds meets: all of them, and what of them the new one would not continue."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from quads_tui.inputs import Assignment, HostSpec, Site, load_site
from quads_tui.journal.store import JournalStore
from quads_tui.rollout.events import HostChanged
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import HostStatus, Kind
from quads_tui.runtime.options import Options
from quads_tui.runtime.rollout_input import RolloutInput
from quads_tui.runtime.unfinished import UnfinishedRollout, find_unfinished

from ..inputs.test_errors import SITE, written


def site(tmp_path: Path) -> Site:
    return load_site(written(tmp_path, SITE, "site.yaml"))


def given(where: Site, **clouds: str) -> RolloutInput:
    """Clouds with the letters of their hosts."""
    made = [Assignment(Path("x.yaml"), cloud, tuple(HostSpec(name) for name in names)) for cloud, names in clouds.items()]
    return RolloutInput(tuple(made), where)


async def stored(state: Path, where: Site, name: str, at: float, ended: str = "", **clouds: str) -> None:
    goals = tuple(Goal(cloud, Kind.BUILD) for cloud in clouds)
    hosts = tuple(HostPlan(host, "x", cloud=cloud) for cloud, names in clouds.items() for host in names)
    journal = JournalStore(state / "rollouts" / name / "journal.db")
    facts = {"created_at": at, "foreman": where.foreman.url, "plan": asdict(Plan(goals, hosts))}
    await journal.describe(facts)
    for host in ended:
        journal.record(HostChanged(at, host, HostStatus.DONE))
    await journal.close()


def found(old: list[UnfinishedRollout]) -> Mapping[str, Mapping[str, int]]:
    return {one.stored.id: one.others for one in old}


async def test_all_that_have_hosts_of_it_are_found_with_what_the_new_one_would_not_continue(tmp_path: Path) -> None:
    where, options = site(tmp_path), Options(state_dir=tmp_path)
    await stored(tmp_path, where, "one", 1.0, cloud02="ab")
    await stored(tmp_path, where, "joint", 2.0, "af", cloud02="abc", cloud05="def", cloud07="g")
    await stored(tmp_path, where, "else", 3.0, cloud09="z")
    assert found(find_unfinished(given(where, cloud02="abc"), options)) == {
        "joint": {"cloud05": 2, "cloud07": 1},
        "one": {},
    }
    (old, _) = find_unfinished(given(where, cloud02="abc"), options)
    assert old.others_words == "3 unfinished hosts that are not part of the new rollout (cloud05: 2, cloud07: 1)"
    assert found(find_unfinished(given(where, cloud02="abc", cloud05="def", cloud07="g"), options)) == {"joint": {}, "one": {}}
    assert found(find_unfinished(given(where, cloud09="y"), options)) == {}


async def test_of_a_journal_whose_events_cannot_be_read_every_host_counts_as_unfinished(tmp_path: Path) -> None:
    where, options = site(tmp_path), Options(state_dir=tmp_path)
    await stored(tmp_path, where, "joint", 2.0, "d", cloud02="a", cloud05="d")
    with closing(sqlite3.connect(tmp_path / "rollouts" / "joint" / "journal.db")) as journal, journal:
        journal.execute("update event set body = 'x'")
    assert found(find_unfinished(given(where, cloud02="a"), options)) == {"joint": {"cloud05": 1}}


async def test_a_journal_whose_plan_cannot_be_read_is_left_as_it_is(tmp_path: Path) -> None:
    where, options = site(tmp_path), Options(state_dir=tmp_path)
    await stored(tmp_path, where, "odd", 2.0, cloud02="a")
    with closing(sqlite3.connect(tmp_path / "rollouts" / "odd" / "journal.db")) as journal, journal:
        journal.execute("update meta set value = 'x' where key = 'plan'")
    assert found(find_unfinished(given(where, cloud02="a"), options)) == {}
