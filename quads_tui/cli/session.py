"""One rollout of this process: inputs, lock, journal, plan, question, engine, front end, end."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from quads_tui.engine.clock import RealClock
from quads_tui.engine.executor import RolloutExecutor, Setting
from quads_tui.engine.planner import make_plan
from quads_tui.inputs import (
    Assignment,
    InputError,
    Secret,
    Site,
    bmc_address,
    check_speed,
    find_site,
    load_assignment,
    load_site,
    resolve_secret,
)
from quads_tui.journal.locks import ForemanLock, LockHeld
from quads_tui.journal.store import JournalStore
from quads_tui.render.plan_text import plan_lines
from quads_tui.rollout.causes import CredentialsRefused, StageFailure
from quads_tui.rollout.meters import Meters
from quads_tui.rollout.plan import HostPlan, Plan
from quads_tui.rollout.ports import Acts, JournalBroken
from quads_tui.rollout.stages import Kind
from quads_tui.rollout.state import Rollout
from quads_tui.services.foreman import Foreman
from quads_tui.services.http import Exchange, Http
from quads_tui.services.redfish import Bmc

from .front import Front, headless, screen
from .jsonlines import JsonLines, finished
from .options import Options, Refused, Usage, emit_json, raise_file_limit, say, who

_SIGNALS = {"SIGINT": 130, "SIGTERM": 143}


@dataclass(frozen=True, slots=True)
class Work:
    """What a rollout is made of, before any service was asked."""

    assignment: Assignment
    site: Site
    rehearsal: Path | None = None  # the directory of the emulators that it runs against


def run(path: Path, *, cloud: str | None, expect: int | None, options: Options) -> int:
    return guarded(options, lambda: asyncio.run(roll_out(load(path, cloud, options), options, expect=expect)))


def plan(path: Path, *, cloud: str | None, expect: int | None, options: Options) -> int:
    return guarded(options, lambda: asyncio.run(_show_plan(load(path, cloud, options), options, expect)))


def guarded(options: Options, work: Callable[[], int]) -> int:
    """Run it; what is wrong with usage, inputs or the whole rollout becomes words and an exit status."""
    signal.signal(signal.SIGTERM, _leave)  # until the rollout runs: then it ends well
    try:
        return work()
    except KeyboardInterrupt:
        return _SIGNALS["SIGINT"]
    except (InputError, Usage) as error:
        say("\n".join(f"quads-tui: {line}" for line in str(error).splitlines()))
        return 2
    except Refused as refused:
        for reason in refused.reasons:
            say(f"quads-tui: refused: {reason}")
        if options.json:
            emit_json("refused", time.time(), {"reasons": list(refused.reasons)})
        return 3


def _leave(*_: object) -> None:
    raise SystemExit(_SIGNALS["SIGTERM"])


def load(path: Path, cloud: str | None, options: Options) -> Work:
    """The two files. Raises InputError."""
    assignment = load_assignment(path, cloud=cloud)
    site = load_site(find_site(options.site, os.environ))
    check_speed(site, [bmc_address(site, host) for host in assignment.hosts])
    return Work(assignment, site)


class Services:
    """The clients of one process, and what they measure."""

    def __init__(self, site: Site, clock: RealClock, passwords: dict[str, Secret], pins: Path) -> None:
        self.meters = Meters()
        self.observers: list[Callable[[Exchange], None]] = []
        self._site = site
        self._clock = clock
        self._passwords = passwords
        self.http = Http(clock, handshakes=site.limits.redfish_handshakes, on_exchange=self._exchanged, pins=pins)
        self.foreman = Foreman(
            self.http,
            url=site.foreman.url,
            username=site.foreman.username,
            password=passwords["foreman"],
            tls=site.foreman.tls,
            clock=clock,
            limits=site.limits,
            reads=self.meters.foreman_reads,
            writes=self.meters.foreman_writes,
            write_width=site.foreman.write_width,
        )

    def bmc(self, host: HostPlan, acts: Acts) -> Bmc:
        site = self._site
        return Bmc(
            self.http,
            host.address,
            host.name,
            site.redfish.username,
            self._passwords["redfish"],
            site.redfish.tls,
            self._clock,
            site.limits,
            self.meters.redfish,
            acts,
        )

    def requests(self) -> dict[str, int]:
        """All that went on the wire: retries and logins included."""
        counted = self.http.requests
        return {
            "foreman_writes": counted["foreman", True],
            "foreman_reads": counted["foreman", False],
            "redfish_requests": counted["redfish", True] + counted["redfish", False],
        }

    def _exchanged(self, exchange: Exchange) -> None:
        for observer in self.observers:
            observer(exchange)


async def _services(work: Work, clock: RealClock, options: Options) -> Services:
    """Secrets are read off the loop: a `command` may take its ten seconds. Raises InputError."""
    site = work.site
    passwords = {
        "foreman": await asyncio.to_thread(resolve_secret, site.foreman.password),
        "redfish": await asyncio.to_thread(resolve_secret, site.redfish.password),
    }
    return Services(site, clock, passwords, options.state / "pins.json")


async def _planned(work: Work, services: Services, expect: int | None) -> Plan:
    """Raises Refused."""
    try:
        made = await make_plan(work.assignment, work.site, services.foreman, say)
    except (StageFailure, CredentialsRefused) as error:
        raise Refused([str(error)]) from None
    reasons = list(made.refusals)
    if expect is not None and len(made.hosts) != expect:
        reasons.append(f"the plan has {len(made.hosts)} hosts, not {expect} (--expect)")
    if reasons:
        raise Refused(reasons)
    return made


async def _show_plan(work: Work, options: Options, expect: int | None) -> int:
    clock = RealClock(work.site.speed)
    services = await _services(work, clock, options)
    try:
        made = await _planned(work, services, expect)
    finally:
        await services.http.close()
    if options.json:
        emit_json("plan", clock.wall(), json.loads(json.dumps(asdict(made))))
    else:
        click.echo("\n".join(plan_lines(made)))
    return 0


async def roll_out(
    work: Work, options: Options, *, expect: int | None = None, show: Callable[[Front], Awaitable[None]] | None = None
) -> int:
    """The whole of it; gives the exit status. `show`: another front end than the screen or the lines."""
    if not show and not options.headless and not options.terminal:
        if not options.yes:
            raise Usage("there is no terminal to ask at: add --yes (and --headless or --json for progress)")
        options = Options(options.site, True, options.json, options.yes, options.state_dir)
    raise_file_limit()
    clock = RealClock(work.site.speed)
    try:
        lock = ForemanLock(work.site.foreman.url)
    except LockHeld as held:
        raise Refused([str(held)]) from None
    services = await _services(work, clock, options)
    rollout_id = f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{work.assignment.cloud}-{secrets.token_hex(2)}"
    broken: asyncio.Queue[str] = asyncio.Queue()
    try:
        journal = JournalStore(options.state / "rollouts" / rollout_id / "journal.db", on_broken=broken.put_nowait)
    except JournalBroken as error:
        raise Refused([str(error)]) from None
    try:
        await journal.describe(_facts(rollout_id, work))
        try:
            made = await _planned(work, services, expect)
            if not options.yes and not await _agreed(made):
                say("nothing was done")
                await journal.discard()
                return 4
        except BaseException:
            await journal.discard()
            raise
        await journal.describe({"plan": asdict(made)})
        rollout = Rollout(rollout_id, made, speed=work.site.speed)
        setting = Setting(
            rollout=rollout,
            meters=services.meters,
            clock=clock,
            journal=journal,
            foreman=services.foreman,
            reads=services.foreman,
            bmc=services.bmc,
            limits=work.site.limits,
            protected=work.site.protected_hosts,
            token_seconds=await _token_seconds(services, made),
            write_width=work.site.foreman.write_width,
            who=who(),
        )
        show = show or (headless if options.headless else screen)
        return await _carry_out(setting, services, options, work, broken, show)
    except JournalBroken as error:
        raise Refused([str(error)]) from None
    finally:
        await services.http.close()
        await journal.close()
        lock.release()


async def _carry_out(
    setting: Setting,
    services: Services,
    options: Options,
    work: Work,
    broken: asyncio.Queue[str],
    show: Callable[[Front], Awaitable[None]],
) -> int:
    rollout = setting.rollout
    executor = RolloutExecutor(setting, [JsonLines(rollout)] if options.json else [])
    loop = asyncio.get_running_loop()
    for name in _SIGNALS:
        loop.add_signal_handler(getattr(signal, name), _signalled, executor, name)
    front = Front(rollout, setting.meters, executor, setting.clock, options.json, work.site.warnings, work.rehearsal is not None)
    services.observers.append(front.exchanged)
    watcher = asyncio.create_task(_stop_when_broken(broken, executor))
    executor.start()
    try:
        await show(front)
    finally:
        await executor.finish("" if rollout.settled else executor.stopped or "operator")
        watcher.cancel()
    at = setting.clock.wall()
    if options.json:
        emit_json("rollout_finished", at, finished(rollout, services.requests(), at))
    else:
        for line in front.summary():
            say(line)
    return status(rollout, executor.stopped)


def status(rollout: Rollout, stopped: str) -> int:
    """The exit status of CONTRACT 2."""
    if stopped in _SIGNALS:
        return _SIGNALS[stopped]
    if not rollout.settled:
        return 4
    return 0 if all(host.status.value == "done" for host in rollout.hosts.values()) else 1


def _signalled(executor: RolloutExecutor, name: str) -> None:
    """The first signal ends well; a second one leaves at once."""
    if executor.stopped in _SIGNALS:
        os._exit(_SIGNALS[name])
    say(f"{name}: no new acts; requests in flight settle. Once more leaves at once.")
    executor.stop(name)


async def _stop_when_broken(broken: asyncio.Queue[str], executor: RolloutExecutor) -> None:
    say(f"quads-tui: {await broken.get()}")
    executor.stop("safety")


async def _token_seconds(services: Services, made: Plan) -> float:
    if made.kind is not Kind.BUILD:
        return 0.0
    with suppress(StageFailure):
        return await services.foreman.token_seconds()
    return 6 * 3600.0


async def _agreed(made: Plan) -> bool:
    """Show the plan and ask. More than five hosts: the count must be typed."""
    click.echo("\n".join(plan_lines(made)))
    count = made.usable
    what = {Kind.BUILD: "wiped and rebuilt", Kind.SPARE: "powered off", Kind.OWNERSHIP: "given to their new owner"}[made.kind]
    if not count:
        click.echo("There is nothing to do.")
        return False
    hosts = "1 host" if count == 1 else f"{count} hosts"
    if count > 5:
        answer = await asyncio.to_thread(input, f"{hosts} will be {what}. Type the number to start, anything else to leave: ")
        return answer.strip() == str(count)
    answer = await asyncio.to_thread(input, f"{hosts} will be {what}. Start? y/N ")
    return answer.strip().lower() in ("y", "yes")


def _facts(rollout_id: str, work: Work) -> dict[str, Any]:
    """What a resume needs to find everything again: paths, the assignment as it was, who and when."""
    assignment = asdict(work.assignment)
    return {
        "rollout": rollout_id,
        "created_at": time.time(),
        "who": who(),
        "site": str(work.site.path.absolute()),
        "assignment": json.loads(json.dumps(assignment, default=str)),
        "rehearsal": str(work.rehearsal) if work.rehearsal else None,
        "speed": work.site.speed,
    }
