"""The interfaces file: both spellings, the most specific key, and what is wrong in it told with its own lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from quads_tui.inputs import FOREMAN, InputError, Interfaces, RedfishSite, load_site

SITE = """foreman:
  url: https://foreman.example.com
  username: quads
  password: {env: FOREMAN_PASSWORD}
  tls: {verify: false}
redfish:
  username: root
  password: {env: BMC_PASSWORD}
  tls: {verify: false}
"""
FILE = """# as labs keep it
director_fc640_b01_interfaces: NIC.ChassisSlot.8-1-1,HardDisk.List.1-1,NIC.Integrated.1-1-1
foreman_fc640_b01_interfaces: NIC.Integrated.1-1-1,HardDisk.List.1-1,NIC.ChassisSlot.8-1-1
foreman_b02_fc640: NIC.Integrated.1-2-1, HardDisk.List.1-1
foreman_r640_interfaces: NIC.Integrated.1-1-1,HardDisk.List.1-1,NIC.Slot.1-2-1
foreman_f18_r640_interfaces: NIC.Slot.3-1,HardDisk.List.1-1
foreman_f18_h34_r640: NIC.Slot.2-1
foreman_740xd: NIC.Integrated.1-3-1
foreman_r760: NIC.PxeDevice.1-1,BOSS.SL.12-1,NIC.PxeDevice.2-1
"""


def site(folder: Path, text: str, more: str = "") -> RedfishSite:
    (folder / "idrac_interfaces.yml").write_text(text)
    (folder / "site.yaml").write_text(SITE + "  interfaces: idrac_interfaces.yml\n" + more)
    return load_site(folder / "site.yaml").redfish


def first(interfaces: Interfaces, host: str, model: str = "") -> str:
    return "".join(interfaces.devices(FOREMAN, host, model)[:1])


def test_the_most_specific_key_wins_in_either_spelling(tmp_path: Path) -> None:
    found = site(tmp_path, FILE).interfaces
    assert {
        host: first(found, f"{host}.example.com")
        for host in (
            *("e16-h12-b01-fc640", "e16-h12-b02-fc640", "e16-h12-b03-fc640"),
            *("f01-h34-000-r640", "f18-h01-000-r640", "f18-h34-000-r640", "F18-H34-r640"),
            *("e25-h29-740xd", "e25-h29-000-r760", "e25-h29-000-r650", "r640", "nothing-like-it"),
        )
    } == {
        "e16-h12-b01-fc640": "NIC.Integrated.1-1-1",
        "e16-h12-b02-fc640": "NIC.Integrated.1-2-1",
        "e16-h12-b03-fc640": "",
        "f01-h34-000-r640": "NIC.Integrated.1-1-1",
        "f18-h01-000-r640": "NIC.Slot.3-1",
        "f18-h34-000-r640": "NIC.Slot.2-1",
        "F18-H34-r640": "NIC.Slot.2-1",
        "e25-h29-740xd": "NIC.Integrated.1-3-1",
        "e25-h29-000-r760": "NIC.PxeDevice.1-1",
        "e25-h29-000-r650": "",
        "r640": "",
        "nothing-like-it": "",
    }
    assert first(found, "db7.example.com", "R640") == "NIC.Integrated.1-1-1", "where the name does not tell, the model does"
    assert found.devices("director", "e16-h12-b01-fc640.example.com") == (
        "NIC.ChassisSlot.8-1-1",
        "HardDisk.List.1-1",
        "NIC.Integrated.1-1-1",
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("foreman: NIC.Slot.1-1", "2: foreman: is not a key of this file; expected TYPE_MODEL"),
        ("foreman_r650: [NIC.Slot.1-1]", "2: foreman_r650: found a list; expected boot devices"),
        ("foreman_r650:", "2: foreman_r650: found no value; expected boot devices"),
        ("foreman_r650: NIC.Slot.1-1,,HardDisk.List.1-1", '2: foreman_r650: "" (item 2) is not the name of a boot device'),
        ("foreman_r650: NIC Slot 1", '2: foreman_r650: "NIC Slot 1" (item 1) is not the name of a boot device'),
        ("foreman_r650: NIC.Slot.1-1,NIC.Slot.1-1", "2: foreman_r650: lists a device twice; expected each device once"),
        ("foreman_fc640_b01: NIC.Slot.1-1", "2: foreman_fc640_b01: means the same as foreman_b01_fc640_interfaces"),
    ],
)
def test_what_is_wrong_is_told_with_the_files_own_line(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        site(tmp_path, f"foreman_b01_fc640_interfaces: NIC.Slot.1-1\n{line}\n")
    assert f"idrac_interfaces.yml:{told}" in str(caught.value)


def test_a_boot_order_is_a_type_of_the_file(tmp_path: Path) -> None:
    assert site(tmp_path, FILE, "  boot_order: director\n").boot_order == "director"
    assert site(tmp_path, FILE).boot_order == ""
    with pytest.raises(
        InputError, match=r'boot_order: "directr" is not a type in the file redfish.interfaces; did you mean director\?'
    ):
        site(tmp_path, FILE, "  boot_order: directr\n")
    (tmp_path / "site.yaml").write_text(SITE + "  boot_order: director\n")
    with pytest.raises(InputError, match=r"boot_order: needs the key redfish.interfaces"):
        load_site(tmp_path / "site.yaml")
    (tmp_path / "site.yaml").write_text(SITE + "  interfaces: gone.yml\n")
    with pytest.raises(InputError, match=r"gone.yml: no such file"):
        load_site(tmp_path / "site.yaml")
