"""What the start screen lists: rollouts of the state directory and of this process, and those that wait for their time."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

from quads_tui.journal.catalogue import Catalogue, StoredRollout
from quads_tui.journal.reader import JournalReader, NoJournal
from quads_tui.render.eta import header_words
from quads_tui.render.header import left_armed
from quads_tui.render.host_bar import HostShares
from quads_tui.render.listing import Entry, State
from quads_tui.render.names import short_clouds_name
from quads_tui.render.numbers import count, duration
from quads_tui.render.rollout_list import Row, RowGroup
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.text import clean
from quads_tui.rollout.view import RolloutView
from quads_tui.rollout.waits import paused_subject

from .history import DAMAGE, Unreadable
from .journal_follower import Follower, follow
from .options import Usage
from .process_resources import ProcessResources
from .scheduled import Scheduled, scheduled
from .summary import summarised

MAX_ENDED = 30  # ended rollouts
_REFRESH_INTERVAL = 1.0  # real seconds between two reads
_REST = 10  # at least as many times as long as a read took: of a hundred rollouts it takes a while
_ESTIMATE = 48  # cells: without the reasons, which the screen of the rollout gives
log = logging.getLogger(__name__)


class RolloutIndex:
    """Journals of other processes are followed. All others are read when their state has changed: where a file of theirs has, by
    the fingerprint of what is in them."""

    def __init__(self, state: Path, resources: ProcessResources) -> None:
        self._state = state
        self._catalogue = Catalogue(state)
        self._resources = resources
        self._followers: dict[str, Follower] = {}
        # By id: what was read, the fingerprint of the journal, and what it says.
        self._rows: dict[str, tuple[StoredRollout | None, str, Row]] = {}
        self._stored: list[tuple[StoredRollout, RowGroup, str]] = []  # with its group and its holder
        self._scheduled: list[Scheduled] = []
        self.is_read = False  # the state directory was read once

    def rows(self) -> Sequence[Row]:
        here = [running_row(running.view, RowGroup.HERE, "") for running in self._resources.running]
        ours = {row.rollout for row in here}
        later = [_scheduled_row(one, time.time()) for one in self._scheduled]
        return [*here, *later, *(row for row in self._stored_rows() if row.rollout not in ours)]

    async def refresh(self) -> None:
        """Read the state directory again and again, until cancelled."""
        await repeated(self.refresh_once)

    async def refresh_once(self) -> None:
        """What cannot be read never keeps the other rollouts from their rows."""
        try:
            await asyncio.to_thread(self._read)
        except Exception:  # the next look may succeed
            log.exception("the state directory could not be read")
        self.is_read = True
        for name, follower in list(self._followers.items()):
            try:
                await follower.step()
            except DAMAGE as error:
                log.warning("%s can no longer be followed: %s", name, error)
                self._drop(name)

    def close(self) -> None:
        for name in list(self._followers):
            self._drop(name)

    def _drop(self, name: str) -> None:
        self._followers.pop(name).close()

    def _read(self) -> None:
        """In a thread."""
        stored = []
        ended = 0
        for rollout in self._catalogue.read():
            holder = rollout.holder()
            unread = RowGroup.DAMAGED if rollout.unreadable else RowGroup.UNFINISHED if rollout.unfinished else RowGroup.RECENT
            group = RowGroup.RUNNING if holder else unread
            ended += group is RowGroup.RECENT
            if group is not RowGroup.RECENT or ended <= MAX_ENDED:
                stored.append((rollout, group, holder))
        running = {
            rollout.id: rollout for rollout, group, holder in stored if group is RowGroup.RUNNING and not _is_this_process(holder)
        }
        for name in self._followers.keys() - running.keys():
            self._drop(name)
        for name, rollout in running.items():
            if name not in self._followers and "plan" in rollout.facts:
                try:
                    self._followers[name] = follow(rollout)
                except Usage as error:
                    self._rows[name] = (None, "", damaged_row(name, str(error)))
        for rollout, group, _ in stored:
            if group is not RowGroup.RUNNING:
                self._keep_row(rollout, group)
        self._stored = stored
        self._scheduled = scheduled(self._state)

    def _keep_row(self, rollout: StoredRollout, group: RowGroup) -> None:
        known = self._rows.get(rollout.id)
        if known is not None and known[0] is rollout:
            return
        try:
            with closing(JournalReader(rollout.journal)) as journal:
                state = journal.fingerprint()
            row = known[2] if known is not None and known[1] == state else entry_row(summarised(rollout), group)
            self._rows[rollout.id] = (rollout, state, row)
        except (NoJournal, Unreadable, *DAMAGE) as why:
            self._rows[rollout.id] = (rollout, "", damaged_row(rollout.id, str(why)))

    def _stored_rows(self) -> Iterator[Row]:
        for rollout, group, holder in self._stored:
            kept = self._rows.get(rollout.id)
            if group is not RowGroup.RUNNING:
                if kept is not None:
                    yield kept[2]
            elif not _is_this_process(holder):
                follower = self._followers.get(rollout.id)
                by = f"run by {holder.partition(', since')[0]}"
                if follower is not None:
                    yield running_row(follower.view, RowGroup.RUNNING, by)
                elif "plan" not in rollout.facts:
                    yield Row(rollout=rollout.id, group=RowGroup.RUNNING, state="planning", details=by)
                elif kept is not None:
                    yield kept[2]


async def repeated(read: Callable[[], Awaitable[None]]) -> None:
    """Again and again, until cancelled; less often where it takes long."""
    while True:
        began = time.monotonic()
        await read()
        await asyncio.sleep(max(_REFRESH_INTERVAL, _REST * (time.monotonic() - began)))


def _is_this_process(holder: str) -> bool:
    return holder.startswith(f"process {os.getpid()} ")


def running_row(view: RolloutView, group: RowGroup, by: str) -> Row:
    """Of one that runs. `by`: who runs it, in words; empty for this console."""
    rollout, now = view.rollout, view.clock.wall()
    counts = rollout.counts
    waits = rollout.settled and (counts[HostStatus.FAILED] or counts[HostStatus.HELD])
    paused = ", ".join(f"{paused_subject(what)} paused" for what in rollout.paused)
    estimate = "" if rollout.ended_at else header_words(view.forecast, _ESTIMATE, rollout.time)
    return Row(
        rollout=rollout.id,
        group=group,
        cloud=short_clouds_name(list(rollout.clouds)),
        seconds=rollout.seconds(now),
        hosts=len(rollout.hosts),
        armed=left_armed(rollout),
        shares=HostShares.of(rollout),
        state="needs you" if waits else "running",
        details="   ".join(part for part in (estimate[:1].upper() + estimate[1:], paused, by) if part),
    )


def entry_row(found: Entry, group: RowGroup) -> Row:
    shares = HostShares(done=found.done, queued=found.open, skipped=found.skipped, held=found.held, failed=found.failed)
    words = found.state.value + (f" ({found.end_reason})" if found.end_reason else "")
    rehearsal = "; rehearsal" if found.rehearsal else ""
    if group is RowGroup.RECENT:  # it has ended, as its group says
        details = ""
        words = "rehearsal" if rehearsal and found.state in (State.ENDED, State.DONE) else f"{words}{rehearsal}"
    elif found.state is State.UNPLANNED:
        details = f"r resumes: its process exited during planning, and nothing was done{rehearsal}"
    else:
        gone = "; process exited" if found.state is State.UNFINISHED else ""
        danger = f", {found.armed} armed (next boot reinstalls)" if found.armed else ""
        details = f"r resumes {count(found.open, 'host')}{danger}{gone}{rehearsal}"  # fits into 80 columns but for the last part
    return Row(
        rollout=found.rollout,
        group=group,
        cloud=found.cloud_column,
        seconds=found.seconds,
        hosts=found.hosts,
        armed=found.armed,
        shares=shares,
        state=words,
        details=details,
    )


def _scheduled_row(one: Scheduled, now: float) -> Row:
    begins = datetime.fromtimestamp(one.at).astimezone().strftime("%a %Y-%m-%d %H:%M")
    left = one.at - now
    return Row(
        rollout=one.id,
        group=RowGroup.SCHEDULED,
        cloud=one.cloud,
        hosts=one.hosts,
        state=f"starts in {duration(left)}" if left > 0 else "starting",
        details=f"{begins}   {one.holder.partition(', since')[0]}; ctrl+c in its terminal cancels",
    )


def damaged_row(name: str, why: str) -> Row:
    return Row(rollout=clean(name, 200), group=RowGroup.DAMAGED, state="damaged", details=clean(why, 300))
