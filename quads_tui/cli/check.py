"""`check`: reachability, certificate, login, version, latency and clock of every service of the site."""

from __future__ import annotations

import asyncio
import os
import ssl
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import click
from cryptography import x509

from quads_tui.engine.clock import RealClock
from quads_tui.inputs import TlsPolicy, bmc_address, check_speed, find_site, is_ipmi, load_assignments, load_site
from quads_tui.inputs.row_commands import missing_programs
from quads_tui.planning.bmc_survey import ANSWER_TIMEOUT, ReadOnlySideEffects
from quads_tui.planning.planner import draft_plan, with_foreman_macs, with_machine_conflicts
from quads_tui.rollout.causes import CredentialsRefused, StageFailure
from quads_tui.rollout.counts import count as counted
from quads_tui.rollout.loop_lag import PunctualTime
from quads_tui.rollout.metrics import Meter
from quads_tui.rollout.numbers import http_date
from quads_tui.rollout.plan import NOT_ASKED, HostPlan, Plan
from quads_tui.rollout.ports import QuadsError
from quads_tui.rollout.text import clean
from quads_tui.runtime.clients import Services, check_ipmitool, open_services
from quads_tui.runtime.event_loop import run_to_end
from quads_tui.runtime.launch import bmc_survey
from quads_tui.runtime.options import Options, emit_json, notify, raise_file_limit
from quads_tui.services.responses import RequestFailed, Response

from .check_queue import check_queue
from .checked import Checked
from .remedies import AGAIN, remedy_for_ipmi, remedy_for_login, remedy_for_refusal, remedy_for_request
from .terminal import run_with_exit_status

_REQUESTS = 3  # times, for the median
_CLOCK_TOLERANCE = 5.0  # seconds that a clock may be off without a warning
_MAX_LISTED = 20  # BMCs with problems that are shown by name


@dataclass(slots=True)
class Service:
    """What is requested from one service: a page that needs no login, and the login itself, which gives the version."""

    service: str
    key: str  # its section in the site file
    address: str
    page: str
    tls: TlsPolicy
    log_in: Callable[[], Awaitable[str]]
    done: list[float] = field(default_factory=list)


def check(assignments: Sequence[Path], options: Options) -> int:
    """Returns the exit status: 0 when all is well, else 3. The BMCs checked are those of the assignments."""
    return run_with_exit_status(options, lambda: run_to_end(_check(assignments, options)))


async def _check(paths: Sequence[Path], options: Options) -> int:
    site = load_site(find_site(options.site, os.environ))
    given = load_assignments(paths, zone=site.quads_zone)
    addresses = [bmc_address(site, host) for assignment in given for host in assignment.hosts]
    check_speed(site, addresses)
    check_ipmitool(site, addresses)
    draft = await draft_plan(given, site) if given else None
    hosts = draft.hosts if draft and not draft.refusals else ()  # the BMC of a protected host is never contacted
    raise_file_limit()
    clock = RealClock(site.speed)
    services = await open_services(site, clock, options.state)
    try:
        targets = [Service("Foreman", "foreman", site.foreman.url, "/api/status", site.foreman.tls, services.foreman.login)]
        if services.quads is not None and site.quads is not None:
            targets.append(Service("QUADS", "quads", site.quads.url, "/api/v3/version", site.quads.tls, _quads(services)))
        count = len(targets)
        notify(f"asking {', '.join(one.service for one in targets)}" + (f" and {counted(len(hosts), 'BMC')}" if hosts else ""))
        asked = [check_service(services, one) for one in targets]
        reader = _BmcReader(services)
        for host in hosts:
            if is_ipmi(host.address):
                asked.append(_check_ipmi(host, reader.of(host)))
                continue
            tls = site.redfish.tls_of(host.name)
            target = Service(host.name, "redfish", host.address, "/redfish/v1/", tls, reader.of(host))
            asked.append(check_service(services, target))
        with reader.time.measured():
            found = [reader.with_left_session(one) for one in await asyncio.gather(*asked)]
        if draft is not None:
            found += [
                Checked("assignment", ", ".join(map(str, paths)), problem=why, remedy=remedy_for_refusal(why))
                for why in draft.refusals
            ]
        found += [
            Checked(f"command {site.commands[place].name}", "", problem=why, remedy=_PROGRAM)
            for place, why in missing_programs(site.commands)
        ]
        if hosts and draft is not None:
            found = [*found[:count], *await _compare_machines(draft, found[count:], services)]
    finally:
        await services.http.close()
    found += await check_queue(site)
    if options.json:
        for one in found:
            emit_json("check", clock.wall(), asdict(one))
    else:
        listed = [one for one in found if one.service not in {host.name for host in hosts}]
        click.echo("\n".join([*map(_line, listed), *_bmc_lines([one for one in found if one not in listed])]))
        if not hosts:
            click.echo("--    BMCs      not checked: quads-tui check ASSIGNMENT checks the BMCs of its hosts")
    return 0 if all(one.ok for one in found) else 3


