"""The commands section, read strictly: facts, keys that are taken, programs that are not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quads_tui.console.taken_keys import taken_keys
from quads_tui.inputs import InputError, load_site
from quads_tui.inputs.lint import lint
from quads_tui.inputs.row_commands import missing_programs, set_taken_keys
from quads_tui.rollout.row_commands import RowCommand, RunsIn, Screen, TakenKeys

from .test_on_event import BASE


@pytest.fixture(autouse=True)
def screens() -> Iterator[None]:
    set_taken_keys(taken_keys)
    yield
    set_taken_keys(lambda: TakenKeys({}, {}))


def loaded(tmp_path: Path, *items: str) -> tuple[RowCommand, ...]:
    path = tmp_path / "site.yaml"
    path.write_text(BASE + "commands:\n" + "".join(f"  - {item}\n" for item in items))
    return load_site(path).commands


def test_as_the_contract_writes_it(tmp_path: Path) -> None:
    (command,) = loaded(tmp_path, '{key: x, name: ssh, run: [ssh, "root@{host}"], where: [detail, table]}')
    assert command == RowCommand(key="x", name="ssh", run=("ssh", "root@{host}"), where=(Screen.DETAIL, Screen.TABLE))
    assert (command.runs_in, command.confirm, command.hosts) == (RunsIn.PANE, False, ())


def test_all_of_it(tmp_path: Path) -> None:
    text = "{key: 5, name: sel, run: [ipmitool, -H, '{bmc}'], help: event log, runs_in: background, hosts: ['*-R6*'], confirm: true, timeout: 9}"
    (command,) = loaded(tmp_path, text)
    assert (command.key, command.help, command.runs_in, command.hosts) == ("5", "event log", RunsIn.BACKGROUND, ("*-r6*",))
    assert (command.confirm, command.timeout, command.where) == (True, 9, tuple(Screen))


@pytest.mark.parametrize(
    ("items", "says"),
    [
        (["{key: x, name: a, run: [a, '{hots}']}"], "site.yaml:4: commands[0].run[1]: {hots} is not a fact of a host; did you mean host"),
        (["{key: x, name: a, run: [a, '{hots}']}"], "expected one of: bmc, bmc_url, cloud, host, mac, model, owner, rack, short, ticket"),
        (["{key: x, name: a, run: [a, 'x{']}"], "commands[0].run[1]: has a brace that stands alone or is empty"),
        (["{key: x, name: a, run: ['{host}']}"], "commands[0].run[0]: the program must be the same for all hosts"),
        (["{key: x, name: a, run: ssh host}"], "commands[0].run: found text; expected a list: the program and its arguments"),
        (["{key: x, name: a, run: []}"], "commands[0].run: is empty"),
        (["{key: r, name: a, run: [a]}"], 'site.yaml:4: commands[0].key: "r" is a key of quads-tui (retry)'),
        (["{key: '/', name: a, run: [a]}"], '"/" is a key of quads-tui (filter)'),
        (["{key: t, name: a, run: [a]}"], '"t" is a key of quads-tui (grouping on a screen)'),
        (["{key: '[', name: a, run: [a]}"], '"[" is a key of quads-tui (host on a screen)'),
        (["{key: x, name: skip, run: [a]}"], 'commands[0].name: "skip" is a command of quads-tui (take hosts out'),
        (["{key: x, name: a, run: [a]}", "{key: x, name: b, run: [a]}"], 'site.yaml:5: commands[1].key: "x" is the key of a already'),
        (["{key: x, name: a, run: [a]}", "{key: z, name: a, run: [a]}"], "commands[1].name: the command a is listed twice"),
        (["{key: xx, name: a, run: [a]}"], "commands[0].key: is 2 characters long"),
        (["{key: ä, name: a, run: [a]}"], 'commands[0].key: "ä" cannot be a key'),
        (["{key: x, name: 'A b', run: [a]}"], '"A b" is not the name of a command'),
        (["{key: x, name: a, run: [a], runs_in: shell}"], '"shell" is not supported; expected pane, window, screen or background'),
        (["{key: x, name: a, run: [a], where: [causes]}"], '"causes" is not supported'),
        (["{key: x, name: a, run: [a], shell: true}"], "commands[0].shell: unknown key"),
        (["ssh"], "commands[0]: found text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, items: list[str], says: str) -> None:
    with pytest.raises(InputError) as caught:
        loaded(tmp_path, *items)
    assert says in str(caught.value)


def test_lint_warns_of_a_program_that_is_not_on_this_machine(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("#!/bin/sh\n")
    runs = (["sh"], ["no-such-program-here"], [str(plain)], ["/nonexistent/x"])
    items = [f"{{key: '{number}', name: c{number}, run: [{', '.join(run)}]}}" for number, run in enumerate(runs)]
    assert missing_programs(loaded(tmp_path, *items)) == [
        (1, "the program no-such-program-here is not on PATH on this machine"),
        (2, f"the program {plain} is not executable on this machine"),
        (3, "the program /nonexistent/x does not exist on this machine"),
    ]
    (found,) = lint([tmp_path / "site.yaml"])
    assert not found.problems
    warned = [(warning.line, warning.key) for warning in found.warnings]
    assert warned == [(5, "commands[1].run"), (6, "commands[2].run"), (7, "commands[3].run")]
