"""Builds: hosts already in build, parameters, owners, writes without an answer, and PXE files that are gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from quads_tui.emulators.foreman import ForemanFaults, ForemanOptions, json_answer
from quads_tui.rollout.commands import Retry
from quads_tui.rollout.stages import HostStatus

from ..foreman_bench import HOST, Bench
from .rule import NOTHING, Rule, suffering

LOST = f"foreman closed the connection without an answer to PUT /api/hosts/{HOST}"
PROXY = (
    f"Foreman 422: Deploy TFTP PXELinux config for {HOST} task failed with the following error: ERF12-3093 "
    "[ProxyAPI::ProxyException]: Unable to set TFTP boot entry ([RestClient::Exceptions::ReadTimeout]: Timed out reading data "
    "from server)"
)
TASKS, SHOW, PUT = "GET /api/orchestration/:uuid/tasks", "GET /api/hosts/:host", "PUT /api/hosts/:host"
LOOKED_UP = "looks it up: first its own task list, then the host; sends nothing twice"


def _armed_before(expired: bool) -> Rule:
    how = "its token has expired" if expired else "its token lives"
    note = ", with an expired token" if expired else ""

    async def play(bench: Bench) -> None:
        assert await bench.provision() == {HostStatus.DONE: 1}
        counts = bench.server.host_counts(HOST)
        assert (counts["armings"], counts["built"]) == (1, 1)

    return Rule(
        f"nobody else has the host in build: it stands there, {how}",
        "200, but build=true over build=true makes no token and no PXE file",
        "cancels first, then sets: two tickets",
        f"already in build mode{note}: build mode is cancelled first",
        play,
        {"writes": 2, "peak_writes": 1},
        ForemanOptions(in_build={HOST: 400.0 if expired else 10.0}),
    )


async def _dies_early(bench: Bench) -> None:
    limits = replace(bench.site.limits, install=1259.9)  # and the token lives 1260 s
    bench.site = replace(bench.site, limits=limits)
    assert await bench.provision() == {HostStatus.DONE: 1}
    counts = bench.server.host_counts(HOST)
    assert (counts["armings"], counts["built"]) == (2, 1)


async def _short_lived(bench: Bench) -> None:
    assert await bench.provision() == {HostStatus.DONE: 1}


def _boots_its_disk(from_start: bool) -> Callable[[Bench], Awaitable[None]]:
    """The proxy loses the PXE file before the first boot; an operator's retry follows the failure."""

    async def play(bench: Bench) -> None:
        def lose(host: str) -> None:
            bench.server.delete_pxe(host)
            bench.booting = lambda name: None

        bench.booting = lose
        assert await bench.provision(retry=Retry((HOST,), from_start)) == {HostStatus.DONE: 1}
        counts = bench.server.host_counts(HOST)
        assert (counts["armings"], counts["built"]) == (2, 1)

    return play


def _parameters(**wanted: str) -> Callable[[Bench], Awaitable[None]]:
    async def play(bench: Bench) -> None:
        rows = bench.server.foreman.database.hosts[HOST].parameters
        before = {name: (row.value, row.hidden) for name, row in rows.items()}
        assert await bench.provision(parameters=wanted) == {HostStatus.DONE: 1}
        after = {name: (row.value, row.hidden) for name, row in rows.items()}
        assert after == before | {name: (value, before.get(name, ("", False))[1]) for name, value in wanted.items()}

    return play


async def _name_taken(bench: Bench) -> None:
    body = {
        "error": {"id": None, "errors": {"name": ["has already been taken"]}, "full_messages": ["Name has already been taken"]}
    }
    bench.server.answer_with(json_answer(body, 422), method="POST")
    await _parameters(rack="b7")(bench)


def _owned_by_a_group(wipe: bool) -> Rule:
    async def play(bench: Bench) -> None:
        host = bench.server.foreman.database.hosts[HOST]
        host.owner_type, host.owner_id = "Usergroup", (await bench.target()).owner_id
        assert await bench.provision(wipe=wipe) == {HostStatus.DONE: 1}
        assert bench.server.host_counts(HOST)["owner"] == "cloud02"

    return Rule(
        f"an owner is a user: the host belongs to a user group of the same id ({'build' if wipe else 'wipe: false'})",
        "200; without owner_type it would keep the group",
        "sends owner_id with owner_type, reads both back",
        NOTHING,
        play,
        {"writes": 1},
    )


