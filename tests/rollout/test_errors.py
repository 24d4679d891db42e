"""One exception hierarchy."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType

import quads_tui
from quads_tui.rollout.errors import QuadsTuiError

OWN = "quads_tui.emulators"  # it shares nothing with the program that it is there to try


def _modules() -> list[ModuleType]:
    names = [
        found.name for found in pkgutil.walk_packages(quads_tui.__path__, "quads_tui.") if not found.name.endswith("__main__")
    ]
    return [importlib.import_module(name) for name in names if not name.startswith(OWN)]


def test_every_exception_that_is_declared_derives_from_one_base() -> None:
    declared = {
        value
        for module in _modules()
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == module.__name__
    }
    assert len(declared) > 30
    assert [kind for kind in declared if not issubclass(kind, QuadsTuiError)] == []
