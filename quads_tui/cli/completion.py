"""Shell completion: the script for a shell, and completions for arguments that are not files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

PROFILES = {
    "none": "no faults",
    "realistic": "some hosts fail, some need a retry",
    "foreman-2019": "a Foreman in which overlapping writes fail",
    "chaos": "all faults",
}


def script(cli: click.Command, shell: str, variable: str) -> str:
    """To be evaluated by bash (4.4 or newer), zsh or fish; `variable`: by which the shell asks."""
    found = get_completion_class(shell)
    assert found is not None
    # Not `found(...).source()`: for bash that starts a bash to ask for its version.
    complete = found(cli, {}, "quads-tui", variable)
    return complete.source_template % complete.source_vars()


def profiles(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name, help=words) for name, words in PROFILES.items() if name.startswith(incomplete)]


def rollouts(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Those of the state directory, or of the database that `--cluster` before them names, the newest first."""
    if cluster := context.params.get("cluster"):
        from quads_tui.runtime.cluster_names import rollout_names

        return _beginning(incomplete, rollout_names(cluster))
    from quads_tui.journal.catalogue import stored_rollouts
    from quads_tui.runtime.options import Options, Usage

    given = context.params.get("state_dir") or os.environ.get("QUADS_TUI_STATE")
    try:
        state = Options(state_dir=Path(given) if given else None).state
    except Usage:  # there is none
        return []
    return _beginning(incomplete, [rollout.id for rollout in stored_rollouts(state)])


def _beginning(incomplete: str, names: Sequence[str]) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
