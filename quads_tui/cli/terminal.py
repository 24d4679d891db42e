"""The terminal of a command: the questions asked there, and how errors become messages and an exit status."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import click

from quads_tui.inputs.row_commands import set_taken_keys
from quads_tui.render.plan_text import plan_lines
from quads_tui.rollout.counts import count as counted
from quads_tui.rollout.plan import Plan
from quads_tui.rollout.row_commands import TakenKeys
from quads_tui.rollout.stages import Kind
from quads_tui.runtime.operator import FrontEnd
from quads_tui.runtime.options import Options, Usage, notify

from .exit_status import with_exit_status
from .streams import reader_gone

_NAMED = 6  # clouds that the question names


def run_with_exit_status(options: Options, work: Callable[[], int]) -> int:
    """As with_exit_status, for work that reads inputs."""
    set_taken_keys(_taken_keys)
    return with_exit_status(options, work)


def _taken_keys() -> TakenKeys:
    from quads_tui.console.taken_keys import taken_keys

    return taken_keys()


def chosen_front_end(options: Options) -> tuple[Options, FrontEnd]:
    """The front end for these options. Without a terminal there is no screen, and nobody to ask. Raises Usage."""
    if not options.yes and not sys.stdin.isatty():
        raise Usage("there is no terminal for questions: add --yes (and --headless, --plain or --json to show progress)")
    if options.plain:
        from .plain import plain

        return options, plain
    if options.headless or not options.terminal:
        from .headless import headless

        return replace(options, headless=True), partial(headless, json=options.json)
    from .screen import screen

    return options, screen


def consequence(made: Plan) -> str:
    """What happens to the hosts of the plan, for the question."""
    counts = Counter(made.goal(host).kind for host in made.hosts if not host.blocker)
    what = {Kind.BUILD: "wiped and rebuilt", Kind.SPARE: "powered off", Kind.OWNERSHIP: "assigned to their new owner"}
    words = [what[kind] if len(counts) == 1 else f"{count} {what[kind]}" for kind, count in counts.items()]
    clouds = list(dict.fromkeys(made.goal(host).cloud for host in made.hosts if not host.blocker))
    words += [f"in {len(clouds)} clouds ({_some(clouds)})"] if len(clouds) > 1 else []
    if unaccepted := len(made.unaccepted):
        words.append(f"including {unaccepted} not verified (machine not compared with Foreman's host)")
    if unguarded := len(made.unguarded):
        words.append(f"including {unguarded} that MAY BE PROTECTED HOSTS (BMC address could not be compared)")
    return ", ".join(words)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def ask(question: str) -> str:
    """The answer typed at the terminal, empty at its end; what was typed or pasted before the question is discarded.

    Raises Usage where nobody can read the question.
    """
    with suppress(termios.error, OSError, ValueError):  # no terminal, so nothing to discard
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    sys.stdout.write(question)
    sys.stdout.flush()
    if reader_gone():
        raise Usage("stdout cannot be written, so that nobody can read the question: add --yes to start without it")
    answer = b""
    with suppress(OSError):  # the terminal has gone
        while not answer.endswith(b"\n") and (read := os.read(sys.stdin.fileno(), 4096)):
            answer = (answer + read)[:4096]
    return answer.partition(b"\n")[0].decode(errors="replace")


async def _ask_off_loop(question: str) -> str:
    """In a thread that the end of the process does not wait for: a signal ends the question too."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[str] = loop.create_future()

    def settle(answer: str | BaseException) -> None:
        if answered.done():
            return
        if isinstance(answer, BaseException):
            answered.set_exception(answer)
        else:
            answered.set_result(answer)

    def work() -> None:
        try:
            answer: str | BaseException = ask(question)
        except Exception as error:
            answer = error
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, answer)

    threading.Thread(target=work, name="question", daemon=True).start()
    return await answered


async def ask_yes_no(question: str) -> bool:
    """Ask at the terminal, off the loop."""
    answer = await _ask_off_loop(f"{question} y/N ")
    return answer.strip().lower() in ("y", "yes")


def already_installing(hosts: int) -> str:
    """How many of those that are to be retried may be installing, for the question."""
    return f"already booted into the installer: {hosts or 'none'} of them"


async def ask_count(count: int, what: str) -> bool:
    """Ask at the terminal, off the loop. More than five hosts: the count must be typed."""
    hosts = counted(count, "host")
    if count > 5:
        answer = await _ask_off_loop(f"{hosts} will be {what}. Type the number to start, anything else cancels: ")
        return answer.strip() == str(count)
    return await ask_yes_no(f"{hosts} will be {what}. Start?")


class TerminalOperator:
    """Implements runtime.operator.Operator: lines on stderr, questions at the terminal."""

    @property
    def can_answer(self) -> bool:
        return sys.stdin.isatty()

    def notify(self, text: str) -> None:
        notify(text)

    async def confirm_plan(self, plan: Plan) -> bool:
        click.echo("\n".join(plan_lines(plan)))
        if not plan.usable:
            click.echo("No host of this plan can be provisioned: see the reasons above.")
            return False
        return await ask_count(plan.usable, consequence(plan))

    async def confirm(self, question: str) -> bool:
        return await ask_yes_no(question)

    async def confirm_retry(self, hosts: int, installed: int) -> bool:
        click.echo(f"{counted(hosts, 'failed, skipped or held host')}; {already_installing(installed)}.")
        return await ask_count(hosts, "retried (hosts to be rebuilt are WIPED)")
