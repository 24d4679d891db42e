"""The screen of all rollouts: those that run, the unfinished and the recent ones; new ones are started here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Key
from textual.screen import Screen

from quads_tui.render import rollout_list
from quads_tui.render.line import cut, fitted
from quads_tui.render.palette import BAR, PALETTES, QUIET, STRONG, on_bar
from quads_tui.render.rollout_list import Row, RowGroup, Source, SourceKind
from quads_tui.render.symbols import BRAILLE
from quads_tui.rollout.garbage import settle_garbage
from quads_tui.rollout.text import clean

from .adjustable import remembered_symbols
from .dialogs import Question, TextQuestion
from .driver import TerminalGone
from .fault_tolerant_app import FaultTolerantApp, SafeScreen
from .key_actions import BY_NAME, TYPE_THE_COUNT, of_place
from .line_panel import LinePanel
from .path_line import PathLine
from .scroll import Scroll
from .settings import Settings

REFRESH = 0.5  # seconds
_MOVES, _COMMON = ("cursor_up", "cursor_down"), ("theme", "help", "leave")  # actions of a rollout's screens that exist here, too


class RolloutActions(Protocol):
    """What the screen shows and starts. `message` is shown in the line above the keys."""

    message: str

    def rows(self) -> Sequence[Row]: ...

    @property
    def is_read(self) -> bool:
        """The rollouts of the directory are known."""
        ...

    @property
    def state(self) -> str:
        """The directory of the rollouts that are listed."""
        ...

    @property
    def places(self) -> Sequence[str]:
        """Where assignment files are looked for."""
        ...

    @property
    def new_elsewhere(self) -> str:
        """How to begin a new rollout, where that is not possible on this screen; empty: it is."""
        ...

    def sources(self) -> Sequence[Source]:
        """What a new rollout can be made from now. Reads the disk: not for the loop."""
        ...

    def complete(self, path: str) -> Sequence[str]:
        """What this beginning of a path may become. Reads the disk."""
        ...

    def plan_new(self, source: Source) -> None:
        """Plan a new rollout from this source; the plan is confirmed before anything starts."""

    def resume(self, rollout: str) -> None: ...


class StartApp(FaultTolerantApp[tuple[str, str]]):
    """Returns ("open" or "attach", rollout), ("leave", "") or ("gone", ""). `frozen`: no timers, for tests."""

    BINDINGS: ClassVar = [Binding("ctrl+c", "leave", show=False, priority=True)]

    def __init__(
        self,
        actions: RolloutActions,
        settings: Settings | None = None,
        *,
        frozen: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.actions = actions
        self._frozen = frozen
        self._main = StartScreen(actions)
        self._choosing: asyncio.Task[None] | None = None
        super().__init__(monotonic, settings)

    def get_default_screen(self) -> Screen[Any]:
        return self._main

    def on_mount(self) -> None:
        if not self._frozen:
            self.set_interval(REFRESH, self.run_safely(self._main.draw))
            self.set_timer(2.0, settle_garbage)

    def flash(self, text: str) -> None:
        self.actions.message = text
        self._main.draw()

    def on_key(self, event: Key) -> None:
        if self.screen is self._main and event.key not in self.active_bindings:
            self.report_unknown(event)

    def on_terminal_gone(self, event: TerminalGone) -> None:
        self.exit(("gone", ""))

    async def confirm_plan(self, lines: Sequence[str], count: int, what: str) -> bool:
        """Show the plan and ask; for more than five hosts their number must be typed. `count` 0: there is nothing to do."""
        words = f"{count} hosts will be {what}" if count != 1 else f"1 host will be {what}"
        page = Scroll("The plan", lines, f"enter continue ({words}; asks once more)   esc cancel" if count else "esc back")
        if await self._answer(page) != "go" or not count:
            return False
        if count > TYPE_THE_COUNT:
            asked: Screen[str] = TextQuestion([f"{words}.", "", f"Type {count} to start; esc cancels."], self.monotonic)
            return await self._answer(asked) == str(count)
        return await self._answer(Question([f"{words}."], {"n": "no", "y": "start"}, self.monotonic)) == "y"

    async def confirm(self, question: str) -> bool:
        return await self._answer(Question([question], {"n": "no", "y": "yes"}, self.monotonic)) == "y"

    async def show_text(self, title: str, lines: Sequence[str]) -> None:
        """Show lines to read; returns when they were closed."""
        await self._answer(Scroll(title, lines, "esc back"))

    async def _answer(self, screen: Screen[str]) -> str:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def given(value: str | None) -> None:
            if not answer.done():
                answer.set_result(value or "")

        self.ask(screen, given)
        return await answer

    def choose_source(self) -> None:
        """Choose what the new rollout is made from, of what there is at this moment."""
        shown = SourceList()
        self.ask(shown, lambda place: self._on_source(shown.sources, place or ""))
        self._choosing = asyncio.create_task(self._fill(shown))

    async def _fill(self, shown: SourceList) -> None:
        try:
            shown.fill(await asyncio.to_thread(self.actions.sources))
        except Exception as error:
            self.report_error(error)

    async def chosen(self) -> None:
        """Returns when the list that was asked for has its lines."""
        if self._choosing is not None:
            await self._choosing

    def _on_source(self, sources: Sequence[Source], place: str) -> None:
        """`place`: a number, or that a path is to be typed."""
        if place == SourceList.TYPED:
            self.ask(PathLine(self.actions.complete), self._on_path)
        elif place:
            self.actions.plan_new(sources[int(place)])

    def _on_path(self, path: str | None) -> None:
        if path:
            self.actions.plan_new(Source(SourceKind.FILE, clean(path, 1000), path))

    def action_theme(self) -> None:
        names = list(PALETTES)
        self.choose_palette(names[(names.index(self.palette) + 1) % len(names)])
        self.flash(f"theme {self.palette}")

    def action_help(self) -> None:
        actions = [*of_place("start"), *(BY_NAME[name] for name in (*_MOVES, *_COMMON))]
        self.push_screen(Scroll("Keys", [f"{action.shown:8} {action.help}" for action in actions], "esc back"))

    def action_leave(self) -> None:
        here = sum(row.group is RowGroup.HERE for row in self.actions.rows())
        asked = isinstance(self.screen, Question)
        if not here or (isinstance(self.screen, Question) and self.screen.ready):
            self.exit(("leave", ""))
        if not here or asked:
            return
        lines = [f"{here} rollouts run in this console." if here > 1 else "A rollout runs in this console."]

        def chosen(answer: str | None) -> None:
            if answer == "l":
                self.exit(("leave", ""))

        answers = {
            "n": "stay",
            "l": "leave the screen: rollouts continue; quads-tui exits when none can continue without an operator",
        }
        self.ask(Question(lines, answers, self.monotonic), chosen)


class SourceList(Scroll):
    """Returns the number of a line, TYPED where the path of a file is to be typed, or ""."""

    TYPED = "typed"
    BINDINGS: ClassVar = [Binding("tab,slash", "type", show=False, priority=True)]

    def __init__(self) -> None:
        keys = "enter make the plan   tab type the path of a file   esc back"
        super().__init__("New rollout from", ["looking for assignment files"], keys, pick=True)
        self.sources: Sequence[Source] = ()  # until they are found, keys that are typed ahead choose nothing

    def fill(self, sources: Sequence[Source]) -> None:
        self.sources = sources
        self.replace([source.label for source in sources])

    def action_go(self) -> None:
        if self.sources:
            super().action_go()

    def action_type(self) -> None:
        self.end(self.TYPED)


class StartScreen(SafeScreen, Screen[None]):
    """The cursor is a rollout's id, so that it stays when rollouts come and go."""

    DEFAULT_CSS = "StartScreen { layout: vertical; } StartScreen #body { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(action.keys, action.name, show=False) for action in [*of_place("start"), *(BY_NAME[name] for name in _MOVES)]),
        *(Binding(BY_NAME[name].keys, f"app.{name}", show=False) for name in _COMMON),
    ]

    def __init__(self, actions: RolloutActions) -> None:
        super().__init__()
        self._actions = actions
        self._rows: list[Row] = []
        self._cursor = ""
        self._symbols = BRAILLE

    @property
    def start(self) -> StartApp:
        assert isinstance(self.app, StartApp)
        return self.app

    def compose(self) -> ComposeResult:
        yield LinePanel("header")
        yield LinePanel("body")
        yield LinePanel("footer")

    def on_mount(self) -> None:
        self._symbols = remembered_symbols(self.start.settings)
        self.call_after_refresh(self.start.run_safely(self.draw))

    def on_resize(self) -> None:
        self.call_after_refresh(self.start.run_safely(self.draw))

    def draw(self) -> None:
        if not self.is_mounted:
            return
        width, height = self.size
        self._rows = rollout_list.sort_rows(self._actions.rows())
        place = self._place()
        self._cursor = self._rows[place].rollout if self._rows else ""
        self.query_one("#header", LinePanel).put(rollout_list.head(self._rows, width, self._symbols))
        lines, at = rollout_list.listing(self._rows, place, width, self._symbols)
        if not self._rows:
            state = self._actions.state
            reading = [Text(cut(f" reading the rollouts in {state}", width, self._symbols.ellipsis), QUIET)]
            empty = rollout_list.empty(state, self._actions.places, width, self._actions.new_elsewhere)
            lines = empty if self._actions.is_read else reading
        room = max(1, height - 4)
        top = max(0, min(at - room // 2, len(lines) - room))
        lines = lines[top : top + room]
        self.query_one("#body", LinePanel).put([*lines, *[Text(" " * width)] * (room - len(lines))])
        keys = Text(" ")
        for action in [*of_place("start"), BY_NAME["help"]]:
            if self._does_something(action.name):
                keys.append(action.shown, STRONG).append(f" {action.label}  ", on_bar(QUIET))
        keys.append(BY_NAME["leave"].shown, STRONG).append(" leave", on_bar(QUIET))
        keys = fitted(keys, width, ellipsis=self._symbols.ellipsis)
        keys.style = BAR
        message = Text(cut(f" {self._actions.message}", width), STRONG)
        self.query_one("#footer", LinePanel).put([message, keys])

    def _does_something(self, name: str) -> bool:
        """With the rollout under the cursor."""
        group = self.row.group if self.row else None
        match name:
            case "open":
                return group not in (None, RowGroup.SCHEDULED)
            case "resume":
                return group is RowGroup.UNFINISHED
            case "attach":
                return group is RowGroup.RUNNING
            case "new":
                return not self._actions.new_elsewhere
            case _:
                return True

    def _place(self) -> int:
        return next((place for place, row in enumerate(self._rows) if row.rollout == self._cursor), 0)

    @property
    def row(self) -> Row | None:
        return self._rows[self._place()] if self._rows else None

    def _move(self, step: int) -> None:
        if self._rows:
            self._cursor = self._rows[max(0, min(self._place() + step, len(self._rows) - 1))].rollout
        self.draw()

    def action_cursor_up(self) -> None:
        self._move(-1)

    def action_cursor_down(self) -> None:
        self._move(1)

    def action_open(self) -> None:
        if self.row and self.row.group is RowGroup.SCHEDULED:
            self.start.flash("it has not started yet: its plan is shown in the terminal where it waits")
        elif self.row:
            self.start.exit(("open", self.row.rollout))

    def action_attach(self) -> None:
        if self.row and self.row.group is RowGroup.RUNNING:
            self.start.exit(("attach", self.row.rollout))
        else:
            self.start.flash("attach is possible only for a rollout that another process runs")

    def action_resume(self) -> None:
        if self.row and self.row.group is RowGroup.UNFINISHED:
            self._actions.resume(self.row.rollout)
        else:
            self.start.flash("resume is possible only for an unfinished rollout that no process runs")

    def action_new(self) -> None:
        if elsewhere := self._actions.new_elsewhere:
            self.start.flash(elsewhere)
        else:
            self.start.choose_source()
