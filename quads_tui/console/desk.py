"""What all screens of a console look at, and the little that they share. It owns nothing of the rollout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from quads_tui.render.symbols import BRAILLE, Symbols
from quads_tui.rollout.exchanges import Exchanges
from quads_tui.rollout.meters import Meters
from quads_tui.rollout.ports import Clock
from quads_tui.rollout.state import Rollout


@dataclass(slots=True)
class Desk:
    """`read_only`: why no act may be ordered from here, in words; empty: these are the keys."""

    rollout: Rollout
    meters: Meters
    clock: Clock
    monotonic: Callable[[], float]
    title: str = ""
    warnings: Sequence[str] = ()
    exchanges: Exchanges = field(default=lambda host: ())
    read_only: str = ""
    symbols: Symbols = BRAILLE
    flash: str = ""  # one line above the keys, until the next one
    lag: float = 0.0  # p99 lateness of the loop, seconds
    last_key: float = 0.0  # monotonic
