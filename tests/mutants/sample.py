"""Breaks at random: small changes of the syntax tree that a tired programmer might make."""

from __future__ import annotations

import ast
import difflib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .bench import ROOT, Copy

# Which tests cover a module, the quickest first: the first that fails ends the run. "": of a module that is not listed.
_ENGINE = (
    "tests/engine/test_gate.py",
    "tests/engine/test_first_write.py",
    "tests/engine/test_flow.py",
    "tests/engine/test_ways_out.py",
    "tests/engine/test_settled_writes.py",
    "tests/engine/test_shared_looks.py",
    "tests/engine/test_resumed.py",
    "tests/engine/test_lane_shared.py",
    "tests/engine/test_identity.py",
    "tests/engine/test_order.py",
    "tests/engine/test_resume.py",
    "tests/engine/test_lane.py",
    "tests/engine/test_schedules.py",
)
_LANE = (
    "tests/engine/test_lane_shared.py",
    "tests/engine/test_lane.py",
    "tests/engine/test_flow.py",
    "tests/engine/test_resumed.py",
)
MODULES: dict[str, tuple[str, ...]] = {
    "engine/gate.py": _ENGINE,
    "engine/lane.py": _LANE,
    "engine/write_queue.py": _LANE,
    "engine/writes.py": _ENGINE,
    "engine/flow.py": _ENGINE,
    "engine/host_stages.py": _ENGINE,
    "engine/executor.py": _ENGINE,
    "engine/commands.py": _ENGINE,
    "engine/resumption.py": _ENGINE,
    "engine/resume_state.py": _ENGINE,
    "": ("tests/rollout", "tests/inputs", "tests/engine", "tests/services", "tests/journal"),
}

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


def tests_of(module: str) -> tuple[str, ...]:
    return MODULES.get(module, MODULES[""])


def judge(copy: Copy, made: Break, timeout: float) -> str:
    """What noticed the break, in words; empty: it survived."""
    with copy.broken(made.module, made.text):
        return copy.test(tests_of(made.module), timeout=timeout).noticed


def diff(made: Break) -> str:
    lines = difflib.unified_diff(made.before.splitlines(), made.text.splitlines(), made.module, "broken", lineterm="", n=2)
    return "\n".join(list(lines)[2:])


def _all(module: str, text: str) -> Iterator[Break]:
    lines = text.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    data = text.encode()
    for node, kind, instead in _sites(ast.parse(text)):
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        broken = (data[:begin] + instead.encode() + data[end:]).decode()
        if broken != text:
            yield Break(module, node.lineno, kind, text, broken)


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
