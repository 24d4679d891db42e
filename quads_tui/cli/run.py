"""A new rollout of this process: inputs, lock, journal, plan, question; then it is conducted."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
import termios
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from quads_tui.engine.clock import RealClock
from quads_tui.inputs import Assignment, InputError, Site, bmc_address, check_speed, find_site, load_assignment, load_site
from quads_tui.journal.catalogue import StoredRollout, known_pace, stored_rollouts
from quads_tui.journal.foreman_lock import Identity
from quads_tui.journal.locks import JournalLock, LockHeld
from quads_tui.journal.servers import spelled
from quads_tui.planning.bmc_survey import BmcSurvey
from quads_tui.planning.planner import make_plan
from quads_tui.planning.quads_moves import assignments_from, enriched
from quads_tui.render.plan_text import plan_lines
from quads_tui.rollout.causes import CredentialsRefused, StageFailure
from quads_tui.rollout.plan import Plan
from quads_tui.rollout.ports import JournalBroken
from quads_tui.rollout.stages import Kind
from quads_tui.rollout.state import Rollout
from quads_tui.runtime.clients import Services, open_services
from quads_tui.runtime.options import Options, Refused, Usage, emit_json, raise_file_limit, say, who
from quads_tui.runtime.process_resources import SIGNALS, ProcessResources, Writer
from quads_tui.runtime.runner import RolloutRunner, Show
from quads_tui.services.quads import QuadsError


@dataclass(frozen=True, slots=True)
class RolloutInput:
    """What a rollout is made of, before Foreman was asked."""

    assignments: tuple[Assignment, ...]
    site: Site
    rehearsal: Path | None = None  # the directory of the emulators that it runs against


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the operator asked for: a file, or QUADS' moves (`path` is None). `date`: YYYY-MM-DDTHH:MM, empty for now."""

    path: Path | None
    cloud: str | None = None
    date: str = ""
    expect: int | None = None
    at: float | None = None  # when it is to start (real time); None: now


def run(wanted: RunRequest, options: Options) -> int:
    def work() -> int:
        loaded = load(wanted, options)
        old = resume_or_anew(loaded, options)
        if isinstance(old, int):
            return old
        return asyncio.run(roll_out(loaded, options, expect=wanted.expect, instead_of=old))

    return guarded(options, work)


def resume_or_anew(work: RolloutInput, options: Options) -> int | StoredRollout | None:
    """Asks about an unfinished rollout of these hosts. An exit status: that was all; else what is to be superseded, if any."""
    old = unfinished_like(work, options)
    if old is not None:
        answer = _asked_about(old, options)
        if answer == "resume":
            from .resume import go_on

            return go_on(old, options)
        if answer == "leave":
            say("nothing was done")
            return 4
    return old


def plan(wanted: RunRequest, options: Options) -> int:
    return guarded(options, lambda: asyncio.run(_show_plan(load(wanted, options), options, wanted.expect)))


def guarded(options: Options, work: Callable[[], int]) -> int:
    """Run it; what is wrong with usage, inputs or the whole rollout becomes words and an exit status."""
    if sys.stderr.isatty():
        from quads_tui.console.output import terminal

        sys.stderr = terminal()  # a terminal that does not read must not stop the loop
    signal.signal(signal.SIGTERM, _leave)  # until the rollout runs: then it ends well
    try:
        return work()
    except KeyboardInterrupt:
        return SIGNALS["SIGINT"]
    except (InputError, Usage) as error:
        say("\n".join(f"quads-tui: {line}" for line in str(error).splitlines()))
        return 2
    except (Refused, LockHeld, JournalBroken) as error:
        refused = error if isinstance(error, Refused) else Refused([str(error)])
        for reason in refused.reasons:
            say(f"quads-tui: refused: {reason}")
        if options.json:
            emit_json("refused", time.time(), {"reasons": list(refused.reasons)})
        return 3


def _leave(*_: object) -> None:
    raise SystemExit(SIGNALS["SIGTERM"])


