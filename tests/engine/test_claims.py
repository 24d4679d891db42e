"""Machines are found by an index of their facts: as by comparing each with all, in no time that grows with their number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quads_tui.engine.claims import Machines
from quads_tui.rollout.identity import Identity

UUIDS = (
    "",
    "8a3b4f3c-1f0e-4e0a-9d21-7c5b6a490001",
    "3c4f3b8a-0e1f-0a4e-9d21-7c5b6a490001",
    "8a3b4f3c-1f0e-4e0a-9d21-7c5b6a490002",
)
MACS = ("0a:00:00:00:00:01", "0a:00:00:00:00:02", "0a:00:00:00:00:03")

identities = st.builds(
    Identity,
    peer=st.sampled_from(("", "192.0.2.7:443", "192.0.2.7:8443", "127.0.0.1:1", "127.0.0.1:2")),
    system=st.sampled_from(("", "/redfish/v1/Systems/1", "/redfish/v1/Systems/2")),
    uuid=st.sampled_from(UUIDS),
    serial=st.sampled_from(("", "SN10002", "SN10003")),
    macs=st.sets(st.sampled_from(MACS)).map(lambda macs: tuple(sorted(macs))),
    complete=st.booleans(),
)
acts = st.tuples(
    st.sampled_from(("claim", "hold", "release", "leave")), st.sampled_from(("r1", "r2")), st.sampled_from("abc"), identities
)


@given(st.lists(acts, max_size=12))
def test_the_index_finds_whom_a_comparison_with_all_finds(done: list[tuple[str, str, str, Identity]]) -> None:
    machines = Machines()
    held: dict[tuple[str, str], Identity] = {}
    released: set[tuple[str, str]] = set()
    for act, rollout, host, machine in done:
        ours = rollout, host
        if act == "leave":
            machines.leave(rollout)
            held = {key: kept for key, kept in held.items() if key[0] != rollout}
            released = {key for key in released if key[0] != rollout}
        elif act == "release":
            machines.release(rollout, host)
            released.add(ours)
        elif act == "hold":
            machines.hold(rollout, host, machine)
            held[ours] = machine
            released.discard(ours)
        else:
            others = [kept for key, kept in held.items() if key != ours and not (key in released and key[0] != rollout)]
            taken = any(machine.is_one_with(other) and not machine.differs(other) for other in others)
            assert bool(machines.claim(rollout, host, machine)) == taken
            if not taken:
                held[ours] = machine
                released.discard(ours)


def test_many_machines_with_nothing_in_common_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[Identity] = []
    monkeypatch.setattr(Identity, "is_one_with", lambda self, other: compared.append(other) or "")
    machines = Machines()
    for number in range(2000):
        mac = f"0a:00:00:00:{number >> 8:02x}:{number & 255:02x}"
        uuid = f"8a3b4f3c-1f0e-4e0a-9d21-7c5b6a49{number:04x}"
        machine = Identity(f"192.0.2.{number}:443", "/redfish/v1/Systems/1", uuid, macs=(mac,))
        assert not machines.claim("r1", f"h{number}", machine)
    assert not compared
