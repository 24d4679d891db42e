"""The input of a rollout: the site, and the assignments of files or of QUADS."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quads_tui.engine.clock import RealClock
from quads_tui.inputs import Assignment, Site, bmc_address, check_speed, find_site, load_assignments, load_site
from quads_tui.planning.quads_moves import assignments_from, enriched
from quads_tui.rollout.ports import QuadsError

from .clients import check_ipmitool, open_services
from .event_loop import run_to_end
from .given_time import given_limit
from .options import Options, Refused, Usage


@dataclass(frozen=True, slots=True)
class RolloutInput:
    """The input of a rollout, before Foreman is contacted. `rehearsal`: the directory of its emulators."""

    assignments: tuple[Assignment, ...]
    site: Site
    rehearsal: Path | None = None  # the directory of the emulators that it runs against
    at: float | None = None  # when it is to start (real time); None: now
    until: float = 0.0  # the time limit (real time); 0: none


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the operator asked for: files, or the moves of QUADS (no `paths`). `date`: YYYY-MM-DDTHH:MM, empty for now."""

    paths: tuple[Path, ...]
    cloud: str | None = None
    date: str = ""
    expect: int | None = None
    at: float | None = None  # when it is to start (real time); None: now
    until: str = ""  # by when hosts must be done, as given; empty: no limit


def load(request: RunRequest, options: Options, notify: Callable[[str], None]) -> RolloutInput:
    """The site, and the assignments of files or of QUADS. Raises InputError, Usage and Refused."""
    until = given_limit(request.until, max(time.time(), request.at or 0.0)) if request.until else 0.0
    site = load_site(find_site(options.site, os.environ))
    given = load_assignments(request.paths, cloud=request.cloud, at=request.at, zone=site.quads_zone)
    if site.quads is None and not request.paths:
        raise Usage(f"{site.path} has no `quads` section: --from-quads needs one")
    if site.quads is not None:
        check_speed(site, [])
        given = run_to_end(_asked_quads(given, site, request, options, notify))
    addresses = [bmc_address(site, host) for assignment in given for host in assignment.hosts]
    check_speed(site, addresses)
    check_ipmitool(site, addresses)
    return RolloutInput(given, site, at=request.at, until=until)


async def _asked_quads(
    given: tuple[Assignment, ...], site: Site, request: RunRequest, options: Options, notify: Callable[[str], None]
) -> tuple[Assignment, ...]:
    services = await open_services(site, RealClock(site.speed), options.state)
    assert services.quads is not None
    try:
        if given:
            return await enriched(services.quads, given)
        notify(f"reading the moves from QUADS {services.quads.url}")
        found = await assignments_from(services.quads, site, cloud=request.cloud, date=request.date)
    except QuadsError as error:
        raise Refused([error.reason]) from None
    finally:
        await services.http.close()
    if not found:
        to = f" to {request.cloud}" if request.cloud else ""
        when = f"at {request.date}" if request.date else "that are due now"
        raise Refused([f"QUADS has no moves{to} {when}; --date selects another date"])
    return found
