"""Breaks each invariant on purpose, in a copy, and shows that the random schedules notice.

python -m tests.engine.mutants
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
COUNT = 1500

LANE = ("-m", "pytest", "-q", "-x", "tests/engine/test_lane.py")  # cancels are its own matter
MUTANTS = (  # invariant, file, what stands there, what the mutant has
    ("I1", "gate.py", "if host in self._protected:", "if False:"),
    ("I2", "lane.py", "return await asyncio.shield(carrier)", "return await carrier"),
    ("I2", "lane.py", "if len(self._in_flight) >= self._width:", "if len(self._in_flight) > self._width:"),
    ("I2", "executor.py", "lane.occupied(name, intent.act, sent_at)", "lane.occupied(name, intent.act, -1e9)"),
    ("I3", "flow.py", "if await self._writes.adopted():", "if False:"),
    ("I4", "flow.py", "if not _installed(record, memory.baseline):", "if False:"),
    ("I4", "executor.py", "            self._launch(host.name, delay=max(0.0, _RESET_SHOWS - since))\n", ""),
    ("I5", "flow.py", "if memory.booted:\n            memory.start =", "if False:\n            memory.start ="),
    ("I5", "executor.py", "_RESET_SHOWS = 40.0", "_RESET_SHOWS = 0.0"),
    ("I8", "gate.py", "if not disarming and host in self._out:", "if False:"),
)


def found(file: str, old: str, new: str) -> str:
    """What the schedules say of the mutant: the invariant of the first failure, or nothing."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place)
        for part in ("quads_tui", "tests"):
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", "__snapshots__"))
        target = copy / "quads_tui" / "engine" / file
        text = target.read_text()
        assert text.count(old) == 1, f"{file}: {old!r} is there {text.count(old)} times"
        target.write_text(text.replace(old, new))
        words = LANE if "shield" in old else ("-m", "tests.engine.schedules", "--count", str(COUNT))
        try:
            ended = subprocess.run([sys.executable, *words], cwd=copy, capture_output=True, text=True, check=False, timeout=90)
        except subprocess.TimeoutExpired:
            return "never ends"
        failed = [line for line in ended.stdout.splitlines() if "in Schedule" in line or line.startswith("FAILED")]
    return failed[0].partition(" in Schedule")[0][:60] if ended.returncode and failed else ""


def main() -> None:
    survivors = 0
    for invariant, file, old, new in MUTANTS:
        seen = found(file, old, new)
        survivors += not seen
        print(f"{invariant}  {file:12} {old.split(chr(10))[0].strip()[:60]:62} {seen or 'SURVIVED'}", flush=True)
    raise SystemExit(bool(survivors))


if __name__ == "__main__":
    main()
