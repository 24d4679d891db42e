"""The command line. Imports are lazy, so that `--help` costs little."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def _later(name: str) -> Callable[..., Any]:
    """A completion that is imported when the shell asks for it, and not before."""

    def complete(*given: Any) -> Any:
        from . import completion

        return getattr(completion, name)(*given)

    return complete


_COMPLETE = "_QUADS_TUI_COMPLETE"
_FAULTS = "none, realistic, foreman-2019, or chaos for all there are"


def _common(function: F) -> F:
    """Options that every command which touches services or journals knows."""
    for option in reversed(
        (
            click.option(
                "--site", type=click.Path(path_type=Path), help="Site file; else $QUADS_TUI_SITE, else your configuration."
            ),
            click.option("--headless", is_flag=True, help="No screen; progress on stderr."),
            click.option("--plain", is_flag=True, help="No drawing: lines on stdout, and orders are typed. For screen readers."),
            click.option("--json", "as_json", is_flag=True, help="Headless, with JSON lines on stdout."),
            click.option("--yes", is_flag=True, help="Ask nothing."),
            click.option(
                "--state-dir", type=click.Path(path_type=Path), envvar="QUADS_TUI_STATE", help="Where the journals are kept."
            ),
        )
    ):
        function = option(function)
    return function


def _emulated(function: F) -> F:
    """Options of the emulated world."""
    for option in reversed(
        (
            click.option("--hosts", type=click.IntRange(1, 5000), default=None, help="How many hosts (700)."),
            click.option("--seed", type=int, default=1, show_default=True, help="All luck comes from it."),
            click.option("--speed", type=click.FloatRange(0.1, 1000), default=None, help="How many times faster than life."),
            click.option("--faults", default=None, shell_complete=_later("profiles"), help=f"What goes wrong: {_FAULTS}."),
        )
    ):
        function = option(function)
    return function


def _surveying(function: F) -> F:
    """Options of the plan."""
    return click.option("--no-survey", is_flag=True, help="Do not ask the BMCs before the question.")(function)


def _takes_over(function: F) -> F:
    """For an administrator, beside a console that is stopped and cannot be ended."""
    return click.option(
        "--take-over",
        is_flag=True,
        help="Take the locks from a process that is stopped for good; if it goes on, it writes nothing.",
    )(function)


def _asked(function: F) -> F:
    """What is to be rolled out: a file, or what QUADS wants moved."""
    for option in reversed(
        (
            click.argument("assignment", type=click.Path(path_type=Path), required=False),
            click.option("--from-quads", is_flag=True, help="QUADS' own moves instead of a file; several clouds go together."),
            click.option("--cloud", help="Which cloud of a QUADS export, or of QUADS' moves."),
            click.option(
                "--date",
                type=click.DateTime(("%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d")),
                help="With --from-quads: the moves as of this date (of QUADS' clock).",
            ),
            click.option("--expect", type=click.IntRange(1), help="Refuse a plan with another number of hosts."),
        )
    ):
        function = option(function)
    return function


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.version_option(package_name="quads-tui")
@click.pass_context
def cli(context: click.Context) -> None:
    """Rolls out bare-metal hosts through Foreman and Redfish, from one screen.

    Without a command: the screen of all rollouts.

    Exit status: 0 every host done; 1 some failed, skipped or held; 2 bad usage or input; 3 refused before the first write;
    4 stopped with hosts unfinished; 130 SIGINT; 143 SIGTERM.
    """
    if context.invoked_subcommand is None:
        if sys.stdin.isatty() and sys.stdout.isatty():
            from quads_tui.runtime.options import Options

            from .start_screen import home

            state = os.environ.get("QUADS_TUI_STATE")
            _end(home(Options(state_dir=Path(state) if state else None)))
        click.echo(context.get_help())


@cli.command()
@click.argument("assignment", type=click.Path(path_type=Path), required=False)
@_emulated
@_common
def rehearse(
    assignment: Path | None, hosts: int | None, seed: int, speed: float | None, faults: str | None, **common: Any
) -> None:
    """The whole job against an emulated Foreman and emulated BMCs on this machine."""
    from .rehearse import rehearse as start

    _end(start(assignment, hosts=hosts, seed=seed, speed=speed, faults=faults, options=_options(common)))


@cli.command()
@_asked
@_takes_over
@click.option("--at", metavar="TIME", help='Wait until then: "2026-11-29 22:00", or schedule for the assignment\'s own start.')
@_surveying
@_common
def run(at: str | None, **given: Any) -> None:
    """Roll out ASSIGNMENT, or QUADS' own moves, on the real services of the site file."""
    if at is not None:
        from .run_at import run_at

        _end(run_at(_wanted(given), at, _options(given)))
    from .run import run as start

    _end(start(_wanted(given), _options(given)))


@cli.command()
@_asked
@_surveying
@_common
def plan(**given: Any) -> None:
    """Show what would be done, after reading Foreman and the BMCs; writes nothing."""
    from .run import plan as start

    _end(start(_wanted(given), _options(given)))


