"""One line each of what the boxes over the table show, where there is no room for boxes."""

from __future__ import annotations

from rich.text import Text

from quads_tui.rollout.forecast import Forecast
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.stages import Stage
from quads_tui.rollout.state import Rollout

from .boxes import LATENCIES, hosts_left, writes_remain
from .line import fitted
from .names import brief
from .numbers import duration, latency
from .palette import BAD, QUIET, STAGE_STYLES, STRONG
from .symbols import BRAILLE, Symbols

_GAP = "   "


def queue_line(
    rollout: Rollout, meters: Meters, forecast: Forecast, *, own: float, width: int, symbols: Symbols = BRAILLE
) -> Text:
    """What limits the rollout now, in one line: the write queue, and when all is written, the installs."""
    lane = meters.lane
    if not writes_remain(rollout, meters, forecast):
        line = Text().append(" installs  ", QUIET).append(f"{rollout.at_stage[Stage.INSTALL]:,}", STRONG).append(" under way")
        samples = rollout.durations.samples(None, Stage.INSTALL)
        line.append(f"{_GAP}usually {duration(samples.quantile(0.5))}" if len(samples) else "", QUIET)
        rest = f"{_GAP}nothing left to write"
        return fitted(line.append(rest if line.cell_len + len(rest) <= width else "", QUIET), width, ellipsis=symbols.ellipsis)
    if lane.shut:
        return fitted(Text().append(" writes  ", QUIET).append(f"blocked: {lane.shut}", BAD), width, ellipsis=symbols.ellipsis)
    line = (
        Text()
        .append(" writes  ", QUIET)
        .append(f"{lane.depth:,}", STRONG)
        .append(" ready  ")
        .append(f"{hosts_left(rollout, forecast):,}", STRONG)
    )
    line.append(" left")
    if forecast.writes_per_minute:
        line.append("  ").append(f"{forecast.writes_per_minute:.1f}", STRONG).append("/min")
    last = Text()
    if forecast.written_at is not None:
        last.append("  until about ", QUIET).append(rollout.time.clock(forecast.written_at, forecast.at), STRONG)
    right = Text()
    for begin, middle in (("writing ", " for "), ("now ", " ")) if lane.in_flight else ():
        flight = lane.in_flight[0]
        right = Text(begin, QUIET).append(brief(flight.host), STAGE_STYLES[Stage.FOREMAN_BUILD])
        right.append(f"{middle}{duration(max(0.0, own - flight.since))} ")
        if line.cell_len + last.cell_len + 1 + right.cell_len <= width:
            break
    line.append_text(last if line.cell_len + last.cell_len + 1 + right.cell_len <= width else Text())
    return fitted(line, width, right, ellipsis=symbols.ellipsis)


def latency_line(meters: Meters, speed: float, width: int, symbols: Symbols = BRAILLE) -> Text:
    """The median latencies of the last minutes in one line."""
    seconds = max(60, round(LATENCIES / speed))
    parts, errors = [], 0
    ipmi = bool(meters.ipmi.over(seconds).exchanges)
    for name, meter in (
        ("Redfish", meters.redfish),
        *((("IPMI", meters.ipmi),) if ipmi else ()),
        ("read" if ipmi else "Foreman read", meters.foreman_reads),
        ("write", meters.foreman_writes),
    ):
        window = meter.over(seconds)
        errors += window.errors
        figure = latency(window.p50) if window.exchanges else "none"
        parts.append(Text("  ").append(f"{name} ", QUIET).append(figure, "" if window.exchanges else QUIET))
    told = f"{errors:,} requests failed " if errors else "all requests answered "
    brief_told = f"{errors:,} failed " if errors else "all answered "
    least = " median: "
    while sum(part.cell_len for part in parts) + len(least) + len(brief_told) > width + 1 and len(parts) > 1:
        parts.pop()
    line = Text().join(parts)[2:]
    first = " median latency: "
    whole = f"{told}in {duration(seconds * speed)} "
    for label, words in ((first, whole), (least, whole), (first, told), (least, told), (least, brief_told), (" ", brief_told)):
        if len(label) + line.cell_len + 1 + len(words) <= width:
            break
    right = Text(words, STRONG if errors else QUIET)
    return fitted(Text(label, QUIET).append_text(line), width, right, ellipsis=symbols.ellipsis)