def load(wanted: RunRequest, options: Options) -> RolloutInput:
    """The site, and the assignments of a file or of QUADS. Raises InputError, Usage and Refused."""
    site = load_site(find_site(options.site, os.environ))
    given: tuple[Assignment, ...] = ()
    if wanted.path is not None:
        given = (load_assignment(wanted.path, cloud=wanted.cloud, at=wanted.at, zone=site.quads_zone),)
    if site.quads is None and wanted.path is None:
        raise Usage(f"{site.path} names no QUADS (quads:), so there are no moves to take from it")
    if site.quads is not None:
        check_speed(site, [])
        given = asyncio.run(_asked_quads(given, site, wanted, options))
    check_speed(site, [bmc_address(site, host) for assignment in given for host in assignment.hosts])
    return RolloutInput(given, site)


async def _asked_quads(given: tuple[Assignment, ...], site: Site, wanted: RunRequest, options: Options) -> tuple[Assignment, ...]:
    services = await open_services(site, RealClock(site.speed), options.state)
    assert services.quads is not None
    try:
        if given:
            return tuple([await enriched(services.quads, assignment) for assignment in given])
        say(f"asking QUADS {services.quads.url} for its moves")
        found = await assignments_from(services.quads, site, cloud=wanted.cloud, date=wanted.date)
    except QuadsError as trouble:
        raise Refused([trouble.reason]) from None
    finally:
        await services.http.close()
    if not found:
        raise Refused(["QUADS has no moves" + (f" to {wanted.cloud}" if wanted.cloud else "")])
    return found


def front_end(options: Options, show: Show | None) -> Options:
    """Without a terminal there is no screen, and nobody to ask. Raises Usage."""
    if not options.yes and not sys.stdin.isatty():
        raise Usage("there is no terminal to ask at: add --yes (and --headless, --plain or --json for progress)")
    return options if show or options.headless or options.plain or options.terminal else replace(options, headless=True)


@asynccontextmanager
async def connected(site: Site, options: Options) -> AsyncIterator[tuple[Services, RealClock]]:
    """The clients. Raises InputError."""
    raise_file_limit()
    clock = RealClock(site.speed)
    services = await open_services(site, clock, options.state)
    try:
        yield services, clock
    finally:
        await services.http.close()


async def roll_out(
    work: RolloutInput,
    options: Options,
    *,
    expect: int | None = None,
    show: Show | None = None,
    instead_of: StoredRollout | None = None,
    desk: OperatorPrompt | None = None,
    ask: bool = False,
) -> int:
    """The whole of it; gives the exit status. `show`: another front end than the screen or the lines.

    `instead_of`: an unfinished rollout that is no longer to be resumed once this one is confirmed. `desk`: who asks and hears
    what is said before the rollout begins, and the station that it joins; else the terminal, and one of its own. `ask` it even
    where the options say yes.
    """
    options, desk = front_end(options, show), desk or OperatorPrompt()
    async with desk.station.writer_to(work.site, take_over=options.take_over, say=desk.say) as writer:
        return await _rolled_out(work, options, writer, expect, show, instead_of, desk, ask or not options.yes)


async def _rolled_out(
    work: RolloutInput,
    options: Options,
    writer: Writer,
    expect: int | None,
    show: Show | None,
    instead_of: StoredRollout | None,
    desk: OperatorPrompt,
    ask: bool,
) -> int:
    async with connected(work.site, options) as (services, clock):
        conductor = RolloutRunner(
            work.site, services, clock, options, desk.station, writer=writer, rehearsal=work.rehearsal, show=show
        )
        rollout_id = f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{_clouds(work)}-{secrets.token_hex(2)}"
        directory = options.state / "rollouts" / rollout_id
        journal = conductor.journal(directory / "journal.db")
        lock = JournalLock(directory)
        try:
            await journal.describe(_facts(rollout_id, work))
            try:
                made = await planned(work, services, expect, survey=options.survey, tell=desk.say)
                if options.yes and work.rehearsal is None:
                    told_apart(made)
                await alone(writer, services, desk, ask=not options.yes)
                if ask and not await desk.agreed(made):
                    desk.say("nothing was done")
                    await journal.discard()
                    return 4
                if not options.yes:
                    made = made.confirmed()
            except BaseException:
                await journal.discard()
                raise
            seeds = {} if work.rehearsal else await asyncio.to_thread(known_pace, options.state, work.site.foreman.url)
            await journal.describe({"plan": asdict(made), "seeds": seeds})
            if instead_of is not None:
                await _superseded(instead_of, conductor, rollout_id)
            rollout = Rollout(rollout_id, made, speed=work.site.speed)
            rollout.durations.seed(seeds)
            return await conductor.conduct(journal, rollout)
        finally:
            await journal.close()
            lock.release()


