"""Breaks at random: small changes of the syntax tree that a tired programmer might make."""

from __future__ import annotations

import ast
import difflib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .bench import ROOT, Copy
from .reach import Reach

MODULES = (
    "engine/gate.py",
    "engine/lane.py",
    "engine/write_queue.py",
    "engine/writes.py",
    "engine/flow.py",
    "engine/host_stages.py",
    "engine/executor.py",
    "engine/commands.py",
    "engine/resumption.py",
    "engine/resume_state.py",
)
TESTS = ("tests/engine",)  # that must notice breaks of MODULES
OTHER_TESTS = ("tests/rollout", "tests/inputs", "tests/engine", "tests/services", "tests/journal")  # and of any other module

_SWAPS: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Lt: ast.LtE(), ast.LtE: ast.Lt(), ast.Gt: ast.GtE(), ast.GtE: ast.Gt(), ast.Eq: ast.NotEq(), ast.NotEq: ast.Eq(),
    ast.Is: ast.IsNot(), ast.IsNot: ast.Is(), ast.In: ast.NotIn(), ast.NotIn: ast.In(),
}  # fmt: skip
_NAMES = {"any": "all", "all": "any", "min": "max", "max": "min"}


@dataclass(frozen=True, slots=True)
class Break:
    """One change of one module (a path below quads_tui)."""

    module: str
    line: int
    kind: str
    before: str  # the whole module
    text: str  # as it is with the change
    lines: tuple[int, ...]  # of the statement that is changed, a compound one's head

    @property
    def place(self) -> str:
        return f"{self.module}:{self.line}"


def breaks(modules: Sequence[str], count: int, seed: int) -> list[Break]:
    """`count` of all breaks of these modules, each as likely as any other; the same for the same seed and code."""
    possible = [made for module in modules for made in _all(module, source(module))]
    random.Random(seed).shuffle(possible)
    return possible[:count]  # more of them begin with the same ones


def source(module: str) -> str:
    return (ROOT / "quads_tui" / module).read_text()


def judge(copy: Copy, made: Break, reach: Reach) -> str:
    """What noticed the break, in words; empty: it survived."""
    tests = reach.tests(made.module, made.lines)
    if not tests:
        return ""  # no test comes there
    with copy.broken(made.module, made.text):
        return copy.test_reached(tests, reach).noticed


def diff(made: Break) -> str:
    lines = difflib.unified_diff(made.before.splitlines(), made.text.splitlines(), made.module, "broken", lineterm="", n=2)
    return "\n".join(list(lines)[2:])


def _all(module: str, text: str) -> Iterator[Break]:
    lines = text.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    data = text.encode()
    tree = ast.parse(text)
    statements = [(node, node.lineno, node.end_lineno or 0) for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    for node, kind, instead in _sites(tree):
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        broken = (data[:begin] + instead.encode() + data[end:]).decode()
        if broken != text:
            yield Break(module, node.lineno, kind, text, broken, _lines(node, statements))


def _lines(node: ast.expr | ast.stmt, statements: list[tuple[ast.stmt, int, int]]) -> tuple[int, ...]:
    """The node's own, and those of the innermost statement round it, as far as its body. A jump has no line event of its own.

    `statements`: each with its first and its last line.
    """
    first, last = node.lineno, node.end_lineno or 0
    around = [(until - begin, one) for one, begin, until in statements if begin <= first and last <= until]
    if isinstance(node, ast.Break | ast.Continue):
        around = [(size, one) for size, one in around if one is not node]
    _, inner = min(around, key=lambda pair: pair[0])
    body = getattr(inner, "body", None)
    end = body[0].lineno - 1 if body else inner.end_lineno or inner.lineno
    own = range(node.lineno, (node.end_lineno or node.lineno) + 1) if isinstance(node, ast.expr) else range(0)
    return tuple(sorted({*range(inner.lineno, max(inner.lineno, end) + 1), *own}))


Site = tuple[ast.expr | ast.stmt, str, str]  # what stands there, the kind of the change, what stands there instead


def _sites(tree: ast.AST) -> Iterator[Site]:
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.JoinedStr | ast.arguments | ast.Import | ast.ImportFrom):
            continue  # words, and defaults with their annotations
        if isinstance(child, ast.AnnAssign):
            if child.value is not None:
                yield from _changes(child.value)
                yield from _sites(child.value)
            continue
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for statement in child.body:
                yield from _changes(statement)
                yield from _sites(statement)
            continue
        yield from _changes(child)
        yield from _sites(child)


def _changes(node: ast.AST) -> Iterator[Site]:
    match node:
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            if not (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") and not isinstance(test, ast.Constant):
                yield test, "condition negated", _negated(test)
        case ast.comprehension(ifs=ifs):
            for test in ifs:
                yield test, "condition negated", _negated(test)
        case ast.Compare(ops=[operator], left=left, comparators=[right]) if type(operator) in _SWAPS:
            swapped = ast.Compare(left, [_SWAPS[type(operator)]], [right])
            yield node, "comparison swapped", f"({ast.unparse(swapped)})"
        case ast.BoolOp(op=operator, values=values):
            other = ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
            yield node, "and/or", f"({ast.unparse(other)})"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield node, "not removed", f"({ast.unparse(operand)})"
        case ast.Constant(value=bool(value)):
            yield node, "constant", str(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield node, "constant", repr(value + 1)
            yield node, "constant", f"({value - 1!r})"
        case ast.Call(func=ast.Name(id=name)) if name in _NAMES:
            assert isinstance(node, ast.Call)
            yield node.func, f"{name} for {_NAMES[name]}", _NAMES[name]
        case ast.Return(value=value) if value is not None and not (isinstance(value, ast.Constant) and value.value is None):
            assert isinstance(node, ast.Return)
            yield node, "return None", "return None"
        case ast.Expr(value=ast.Constant()):
            pass  # a docstring
        case ast.Expr(value=value):
            if not ast.unparse(value).startswith("log."):
                awaited = isinstance(value, ast.Await)
                assert isinstance(node, ast.Expr)
                yield node, "await dropped" if awaited else "statement dropped", "pass"
        case ast.Raise() | ast.Break() | ast.Continue() | ast.AugAssign() | ast.Delete():
            yield node, "statement dropped", "pass"
        case ast.Assign(targets=targets) if not any(isinstance(target, ast.Name) for target in targets):
            yield node, "statement dropped", "pass"
        case _:
            pass


def _negated(test: ast.expr) -> str:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return f"({ast.unparse(test.operand)})"
    return f"(not ({ast.unparse(test)}))"