async def _compare_machines(draft: Plan, found: list[Checked], services: Services) -> list[Checked]:
    """What a plan would find out about the machines behind the BMCs that answered well."""
    well = {one.service for one in found if one.ok}
    plan = replace(draft, hosts=tuple(host for host in draft.hosts if host.name in well))
    plan = with_machine_conflicts(await bmc_survey(services, notify).run(await with_foreman_macs(plan, services.foreman)))
    hosts = {host.name: host for host in plan.hosts}
    refused = [Checked("assignment", "", problem=why, remedy=remedy_for_refusal(why)) for why in plan.refusals]
    return [*refused, *(with_plan_findings(one, hosts) for one in found)]


def with_plan_findings(one: Checked, hosts: Mapping[str, HostPlan]) -> Checked:
    """A BMC that answered well, with what the plan found out about the machine behind it."""
    host = hosts.get(one.service)
    if host is None:
        return one
    if problem := host.blocker or (host.bmc if host.bmc != NOT_ASKED else ""):
        remedy = "" if host.advised else _MACHINE if host.blocker else AGAIN
        one = replace(one, ok=False, problem=problem, remedy=remedy)
    else:
        one = replace(one, unverified=host.unverified)
    return replace(one, left_session="; ".join(filter(None, (one.left_session, host.left_session))))


_PROGRAM = "install the program, or correct commands: run in the site file"
_MACHINE = (
    "correct the BMC address of the host, or remove the host from the assignment; otherwise it fails before anything is changed"
)


def _quads(services: Services) -> Callable[[], Awaitable[str]]:
    async def log_in() -> str:
        assert services.quads is not None
        await services.quads.log_in()
        return await services.quads.version()

    return log_in


class _BmcReader:
    """Logs in at BMCs. `time`: what their seconds are counted in, so that our own slowness is not theirs."""

    def __init__(self, services: Services) -> None:
        self.time = PunctualTime()
        self._services = services
        self._acts: dict[str, ReadOnlySideEffects] = {}  # by host

    def of(self, host: HostPlan) -> Callable[[], Awaitable[str]]:
        acts = self._acts[host.name] = ReadOnlySideEffects()

        async def log_in() -> str:
            bmc = self._services.bmc(host, acts)
            try:
                async with self.time.timeout_at(self.time.now() + ANSWER_TIMEOUT):
                    seen = await bmc.observe()
                return f"{seen.manufacturer} {seen.model}".strip()
            finally:
                await bmc.close()

        return log_in

    def with_left_session(self, one: Checked) -> Checked:
        acts = self._acts.get(one.service)
        return one if acts is None else replace(one, left_session=acts.left_session)


async def _check_ipmi(host: HostPlan, log_in: Callable[[], Awaitable[str]]) -> Checked:
    """One session with three reads: `seconds` is the time of all of it."""
    checked, began = Checked(host.name, host.address, tls="IPMI"), time.monotonic()
    try:
        version = await log_in()
    except (StageFailure, TimeoutError) as error:
        problem = str(error) or f"no answer within {ANSWER_TIMEOUT:.0f} s"
        return replace(checked, problem=problem, remedy=remedy_for_ipmi(error))
    return replace(checked, ok=True, version=version, login="login accepted", seconds=time.monotonic() - began)


async def check_service(services: Services, target: Service) -> Checked:
    """Every failure becomes a problem and a remedy."""
    checked = Checked(target.service, target.address, tls=_trust(target))
    try:
        answer = Response(0)
        for _ in range(_REQUESTS):
            began = time.monotonic()
            answer = await services.http.request(
                "GET",
                target.address + target.page,
                service=target.key,
                meter=Meter(),
                tls=target.tls,
                connect=5.0,
                total=15.0,
                fresh=True,
            )
            target.done.append(time.monotonic() - began)
        seconds = statistics.median(target.done)
        checked = replace(checked, seconds=seconds, clock=_clock(answer.headers), tls=await _certificate(target))
        version = await target.log_in()
    except RequestFailed as error:
        remedy = remedy_for_request(error, target.key, target.address, target.tls)
        return replace(checked, problem=error.reason, remedy=remedy)
    except (CredentialsRefused, QuadsError, StageFailure, TimeoutError) as error:
        remedy = remedy_for_login(error, target.key, target.address, answer)
        return replace(checked, problem=str(error) or f"no answer within {ANSWER_TIMEOUT:.0f} s", remedy=remedy)
    return replace(checked, ok=True, version=version, login="login accepted")


