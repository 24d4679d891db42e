"""How a command ends: errors become messages and an exit status (CONTRACT 2)."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.runtime.asked import ASKED
from quads_tui.runtime.options import SIGNALS, Options, Refused, Usage, emit_json, notify


def with_exit_status(options: Options, work: Callable[[], int]) -> int:
    """Run `work`; errors of usage, of inputs and of the whole rollout become messages and an exit status."""
    ASKED.reset()
    signal.signal(signal.SIGTERM, ASKED.exit)  # until the rollout runs and handles the signal itself
    try:
        return work()
    except KeyboardInterrupt:
        return SIGNALS["SIGINT"]
    except QuadsTuiError as error:
        status = _told(error, options)
        if not status:
            raise
        return status


def _told(error: QuadsTuiError, options: Options) -> int:
    """The exit status; 0 for an error that no command should end with. What declares them is imported now: most commands end
    well."""
    from quads_tui.inputs import InputError
    from quads_tui.journal.locks import LockHeld
    from quads_tui.rollout.ports import JournalBroken

    if isinstance(error, InputError | Usage):
        notify("\n".join(f"quads-tui: {line}" for line in str(error).splitlines()))
        return 2
    if isinstance(error, Refused | LockHeld | JournalBroken):
        refused = error if isinstance(error, Refused) else Refused([str(error)])
        for reason in refused.reasons:
            notify(f"quads-tui: refused: {reason}")
        if options.json:
            emit_json("refused", time.time(), {"reasons": list(refused.reasons)})
        return 3
    return 0
