"""The machine behind a BMC: which of its systems is meant, and fresh looks at it. Only what decides nothing is remembered.

A member that is listed counts as one, whether it can be read or not: it never makes its neighbour the only one. Once chosen, or
pinned by the flow, a system is never exchanged for another: every look compares it with what it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from quads_tui.rollout.causes import Cause, StageFailure, Unidentified
from quads_tui.rollout.counts import count
from quads_tui.rollout.identity import Identity, mac_of, same_after_move, serial_of, some, uuid_of
from quads_tui.rollout.text import clean
from quads_tui.services.json_text import is_damaged
from quads_tui.services.responses import Response

from .connection import BmcConnection, Missing, RetryBackoff
from .deciding import ACTION_INFO, BOOT, SYSTEM, Deciding
from .errors import ErrorResponse
from .learned import Surveyed
from .listing import Listing, ends_at, listing
from .nics import NicReader, Nics
from .resources import Boot, Document, System, beside, etag_of, last_part, local_path, reset_values, same_path

_STEPS = (2.0, 4.0, 8.0, 15.0)  # Dell's collection is empty for 70 s and more after its job queue was cleared
_MOST_SYSTEMS = 32  # that are looked at to find one; among more the assignment has to name it
_MOST_MOVES = 3
_REMEDY = "name it with `system:` in the assignment"


class Unclear(StageFailure):
    """Several systems could be meant."""


@dataclass(frozen=True, slots=True)
class _LastRead:
    """Of a system: a BMC that is polled mostly tells the same again, and reading its document is half the work of a look."""

    path: str = ""
    body: bytes = b""
    document: Document = field(default_factory=dict)
    system: System | None = None


class Machine:
    """Chooses the ComputerSystem once and reads it afresh each time. `name`: by id or path, as the assignment has it."""

    def __init__(self, connection: BmcConnection, name: str = "") -> None:
        self.connection = connection
        self.bare_settings: set[str] = set()  # settings resources that carry no boot override: a matter of the family
        self._name = name
        self._macs: frozenset[str] = frozenset()  # by which one of several is chosen
        self._by_macs = False  # they had a say in it
        self._path = ""  # of the chosen one
        self._known: Identity | None = None  # what every look is compared with
        self._pinned = False
        self._shared: frozenset[str] = frozenset()  # UUIDs and serial numbers that several members tell
        self._serial_counts = True  # no other member can have the same serial number
        self._alone = False  # the BMC lists no other, and the assignment names none
        self._last = _LastRead()
        self._root_read = False
        self._reset_types: tuple[str, ...] = ()  # of the ActionInfo, once it was read

    async def look(self, deadline: float) -> System:
        """The system as it is now, compared with what it was. Raises StageFailure, for another machine one that is final."""
        system = await (self._again(deadline) if self._path else self._choose(deadline))
        await self._compare(system, deadline)
        self.connection.act_peer = system.peer
        return system

    async def identify(
        self, macs: Collection[str], deadline: float, whole: bool = False, surveyed: System | None = None
    ) -> Identity:
        """As Bmc.identify. `surveyed`: by a look of a moment ago, which is not repeated."""
        wanted = frozenset(filter(None, map(mac_of, macs)))
        if not self._pinned:
            if self._by_macs and wanted != self._macs:
                self._path, self._known, self._by_macs = "", None, False
            self._macs = wanted
        if surveyed is None and not self._path and not self._name and (known := await self._as_surveyed(wanted, deadline, whole)):
            return known
        seen = surveyed
        for _ in range(_MOST_MOVES):
            if seen is None or not self._path or seen.peer != self.connection.peer:
                seen = await self.look(deadline)
            moves = self.connection.moves
            nics = await self._nics(seen, wanted, deadline, whole)
            if self.connection.moves == moves:
                now = self._same(replace(self.facts(seen), macs=tuple(sorted(nics.macs)), complete=nics.complete))
                if surveyed is not None and self._alone:
                    self.connection.learned.surveyed = Surveyed(now, seen.path, whole, self.connection.clock.now())
                return now
            seen = None
        raise self._moving()

    async def _as_surveyed(self, wanted: Collection[str], deadline: float, whole: bool) -> Identity | None:
        """By one read, where the survey of this process found one machine alone here, and it tells the same facts now."""
        learned = self.connection.learned
        before, learned.surveyed = learned.surveyed, None
        if before is None or not before.serves(wanted, whole, self.connection.clock.now()):
            return None
        await self._root(deadline)
        try:
            system = await self._system(before.path, deadline)
        except Missing:
            return None
        now = self.facts(system)
        if (now.peer, now.uuid, now.serial) != (before.identity.peer, before.identity.uuid, before.identity.serial):
            return None
        self._path, self._known, self.connection.act_peer = system.path, before.identity, system.peer
        return self._same(now.with_known(before.identity))

    def rest(self) -> None:
        """Nothing is asked for a while: keep no document."""
        self._last = _LastRead()

    def pin(self, identity: Identity) -> None:
        """As Bmc.pin."""
        path = identity.system.rstrip("/")
        if path and path != self._path.rstrip("/"):
            self._path, self._serial_counts = identity.system, bool(identity.serial)
        self._known, self._pinned = identity, True

    def facts(self, system: System) -> Identity:
        """What its document tells, without MACs. What twins share, as the number of their chassis, tells nothing."""
        uuid, serial = uuid_of(system.uuid), serial_of(system.serial) if self._serial_counts else ""
        return Identity(
            system.peer,
            system.path.rstrip("/"),
            "" if uuid in self._shared else uuid,
            "" if serial in self._shared else serial,
        )

    async def read(self, path: str, deadline: float, deciding: Sequence[Deciding] = ()) -> tuple[Document, Response]:
        """A further resource of the machine, from the peer that the last look came from. As BmcConnection.read."""
        if self._path and beside(self._path, path):
            raise _anothers(self._path, "own", path)
        document, answer = await self.connection.read(path, deadline, deciding)
        if answer.peer != self.connection.act_peer:
            raise self._moving()
        return document, answer

    async def boot_at(self, path: str, deadline: float) -> tuple[Boot, str]:
        """The boot override and the entity tag of a resource. Raises Missing, and as `read`."""
        document, answer = await self.read(path, deadline, BOOT)
        return Boot.read(document), etag_of(answer.headers.get("ETag", ""), document)

    async def reset_types(self, system: System, deadline: float) -> tuple[str, ...]:
        """ResetType values that the BMC offers; empty where it does not say. They advise only."""
        if system.reset_types:
            return system.reset_types
        if not self._reset_types and system.reset_info:
            with suppress(Missing):
                document, _ = await self.read(system.reset_info, deadline, ACTION_INFO)
                self._reset_types = reset_values(document)
        return self._reset_types

    # Comparing

    async def _compare(self, system: System, deadline: float) -> None:
        """The machine of this look is the one that it was, or StageFailure."""
        now, before = self.facts(system), self._known
        if before is not None and _moved(now, before) and "UUID" not in now.agreeing(before) and not now.differs(before):
            moves = self.connection.moves
            nics = await NicReader(self.connection, before.macs, deadline).of(system)
            if self.connection.moves != moves:
                raise self._moving()
            now = replace(now, macs=tuple(sorted(nics.macs)), complete=nics.complete)
        self._same(now)

    def _same(self, now: Identity) -> Identity:
        """`now`, which is remembered with what was known before. Raises StageFailure where it is another machine."""
        before = self._known
        if before is not None:
            if why := now.differs(before):
                words = f"another machine answers: {why}. Now {now}; before {before}"
                raise StageFailure(Cause.WRONG_BMC, words, retryable=False)
            if _moved(now, before):
                agreeing = same_after_move(now, before)
                moved = f"the BMC's address changed from {before.peer} to {now.peer}"
                if not agreeing:
                    nothing = "and nothing proves that it is the same machine"
                    raise Unidentified(f"{moved}, {nothing}. Now {now}; before {before}")
                self.connection.acts.note(f"{moved}: the same machine by its {' and '.join(agreeing)}")
        self._known = now if before is None else now.with_known(before)
        return now

    def _moving(self) -> StageFailure:
        words = f"the BMC's name led to different addresses while the machine was read (now {self.connection.peer})"
        return StageFailure(Cause.UNREACHABLE, words)

    # Reading

    async def _again(self, deadline: float) -> System:
        """The chosen one. While it is gone it is waited for: its neighbour is somebody else."""
        if not self._root_read:
            await self._root(deadline)
        wait = RetryBackoff(self.connection, deadline)
        while True:
            try:
                return await self._system(self._path, deadline)
            except Missing as gone:
                await wait.after(_unreadable(self._path, gone))

    async def _system(self, path: str, deadline: float) -> System:
        """Missing where another one answers in its place; StageFailure where what it hands out is another one's."""
        last = self._last if self._last.path == path else _LastRead()
        document, answer = await self.connection.read(path, deadline, SYSTEM, (last.body, last.document))
        etag = etag_of(answer.headers.get("ETag", ""), document)
        if last.system is not None and document is last.document:  # the same bytes mean the same
            return (
                last.system
                if (etag, answer.peer) == (last.system.etag, last.system.peer)
                else replace(last.system, etag=etag, peer=answer.peer)
            )
        named = local_path(document)
        if named and not same_path(named, path):
            raise Missing(ErrorResponse(answer.status, frozenset(), f"{clean(named)} answers in its place"))
        system = System.read(path, document, etag, answer.peer)
        for what, where in system.own.items():
            if beside(path, where):
                raise _anothers(path, what, where)
        self.connection.families |= system.families
        self._last = _LastRead(path, answer.body, document, system)
        return system

    async def _nics(self, system: System, wanted: Collection[str], deadline: float, whole: bool) -> Nics:
        """Where nothing is to be compared, a list that cannot be read for now is as good as none."""
        try:
            return await NicReader(self.connection, () if whole else wanted, deadline).of(system)
        except StageFailure as failure:
            if wanted or whole or failure.cause is Cause.CREDENTIALS:
                raise
            return Nics()

    async def _nics_now(self, system: System, ends: float) -> Nics:
        """As far as Foreman's MACs want it, each request made once."""
        return await NicReader(self.connection, self._macs, self.connection.clock.now(), ends).of(system)

    async def _root(self, deadline: float) -> Document:
        root = await self.connection.root(deadline)
        self._root_read = True
        return root

    # Choosing

    async def _choose(self, deadline: float) -> System:
        """Looks again while some member cannot be read, until the deadline. Raises StageFailure where nobody can be chosen."""
        clock, collection, tries = self.connection.clock, "", 0
        while True:
            if not collection:  # a service root that is not whole yet is read again
                collection = local_path((await self._root(deadline)).get("Systems"))
            moves = self.connection.moves
            try:
                listed = await self._listed(collection or "/redfish/v1/Systems", deadline)
                system = await self._one_of(listed, deadline)
                if self.connection.moves != moves:
                    raise self._moving()
            except StageFailure as failure:
                pause = _STEPS[min(tries, len(_STEPS) - 1)]
                if not failure.retryable or clock.now() + pause > deadline:
                    raise
                await self.connection.leave_alone(deadline, failure)
                if not tries:
                    self.connection.acts.note(f"trying again: {failure.reason}", waits=True)
            else:
                self._path = system.path
                return system
            tries += 1
            await clock.sleep(pause)

    async def _listed(self, collection: str, deadline: float) -> Listing:
        try:
            listed = await listing(self.connection, collection, deadline)
        except Missing as error:
            raise StageFailure(Cause.PROTOCOL, f"the BMC has no collection of systems: {error.response.text}") from None
        listed = replace(listed, members=tuple(member for member in listed.members if member.path))
        if not listed.members:
            raise StageFailure(Cause.BUSY, "the BMC lists no systems (it may be restarting)")
        return listed

    async def _one_of(self, listed: Listing, deadline: float) -> System:
        """The one that the assignment names, else the only one, else the one that has one of the MACs."""
        paths = [member.path for member in listed.members]
        if self._name:
            path = _named(self._name, paths)
            if not path:
                words = f"`system: {self._name}` in the assignment is not one of the BMC's systems ({_ids(paths)})"
                raise StageFailure(Cause.PROTOCOL, words)
        elif listed.count == 1 and not listed.cut:
            path, self._alone = paths[0], True
        else:
            return await self._one_of_several(listed, paths, deadline)
        others = [other for other in paths if other != path][:_MOST_SYSTEMS]
        ends = ends_at(self.connection, deadline)
        systems, _ = await self._each(others, ends)
        try:
            system = await self._system(path, deadline)
        except Missing as gone:
            raise _unreadable(path, gone) from None
        self._learn_shared([system, *systems], listed)
        if self._name:
            self._by_macs = True  # they may contradict the name
            await self._refuse_macs_elsewhere(system, systems, ends)
        return system

    async def _refuse_macs_elsewhere(self, named: System, others: list[System], ends: float) -> None:
        """Raises StageFailure where the MACs are told by another machine than the one that the assignment names."""
        if not self._macs or (await self._nics_now(named, ends)).macs & self._macs:
            return
        holders, _ = await self._holders([system for system in others if system.physical], ends)
        if holders:
            words = (
                f"`system: {self._name}` in the assignment names {clean(named.path)}, but {some(self._macs)}, which Foreman "
                f"provisions through, is on {holders[0].path}: correct `system:` or the host's MAC address in Foreman"
            )
            raise StageFailure(Cause.WRONG_BMC, words, retryable=False, advises=True)

    async def _one_of_several(self, listed: Listing, paths: list[str], deadline: float) -> System:
        ends = ends_at(self.connection, deadline)
        systems, failures = await self._each(paths[:_MOST_SYSTEMS], ends)
        self._learn_shared(systems, listed)
        machines = [system for system in systems if system.physical]
        if listed.cut or listed.count > len(listed.members):
            failures.append(StageFailure(Cause.BUSY, "not all members are listed"))
        if len(paths) > _MOST_SYSTEMS:
            failures.append(StageFailure(Cause.PROTOCOL, f"only {_MOST_SYSTEMS} were read", retryable=False))
        if len(machines) == 1 and not failures:
            return machines[0]  # the others say of themselves that they are no machines
        holders, unread = await self._holders(machines if self._macs else [], ends)
        failures += unread
        if len(holders) == 1:
            self._by_macs = True
            return holders[0]
        why = "no MAC address is known to choose by"
        if self._macs:
            why = f"{some(self._macs)}, which Foreman provisions through, is on {len(holders) or 'none'} of them"
        for_now = [failure for failure in failures if failure.retryable]
        first = f"; {(for_now or failures)[0].reason}" if failures else ""
        unclear = f"the BMC lists {listed.count} systems ({_ids(paths)}), and it is not clear which is meant"
        words = f"{unclear}: {why}{first}; {_REMEDY}"
        raise Unclear(Cause.PROTOCOL, words, retryable=bool(for_now), advises=True)

    async def _holders(self, systems: list[System], ends: float) -> tuple[list[System], list[StageFailure]]:
        """Those that tell one of the MACs; and why some tell nothing."""
        holders, failures = [], []
        for number, system in enumerate(systems):
            if self.connection.clock.now() > ends:
                failures.append(_unread(systems[number:]))
                break
            try:
                nics = await self._nics_now(system, ends)
            except StageFailure as failure:
                if failure.cause is Cause.CREDENTIALS:
                    raise
                failures.append(failure)
                continue
            if nics.macs & self._macs:
                holders.append(system)
        return holders, failures

    async def _each(self, paths: list[str], ends: float) -> tuple[list[System], list[StageFailure]]:
        """Each of these members, asked once; and why some tell nothing."""
        systems, failures = [], []
        for number, path in enumerate(paths):
            if self.connection.clock.now() > ends:
                failures.append(_unread(paths[number:]))
                break
            try:
                systems.append(await self._system(path, self.connection.clock.now()))
            except Missing as gone:
                failures.append(_unreadable(path, gone))
            except StageFailure as failure:
                if failure.cause is Cause.CREDENTIALS:
                    raise
                failures.append(failure)
        return systems, failures

    def _learn_shared(self, systems: list[System], listed: Listing) -> None:
        facts = Counter(fact for system in systems for fact in (uuid_of(system.uuid), serial_of(system.serial)) if fact)
        self._shared = frozenset(fact for fact, count in facts.items() if count > 1)
        readable = not any(is_damaged(system.serial) for system in systems)
        self._serial_counts = readable and not listed.cut and len(systems) == listed.count


def _moved(now: Identity, before: Identity) -> bool:
    return bool(before.peer) and now.peer != before.peer


def _named(name: str, paths: list[str]) -> str:
    """The path that the assignment's word for it means; empty where it means none, or several."""
    wanted = name.rstrip("/")
    found = [path for path in paths if wanted in (path.rstrip("/"), last_part(path))]
    return found[0] if len(found) == 1 else ""


def _ids(paths: list[str]) -> str:
    return ", ".join(sorted(map(last_part, paths))[:8]) + (", ..." if len(paths) > 8 else "")


def _unreadable(path: str, gone: Missing) -> StageFailure:
    return StageFailure(Cause.BUSY, f"the system {clean(path)} cannot be read now: {gone.response.text}")


def _unread(left: Sequence[object]) -> StageFailure:
    return StageFailure(Cause.BUSY, f"the BMC was too slow: {count(len(left), 'system')} not read in time")


def _anothers(path: str, what: str, where: str) -> StageFailure:
    words = f"the system {clean(path)} names {clean(where)} as its {what}, which is another system's: nothing is sent there"
    return StageFailure(Cause.WRONG_BMC, words, retryable=False)
