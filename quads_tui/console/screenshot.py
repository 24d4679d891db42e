"""A screenshot for a ticket: a picture, its text, and the state of the rollout as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from textual.app import App

from .view_context import ViewContext


def screenshot_taken(app: App[Any], context: ViewContext) -> str:
    """Save one in the directory of the rollout; gives the message about it."""
    try:
        kept = save_screenshot(app, context, context.view.directory or Path.cwd())
    except OSError as error:
        return f"no screenshot: {error}"
    return f"saved {kept}.svg, .txt and .json"


def save_screenshot(app: App[Any], context: ViewContext, directory: Path) -> Path:
    """Write three files of one name, readable by the owner only; returns it without an ending. Raises OSError."""
    now = datetime.fromtimestamp(context.clock.wall()).astimezone()
    place = directory / "shots" / f"{now:%Y%m%d-%H%M%S}"
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    rows = app.screen._compositor.render_strips()
    text = "\n".join(row.text.rstrip() for row in rows)
    for ending, content in (
        ("svg", app.export_screenshot()),
        ("txt", f"{text}\n"),
        ("json", json.dumps(state(context), indent=1)),
    ):
        path = place.with_suffix(f".{ending}")
        path.touch(mode=0o600)
        path.write_text(content)
    return place


def state(context: ViewContext) -> dict[str, Any]:
    """The rollout as it stands, as JSON types."""
    rollout, lane = context.rollout, context.meters.lane
    members = ("name", "model", "cloud", "status", "stage", "attempts", "cause", "reason", "note", "armed", "safety", "since")
    return {
        "rollout": rollout.id,
        "at": context.clock.wall(),
        "counts": {status.value: count for status, count in rollout.counts.items() if count},
        "paused": rollout.paused,
        "lane": asdict(lane),
        "hosts": [{member: getattr(host, member) for member in members} for host in rollout.hosts.values()],
    }
