"""The console's keys as Markdown: docs/keys.md is made of its one registry of acts."""

from __future__ import annotations

from quads_tui.console.key_actions import ACTS, KeyAction

_PLACES = {
    "table": "In the table",
    "hosts": "On hosts: the marked ones, else the one under the cursor, the one in full view, or all of a group of failures",
    "anywhere": "Anywhere",
    "plain": "Typed with `--plain`, beside retry, restart, skip, hold and the others that change the rollout",
    "start": "On the screen of all rollouts (`quads-tui` without a command)",
}


def key_table() -> str:
    """One table a place. Dangerous acts are those that a read-only screen does not have; they ask first."""
    lines = [
        "# Keys",
        "",
        "Made by `quads-tui keys`. A command is typed after `:`, which completes with tab and recalls with ↑; ctrl+p finds it by",
        "words. Acts marked ! change the rollout: they ask first (up to five hosts y or n, more: their number is typed), and who",
        "only watches does not have them. A question takes one answer, and none in its first 0.3 seconds. Three or more keys",
        "that come at once are a paste: outside of a field they are ignored, and that is said. A field takes one line of at most",
        "200 characters (`:` 500).",
    ]
    for place, title in _PLACES.items():
        lines += ["", f"## {title}", "", "| key | command | does |", "|---|---|---|"]
        lines += [_row(act) for act in ACTS if act.where == place]
    return "\n".join(lines) + "\n"


def _row(act: KeyAction) -> str:
    words = f"{act.command} {act.argument}".strip()
    command = "" if act.where == "start" else f"`{words}`" if act.where == "plain" else f"`:{words}`"
    key = f"`{act.shown}`" if act.shown else ""
    return f"| {key}{' !' if act.dangerous else ''} | {command} | {act.help} |"
