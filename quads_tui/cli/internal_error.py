"""Errors of the program itself: one line on stderr, the details in a file of their own, and exit status 70."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path

from quads_tui.rollout.scrub import SECRETS
from quads_tui.rollout.text import clean
from quads_tui.runtime.options import notify

INTERNAL = 70  # exit status (EX_SOFTWARE)
_MAX_FILE = 1_000_000  # characters of the file of one process
_USER_INFO = re.compile(r"//[^/@\s]*@")  # user and password in a URL


class ErrorLog(logging.Handler):
    """Of a process: what its rooms log as warnings are lines on stderr; errors with a traceback go to a file, named once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._path = ""
        self._size = 0

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(Exception):
            words = clean(record.getMessage(), 300)
            if record.exc_info and record.exc_info[1] is not None:
                first = not self._path
                place = self.keep(record.exc_info[1], words)
                if first:
                    notify(f"quads-tui: internal error ({words}); details: {place}; later errors are added there")
            else:
                notify(words)

    def thread_ended(self, how: threading.ExceptHookArgs) -> None:
        """As threading.excepthook: Python itself would print the traceback on the screen, with what secrets are in it."""
        name = how.thread.name if how.thread is not None else "unknown"
        logging.getLogger(__name__).error("%s in the thread %s", how.exc_type.__name__, name, exc_info=how.exc_value)

    def keep(self, error: BaseException, words: str) -> str:
        """Add it to the file; returns where that is, or why it could not be written. Local variables are not kept."""
        lines = SECRETS.scrub("".join(traceback.format_exception(error)))
        text = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {words}\n{_USER_INFO.sub('//****@', lines)}\n"
        try:
            if not self._path:
                import tempfile

                descriptor, self._path = tempfile.mkstemp(".txt", "quads-tui-error-")  # 0600
                os.close(descriptor)
            if self._size < _MAX_FILE:
                self._size += len(text)
                with Path(self._path).open("a", encoding="utf-8", errors="replace") as file:
                    file.write(text)
        except OSError as why:
            return f"not kept ({clean(why)})"
        return self._path

    def report(self, error: BaseException) -> int:
        """Report what ended the command; returns the exit status."""
        frames = traceback.extract_tb(error.__traceback__)
        where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
        place = self.keep(error, "the command ended with an internal error")
        notify(f"quads-tui: internal error: {type(error).__name__}{where}; details: {place}")
        return INTERNAL
