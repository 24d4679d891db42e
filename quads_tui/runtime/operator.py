"""The port to the operator who starts a rollout: messages and questions; and the front end that shows it while it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from quads_tui.rollout.plan import Plan

if TYPE_CHECKING:  # with it comes the whole engine, which commands that only list or report never need
    from .running_rollout import RunningRollout

FrontEnd = Callable[["RunningRollout"], Awaitable[None]]
"""Shows a rollout; returns when it was left and no host can move without a human. It does not own the rollout."""


class Operator(Protocol):
    @property
    def can_answer(self) -> bool:
        """Whether somebody can answer questions."""
        ...

    def notify(self, text: str) -> None:
        """Show one line, or a few."""
        ...

    async def confirm_plan(self, plan: Plan) -> bool:
        """Show the plan and ask whether to start."""
        ...

    async def confirm(self, question: str) -> bool:
        """Ask a question; True for yes."""
        ...

    async def confirm_retry(self, hosts: int, installed: int) -> bool:
        """Ask whether these failed, skipped and held hosts may be wiped again; `installed` were booted into the installer."""
        ...
