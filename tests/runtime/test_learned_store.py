"""The file of learned durations: of one Foreman, added to by every rollout, and ignored with a word where it is damaged."""

from __future__ import annotations

import json
import re
import stat
from dataclasses import asdict
from pathlib import Path

import pytest

from quads_tui.journal.store import JournalStore
from quads_tui.render.plan_text import plan_lines
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import HostChanged
from quads_tui.rollout.learned import BuildType
from quads_tui.rollout.plan import plan_from
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.runtime.learned_store import known_durations, learn, learned_path, read_learned, with_history
from tests.rollout.simulated_rollout import NOW, Course

URL = "https://foreman.example.com"


def ended(installs: list[float], hanging: float | None = None) -> Course:
    made = Course(["R650"] * (len(installs) + 2))
    for seconds in installs:
        made.done(100.0, seconds)
    if hanging is not None:
        made.installing(hanging)
    return made


def test_a_rollout_is_added_and_found_by_any_spelling_of_the_foreman(tmp_path: Path) -> None:
    said: list[str] = []
    made = ended([600.0, 700.0], hanging=1234.0)
    learn(tmp_path, URL, made.rollout, NOW, said.append)
    learned = read_learned(tmp_path, "https://Foreman.example.com:443/", said.append)
    assert not said
    assert stat.S_IMODE(learned_path(tmp_path, URL).stat().st_mode) == 0o600
    sample = learned.samples[BuildType("R650"), Stage.INSTALL]
    assert (sorted(sample.ended), sample.censored) == ([600.0, 700.0], [1234.0])
    assert {host: results[0].status for host, results in learned.hosts.items()} == {
        "h0000": HostStatus.DONE,
        "h0001": HostStatus.DONE,
        "h0002": HostStatus.RUNNING,
    }
    assert learned.hosts["h0000"][0].seconds[Stage.POWER_OFF] == 30.0
    assert read_learned(tmp_path, "https://other.example.com", said.append).hosts == {}


def test_a_host_that_was_given_up_is_told_with_the_time_for_which_it_was_watched(tmp_path: Path) -> None:
    made = ended([600.0], hanging=5400.0)
    made.rollout.apply(HostChanged(NOW, "h0001", HostStatus.FAILED, Stage.INSTALL, None, "not built after 90 min"))
    for _ in range(2):  # told again by a process that resumes it
        learn(tmp_path, URL, made.rollout, NOW, lambda words: None)
    learned = read_learned(tmp_path, URL, lambda words: None)
    sample = learned.samples[BuildType(), Stage.INSTALL]
    assert (sample.seen, sample.censored) == (2, [5400.0])
    assert [one.given_up for one in learned.hosts["h0001"]] == [5400.0]


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"version": 2}', b'{"version": 1, "types": 3}', b"NaN"]
)
def test_a_damaged_file_is_ignored_with_a_word_and_replaced(tmp_path: Path, damage: bytes) -> None:
    path = learned_path(tmp_path, URL)
    path.parent.mkdir()
    path.write_bytes(damage)
    said: list[str] = []
    assert read_learned(tmp_path, URL, said.append).hosts == {}
    assert len(said) == 1
    assert str(path) in said[0]
    assert "are ignored" in said[0]
    learn(tmp_path, URL, ended([600.0]).rollout, NOW, said.append)
    assert read_learned(tmp_path, URL, lambda words: pytest.fail(words)).hosts.keys() == {"h0000"}
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_file_that_cannot_be_written_is_reported_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "learned").write_text("")
    said: list[str] = []
    learn(tmp_path, URL, ended([600.0]).rollout, NOW, said.append)
    assert "could not be added" in said[-1]


def test_the_plan_has_a_note_at_hosts_that_failed_in_two_of_the_last_three_rollouts(tmp_path: Path) -> None:
    for number, status in enumerate((HostStatus.FAILED, HostStatus.DONE, HostStatus.FAILED)):
        made = Course(["R650"] * 3)
        made.done(100.0, 600.0)
        made.installing(5400.0)
        made.rollout.id, made.rollout.started_at = f"r{number}", 1000.0 * number
        made.rollout.apply(HostChanged(NOW, "h0001", status, Stage.INSTALL, Cause.TIMEOUT, "not built after 90 min"))
        learn(tmp_path, URL, made.rollout, NOW, lambda words: None)
    plan = with_history(tmp_path, URL, made.rollout.plan, 5400.0, lambda words: None, begins=NOW, speed=1.0)
    assert [host.notes for host in plan.hosts] == [(), ("failed in 2 of its last 3 rollouts (Install, timeout)",), ()]
    assert any("failed in 2 of its last 3 rollouts (Install, timeout)" in line for line in plan_lines(plan))


