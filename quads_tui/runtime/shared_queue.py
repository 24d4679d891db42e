"""The write queue that consoles on several machines share, as the site names it. psycopg is imported only where it is named."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quads_tui.inputs import SecretSource, Site, password_typed, resolve_secret
from quads_tui.rollout.scrub import SECRETS

from .options import Refused, Usage

if TYPE_CHECKING:
    from quads_tui.journal.cluster.connection import Dsn

_PASSWORD = "PGPASSWORD"  # libpq's variable for the password of a DSN without one
MISSING = (
    "--cluster and foreman.write_queue need the package psycopg, which is not installed: install quads-tui with its extra "
    "`cluster` (in the clone: pipx install --force '.[cluster]', or pip install '.[cluster]' in its own environment)"
)


class ExtraMissing(Usage):
    """What the extra `cluster` would install cannot be used."""

    advises = True


@dataclass(frozen=True, slots=True)
class SharedQueue:
    """It was reached, and may be used. `name`: the same for all consoles that share it."""

    dsn: Dsn
    name: str


async def database(source: SecretSource | str) -> Dsn:
    """Where the database is.

    Raises ExtraMissing (a Usage), InputError where the DSN cannot be read, and Refused where it is none.
    """
    try:
        from quads_tui.journal.cluster.connection import DatabaseAway, Dsn
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        raise ExtraMissing(MISSING) from None
    except ImportError as error:  # psycopg without libpq
        raise ExtraMissing(f"the package psycopg cannot be used ({error.__class__.__name__}): {MISSING}") from None
    if password := os.environ.get(_PASSWORD):
        SECRETS.add(password)
    text = source if isinstance(source, str) else (await asyncio.to_thread(resolve_secret, source)).reveal()
    try:
        dsn = Dsn(text)
    except DatabaseAway as error:
        raise Refused([f"the write queue: {error}"]) from None
    if dsn.has_password and isinstance(source, str):
        raise password_typed()  # however it is spelled there
    return dsn


async def shared_queue(site: Site) -> SharedQueue | None:
    """None: the site names none. Raises as `database`, and Refused: without its queue no rollout begins."""
    if site.foreman.write_queue is None:
        return None
    dsn = await database(site.foreman.write_queue.dsn)
    from quads_tui.journal.cluster.connection import DatabaseAway
    from quads_tui.journal.cluster.schema import blocker, facts

    where = f"the database of the write queue ({dsn.shown})"
    try:
        found = await facts(dsn)
    except DatabaseAway as error:
        raise Refused([f"{where} cannot be used, and nothing is written to Foreman without it: {error}"]) from None
    problem, remedy = blocker(found)
    if problem:
        raise Refused([f"{where}: {problem}; {remedy}"])
    return SharedQueue(dsn, found.queue)
