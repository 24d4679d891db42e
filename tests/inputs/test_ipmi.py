"""ipmi:// addresses and the site's `ipmi` section: what is read, and what is wrong told with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from quads_tui.inputs import HostSpec, InputError, bmc_address, load_assignment, load_site
from quads_tui.rollout.addresses import host_and_port

from .test_errors import SITE, written

IPMI = """ipmi:
  username: ADMIN
  password: {env: IPMI_PASSWORD}
  boot_mode: uefi
  hosts:
    "^f21-": {cipher_suite: 3, boot_mode: legacy}
    "-r620$": {username: root, password: {env: R620_PASSWORD}, privilege: OPERATOR}
"""
HOSTS = "cloud: cloud02\nhosts:\n  - {name: f21-h20-000-r620.example.com, bmc: "


def refusal(directory: Path, section: str) -> str:
    with pytest.raises(InputError) as error:
        load_site(written(directory, SITE + section))
    return str(error.value)


def test_the_first_pattern_that_fits_changes_the_account(tmp_path: Path) -> None:
    ipmi = load_site(written(tmp_path, SITE + IPMI)).ipmi
    assert ipmi is not None
    usual, old, other = (ipmi.of(name) for name in ("a01-h01", "f21-h20-r620", "a01-h01-r620"))
    assert (usual.cipher_suite, usual.boot_mode, usual.privilege, usual.username) == (17, "UEFI", "ADMINISTRATOR", "ADMIN")
    assert (old.cipher_suite, old.boot_mode, old.password.variable) == (3, "Legacy", "IPMI_PASSWORD")
    assert (other.username, other.password.variable, other.privilege) == ("root", "R620_PASSWORD", "OPERATOR")
    assert [one.variable for one in ipmi.passwords] == ["IPMI_PASSWORD", "R620_PASSWORD"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("  username: ADMIN\n", ""), ":22: ipmi.username: the key is missing"),
        (("boot_mode: uefi", "boot_mode: bios"), ':24: ipmi.boot_mode: "bios" is not supported; expected uefi or legacy'),
        (("username: ADMIN", "username: administrator-of-it"), ":22: ipmi.username: is longer than 16 bytes"),
        (("cipher_suite: 3", "cipher_suite: 0"), "^f21-.cipher_suite: 0 cannot be used"),
        (("cipher_suite: 3", "cipher_suite: 2"), ":26: ipmi.hosts.^f21-.cipher_suite: 2 is not supported; expected 17, or 3"),
        (("privilege: OPERATOR", "privilege: USER"), ':27: ipmi.hosts.-r620$.privilege: "USER" is not supported'),
        (('"^f21-"', '"^(f21-"'), ":26: ipmi.hosts.^(f21-: is not a regular expression"),
        (('"^f21-"', '"(.*.*.*.*)*x"'), "could take too long"),
        (("boot_mode: legacy", "mode: legacy"), ":26: ipmi.hosts.^f21-.mode: unknown key"),
    ],
)
def test_what_is_wrong_names_file_line_and_key(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    assert change[0] in IPMI
    text = refusal(tmp_path, IPMI.replace(*change))
    assert words in text and "a.yaml" in text


def test_an_ipmi_address_is_a_bmcs(tmp_path: Path) -> None:
    site = load_site(written(tmp_path, SITE + IPMI, "site.yaml"))
    host = load_assignment(written(tmp_path, HOSTS + '"IPMI://Mgmt-X.example.com:6230/"}\n')).hosts[0]
    assert bmc_address(site, host) == "ipmi://mgmt-x.example.com:6230"
    assert host_and_port("ipmi://mgmt-x.example.com") == ("mgmt-x.example.com", 623)


def test_the_addresses_file_may_hold_ipmi_addresses(tmp_path: Path) -> None:
    (tmp_path / "bmcs.yaml").write_text("a.example.com: ipmi://10.0.0.1\n")
    text = SITE.replace("  username: root", "  addresses: bmcs.yaml\n  username: root", 1) + IPMI
    site = load_site(written(tmp_path, text))
    assert bmc_address(site, HostSpec("a.example.com")) == "ipmi://10.0.0.1"


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ('"ipmi://"}', "a.yaml:3: hosts[0].bmc: is not a"),
        ('"ipmi://u:p@h"}', "contains a user name or password; expected ipmi://HOST[:PORT]"),
        ('"ipmi://h:0"}', "has port 0; expected ipmi://HOST[:PORT]"),
        ('"ipmi://h/x"}', "contains a path; expected ipmi://HOST[:PORT]"),
        ('"ftp://h"}', "is not an https, http or ipmi address"),
        ('"ipmi://h", system: Node2}', "hosts[0].system: cannot be combined with an ipmi:// address"),
    ],
)
def test_addresses_that_cannot_be_used(tmp_path: Path, rest: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        load_assignment(written(tmp_path, HOSTS + rest + "\n"))
    assert words in str(error.value)


def test_an_ipmi_host_without_the_section_is_refused_with_the_key(tmp_path: Path) -> None:
    site = load_site(written(tmp_path, SITE, "site.yaml"))
    with pytest.raises(InputError, match=r"site.yaml: ipmi: the key is missing, and the BMC of h.example.com is at an ipmi://"):
        bmc_address(site, HostSpec("h.example.com", bmc="ipmi://10.0.0.1"))
