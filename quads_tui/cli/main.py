"""The command line. Imports are lazy, so that `--help` costs little."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from .cluster_group import cluster
from .common_options import SERVICES, cluster_option, common_options, flag, keep_given_before
from .common_options import options_of as _options
from .metrics_option import metrics_option

F = TypeVar("F", bound=Callable[..., Any])


def _lazy_completion(name: str) -> Callable[..., Any]:
    """A completion that is imported when the shell asks for it, and not before."""

    def complete(*given: Any) -> Any:
        from . import completion

        return getattr(completion, name)(*given)

    return complete


_COMPLETE = "_QUADS_TUI_COMPLETE"
_FAULTS = "none, realistic, foreman-2019, or chaos (all of them)"


def _emulator_options(function: F) -> F:
    """Options of the emulators."""
    for option in reversed(
        (
            click.option("--hosts", type=click.IntRange(1, 20_000), default=None, help="Number of emulated hosts. Default: 700."),
            click.option(
                "--seed",
                type=int,
                default=1,
                show_default=True,
                help="Seed of all random choices: the same seed gives the same faults.",
            ),
            click.option(
                "--speed", type=click.FloatRange(0.1, 1000), default=None, help="Emulate this many times faster than real time."
            ),
            click.option(
                "--faults", default=None, shell_complete=_lazy_completion("profiles"), help=f"Faults to inject: {_FAULTS}."
            ),
        )
    ):
        function = option(function)
    return function


def _survey_option(function: F) -> F:
    """Options of the plan."""
    return click.option("--no-survey", is_flag=True, help="Do not contact the BMCs while planning.")(function)


def _canary_option(function: F) -> F:
    """How much of a new type is risked first."""
    return click.option(
        "--canary",
        metavar="N",
        type=click.IntRange(0, 100),
        help="Build N hosts of each model, os and medium (one type) before the others of this type begin. Default: 1 for each "
        "type that was not built at this site in the last 30 days; 0 in rollouts of up to 100 hosts.",
    )(function)


def _take_over_option(function: F) -> F:
    """For an administrator, where a process hangs and cannot be ended."""
    return click.option(
        "--take-over",
        is_flag=True,
        help="Take over the locks of a process that hangs and cannot be ended. The old process cannot start another write.",
    )(function)


def _request_options(function: F) -> F:
    """What is to be rolled out: files, or the moves of QUADS."""
    for option in reversed(
        (
            click.argument("assignments", metavar="[ASSIGNMENT]...", type=click.Path(path_type=Path), nargs=-1),
            click.option(
                "--from-quads",
                is_flag=True,
                help="Instead of files, use the moves that QUADS has scheduled; all clouds that are due become one rollout.",
            ),
            click.option("--cloud", help="Use only this cloud of a QUADS export, or of the moves with --from-quads."),
            click.option(
                "--date",
                type=click.DateTime(("%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d")),
                help="With --from-quads: use the moves of this date, in the time zone of the QUADS server.",
            ),
            click.option(
                "--until",
                metavar="TIME",
                help='Begin a host only if it is at least 90 % likely to be done by this time: "2026-11-30 06:00".',
            ),
            click.option("--expect", type=click.IntRange(1), help="Refuse a plan that does not have exactly this many hosts."),
        )
    ):
        function = option(function)
    return function


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.version_option(package_name="quads-tui")
@click.option("--cluster", metavar="DSN", help="Show the rollouts of this database instead of those of this machine.")
@common_options(*SERVICES)
@click.pass_context
def cli(context: click.Context, /, cluster: str | None, **common: Any) -> None:
    """Reinstall bare-metal hosts through Foreman and Redfish, from one screen.

    Without a command, show all rollouts. The options below may also be given before a command that has them.

    Exit status: 0 every host done; 1 some hosts failed, skipped or held; 2 bad usage or input file; 3 refused before the first
    write; 4 stopped with hosts unfinished; 70 an error of the program itself; 74 the output could not be written completely;
    130 ended by SIGINT; 143 ended by SIGTERM.
    """
    given = keep_given_before(context, common)
    if context.invoked_subcommand is not None and cluster is not None:
        raise click.UsageError(f"--cluster: write it behind {context.invoked_subcommand}")
    if context.invoked_subcommand is None:
        if unused := [flag(name) for name in given if name not in ("site", "state_dir")]:
            raise click.UsageError(f"{', '.join(unused)}: give a command; without one, all rollouts are shown on a screen")
        if sys.stdin.isatty() and sys.stdout.isatty():
            from quads_tui.runtime.options import Options

            options = Options(site=common["site"], state_dir=common["state_dir"])
            if cluster is not None:
                from .cluster_start import run_cluster_start_screen

                _end(run_cluster_start_screen(cluster, options))
            from .start_screen import run_start_screen

            _end(run_start_screen(options))
        click.echo(context.get_help())


@cli.command()
@click.argument("assignment", type=click.Path(path_type=Path), required=False)
@_emulator_options
@_canary_option
@common_options("headless", "plain", "as_json", "state_dir", accepted=("yes",))
@metrics_option
def rehearse(
    assignment: Path | None, hosts: int | None, seed: int, speed: float | None, faults: str | None, **common: Any
) -> None:
    """Run a rollout against an emulated Foreman and emulated BMCs on this machine."""
    from .rehearse import rehearse as start

    _end(start(assignment, hosts=hosts, seed=seed, speed=speed, faults=faults, options=_options(common)))


@cli.command()
@_request_options
@_take_over_option
@click.option(
    "--at",
    metavar="TIME",
    help='Start at this time: "2026-11-29 22:00", or "schedule" for the start that the assignment has in QUADS.',
)
@_survey_option
@_canary_option
@click.option("--cluster", metavar="DSN", help="Submit the rollout to the workers of this database (docs/cluster.md).")
@click.option("--location", metavar="NAME", help='With --cluster: only the hosts of this location; "none": those without one.')
@common_options(*SERVICES)
@metrics_option
def run(at: str | None, cluster: str | None, location: str | None, **given: Any) -> None:
    """Roll out ASSIGNMENT, or the moves of QUADS, on the real services of the site file.

    Several assignments become one rollout, with one plan, one question and one write queue.
    """
    if at is not None and cluster is not None:
        raise click.UsageError("--at cannot be combined with --cluster: workers start immediately")
    if location is not None and cluster is None:
        raise click.UsageError("--location needs --cluster")
    if at is not None:
        from .run_at import run_at

        _end(run_at(_run_request(given), at, _options(given)))
    from .run import run as start

    _end(start(_run_request(given), _options(given), cluster, location))


@cli.command()
@click.option("--cluster", metavar="DSN", required=True, help="Database of the cluster; as for `cluster init`.")
@click.option(
    "--lease",
    metavar="SECONDS",
    type=click.FloatRange(2, 3600),
    default=30.0,
    show_default=True,
    help="Other workers take over its rollouts when it has not reached the database for so long.",
)
@click.option(
    "--location",
    "locations",
    metavar="NAME",
    multiple=True,
    help="This machine reaches the BMCs of this location; may be repeated. Rollouts without a location need none.",
)
@_take_over_option
@common_options("site", "state_dir")
def worker(cluster: str, lease: float, locations: tuple[str, ...], **common: Any) -> None:
    """Carry out rollouts that were submitted with `run --cluster`, until a signal ends it (docs/cluster.md)."""
    from .worker import worker as start

    _end(start(cluster, lease, locations, _options(common)))


@cli.command()
@_request_options
@_survey_option
@_canary_option
@common_options("site", "as_json", "state_dir")
def plan(**given: Any) -> None:
    """Show what a rollout of these assignments would do. Reads Foreman and the BMCs, and writes nothing."""
    from .run import plan as start

    _end(start(_run_request(given), _options(given)))


@cli.command()
@click.argument("files", metavar="FILE...", type=click.Path(path_type=Path), nargs=-1, required=True)
@common_options("site", "as_json")
def lint(files: tuple[Path, ...], **common: Any) -> None:
    """Check assignments, site files and QUADS' exports offline. Exit status 0, or 2 if a file has a problem."""
    from .lint import lint_files

    _end(lint_files(files, _options(common)))


