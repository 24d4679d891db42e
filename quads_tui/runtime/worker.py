"""A worker of a cluster: claims rollouts of its site's Foreman, carries each to its end, and takes over those of dead workers.

A rollout is carried by one worker at a time, with the same executor as a console's: gate, canary, breakers, hooks and the
exchange with QUADS are those of one process. What crosses machines is who carries it (a claim with an epoch and a lease in the
database) and the write queue.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from quads_tui.engine.host_tasks import internal_error
from quads_tui.engine.resume_state import Recall, recall
from quads_tui.engine.stoppable_clock import StoppableClock
from quads_tui.inputs import Site, check_speed
from quads_tui.journal.cluster.claims import Claim, ClaimedRollout, DeclaredDead, WorkerRow
from quads_tui.journal.cluster.connection import DatabaseAway, Dsn
from quads_tui.journal.cluster.journal import ClusterJournal
from quads_tui.journal.cluster.link import Refused as RefusedByDatabase
from quads_tui.journal.cluster.rollouts import ClusterRollouts
from quads_tui.journal.servers import spelled
from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.events import Event, Notice
from quads_tui.rollout.plan import Plan, plan_from
from quads_tui.rollout.scrub import SECRETS
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.text import clean

from .clients import check_ipmitool
from .cluster_events import rebased
from .launch import open_clients
from .options import SIGNALS, Options, current_user, notify
from .process_resources import ProcessResources, Writer
from .runner import RolloutRunner
from .running_rollout import RunningRollout
from .standstill import Standstill

if TYPE_CHECKING:
    from quads_tui.rollout.commands import Command

DEAD = 75  # exit status of a worker that was declared dead: whoever supervises it starts it again
_BEATS = 4  # in the time of a lease
_IDLE = 5.0  # real seconds between two looks for a rollout to claim, where no notification comes
_ORDERS = 2.0  # real seconds between two looks for commands, where no notification comes
_AGAIN = 1.0  # real seconds between two tries of a database that is away
_LAST_TRIES = 3  # to let go of a rollout when this process ends


@dataclass(kw_only=True)
class Worker:
    """One process. `site.foreman.write_queue` is that of the cluster's database."""

    site: Site
    dsn: Dsn
    cluster: str  # the database as it is named on a command line
    options: Options
    resources: ProcessResources
    lease: float  # real seconds after which it is dead if it was not heard of
    locations: tuple[str, ...] = ()  # whose BMCs it reaches, beside those of rollouts that name none
    _writer: Writer = field(init=False)
    _row: WorkerRow = field(init=False)
    _journals: set[ClusterJournal] = field(init=False, default_factory=set)
    _dead: str = field(init=False, default="")

    async def run(self) -> int:
        """Until a signal ends it; gives the exit status. Raises Refused, LockHeld, InputError, DatabaseAway."""
        name = f"{current_user()} process {os.getpid()}"
        self._row = WorkerRow(
            self.dsn, name=name, foreman=spelled(self.site.foreman.url), lease=self.lease, locations=self.locations
        )
        async with self.resources.writer_to(self.site, take_over=self.options.take_over) as self._writer:
            await self._row.register()
            self.resources.listen()
            notify(f"worker {name}: waiting for rollouts of {self.site.foreman.url} in the database {self.dsn.shown}")
            carried: set[asyncio.Task[None]] = set()
            helpers = [asyncio.create_task(self._stay_alive())]
            try:
                while not self._over:
                    if claim := await self._claim():
                        task = asyncio.create_task(self._carry(claim))
                        carried.add(task)
                        task.add_done_callback(carried.discard)
            except Exception as error:  # of ours: other workers go on
                self._die(internal_error(error, "the worker"))
                raise
            finally:
                while carried:  # they end by the signal, or since their journals are broken
                    await asyncio.wait(carried)
                for helper in helpers:
                    helper.cancel()
                await asyncio.gather(*helpers, return_exceptions=True)
                with suppress(DatabaseAway):
                    await self._row.leave()
                await self._row.close()
        return DEAD if self._dead else SIGNALS[self.resources.signal]

    @property
    def _where(self) -> str:
        return f"the database of the cluster ({self.dsn.shown})"

    @property
    def _over(self) -> bool:
        return bool(self._dead or self.resources.signal)

    async def _claim(self) -> Claim | None:
        """The next one; None after a while without."""
        try:
            if claim := await self._row.claim():
                return claim
            await self._until_ended(self._row.news(_IDLE))
        except DeclaredDead as dead:
            self._die(str(dead))
        except DatabaseAway:
            await self._until_ended(asyncio.sleep(_AGAIN))
        return None

    async def _until_ended(self, what: Coroutine[Any, Any, None]) -> None:
        """Wait for it, but no longer than this worker lives."""
        task, ended = asyncio.ensure_future(what), asyncio.ensure_future(self.resources.ended.wait())
        try:
            await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        finally:
            for each in (task, ended):
                each.cancel()
            await asyncio.gather(task, ended, return_exceptions=True)

    async def _stay_alive(self) -> None:
        """Be heard of, until this worker was declared dead."""
        every, away = self.lease / _BEATS, False
        while True:
            try:
                await self._row.beat(every)
            except DeclaredDead as dead:
                self._die(str(dead))
                return
            except DatabaseAway as error:
                if not away:
                    notify(f"warning: {self._where} does not answer, and everything waits: {error}")
                away = True
                await asyncio.sleep(_AGAIN)
                continue
            if away:
                notify(f"{self._where} answers again")
            away = False
            await asyncio.sleep(every)

    def _die(self, why: str) -> None:
        """Its rollouts are free for others: nothing of them is done here any more."""
        if not self._dead:
            self._dead = why
            notify(f"quads-tui: {why}: its rollouts are carried on by other workers, and this process ends")
        for journal in list(self._journals):
            journal.stop(why)

    # One rollout

    async def _carry(self, claim: Claim) -> None:
        """To its end, or to that of this worker."""
        claimed, reading = ClaimedRollout(self.dsn, claim), ClusterRollouts(self.dsn)
        wanted = True
        try:
            wanted = await self._carry_out(claimed, reading)
        except (DatabaseAway, DeclaredDead) as error:
            notify(f"{claim.rollout}: {error}")
        except Exception as error:  # one rollout's error does not end the others
            wanted = False  # another worker would come to the same: an operator decides
            words = clean(error, 1000) if isinstance(error, QuadsTuiError) else internal_error(error, claim.rollout)
            words = f"{self._row.name} cannot carry out this rollout: {words}"
            notify(f"quads-tui: {claim.rollout}: {words}")
            with suppress(DatabaseAway):
                await claimed.say(Notice(time.time(), "error", words))
        finally:
            await self._let_go(claimed, wanted)
            await reading.close()

    async def _let_go(self, claimed: ClaimedRollout, wanted: bool) -> None:
        """When the database answers. This process may end before: then the end of its lease lets go."""
        rollout = claimed.claim.rollout
        tries = 0
        while not (self._over and tries >= _LAST_TRIES):
            tries += 1
            try:
                await claimed.let_go(wanted=wanted)
                notify(f"{rollout}: let go" + (", for another worker" if wanted else ""))
                break
            except RefusedByDatabase:
                notify(f"{rollout}: another worker carries it")
                break
            except DatabaseAway:
                await asyncio.sleep(_AGAIN)
        await claimed.close()

    async def _carry_out(self, claimed: ClaimedRollout, reading: ClusterRollouts) -> bool:
        """Gives whether another worker is to go on with it."""
        claim = claimed.claim
        facts = await reading.facts(claim.rollout)
        plan = plan_from(facts["plan"])
        SECRETS.spare(plan.names)
        site = self._site_of(facts, plan)
        clock = StoppableClock(site.speed)
        standstill = Standstill(clock)
        events = await self._events(claim.rollout, reading, clock)
        rollout = Rollout(claim.rollout, plan, speed=site.speed)
        rollout.durations.seed(facts.get("seeds", {}), {**facts.get("learned", {}), "install": site.limits.install})
        for event in events:
            rollout.apply(event)
        recalled: Recall | None = None
        if events:
            rollout.time.heard(events[-1].at)
            recalled = recall(plan, events)
        notify(f"{claim.rollout}: " + ("taken over, resuming" if events else "claimed"))
        async with open_clients(site, self.options, clock) as (services, _):
            services.recall_refusals(plan, events)
            runner = RolloutRunner(
                site=site,
                services=services,
                clock=clock,
                options=replace(self.options, yes=True),
                resources=self.resources,
                writer=self._writer,
                front_end=lambda running: self._serve(running, claimed, standstill),
            )
            journal = self._journal(claim, runner.on_broken, standstill.on_away)
            self._journals.add(journal)
            try:
                if self._dead:
                    journal.stop(self._dead)
                if facts.get("ended") is not None:
                    await journal.describe({"ended": None})
                await runner.run(journal, rollout, recalled=recalled, ordered=await claimed.take_commands())
            finally:
                await journal.close()
                self._journals.discard(journal)
        return self._over and not rollout.settled

    def _site_of(self, facts: dict[str, Any], plan: Plan) -> Site:
        """This worker's site, with the speed of the rollout. Raises InputError where it cannot carry this plan out."""
        site = replace(self.site, speed=facts["speed"])
        addresses = [host.address for host in plan.hosts]
        check_speed(site, addresses)
        check_ipmitool(site, addresses)
        return site

    async def _events(self, rollout: str, reading: ClusterRollouts, clock: StoppableClock) -> list[Event]:
        """All of them, with times of other machines as times of this one where something is reckoned from them."""
        events: list[Event] = []
        last = 0
        while found := await reading.aged_events(rollout, last):
            last = found[-1][0]
            now, wall = clock.moment(), clock.wall()
            events += [rebased(event, age, now, wall) for _, event, age in found]
        return events

    def _journal(self, claim: Claim, on_broken: Callable[[str], None], on_away: Callable[[str], None]) -> ClusterJournal:
        return ClusterJournal(
            self.dsn,
            claim,
            directory=self.options.private_directory(self.options.state / "cluster" / claim.rollout),
            resume_command=f"quads-tui resume {claim.rollout} --cluster {shlex.quote(self.cluster)}",
            on_broken=on_broken,
            on_away=on_away,
            ended=self.resources.ended,
        )

    async def _serve(self, running: RunningRollout, claimed: ClaimedRollout, standstill: Standstill) -> None:
        """The front end of a worker: its commands come from the database. Until no host can move without a human."""
        standstill.emit = running.executor.emit
        obeying = asyncio.create_task(self._obey_on(running, claimed))
        try:
            await running.settled()
        finally:
            obeying.cancel()
            await asyncio.gather(obeying, return_exceptions=True)

    async def _obey_on(self, running: RunningRollout, claimed: ClaimedRollout) -> None:
        while True:
            with suppress(DatabaseAway):
                await claimed.news(_ORDERS)
            await self._obey(running, claimed)

    async def _obey(self, running: RunningRollout, claimed: ClaimedRollout) -> None:
        commands: list[tuple[str, Command]] = []
        try:
            commands = await claimed.take_commands()
        except DatabaseAway:
            await asyncio.sleep(_AGAIN)
        for who, command in commands:
            running.executor.submit(command, who)