def test_the_plan_says_how_long_it_will_take_once_that_is_known(tmp_path: Path) -> None:
    plan = Course(["R650"] * 40).rollout.plan
    assert with_history(tmp_path, URL, plan, 5400.0, lambda words: None, begins=NOW, speed=1.0).expected_seconds == ()
    learn(tmp_path, URL, ended([600.0 + number for number in range(40)]).rollout, NOW, lambda words: None)
    made = with_history(tmp_path, URL, plan, 5400.0, lambda words: None, begins=NOW, speed=1.0)
    half, most = made.expected_seconds
    assert 600.0 < half <= most < 6000.0
    assert any(line.strip().startswith("time ") and "good hosts done after about" in line for line in plan_lines(made))
    assert plan_from(json.loads(json.dumps(asdict(made)))) == made


def test_the_plan_of_a_large_rollout_has_canaries_of_new_types_and_their_cost(tmp_path: Path) -> None:
    plan = Course(["R650"] * 80 + ["R640"] * 40).rollout.plan
    made = with_history(tmp_path, URL, plan, 5400.0, lambda words: None, begins=NOW)
    assert (made.canary, made.proven, made.canary_seconds) == (1, (), None)
    words = " ".join(" ".join(plan_lines(made)).split())
    assert (
        "canary 1 host of each type must be built before the others of this type begin "
        "(time that this adds: not known yet): R650 (80 hosts), R640 (40 hosts)" in words
    )
    learn(tmp_path, URL, ended([600.0 + number for number in range(40)]).rollout, NOW, lambda words: None)
    made = with_history(tmp_path, URL, plan, 5400.0, lambda words: None, begins=NOW + 86400.0)
    assert (made.canary, made.proven) == (1, (BuildType("R650"),))
    without = with_history(tmp_path, URL, plan, 5400.0, lambda words: None, canary=0, begins=NOW)
    assert (without.canary, without.canary_seconds) == (0, None)
    assert made.canary_seconds == made.expected_seconds[0] - without.expected_seconds[0]
    all_new = with_history(tmp_path, URL, plan, 5400.0, lambda words: None, begins=NOW + 31 * 86400.0)
    assert all_new.proven == ()
    assert (all_new.canary_seconds or 0.0) >= 600.0  # a whole install comes before the others
    words = " ".join(" ".join(plan_lines(all_new)).split())
    assert re.search(r"\(adds about \d+ min\): R650 \(80 hosts\), R640 \(40 hosts\)", words)
    assert plan_from(json.loads(json.dumps(asdict(made)))) == made


async def test_what_an_earlier_version_kept_in_its_journals_is_used_until_something_is_learned(tmp_path: Path) -> None:
    directory = tmp_path / "rollouts" / "r0"
    directory.mkdir(parents=True)
    journal = JournalStore(directory / "journal.db")
    pace = {"R650": {"install": [600.0, 900.0]}, "": {"write": [7.0]}}
    await journal.describe({"rollout": "r0", "created_at": 1.0, "foreman": URL, "rehearsal": None, "pace": pace})
    await journal.close()
    plan = ended([600.0]).rollout.plan
    assert known_durations(tmp_path, URL, plan, 5400.0, lambda words: None) == (pace, {})
    learn(tmp_path, URL, ended([700.0]).rollout, NOW, lambda words: None)
    seeds, expected = known_durations(tmp_path, URL, plan, 5400.0, lambda words: None)
    assert seeds["R650"]["install"] == [700.0]
    assert set(expected["hosts"]) == {host.name for host in plan.hosts}


def test_what_is_written_is_json_without_anything_that_is_none(tmp_path: Path) -> None:
    learn(tmp_path, URL, ended([600.0]).rollout, NOW, lambda words: None)
    text = learned_path(tmp_path, URL).read_text()
    assert json.loads(text)["version"] == 1
    assert "NaN" not in text
