"""Which machines this process acts on, and for which host: no two hosts on one machine."""

from __future__ import annotations

from quads_tui.rollout.identity import Identity


class Machines:
    """Shared by all rollouts of a process.

    A host keeps its machine until its rollout ends: another host of it on that machine would undo what was done there. Once
    nothing of the host can follow (`release`), other rollouts may have the machine.
    """

    def __init__(self) -> None:
        self._machines: dict[tuple[str, str], Identity] = {}  # by rollout and host
        self._released: set[tuple[str, str]] = set()
        self._by_mark: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}  # who has a machine with this mark

    def claim(self, rollout: str, host: str, machine: Identity) -> str:
        """Empty: the machine is this host's from now on. Else which other host has it, and why it is one machine, in words."""
        ours = (rollout, host)
        for theirs in dict.fromkeys(one for mark in machine.marks for one in self._by_mark.get(mark, ())):
            other = self._machines[theirs]
            if theirs == ours or (theirs in self._released and theirs[0] != rollout):
                continue
            if (why := machine.is_one_with(other)) and not machine.differs(other):  # what stood there before is not there now
                where = theirs[1] if theirs[0] == rollout else f"{theirs[1]} of rollout {theirs[0]}"
                return f"{where}: {why}"
        self.hold(rollout, host, machine)
        return ""

    def hold(self, rollout: str, host: str, machine: Identity) -> None:
        """It is this host's by what the journal tells."""
        ours = (rollout, host)
        self._forget(ours)
        self._machines[ours] = machine
        for mark in machine.marks:
            self._by_mark[mark] = (*self._by_mark.get(mark, ()), ours)
        self._released.discard(ours)

    def release(self, rollout: str, host: str) -> None:
        """The host has ended, and no act of ours can follow before it claims its machine again."""
        self._released.add((rollout, host))

    def others_at(self, bmc: str, rollout: str) -> list[str]:
        """Hosts of other rollouts that have a machine behind this BMC, in words; those that were released do not count."""
        return [
            f"{host} of rollout {of}"
            for (of, host), machine in self._machines.items()
            if of != rollout and machine.bmc == bmc and (of, host) not in self._released
        ]

    def elsewhere(self, rollout: str) -> dict[str, str]:
        """The hosts that other rollouts have and did not release, each with its rollout."""
        return {host: of for of, host in self._machines if of != rollout and (of, host) not in self._released}

    def leave(self, rollout: str) -> None:
        """The rollout has ended here."""
        for key in [key for key in self._machines if key[0] == rollout]:
            self._forget(key)
        self._released = {key for key in self._released if key[0] != rollout}

    def _forget(self, key: tuple[str, str]) -> None:
        """The host has no machine; that it was released stands."""
        before = self._machines.pop(key, None)
        for mark in before.marks if before is not None else ():
            holders = tuple(one for one in self._by_mark.pop(mark, ()) if one != key)
            if holders:
                self._by_mark[mark] = holders
