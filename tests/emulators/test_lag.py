"""The emulators tell how late their loop is."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from quads_tui.emulators.lag import keep_lag
from quads_tui.runtime.emulator_process import emulators_lag
from tests.waiting import until


async def test_who_rehearses_reads_how_late_the_loop_of_the_emulators_is(tmp_path: Path) -> None:
    assert await emulators_lag(tmp_path) == 0.0
    task = asyncio.create_task(keep_lag(tmp_path))

    def read() -> float:
        time.sleep(0.1)  # whatever the loop is busy with
        file = tmp_path / "lag"
        return float(file.read_text() or 0) if file.exists() else 0.0

    await until(lambda: read() > 0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await emulators_lag(tmp_path) > 0.01
    (tmp_path / "lag").write_text("")
    assert await emulators_lag(tmp_path) == 0.0
