"""Exported hosts: what a CSV reader and a spreadsheet make of them."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quads_tui.render.export import as_csv, as_json, host_facts
from quads_tui.rollout.events import HostChanged
from quads_tui.rollout.stages import HostStatus, Stage
from tests.console.feed import NOW, rollout


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_quotes_commas_and_line_ends_come_back_as_they_were() -> None:
    rows = [{"host": "a", "note": 'says "no", twice'}, {"host": "b", "note": "two\r\nlines"}, {"host": "c", "note": ""}]
    text = as_csv(rows)
    assert text.startswith('host,note\r\na,"says ""no"", twice"\r\n')
    assert read(text) == [["host", "note"], ["a", 'says "no", twice'], ["b", "two\r\nlines"], ["c", ""]]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", '=cmd|" /C calc"!A0'])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert read(as_csv([{"note": cell}]))[1] == [f"'{cell}"]


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0")), st.text(st.characters(codec="utf-8", exclude_characters="\0"))
)
def test_every_text_is_one_cell_and_comes_back(first: str, second: str) -> None:
    found = read(as_csv([{"first": first, "second": second}]))[1:]
    assert [[cell.removeprefix("'") for cell in row] for row in found] == [[first.removeprefix("'"), second.removeprefix("'")]]


def test_values_are_words_and_json_keeps_their_types() -> None:
    rows = [{"armed": True, "attempt": 2, "mac": None}]
    assert read(as_csv(rows))[1] == ["true", "2", ""]
    assert json.loads(as_json(rows)) == rows
    assert json.loads(as_json([])) == []
    assert as_csv([]) == ""


def test_the_facts_of_a_failed_host() -> None:
    model = rollout(60)
    host = next(host for host in model.hosts.values() if host.status is HostStatus.FAILED and host.stage is Stage.PXE_SET)
    facts = host_facts(host, model, state="failed", note="licence")
    assert facts["host"] == host.name
    assert facts["bmc"] == host.address
    assert (facts["status"], facts["stage"], facts["state"], facts["note"]) == ("failed", "pxe_set", "failed", "licence")
    assert (facts["power_off"], facts["pxe_set"], facts["install"]) == ("finished", "failed", "")
    assert (facts["attempt"], facts["attempts"], facts["safety"], facts["armed"]) == (2, 3, "off", False)
    assert facts["cloud"] == "cloud02"
    assert facts["owner"] == "jdoe"
    assert str(facts["since"])[10] == "T"
    model.apply(HostChanged(NOW, host.name, HostStatus.DONE))
    assert host_facts(host, model, state="done", note="")["safety"] == ""
