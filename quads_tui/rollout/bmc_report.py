"""What a BMC tells of its machine when an operator asks: where its boot is, when it last booted, the newest of its event log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from .text import clean

SEL_LINES = 5  # of the event log
_TEXT = 200  # characters of a fact


class LogLine(NamedTuple):
    """One entry of the BMC's event log, as the BMC wrote it. `when`: its own clock, which nobody has set right."""

    when: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BmcReport:
    """Clean text, empty where the BMC does not tell it. `error`: why there is nothing at all.

    `progress`: BootProgress.LastState; `post`: the maker's own word for its self-test; `override`: what the next boot is to be;
    `last_reset`: LastResetTime. `missing`: what could not be read, and why. `sel`: the newest first.
    """

    power: str = ""
    progress: str = ""
    post: str = ""
    last_reset: str = ""
    override: str = ""
    sel: tuple[LogLine, ...] = ()
    missing: tuple[str, ...] = ()
    error: str = ""

    def facts(self) -> dict[str, Any]:
        """As JSON types."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def words(self) -> str:
        """In one line."""
        if self.error:
            return f"no report from the BMC: {self.error}"
        facts = (f"power {self.power}", self.progress, self.post, f"last boot {self.last_reset}")
        return f"the BMC reports: {', '.join(fact for fact in facts if not fact.endswith(' ') and fact)}"


def report_from(facts: object) -> BmcReport:
    """The inverse of `facts`; what is none of it is left out: journals are files."""
    told = facts if isinstance(facts, Mapping) else {}

    def text(name: str) -> str:
        return clean(told.get(name, ""), _TEXT)

    sel, missing = told.get("sel"), told.get("missing")
    lines = [one for one in sel if isinstance(one, list | tuple) and len(one) == 2] if isinstance(sel, list | tuple) else []
    return BmcReport(
        power=text("power"),
        progress=text("progress"),
        post=text("post"),
        last_reset=text("last_reset"),
        override=text("override"),
        sel=tuple(LogLine(clean(when, 40), clean(words, _TEXT)) for when, words in lines[:SEL_LINES]),
        missing=tuple(clean(why, _TEXT) for why in missing[:SEL_LINES]) if isinstance(missing, list | tuple) else (),
        error=text("error"),
    )
