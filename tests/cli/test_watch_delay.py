"""`watch` and `attach` say within 2 s that the process that runs a rollout has gone, and who runs it then. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from quads_tui.cli import watch
from quads_tui.cli.followed import LocalRollout
from quads_tui.runtime.control_socket import NotRunning
from quads_tui.runtime.event_source import STEP

pytestmark = pytest.mark.looptime
SOON = 2.0  # seconds


class Runner:
    """Who runs the rollout, as its stored rollout and its control socket tell it."""

    id = "20261128-2301-cloud02"
    home = ""

    def __init__(self) -> None:
        self.by = "jdoe@lab, process 7"
        self.read_only = ""  # what the screen says
        self.gone: Any = None  # and its banner
        self.left = asyncio.Event()

    def holder(self) -> str:
        return self.by

    def leaves(self) -> None:
        self.by = ""
        self.left.set()

    async def run(self) -> None:
        await self.left.wait()
        self.left.clear()

    async def connect(self) -> None:
        if not self.by:
            raise NotRunning
        self.read_only = ""

    async def follow(self, *listeners: Any) -> None:
        """The journal says nothing new."""

    async def wait(self) -> None:
        await asyncio.sleep(STEP)


def followed(runner: Runner) -> LocalRollout:
    return LocalRollout(runner, lambda stored: True)  # type: ignore[arg-type]


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Runner:
    async def at_once(work: Callable[..., Any], *given: Any) -> Any:
        return work(*given)

    monkeypatch.setattr(asyncio, "to_thread", at_once)  # virtual time waits for no thread
    return Runner()


async def assert_soon(says: Callable[[], bool]) -> None:
    began = asyncio.get_running_loop().time()
    while not says():
        assert asyncio.get_running_loop().time() - began <= SOON
        await asyncio.sleep(0.01)


async def assert_told(
    runner: Runner, work: Awaitable[None], said: Callable[[], str], resumed: str, *, banner: bool = True
) -> None:
    """Two deaths of the runner, at moments that suit no pace of looks."""
    task = asyncio.ensure_future(work)
    for pause in (7.03, 11.49):
        await asyncio.sleep(pause)
        runner.leaves()
        await assert_soon(lambda: said().endswith(f"not running; resume it with: quads-tui resume {runner.id}"))
        if banner:
            await assert_soon(lambda: runner.gone is not None and runner.gone.command == f"quads-tui resume {runner.id}")
        await asyncio.sleep(pause)
        runner.by = "asmith@lab, process 8"
        await assert_soon(lambda: said() == resumed and runner.gone is None)
    task.cancel()


FOLLOWER: Any = SimpleNamespace(
    ended=False,
    run_by=lambda holder: None,
    view=SimpleNamespace(
        rollout=SimpleNamespace(ended_at=None, who="jdoe@lab", controller="", time=SimpleNamespace(last=1.0), hosts={})
    ),
)


async def test_the_screen_of_watch(runner: Runner) -> None:
    work = watch._keep_right(runner, FOLLOWER, followed(runner), "")  # type: ignore[arg-type]
    await assert_told(runner, work, lambda: runner.read_only, f"run by asmith@lab, process 8 (watching {runner.id})")


async def test_the_screen_of_attach(runner: Runner) -> None:
    work = watch._stay_attached(runner, runner, FOLLOWER, followed(runner))  # type: ignore[arg-type]
    await assert_told(runner, work, lambda: runner.read_only, "")


async def test_the_lines_of_watch(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    said = [""]
    monkeypatch.setattr(watch, "notify", said.append)
    monkeypatch.setattr(watch, "plain_line", lambda *members: said[-1])  # the progress is not what is waited for
    view = SimpleNamespace(rollout=None, meters=None, clock=SimpleNamespace(wall=lambda: 0.0))
    follower: Any = SimpleNamespace(ended=False, view=view, step=runner.follow, wait=runner.wait)
    options: Any = SimpleNamespace(json=False)
    work = watch._print_lines(follower, options, followed(runner))  # type: ignore[arg-type]
    await assert_told(runner, work, lambda: said[-1], f"run by asmith@lab, process 8 (watching {runner.id})", banner=False)