async def alone(writer: Writer, services: Services, desk: OperatorPrompt, *, ask: bool) -> None:
    """Ask where somebody writes to what may be this very Foreman under another address; `ask` False: nobody is there to be asked.

    Raises Refused. Front ends and wildcard certificates are legitimate, so only a human can tell.
    """
    try:
        certificate, url = await services.foreman.identity()
    except (StageFailure, CredentialsRefused):
        return  # away: the rollout waits for it; its address is locked
    words = await writer.alike(Identity(certificate, url))
    if not words:
        return
    if not ask or not sys.stdin.isatty():
        other = "if it is another Foreman, start at a terminal, without --yes, and answer"
        raise Refused([f"{words}; {other}; if it is the same, wait until that rollout has ended"])
    if not await desk.sure(f"{words[0].upper()}{words[1:]}. Is it another Foreman than {services.foreman.url}?"):
        raise Refused([f"{words}, and was not confirmed to be another one"])


def _clouds(work: RolloutInput) -> str:
    """For a rollout's name: its cloud, and how many more."""
    first, *more = work.assignments
    return f"{first.cloud}+{len(more)}" if more else first.cloud


async def _superseded(old: StoredRollout, conductor: RolloutRunner, by: str) -> None:
    lock = JournalLock(old.directory)
    journal = conductor.journal(old.journal, existing=True)
    await journal.describe({"ended": {"reason": f"superseded by {by}", "unfinished": 0}})
    await journal.close()
    lock.release()


def bmc_survey(services: Services, tell: Callable[[str], None]) -> BmcSurvey:
    """How BMCs are looked at for a plan."""
    survey = BmcSurvey(services.bmc, services.foreman.provisioning_macs, tell)
    services.observers.append(lambda one: survey.heard(one.host) if one.status else None)
    return survey


async def planned(
    work: RolloutInput, services: Services, expect: int | None, *, survey: bool, tell: Callable[[str], None] = say
) -> Plan:
    """The same for plan, run and the start screen. A rehearsal never asks, so it does not ask the BMCs either. Raises Refused."""
    count = sum(len(given.hosts) for given in work.assignments)
    unexpected = [f"the plan has {count} hosts, not {expect} (--expect)"] if expect not in (None, count) else []
    looks = bmc_survey(services, tell) if survey and work.rehearsal is None and not unexpected else None
    try:
        made = await make_plan(work.assignments, work.site, services.foreman, tell, looks)
    except (StageFailure, CredentialsRefused) as error:
        raise Refused([str(error)]) from None
    if made.refusals or unexpected:
        raise Refused([*made.refusals, *unexpected])
    return made


def told_apart(made: Plan) -> None:
    """Raises Refused where nobody is asked and a host's BMC may be that of a protected host."""
    if words := made.unguarded_words:
        remedy = "try again when the name service answers, or start at a terminal, without --yes, and answer"
        raise Refused([*made.untold, f"{words}; {remedy}"])


async def _show_plan(work: RolloutInput, options: Options, expect: int | None) -> int:
    async with connected(work.site, options) as (services, clock):
        made = await planned(work, services, expect, survey=options.survey)
    if options.json:
        emit_json("plan", clock.wall(), json.loads(json.dumps(asdict(made))))
    else:
        click.echo("\n".join(plan_lines(made)))
    return 0


async def agreed(made: Plan) -> bool:
    """Show the plan and ask at the terminal. More than five hosts: the count must be typed."""
    click.echo("\n".join(plan_lines(made)))
    if not made.usable:
        click.echo("There is nothing to do.")
        return False
    return await confirmed(made.usable, fate(made))


