"""The keys and commands that the screens have, so that a site file cannot give them another meaning."""

from __future__ import annotations

from collections.abc import Iterator

from textual.keys import _character_to_key

from quads_tui.rollout.row_commands import TakenKeys

from .app import Console
from .key_actions import COMMANDS, KEY_ACTIONS
from .screens.causes import CausesScreen
from .screens.clouds import CloudsScreen
from .screens.graphs import GraphsScreen
from .screens.host import HostScreen
from .screens.map import MapScreen
from .screens.pages import HelpScreen, MessagesScreen
from .screens.table import TableScreen

_SCREENS = (Console, TableScreen, HostScreen, MapScreen, GraphsScreen, CausesScreen, CloudsScreen, HelpScreen, MessagesScreen)


def taken_keys() -> TakenKeys:
    """Characters that are keys anywhere over a rollout, and the names of the command line."""
    actions = [action for action in KEY_ACTIONS if action.where not in ("start", "plain")]
    keys = {key: action.command for action in actions for key in action.keys.split(",") if key}
    for key, meaning in _bound():
        keys.setdefault(key, meaning)
    characters = {chr(code): _character_to_key(chr(code)) for code in range(0x21, 0x7F)}
    names = {action.command: action.help for action in COMMANDS}
    return TakenKeys({char: keys[key] for char, key in characters.items() if key in keys}, names)


def _bound() -> Iterator[tuple[str, str]]:
    """Each key that a screen, or a class of textual below it, binds by itself, and what it does there."""
    for screen in _SCREENS:
        for level in screen.__mro__:
            for binding in level.__dict__.get("BINDINGS", ()):
                keys, action = binding[:2] if isinstance(binding, tuple) else (binding.key, binding.action)
                for key in keys.split(","):
                    yield key.strip(), f"{action.partition('(')[0].replace('_', '-')} on a screen"
