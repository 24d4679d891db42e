"""Times that an operator gives to an option (`--at`, `--until`)."""

from __future__ import annotations

from datetime import timedelta

from quads_tui.inputs import BadTime, local_zone, parsed
from quads_tui.rollout.text import clean

from .options import Usage


def given_time(option: str, text: str, hint: str = "") -> float:
    """Real time; in this machine's time zone where the text has no offset. `hint`: what else the option takes.

    Raises InputError, and Usage for what is no time, or one that is skipped or comes twice there.

    A local time that comes twice is refused, with both offsets: the operator can give the offset, and an hour too early or too
    late may miss the maintenance window.
    """
    zone = local_zone()
    shown = clean(text, 80)
    try:
        given = parsed(text)
        if given.tzinfo is not None:
            return given.timestamp()
        skipped, moments = zone.skipped(given), zone.moments(given)
        odd = zone.oddity(given)
    except BadTime as bad:
        more = f"; {hint}" if hint else ""
        raise Usage(f"{option} {shown}: {bad}; add an offset such as +01:00 for another time zone{more}") from None
    if skipped:
        _, before, after = skipped
        near = f"{before - timedelta(minutes=1):%Y-%m-%d %H:%M} or {after:%H:%M}"
        raise Usage(f"{option} {shown}: this time {odd}; the nearest times are {near}")
    if len(moments) > 1:
        both = " or ".join(f'"{given:%Y-%m-%d %H:%M}{zone.offset(at)}"' for at in moments)
        raise Usage(f"{option} {shown}: this time {odd}; add an offset: {both}")
    return moments[0]


def given_limit(text: str, begins: float) -> float:
    """The time of `--until`; `begins`: real time of the start. Raises as `given_time`, and Usage for a time before the start."""
    until = given_time("--until", text)
    if until <= begins:
        start = local_zone().words(begins)
        raise Usage(f"--until {clean(text, 80)}: {local_zone().words(until)} is in the past, or before the start ({start})")
    return until
