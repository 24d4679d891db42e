"""Runs one program on the terminal that this process has, as quads-tui has said over a Unix socket: a script, not a module.

    python -I -S terminal_launcher.py SOCKET

tmux and the process table see these words only: arguments, facts of the host and the environment come over the socket. One line
of JSON comes: {"argv": [...], "env": {...}, "directory": TEXT, "name": TEXT, "take": BOOL}. One goes back when the program has
ended: {"status": N} or {"error": TEXT}. Then it waits for Enter, so that the last lines can be read.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import termios
from contextlib import suppress

OF_THE_TERMINAL = ("TERM", "COLORTERM", "TMUX", "TMUX_PANE")  # where this process runs, and not where quads-tui does
IGNORED = ("SIGINT", "SIGQUIT", "SIGTSTP", "SIGTTIN", "SIGTTOU")  # they are meant for the program
_MODES = 3  # the place of the local modes in what tcgetattr gives


def main(path: str) -> None:
    """Returns when the operator has seen the end."""
    for name in IGNORED:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.connect(path)
        with link.makefile("r", encoding="utf-8") as lines:
            told = json.loads(lines.readline())
        if told["take"]:
            os.setpgid(0, 0)
            os.tcsetpgrp(0, os.getpgrp())
            termios.tcflush(0, termios.TCIFLUSH)  # typed to the screen that has gone
            _send_signals(True)
        modes = termios.tcgetattr(0)
        ended = _run(told["argv"], told["env"], told["directory"])
        termios.tcsetattr(0, termios.TCSANOW, modes)  # a program that was killed leaves its own
        with suppress(OSError):
            link.sendall(json.dumps(ended).encode() + b"\n")
    print(f"\r\n[{told['name']}: {_words(ended)}. Press Enter.]", end="", flush=True)
    with suppress(OSError):
        sys.stdin.readline()
    if told["take"]:
        _send_signals(False)  # until quads-tui has the terminal back, ctrl+c must not reach it as a signal


def _run(argv: list[str], environment: dict[str, str], directory: str) -> dict[str, int | str]:
    """What goes back over the socket."""
    ours = {name: value for name, value in os.environ.items() if name in OF_THE_TERMINAL}
    environment = {**{name: value for name, value in environment.items() if name not in OF_THE_TERMINAL}, **ours}
    refused, refusing = os.pipe()  # closed by the program's start; before that it takes why there is none
    child = os.fork()
    if not child:
        try:
            for name in (*IGNORED, "SIGPIPE"):
                signal.signal(getattr(signal, name), signal.SIG_DFL)
            with suppress(OSError):
                os.chdir(directory)
            os.execvpe(argv[0], argv, environment)
        except BaseException as error:
            os.write(refusing, (getattr(error, "strerror", None) or str(error)).encode(errors="replace"))
        finally:
            os._exit(127)
    os.close(refusing)
    with os.fdopen(refused, "rb") as pipe:
        why = pipe.read().decode()
    while True:
        _, status = os.waitpid(child, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            break
        os.kill(child, signal.SIGCONT)  # ctrl+z: nobody could continue it
    return {"error": why} if why else {"status": os.waitstatus_to_exitcode(status)}


def _send_signals(on: bool) -> None:
    """Whether ctrl+c and the like are signals to the foreground of the terminal."""
    modes = termios.tcgetattr(0)
    modes[_MODES] = modes[_MODES] | termios.ISIG if on else modes[_MODES] & ~termios.ISIG
    termios.tcsetattr(0, termios.TCSANOW, modes)


def _words(ended: dict[str, int | str]) -> str:
    if "error" in ended:
        return f"could not be started: {ended['error']}"
    status = int(ended["status"])
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}"


if __name__ == "__main__":
    main(sys.argv[1])