@cli.command()
@click.argument("assignments", metavar="[ASSIGNMENT]...", type=click.Path(path_type=Path), nargs=-1)
@common_options("site", "as_json", "state_dir")
def check(assignments: tuple[Path, ...], **common: Any) -> None:
    """Check TLS, credentials, version, latency and clock of Foreman and QUADS, and of the BMCs of each ASSIGNMENT."""
    from .check import check as start

    _end(start(assignments, _options(common)))


@cli.command()
@click.argument("rollout", required=False, shell_complete=_lazy_completion("rollouts"))
@_take_over_option
@click.option("--failed", is_flag=True, help="Retry the failed, skipped and held hosts of a rollout.")
@click.option("--until", metavar="TIME", help='Another time limit, or "none". Default: that of the rollout.')
@_survey_option
@click.option("--cluster", metavar="DSN", help="Let a worker of this database continue ROLLOUT (docs/cluster.md).")
@common_options(*SERVICES)
@metrics_option
def resume(rollout: str | None, failed: bool, until: str | None, cluster: str | None, **common: Any) -> None:
    """Continue an interrupted rollout: ROLLOUT, or the newest unfinished one."""
    if cluster is not None:
        from .resume_cluster import resume_cluster

        if rollout is None or until is not None:
            raise click.UsageError("--cluster needs the ROLLOUT, and cannot be combined with --until")
        _end(resume_cluster(rollout, cluster, failed=failed, options=_options(common)))
    from .resume import resume_command as start

    _end(start(rollout, failed=failed, until=until or "", options=_options(common)))


