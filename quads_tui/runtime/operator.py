"""Whoever starts a rollout: hears what happens before it begins, and is asked. And what shows it while it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from quads_tui.rollout.plan import Plan

from .running_rollout import RunningRollout

FrontEnd = Callable[[RunningRollout], Awaitable[None]]
"""Shows a rollout; returns when it was left and no host can move without a human. The rollout is not owned by it."""


class Operator(Protocol):
    @property
    def can_answer(self) -> bool:
        """Somebody is there to be asked."""
        ...

    def say(self, text: str) -> None:
        """One line, or a few."""
        ...

    async def agree_to_plan(self, plan: Plan) -> bool:
        """Show the plan and ask whether it may begin."""
        ...

    async def confirm(self, question: str) -> bool:
        """Yes or no."""
        ...

    async def agree_to_retry(self, hosts: int, installed: int) -> bool:
        """Ask whether these failed, skipped and held hosts may be wiped again; `installed` were booted into the installer."""
        ...
