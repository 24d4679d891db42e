"""Without the extra `cluster`: nothing of it is imported by what does not need it; what does: cli/test_cluster_commands.py."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .conftest import Lab

# Runs each command line of its argument in one process that cannot import psycopg: their exit statuses and output as a JSON list.
PROGRAM = """
import contextlib, io, json, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "psycopg":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
import quads_tui.cli.start_screen, quads_tui.cli.watch, quads_tui.cli.check, quads_tui.runtime.runner
from quads_tui.cli.main import cli

done = []
for words in json.loads(sys.argv[1]):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = cli.main(words, "quads-tui", standalone_mode=True)
        except SystemExit as end:
            status = end.code
    imported = [name for name in sys.modules if name.startswith(("psycopg", "quads_tui.journal.cluster"))]
    done.append([status, said.getvalue(), imported])
print(json.dumps(done))
"""


def run(*commands: list[str]) -> list[tuple[int, str, list[str]]]:
    """Exit status, output, and the modules of the extra that are imported by then, of each command line."""
    ended = subprocess.run([sys.executable, "-c", PROGRAM, json.dumps(commands)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return [tuple(one) for one in json.loads(ended.stdout)]


def test_all_commands_of_one_machine_import_nothing_of_it(lab: Callable[..., Lab], tmp_path: Path) -> None:
    made = lab(hosts=2, speed=1000)
    files, state = [str(made.assignment), "--site", str(made.site)], ["--state-dir", str(tmp_path / "state")]
    commands = [
        ["--help"],
        ["--version"],
        ["rollouts", *state],
        ["hosts", *state],
        ["lint", str(made.assignment), str(made.site)],
        ["run", *files, *state, "--headless", "--yes"],
        ["rollouts", *state],
    ]
    for command, (status, output, imported) in zip(commands, run(*commands), strict=True):
        assert (status, imported) == (0, []), f"{command}: {output}"
    assert made.counts()["foreman"]["writes"] == 2