def _looked_up(bench: Bench) -> None:
    sent = bench.sent()
    at = sent.index(PUT)
    assert sent[at + 1 : at + 3] == [TASKS, SHOW], sent
    assert sent.count(PUT) == 1


def _settled_at_once(bench: Bench) -> None:
    sent = bench.sent()
    at = sent.index(PUT)
    assert sent[at + 1 : at + 4] == [TASKS, SHOW, PUT], sent


async def _no_task_list(bench: Bench) -> None:
    bench.server.answer_with(json_answer({"error": {"message": "not found"}}, 404), count=99, path="/orchestration/")
    await suffering("answer_lost_after_apply")(bench)


async def _conflict(bench: Bench) -> None:
    assert await bench.provision() == {HostStatus.FAILED: 1}
    assert bench.server.host_counts(HOST)["in_build"] is False


async def _rebuild_refused(bench: Bench) -> None:
    refused = json_answer({"message": "Configuration rebuild failed for: TFTP."}, 422)
    bench.server.answer_with(refused, path="/rebuild_config$")
    await suffering("taken_back")(bench)


def _rebuilt(bench: Bench) -> None:
    assert bench.sent().count(f"{PUT}/rebuild_config") == 1
    assert bench.server.host_counts(HOST)["armings"] == 1


def _lost(broken: str, answers: str, fault: str, reads: str, writes: int, does: str = LOOKED_UP) -> Rule:
    then = _looked_up if writes == 1 else (lambda bench: None)
    return Rule(broken, answers, does, reads, suffering(fault, then=then), {"writes": writes, "peak_writes": 1})


