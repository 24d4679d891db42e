"""`:export FORMAT [FILE]`: the shown hosts, in the shown order, as a file for other programs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from quads_tui.render.export import FORMATS, Facts, host_facts
from quads_tui.render.numbers import count

from .dialogs import Question
from .private_file import numbered, write_private
from .view_context import ViewContext

_PIECE = 50  # hosts whose words are made in one go: 3 ms


def export(app: Any, context: ViewContext, names: Sequence[str], words: str) -> None:
    """Write these hosts into a file of its own or, after a question where it exists, into the one that `words` name."""
    format, _, given = words.partition(" ")
    if format not in FORMATS:
        app.flash(f"export: give the format, {' or '.join(FORMATS)}, and a file name if you want one")
    elif not names:
        app.flash("export: no host is shown, nothing was written")
    elif not given.strip():
        now = datetime.fromtimestamp(context.clock.wall()).astimezone()
        directory = (context.view.directory or Path.cwd()) / "exports"
        app.in_background(_write(app, context, list(names), format, directory / f"{now:%Y%m%d-%H%M%S}.{format}", False))
    else:
        app.in_background(_write_given(app, context, list(names), format, given.strip()))


async def _write_given(app: Any, context: ViewContext, names: list[str], format: str, given: str) -> None:
    def look() -> tuple[Path, bool, bool]:
        path = Path(given).expanduser().absolute()
        return path, path.is_dir(), path.exists() or path.is_symlink()

    def agreed(answer: str | None) -> None:
        if answer == "y":
            app.in_background(_write(app, context, names, format, path, True))
        else:
            app.flash("export: nothing was written")

    try:
        path, is_directory, is_taken = await asyncio.to_thread(look)
    except (OSError, RuntimeError) as error:  # a user who does not exist, a directory that this user may not look into
        app.flash(f"export: {given} cannot be written: {error}")
        return
    if is_directory:
        app.flash(f"export: {path} is a directory; give the name of a file")
    elif is_taken:
        lines = [f"Replace the file {path}?", f"The new file will contain {count(len(names), 'host')} as {format}."]
        app.ask(Question(lines, {"n": "no", "y": "yes"}, context.monotonic), agreed)
    else:
        await _write(app, context, names, format, path, None)


async def _write(app: Any, context: ViewContext, names: list[str], format: str, path: Path, replace: bool | None) -> None:
    """`replace`: what is at `path`. False: take a number beside it instead; None: refuse if somebody was faster."""
    rows: list[Facts] = []
    for place, name in enumerate(names):
        host = context.rollout.hosts[name]
        rows.append(host_facts(host, context.rollout, state=context.word(host).value, note=context.why(host)))
        if place % _PIECE == _PIECE - 1:
            await asyncio.sleep(0)  # provisioning comes first

    def work() -> Path:
        free = numbered(path) if replace is False else path
        write_private(free, FORMATS[format](rows), replace=bool(replace))
        return free

    try:
        written = await asyncio.to_thread(work)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        app.flash(f"export: {path} was not written: {why}")
    else:
        app.flash(f"{written.absolute()} has {count(len(rows), 'host')}")
