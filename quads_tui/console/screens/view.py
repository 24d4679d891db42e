"""What every screen has: the header, lines that fill the rest, one flash line and the keys."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import lru_cache
from typing import Any, ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.events import Resize, ScreenResume
from textual.screen import Screen

from quads_tui.console.fault_tolerant_app import SafeScreen
from quads_tui.console.key_actions import KEY_ACTIONS, KeyAction
from quads_tui.console.key_labels import KeyLabels, Room
from quads_tui.console.line_panel import LinePanel
from quads_tui.console.row_commands import as_action
from quads_tui.console.turns import Pieces, Turns
from quads_tui.console.view_context import ViewContext
from quads_tui.render import header, runner_gone
from quads_tui.render.line import cut, fitted
from quads_tui.render.numbers import count
from quads_tui.render.palette import BAR, QUIET, RULE, STRONG, on_bar
from quads_tui.render.small import SMALLEST, Size, is_too_small, too_small
from quads_tui.rollout.lateness import Lateness
from quads_tui.rollout.row_commands import Screen as ScreenName
from quads_tui.rollout.stages import HostStatus

Named = tuple[KeyAction, str]
"""An action, and what its key is called in the last line."""
_ROOMS = (  # how many words the keys have, and the priority from which on none is left out for them; the best first
    (Room.ALL, 5),
    (Room.FEW, 5),
    (Room.LITTLE, 7),
    (Room.SHORT, 7),
    (Room.LEAST, 99),
)
_NAMES = {"esc": "escape"}  # of keys, as textual has them


class View(SafeScreen, Screen[str]):
    """Drawn by the app's timers: `frame` four times a second, `all_in_turns` once. Escape leaves it.

    `keys`: the keys of this screen, for the last line, besides those that work anywhere. `needs`: the smallest terminal for it.
    """

    BINDINGS: ClassVar = [("escape", "back", "back")]
    BLANK: ClassVar = True  # textual need not draw what its widgets cover
    DEFAULT_CSS = "View { layout: vertical; }"
    keys: ClassVar[str] = "esc back"
    place: ClassVar[str] = ""  # the name by which the site's row commands call it (rollout.row_commands.Screen)
    needs: ClassVar[Size] = SMALLEST
    counts: ClassVar[bool] = False  # a line with the hosts of each kind stands below the header

    def __init__(self, context: ViewContext) -> None:
        super().__init__()
        self.context = context
        self._awaited = False
        self._drawing = Turns(self)

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

    def body(self, width: int, height: int) -> Generator[bool, None, Sequence[Text]]:
        """`lines`, in pieces (console.turns) where they take long."""
        yield from ()
        return self.lines(width, height)

    def chosen(self) -> list[str]:
        """The hosts that an action applies to now."""
        return []

    def choose(self) -> str:
        """A key is to act on the chosen hosts, which stay chosen; why they may not be those that the operator saw, or empty."""
        return ""

    @property
    def marked(self) -> bool:
        """The chosen hosts are those that were marked."""
        return False

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

    def panels(self) -> None:
        """Everything else, now: what a key has changed."""
        self._drawing.drop()
        for _ in self.pieces():
            pass

    def graphs(self) -> None:
        """The same of what is expensive to draw."""
        for _ in self.graph_pieces():
            pass

    @property
    def drawing(self) -> bool:
        """In turns."""
        return self._drawing.busy

    def panels_soon(self) -> None:
        """The panels in turns."""
        self._drawing.begin(self.pieces())

    def all_in_turns(self) -> None:
        """Panels and graphs, once a second; left out while the last time is not over yet."""
        if not self._drawing.busy:
            self._drawing.begin(self.pieces(graphs=True))

    def on_unmount(self) -> None:
        self._drawing.drop()

    def graph_pieces(self) -> Pieces:
        """What is expensive to draw."""
        yield from ()

    def pieces(self, *, graphs: bool = False) -> Pieces:
        """What `panels` draws, and `graphs` if those are asked for: first all figures, which are of one moment."""
        width, height = self.size
        if self.too_small:
            self.draw_too_small()
            return
        room = height - 4
        body = list((yield from self.body(width, room)))[:room]
        self.draw_header(width)
        yield True
        yield from self.putting("body", [*body, *[Text(" " * width)] * (room - len(body))])
        self.draw_footer()

    def first_line(self, width: int) -> Text:
        """The first line: which rollout it is, who has control, and the clock."""
        context = self.context
        why = f": {context.read_only}" if context.gone is None else ""  # else the line below says it
        warnings = [f"READ-ONLY{why}", *context.view.warnings] if context.read_only else context.view.warnings
        rollout, lateness = context.rollout, self._lateness
        return header.title_line(
            rollout,
            now=context.clock.wall(),
            width=width,
            title=context.view.title,
            control="" if context.read_only else "you have control",
            warnings=warnings,
            too_slow=lateness is not None and lateness.is_too_late,
            symbols=context.symbols,
        )

    @property
    def _lateness(self) -> Lateness | None:
        """Of a rehearsal."""
        return None if self.context.rollout.time.is_real else self.context.meters.lateness

    def draw_header(self, width: int) -> None:
        self.put("header", self.header_lines(width))

    def header_lines(self, width: int) -> list[Text]:
        """Which rollout it is, and what is to be said of it."""
        context = self.context
        end = header.end_line(
            context.rollout,
            now=context.clock.wall(),
            width=width,
            lag=context.lag,
            forecast=context.forecast,
            lateness=self._lateness,
            counted=self.counts,
            symbols=context.symbols,
        )
        if context.gone is not None:  # nothing that the line tells of is still to come
            end = runner_gone.banner(context.gone, context.rollout, context.real_time(), width, context.symbols)
        return [self.first_line(width), end]

    def state(self) -> str:
        """What is shown before the flash line."""
        return ""

    def draw_footer(self) -> None:
        width, symbols = self.size.width, self.context.symbols
        flash = self.context.flash
        state = self.state()  # what is hidden, and what is marked: nobody may act without seeing it, and `m` has the messages
        room = width - min(len(flash) + 2, width // 4) if flash else width
        state = state if len(state) <= room else cut(state, room, symbols.ellipsis)
        flash = flash if len(flash) + 2 + len(state) <= width else cut(flash, width - len(state) - 2, symbols.ellipsis)
        line = fitted(Text(state, QUIET), width, Text(f"{flash} ") if flash else None, ellipsis=symbols.ellipsis)
        keys = fitted(self._keys(width), width, ellipsis=symbols.ellipsis)
        keys.style = BAR
        self.put("footer", [line, keys])

    def _keys(self, width: int) -> Text:
        """Those of this screen, of the chosen hosts, then all others; the least important are left out where there is no room."""
        chosen = self.chosen()
        labels = KeyLabels(self.context.rollout, chosen, marked=self.marked)
        here = [
            action
            for action in KEY_ACTIONS
            if action.footer
            and self._works_here(action.where, action.dangerous, some=bool(chosen))
            and not self._goes_back(action)
        ]
        subject = "" if self.place == ScreenName.DETAIL else labels.subject  # that screen is all of its host
        site = [(action, action.label) for action in self._site_keys(chosen)]
        for words_for, kept in _ROOMS:
            first = [(action, words) for action in here if action.statuses and (words := labels.of_hosts(action, words_for))]
            rest = [(action, labels.of_screen(action, words_for)) for action in here if not action.statuses]
            rest = [*site, *((action, words) for action, words in rest if words)]
            while (cells := self._cells(subject, first, rest)) > width and (first or rest):
                least = min([*first, *rest], key=lambda named: named[0].footer)
                if least[0].footer >= kept:
                    break
                first, rest = ([named for named in part if named is not least] for part in (first, rest))
            if cells <= width:
                break
        return self._line(subject, first, rest)

    def _cells(self, subject: str, first: Sequence[Named], rest: Sequence[Named]) -> int:
        """How wide that line is. Counted beforehand: some twenty are tried each time, and to write one is dear."""
        entries = [*(self.keys.split("  ") if self.keys else ()), *(f"{key.shown} {words}" for key, words in (*first, *rest))]
        between = 2 * (len(entries) - 1) + (2 if first and rest else 0)
        return 1 + (cell_len(subject) + 2 if first and subject else 0) + sum(map(cell_len, entries)) + between if entries else 0

    def _line(self, subject: str, first: Sequence[Named], rest: Sequence[Named]) -> Text:
        """`first`: the keys for the hosts that are the `subject`."""
        line = Text(" ")
        for entry in self.keys.split("  ") if self.keys else ():
            line.append_text(_pressing(entry)).append("  ")
        line.append(f"{subject}: " if first and subject else "", on_bar(QUIET))
        for action, words in first:
            line.append_text(_running(action, words, "")).append("  ")
        line.append(f"{self.context.symbols.box[-1]} " if first and rest else "", on_bar(RULE))
        for action, words in rest:
            line.append_text(_running(action, words, on_bar(QUIET))).append("  ")
        line.rstrip()
        return line

    def _goes_back(self, action: KeyAction) -> bool:
        """Its key leaves this screen: it is the one that opened it, or q."""
        back = [entry.key for entry in self.BINDINGS if isinstance(entry, Binding) and entry.action == "back"]
        return not set(action.keys.split(",")).isdisjoint(",".join(back).split(","))

    def _site_keys(self, chosen: Sequence[str]) -> list[KeyAction]:
        """Of the site's row commands that are for one of the chosen hosts."""
        runner = self.context.row_commands
        commands = [command for command in runner.commands if self.place in command.where] if runner else []
        return [as_action(command) for command in commands if runner and any(runner.is_for(command, host) for host in chosen)]

    def fitting(self, chosen: Sequence[str]) -> Callable[[KeyAction], bool]:
        """Whether an action does something to one of these hosts, as they stand now. They may be thousands: one pass."""
        hosts = self.context.rollout.hosts
        statuses = {hosts[name].status for name in chosen}
        return lambda action: not statuses.isdisjoint(action.statuses)

    def _works_here(self, where: str, dangerous: bool, *, some: bool) -> bool:
        """`some`: hosts are chosen."""
        return (where == "anywhere" or (where == "hosts" and some)) and not (dangerous and self.context.read_only)

    @property
    def too_small(self) -> bool:
        return is_too_small(self.size, self.needs)

    def draw_too_small(self) -> None:
        """What is needed, and nothing else."""
        rollout = self.context.rollout
        ended, failed = sum(rollout.counts[status] for status in HostStatus if status.is_final), rollout.counts[HostStatus.FAILED]
        news = f"The rollout continues: {ended:,} of {count(len(rollout.hosts), 'host')} ended, {failed:,} failed."
        for panel in self.query(LinePanel):
            if panel.id != "header":
                panel.put([])
        self.put("header", [Text(line.ljust(self.size.width)) for line in too_small(self.size, self.needs, news)])

    def put(self, name: str, lines: Sequence[Text]) -> None:
        self.query_one(f"#{name}", LinePanel).put(lines)

    def putting(self, name: str, lines: Sequence[Text]) -> Pieces:
        """The same in pieces."""
        return self.query_one(f"#{name}", LinePanel).putting(lines)

    # The mouse

    def clicked(self, event: LinePanel.Clicked) -> None:
        """Anywhere but on a key."""

    def on_line_panel_clicked(self, event: LinePanel.Clicked) -> None:
        """A key in the last line is pressed, with its question if it has one."""
        app: Any = self.app
        self.context.last_key = self.context.monotonic()
        if "press" in event.meta:
            app.simulate_key(event.meta["press"])
        elif "run" in event.meta:
            app.run_command(event.meta["run"])
        else:
            self.clicked(event)


@lru_cache(maxsize=256)
def _meaning(what: str, of: str) -> Style:
    """Kept, since rich makes bytes of each meta."""
    return Style.from_meta({what: of})


def _running(action: KeyAction, words: str, style: str) -> Text:
    """Its key and what it does; a click on it is the command."""
    text = Text().append(action.shown, STRONG).append(f" {words}", style)
    text.stylize(_meaning("run", action.command))
    return text


def _pressing(entry: str) -> Text:
    """A key of this screen (or arrows) and what it does; a click on it presses the key, where it is one."""
    text, key = Text(entry), entry.partition(" ")[0]
    arrows = max((place + 1 for place, char in enumerate(entry) if not char.isascii()), default=0)
    text.stylize(STRONG, 0, arrows or len(key))
    if key.isascii():
        text.stylize(_meaning("press", _NAMES.get(key, key)))
    return text