RULES = (
    _armed_before(expired=False),
    _armed_before(expired=True),
    Rule(
        "a build token outlives the install: it would die a moment before the deadline",
        "a token of 21 minutes for an install of 21",
        "cancels and sets again before the power on: three tickets",
        "build mode is cancelled and set again: the build token would expire before the install ends",
        _dies_early,
        {"writes": 3, "peak_writes": 1},
        ForemanOptions(token_minutes=21),
    ),
    Rule(
        "a build token can outlive the install: token_duration is shorter than the deadline",
        "a token of 10 minutes for an install of 20",
        "goes on as long as half of its life is left: a new one would not live longer",
        "build tokens are valid for 10 min (Foreman setting token_duration), but an install may take 20 min (limits.install): an "
        "install that outlives its token fails",
        _short_lived,
        {"writes": 1},
        ForemanOptions(token_minutes=10),
    ),
    Rule(
        "a token is used before it expires: the proxy lost the PXE file, the machine booted its disk",
        "build_status 2, Token expired",
        "fails the install with that reason; a retry cancels and sets anew",
        "the build token expired before the install ended",
        _boots_its_disk(from_start=False),
        {"writes": 3, "peak_writes": 1},
        ForemanOptions(token_minutes=10),
    ),
    Rule(
        "the same, and the token still lives",
        "build=true, build_status 1, for ever",
        "fails the install at its deadline; a retry from the start cancels and sets anew, PXE file and all",
        "the install did not end within 20 min (limits.install): the host is still in build mode",
        _boots_its_disk(from_start=True),
        {"writes": 3, "peak_writes": 1},
    ),
    Rule(
        "a host's parameters are ours alone: others stand beside ours, one of them hidden",
        "a list in the PUT of the host would destroy them",
        "sets ours through the sub-resource; the others stay as they are",
        NOTHING,
        _parameters(overcloud="false"),
        {"writes": 2},
        ForemanOptions(parameters={"overcloud": "true", "rack": "b7"}, hidden={"root_pw": "secret"}),
    ),
    Rule(
        "a parameter's value can be read: ours is hidden",
        "`*****` for its value",
        "asks with show_hidden; it stays hidden",
        NOTHING,
        _parameters(root_pw="new secret"),
        {"writes": 2},
        ForemanOptions(hidden={"root_pw": "secret"}),
    ),
    Rule(
        "nobody else makes the same parameter at the same time",
        "422 Name has already been taken",
        "looks again, and sets what is there",
        "Foreman 422: Name has already been taken",
        _name_taken,
        {"writes": 3},
    ),
    _owned_by_a_group(wipe=True),
    _owned_by_a_group(wipe=False),
    _lost(
        "a write is answered in time",
        "nothing, though it does the work",
        "answer_never",
        f"Foreman writes blocked: result of the last write unknown (no answer from foreman to PUT /api/hosts/{HOST} within 12 min 30 s)",
        1,
    ),
    _lost(
        "a write that was done is answered",
        "does the work, then resets the connection",
        "answer_lost_after_apply",
        f"Foreman writes blocked: result of the last write unknown ({LOST})",
        1,
    ),
    _lost(
        "a 200 can be read",
        "200, the JSON ends in the middle",
        "truncated",
        "Foreman writes blocked: result of the last write unknown (Foreman accepted the write, but its answer cannot be read: "
        "no JSON from Foreman: broken JSON: Unterminated string starting at character 1839 of 1845)",
        1,
    ),
    Rule(
        "the web server in front waits for Foreman",
        "504, an HTML page, while the work goes on",
        "keeps the lane shut until a look shows it done; sends nothing twice",
        "Foreman writes blocked: result of the last write unknown (Foreman 504 (a web page, not the API): Gateway Timeout)",
        suffering("slow", seconds=400.0, then=_looked_up),
        {"writes": 1, "peak_writes": 1},
        ForemanOptions(front_timeout=100.0),
    ),
    Rule(
        "a PUT leaves a task list (progress_report_id)",
        "404 for the list, a reset for the PUT",
        "looks at the host alone",
        f"Foreman writes blocked: result of the last write unknown ({LOST})",
        _no_task_list,
        {"writes": 1},
    ),
    _lost(
        "a write that was sent arrives",
        "resets the connection, does nothing",
        "reset_before_apply",
        f"the write did not take effect: {LOST}",
        2,
        "keeps the lane shut until the write deadline is over and it is absent, then sends it again under a new ticket",
    ),
    Rule(
        "the smart proxy answers, and so does Foreman",
        "422 after 60 s, which is lost on the way",
        "the task list says that it was rolled back: settled at the first look, sent again",
        f"the write did not take effect: {LOST}",
        suffering("answer_lost_after_apply", then=_settled_at_once),
        {"writes": 2, "peak_writes": 1},
        ForemanOptions(faults=ForemanFaults(proxy_hang={HOST: 1})),
    ),
    Rule(
        "the smart proxy answers",
        "422 `errors.base`: task failed",
        "waits its backoff, then sends it again",
        PROXY,
        suffering("disconnect_on_reuse", method="GET"),
        {"writes": 2, "errors_422": 1},
        ForemanOptions(faults=ForemanFaults(proxy_hang={HOST: 1})),
    ),
    Rule(
        "DHCP has room for the host",
        "422 `errors.conflict`",
        "does not repeat it, leaves the host off and out of build",
        f"Foreman 422: Conflict DHCP record 52:54:00:00:00:00 for {HOST} already exists with another address; the host stays powered off",
        _conflict,
        {"writes": 1, "errors_422": 1},
        ForemanOptions(faults=ForemanFaults(dhcp_conflict=frozenset({HOST}))),
    ),
    Rule(
        "a host in build has its PXE files: an equal PUT won, ours was rolled back with them",
        "422 task failed; the host stands in build as wanted",
        "reads the host, then `rebuild_config` of TFTP through the lane; never boots it without",
        "in build mode, but Foreman deleted the PXE files of the host: asking Foreman to write them again",
        suffering("taken_back", then=_rebuilt),
        {"writes": 2, "pxe_lost": 1, "peak_writes": 1},
    ),
    Rule(
        "the same, and the 422 is lost on the way",
        "a reset; the task list says rolled back",
        "finds it in the task list, then `rebuild_config`",
        "in build mode, but Foreman deleted the PXE files of the host: asking Foreman to write them again",
        suffering("taken_back_unheard", then=_rebuilt),
        {"writes": 2, "pxe_lost": 1, "peak_writes": 1},
    ),
    Rule(
        "`rebuild_config` succeeds",
        "422 `{message}`",
        "the stage has failed; its next attempt finds the build, and rebuilds again",
        "Foreman 422: Configuration rebuild failed for: TFTP.",
        _rebuild_refused,
        {"writes": 3, "pxe_lost": 1, "peak_writes": 1},
    ),
)
