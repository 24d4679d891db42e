"""No import circles, neither at run time nor between modules that only know each other under TYPE_CHECKING."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import quads_tui

PACKAGE = Path(quads_tui.__file__).parent
_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+\S+[ \t]+import[ \t]*(?:\([^)]*\)|\S.*)|import[ \t]+\S.*)$", re.MULTILINE)
# `python -m tests.test_rooms` lists all circles that there are, with the imports that make them.


@cache
def modules() -> dict[str, Path]:
    """Dotted name to file, for the whole package."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(source: str) -> Iterator[ast.AST]:
    """Import statements, wherever they stand; each begins a line. What looks like one is parsed, and all if it is none."""
    try:
        yield from (node for found in _IMPORT.findall(source) for node in ast.parse(found.lstrip()).body)
    except SyntaxError:
        yield from ast.walk(ast.parse(source))


def imported(name: str, source: str, *, package: bool, known: Iterable[str]) -> set[str]:
    """The modules of `known` that this one's imports name, wherever they stand: in functions and under TYPE_CHECKING too.

    `from a import b` is the module a.b where there is one, and a where b is something else of it. The packages around a module
    are not counted as imported by it, though Python runs them first: else each package that offers its parts would be a circle.
    """
    found: set[str] = set()
    base = name if package else name.rpartition(".")[0]
    for node in imports(source):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = base.rsplit(".", node.level - 1)[0] if node.level else ""
            module = ".".join(part for part in (above, node.module) if part)
            found.update(one if (one := f"{module}.{alias.name}") in known else module for alias in node.names)
    return (found & set(known)) - {name}


@cache
def graph() -> dict[str, frozenset[str]]:
    """Module to the modules that it imports."""
    known = modules()
    return {
        name: frozenset(imported(name, path.read_text(), package=path.name == "__init__.py", known=known))
        for name, path in known.items()
    }


def circles(edges: dict[str, frozenset[str]]) -> list[list[str]]:
    """The strongly connected components of more than one node (Tarjan), each sorted."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in edges[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = [stack.pop()]
            while component[-1] != node:
                component.append(stack.pop())
            if len(component) > 1:
                found.append(sorted(component))

    for node in edges:
        if node not in index:
            visit(node)
    return sorted(found)


def account() -> Iterator[str]:
    """Each circle of the package with the imports that make it."""
    for circle in circles(graph()):
        yield f"circle of {len(circle)}: {', '.join(circle)}"
        for name in circle:
            yield f"  {name} imports {', '.join(sorted(graph()[name] & set(circle)))}"


def test_no_module_stands_in_a_circle() -> None:
    assert len(graph()) > 200  # the modules are found
    assert not circles(graph()), "\n".join(account())


def test_no_file_is_longer_than_anybody_reads_at_once() -> None:
    long = {
        str(path.relative_to(PACKAGE)): count
        for path in PACKAGE.rglob("*.py")
        if (count := len(path.read_text().splitlines())) > 450
    }
    assert not long


SOURCE = """
from __future__ import annotations
from typing import TYPE_CHECKING
import p.a
if TYPE_CHECKING:
    from . import b
    from .c import Thing
def late():
    from ..outside import something
    from .d import (  # (these)
        it,
    )
    from outside import p
"""


def test_imports_are_found_wherever_they_stand() -> None:
    known = {"p", "p.a", "p.b", "p.c", "p.d", "p.d.e", "p.self"}
    assert imported("p.self", SOURCE, package=False, known=known) == {"p.a", "p.b", "p.c", "p.d"}
    nested = "from ..c import x\nfrom . import e\nfrom .. import nothing"
    assert imported("p.d.e", nested, package=False, known=known) == {"p.c", "p"}
    assert imported("p.d", "from .e import x\nfrom .. import c", package=True, known=known) == {"p.c", "p.d.e"}


def test_circles_of_two_and_more_are_found_and_trees_are_not() -> None:
    edges = {"a": "bd", "b": "c", "c": "a", "d": "e", "e": "", "f": "g", "g": "f"}
    assert circles({name: frozenset(others) for name, others in edges.items()}) == [["a", "b", "c"], ["f", "g"]]


if __name__ == "__main__":
    print("\n".join(account()) or "no circles")