@cli.command()
@click.argument("files", metavar="FILE...", type=click.Path(path_type=Path), nargs=-1, required=True)
@_common
def lint(files: tuple[Path, ...], **common: Any) -> None:
    """Check assignments, site files and QUADS' exports offline: 0, or 2 where something is wrong."""
    from .lint import lint_files

    _end(lint_files(files, _options(common)))


@cli.command()
@click.argument("assignment", type=click.Path(path_type=Path), required=False)
@_common
def check(assignment: Path | None, **common: Any) -> None:
    """Ask every service: trust, credentials, version, latency, clock; with ASSIGNMENT its BMCs too."""
    from .check import check as start

    _end(start(assignment, _options(common)))


@cli.command()
@click.argument("rollout", required=False, shell_complete=_later("rollouts"))
@_takes_over
@click.option("--failed", is_flag=True, help="Take up the failed, skipped and held hosts of an ended rollout.")
@_surveying
@_common
def resume(rollout: str | None, failed: bool, **common: Any) -> None:
    """Go on with an interrupted rollout: the newest unfinished one, or ROLLOUT."""
    from .resume import resume_command as start

    _end(start(rollout, failed=failed, options=_options(common)))


@cli.command()
@click.argument("rollout", required=False, shell_complete=_later("rollouts"))
@click.option("--replay", is_flag=True, help="Play an ended rollout again.")
@click.option("--speed", type=click.FloatRange(0.1, 1000), default=None, help="Of the replay: how many times as fast as it was.")
@_common
def watch(rollout: str | None, replay: bool, speed: float | None, **common: Any) -> None:
    """Look at a rollout that another process runs, read-only."""
    from .watch import watch as start

    _end(start(rollout, replay=replay, replay_speed=speed, options=_options(common)))


@cli.command()
@click.argument("rollout", required=False, shell_complete=_later("rollouts"))
@_common
def attach(rollout: str | None, **common: Any) -> None:
    """Take the keys of a rollout whose screen is gone or elsewhere."""
    from .watch import attach as start

    _end(start(rollout, options=_options(common)))


@cli.command()
@_common
def rollouts(**common: Any) -> None:
    """All rollouts of the state directory."""
    from .history import rollouts as start

    _end(start(_options(common)))


@cli.command()
@click.argument("rollout", required=False, shell_complete=_later("rollouts"))
@click.option("--format", "form", type=click.Choice(("md", "html", "json")), default="md", show_default=True)
@_common
def report(rollout: str | None, form: str, **common: Any) -> None:
    """What a rollout did: hosts, stages, failures, the lane, the latencies."""
    from .history import report as start

    _end(start(rollout, form, _options(common)))


@cli.command()
def keys() -> None:
    """The keys of the console, as Markdown."""
    from .key_table import key_table

    click.echo(key_table(), nl=False)


@cli.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """The completion of a shell: eval "$(quads-tui completion bash)"."""
    from .completion import script

    click.echo(script(cli, shell, _COMPLETE))


@cli.command()
@_emulated
@click.option("--dir", "directory", type=click.Path(path_type=Path), required=True, help="Gets site.yaml, assignment.yaml, ...")
@click.option(
    "--quads", type=click.Choice(("2.0.5", "2.1", "2.2")), help="A QUADS of this version too, whose moves are these hosts."
)
def emulate(hosts: int | None, seed: int, speed: float | None, faults: str | None, directory: Path, quads: str | None) -> None:
    """The emulators alone, until ended; DIR/site.yaml works as it is."""
    from quads_tui.emulators.process import Options
    from quads_tui.emulators.process import run as start

    try:
        options = Options(hosts=hosts or 700, seed=seed, speed=speed or 1.0, faults=faults or "none", dir=directory, quads=quads)
        _end(start(options))
    except ValueError as error:
        click.echo(f"quads-tui: {error}", err=True)
        _end(2)


def _wanted(given: dict[str, Any]) -> Any:
    from quads_tui.runtime.rollout_input import RunRequest

    if given["from_quads"] == (given["assignment"] is not None):
        raise click.UsageError("give either ASSIGNMENT or --from-quads")
    if given["date"] is not None and not given["from_quads"]:
        raise click.UsageError("--date goes with --from-quads")
    date = given["date"].strftime("%Y-%m-%dT%H:%M") if given["date"] else ""
    return RunRequest(given["assignment"], given["cloud"], date, given["expect"])


def _options(common: dict[str, Any]) -> Any:
    from quads_tui.runtime.options import Options

    if common["plain"] and (common["headless"] or common["as_json"]):
        raise click.UsageError("--plain, --headless and --json are three ways to show a rollout: give one")
    return Options(
        site=common["site"],
        headless=common["headless"] or common["as_json"],
        json=common["as_json"],
        yes=common["yes"],
        state_dir=common["state_dir"],
        plain=common["plain"],
        survey=not common.get("no_survey"),
        take_over=common.get("take_over", False),
    )


def _end(status: int) -> None:
    sys.stdout.flush()
    raise SystemExit(status)


def main() -> None:
    """The console script."""
    cli(prog_name="quads-tui", complete_var=_COMPLETE)
