"""What Python itself prints: log lines and tracebacks, whose words may come from a library, and those from a server."""

from __future__ import annotations

import logging
import sys
import traceback
from types import TracebackType

from quads_tui.rollout.scrub import SECRETS


class ScrubbedFormatter(logging.Formatter):
    """Lines as ever, with a mask in place of each secret; tracebacks too."""

    def format(self, record: logging.LogRecord) -> str:
        return SECRETS.scrub(super().format(record))


def scrub_output() -> None:
    """From now on secrets are masked in log lines and in the traceback of an error that ends the process."""
    if logging.lastResort is not None:  # the program adds no handler of its own
        logging.lastResort.setFormatter(ScrubbedFormatter())
    sys.excepthook = _print_scrubbed


def _print_scrubbed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(SECRETS.scrub("".join(traceback.format_exception(kind, error, trace))))
