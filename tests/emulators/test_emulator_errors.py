"""One exception hierarchy in the emulators, which cannot have the program's."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import quads_tui.emulators
from quads_tui.emulators.errors import EmulatorError


def test_every_exception_of_the_emulators_derives_from_one_base() -> None:
    names = [found.name for found in pkgutil.walk_packages(quads_tui.emulators.__path__, "quads_tui.emulators.")]
    declared = {
        value
        for name in names
        if not name.endswith("__main__")
        for value in vars(importlib.import_module(name)).values()
        if inspect.isclass(value) and issubclass(value, BaseException) and value.__module__ == name
    }
    assert len(declared) >= 5
    assert [kind for kind in declared if not issubclass(kind, EmulatorError)] == []
