"""`hosts`: how hosts fared in their last rollouts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from fnmatch import fnmatchcase

from quads_tui.inputs import load_site
from quads_tui.journal.servers import spelled
from quads_tui.render.host_history import HostHistory, details, heading, line, members, worst_first
from quads_tui.rollout.learned import LearnedDurations
from quads_tui.rollout.text import clean
from quads_tui.runtime.event_loop import run_to_end
from quads_tui.runtime.learned_store import learned_sites
from quads_tui.runtime.open_cluster import open_cluster
from quads_tui.runtime.options import Options, emit_json, notify

from .streams import reader_gone
from .terminal import run_with_exit_status

_SIGNS = frozenset("*?[")


def hosts(pattern: str | None, *, worst: bool, options: Options) -> int:
    """Gives the exit status. `pattern`: a part of the name, or a shell pattern of all of it; one host only is shown in detail."""
    return run_with_exit_status(options, lambda: _list(pattern, worst, options))


def hosts_of_cluster(pattern: str | None, cluster: str, *, worst: bool, options: Options) -> int:
    """As `hosts`, in the rollouts of a database."""
    return run_with_exit_status(options, lambda: run_to_end(_list_cluster(pattern, cluster, worst, options)))


def _list(pattern: str | None, worst: bool, options: Options) -> int:
    learned = learned_sites(options.state, _foreman(options), notify)
    return _show(learned, pattern, worst, options, f"the ended rollouts of {clean(options.state, 1000)}")


async def _list_cluster(pattern: str | None, cluster: str, worst: bool, options: Options) -> int:
    foreman = _foreman(options)
    async with open_cluster(cluster) as opened:
        from quads_tui.runtime.cluster_hosts import hosts_in_cluster

        server = spelled(foreman) if foreman is not None else None
        learned = await hosts_in_cluster(opened.rollouts, lambda host: _fits(host, pattern), server, notify)
    return _show(learned, pattern, worst, options, f"the ended rollouts of {opened.where}")


def _foreman(options: Options) -> str | None:
    return load_site(options.site).foreman.url if options.site is not None else None


def _show(learned: Mapping[str, LearnedDurations], pattern: str | None, worst: bool, options: Options, where: str) -> int:
    found = [
        HostHistory(host, server, tuple(reversed(results)))
        for server, known in learned.items()
        for host, results in known.hosts.items()
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
        notify(f"no host{f' that fits {clean(pattern)}' if pattern else ''} in {where}")
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
