"""One host in full: facts, stages, timeline."""

from __future__ import annotations

from datetime import datetime

from rich.text import Text

from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import HostState

from .host_row import GLYPHS, STYLES, cut


def detail_lines(host: HostState, *, now: float, speed: float, width: int, height: int) -> list[Text]:
    """At most `height` lines, the newest of the timeline last."""
    head = Text(cut(f" {host.name}  {host.model}  BMC {host.address}", width), "bold")
    state = f" {host.status.value.upper()}" + (f" at {host.stage.value}" if host.stage else "")
    state += f", attempt {host.attempt}" if host.attempt else ""
    if host.status is HostStatus.WAITING and host.until:
        state += f", next attempt in {max(0.0, (host.until - now) * speed):.0f} s"
    state += "  ARMED: the next boot wipes it" if host.armed else ""
    lines = [head, Text(cut(state, width), STYLES[host.status])]
    if host.cause:
        lines.append(Text(cut(f" cause {host.cause.value}: {host.reason}", width), STYLES[host.status]))
    stages = "  ".join(f"{GLYPHS[host.marks[s]] if s in host.marks else '·'} {s.value} {host.attempts.get(s, '')}" for s in Stage)
    lines += [Text(cut(f" {stages}", width)), Text(" " * width)]
    room = max(0, height - len(lines))
    for line in list(host.timeline)[-room:] if room else []:
        stamp = datetime.fromtimestamp(line.at).astimezone().strftime("%H:%M:%S")
        lines.append(Text(cut(f" {stamp} {line.stage.short if line.stage else '':3} {line.text}", width)))
    return lines
