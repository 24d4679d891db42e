"""The list entry of a rollout, kept beside its journal, so that whoever lists rollouts need not replay ten thousand hosts.

It is believed for the very state of the journal that it was made from: same facts, same last event, same last sample. Anything
else, a damaged file and one of another version included, is made again from the journal.
"""

from __future__ import annotations

import json
import os
from contextlib import closing, suppress
from dataclasses import asdict, fields, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from quads_tui.journal.catalogue import StoredRollout
from quads_tui.journal.reader import JournalReader, NoJournal
from quads_tui.render.listing import Entry, State
from quads_tui.rollout.text import clean

from .history import DAMAGE, Unreadable, list_entry

_FORMAT = 1  # another one where an entry means something else
_MOST = 1 << 20  # bytes
_MEMBERS = [field.name for field in fields(Entry)]


def summary_path(rollout: StoredRollout) -> Path:
    return rollout.directory / "summary.json"


def summarised(rollout: StoredRollout) -> Entry:
    """Its list entry, from the summary where that is the journal's; else from the journal, and the summary is written.

    Raises Unreadable.
    """
    holder = rollout.holder()
    fingerprint = _fingerprint(rollout)
    found = read_summary(rollout, fingerprint)
    if found is None:
        found = list_entry(rollout)
        if fingerprint == _fingerprint(rollout):  # nothing was written meanwhile
            write_summary(rollout, fingerprint, found)
    return replace(found, state=State.RUNNING) if holder and found.state is not State.UNPLANNED else found


def _fingerprint(rollout: StoredRollout) -> str:
    try:
        with closing(JournalReader(rollout.journal)) as journal:
            return journal.fingerprint()
    except NoJournal as error:
        raise Unreadable(clean(error, 1000)) from None
    except DAMAGE as error:
        raise Unreadable(f"damaged: {clean(error)}") from None


def read_summary(rollout: StoredRollout, fingerprint: str) -> Entry | None:
    """The entry that was kept for this state of the rollout. None: none, or for another one."""
    try:
        with os.fdopen(os.open(summary_path(rollout), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            kept = json.loads(file.read(_MOST))
        body = kept["entry"]
        if kept["digest"] != _digest(fingerprint, body):
            return None
        known = {name: _member(name, body[name]) for name in _MEMBERS}
        return Entry(**known)
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return None


def write_summary(rollout: StoredRollout, fingerprint: str, found: Entry) -> None:
    """By the owner of the rollout alone. It may fail: then the next one who lists replays again."""
    path = summary_path(rollout)
    made = path.with_name(f"{path.name}.{os.getpid()}.new")
    body = json.loads(json.dumps(asdict(found)))
    with suppress(OSError):
        if rollout.directory.stat().st_uid != os.geteuid():
            return
        try:
            with os.fdopen(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600), "w") as file:
                json.dump({"entry": body, "digest": _digest(fingerprint, body)}, file)
            made.replace(path)
        finally:
            made.unlink(missing_ok=True)


def _digest(fingerprint: str, body: dict[str, Any]) -> str:
    known = json.dumps([_FORMAT, _MEMBERS, fingerprint, body], sort_keys=True)
    return blake2b(known.encode(), digest_size=16).hexdigest()


def _member(name: str, value: Any) -> Any:
    """As an Entry has it, of JSON types. Clean: it is a file."""
    if name == "state":
        return State(value)
    if isinstance(value, str):
        return clean(value, 1000)
    return tuple(value) if isinstance(value, list) else value
