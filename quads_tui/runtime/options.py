"""What all commands share: the common options, the state directory, and output."""

from __future__ import annotations

import getpass
import json
import os
import resource
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.text import clean

if TYPE_CHECKING:
    from quads_tui.inputs import Listen

SIGNALS = {"SIGINT": 130, "SIGTERM": 143}  # what ends a command, and its exit status then


@dataclass(frozen=True, slots=True)
class Options:
    site: Path | None = None
    headless: bool = False
    json: bool = False
    yes: bool = False
    state_dir: Path | None = None
    plain: bool = False
    survey: bool = True  # the plan surveys the BMCs
    canary: int | None = None  # hosts of each model, os and medium to be built first; None: what is usual (rollout/canary.py)
    take_over: bool = False  # take over the locks of a process that hangs
    metrics: Listen | None = None  # where metrics are served; None: where the site says
    no_metrics: bool = False  # nowhere, whatever the site says

    @property
    def state(self) -> Path:
        """Where journals are kept."""
        if self.state_dir is not None:
            return self.state_dir
        from platformdirs import user_state_path

        try:
            return user_state_path("quads-tui")
        except RuntimeError:
            raise Usage("you have no home directory for the journals: give --state-dir DIR or set $QUADS_TUI_STATE") from None

    def private_directory(self, path: Path) -> Path:
        """`path`, which lies in the state directory, made 0700 with all above it that is missing. Raises Refused."""
        from quads_tui.inputs.private_directory import make_private

        try:
            make_private(path, self.state)
        except OSError as error:
            words = f"{path}: {error.strerror}" if error.strerror else str(error)
            raise Refused([f"{words}; give another one with --state-dir"]) from None
        return path

    @property
    def terminal(self) -> bool:
        """Stdin and stdout are terminals: somebody can answer, and a screen can be drawn."""
        return sys.stdin.isatty() and sys.stdout.isatty()


class Refused(QuadsTuiError):
    """Nothing may start (exit status 3)."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = tuple(clean(reason, 1000) for reason in reasons)
        super().__init__("; ".join(self.reasons))


class Usage(QuadsTuiError):
    """Bad usage or a bad input file (exit status 2). The text may have several lines."""


def current_user() -> str:
    """user@machine, for the journal."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return clean(f"{user}@{socket.gethostname()}", 100)


def notify(text: str) -> None:
    """Print a line for the operator on stderr; stdout is for output that programs read."""
    with suppress(OSError):  # a reader or a terminal that has gone
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def emit_json(event: str, at: float, members: dict[str, Any]) -> None:
    """One JSON line on stdout, in one write: it is never torn by another."""
    stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    sys.stdout.write(json.dumps({"event": event, "at": stamp, **members}) + "\n")
    sys.stdout.flush()


def raise_file_limit() -> None:
    """700 BMCs are 1,400 sockets; many shells allow 1,024 files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else 65_536
    if soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
