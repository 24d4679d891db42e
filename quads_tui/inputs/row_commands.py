"""The `commands` section: programs of the site that an operator runs for a host by a key."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quads_tui.rollout.row_commands import FACTS, RowCommand, RunsIn, Screen, TakenKeys, has_fact, wrong_braces

from .diagnostics import nearest
from .environment import Child, child_environment
from .patterns import Patterns
from .readers import Choice, Command, Flag, Mappings, Number, Text, Texts
from .section import Section
from .table import Key, Table

_KNOWN = ", ".join(f"{{{name}}}" for name in FACTS)
_taken: Callable[[], TakenKeys] = lambda: TakenKeys({}, {})  # noqa: E731 - replaced as a whole


def set_taken_keys(taken: Callable[[], TakenKeys]) -> None:
    """What says which keys and names the screens have: asked only where a site file has commands, since screens load slowly."""
    global _taken
    _taken = taken


@dataclass(frozen=True, slots=True)
class Template(Command):
    """A program, and arguments with facts of the host in braces."""

    expected: str = field(init=False, default="a list: the program and its arguments")

    def read(self, section: Section, key: str) -> tuple[str, ...] | None:
        words = Command.read(self, section, key)
        if words is None:
            return None
        problems = len(section.report.problems)
        for index, (word, node) in enumerate(zip(words, section.node.entries[key].value.items, strict=True)):
            path = f"{section.name(key)}[{index}]"
            if index == 0 and has_fact(word):
                section.report.add(node.line, path, "the program must be the same for all hosts; expected no braces in it")
            for name in wrong_braces(word):
                said = f"{{{name[:40]}}} is not a fact of a host" if name else "has a brace that stands alone or is empty"
                hint = nearest(name, tuple(FACTS)) if name else f"expected one of: {_KNOWN}; {{{{ for a brace"
                section.report.add(node.line, path, f"{said}; {hint}")
        return words if len(section.report.problems) == problems else None


def _check(section: Section, values: dict[str, Any]) -> None:
    taken = _taken()
    if (meaning := taken.keys.get(values.get("key", ""))) is not None:
        section.add("key", f'"{values["key"]}" is a key of quads-tui ({meaning}); expected another character')
    if (meaning := taken.names.get(values.get("name", ""))) is not None:
        section.add("name", f'"{values["name"]}" is a command of quads-tui ({meaning}); expected another name')
    if "runs_in" in values:
        values["runs_in"] = RunsIn(values["runs_in"])
    if "where" in values:
        values["where"] = tuple(Screen(word) for word in values["where"] if word in set(Screen))


ROW_COMMAND = Table(
    RowCommand,
    (
        Key(
            "key",
            Text(
                "one character that quads-tui does not use as a key",
                most=1,
                numbers=True,
                pattern=re.compile("[!-~]"),
                wrong="cannot be a key",
            ),
            "Key that runs the command for the host under the cursor, or for the marked hosts",
            required=True,
            sample="x",
        ),
        Key(
            "name",
            Text(
                "a short name such as ssh: small letters, digits and -",
                most=20,
                pattern=re.compile("[a-z0-9][a-z0-9-]*"),
                wrong="is not the name of a command",
            ),
            "Name of the command in the footer, the help and the command line (`:ssh`); must be unique",
            required=True,
            sample="ssh",
        ),
        Key(
            "run",
            Template(),
            f"Program and arguments, run without a shell. In braces: facts of the host ({_KNOWN})",
            required=True,
            sample='[ssh, "root@{host}"]',
        ),
        Key("help", Text("a few words"), "What the command does, for the help", sample="log in to the host"),
        Key(
            "runs_in",
            Choice("pane, window, screen or background", tuple(RunsIn)),
            "pane or window: a new one in the tmux in which quads-tui runs (outside tmux the choice is `screen`); screen: the "
            "command has the whole terminal, and the console comes back at its end; background: without a terminal",
            default="pane",
            sample="pane",
        ),
        Key(
            "where", Texts("screen", tuple(Screen)), "Screens that have the key", default="all of them", sample="[detail, table]"
        ),
        Key("hosts", Patterns(), "Hosts that the command is for", default="all hosts", sample='["*-r6*"]'),
        Key("confirm", Flag(), "Whether to ask before the command runs", sample="false"),
        Key(
            "timeout",
            Number(24 * 3600),
            "Time limit of a command in the background, in real time; a command that takes longer is ended",
            unit="s",
        ),
    ),
    check=_check,
)


@dataclass(frozen=True, slots=True)
class RowCommands(Mappings):
    """The list: neither a name nor a key twice."""

    def read(self, section: Section, key: str) -> tuple[Any, ...]:
        keys: dict[str, str] = {}
        for index, node in enumerate(section.items(key, self.expected)):
            entries = node.entries if node.kind == "map" else {}
            pressed = entries["key"].value.text if "key" in entries else ""
            name = entries["name"].value.text if "name" in entries else ""
            if pressed and pressed in keys:
                path = f"{section.name(key)}[{index}].key"
                section.report.add(entries["key"].line, path, f'"{pressed[:80]}" is the key of {keys[pressed][:80]} already')
            keys.setdefault(pressed, name)
        return Mappings.read(self, section, key)


COMMANDS = RowCommands(ROW_COMMAND, most=32, unique=lambda command: command.name, noun="command")


def missing_program(command: RowCommand) -> str:
    """Why its program cannot be run on this machine, in words; empty: it can, as far as that is to be seen."""
    program = command.run[0]
    if shutil.which(program, path=child_environment(Child.ROW_COMMAND).get("PATH", os.defpath)):
        return ""
    found = Path(program).exists() if "/" in program else False
    why = "is not executable" if found else "does not exist" if "/" in program else "is not on PATH"
    return f"the program {program} {why} on this machine"


def missing_programs(commands: Sequence[RowCommand]) -> list[tuple[int, str]]:
    """The place in the list of each command whose program cannot be run here, and why."""
    return [(place, why) for place, command in enumerate(commands) if (why := missing_program(command))]
