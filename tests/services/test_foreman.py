"""The Foreman client against the emulated Foreman, judged by what that saw."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from quads_tui.emulators.foreman import ForemanEmulator, ForemanOptions
from quads_tui.emulators.interfaces import Machine
from quads_tui.engine.lane import WriteLane
from quads_tui.engine.write_queue import LaneTicket
from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.rollout.causes import Cause, CredentialsRefused, StageFailure
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.rollout.plan import Target
from quads_tui.rollout.ports import NotSent, Probe, TakenOver, UnknownOutcome, WriteAbsent
from quads_tui.services.foreman import Foreman, NameUnknown
from quads_tui.services.foreman.session import ForemanSession
from quads_tui.services.http import Http
from tests.clocks import FastClock, GrantedTime

HOSTS = [f"f21-h{n:02}-000-r650.example.com" for n in range(30)]


@dataclass
class Bench:
    server: ForemanEmulator
    url: str
    http: Http
    clock: FastClock
    tickets: list[LaneTicket] = field(default_factory=list)

    def client(self, password: str = "changeme") -> Foreman:
        return Foreman(
            ForemanSession(
                self.http,
                url=self.url,
                username="admin",
                password=Secret(password),
                tls=TlsPolicy("system"),
                clock=self.clock,
                limits=Limits(),
                reads=Meter(),
                writes=Meter(),
            )
        )

    async def target(self, foreman: Foreman) -> Target:
        return Target(
            owner_id=await foreman.find("user", "cloud02"),
            operatingsystem_id=await foreman.find("operating system", "RHEL 9.4"),
            ptable_id=await foreman.find("partition table", "generic-rhel9"),
            medium_id=await foreman.find("installation medium", "RHEL Local"),
        )


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    clock = FastClock(speed=500.0)
    machines = [Machine(name, "R650", f"52:54:00:00:00:{n:02x}") for n, name in enumerate(HOSTS)]
    server = ForemanEmulator(machines, time=GrantedTime(500.0), seed=7, options=ForemanOptions())
    url = await server.serve()
    http = Http(clock)
    yield Bench(server, url, http, clock)
    await http.close()
    await server.close()


async def test_a_host_is_given_back_to_its_former_owner_by_one_write(bench: Bench) -> None:
    foreman, host, progress = bench.client(), HOSTS[0], "7b0c3a52-6a52-4a6e-9b54-31d4ffbdc7b3"
    await foreman.login()
    former = await foreman.host(host)
    assert former is not None and former.owner_id is not None and former.owner_type is not None
    target = await bench.target(foreman)
    assert target.owner_id != former.owner_id
    await one_write(bench, foreman, host, target)
    writes = bench.server.counts()["writes"]
    owner, kind = former.owner_id, former.owner_type
    wanted = {"owner_id": owner, "owner_type": kind, "build": False}
    record = await WriteLane(bench.clock, write_deadline=1.0).write(
        host,
        "give_back",
        lambda ticket: foreman.give_back(ticket, host, owner, kind, progress),
        lambda: foreman.probe_host(host, wanted, progress),
    )
    assert record is not None and record.has(wanted)
    shown = await foreman.host(host)
    assert shown is not None and shown.has(wanted)
    assert shown.operatingsystem_id == target.operatingsystem_id  # nothing else is taken back
    assert bench.server.counts()["writes"] == writes + 1


async def one_write(bench: Bench, foreman: Foreman, host: str, target: Target) -> object:
    lane = WriteLane(bench.clock, write_deadline=1.0)
    wanted = {"build": True, "operatingsystem_id": target.operatingsystem_id}
    return await lane.write(
        host,
        "build",
        lambda ticket: foreman.build(ticket, host, target, "7b0c3a52-6a52-4a6e-9b54-31d4ffbdc7b2"),
        lambda: foreman.probe_host(host, wanted, "7b0c3a52-6a52-4a6e-9b54-31d4ffbdc7b2"),
    )


async def test_one_login_for_many_reads_at_once(bench: Bench) -> None:
    foreman = bench.client()
    await asyncio.gather(*(foreman.host(name) for name in HOSTS))
    counts = bench.server.counts()
    assert counts["logins"] == 1
    assert counts["connections"] <= 8
    assert foreman.version == "3.12.0"


async def test_names_on_the_second_page_are_found_and_unknown_ones_bring_the_nearest(bench: Bench) -> None:
    foreman = bench.client()
    assert await foreman.find("operating system", "RHEL 9.4")  # beyond the default page of twenty
    with pytest.raises(NameUnknown, match=r"no operating system 'RHEL 9\.44'; nearest: RHEL 9\.4"):
        await foreman.find("operating system", "RHEL 9.44")
    with pytest.raises(NameUnknown, match="no user 'cloud99'"):
        await foreman.find("user", "cloud99")


async def test_the_one_put_arms_the_host_and_names_everything(bench: Bench) -> None:
    foreman = bench.client()
    target = await bench.target(foreman)
    await one_write(bench, foreman, HOSTS[0], target)
    record = await foreman.host(HOSTS[0])
    assert record is not None
    assert record.has({"build": True, "build_status": 1, "owner_id": target.owner_id, "owner_type": "User"})
    assert record.has(
        {"operatingsystem_id": target.operatingsystem_id, "ptable_id": target.ptable_id, "medium_id": target.medium_id}
    )
    assert await foreman.in_build() == {HOSTS[0]}
    assert set(await foreman.records(HOSTS[:3])) == set(HOSTS[:3])
    assert bench.server.counts()["writes"] == 1


async def test_an_expired_cookie_costs_one_more_login_and_no_write_is_lost(bench: Bench) -> None:
    foreman = bench.client()
    target = await bench.target(foreman)
    bench.server.expire_sessions()
    await one_write(bench, foreman, HOSTS[0], target)
    assert await foreman.in_build() == {HOSTS[0]}
    assert bench.server.counts()["logins"] == 2


async def test_wrong_credentials_are_tried_once_and_never_again(bench: Bench) -> None:
    foreman = bench.client("wrong")
    results = await asyncio.gather(*(foreman.host(name) for name in HOSTS[:10]), return_exceptions=True)
    assert all(isinstance(result, CredentialsRefused) for result in results)
    with pytest.raises(CredentialsRefused, match="no more requests are sent"):
        await foreman.in_build()
    assert bench.server.counts()["failed_logins"] == 1


async def test_parameters_leave_the_others_alone(bench: Bench) -> None:
    foreman = bench.client()
    lane = WriteLane(bench.clock)
    for value in ("a", "b"):
        known = await foreman.parameter_id(HOSTS[0], "rack")
        await lane.write(
            HOSTS[0],
            "parameter",
            lambda ticket, value=value, known=known: foreman.set_parameter(ticket, HOSTS[0], "rack", value, known),  # type: ignore[misc]
            lambda value=value: foreman.probe_parameter(HOSTS[0], "rack", value),  # type: ignore[misc]
        )
    assert await foreman.probe_parameter(HOSTS[0], "rack", "b") is Probe.APPLIED
    assert HOSTS[0] in await foreman.with_parameter("overcloud", "true")
    assert await foreman.with_parameter("rack", "b") == {HOSTS[0]}
    assert bench.server.counts()["writes"] == 2


@pytest.mark.parametrize(
    ("fault", "settled"),
    [
        ("answer_lost_after_apply", "applied"),
        ("reset_before_apply", "absent"),
        ("html_503", "absent"),
        ("html_502", "absent"),
        ("error_500", "absent"),
        ("truncated", "applied"),
    ],
)
async def test_a_write_without_an_answer_is_settled_by_reads(bench: Bench, fault: str, settled: str) -> None:
    foreman = bench.client()
    target = await bench.target(foreman)
    bench.server.inject(fault, method="PUT")  # type: ignore[arg-type]
    if settled == "applied":
        assert await one_write(bench, foreman, HOSTS[0], target) is None
        assert await foreman.in_build() == {HOSTS[0]}
    else:
        with pytest.raises(WriteAbsent):
            await one_write(bench, foreman, HOSTS[0], target)
        assert await foreman.in_build() == frozenset()
    assert bench.server.counts()["peak_writes"] <= 1


async def test_maintenance_is_not_executed_and_said_in_the_servers_words(bench: Bench) -> None:
    foreman = bench.client()
    target = await bench.target(foreman)
    bench.server.inject("maintenance", method="PUT")
    with pytest.raises(StageFailure) as failure:
        await one_write(bench, foreman, HOSTS[0], target)
    assert failure.value.cause is Cause.BUSY
    assert failure.value.reason.startswith("Foreman 503: ")


async def test_validation_is_told_in_the_servers_words(bench: Bench) -> None:
    foreman = bench.client()
    target = await bench.target(foreman)
    odd = Target(
        target.owner_id, target.operatingsystem_id, target.ptable_id, await foreman.find("installation medium", "Debian mirror")
    )
    with pytest.raises(StageFailure) as failure:
        await one_write(bench, foreman, HOSTS[0], odd)
    assert (failure.value.cause, failure.value.retryable) == (Cause.FOREMAN, False)
    assert "medium" in failure.value.reason.lower()
    with pytest.raises(StageFailure) as failure:
        await one_write(bench, foreman, "nobody.example.com", target)
    assert (failure.value.cause, failure.value.retryable) == (Cause.UNKNOWN_HOST, False)


async def test_a_server_that_is_gone_is_unreachable_and_surely_not_written_to(bench: Bench) -> None:
    foreman = bench.client()
    target = await bench.target(foreman)
    await bench.server.close()
    with pytest.raises((StageFailure, UnknownOutcome, WriteAbsent)) as failure:
        await one_write(bench, foreman, HOSTS[0], target)
    assert isinstance(failure.value, StageFailure)
    assert failure.value.cause is Cause.UNREACHABLE


async def test_a6_the_provisioning_mac_is_that_of_the_interface_not_of_the_record(bench: Bench) -> None:
    foreman, (first, second, *_) = bench.client(), HOSTS
    bench.server.control({"bonded": {first: "52:54:00:ff:00:01"}})
    record = await foreman.host(first)
    assert record is not None and record.mac == "52:54:00:ff:00:01"
    assert await foreman.provisioning_macs(first) == {"52:54:00:00:00:00"}
    assert await foreman.all_macs(first) == {"52:54:00:00:00:00", "52:54:00:ff:00:01"}
    assert await foreman.provisioning_macs(second) == {"52:54:00:00:00:01"}
    assert await foreman.provisioning_macs("nobody.example.com") == frozenset()


# The first byte


class Word:
    """The last word on a write: what is raised at each time that it is asked for; None lets it through."""

    def __init__(self, *words: Exception | None) -> None:
        self.words = list(words)
        self.asked = 0

    async def __call__(self) -> None:
        word = self.words[min(self.asked, len(self.words) - 1)]
        self.asked += 1
        if word is not None:
            raise word


async def written(bench: Bench, word: Callable[[], Awaitable[None]]) -> LaneTicket:
    """One write through a lane that asks for this last word; what it raises comes out."""
    foreman = bench.client()
    target = await bench.target(foreman)
    bench.server.expire_sessions()
    tickets: list[LaneTicket] = []

    async def send(ticket: LaneTicket) -> object:
        tickets.append(ticket)
        return await foreman.build(ticket, HOSTS[0], target, "7b0c3a52-6a52-4a6e-9b54-31d4ffbdc7b2")

    async def probe() -> Probe:
        return Probe.ABSENT

    bench.tickets = tickets
    await WriteLane(bench.clock, write_deadline=1.0).write(HOSTS[0], "build", send, probe, word)
    return tickets[0]


async def test_first_byte_the_ticket_is_used_when_the_connection_stands_and_asked_again_after_a_401(bench: Bench) -> None:
    word = Word(None)
    ticket = await written(bench, word)
    assert (word.asked, ticket.sent_at is not None) == (2, True)
    assert bench.server.counts()["writes"] == 2, "the first was answered 401, and not executed"


@pytest.mark.parametrize(("words", "writes"), [((TakenOver("taken over"),), 0), ((None, TakenOver("taken over")), 1)])
async def test_first_byte_nothing_of_a_write_that_is_refused_then_is_sent(
    bench: Bench, words: tuple[Exception | None, ...], writes: int
) -> None:
    with pytest.raises(TakenOver):
        await written(bench, Word(*words))
    assert bench.server.counts()["writes"] == writes
    assert await bench.client().in_build() == set()
    assert (bench.tickets[0].sent_at is None) == (writes == 0)


async def test_first_byte_a_last_word_that_does_not_come_sends_nothing(bench: Bench) -> None:
    async def silence() -> None:
        await asyncio.Event().wait()

    with pytest.raises(NotSent, match="the last check took over 8 min 20 s"):
        await written(bench, silence)
    assert (bench.server.counts()["writes"], bench.tickets[0].sent_at) == (0, None)


async def test_c1_a_foreman_tells_what_it_is_whatever_its_address(bench: Bench) -> None:
    foreman = bench.client()
    assert await foreman.identity() == ("", bench.url), "no TLS here"
