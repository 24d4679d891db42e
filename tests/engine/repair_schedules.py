"""The random schedules of `schedules`, with repairs among the orders: the same invariants, and those of repairs.

    python -m tests.engine.repair_schedules --count 1000 [--workers 2] [--first 0] [--journal memory|sqlite|cluster]

R1 a repair never wipes a machine, nor powers one that is armed
R2 each repair that begins ends once, over crashes too
R3 what is said to be given back is its former owner's in Foreman, and out of build mode; at most one write did it
R4 a BMC is told to restart at most once for each order
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

from quads_tui.rollout.commands import Command, GiveBack, PowerCycle, RestartBmc
from quads_tui.rollout.events import HostChanged, Intent, Outcome, RepairChanged
from quads_tui.rollout.repairs import BMC_RESET, GIVE_BACK, Repair, RepairStatus
from quads_tui.rollout.stages import ActResult

from . import schedules
from .many_schedules import check_many
from .random_schedule import Schedule, names
from .schedules import Run
from .stored_journals import Journals

FORMER = 7
REPAIRS: dict[str, type[Command]] = {"power-cycle": PowerCycle, "bmc-restart": RestartBmc, "give-back": GiveBack}


class RepairRun(Run):
    """Half of the installs end badly, so that there is something to repair."""

    def __init__(self, schedule: Schedule, journals: Journals, luck: random.Random) -> None:
        super().__init__(schedule, journals)
        lab = self.lab
        lab.replan([replace(plan, owner_id=FORMER, owner_type="User", owner="cloud01") for plan in lab.plan.hosts])
        for name in names():
            lab.machine(name).wanted = {"owner_id": FORMER, "owner_type": "User"}
            lab.machine(name).installs = luck.choice((lab.machine(name).installs, "failed"))
        self.repairs = sorted(
            (
                luck.choice((luck.uniform(100, 900), luck.uniform(600, 6000))),
                luck.randrange(len(names())),
                luck.choice(list(REPAIRS)),
            )
            for _ in range(luck.choice((1, 2, 4)))
        )

        self.schedule.crashes += [
            (luck.randint(1, 40), luck.choice((0.0, 3.0, 30.0, 300.0))) for _ in range(luck.choice((0, 1, 2)))
        ]

    def __repr__(self) -> str:
        return f"{self.schedule} with {self.repairs}"

    async def _settled(self, operator: asyncio.Task[None], stay: bool) -> None:
        """The console stays until the last order, so that crashes meet repairs too."""
        await super()._settled(operator, True)

    async def _orders(self) -> None:
        began = self.lab.clock.now()
        others = asyncio.create_task(super()._orders())
        self.lab.world.tasks.add(others)
        for at, number, order in self.repairs:
            await asyncio.sleep(max(0.0, began + at - self.lab.clock.now()))
            if not self.lab.journal.dead:
                self.lab.executor.submit(REPAIRS[order]((names()[number],)))  # type: ignore[call-arg]
        await others

    def judge(self) -> None:
        super().judge()
        lab, events = self.lab, self.lab.journal.events
        running: dict[str, Repair] = {}
        for event in events:
            if isinstance(event, RepairChanged):
                if event.status is RepairStatus.STARTED:
                    assert event.host not in running, "R2"
                    running[event.host] = event.repair
                else:
                    assert running.pop(event.host) is event.repair, "R2"
            elif isinstance(event, HostChanged):
                assert event.host not in running, "R2: nobody else works on it"
        assert not running, "R2"
        intents = {one.number: one for one in events if isinstance(one, Intent)}
        outcomes = {one.number: one.result for one in events if isinstance(one, Outcome)}
        for number, intent in intents.items():
            assert intent.act not in (BMC_RESET, GIVE_BACK) or number in outcomes, "R2"
        for name in names():
            machine, host = lab.machine(name), lab.rollout.hosts[name]
            if host.given_back:
                assert machine.wanted["owner_id"] == FORMER, "R3"
            orders = sum(isinstance(one, RepairChanged) and one.status is RepairStatus.STARTED for one in events)
            sent = [one for one in intents.values() if one.act == BMC_RESET and outcomes[one.number] is not ActResult.ABSENT]
            assert machine.restarts <= len(sent) <= orders, "R4"


def check(number: int, journals: Journals | None = None) -> None:
    """Raises AssertionError with the whole schedule."""
    luck = random.Random(-number - 1)
    schedules.check(number, journals, lambda schedule, kept: RepairRun(schedule, kept, luck))


if __name__ == "__main__":
    check_many(check, __doc__)
