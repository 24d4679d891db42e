"""What is made of the tables of keys: the reference, the JSON schemas for editors and the sample site file.

`python -m quads_tui.inputs.docs [DIRECTORY]` writes them below a checkout (by default the current directory).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .assignment_file import ASSIGNMENT
from .readers import Mapping, Mappings
from .site_file import SITE
from .table import Table

_COMMENTS = 40  # the column in which the comments of the sample begin

_HEAD = """# Configuration

Made by `python -m quads_tui.inputs.docs` from the tables that read the files (`quads_tui/inputs`).

Two kinds of files: the site file names the services, an assignment which hosts are rolled out. Both are YAML, read
strictly: unknown keys, duplicate keys, wrong types, aliases, anchors, tags, more than 20 levels and files over 5 MB are errors
that name file, line and key, all errors of a file at once. Relative paths in a file are relative to that file. Host names compare
in lower case, without a final dot.

`quads-tui lint FILE...` checks assignments, site files and QUADS' exports offline: it prints what is wrong and what should be
known, and ends with exit status 0, or 2 if a file has a problem. With `--site FILE`, or with a site file among them, assignments
are checked against that site too.

Editors with a YAML language server complete and check both kinds of files if the first line names the schema:
`# yaml-language-server: $schema=PATH`, with the path or the address of `docs/site.schema.json` or `docs/assignment.schema.json`.
"""
_ASSIGNMENT = """
## The assignment

One file is one cloud. A file with the two keys `clouds` and `current_schedules` is QUADS' own export and is read too: `--cloud`
picks the cloud, and taken are its schedules that are due when the rollout starts.

"""
_SITE = """
## The site file

The first of: `--site FILE`, `$QUADS_TUI_SITE`, `site.yaml` in `~/.config/quads-tui` (`$XDG_CONFIG_HOME/quads-tui`).
`sample_assignments/site.yaml` has every key with a comment.

"""
_PLACES = """
## Variables and directories

| name | what |
|---|---|
| `QUADS_TUI_SITE` | the site file |
| `QUADS_TUI_STATE`, `--state-dir` | where journals and pinned certificates are; `~/.local/state/quads-tui` |
| `QUADS_TUI_LOCKS` | the directory of the lock files; `/run/lock/quads-tui` ([more](operators.md#two-consoles-on-one-foreman)) |
| `NO_COLOR` | no colours |
"""
# What a mapping's rows do not say; shown below its heading.
_NOTES = {
    "hosts": "An item of `hosts` is a name, or a mapping:",
    "hooks": "Each item of the list is a mapping. [What hooks get and what they are for](fleet.md#quads-own-steps-as-hooks).",
    "limits": "Every limit has a default. `speed` divides the waits and the deadlines of stages, not limits that are counts.",
    "tls": "Of `foreman`, `redfish` and `quads`: exactly one of these. [Which one to take](fleet.md#trust).",
    "password": "Of `foreman`, `redfish` and `quads`: set exactly one. A password as plain text is accepted with a warning.",
    "redfish": "[Addresses, checks and boot devices](fleet.md#addresses) in words.",
}
_SAMPLE = """# yaml-language-server: $schema=../docs/site.schema.json
# Copy this to ~/.config/quads-tui/site.yaml, or name it with --site or $QUADS_TUI_SITE. Relative paths are relative to this file.
"""


def reference() -> str:
    """docs/configuration.md."""
    return (
        _HEAD
        + _ASSIGNMENT
        + "".join(_chapters(ASSIGNMENT))
        + "\n```yaml\n"
        + "".join(f"{line}\n" for line in _lines(ASSIGNMENT, comments=False))
        + "```\n"
        + _SITE
        + "".join(_chapters(SITE))
        + _PLACES
    )


def _chapters(table: Table[Any]) -> Iterator[str]:
    """The table's rows, then each mapping below it once, nearest first."""
    yield _rows(table)
    shown: list[Table[Any]] = []
    waiting = [key for key in table.keys if key.reader.table is not None]
    while waiting:
        key = waiting.pop(0)
        below = key.reader.table
        if below is None or below in shown:
            continue
        shown.append(below)
        note = f"{_NOTES[key.name]}\n\n" if key.name in _NOTES else ""
        yield f"\n### `{key.name}`\n\n{note}{_rows(below)}"
        waiting += [one for one in below.keys if one.reader.table is not None]


def _rows(table: Table[Any]) -> str:
    lines = ["| key | type | default | unit | meaning | sample |", "|---|---|---|---|---|---|"]
    for key in table.keys:
        kind = f"[{key.reader.kind}](#{key.name})" if key.reader.table is not None else key.reader.kind
        default = table.default(key)
        known = "**required**" if key.required else f"`{default}`" if default and not key.default else default
        sample = f"`{key.sample}`" if key.sample else ""
        cells = (f"`{key.name}`", kind, known, key.unit, table.help(key), sample)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def schema(table: Table[Any], title: str) -> str:
    """A JSON Schema, as its file."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return json.dumps({**head, **table.schema()}, indent=2, ensure_ascii=False) + "\n"


def sample_site() -> str:
    """sample_assignments/site.yaml: every key, those that are optional as comments."""
    return _SAMPLE + "".join(f"{line}\n" for line in _lines(SITE))


def _lines(
    table: Table[Any], indent: str = "", *, comments: bool = True, item: bool = False, optional: bool = False
) -> Iterator[str]:
    """The keys as YAML with their samples, else their defaults. `item`: the mapping is one of a list, `optional`: a comment."""
    begin = indent[:-2] + "- " if item else indent
    for key in table.keys:
        below = key.reader.table if isinstance(key.reader, Mapping | Mappings) and not key.sample else None
        value = "" if below is not None else key.sample or table.default(key)
        if below is None and not value:
            continue
        hidden = comments and (optional or key.optional)
        text = f"{'# ' if hidden else ''}{begin}{key.name}: {value}".rstrip()
        unit = f" ({key.unit})" if key.unit else ""
        yield f"{text:<{_COMMENTS - 1}} # {table.help(key)}{unit}" if comments else text
        if below is not None:
            many = isinstance(key.reader, Mappings)
            inner = indent + ("    " if many else "  ")
            yield from _lines(below, inner, comments=comments, item=many, optional=hidden)
        begin = indent


def files() -> dict[str, str]:
    """What is made: path below the checkout to text."""
    return {
        "docs/configuration.md": reference(),
        "docs/assignment.schema.json": schema(ASSIGNMENT, "An assignment of quads-tui: which hosts go to which cloud"),
        "docs/site.schema.json": schema(SITE, "The site file of quads-tui: where the services are"),
        "sample_assignments/site.yaml": sample_site(),
    }


def main(directory: Path = Path()) -> None:
    """Writes them."""
    for name, text in files().items():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*(Path(word) for word in sys.argv[1:]))
