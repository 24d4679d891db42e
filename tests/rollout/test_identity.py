"""Which facts tell one machine from another, and which are none."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from quads_tui.rollout.identity import (
    Comparison,
    Identity,
    compared,
    identity_from,
    mac_of,
    same_after_move,
    serial_of,
    uuid_of,
)

UUID, OTHER = "4c4c4544-0046-5010-8051-b4c04f4e3332", "4c4c4544-0046-5010-8051-b4c04f4e3333"
MACS = ("52:54:00:00:00:01", "52:54:00:00:00:02")
HERE = Identity("192.0.2.7:443", "/redfish/v1/Systems/1", UUID, "ABC1234", MACS, True)


@pytest.mark.parametrize(
    "value",
    [
        *(None, 7, "", "x", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
        *("03000200-0400-0500-0006-000700080009", "00020003-0004-0005-0006-000700080009", "4C4C4544-0000-2010-8020-80C04F202020"),
        *("12345678-1234-5678-90AB-CDDEEFAABBCC", "fefefefe-fefe-fefe-fefe-fefefefefefe", "x" * 10_000),
        *("00010203-0405-0607-0809-0a0b0c0d0e0f", "03020100-0504-0706-0809-0a0b0c0d0e0f", "11111111-2222-3333-4444-555555555555"),
        *("78563412-ab90-5678-90ab-cddeefaabbcc", "33221100-5544-7766-8899-aabbccddeeff", "44454c4c-0000-1020-8020-80c04f202020"),
        *("4c4c4544-0020-2010-8020-a0c04f202020", "deadbeef-0000-4000-8000-0123456789ab"),
    ],
)
def test_a_placeholder_is_no_uuid(value: object) -> None:
    assert uuid_of(value) == ""


@pytest.mark.parametrize("text", [UUID.upper(), f"{{{UUID}}}", f"urn:uuid:{UUID}", f" {UUID} ", UUID.replace("-", "")])
def test_a_uuid_however_it_is_written(text: str) -> None:
    assert uuid_of(text) == UUID


@pytest.mark.parametrize(
    "value",
    [
        *(None, 7, "", "0", "To be filled by O.E.M.", "TO BE FILLED BY O.E.M", "Default string", "System Serial Number", "N/A"),
        *("0123456789", "1234567890", "123456789", "0000000000", "XXXXXXXX", "........", "Not Specified", "abc", "x\x00yz1"),
        *("No Asset Tag", "<BAD INDEX>", "unknown serial", "SerNum01", "SerialNum", "0000000001"),
    ],
)
def test_a_placeholder_is_no_serial_number(value: object) -> None:
    assert serial_of(value) == ""


@pytest.mark.parametrize("text", [" abc1234 ", "ABC 1234", "abc-1234."])
def test_a_serial_number_however_it_is_written(text: str) -> None:
    assert serial_of(text) == "ABC1234"


def test_a_uuid_in_the_other_byte_order_is_the_same_machine() -> None:
    swapped = replace(HERE, peer="192.0.2.9:443", uuid="44454c4c-4600-1050-8051-b4c04f4e3332", serial="", macs=())
    assert swapped.differs(HERE) == HERE.differs(swapped) == ""
    assert swapped.agreeing(HERE) == ("UUID",)
    assert swapped.is_one_with(HERE) == "the same UUID"


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "52:54:00", "g" * 12),
        *("be:3a:f2:b6:05:9f", "B03AF2B6059F"),  # of the USB network to the BMC: all boards of a maker have this one
    ],
)
def test_what_is_no_mac_of_a_nic(value: object) -> None:
    assert mac_of(value) == ""


@pytest.mark.parametrize("text", ["52-54-00-00-00-0A", "5254.0000.000a", "52540000000A"])
def test_a_mac_however_it_is_written(text: str) -> None:
    assert mac_of(text) == "52:54:00:00:00:0a"


def test_what_is_not_known_is_never_different() -> None:
    off = Identity("192.0.2.7:443", "/redfish/v1/Systems/1")
    assert off.differs(HERE) == HERE.differs(off) == ""
    assert off.agreeing(HERE) == ()
    assert off.with_known(HERE) == HERE


@pytest.mark.parametrize(
    ("changed", "before"),
    [
        (replace(HERE, uuid=OTHER), HERE),
        (replace(HERE, serial="XYZ9876"), HERE),
        (Identity(macs=("52:54:00:00:00:09",)), Identity(macs=MACS, complete=True)),
    ],
)
def test_one_known_fact_that_changed_is_another_machine(changed: Identity, before: Identity) -> None:
    assert changed.differs(before)
    assert before.differs(changed)


@pytest.mark.parametrize("known", [{"uuid": ""}, {"serial": ""}, {}])
def test_other_macs_convict_no_machine_whose_uuid_or_serial_number_agrees(known: dict[str, str]) -> None:
    off = replace(HERE, macs=("52:54:00:00:00:09",), **known)  # type: ignore[arg-type]
    assert off.differs(HERE) == HERE.differs(off) == ""


CHASSIS = Identity("192.0.2.7:443", "/redfish/v1/Systems/1", serial="CHASSIS77")
MOVES: dict[str, tuple[Identity, Identity, tuple[str, ...]]] = {
    "all facts": (HERE, HERE, ("UUID", "serial number", "MAC")),
    "the UUID, at another path": (Identity(system="/s/2", uuid=UUID), HERE, ("UUID",)),
    "one MAC, at another path": (Identity(system="/s/2", macs=MACS[:1]), HERE, ("MAC",)),
    "the serial number, where nothing else is known": (CHASSIS, CHASSIS, ("serial number",)),
    "the serial number, at another path": (replace(CHASSIS, system="/s/2"), CHASSIS, ()),
    "the serial number, where a MAC is told only now": (replace(CHASSIS, macs=MACS), CHASSIS, ()),
    "the serial number, where no MAC is told any more": (CHASSIS, replace(CHASSIS, macs=MACS, complete=True), ()),
    "the serial number, where a UUID is told only now": (replace(CHASSIS, uuid=UUID), CHASSIS, ()),
    "the serial number, where no UUID is told any more": (CHASSIS, replace(CHASSIS, uuid=UUID), ()),
    "the serial number, and other MACs": (
        replace(CHASSIS, macs=MACS[:1], complete=True),
        replace(CHASSIS, macs=MACS[1:], complete=True),
        (),
    ),
    "the serial number and a MAC": (replace(CHASSIS, macs=MACS), replace(CHASSIS, macs=MACS[1:]), ("serial number", "MAC")),
    "the UUID, and another serial number": (replace(HERE, serial="XYZ9876"), HERE, ()),
    "nothing": (Identity(), HERE, ()),
}


@pytest.mark.parametrize("move", MOVES)
def test_a4_what_is_enough_to_know_a_machine_that_moved(move: str) -> None:
    now, before, by = MOVES[move]
    assert same_after_move(replace(now, peer="192.0.2.8:443"), before) == by


def test_macs_that_are_not_all_convict_nobody() -> None:
    some = replace(HERE, macs=("52:54:00:00:00:09",), complete=False)
    assert some.differs(replace(HERE, complete=False)) == ""
    assert some.with_known(HERE).macs == MACS


@pytest.mark.parametrize("value", ["00:11:22:33:44:55", "12-34-56-78-9A-BC", "aabb.ccdd.eeff", "00:00:00:00:00:01"])
def test_a_mac_that_somebody_typed_is_none(value: str) -> None:
    assert mac_of(value) == ""


def test_one_machine_behind_two_names() -> None:
    assert "the same BMC address" in HERE.is_one_with(replace(HERE, uuid="", serial="", macs=()))
    elsewhere = replace(HERE, peer="192.0.2.8:443")
    assert HERE.is_one_with(elsewhere) == "the same UUID and serial number and MAC"
    assert HERE.is_one_with(replace(elsewhere, uuid="", macs=())) == "", "twin nodes share the serial number of their chassis"
    assert HERE.is_one_with(replace(elsewhere, serial="", macs=())) == "the same UUID"
    assert HERE.is_one_with(replace(elsewhere, uuid="", serial="")) == "the same MAC"
    assert HERE.is_one_with(Identity()) == Identity().is_one_with(Identity()) == ""


def test_it_survives_a_journal() -> None:
    assert identity_from(json.loads(json.dumps(asdict(HERE)))) == HERE
    assert HERE.facts() == asdict(HERE)


@pytest.mark.parametrize(
    ("machine", "provisioning", "verdict"),
    [
        (HERE, {MACS[0]}, Comparison.SAME),
        (HERE, {"52:54:00:00:00:09", MACS[1]}, Comparison.SAME),
        (HERE, {"52:54:00:00:00:09"}, Comparison.OTHER),
        (replace(HERE, complete=False), {"52:54:00:00:00:09"}, Comparison.UNKNOWN),
        (replace(HERE, complete=False), {MACS[0]}, Comparison.SAME),
        (replace(HERE, macs=()), {MACS[0]}, Comparison.UNKNOWN),
        (HERE, set(), Comparison.UNKNOWN),
    ],
)
def test_only_a_complete_list_of_nics_convicts_a_machine(machine: Identity, provisioning: set[str], verdict: Comparison) -> None:
    found, why = compared(machine, provisioning)
    assert found is verdict
    assert bool(why) is (verdict is not Comparison.SAME)
