"""The texts that an operator reads: `python -m tests.texts --count 100 --seed 1` draws some at random, to be read cold."""

from __future__ import annotations

import argparse
import ast
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "quads_tui"
GAP = "…"  # what is put into an f-string
_WORD = re.compile(r"[A-Za-z][A-Za-z'’]+")
_WORDS = 3  # at least
# What the emulators answer are the words of Foreman and of the vendors; only their command speaks for itself.
_OTHERS_WORDS = re.compile(r"emulators/(?!process\.py$|__main__\.py$)")
_QUERY = re.compile(
    r"^\s*(select (.* from |[a-z_.]+\()|listen \w+$|insert (or \w+ )?into |update [\w.]+ set |delete from |create |alter table |pragma "
    r"|begin immediate)",
    re.I,
)
_MARKUP = re.compile(r"<!DOCTYPE|</|<\w+ [\w-]+=|\{[^}]*:[^}]*[;}]")  # HTML, SVG, CSS
# For programs: regular expressions, types, colours, a content policy.
_CODE = re.compile(r"\\[bdswA]|\(\?[:!=<]|\w\)\?|\| None$|^(bold|black) .*\b(on|#|reverse)\b|^default-src ")
_COMPARING = {"startswith", "endswith", "partition", "rpartition", "split", "match", "fullmatch", "search", "sub"}
_COMPARING |= {"compile", "_any_case"}  # patterns
_LOGGING = {"debug", "info", "warning", "error", "exception"}
_INTERNAL = {"RuntimeError", "AssertionError", "NotImplementedError", "TypeError", "TypeVar", "NewType"}


@dataclass(frozen=True, slots=True)
class Text:
    path: str  # below the package
    line: int
    words: str

    def __str__(self) -> str:
        return f"quads_tui/{self.path}:{self.line}: {self.words}"


@cache
def texts() -> tuple[Text, ...]:
    """Every literal of the package with at least three words, unless it is known to be for programs or programmers."""
    found: list[Text] = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not _OTHERS_WORDS.match(name):
            tree = ast.parse(path.read_text())
            found += [Text(name, line, words) for line, words in _of(tree, docstrings=name == "cli/main.py")]
    return tuple(found)


def _of(node: ast.AST, *, docstrings: bool) -> Iterator[tuple[int, str]]:
    """`docstrings`: those of functions are shown, as click does with those of its commands."""
    match node:
        case ast.JoinedStr():
            yield from _shown(node, "".join(_part(value) for value in node.values))
            for value in node.values:
                if isinstance(value, ast.FormattedValue):
                    yield from _of(value.value, docstrings=docstrings)
        case ast.Constant(value=str(words)):
            yield from _shown(node, words)
        case ast.Expr(value=ast.Constant()) | ast.Compare() | ast.Assert() | ast.AnnAssign(value=None):
            pass
        case ast.Call(func=function) if _named(function) & (_COMPARING | _INTERNAL) or _logs(function):
            pass
        case ast.Assign(targets=[ast.Name(id=name)]) if "CSS" in name:
            pass
        case ast.FunctionDef(decorator_list=[_, *_]) if docstrings and (help_text := ast.get_docstring(node)):
            yield node.lineno, " ".join(help_text.split())
            yield from _below(node, docstrings=docstrings)
        case _:
            yield from _below(node, docstrings=docstrings)


def _below(node: ast.AST, *, docstrings: bool) -> Iterator[tuple[int, str]]:
    for child in ast.iter_child_nodes(node):
        yield from _of(child, docstrings=docstrings)


def _part(value: ast.expr) -> str:
    return str(value.value) if isinstance(value, ast.Constant) else GAP


def _shown(node: ast.expr, words: str) -> Iterator[tuple[int, str]]:
    if len(_WORD.findall(words)) >= _WORDS and " " in words and not any(no.search(words) for no in (_QUERY, _MARKUP, _CODE)):
        yield node.lineno, " ".join(words.split())


def _named(function: ast.expr) -> set[str]:
    return {function.attr} if isinstance(function, ast.Attribute) else {function.id} if isinstance(function, ast.Name) else set()


def _logs(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and function.attr in _LOGGING and _named(function.value) <= {"log", "_log"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="How many; 0: all.")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    found = texts()
    drawn = random.Random(given.seed).sample(found, min(given.count, len(found))) if given.count else found
    for text in sorted(drawn, key=lambda text: (text.path, text.line)):
        print(text)
    print(f"{len(drawn)} of {len(found)}")


if __name__ == "__main__":
    main()
