"""What the operator sees of a running rollout: the screen, or lines. Neither owns the rollout: it goes on when they end."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from quads_tui.engine.executor import RolloutExecutor
from quads_tui.render.eta import header_words
from quads_tui.render.progress import plain_line
from quads_tui.rollout.forecast import Outlook
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.ports import Clock
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.waits import for_the_pause
from quads_tui.runtime.options import say

if TYPE_CHECKING:
    from quads_tui.console.fault_tolerant_app import FaultTolerantApp

_LEAVING = 1.0  # real seconds that a screen gets to end
_PLAIN = 10.0  # real seconds between two plain lines


class Attached:
    """Who else holds the keys. `changed` is called with the name; empty when they are the own screen's again."""

    def __init__(self) -> None:
        self.who = ""
        self.changed: Callable[[str], None] = lambda who: None
        self.nobody = asyncio.Event()
        self.nobody.set()

    def take(self, who: str) -> None:
        self.who = who
        (self.nobody.clear if who else self.nobody.set)()
        self.changed(who)


class ReadOnly(Protocol):
    """A screen whose acts can be barred; the text says why, empty: they are not."""

    read_only: str


class RunningRollout:
    """What the front ends share."""

    def __init__(
        self,
        rollout: Rollout,
        meters: Meters,
        executor: RolloutExecutor,
        clock: Clock,
        json: bool,
        warnings: Iterable[str],
        rehearsal: bool,
        directory: Path,
    ) -> None:
        self.rollout = rollout
        self.meters = meters
        self.executor = executor
        self.clock = clock
        self.json = json
        self.warnings = tuple(warnings)
        self.rehearsal = rehearsal
        self.directory = directory  # the rollout's own
        self.hung_up = asyncio.Event()  # the terminal has gone: nobody is left to be asked or shown anything
        self.attached = Attached()
        self.let_go: Callable[[], None] = lambda: None  # gives the terminal back at once
        self._exchanges: dict[str, deque[Exchange]] = {}
        self._outlook = Outlook(rollout, meters)

    @contextmanager
    def keys_at(self, screen: ReadOnly) -> Iterator[None]:
        """The screen has the keys, but while somebody else is attached."""

        def taken(who: str) -> None:
            screen.read_only = f"the keys are held by {who}" if who else ""

        taken(self.attached.who)
        self.attached.changed = taken
        try:
            yield
        finally:
            self.attached.changed = lambda who: None

    def exchanged(self, one: Exchange) -> None:
        self._exchanges.setdefault(one.host, deque(maxlen=20)).append(one)

    def exchanges(self, host: str) -> Sequence[Exchange]:
        """The last ones of a host, for its detail view."""
        return tuple(self._exchanges.get(host, ()))

    async def settled(self) -> None:
        """No host can move without a human, and no human is attached; or the rollout was stopped."""
        await self.executor.settled()
        while not self.attached.nobody.is_set() and not self.executor.stopped:
            ends = [asyncio.create_task(event.wait()) for event in (self.attached.nobody, self.executor.halted)]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()
            await self.executor.settled()

    def line(self) -> str:
        now = self.clock.wall()
        eta = "" if self.rollout.ended_at else header_words(self._outlook.at(now), 80)
        return "  ".join(part for part in (plain_line(self.rollout, self.meters, now), eta) if part)

    def summary(self) -> list[str]:
        """What the operator must know when the process ends."""
        rollout = self.rollout
        lines = [self.line()]
        lines += [f"  {for_the_pause(what, why)}." for what, why in rollout.paused.items()]
        for group in sorted(rollout.groups.values(), key=lambda group: -len(group.hosts)):
            names = list(group.hosts)
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            stage = group.stage.value if group.stage else "?"
            lines.append(f"  {len(names)}x {stage} {group.cause.value}: {group.reason}: {', '.join(names[:5])}{more}")
        if rollout.armed:
            names = list(rollout.armed)
            more = f" and {len(names) - 10} more" if len(names) > 10 else ""
            lines.append(f"  ARMED, the next boot wipes them: {', '.join(names[:10])}{more}")
        if any(host.status is HostStatus.SKIPPED for host in rollout.hosts.values()):
            lines.append(
                f"  skipped: {', '.join(host.name for host in rollout.hosts.values() if host.status is HostStatus.SKIPPED)}"
            )
        return lines


