"""Hosts over their last rollouts, in lines."""

from __future__ import annotations

from quads_tui.render.host_history import HostHistory, details, heading, line, members, worst_first
from quads_tui.rollout.learned import BuildType, HostResult
from quads_tui.rollout.stages import HostStatus, Stage

TYPE = BuildType("R650", "RHEL 9.4", "RHEL Local")


def result(rollout: int, status: HostStatus = HostStatus.DONE, install: float = 840.0) -> HostResult:
    if status is HostStatus.DONE:
        took = {Stage.FOREMAN_BUILD: 1.0, Stage.POWER_ON: 5.0, Stage.INSTALL: install}
        return HostResult(f"r{rollout}", 1_795_000_000.0 + rollout, TYPE, status, seconds=took)
    return HostResult(f"r{rollout}", 1_795_000_000.0 + rollout, TYPE, status, Stage.INSTALL, "timeout", {}, 5400.0)


GOOD = HostHistory("good.example.com", "foreman:443", (result(2), result(1)))
SLOW = HostHistory("slow.example.com", "foreman:443", (result(2, install=2000.0), result(1, install=2000.0)))
BAD = HostHistory("bad.example.com", "foreman:443", (result(2), result(1, HostStatus.FAILED)))
LEFT = HostHistory("left.example.com", "foreman:443", (result(1, HostStatus.RUNNING),))


def test_the_worst_are_those_that_failed_then_those_that_took_longest() -> None:
    assert worst_first([GOOD, LEFT, SLOW, BAD]) == [BAD, SLOW, GOOD, LEFT]


def test_a_line_says_how_often_it_failed_and_how_its_last_rollouts_ended() -> None:
    assert heading(16).startswith("HOST              ROLLOUTS FAILED")
    assert line(BAD, 16).split(maxsplit=3) == ["bad.example.com", "2", "1", "14 min  done 14 min, failed Install (timeout)"]
    assert line(LEFT, 16).endswith("unfinished Install (timeout)")


def test_one_host_is_shown_with_all_its_stages() -> None:
    host, columns, newest, oldest = details(BAD)
    assert host == "bad.example.com  (Foreman foreman:443)"
    assert columns.endswith("OUTCOME")
    assert newest.split()[3:] == ["-", "-", "1.0", "s", "5.0", "s", "14", "min", "done", "14", "min"]
    assert oldest.endswith("failed Install (timeout)")


def test_json_has_all_of_it() -> None:
    told = members(BAD)
    assert (told["failed"], told["seconds_after_write"]) == (1, 846.0)
    assert told["rollouts"][1]["given_up_after"] == 5400.0
    assert told["rollouts"][0]["seconds"] == {"foreman_build": 1.0, "power_on": 5.0, "install": 840.0}
