"""Who may order: the part of the console that knows whether it has control, and what those who had it before wrote."""

from __future__ import annotations

from quads_tui.render.comments import comments_summary
from quads_tui.render.numbers import count
from quads_tui.render.question import QuestionText
from quads_tui.render.runner_gone import RunnerGone
from quads_tui.rollout.commands import Command, Comment
from quads_tui.rollout.ports import Control

from .adjustable import AdjustableApp
from .consequences import RESUME_ROLLOUT
from .dialogs import Question, TextQuestion
from .screens.view import View
from .view_context import ViewContext


class ControlledApp(AdjustableApp):
    """`control` may be None while the context says why this console is read-only."""

    def __init__(self, context: ViewContext, control: Control | None) -> None:
        super().__init__(context)
        self._control = control

    @property
    def view(self) -> View:
        """The topmost screen that is not a question."""
        return next(screen for screen in reversed(self.screen_stack) if isinstance(screen, View))

    @property
    def read_only(self) -> str:
        """Why this console has no control, as a phrase; empty: it has."""
        return self.context.read_only

    @read_only.setter
    def read_only(self, why: str) -> None:
        taken, self.context.read_only = bool(self.read_only) and not why, why
        if taken:
            self.tell_control()

    def tell_control(self) -> None:
        """To who has control from now on: what others wrote about hosts."""
        comments = comments_summary(self.context.rollout.hosts.values())
        self.context.flash = "You have control." + (f" {comments}" if comments else "")

    def on_mount(self) -> None:
        if not self.read_only and any(host.comments for host in self.context.rollout.hosts.values()):
            self.tell_control()

    @property
    def gone(self) -> RunnerGone | None:
        return self.context.gone

    @gone.setter
    def gone(self, gone: RunnerGone | None) -> None:
        if gone is not None and self.context.gone is None and not self.settings.muted:
            self.bell()
        self.context.gone = gone

    def submit(self, command: Command) -> None:
        """Checked again here: somebody else may have taken control while a question was open."""
        if not self.refuse_if_read_only() and self._control is not None:
            self._control.submit(command)

    def refuse_if_read_only(self) -> bool:
        if self.read_only:
            self.flash(f"read-only: {self.read_only}")
        return bool(self.read_only)

    def action_resume_here(self) -> None:
        """Ends the console with "resume", for whoever runs it to do."""
        gone, rollout = self.gone, self.context.rollout
        if gone is None:
            self.flash("resume is possible only after the process that runs the rollout has exited")
            return
        if not gone.key:
            self.flash(f"type in a shell: {gone.command}")
            return
        left = sum(not host.status.is_final for host in rollout.hosts.values())
        asked = QuestionText(
            title=f"Resume {rollout.id} in this process?",
            happens=(f"{count(left, 'host')} unfinished; queued hosts start as planned.", *RESUME_ROLLOUT.happens),
            lost=RESUME_ROLLOUT.lost,
            wipes=True,
        )

        def chosen(answer: str | None) -> None:
            if answer == "y" and self.gone is None:
                self.flash("nothing was done: another process now runs the rollout, or the rollout has ended")
            elif answer == "y":
                self.exit("resume")

        self.ask(Question(asked, {"n": "no", "y": "resume"}, self.context.monotonic), chosen)

    def action_comment(self, words: str = "") -> None:
        """On the chosen hosts, at once: nothing is done to them."""
        if self.read_only:
            self.flash(f"read-only: {self.read_only}; comments need control")
            return
        if why := self.view.choose():
            self.flash(why)
            return
        names = tuple(self.view.chosen())

        def written(words: str | None) -> None:
            if words and words.strip():
                self.submit(Comment(names, words))
                self.view.done()
            else:
                self.flash("comment: nothing was written")

        if not names:
            self.flash("comment: no host is chosen")
        elif words:
            written(words)
        else:
            what = self.context.rollout.hosts[names[0]].short if len(names) == 1 else f"{len(names)} hosts"
            self.ask(TextQuestion([f"Comment on {what} (esc: nothing is written)"], self.context.monotonic), written)