def fate(made: Plan) -> str:
    """What becomes of its hosts, for the question."""
    counts = Counter(made.goal(host).kind for host in made.hosts if not host.trouble)
    what = {Kind.BUILD: "wiped and rebuilt", Kind.SPARE: "powered off", Kind.OWNERSHIP: "given to their new owner"}
    words = [what[kind] if len(counts) == 1 else f"{count} {what[kind]}" for kind, count in counts.items()]
    if unaccepted := len(made.unaccepted):
        words.append(f"{unaccepted} of them without their machine having been compared with Foreman's host (not verified)")
    if unguarded := len(made.unguarded):
        words.append(f"{unguarded} of them without their BMC having been compared with that of a protected host")
    return ", ".join(words)


def typed(question: str) -> str:
    """What is typed at the terminal to this question: not what was typed or pasted before it was asked."""
    with suppress(termios.error, OSError, ValueError):  # no terminal: there is nobody who typed ahead
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    return input(question)


async def sure(question: str) -> bool:
    """Ask at the terminal, off the loop."""
    answer = await asyncio.to_thread(typed, f"{question} y/N ")
    return answer.strip().lower() in ("y", "yes")


@dataclass
class OperatorPrompt:
    """Where a rollout is announced before it begins."""

    station: ProcessResources = field(default_factory=ProcessResources)
    say: Callable[[str], None] = say
    agreed: Callable[[Plan], Awaitable[bool]] = agreed
    sure: Callable[[str], Awaitable[bool]] = sure


async def confirmed(count: int, what: str) -> bool:
    """Ask at the terminal, off the loop."""
    hosts = "1 host" if count == 1 else f"{count} hosts"
    if count > 5:
        answer = await asyncio.to_thread(typed, f"{hosts} will be {what}. Type the number to start, anything else to leave: ")
        return answer.strip() == str(count)
    return await sure(f"{hosts} will be {what}. Start?")


def unfinished_like(work: RolloutInput, options: Options) -> StoredRollout | None:
    """The newest unfinished rollout on this Foreman that has hosts of this assignment."""
    names = {host.name for assignment in work.assignments for host in assignment.hosts}
    for rollout in stored_rollouts(options.state):
        facts = rollout.facts
        if not rollout.unfinished or rollout.rehearsal or "plan" not in facts:
            continue
        if spelled(facts["foreman"]) != spelled(work.site.foreman.url):
            continue
        if names & {host["name"] for host in facts["plan"]["hosts"]}:
            return rollout
    return None


def _asked_about(old: StoredRollout, options: Options) -> str:
    """What to do beside an unfinished rollout: resume, anew or leave. Raises Refused where nobody can be asked."""
    began = datetime.fromtimestamp(old.created_at).astimezone().strftime("%Y-%m-%d %H:%M")
    words = f"the rollout {old.id} of {began} has unfinished hosts of this assignment"
    if holder := old.holder():
        raise Refused([f"{words}, and is run by {holder}"])
    if options.headless or not sys.stdin.isatty():
        raise Refused([f"{words}: go on with it (quads-tui resume {old.id}), or start anew from a terminal"])
    click.echo(f"{words[0].upper()}{words[1:]}.")
    answer = typed("r resume it, a start anew (its hosts begin from the start), anything else leaves: ").strip().lower()
    return {"r": "resume", "a": "anew"}.get(answer, "leave")


def _facts(rollout_id: str, work: RolloutInput) -> dict[str, Any]:
    """What a resume needs to find everything again: paths, the assignment as it was, who and when."""
    return {
        "rollout": rollout_id,
        "created_at": time.time(),
        "who": who(),
        "site": str(work.site.path.absolute()),
        "foreman": work.site.foreman.url,
        "assignments": json.loads(json.dumps([asdict(assignment) for assignment in work.assignments], default=str)),
        "rehearsal": str(work.rehearsal) if work.rehearsal else None,
        "speed": work.site.speed,
    }
