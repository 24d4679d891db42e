"""The program as test_secrets.py wants it: `masked` or `unmasked`, then a command, or `several` and a list of them in JSON."""

from __future__ import annotations

import json
import os
import sys

from quads_tui.cli import main as program
from quads_tui.cli.main import cli
from quads_tui.rollout.scrub import Scrubber


def main() -> None:
    os.environ["TERM"] = "xterm-256color"
    masking, *words = sys.argv[1:]
    if masking == "unmasked":
        Scrubber.scrub = lambda self, text: text  # type: ignore[method-assign]
    if words[0] != "several":
        sys.argv[1:] = words
        program()
        return
    for command in json.loads(words[1]):
        try:
            cli(command)
        except SystemExit:
            print(end="\f", flush=True)
