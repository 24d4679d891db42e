"""What the flow of one host remembers, from one attempt to the next and from one process to the next."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.identity import Identity, identity_from
from quads_tui.rollout.moments import Moment, moment_from
from quads_tui.rollout.stages import Kind, Stage


@dataclass(slots=True)
class HostMemory:
    """What the flow knows of a host from one retry to the next. All of it is in the journal: see `facts`."""

    start: Stage
    attempts: dict[Stage, int] = field(default_factory=dict)
    off: bool = False  # we saw it Off, and nobody was to power it on since
    override: bool = False  # we set its one-time PXE boot, and no boot has used it
    stays: bool = False  # its BMC keeps that set over boots: to be cleared when the install has ended
    built_at: Moment | None = None  # when our build write was applied; None: not in build through us
    left_in_build: bool = False  # in build through a write of ours that a retry no longer counts on, and nobody took it out since
    unread: bool = False  # a write of ours has ended, and Foreman did not tell what it did: by itself nothing is written again
    baseline: datetime | None = None  # installed_at in Foreman's answer to that write
    pxe_lost: bool = False  # in build, but Foreman took our PUT back, and with it the PXE files of the build that stands
    booted: bool = False  # On was seen after it: it may be installing
    installing_since: Moment | None = None  # when that was; None: the install gets its whole deadline anew
    failed: tuple[Stage, Cause] | None = None
    identity: Identity | None = None  # the machine that its acts go to
    asked: Identity | None = None  # it is held until a human says whether this is its machine
    accepted: Identity | None = None  # a human said so
    resumed: bool = False  # another process brought it here: what Foreman and the BMC say now decides where it goes on
    ending: asyncio.Future[None] | None = (
        None  # of sessions that process left at its BMC, or of its restart: nothing else goes there before
    )
    settling: asyncio.Task[None] | None = None  # its write of that process, while nobody knows what became of it

    def facts(self) -> dict[str, Any]:
        """As JSON types (times as ISO 8601 or [boot id, seconds]), without what the stage events tell."""
        return {
            "start": self.start.value,
            "off": self.off,
            "override": self.override,
            "stays": self.stays,
            "built_at": self.built_at,
            "left_in_build": self.left_in_build,
            "unread": self.unread,
            "baseline": self.baseline.isoformat() if self.baseline else None,
            "pxe_lost": self.pxe_lost,
            "booted": self.booted,
            "installing_since": self.installing_since,
            "failed": [part.value for part in self.failed] if self.failed else None,
            "identity": self.identity.facts() if self.identity else None,
            "asked": self.asked.facts() if self.asked else None,
            "accepted": self.accepted.facts() if self.accepted else None,
        }

    def recall(self, facts: Mapping[str, Any]) -> None:
        """The inverse of `facts`."""
        self.start = Stage(facts["start"])
        self.stays = facts.get("stays", False)
        self.off, self.override, self.booted = facts["off"], facts["override"], facts["booted"]
        self.built_at, self.installing_since = (
            None if facts[name] is None else moment_from(facts[name]) for name in ("built_at", "installing_since")
        )
        self.baseline = datetime.fromisoformat(facts["baseline"]) if facts["baseline"] else None
        self.pxe_lost = facts.get("pxe_lost", False)  # journals of before have none
        self.left_in_build = facts.get("left_in_build", False)
        self.unread = facts.get("unread", False)
        self.failed = (Stage(facts["failed"][0]), Cause(facts["failed"][1])) if facts["failed"] else None
        self.identity, self.asked, self.accepted = (
            identity_from(facts[name]) if facts.get(name) else None for name in ("identity", "asked", "accepted")
        )

    @property
    def in_build(self) -> bool:
        """Through us, as far as we know."""
        return self.built_at is not None or self.left_in_build

    @property
    def stands(self) -> bool:
        """Something of ours stands on its machine, or in Foreman for it: in build, or PXE is set."""
        return self.in_build or self.override

    def forget_build(self) -> None:
        """The write that put it in build counts no longer; that it stands in build does, for who makes it safe."""
        self.left_in_build, self.built_at = self.in_build, None

    def rewind(self, from_start: bool, kind: Kind) -> None:
        """Where a human's retry takes the host up. Watching again helps only a host that may still be installing."""
        stage, cause = self.failed or (self.start, Cause.UNKNOWN)
        over = stage is Stage.INSTALL and (self.built_at is None or cause is Cause.TOKEN_EXPIRED)
        if from_start or over or (kind is Kind.BUILD and self.built_at is None):
            # Without a write of ours that counts the machine may have been switched on since: it is seen Off again first.
            self.forget_build()
            self.start, self.booted, self.off = kind.stages[0], False, False
        else:
            self.start = stage
        self.installing_since, self.failed, self.unread = None, None, False
