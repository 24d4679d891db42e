"""`hosts`: how hosts fared in their last rollouts."""

from __future__ import annotations

import time
from fnmatch import fnmatchcase

from quads_tui.inputs import load_site
from quads_tui.render.host_history import HostHistory, details, heading, line, members, worst_first
from quads_tui.rollout.text import clean
from quads_tui.runtime.learned_store import learned_sites
from quads_tui.runtime.options import Options, emit_json, notify

from .streams import reader_gone
from .terminal import run_with_exit_status

_SIGNS = frozenset("*?[")


def hosts(pattern: str | None, *, worst: bool, options: Options) -> int:
    """Gives the exit status. `pattern`: a part of the name, or a shell pattern of all of it; one host only is shown in detail."""
    return run_with_exit_status(options, lambda: _list(pattern, worst, options))


def _list(pattern: str | None, worst: bool, options: Options) -> int:
    foreman = load_site(options.site).foreman.url if options.site is not None else None
    found = [
        HostHistory(host, server, tuple(reversed(results)))
        for server, learned in learned_sites(options.state, foreman, notify).items()
        for host, results in learned.hosts.items()
        if _fits(host, pattern)
    ]
    found = worst_first(found) if worst else sorted(found, key=lambda one: (one.host, one.foreman))
    if options.json:
        for one in found:
            if reader_gone():
                break
            emit_json("host", time.time(), members(one))
        return 0
    if not found:
        which = f" that fits {clean(pattern)}" if pattern else ""
        notify(f"no host{which} in the ended rollouts of {clean(options.state, 1000)}")
    elif len(found) == 1:
        print("\n".join(details(found[0])))
    else:
        width = max(len("HOST"), *(len(one.host) for one in found))
        print(heading(width))
        for one in found:
            if reader_gone():
                break
            print(line(one, width))
    return 0


def _fits(host: str, pattern: str | None) -> bool:
    if not pattern:
        return True
    wanted = pattern.lower()
    return fnmatchcase(host, wanted) if _SIGNS & set(wanted) else wanted in host
