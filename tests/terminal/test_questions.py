"""What is asked before a rollout begins, on a pty."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from quads_tui.cli.run import _ask_about_unfinished
from quads_tui.cli.terminal import ask_count, ask_yes_no
from quads_tui.journal.catalogue import StoredRollout
from quads_tui.runtime.options import Options
from quads_tui.runtime.unfinished import UnfinishedRollout


def unfinished(directory: Path, name: str = "old", **others: int) -> UnfinishedRollout:
    return UnfinishedRollout(StoredRollout(name, directory, {"created_at": 1.0}), others)


async def about_an_old_one(tmp_path: Path) -> str:
    return await asyncio.to_thread(_ask_about_unfinished, [unfinished(tmp_path)], Options())


async def about_one_with_other_clouds(tmp_path: Path) -> str:
    return await asyncio.to_thread(_ask_about_unfinished, [unfinished(tmp_path, cloud05=35, cloud07=1)], Options())


async def about_two_old_ones(tmp_path: Path) -> str:
    return await asyncio.to_thread(_ask_about_unfinished, [unfinished(tmp_path, "new"), unfinished(tmp_path)], Options())


@pytest.mark.parametrize(
    ("ask", "ahead", "answer", "meant"),
    [
        (lambda _: ask_yes_no("Start?"), b"y\ny\n", b"n\n", False),
        (lambda _: ask_count(1, "wiped"), b"y\n", b"\n", False),
        (lambda _: ask_count(6, "wiped"), b"6\n6", b"no\n", False),  # the second 6 is no line yet
        (lambda _: ask_count(6, "wiped"), b"5\n", b"6\n", True),
        (about_an_old_one, b"a\nr\n", b"\n", "cancel"),
        (lambda _: ask_yes_no("Start?"), b"\xff\n", b"\xff\xfe\xc3 y\n", False),  # no UTF-8
        (lambda _: ask_yes_no("Start?"), b"y\n", b"\x04", False),  # ctrl+d
        (about_an_old_one, b"r\n", b"\x04", "cancel"),
        (about_an_old_one, b"", b"A\n", "anew"),
        (about_one_with_other_clouds, b"", b"a\n", "cancel"),  # nothing would ever go on with the hosts of those clouds
        (about_one_with_other_clouds, b"", b"r\n", "resume"),
        (about_two_old_ones, b"", b"r\n", "cancel"),  # which of them?
        (about_two_old_ones, b"", b"a\n", "anew"),
    ],
)
async def test_f1_what_was_typed_before_the_question_is_no_answer_to_it(
    ask: Callable[[Path], Awaitable[object]],
    ahead: bytes,
    answer: bytes,
    meant: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    master, slave = os.openpty()
    try:
        with os.fdopen(slave, "r") as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            os.write(master, ahead)
            if ahead:
                select.select([slave], [], [], 60)  # it has arrived
            asked = asyncio.ensure_future(ask(tmp_path))
            shown = ""
            while (
                not (shown := shown + capsys.readouterr().out).endswith((" y/N ", "cancels: ", "cancel: ")) and not asked.done()
            ):
                await asyncio.sleep(0.01)
            if not asked.done():
                os.write(master, answer)
            assert await asyncio.wait_for(asked, 60) == meant
            monkeypatch.undo()
    finally:
        os.close(master)