@cli.command()
@click.argument("rollout", required=False, shell_complete=_lazy_completion("rollouts"))
@click.option("--replay", is_flag=True, help="Replay the rollout from its journal.")
@click.option(
    "--speed", type=click.FloatRange(0.1, 1000), default=None, help="Replay speed factor (2: twice as fast as recorded)."
)
@cluster_option
@common_options("headless", "plain", "as_json", "state_dir")
def watch(rollout: str | None, replay: bool, speed: float | None, cluster: str | None, **common: Any) -> None:
    """Watch a rollout that another process runs (read-only)."""
    if cluster is not None:
        from .cluster_watch import watch_cluster

        _end(watch_cluster(rollout, cluster, replay_speed=(speed or 1.0) if replay else None, options=_options(common)))
    from .watch import watch as start

    _end(start(rollout, replay=replay, replay_speed=speed, options=_options(common)))


@cli.command()
@click.argument("rollout", required=False, shell_complete=_lazy_completion("rollouts"))
@cluster_option
@common_options("plain", "state_dir")
def attach(rollout: str | None, cluster: str | None, **common: Any) -> None:
    """Take control of a rollout that another process runs."""
    if cluster is not None:
        from .cluster_watch import attach_cluster

        _end(attach_cluster(rollout, cluster, options=_options(common)))
    from .watch import attach as start

    _end(start(rollout, options=_options(common)))


@cli.command()
@click.option(
    "--prune",
    metavar="DAYS",
    type=click.IntRange(0, 100_000),
    help="Remove rollouts that ended more than DAYS days ago. Those with unfinished or armed hosts, or with pending updates to "
    "QUADS, are kept.",
)
@cluster_option
@common_options("as_json", "state_dir")
def rollouts(prune: int | None, cluster: str | None, **common: Any) -> None:
    """List all rollouts of the state directory, or of a cluster."""
    if cluster is not None:
        from .cluster_history import rollouts_of_cluster

        if prune is not None:
            raise click.UsageError("--prune removes journals of this machine: it cannot be combined with --cluster")
        _end(rollouts_of_cluster(cluster, _options(common)))
    from .history import prune_rollouts
    from .history import rollouts as start

    _end(start(_options(common)) if prune is None else prune_rollouts(prune, _options(common)))


