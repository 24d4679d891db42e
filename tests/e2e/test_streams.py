"""Standard streams that nobody reads, that are full, or closed: the rollout goes on, and what is lost is told."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.forks import Forked, Piped, Program
from tests.waiting import PATIENCE, wait_for

from .conftest import Lab, emulated, lines

pytestmark = pytest.mark.xdist_group("streams")  # they share a lab and a rollout that has ended

FULL = "/dev/full"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One lab whose hosts may be rolled out again and again."""
    with emulated(tmp_path_factory.mktemp("streams") / "lab", hosts=2, speed=200) as lab:
        yield lab


def command(world: Lab, *words: str | Path, state: Path) -> list[str]:
    return [sys.executable, "-m", "quads_tui", *map(str, words), "--site", str(world.site), "--state-dir", str(state)]


def shell(line: str, words: list[str]) -> subprocess.CompletedProcess[bytes]:
    """`words` with redirections: `"$@" > /dev/full`."""
    return subprocess.run(["/bin/sh", "-c", line, "sh", *words], capture_output=True, stdin=subprocess.DEVNULL, check=False)


def into_full(words: list[str], *streams: str) -> tuple[int, str]:
    """The exit status, and what was said on standard error, of `words` where these of `out` and `err` are a full disk."""
    with TemporaryDirectory() as place:
        files = {name: FULL if name in streams else str(Path(place, name)) for name in ("out", "err")}
        status = Program(words[3:], **files).wait()
        return status, "" if "err" in streams else Path(place, "err").read_text()


def built(world: Lab) -> int:
    return sum(host["built"] for host in world.counts()["hosts"].values())


@pytest.mark.parametrize(
    ("redirected", "option", "status", "said"),
    [
        ('exec "$@" >&-', "--json", 74, b"could not be written completely: stdout is closed"),
        ('exec "$@" >&- 2>&- 0<&-', "--headless", 0, b""),
        ('exec "$@" > /dev/full 2> /dev/full', "--plain", 0, b""),
    ],
)
def test_f6_a_rollout_goes_on_whatever_its_streams_are(
    world: Lab, tmp_path: Path, redirected: str, option: str, status: int, said: bytes
) -> None:
    before = built(world)
    words = command(world, "run", world.assignment, "--yes", option, state=tmp_path)
    ended = shell(redirected, words)
    assert (ended.returncode, built(world) - before) == (status, 2), ended.stderr
    assert said in ended.stderr
    assert b"Traceback" not in ended.stderr
    (journal,) = tmp_path.glob("rollouts/*/journal.db")
    assert journal.read_bytes().startswith(b"SQLite format 3")  # nothing that was printed went into it


@pytest.mark.parametrize(
    ("stream", "status", "said"),
    [("out", 74, "could not be written completely: No space left on device"), ("err", 0, "")],
)
def test_f6_a_rollout_goes_on_into_a_full_disk(world: Lab, tmp_path: Path, stream: str, status: int, said: str) -> None:
    before = built(world)
    ended, err = into_full(command(world, "run", world.assignment, "--yes", "--json", state=tmp_path), stream)
    assert (ended, built(world) - before) == (status, 2), err
    assert said in err
    assert "Traceback" not in err


def test_f6_a_reader_of_json_that_leaves_in_the_middle(world: Lab, tmp_path: Path) -> None:
    before = built(world)
    words = command(world, "run", world.assignment, "--yes", "--json", state=tmp_path)
    process = Piped(words[3:])
    assert json.loads(process.stdout.readline())["event"] == "rollout_started"
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    process.wait()
    assert (process.returncode, built(world) - before) == (74, 2), err
    assert "the output of --json cannot be written: Broken pipe; the rollout continues" in err


@pytest.fixture(scope="module")
def done(world: Lab) -> Path:
    """The state directory of a rollout that has ended."""
    assert world.run("run", world.assignment, "--yes", "--headless").returncode == 0
    return world.state


@pytest.mark.parametrize("words", [("plan",), ("report", "--format", "html"), ("rollouts",), ("lint",), ("watch", "--json")])
def test_f6_every_command_that_prints_tells_it_in_a_line(world: Lab, done: Path, words: tuple[str, ...]) -> None:
    line = command(world, *words, *([world.assignment] if words[0] in ("plan", "lint") else ()), state=done)
    status, said = into_full(line, "out")
    assert status == 74
    assert said.splitlines()[-1] == "quads-tui: the output could not be written completely: No space left on device"
    assert "Traceback" not in said
    process = Piped(line[3:])
    assert process.stdout.buffer.raw.read(1)  # type: ignore[attr-defined]
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), "written" in said) == (0, False), said


def test_f6_a_user_who_reads_the_beginning_alone(world: Lab, done: Path) -> None:
    """As it is typed, with the interpreter's own end."""
    line = command(world, "plan", world.assignment, state=done)
    head = shell('{ "$@"; echo "status $?" >&2; } | head -c 1', line)
    assert head.stderr.splitlines()[-1] == b"status 0"
    assert b"written" not in head.stderr


