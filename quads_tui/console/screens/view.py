"""What every screen has: the header, lines that fill the rest, one flash line and the keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.events import Resize, ScreenResume
from textual.screen import Screen

from quads_tui.console.fault_tolerant_app import SafeScreen
from quads_tui.console.key_actions import KEY_ACTIONS
from quads_tui.console.line_panel import LinePanel
from quads_tui.console.view_context import ViewContext
from quads_tui.render import overview
from quads_tui.render.host_row import cut
from quads_tui.render.palette import BAR, STRONG
from quads_tui.rollout.stages import HostStatus

SMALLEST = (80, 24)


class View(SafeScreen, Screen[str]):
    """Drawn by the app's timers: `frame` five times a second, `panels` once. Escape leaves it.

    `keys`: the keys of this screen, for the last line, besides those that work anywhere.
    """

    BINDINGS: ClassVar = [("escape", "back", "back")]
    DEFAULT_CSS = "View { layout: vertical; }"
    keys: ClassVar[str] = "esc back"

    def __init__(self, context: ViewContext) -> None:
        super().__init__()
        self.context = context
        self._awaited = False

    def compose(self) -> ComposeResult:
        yield LinePanel("header")
        yield LinePanel("body")
        yield LinePanel("footer")

    def on_mount(self) -> None:
        self._soon()

    def on_resize(self, event: Resize) -> None:
        self._soon()

    def on_screen_resume(self, event: ScreenResume) -> None:
        self._soon()

    def _soon(self) -> None:
        """Everything, once, however many events ask for it."""
        if not self._awaited:
            self._awaited = True
            app: Any = self.app
            self.call_after_refresh(app.run_safely(self._drawn_anew))

    def _drawn_anew(self) -> None:
        self._awaited = False
        self.panels()
        self.graphs()

    def action_back(self) -> None:
        self.end("")

    # What a view defines

    def lines(self, width: int, height: int) -> Sequence[Text]:
        """The body, exactly `width` cells wide; the view fills it up to `height`."""
        raise NotImplementedError

    def chosen(self) -> list[str]:
        """The hosts that an action applies to now."""
        return []

    def shown(self) -> set[str]:
        """The hosts that can be seen."""
        return set(self.chosen())

    def done(self) -> None:
        """A command for the chosen hosts was submitted."""

    def step_to_failed(self, step: int) -> None:
        """To the next (1) or previous (-1) failed host, where there is a cursor."""

    # Drawing

    def frame(self, dirty: set[str]) -> None:
        """Hosts that changed since the last frame; called without any as well."""

    def graphs(self) -> None:
        """Once a second, apart from the panels: what is expensive to draw."""

    def panels(self) -> None:
        width, height = self.size
        if (width, height) < SMALLEST or height < SMALLEST[1]:
            self.draw_too_small(width, height)
            return
        self.draw_header(width)
        room = height - 4
        body = list(self.lines(width, room))[:room]
        self.put("body", [*body, *[Text(" " * width)] * (room - len(body))])
        self.draw_footer()

    def draw_header(self, width: int) -> None:
        context = self.context
        warnings = [f"READ-ONLY: {context.read_only}", *context.view.warnings] if context.read_only else context.view.warnings
        head = overview.header(
            context.rollout,
            now=context.clock.wall(),
            width=width,
            title=context.view.title,
            lag=context.lag,
            warnings=warnings,
            forecast=context.forecast,
            symbols=context.symbols,
        )
        self.put("header", head)

    def state(self) -> str:
        """What is shown before the flash line."""
        return ""

    def draw_footer(self) -> None:
        width, keys = self.size.width, self.keys
        flash = self.context.flash
        state = self.state()[: max(width // 3, width - len(flash) - 2)]
        line = Text(cut(f"{state}  {flash}", width), STRONG if flash else "")
        actions = [action for action in KEY_ACTIONS if action.footer and self._works_here(action.where, action.dangerous)]
        while (
            actions
            and len("  ".join(parts := [*[keys] * bool(keys), *(f"{action.shown} {action.command}" for action in actions)]))
            > width - 1
        ):
            actions.remove(min(actions, key=lambda action: action.footer))
        self.put("footer", [line, Text(cut(" " + "  ".join(parts), width), BAR)])

    def _works_here(self, where: str, dangerous: bool) -> bool:
        return (where == "anywhere" or (where == "hosts" and bool(self.chosen()))) and not (dangerous and self.context.read_only)

    def draw_too_small(self, width: int, height: int) -> None:
        """One line, and nothing else."""
        rollout = self.context.rollout
        ended = sum(rollout.counts[status] for status in HostStatus if status.is_final)
        words = f"Terminal too small: {width}x{height}, 80x24 needed. The rollout continues: {ended}/{len(rollout.hosts)} ended"
        for panel in self.query(LinePanel):
            panel.put([])
        self.put("header", [Text(cut(f"{words}, {rollout.counts[HostStatus.FAILED]} failed", width))])

    def put(self, name: str, lines: Sequence[Text]) -> None:
        self.query_one(f"#{name}", LinePanel).put(lines)
