"""The environment of the programs that this one starts: what they need, and no password."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum

_ALL = ("PATH", "HOME", "LANG", "LANGUAGE", "LC_*", "TERM", "USER", "LOGNAME", "TMPDIR", "TZ", "XDG_*")
_OURS = ("QUADS_TUI_SITE", "QUADS_TUI_STATE", "QUADS_TUI_LOCKS")


class Child(Enum):
    """What is started, and what it may have beside what all have; `*` stands for any ending."""

    COMMAND = _OURS  # hooks and on_event
    ROW_COMMAND = (  # what an operator runs by a key: with the ways to a desktop, an agent and a terminal, and no password store
        *_OURS,
        *("SSH_AUTH_SOCK", "SSH_AGENT_PID", "KRB5CCNAME", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"),
        *("SHELL", "EDITOR", "VISUAL", "PAGER", "LESS", "BROWSER", "COLORTERM", "TMUX", "TMUX_PANE"),
    )
    PASSWORD = (
        *("SSH_AUTH_SOCK", "SSH_AGENT_PID", "GNUPGHOME", "GPG_*", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY"),
        *("KRB5CCNAME", "PASSWORD_STORE_*", "BW_*", "OP_*", "VAULT_*"),  # how password managers find their store, and open it
    )
    EMULATORS = (*_OURS, "PYTHON*", "VIRTUAL_ENV", "LD_LIBRARY_PATH")  # our own program, with the same Python


_withheld: set[str] = set()  # variables that a site file names as the place of a password


def withhold(variable: str) -> None:
    """No program that is started from now on gets it, whatever it is called."""
    _withheld.add(variable)


def child_environment(child: Child, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The part of our environment for a program of this kind."""
    given = os.environ if environ is None else environ
    wanted = (*_ALL, *child.value)
    exact = {name for name in wanted if not name.endswith("*")}
    begins = tuple(name[:-1] for name in wanted if name.endswith("*"))
    return {name: value for name, value in given.items() if (name in exact or name.startswith(begins)) and name not in _withheld}