class Unread:
    """A rollout whose `--json` goes into a pipe that nobody reads yet."""

    def __init__(self, words: list[str], tmp_path: Path, *, room: int = 4096, module: str = "quads_tui.cli") -> None:
        self.reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, room)
        self._err = tmp_path / "err"
        with self._err.open("wb") as err, Path(os.devnull).open("rb") as nothing:
            self.process = Forked(module, words[3:], {0: nothing.fileno(), 1: writer, 2: err.fileno()}, parent="quads_tui.cli")
        os.close(writer)

    @property
    def err(self) -> str:
        return self._err.read_text()

    def read(self) -> list[dict[str, object]]:
        """All of it, to its end."""
        with os.fdopen(self.reader) as file:
            return lines(file.read())


def test_f5_signals_are_heard_although_nobody_reads(lab: Callable[..., Lab], tmp_path: Path) -> None:
    place = lab(hosts=12, speed=100)
    unread = Unread(place.command("run", place.assignment, "--yes", "--json"), tmp_path)
    wait_for(lambda: built(place) > 2)  # far more lines than the pipe takes
    unread.process.send_signal(signal.SIGTERM)
    assert unread.process.wait(PATIENCE) == 143
    assert place.counts()["bmc"]["sessions_open"] == 0
    os.close(unread.reader)


def test_f5_lines_wait_for_a_reader_that_comes_late(lab: Callable[..., Lab], tmp_path: Path) -> None:
    place = lab(hosts=6, speed=200)
    unread = Unread(place.command("run", place.assignment, "--yes", "--json"), tmp_path)
    wait_for(lambda: "bytes of output wait for their reader; ctrl+c exits without them" in unread.err)
    assert built(place) == 6
    last = unread.read()[-1]
    assert (last["event"], last["done"]) == ("rollout_finished", 6)
    assert unread.process.wait(PATIENCE) == 0


def test_f5_without_a_reader_no_host_begins_past_a_bound(lab: Callable[..., Lab], tmp_path: Path) -> None:
    place = lab(hosts=18, speed=200)
    unread = Unread(place.command("run", place.assignment, "--yes", "--json"), tmp_path, module="tests.e2e.little_room")
    wait_for(lambda: "new hosts are paused: the reader of --json does not read" in unread.err)
    hosts = place.counts()["hosts"]
    assert not all(host["resets"] for host in hosts.values())
    # Those that have begun are done; no other begins, and the process neither ends nor takes this for a pause of the operator.
    wait_for(lambda: all(host["built"] for host in place.counts()["hosts"].values() if host["resets"]))
    assert unread.process.poll() is None
    told = unread.read()
    assert told[-1]["done"] == 18
    assert unread.process.wait(PATIENCE) == 0
    assert "new hosts are no longer paused: the reader of --json reads again" in unread.err
    assert any(line["event"] == "notice" and "new hosts are paused" in str(line["text"]) for line in told)


def test_f5_the_reader_of_stderr_does_not_read_either(world: Lab, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b".")
    os.set_blocking(writer, True)
    out = tmp_path / "out"
    words = command(world, "run", world.assignment, "--yes", "--json", state=tmp_path)
    with out.open("wb") as file, Path(os.devnull).open("rb") as nothing:
        process = Forked("quads_tui.cli", words[3:], {0: nothing.fileno(), 1: file.fileno(), 2: writer})
    os.close(writer)
    assert process.wait(PATIENCE) == 0
    assert lines(out.read_text())[-1]["done"] == 2
    os.close(reader)


@pytest.mark.parametrize("locale", [{"LC_ALL": "POSIX"}, {"PYTHONIOENCODING": "latin-1"}])
def test_f6_no_locale_makes_output_an_error(world: Lab, tmp_path: Path, locale: dict[str, str]) -> None:
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", **locale}
    names = [tmp_path / "w\u00fcst-\u2603.yaml", tmp_path / "no\udcffsuch.yaml"]
    words = [sys.executable, "-m", "quads_tui", "lint", *map(os.fsencode, names)]
    ended = subprocess.run(words, capture_output=True, env=environment, check=False)
    assert (ended.returncode, ended.stdout.count(b"no such file"), ended.stderr) == (2, 2, b"")
    shell = {"_QUADS_TUI_COMPLETE": "bash_complete", "COMP_WORDS": "quads-tui ro", "COMP_CWORD": "1"}  # click writes bytes
    main = "import sys; sys.argv = ['quads-tui']; from quads_tui.cli import main; main()"
    completed = subprocess.run([sys.executable, "-c", main], capture_output=True, env={**environment, **shell}, check=False)
    assert (completed.stdout, completed.stderr) == (b"plain,rollouts\n", b"")
