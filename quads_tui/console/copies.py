"""Where a copied text goes: into the paste buffer of tmux, else to the terminal (OSC 52), else into a file. It is always said."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path

from quads_tui.render.detail import as_text
from quads_tui.render.numbers import count

from .private_file import numbered, write_private
from .view_context import ViewContext

log = logging.getLogger(__name__)

TmuxBuffer = Callable[[str], Awaitable[None]]
"""Puts a text into the paste buffer of tmux; raises an error of the program, whose text says why, where that fails."""

OSC_52_LIMIT = 50_000  # bytes; terminals accept between 74 and 100 KB of base64
_DEAF = ("linux", "dumb", "vt", "ansi", "cons", "screen")  # beginnings of TERM that know no OSC 52 (screen: without tmux)


def takes_osc_52(text: str, environ: Mapping[str, str] | None = None) -> bool:
    """Whether the terminal may take the text into its clipboard. Nobody can ask it; these certainly do not."""
    given = os.environ if environ is None else environ
    term = given.get("TERM", "")
    deaf = not term or term.startswith(_DEAF) or "STY" in given
    return not deaf and len(text.encode(errors="replace")) <= OSC_52_LIMIT


def copied_hosts(context: ViewContext, names: list[str]) -> tuple[str, str]:
    """The text for one host (its details and history) or several (their names), and what it is."""
    if len(names) != 1:
        return "\n".join(names), f"{count(len(names), 'host name')}"
    host = context.rollout.hosts[names[0]]
    text = as_text(host, context.view.exchanges(host.name), now=context.clock.wall(), time=context.rollout.time)
    return text, f"the details of {host.short}"


def keep_copy(directory: Path, text: str) -> Path:
    """Write it into a file of its own below `directory`, for the owner only. Raises OSError."""
    path = numbered(directory / "copies" / f"{datetime.now().astimezone():%Y%m%d-%H%M%S}.txt")
    write_private(path, text if text.endswith("\n") else f"{text}\n")
    return path
