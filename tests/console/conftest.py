"""For the tests of screens: textual's pilot waits until the process has nothing to do, and no longer than a second; of granted time."""

from __future__ import annotations

from typing import Any

import textual._wait
from textual.css.stylesheet import Stylesheet

from tests.clocks import granted

textual._wait.monotonic = granted  # type: ignore[attr-defined]

_parse = Stylesheet._parse_rules
_parsed: dict[tuple[Any, ...], Any] = {}


def _parsed_once(sheet: Stylesheet, *rules: Any, **more: Any) -> Any:
    """Every app has the same rules; to parse them is a tenth of a short test."""
    key = (rules, tuple(more.items()), tuple(sheet._variables.items()))
    if key not in _parsed:
        _parsed[key] = _parse(sheet, *rules, **more)
    return _parsed[key]


Stylesheet._parse_rules = _parsed_once  # type: ignore[method-assign]
