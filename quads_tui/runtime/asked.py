"""Whether this process was asked to end."""

from __future__ import annotations

from .options import SIGNALS


class Asked:
    """Whether SIGTERM has asked this process to end. It is kept: Python drops what a handler raises inside some callbacks (an
    import's, for one), and then the signal would have done nothing.

    `taken`: a rollout hears signals itself from now on, and was told of this one.
    """

    def __init__(self) -> None:
        self.signal = ""
        self.taken = False

    def reset(self) -> None:
        """A command begins."""
        self.signal, self.taken = "", False

    def exit(self, *_: object) -> None:
        """A handler for signal.signal. Raises SystemExit."""
        self.signal = "SIGTERM"
        raise SystemExit(SIGNALS["SIGTERM"])


ASKED = Asked()
"""Of this process, which signals are sent to."""