def _trust(target: Service) -> str:
    if target.address.startswith("http://"):
        return "plain http"
    policy = target.tls
    words = {
        "system": "certificate authorities of this system",
        "ca_file": f"CA file {policy.ca_file.name if policy.ca_file else ''}",
        "fingerprint": "fingerprint",
        "first_use": "pinned at first use",
        "off": "NOT VERIFIED",
    }[policy.kind]
    return f"TLS: {words}" + (", old TLS versions accepted" if policy.old else "")


async def _certificate(target: Service) -> str:
    """How the server is trusted, and until when its certificate is valid; the date is left out where it cannot be read."""
    words, parts = _trust(target), urlsplit(target.address)
    if parts.scheme != "https":
        return words
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError, TimeoutError, ValueError):
        async with asyncio.timeout(5.0):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=context)
            der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.close()
        until = x509.load_der_x509_certificate(der).not_valid_after_utc
        words += f", certificate until {until:%Y-%m-%d}" + (" (EXPIRED)" if until.timestamp() < time.time() else "")
    return words


def _clock(headers: Mapping[str, str]) -> float | None:
    date = http_date(headers.get("Date"))
    return None if date is None else round(date - time.time(), 0)


def _line(one: Checked) -> str:
    facts = [one.address, one.version, one.tls, one.login]
    facts += [f"{one.seconds * 1000:.0f} ms"] if one.seconds is not None else []
    if one.clock is not None:
        facts.append(f"clock {one.clock:+.0f} s" + ("  <- SET IT" if abs(one.clock) > _CLOCK_TOLERANCE else ""))
    head = f"{'ok' if one.ok else 'BAD':<5} {one.service:<9} "
    if one.ok:
        return head + "  ".join(fact for fact in facts if fact)
    remedy = f"\n        -> {one.remedy}" if one.remedy else ""  # else the problem says what to do
    return f"{head}{one.address}  {one.tls}\n        {clean(one.problem, 400)}{remedy}"


def _bmc_lines(found: list[Checked]) -> list[str]:
    """All that are well in one line, the others by name."""
    good = [one for one in found if one.ok]
    lines = []
    if good:
        seconds = statistics.median(one.seconds or 0.0 for one in good)
        late = sum(abs(one.clock or 0.0) > _CLOCK_TOLERANCE for one in good)
        kinds = Counter(one.version or "unknown" for one in good).most_common(4)
        models = ", ".join(f"{count} {kind}" for kind, count in kinds)
        trust = ", ".join(sorted({one.tls.partition(", certificate")[0] for one in good}))
        facts = f"{models}  {trust}  login accepted  {seconds * 1000:.0f} ms (median)"
        lines.append(f"ok    BMCs      {len(good)} of {len(found)}: {facts}")
        lines += [f"        clock wrong by more than {_CLOCK_TOLERANCE:.0f} s: {counted(late, 'BMC')} of these"] if late else []
    if unverified := [(one.service, one.unverified) for one in good if one.unverified]:
        words = f"not verified: {len(unverified)} of these. A rollout asks about those that redfish.unverified does not list"
        lines += _note(words, unverified)
    if left := [(one.service, one.left_session) for one in found if one.left_session]:
        lines += _note(f"sessions that stay open, or may stay open, at BMCs after this check: {len(left)}", left)
    bad = [one for one in found if not one.ok]
    lines += [_line(one) for one in bad[:_MAX_LISTED]]
    if len(bad) > _MAX_LISTED:
        lines.append(f"BAD   {counted(len(bad) - _MAX_LISTED, 'more BMC')} with problems (--json lists all)")
    return lines


def _note(title: str, hosts: Sequence[tuple[str, str]]) -> list[str]:
    """`hosts`: names with what is to be said of each."""
    lines = [f"note  {title}", *(f"        {name}  {words}" for name, words in hosts[:_MAX_LISTED])]
    return lines + ([f"        and {len(hosts) - _MAX_LISTED} more (--json lists all)"] if len(hosts) > _MAX_LISTED else [])
