"""The `hooks` section: commands of the site that run before or after a stage, once a host or once a cloud."""

from __future__ import annotations

import re
from typing import Literal

from quads_tui.rollout.hooks import Hook
from quads_tui.rollout.stages import Stage

from .diagnostics import Report
from .section import Section
from .yaml_reader import Node

KEYS = ("name", "run", "before", "after", "per", "timeout")
_STAGES = ", ".join(Stage)
_MOST = 16


def read_hooks(report: Report, nodes: list[Node]) -> tuple[Hook, ...]:
    """The hooks in the order in which they run. Problems go into the report."""
    found: dict[str, Hook] = {}
    for index, node in enumerate(nodes):
        section = Section(report, node, f"hooks[{index}]", KEYS)
        hook = _read(section)
        if hook is not None and hook.name in found:
            section.add("name", f"the hook {hook.name} is given twice; expected it once")
        elif hook is not None:
            found[hook.name] = hook
    if len(nodes) > _MOST:
        report.add(nodes[_MOST].line, "hooks", f"there are {len(nodes)} hooks; expected at most {_MOST}")
    return tuple(found.values())


def _read(section: Section) -> Hook | None:
    name = section.text("name", "a short name, such as tenant-bmc", required=True, most=20)
    if name is not None and not re.fullmatch("[a-z0-9][a-z0-9_-]*", name):
        section.add("name", "is no hook's name; expected small letters, digits, - and _")
        name = None
    run = section.texts("run", "text")
    if not run:
        section.add("run", "is missing or empty; expected a list: the program and its arguments")
    when: Literal["before", "after"] = "before" if section.has("before") else "after"
    if section.has("before") == section.has("after"):
        section.add(when, f"either before or after is needed; expected one of them, with a stage: {_STAGES}")
        return None
    words = section.text(when, f"a stage: {_STAGES}")
    if words is not None and words not in tuple(Stage):
        section.add(when, f"is no stage; expected one of {_STAGES}")
        words = None
    per = section.text("per", "host or cloud") if section.has("per") else "host"
    if per not in (None, "host", "cloud"):
        section.add("per", "cannot be used; expected host or cloud")
    timeout = section.number("timeout", whole=False, most=24 * 3600)
    if name is None or not run or words is None or per is None:
        return None
    return Hook(name, run, when, Stage(words), per == "cloud", timeout if timeout is not None else 300.0)
