"""What the start screen lists: rollouts of the state directory and of this process, and assignment files for new ones."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from quads_tui.inputs import InputError, load_assignment
from quads_tui.journal.catalogue import StoredRollout, stored_rollouts
from quads_tui.render.clouds import short_clouds_name
from quads_tui.render.rollout_list import Row, RowGroup
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.time_words import date_and_time
from quads_tui.rollout.view import RolloutView
from quads_tui.rollout.waits import paused_subject

from .history import Unreadable
from .journal_follower import Follower, follow
from .process_resources import ProcessResources
from .summary import summarised

_MAX_ENDED = 30  # ended rollouts
_MAX_FILES = 200  # of a directory, that are tried as assignments
_REFRESH_INTERVAL = 1.0  # real seconds between two reads of the state directory


class RolloutIndex:
    """Journals of other processes are followed; those that ended are read once."""

    def __init__(self, state: Path, resources: ProcessResources) -> None:
        self._state = state
        self._resources = resources
        self._running: dict[str, Follower] = {}
        self._ended_rows: dict[tuple[str, int], Row] = {}  # by id and size of the journal: it may grow again
        self._stored: list[tuple[StoredRollout, RowGroup, str]] = []  # with its group and its holder
        self.files: list[Path] = []

    def find_files(self) -> None:
        """Assignments of this directory, of its sample_assignments, and of earlier rollouts."""
        places = (Path(), Path("sample_assignments"))
        candidates = [path for place in places for path in sorted(place.glob("*.*"))[:_MAX_FILES]]
        for rollout in stored_rollouts(self._state):
            if rollout.rehearsal is None:
                candidates += [Path(given["path"]) for given in rollout.facts.get("assignments", ())]
        self.files = list(dict.fromkeys(path for path in candidates if _is_assignment(path)))

    def rows(self) -> Sequence[Row]:
        here = [_row(running.view, RowGroup.HERE) for running in self._resources.running]
        ours = {row.rollout for row in here}
        return [*here, *(row for row in self._stored_rows() if row.rollout not in ours)]

    async def refresh(self) -> None:
        """Read the state directory again and again, until cancelled."""
        while True:
            await asyncio.to_thread(self._refresh_once)
            for follower in self._running.values():
                await follower.step()
            await asyncio.sleep(_REFRESH_INTERVAL)

    def close(self) -> None:
        for follower in self._running.values():
            follower.close()

    def _refresh_once(self) -> None:
        stored = []
        ended = 0
        for rollout in stored_rollouts(self._state):
            holder = rollout.holder()
            group = RowGroup.RUNNING if holder else RowGroup.UNFINISHED if rollout.unfinished else RowGroup.RECENT
            ended += group is RowGroup.RECENT
            if group is not RowGroup.RECENT or ended <= _MAX_ENDED:
                stored.append((rollout, group, holder))
        for rollout, group, holder in stored:
            if (
                group is RowGroup.RUNNING
                and rollout.id not in self._running
                and "plan" in rollout.facts
                and not _is_this_process(holder)
            ):
                self._running[rollout.id] = follow(rollout)
            elif group is not RowGroup.RUNNING and (rollout.id, _size(rollout)) not in self._ended_rows:
                self._ended_rows[rollout.id, _size(rollout)] = _ended_row(rollout, group)
        self._stored = stored

    def _stored_rows(self) -> Iterator[Row]:
        for rollout, group, holder in self._stored:
            if group is not RowGroup.RUNNING:
                row = self._ended_rows.get((rollout.id, _size(rollout)))
                if row is not None:
                    yield replace(row, group=group)
            elif not _is_this_process(holder):
                follower = self._running.get(rollout.id)
                if follower is None:
                    yield Row(rollout.id, RowGroup.RUNNING, words=f"planning, run by {holder}")
                else:
                    yield replace(_row(follower.view, RowGroup.RUNNING), words=f"run by {holder}")


def _is_this_process(holder: str) -> bool:
    return holder.startswith(f"process {os.getpid()} ")


def _row(view: RolloutView, group: RowGroup) -> Row:
    rollout, now = view.rollout, view.clock.wall()
    counts = rollout.counts
    created = date_and_time(rollout.started_at or now)
    waits = rollout.settled and (counts[HostStatus.FAILED] or counts[HostStatus.HELD])
    return Row(
        rollout.id,
        group,
        short_clouds_name(list(rollout.clouds)),
        created,
        rollout.seconds(now),
        len(rollout.hosts),
        counts[HostStatus.DONE],
        counts[HostStatus.FAILED],
        len(rollout.armed),
        "waiting for an operator"
        if waits
        else ", ".join(f"{paused_subject(what)} paused" for what in rollout.paused) or "running",
    )


def _ended_row(stored: StoredRollout, group: RowGroup) -> Row:
    try:
        found = summarised(stored)
    except Unreadable as why:
        return Row(stored.id, group, words=f"cannot be read: {why}")
    created = date_and_time(found.created_at)
    words = (
        found.state.value + (f" ({found.end_reason})" if found.end_reason else "") + (", rehearsal" if found.rehearsal else "")
    )
    figures = (found.seconds, found.hosts, found.done, found.failed, found.armed)
    return Row(stored.id, group, found.cloud_column, created, *figures, words)


def _size(rollout: StoredRollout) -> int:
    try:
        return rollout.journal.stat().st_size
    except OSError:
        return 0


def _is_assignment(path: Path) -> bool:
    if path.suffix not in (".yaml", ".yml", ".json") or path.name == "site.yaml" or not path.is_file():
        return False
    try:
        return bool(load_assignment(path).hosts)
    except InputError:
        return False
