"""The console: a live screen over a rollout that it does not own. Leaving it, or breaking it, does not touch the rollout."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.events import AppBlur, AppFocus, Resize
from textual.widgets import Input

from quads_tui.render import overview
from quads_tui.render.detail import detail_lines
from quads_tui.render.host_row import ORDERS, cut, host_filter, ordered
from quads_tui.rollout.commands import Command, Disarm, Hold, Pause, Release, Retry, Skip, Stop, Unskip
from quads_tui.rollout.meters import Meters, quantile
from quads_tui.rollout.ports import Clock, Control
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import HostState, Rollout

from .acts import ACTS, BY_NAME, Act, question
from .dialogs import Page, Question, Typed
from .driver import SafeDriver, TerminalGone
from .host_table import HostTable
from .lines import Lines

log = logging.getLogger(__name__)

SMALLEST = (80, 24)
FRAME, PANELS, PROBE = 0.2, 1.0, 0.01  # seconds
STILL = 2.0  # seconds without a key until rows may move under the cursor
LATE = 0.05  # seconds of loop lag from which the screen draws less
TYPE_THE_COUNT = 5  # more hosts than this: the number must be typed


class Console(App[str]):
    """Ends with "leave" when the viewer left and "gone" when the terminal has; never by itself.

    `control` may be None while `read_only` says why. `frozen`: no timers, for tests that call frame and panels.
    """

    CSS = """
    Screen { layout: vertical; }
    #filter { display: none; height: 1; border: none; padding: 0 1; }
    #filter.open { display: block; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar = [Binding(act.keys, act.name, act.help, show=False, priority=act.keys == "ctrl+c") for act in ACTS]

    def __init__(
        self,
        rollout: Rollout,
        meters: Meters,
        control: Control | None,
        clock: Clock,
        *,
        title: str = "",
        read_only: str = "",
        warnings: Sequence[str] = (),
        frozen: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        # NO_COLOR in textual means greys by luminance; the terminal's own palette keeps bold and reverse readable.
        super().__init__(driver_class=SafeDriver, ansi_color=True if os.environ.get("NO_COLOR") else None)
        self.rollout = rollout
        self.meters = meters
        self._control = control
        self._clock = clock
        self._heading = title
        self.read_only = read_only  # why no act may be ordered from here, in words; empty: these are the keys
        self._warnings = warnings
        self._frozen = frozen
        self._monotonic = monotonic
        self._words = ""
        self._failures_only = False
        self._order = 0
        self._last_key = 0.0
        self._flash = ""
        self._told = len(rollout.notices)
        self._lags: deque[float] = deque(maxlen=500)
        self._lag = 0.0
        self._blurred = False
        self._frames = 0
        self._shown_version = -1
        self._probe: asyncio.Task[None] | None = None

    def compose(self) -> ComposeResult:
        yield Lines("header")
        yield Lines("panels")
        yield HostTable(self.rollout, self._clock.wall)
        yield Lines("failures")
        yield Input(id="filter", placeholder="filter: text or regular expression; esc clears", compact=True)
        yield Lines("footer")

    def on_mount(self) -> None:
        self.table = self.query_one(HostTable)
        self.table.focus()
        self._resort()
        self.call_after_refresh(self.panels)
        if not self._frozen:
            self.set_interval(FRAME, self._guarded(self._tick))
            self.set_interval(PANELS, self._guarded(self.panels))
            self._probe = asyncio.create_task(self._measure())
            self.set_timer(2.0, _settle_garbage)

    def on_unmount(self) -> None:
        if self._probe is not None:
            self._probe.cancel()

    # Drawing

    def _tick(self) -> None:
        """Five frames a second; fewer when nobody looks or when the loop is late, so that provisioning is not."""
        self._frames += 1
        every = 5 if self._blurred else 4 if self._lag > 2 * LATE else 2 if self._lag > LATE else 1
        if self._frames % every == 0:
            self.frame()

    def frame(self) -> None:
        """Rows of hosts that changed since the last frame, if they are visible."""
        dirty, self.rollout.dirty = self.rollout.dirty, set()
        if dirty and len(self.screen_stack) == 1:
            self.table.frame(dirty)

    def panels(self) -> None:
        """Once a second: everything but the rows; and the order, when the cursor has been still."""
        if len(self.screen_stack) > 1 or not hasattr(self, "table"):
            return
        width, height = self.size
        if (width, height) < SMALLEST or height < SMALLEST[1]:
            self._too_small(width, height)
            return
        self.table.display = True
        now = self._clock.wall()
        warnings = [f"READ-ONLY: {self.read_only}", *self._warnings] if self.read_only else self._warnings
        head = overview.header(self.rollout, now=now, width=width, title=self._heading, lag=self._lag, warnings=warnings)
        self._put("header", [*head, overview.pipeline(self.rollout, width)])
        if height >= 36:
            self._put("panels", overview.graphs(self.meters, self._clock.now(), width, 10 if height >= 52 else 7))
        else:
            self._put("panels", [overview.numbers(self.meters, width)])
        self._put("failures", overview.failures(self.rollout, width, 8 if height >= 36 else 4))
        if self._monotonic() - self._last_key >= STILL:
            self._resort()
        self.table.tick()
        self._footer(width)

    def _too_small(self, width: int, height: int) -> None:
        counts = self.rollout.counts
        ended = sum(counts[status] for status in HostStatus if status.ended)
        words = f"quads-tui needs 80x24 (now {width}x{height}). The rollout goes on: {ended}/{len(self.rollout.hosts)}"
        self.table.display = False
        for name in ("panels", "failures", "footer"):
            self._put(name, [])
        self._put("header", [Text(cut(f"{words}, {counts[HostStatus.FAILED]} failed", width))])

    def _put(self, name: str, lines: Sequence[Text]) -> None:
        self.query_one(f"#{name}", Lines).put(lines)

    def _footer(self, width: int) -> None:
        notices = self.rollout.notices
        if len(notices) != self._told and notices:
            self._told = len(notices)
            self._flash = notices[-1].text
        shown, total, marked = len(self.table.shown), len(self.rollout.hosts), len(self.table.marks)
        state = f" {shown}/{total} shown"
        state += f", filter {self._words!r}" if self._words else ""
        state += ", failures only" if self._failures_only else ""
        state += f", {marked} marked" if marked else ""
        state += f"  by {ORDERS[self._order]}"
        keys = [f"{act.shown} {act.name.replace('_', ' ')}" for act in ACTS if act.footer]
        while len("  ".join(keys)) > width - 1:  # help and leave come last, and are never left out
            del keys[0]
        line = Text(cut(f"{state}  {self._flash}", width), "bold" if self._flash else "")
        self._put("footer", [line, Text(cut(" " + "  ".join(keys), width), "reverse")])

    def _resort(self) -> None:
        fits = host_filter(self._words, self._failures_only)
        hosts = [host for host in self.rollout.hosts.values() if fits(host)]
        self.table.show(ordered(hosts, ORDERS[self._order]))

    def flash(self, text: str) -> None:
        """One line above the keys."""
        self._flash = text
        self._footer(self.size.width)

    def _guarded(self, work: Callable[[], None]) -> Callable[[], None]:
        """A timer of the screen that fails becomes one line and a log entry, without local variables."""

        def run() -> None:
            try:
                work()
            except Exception as error:
                log.error("%s in %s", type(error).__name__, work.__name__, exc_info=(type(error), error, error.__traceback__))
                with suppress(Exception):
                    self.flash(f"the screen stumbled: {type(error).__name__} (the rollout goes on)")

        return run

    async def _measure(self) -> None:
        """How late this loop is: a sleep of 10 ms, measured."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(PROBE)
            self._lags.append(time.perf_counter() - began - PROBE)
            if len(self._lags) % 50 == 0:
                self._lag = quantile(sorted(self._lags), 0.99)

    def on_app_blur(self, event: AppBlur) -> None:
        self._blurred = True

    def on_app_focus(self, event: AppFocus) -> None:
        self._blurred = False

    def on_resize(self, event: Resize) -> None:
        self.call_after_refresh(self.panels)

    # Looking

    def _moved(self, rows: int) -> None:
        self._last_key = self._monotonic()
        self.table.move(rows)

    def action_cursor_up(self) -> None:
        self._moved(-1)

    def action_cursor_down(self) -> None:
        self._moved(1)

    def action_page_up(self) -> None:
        self._moved(-self.table.page)

    def action_page_down(self) -> None:
        self._moved(self.table.page)

    def action_first(self) -> None:
        self._moved(-len(self.rollout.hosts))

    def action_last(self) -> None:
        self._moved(len(self.rollout.hosts))

    def action_mark(self) -> None:
        self.table.toggle(self.table.cursor)
        self._moved(1)
        self.panels()

    def action_mark_shown(self) -> None:
        shown = self.table.shown
        if all(name in self.table.marks for name in shown):
            for name in shown:
                self.table.marks.pop(name, None)
        else:
            self.table.marks.update(dict.fromkeys(shown))
        self.table.refresh()
        self.panels()

    def action_clear_marks(self) -> None:
        self.table.marks.clear()
        self.table.refresh()
        self.panels()

    def action_failures(self) -> None:
        self._failures_only = not self._failures_only
        self._resort()
        self.panels()

    def action_order(self) -> None:
        self._order = (self._order + 1) % len(ORDERS)
        self._resort()
        self.panels()

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.add_class("open")
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "filter":
            self._words = event.value
            self._resort()
            self.panels()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "filter":
            self._close_filter()

    def on_key(self, event: object) -> None:
        if getattr(event, "key", "") == "escape":
            self.query_one("#filter", Input).value = ""
            self._close_filter()

    def _close_filter(self) -> None:
        field = self.query_one("#filter", Input)
        if not field.value:
            self._words = ""
        field.remove_class("open")
        self.table.focus()
        self._resort()
        self.panels()

    def action_detail(self) -> None:
        if not self.table.cursor:
            return

        def lines(width: int, height: int) -> Sequence[Text]:
            host = self.rollout.hosts[self.table.cursor]
            body = detail_lines(host, now=self._clock.wall(), speed=self.rollout.speed, width=width, height=height - 1)
            return [*body, Text(cut(" j/k next/previous host   esc back", width), "reverse")]

        step = {"j": lambda: self._moved(1), "k": lambda: self._moved(-1)}
        self.push_screen(Page(lines, {**step, "down": step["j"], "up": step["k"]}), self._back)

    def action_help(self) -> None:
        def lines(width: int, height: int) -> Sequence[Text]:
            rows = [Text(cut(f" {act.shown:8} {act.name.replace('_', ' '):14} {act.help}", width)) for act in ACTS]
            foot = "Acts apply to the marked hosts, else to the host under the cursor. esc comes back."
            return [Text(cut(" Keys", width), "bold"), *rows, Text(cut(f" {foot}", width), "bold")][:height]

        self.push_screen(Page(lines), self._back)

    def _back(self, _: object = None) -> None:
        self.table.refresh()
        self.panels()

    # Acting

    def _submit(self, command: Command) -> None:
        """Asked again here: the keys may have been taken while a question stood open."""
        if not self._barred() and self._control is not None:
            self._control.submit(command)

    def _barred(self) -> bool:
        if self.read_only:
            self.flash(f"read-only: {self.read_only}")
        return bool(self.read_only)

    def _choose(self, act: Act) -> tuple[list[HostState], int, int]:
        """The hosts an act applies to, how many of them are not shown, and how many marked ones do not fit."""
        names = list(self.table.marks) or ([self.table.cursor] if self.table.cursor else [])
        hosts = [self.rollout.hosts[name] for name in names]
        chosen = [host for host in hosts if host.status in act.fits]
        shown = set(self.table.shown)
        return chosen, sum(host.name not in shown for host in chosen), len(hosts) - len(chosen)

    def _ask(self, name: str, order: Callable[[tuple[str, ...], str], Command], reason: str = "") -> None:
        """Confirm, then order. `reason`: also ask why, with this default."""
        if self._barred():
            return
        act = BY_NAME[name]
        chosen, hidden, unfit = self._choose(act)
        if not chosen:
            self.flash(f"{name}: no host here is in a state for it")
            return
        hosts = tuple(host.name for host in chosen)
        lines = question(act, chosen, hidden, unfit)

        def submit(why: str) -> None:
            self._submit(order(hosts, why))
            self.table.marks.clear()
            self._back()

        def because(why: str | None) -> None:
            if why:
                submit(why)
            else:
                self.flash(f"{name}: nothing was done")

        def agreed(answer: str | None) -> None:
            yes = answer == (str(len(hosts)) if len(hosts) > TYPE_THE_COUNT else "y")
            if not yes:
                self.flash(f"{name}: nothing was done")
            elif reason:
                self.push_screen(Typed(["Why? (esc: nothing is done)"], self._monotonic, reason), because)
            else:
                submit("")

        if len(hosts) > TYPE_THE_COUNT:
            self.push_screen(Typed([*lines, "", f"Type {len(hosts)} to do it; esc leaves."], self._monotonic), agreed)
        else:
            self.push_screen(Question(lines, {"n": "no", "y": "yes"}, self._monotonic), agreed)

    def action_retry(self) -> None:
        self._ask("retry", lambda hosts, _: Retry(hosts))

    def action_restart(self) -> None:
        self._ask("restart", lambda hosts, _: Retry(hosts, from_start=True))

    def action_skip(self) -> None:
        self._ask("skip", Skip, "skipped by the operator")

    def action_unskip(self) -> None:
        self._ask("unskip", lambda hosts, _: Unskip(hosts))

    def action_hold(self) -> None:
        chosen, _, _ = self._choose(BY_NAME["hold"])
        if chosen and all(host.status is HostStatus.HELD for host in chosen):
            self._ask("hold", lambda hosts, _: Release(hosts))
        else:
            self._ask("hold", Hold, "held by the operator")

    def action_disarm(self) -> None:
        self._ask("disarm", lambda hosts, _: Disarm(hosts))

    def action_pause(self) -> None:
        self._submit(Pause("admission", "admission" not in self.rollout.paused))

    def action_pause_writes(self) -> None:
        self._submit(Pause("writes", "writes" not in self.rollout.paused))

    def action_leave(self) -> None:
        self.exit("leave")

    def let_go(self) -> None:
        """Give the terminal back as it was, at once: the process is about to end without further ado."""
        if isinstance(self._driver, SafeDriver):
            self._driver.let_go()

    def on_terminal_gone(self, event: TerminalGone) -> None:
        """Nobody sees this any more; the rollout goes on without it."""
        self.exit("gone")

    async def action_quit(self) -> None:
        self.action_interrupt()

    def action_interrupt(self) -> None:
        if isinstance(self.screen, Question | Typed) or self._barred():
            return
        lines = [
            "The rollout is running here.",
            "Stop admission: no new host starts, hosts under way finish.",
            "Stop: no new act at all; requests in flight settle, hosts stay unfinished.",
        ]

        def chosen(answer: str | None) -> None:
            if answer == "a":
                self._submit(Pause("admission", True))
            elif answer == "s":
                self._submit(Stop())
            self._back()

        answers = {"g": "go on", "a": "stop admission", "s": "stop"}
        self.push_screen(Question(lines, answers, self._monotonic), chosen)


def _settle_garbage() -> None:
    """What lives until the end need not be looked at by every full collection (tens of milliseconds of a blocked loop)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
