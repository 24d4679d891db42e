"""The script that makes the pictures of the README: its list, and what it calls."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import create_autospec

import pytest

from quads_tui.runtime.emulator_process import rehearsal_emulators
from quads_tui.runtime.launch import roll_out
from quads_tui.runtime.options import Options

from .desk import desk
from .feed import rollout

FOLDER = Path(__file__).parents[2] / "screenshots"


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    pytest.importorskip("PIL")
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("make")


def test_every_picture_that_the_script_makes_is_there_and_every_one_that_is_shown_is_made(make: ModuleType) -> None:
    names = {*make.PICTURES, *make.START_SCREENS}
    for name in names:
        assert all((FOLDER / f"{name}.{ending}").is_file() for ending in ("svg", "png"))
    shown = set(re.findall(r"screenshots/([\w-]+-\d+x\d+)\.png", (FOLDER.parent / "README.md").read_text()))
    assert shown <= names


async def test_the_keys_of_each_picture_lead_to_a_screen_of_its_own(make: ModuleType) -> None:
    seen = {}
    for name, picture in make.PICTURES.items():
        if picture.theme != "dark" or picture.when is not make.Moment.MIDDLE:
            continue
        async with desk(rollout(60), make.size_of(name)) as d:
            await d.press(*picture.keys)
            seen[name] = d.text
            assert d.app.size == make.size_of(name)
    assert len(set(seen.values())) == len(seen)
    assert "Retry " in seen["retry-120x40"] and "cause" in seen["detail-80x24"]


def test_the_script_starts_a_rehearsal_as_that_can_be_called(make: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    emulators, launched = create_autospec(rehearsal_emulators), create_autospec(roll_out)
    asked: list[Any] = []
    monkeypatch.setattr(make, "rehearsal_emulators", emulators)
    monkeypatch.setattr(make, "roll_out", launched)
    monkeypatch.setattr(make, "earlier", create_autospec(make.earlier))
    monkeypatch.setattr(make, "asyncio", SimpleNamespace(run=asked.append))
    make.main()
    (options,), named = emulators.call_args
    assert isinstance(options, Options) and named["faults"] == "realistic" and launched.call_count == 1
    asked[0].close()
