"""Where BMCs answer: addresses, the systems behind them, the machines that these are. Names and places change as they do in a lab."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from quads_tui.rollout.causes import Cause, StageFailure, Unidentified
from quads_tui.rollout.identity import Identity, same_after_move

SYSTEM = "/redfish/v1/Systems/1"


@dataclass
class Facts:
    """What a machine tells of itself."""

    uuid: str = ""
    serial: str = ""
    macs: tuple[str, ...] = ()
    complete: bool = True
    quiet: bool = False  # it tells placeholders, or nothing, for the moment


@dataclass
class Box:
    """One BMC: its systems by path, each with the name of the machine that it is."""

    systems: dict[str, str]
    gone: bool = False  # it does not answer
    absent: set[str] = field(default_factory=set)  # systems that are listed, and answer 404


class Network:
    """`leads`: the address that each host's BMC name resolves to."""

    def __init__(self, machines: Collection[str]) -> None:
        self.facts = {name: facts(number) for number, name in enumerate(machines)}
        self.boxes = {peer(number): Box({SYSTEM: name}) for number, name in enumerate(machines)}
        self.leads = {name: peer(number) for number, name in enumerate(machines)}

    def home(self, machine: str) -> tuple[str, Box, str]:
        """Where it is now: address, BMC, path."""
        return next((at, box, path) for at, box in self.boxes.items() for path, name in box.systems.items() if name == machine)

    def told(self, at: str, path: str) -> Identity:
        known = self.facts[self.boxes[at].systems[path]]
        if known.quiet:
            return Identity(at, path)
        return Identity(at, path, known.uuid, known.serial, known.macs, known.complete and bool(known.macs))

    def answering(self, at: str) -> Box:
        box = self.boxes.get(at)
        if box is None or box.gone:
            raise StageFailure(Cause.UNREACHABLE, f"{at} does not answer")
        return box

    def machine_at(self, at: str, path: str) -> str:
        """The name of the machine that a request to this place reaches."""
        box = self.answering(at)
        if path not in box.systems or path in box.absent:
            raise StageFailure(Cause.BUSY, f"{path}: 404")
        return box.systems[path]

    def chosen(self, host: str, named: str, macs: Collection[str]) -> Identity:
        """The system that is meant: by MAC, by name, or the only one. One that is absent counts as a member."""
        at = self.leads[host]
        box = self.answering(at)
        seen = [self.told(at, path) for path in box.systems if path not in box.absent]
        matching = [one for one in seen if set(one.macs) & set(macs)]
        if len(matching) == 1:
            return matching[0]
        if named and named in box.systems:
            self.machine_at(at, named)
            return self.told(at, named)
        if len(seen) < len(box.systems):
            raise StageFailure(Cause.BUSY, "a system is absent")
        if len(seen) != 1:
            raise StageFailure(Cause.PROTOCOL, "not clear which system is meant", retryable=False)
        return seen[0]

    def checked(self, host: str, pinned: Identity, note: Callable[[str], None]) -> Identity:
        """The pinned machine by a fresh read, where it is now."""
        try:
            self.answering(pinned.peer)
        except StageFailure:
            if self.leads[host] == pinned.peer:
                raise
            return self._found_again(host, pinned, note)
        self.machine_at(pinned.peer, pinned.system)
        now = self.told(pinned.peer, pinned.system)
        if why := now.differs(pinned):
            raise StageFailure(Cause.WRONG_BMC, f"another machine: {now}, was {pinned} ({why})", retryable=False)
        return now.with_known(pinned)

    def _found_again(self, host: str, pinned: Identity, note: Callable[[str], None]) -> Identity:
        """The pinned address does not answer, and the name leads to another one."""
        at = self.leads[host]
        box = self.answering(at)
        if box.absent:
            raise StageFailure(Cause.BUSY, "a system is absent")
        seen = [self.told(at, path) for path in box.systems]
        same = [one for one in seen if same_after_move(one, pinned)]
        if len(same) == 1:
            note(f"now at {at}")
            return same[0].with_known(pinned)
        for one in seen:
            if why := one.differs(pinned):
                raise StageFailure(Cause.WRONG_BMC, f"another machine: {one}, was {pinned} ({why})", retryable=False)
        raise Unidentified(f"{at} answers instead of {pinned.peer}, and nothing tells whether it is the same machine")


def peer(number: int) -> str:
    return f"10.0.{number // 250}.{number % 250 + 1}:443"


def facts(number: int) -> Facts:
    mac = f"02:00:00:00:{number // 256:02x}:{number % 256:02x}"
    return Facts(f"{number:08x}-aaaa-4bbb-8ccc-123456789abc", f"SERIAL{number}", (mac,))