@cli.command()
@click.argument("rollout", required=False, shell_complete=_lazy_completion("rollouts"))
@click.option("--format", "form", type=click.Choice(("md", "html", "json")), default="md", show_default=True)
@cluster_option
@common_options("state_dir")
def report(rollout: str | None, form: str, cluster: str | None, **common: Any) -> None:
    """Report on a rollout: hosts, stages, failures, Foreman writes, latencies."""
    if cluster is not None:
        from .cluster_history import report_of_cluster

        _end(report_of_cluster(rollout, form, cluster, _options(common)))
    from .history import report as start

    _end(start(rollout, form, _options(common)))


@cli.command()
@click.argument("pattern", required=False)
@click.option("--worst", is_flag=True, help="Hosts that failed most often come first, then those that took longest.")
@cluster_option
@common_options("site", "as_json", "state_dir")
def hosts(pattern: str | None, worst: bool, cluster: str | None, **common: Any) -> None:
    """Show the results of hosts in their last rollouts: PATTERN is a part of the name, or a pattern such as 'f21-*'."""
    from . import host_history

    if cluster is not None:
        _end(host_history.hosts_of_cluster(pattern, cluster, worst=worst, options=_options(common)))
    _end(host_history.hosts(pattern, worst=worst, options=_options(common)))


cli.add_command(cluster)


@cli.command()
def keys() -> None:
    """Print the keys of the console as Markdown."""
    from .key_table import key_table

    click.echo(key_table(), nl=False)


@cli.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the completion script for a shell: eval "$(quads-tui completion bash)"."""
    from .completion import script

    click.echo(script(cli, shell, _COMPLETE))


@cli.command()
@_emulator_options
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path),
    required=True,
    help="Directory in which the emulators create site.yaml, assignment.yaml, control.json and ready.",
)
@click.option(
    "--quads",
    type=click.Choice(("2.0.5", "2.1", "2.2")),
    help="Also emulate a QUADS server of this version, with moves for the emulated hosts.",
)
def emulate(hosts: int | None, seed: int, speed: float | None, faults: str | None, directory: Path, quads: str | None) -> None:
    """Run only the emulators, until ctrl+c ends them. Other commands use them with --site DIR/site.yaml."""
    from quads_tui.emulators.process import Options
    from quads_tui.emulators.process import run as start

    try:
        options = Options(hosts=hosts or 700, seed=seed, speed=speed or 1.0, faults=faults or "none", dir=directory, quads=quads)
        _end(start(options))
    except ValueError as error:
        click.echo(f"quads-tui: {error}", err=True)
        _end(2)


def _run_request(given: dict[str, Any]) -> Any:
    from quads_tui.runtime.rollout_input import RunRequest

    if given["from_quads"] == bool(given["assignments"]):
        raise click.UsageError("give either ASSIGNMENT or --from-quads")
    if given["cloud"] is not None and len(given["assignments"]) > 1:
        raise click.UsageError("--cloud selects one cloud of one file: give one ASSIGNMENT, or omit --cloud")
    if given["date"] is not None and not given["from_quads"]:
        raise click.UsageError("--date needs --from-quads")
    date = given["date"].strftime("%Y-%m-%dT%H:%M") if given["date"] else ""
    return RunRequest(given["assignments"], given["cloud"], date, given["expect"], until=given["until"] or "")


def _end(status: int) -> None:
    raise SystemExit(status)


def main() -> None:
    """The console script. Every way out is here: errors of usage, signals, errors of the program, output that nobody takes."""
    from quads_tui.runtime.options import SIGNALS

    from .internal_error import ErrorLog
    from .streams import Streams

    streams, errors = Streams(), ErrorLog()
    logging.getLogger().addHandler(errors)
    threading.excepthook = errors.thread_ended
    try:
        ended = cli.main(prog_name="quads-tui", complete_var=_COMPLETE, standalone_mode=False)
        status = ended if isinstance(ended, int) else 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        status = SIGNALS["SIGINT"]
    except Exception as error:
        status = errors.report(error)
    raise SystemExit(streams.finish(status))
