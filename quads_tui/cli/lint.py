"""`quads-tui lint`: files checked offline, and what was found in them as lines or as JSON lines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from quads_tui.inputs.lint import CheckedFile, lint
from quads_tui.rollout.text import clean
from quads_tui.runtime.options import Options, emit_json

from .terminal import run_with_exit_status


def lint_files(paths: Sequence[Path], options: Options) -> int:
    """Prints problems and warnings on stdout. 0, or 2 where a file has a problem."""
    return run_with_exit_status(options, lambda: _lint(paths, options))


def _lint(paths: Sequence[Path], options: Options) -> int:
    found = lint(paths, options.site)
    show = _as_json if options.json else _as_text
    show(found)
    return 2 if any(file.problems for file in found) else 0


def _as_text(found: Sequence[CheckedFile]) -> None:
    for file in found:
        for problem in file.problems:
            print(problem)
        for warning in file.warnings:
            print(f"{warning} (warning)")
        if not file.problems:
            print(clean(f"{file.path}: {file.kind}: {file.summary}", 4096))
    print(", ".join(_counted(number, noun) for noun, number in _counts(found).items()), flush=True)


def _as_json(found: Sequence[CheckedFile]) -> None:
    for file in found:
        listed = [("problem", one) for one in file.problems] + [("warning", one) for one in file.warnings]
        for event, one in listed:
            place = {"file": str(one.file), "line": one.line or None, "key": one.key}
            emit_json(event, time.time(), {**place, "message": clean(one.message, 1000)})
    emit_json("lint_finished", time.time(), {f"{noun}s": number for noun, number in _counts(found).items()})


def _counts(found: Sequence[CheckedFile]) -> dict[str, int]:
    problems = sum(len(file.problems) for file in found)
    return {"file": len(found), "problem": problems, "warning": sum(len(file.warnings) for file in found)}


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