async def headless(front: RunningRollout) -> None:
    """Progress on stderr until no host can move without a human: drawn on a terminal, else a plain line every ten seconds.

    Who attached meanwhile is waited for.
    """
    for warning in (*front.warnings, *front.rollout.plan.cautions):
        say(f"warning: {warning}")
    drawing = asyncio.create_task(_drawn(front) if sys.stderr.isatty() and not front.json else _lines(front))
    try:
        await front.settled()
    finally:
        drawing.cancel()
        await asyncio.gather(drawing, return_exceptions=True)


async def screen(front: RunningRollout) -> None:
    """The console, as often as the operator opens it; plain lines in between. Returns when it was left and nothing moves.

    A terminal that hangs up ends the screen only: the rollout goes on, and who attaches gets the keys.
    """
    while True:
        left = await shown(front)
        if left == "gone" or front.hung_up.is_set():
            await front.settled()
            return
        if front.executor.stopped or front.rollout.settled or not await screen_wanted(front):
            return


async def shown(front: RunningRollout) -> str | None:
    """One console over it, until it is left ("leave"), or the terminal has gone ("gone")."""
    from quads_tui.console.app import Console

    console = Console(
        front.rollout,
        front.meters,
        front.executor,
        front.clock,
        title="REHEARSAL" if front.rehearsal else "",
        warnings=front.warnings,
        exchanges=front.exchanges,
        shots=front.directory,
    )
    front.let_go = console.let_go
    with front.keys_at(console):
        left: str | None = await until_left(console, front.executor.halted, front.hung_up)
    front.let_go = lambda: None
    return left


async def until_left(app: FaultTolerantApp[Any], *ends: asyncio.Event) -> Any:
    """Until it is left, or one of these events ends it. The screen's own troubles are its own; it has logged them."""
    running = asyncio.create_task(app.run_async())
    waits = [asyncio.create_task(end.wait()) for end in ends]
    await asyncio.wait((running, *waits), return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        app.exit("ended")
        await asyncio.wait((running,), timeout=_LEAVING)
    for wait in waits:
        wait.cancel()
    if not running.done():  # a terminal that takes nothing any more: the screen is let go, and may end when it can
        running.add_done_callback(lambda task: task.cancelled() or task.exception())
        return "gone"
    return running.result() if running.exception() is None else "gone"


async def screen_wanted(*fronts: RunningRollout) -> bool:
    """They go on in plain lines; True when the operator wants the screen back, False when nothing moves any more."""
    say(
        "The rollout goes on. Enter opens the screen again."
        if len(fronts) == 1
        else "The rollouts go on. Enter opens the screen."
    )
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def pressed() -> None:
        try:
            line = sys.stdin.readline()
        except OSError:
            line = ""
        if not line:
            loop.remove_reader(sys.stdin)  # the terminal has gone
        else:
            asked.set()

    loop.add_reader(sys.stdin, pressed)
    lines = [asyncio.create_task(_lines(front)) for front in fronts]

    async def over() -> None:
        for front in fronts:
            await front.executor.settled()

    waits = [asyncio.create_task(wait) for wait in (asked.wait(), over(), *(front.hung_up.wait() for front in fronts))]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return asked.is_set()
    finally:
        loop.remove_reader(sys.stdin)
        for task in (*lines, *waits):
            task.cancel()
        await asyncio.gather(*lines, *waits, return_exceptions=True)


async def _lines(front: RunningRollout) -> None:
    while True:
        say(front.line())
        await asyncio.sleep(_PLAIN)


async def _drawn(front: RunningRollout) -> None:
    """One bar and the counts, redrawn four times a second by rich."""
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.text import Text

    class Counts(TextColumn):
        def render(self, task: object) -> Text:
            return Text(front.line())

    console = RichConsole(stderr=True)
    with Progress(BarColumn(24), TimeElapsedColumn(), Counts(""), console=console, refresh_per_second=4) as progress:
        task = progress.add_task("", total=len(front.rollout.hosts))
        while True:
            counts = front.rollout.counts
            progress.update(task, completed=sum(counts[status] for status in HostStatus if status.ended))
            await asyncio.sleep(0.25)
