"""The question before an action: for which hosts, what happens, what is lost; the same facts on the screen and in --plain."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from quads_tui.console.consequences import STOP, always
from quads_tui.console.key_actions import BY_NAME, KEY_ACTIONS, KeyAction
from quads_tui.console.questions import pause_question, question, states, stop_question
from quads_tui.render.question import QuestionText, answer_lines, question_lines, sentences
from quads_tui.rollout.events import HostChanged
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import HostState, Rollout

from .desk import desk
from .feed import NOW, rollout
from .test_plain_session import Plain


def held(count: int, installing: int) -> tuple[Rollout, list[HostState]]:
    """So many held hosts, some of them while they were installing."""
    model = rollout(60)
    hosts = list(model.hosts.values())[:count]
    for number, host in enumerate(hosts):
        stage = Stage.INSTALL if number < installing else Stage.PXE_SET
        safety = Safety.INSTALLING if number < installing else Safety.DISARMED
        model.apply(HostChanged(NOW, host.name, HostStatus.HELD, stage, None, "held by the operator", None, safety))
        host.marks.pop(Stage.INSTALL, None)
    return model, hosts


def test_a_dangerous_action_without_its_consequence_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="consequence"):
        KeyAction("melt", "z", "z", "melt hosts", "hosts", True)
    with pytest.raises(TypeError, match="consequence"):
        KeyAction("glance", "z", "z", "glance", consequence=always(STOP))


@pytest.mark.parametrize("action", [one for one in KEY_ACTIONS if one.dangerous], ids=lambda one: one.name)
def test_every_dangerous_action_says_what_happens_and_what_is_lost(action: KeyAction) -> None:
    model = rollout(60)
    hosts = [host for host in model.hosts.values() if not action.statuses or host.status in action.statuses]
    effects = action.effects(hosts or list(model.hosts.values())[:1])
    assert effects.happens
    assert effects.lost
    assert effects.yes
    assert all(sentence.endswith((".", "resume")) for sentence in (*effects.happens, effects.lost))


def test_the_release_of_ten_hosts_says_that_eight_are_installing() -> None:
    _, hosts = held(10, 8)
    asked = question(BY_NAME["release"], hosts)
    assert asked.title == "Release 10 hosts?"
    assert asked.states == "8 of 10 hosts held while installing, 2 held at PXE."
    assert asked.happens == (
        "8 hosts may still be installing: the install is not started again, only watched for longer (restart, key R, begins again at the first stage and WIPES them).",
        "2 hosts start again at Power off and go through all stages: Install WIPES their disks.",
    )
    assert asked.lost == "Lost: what is on the disks of 2 hosts."
    assert [(row.number, row.word, row.stage) for row in asked.rows] == [(8, "held", Stage.INSTALL), (2, "held", Stage.PXE_SET)]


def test_a_single_host_is_named_with_its_stage_reason_and_the_gentler_way() -> None:
    model = rollout(60)
    armed = next(host for host in model.hosts.values() if host.armed)
    asked = question(BY_NAME["retry"], [armed])
    assert asked.title == f"Retry {armed.short}, failed at Power off and ARMED, from Power off?"
    assert asked.happens == ("The host starts again at Power off and goes through all stages: Install WIPES its disk.",)
    assert asked.lost == "Lost: what is on the disks of the host."
    assert asked.rows[0].reason == armed.full_reason
    assert asked.gentler.startswith("d disarms the armed host")
    assert (asked.yes, asked.wipes) == ("retry and WIPE the host", True)


def test_a_disarm_names_those_that_are_not_armed() -> None:
    model = rollout(60)
    failed = [host for host in model.hosts.values() if host.status is HostStatus.FAILED]
    asked = question(BY_NAME["disarm"], failed)
    assert asked.happens[0].startswith("1 host is armed: build mode is cancelled in Foreman")
    assert asked.happens[1].startswith(f"{len(failed) - 1} hosts are not armed. ")
    assert not asked.wipes


def test_who_is_skipped_or_held_is_told_by_what_becomes_of_it() -> None:
    model = rollout(60)
    hosts = [host for host in model.hosts.values() if host.status is not HostStatus.DONE]
    happens = " ".join(question(BY_NAME["skip"], hosts).happens)
    for part in ("installing: the install continues", "not started: nothing is done", "stopped before the next step"):
        assert part in happens
    assert "1 host is armed and will be disarmed" in happens
    assert "have ended: they are marked as skipped, and nothing more is done to them" in happens


def test_pauses_and_the_end_of_the_process_say_who_is_where() -> None:
    model = rollout(60)
    asked = pause_question(model, "admission", [])
    assert re.search(r"\d+ of \d+ hosts not started", asked.states)
    resumed = pause_question(model, "admission", ["Paused by the operator."])
    assert resumed.title == "Resume new hosts?"
    assert resumed.wipes
    assert "Paused by the operator." in resumed.happens
    assert "armed hosts stay armed" in stop_question(model).happens[1]
    assert "process" not in stop_question(model).title, "an attached console is asked the same"
    assert states([]) == ""


def test_both_forms_have_all_facts_and_a_low_screen_loses_rows_only() -> None:
    model = rollout(60)
    failed = [host for host in model.hosts.values() if host.status is HostStatus.FAILED]
    asked = question(BY_NAME["retry"], failed, hidden=2, unsuitable=3)
    for height in (40, 15):
        drawn = question_lines(asked, 72, height)
        assert all(line.cell_len == 72 for line in drawn)
        words = re.sub(r"\s+", " ", " ".join(line.plain for line in drawn))
        spoken = " ".join(sentences(asked))
        for fact in (*asked.happens, asked.lost, asked.states, *asked.notes, asked.gentler):
            assert fact in words
            assert fact in spoken
        assert f"{asked.rows[0].number} {asked.rows[0].hosts}" in words
    assert "more hosts" in words
    assert len(question_lines(asked, 72, 15)) <= 15


def test_the_safe_answer_is_filled_and_so_is_y() -> None:
    line, *_ = answer_lines({"n": "cancel", "y": "retry and WIPE 2 hosts"}, 78, wipes=True)
    assert line.plain.startswith(" n  cancel     y  retry and WIPE 2 hosts")
    assert line.plain.endswith("enter or esc cancels")
    assert [span.style for span in line.spans[:2]] == ["quads.badge", "quads.armed"]
    long = answer_lines({"n": "stay", "l": "leave " * 30}, 60)
    assert all(row.cell_len == 60 for row in long)


def test_text_of_a_question_is_never_markup() -> None:
    asked = QuestionText(title="[red]x[/]", happens=("[bold]y",))
    assert "[bold]y" in question_lines(asked, 30, 20)[0].plain


async def test_the_screen_asks_with_stage_reason_and_consequence() -> None:
    async with desk() as d:
        host = d.model.hosts[d.first(HostStatus.FAILED)]
        d.app.table.go(d.app.table.shown.index(host.name))
        await d.press("R")
        text = re.sub(r"[│\s]+", " ", d.text)
        assert f"Retry {host.short}, failed at Power off and ARMED, from Power off?" in text
        assert "Lost: what is on the disks of the host." in text
        assert host.reason in text
        assert "y start again and WIPE the host" in text
        assert "enter or esc cancels" in text


async def test_a_low_terminal_keeps_the_field_in_view() -> None:
    async with desk(size=(80, 24)) as d:
        await d.press("f", "asterisk", "r")
        rows = d.text.splitlines()
        assert "Retry" in rows[0]
        assert rows[-1].startswith("╰")
        assert any(f"Type {len(d.app.table.marks)} to retry" in row for row in rows)


def test_plain_prints_the_same_facts() -> None:
    p = Plain()
    failed = [host for host in p.model.hosts.values() if host.status is HostStatus.FAILED]
    said = p.type("retry failed")
    asked = question(BY_NAME["retry"], failed, why=p.context.why)
    assert said.splitlines()[:-1] == sentences(asked)
    assert replace(asked, rows=()) == replace(question(BY_NAME["retry"], failed), rows=())
