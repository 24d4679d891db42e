"""A validator of the part of JSON Schema that our schemas use; a keyword that it does not know is an error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}
_TEXTS: dict[str, Callable[[str, Any], bool]] = {
    "minLength": lambda text, least: len(text) >= least,
    "maxLength": lambda text, most: len(text) <= most,
    "pattern": lambda text, pattern: re.search(pattern, text) is not None,
}
_NUMBERS: dict[str, Callable[[float, Any], bool]] = {
    "minimum": lambda number, least: number >= least,
    "maximum": lambda number, most: number <= most,
    "exclusiveMinimum": lambda number, least: number > least,
}
_SIZES = {"minItems": (list, 1), "maxItems": (list, -1), "minProperties": (dict, 1), "maxProperties": (dict, -1)}
_WORDS = frozenset({"$schema", "title", "description", "format"})


def problems(schema: Any, value: Any, path: str = "") -> Iterator[str]:
    """What of the value is not as the schema says, each as `path: keyword`."""
    if schema is False:
        yield f"{path}: unknown"
        return
    for keyword, wanted in schema.items():
        if keyword in _WORDS:
            continue
        if keyword == "type":
            kinds = [wanted] if isinstance(wanted, str) else wanted
            good = any(_TYPES[kind](value) for kind in kinds)
        elif keyword == "enum":
            good = value in wanted
        elif keyword == "anyOf":
            good = any(not list(problems(one, value)) for one in wanted)
        elif keyword in _TEXTS:
            good = not isinstance(value, str) or _TEXTS[keyword](value, wanted)
        elif keyword in _NUMBERS:
            good = not _TYPES["number"](value) or _NUMBERS[keyword](value, wanted)
        elif keyword in _SIZES:
            kind, sign = _SIZES[keyword]
            good = not isinstance(value, kind) or sign * len(value) >= sign * wanted
        elif keyword == "required":
            good = not isinstance(value, dict) or all(name in value for name in wanted)
        elif keyword in ("properties", "additionalProperties", "propertyNames", "items"):
            yield from _below(keyword, wanted, schema, value, path)
            continue
        else:
            raise AssertionError(f"{path}: the keyword {keyword} is not known here")
        if not good:
            yield f"{path}: {keyword}"


def _below(keyword: str, wanted: Any, schema: dict[str, Any], value: Any, path: str) -> Iterator[str]:
    if keyword == "items" and isinstance(value, list):
        for index, item in enumerate(value):
            yield from problems(wanted, item, f"{path}[{index}]")
    elif keyword != "items" and isinstance(value, dict):
        for name, member in value.items():
            if keyword == "propertyNames":
                yield from problems(wanted, name, f"{path}.{name}")
            elif keyword == "properties" and name in wanted:
                yield from problems(wanted[name], member, f"{path}.{name}")
            elif keyword == "additionalProperties" and name not in schema.get("properties", {}):
                yield from problems(wanted, member, f"{path}.{name}")
