"""What `check` tells about the database of a shared write queue: version, schema, privileges, clock, TLS."""

from __future__ import annotations

from quads_tui.inputs import InputError, Site
from quads_tui.runtime.options import Refused, Usage
from quads_tui.runtime.shared_queue import database

from .checked import Checked
from .remedies import general

_SERVICE = "queue"


async def check_queue(site: Site) -> list[Checked]:
    """Nothing where the site names no shared queue, which does not depend on the clock that is told."""
    if site.foreman.write_queue is None:
        return []
    try:
        dsn = await database(site.foreman.write_queue.dsn)
    except (Usage, Refused, InputError) as error:
        return [Checked(_SERVICE, "foreman.write_queue", problem=str(error), remedy=general(_DSN, error))]
    from quads_tui.journal.cluster.connection import DatabaseAway
    from quads_tui.journal.cluster.schema import blocker, facts

    try:
        found = await facts(dsn)
    except DatabaseAway as error:
        return [Checked(_SERVICE, dsn.shown, problem=str(error), remedy=general(_REACH, error))]
    problem, remedy = blocker(found)
    tls = "TLS" if found.tls else "loopback, no TLS" if dsn.is_local else "NO TLS"
    if not problem and not found.durable:
        problem, remedy = "fsync or synchronous_commit is off: after a crash of the server two consoles may write", _DURABLE
    if not problem and not found.tls and not dsn.is_local:
        problem, remedy = "the connection is not encrypted, and the server is on another machine", _TLS
    return [
        Checked(
            _SERVICE,
            dsn.shown,
            ok=not problem,
            version=f"PostgreSQL {found.version}" + (f", schema {found.number}" if found.number is not None else ""),
            tls=tls,
            login="login accepted",
            seconds=found.seconds,
            clock=round(found.clock),
            problem=problem,
            remedy=remedy,
        )
    ]


_DSN = "correct foreman.write_queue.dsn in the site file (docs/cluster.md)"
_REACH = "check that PostgreSQL runs there and accepts this user (pg_hba.conf), and foreman.write_queue.dsn in the site file"
_DURABLE = "set fsync and synchronous_commit to on in postgresql.conf"
_TLS = "set ssl = on in postgresql.conf, hostssl in pg_hba.conf, and sslmode=verify-full in the DSN"
