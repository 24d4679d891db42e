"""What the documents say is so: links, commands, quoted messages, causes, rooms and dependencies."""

from __future__ import annotations

import ast
import configparser
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement

from quads_tui.cli.main import cli
from quads_tui.rollout.causes import Cause

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "sample_assignments/README.md"])
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
_FENCE = re.compile(r"^```.*?^```[^\n]*$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@cache
def text_of(name: str) -> str:
    return (ROOT / name).read_text()


# Links


@pytest.mark.parametrize("name", NAMES)
def test_each_relative_link_and_anchor_exists(name: str) -> None:
    prose = _SPAN.sub("", _FENCE.sub("", text_of(name)))
    for target in _LINK.findall(prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (ROOT / name).parent / path if path else ROOT / name
        assert found.exists(), f"{name}: there is no {target}"
        if anchor:
            assert anchor in anchors(found), f"{name}: no heading of {found.name} makes #{anchor}"


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub makes of a document's headings."""
    made: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?) *$", _FENCE.sub("", path.read_text()), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        count = sum(one == slug or re.fullmatch(rf"{re.escape(slug)}-\d+", one) is not None for one in made)
        made.add(f"{slug}-{count}" if count else slug)
    return made


def test_every_document_is_linked_from_the_readme() -> None:
    linked = {target.partition("#")[0] for target in _LINK.findall(text_of("README.md"))}
    assert set(NAMES) - {"README.md"} <= linked


# Commands

_PROGRAM = re.compile(r"(?:(?<![\w/.~@-])|(?<=bin/))quads-tui(?![\w/@.-])")
_VALUES = {"N": "5", "X": "2", "D": "2026-11-29", "TIME": "2026-11-29 22:00", "PROFILE": "chaos", "cloudNN": "cloud02"}


def command_lines() -> Iterator[tuple[str, str]]:
    """The document, and what stands behind each `quads-tui` in a code span, in a code block or in a unit's ExecStart."""
    for name in NAMES:
        blocks = "\n".join(_FENCE.findall(text_of(name)))
        code = [*_SPAN.findall(_FENCE.sub("", text_of(name))), *re.sub(r"(?m)(^|\s)#.*$", "", blocks).splitlines()]
        for line in code:
            yield from ((name, arguments(line[found.end() :])) for found in _PROGRAM.finditer(line))
    for unit in ROOT.glob("docs/*.service"):
        for line in re.findall(r"(?m)^ExecStart=(.+)$", unit.read_text()):
            yield str(unit.relative_to(ROOT)), arguments(line[_PROGRAM.search(line).end() :])  # type: ignore[union-attr]


def test_a_worker_is_started_again_when_its_machine_is() -> None:
    """`systemctl enable` takes no unit without it."""
    unit = configparser.ConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(text_of("docs/quads-tui-worker@.service"))
    assert unit["Install"]["WantedBy"] == "multi-user.target"


def arguments(rest: str) -> str:
    """Up to where the shell ends the command."""
    return re.split(r" && | \| |;|>|\)", rest.replace("\\|", "|"))[0].rstrip('" ')


COMMANDS = sorted(set(command_lines()))


@pytest.mark.parametrize(("name", "line"), COMMANDS, ids=[f"{name}:{line}" for name, line in COMMANDS])
def test_each_command_line_is_one_that_the_program_takes(name: str, line: str) -> None:
    words = [word for word in re.split(r"[\s|]+", re.sub(r"[\[\]]", " ", line.replace("…", ""))) if word]
    if not words or words[0].startswith("-"):
        assert all(word in options(cli) for word in words if word.startswith("-")), line
        return
    command = cli.commands.get(words[0])
    assert command is not None, f"{name}: quads-tui has no command {words[0]}"
    deep = 2 if isinstance(command, click.Group) else 1  # words of the command's own name
    if isinstance(command, click.Group):
        command = command.commands.get(words[1])
        assert command is not None, f"{name}: quads-tui {words[0]} has no command {words[1]}"
    known = options(command)
    for word in words[1:]:
        assert not word.startswith("--") or word in known, f"{name}: quads-tui {words[0]} has no option {word}"
    for parameter in command.params:
        if isinstance(parameter.type, click.Choice) and "|" in line:
            given = re.search(r"(\S+\|\S+)$", line)
            assert given is None or set(given[1].split("|")) <= set(parameter.type.choices), line
    if not re.search(r"[|\[]", line):  # no synopsis: click itself must take it
        concrete = [_VALUES.get(word, word) for word in shlex.split(line)]
        command.make_context(words[0], concrete[deep:])


def options(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help", "-h"}


def test_every_command_is_in_the_readme() -> None:
    named = {line.split()[0] for name, line in COMMANDS if name == "README.md" and line.split()}
    assert set(cli.commands) <= named


def test_the_command_that_ci_runs_is_one_line() -> None:
    assert sum("'.[dev]'" in line for line in text_of("README.md").splitlines()) == 1


# Messages


@cache
def literals(source: str) -> tuple[str, ...]:
    """Every text of a module; what is put into an f-string is a NUL."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values]
            found.append("".join(parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
    return tuple(found)


def quotes() -> list[str]:
    """Messages at the beginning of a table's row, but for those of other programs."""
    ours = text_of("docs/troubleshooting.md").partition("\n## It does not start")[2].partition("\n## Causes")[0]
    return re.findall(r"(?m)^\| `([^`]+)`", ours)


def test_each_quoted_message_is_one_of_the_program() -> None:
    sources = [path.read_text() for path in (ROOT / "quads_tui").rglob("*.py")]
    for quote in quotes():
        parts = [part.strip() for part in quote.split("…")]
        wanted = re.compile(".*".join(map(re.escape, parts)), re.DOTALL)
        words = re.findall(r"\w+", quote)  # only modules that have them all are parsed: no other one says it
        texts = (text for source in sources if all(word in source for word in words) for text in literals(source))
        assert any(wanted.search(text) for text in texts), f"docs/troubleshooting.md quotes {quote!r}, which nothing says"


def test_every_cause_is_explained() -> None:
    causes = text_of("docs/troubleshooting.md").partition("\n## Causes")[2].partition("\n## ")[0]
    assert re.findall(r"(?m)^\| `([^`]+)`", causes) == [cause.value for cause in Cause]


# Rooms


def test_every_room_is_drawn_and_described() -> None:
    page = text_of("docs/architecture.md")
    drawing = "".join(_FENCE.findall(page))
    for path in (ROOT / "quads_tui").iterdir():
        if (path / "__init__.py").exists():
            assert re.search(rf"(?m)^\| `{path.name}/` \|", page), f"docs/architecture.md does not describe {path.name}/"
            assert re.search(rf"\b{path.name}\b", drawing), f"docs/architecture.md does not draw {path.name}"


def test_every_file_that_the_architecture_names_is_there() -> None:
    for span in _SPAN.findall(_FENCE.sub("", text_of("docs/architecture.md"))):
        if re.fullmatch(r"\w+/[\w/]+(\.py|/)", span):
            assert (ROOT / "quads_tui" / span).exists(), f"docs/architecture.md: there is no {span}"


def may_import() -> dict[str, set[str]]:
    rows = re.findall(r"(?m)^\| `(\w+)/` \|[^|]*\|([^|]*)\|", text_of("docs/architecture.md"))
    return {room: set(_SPAN.findall(allowed.partition(";")[0])) for room, allowed in rows}


@pytest.mark.parametrize("room", may_import())
def test_a_room_imports_what_the_architecture_allows(room: str) -> None:
    found: set[str] = set()
    for path in (ROOT / "quads_tui" / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            found |= {name.split(".")[1] for name in names if name.startswith("quads_tui.")}
    assert found - {room} <= may_import()[room]


# Dependencies


def test_every_dependency_has_its_reason_in_the_readme() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    extras = [text for texts in project["optional-dependencies"].values() for text in texts]
    wanted = [name for text in [*project["dependencies"], *extras] if (name := Requirement(text).name) != project["name"]]
    section = text_of("README.md").partition("\n## Dependencies")[2].lower()
    assert not [name for name in wanted if not re.search(rf"(?<![\w-]){re.escape(name.lower())}(?![\w-])", section)]
