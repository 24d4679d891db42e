"""The options that several commands share. Each command offers those that mean something to it; all may stand before it, too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

F = TypeVar("F", bound=Callable[..., Any])

SERVICES = ("site", "headless", "plain", "as_json", "yes", "state_dir")  # of commands that run a rollout: all
_ANYWHERE = ("site", "state_dir")  # they say where all is, so that every command accepts them, in scripts and aliases
_BEFORE = "quads_tui.given_before"  # in the context's meta: what stood before the command


def _option(name: str, *, hidden: bool) -> Callable[[F], F]:
    match name:
        case "site":
            words = "Site file. Default: $QUADS_TUI_SITE, else site.yaml in your configuration directory."
            return click.option("--site", type=click.Path(path_type=Path), hidden=hidden, help=words)
        case "headless":
            return click.option("--headless", is_flag=True, hidden=hidden, help="No screen; prints progress on stderr.")
        case "plain":
            words = "Prints lines on stdout and reads typed commands instead of drawing a screen. For screen readers."
            return click.option("--plain", is_flag=True, hidden=hidden, help=words)
        case "as_json":
            words = "No screen; prints JSON lines on stdout."
            return click.option("--json", "as_json", is_flag=True, hidden=hidden, help=words)
        case "yes":
            return click.option("--yes", is_flag=True, hidden=hidden, help="Do not ask for confirmation.")
        case "state_dir":
            words = "Directory of the rollout journals."
            kind = click.Path(path_type=Path)
            return click.option("--state-dir", type=kind, envvar="QUADS_TUI_STATE", hidden=hidden, help=words)
    raise ValueError(name)


def common_options(*offered: str, accepted: tuple[str, ...] = ()) -> Callable[[F], F]:
    """`offered`: what the command uses; `accepted`: what it takes besides without showing it."""

    def decorate(function: F) -> F:
        for name in reversed(SERVICES):
            if name in (*offered, *accepted, *_ANYWHERE):
                function = _option(name, hidden=name not in offered)(function)
        return function

    return decorate


def cluster_option(function: F) -> F:
    """For commands that read rollouts of this machine, or those of a cluster."""
    words = "Use the rollouts of this database instead of those of this machine; a DSN as for `cluster init`."
    return click.option("--cluster", metavar="DSN", help=words)(function)


def keep_given_before(context: click.Context, values: dict[str, Any]) -> dict[str, Any]:
    """For the group: those of its options that were typed, kept for the command. Raises UsageError where it does not use one."""
    given = {**context.meta.get(_BEFORE, {}), **{name: value for name, value in values.items() if _typed(context, name)}}
    context.meta[_BEFORE] = given
    invoked = context.invoked_subcommand
    group = context.command
    command = group.get_command(context, invoked) if invoked and isinstance(group, click.Group) else None
    if command is not None:
        known = {option.name for option in command.params}
        for name in given:
            if name not in known:
                raise click.UsageError(f"{flag(name)} has no meaning for {invoked}")
    return given


def with_given_before(values: dict[str, Any]) -> dict[str, Any]:
    """The options of a command, with those that stood before it where it has none of its own."""
    context = click.get_current_context()
    before = context.meta.get(_BEFORE, {})
    return {name: value if _typed(context, name) else before.get(name, value) for name, value in values.items()}


def _typed(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def flag(name: str) -> str:
    """As it is typed."""
    return {"as_json": "--json", "state_dir": "--state-dir"}.get(name, f"--{name}")


def options_of(common: dict[str, Any]) -> Any:
    """The runtime's Options, of a command's own options and those that stood before it. Raises UsageError."""
    from quads_tui.runtime.options import Options

    from .metrics_option import metrics_of

    common = with_given_before(common)
    plain, headless, json = (bool(common.get(name)) for name in ("plain", "headless", "as_json"))
    if plain and (headless or json):
        raise click.UsageError("give only one of --plain, --headless and --json")
    return Options(
        site=common["site"],
        headless=headless or json,
        json=json,
        yes=bool(common.get("yes")),
        state_dir=common["state_dir"],
        plain=plain,
        survey=not common.get("no_survey"),
        take_over=common.get("take_over", False),
        canary=common.get("canary"),
        **metrics_of(common),
    )
