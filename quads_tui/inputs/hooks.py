"""The `hooks` section: commands of the site that run before or after a stage, once a host or once a cloud."""

from __future__ import annotations

import re
from typing import Any

from quads_tui.rollout.hooks import Hook
from quads_tui.rollout.stages import Stage

from .readers import Choice, Command, Mappings, Number, Text
from .section import Section
from .table import Key, Table

_STAGES = ", ".join(Stage)
_STAGE = Choice(f"a stage: {_STAGES}", tuple(Stage))


def _hook(name: str, run: tuple[str, ...], before: str = "", after: str = "", per: str = "host", **given: float) -> Hook | None:
    if not before and not after:
        return None
    return Hook(name, run, "before" if before else "after", Stage(before or after), per == "cloud", **given)


def _check(section: Section, values: dict[str, Any]) -> None:
    if section.has("before") == section.has("after"):
        when = "before" if section.has("before") else "after"
        section.add(when, f"needs either before or after; expected exactly one of them, with a stage: {_STAGES}")


HOOK = Table(
    _hook,
    (
        Key(
            "name",
            Text(
                "a short name such as tenant-bmc: small letters, digits, - and _",
                most=20,
                pattern=re.compile("[a-z0-9][a-z0-9_-]*"),
                wrong="is not the name of a hook",
            ),
            "Name of the hook in messages, table and report; must be unique",
            required=True,
            sample="tenant-bmc",
        ),
        Key(
            "run",
            Command(),
            "Program and arguments, run without a shell; QUADS_TUI_HOST, QUADS_TUI_BMC and others are in its environment",
            required=True,
            sample="[/opt/lab/bin/tenant-bmc]",
        ),
        Key("before", _STAGE, "Stage before which the hook runs; set either `before` or `after`"),
        Key("after", _STAGE, "Stage after which the hook runs; set either `before` or `after`", sample="install"),
        Key(
            "per",
            Choice("host or cloud", ("host", "cloud")),
            "host: run the hook once for each host; cloud: run the hook once for all hosts of a cloud, before the stage of the "
            "first or after the stage of the last of them",
            default="host",
            sample="host",
        ),
        Key(
            "timeout",
            Number(24 * 3600),
            "Time limit of the hook; a hook that takes longer is ended and has failed",
            unit="s",
            sample="60",
        ),
    ),
    check=_check,
    needs=("before", "after"),
    shape=Hook,
)
HOOKS = Mappings(HOOK, most=16, unique=lambda hook: hook.name, noun="hook")
