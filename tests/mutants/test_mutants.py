"""The table of breaks fits the code as it is, and the bench really notices; the whole table is a benchmark (docs/tests.md)."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from tests.effort import tries

from .bench import ROOT, Bench, UnusableTests
from .sample import MODULES, OTHER_TESTS, TESTS, breaks, source
from .table import INPUTS, TABLE, Mutant, stale

CHEAP = ("U3 another cloud", "U1 spare pool's default", "U4 protected name")[: tries(1, 3)]


def test_no_row_is_stale() -> None:
    found = [f"{row.case} ({row.module}): {why}" for row in TABLE if (why := stale(row))]
    assert found == [], "bring these rows to the code as it is: tests/mutants/table.py"
    for row in TABLE:
        ast.parse(source(row.module).replace(row.old, row.new))
        for test in row.tests:
            assert (ROOT / test.partition("::")[0]).exists(), test


def test_rows_are_told_apart_by_what_they_change() -> None:
    assert len({(row.module, row.old, row.new) for row in TABLE}) == len(TABLE)


def test_a_stale_row_is_told_with_its_reason() -> None:
    assert stale(replace(TABLE[0], old="no such text")) == "its text is there 0 times: no such text"
    assert stale(replace(TABLE[0], old="self")).startswith("its text is there ")
    assert stale(replace(TABLE[0], module="engine/gone.py")) == "there is no such module"


def test_cheap_breaks_are_noticed_and_a_harmless_one_is_not(tmp_path: Path) -> None:
    rows = [row for row in TABLE if row.case in CHEAP]
    harmless = Mutant("harmless", "inputs/site.py", "speed: float = 1", "speed: float = 1.0", (INPUTS,))
    assert len(rows) == len(CHEAP)
    bench = Bench(tmp_path, 1)
    bench.baseline((INPUTS,))
    noticed = list(bench.each(lambda copy, row: row.noticed(copy, 120.0), [*rows, harmless]))
    assert [bool(words) for words in noticed] == [*(True for _ in rows), False]
    assert any("test_another_cloud_than_the_files_is_refused" in words for words in noticed)
    with pytest.raises(UnusableTests):
        bench.baseline(("tests/no_such_file.py",))


@pytest.mark.parametrize("module", MODULES)
def test_random_breaks_are_the_same_for_a_seed_and_are_python(module: str) -> None:
    made = breaks((module,), 100_000, 1)
    assert len(made) > 15
    assert made[:20] == breaks((module,), 20, 1)
    assert made[:20] != breaks((module,), 20, 2)
    for one in (*{one.kind: one for one in made}.values(), *made[: tries(10, 60)]):
        assert one.text != source(module)
        ast.parse(one.text)
    assert all((ROOT / test).exists() for test in (*TESTS, *OTHER_TESTS))
