"""Inputs that would lead to the wrong machine, to a wiped pool or to words that help nobody: each is refused, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from quads_tui.inputs import HostSpec, InputError, bmc_address, load_assignment, load_site, yaml_reader

from .test_errors import GOOD, SITE, refusal, written


def site_refusal(directory: Path, text: str) -> str:
    with pytest.raises(InputError) as error:
        load_site(written(directory, text))
    return str(error.value)


def site_with(old: str, new: str) -> str:
    assert old in SITE
    return SITE.replace(old, new, 1)


# The spare pool: hosts meant for the pool must not be rebuilt


@pytest.mark.parametrize("name", ["cloud01", "cloud07", "cloud99"])
def test_the_spare_pool_is_the_one_that_the_site_names(tmp_path: Path, name: str) -> None:
    assert load_site(written(tmp_path, site_with("spare_pool: cloud01", f"spare_pool: {name}"))).spare_pool == name


def test_the_spare_pool_is_cloud01_where_the_site_names_none(tmp_path: Path) -> None:
    assert load_site(written(tmp_path, site_with("spare_pool: cloud01\n", ""))).spare_pool == "cloud01"


@pytest.mark.parametrize("name", ["pool", "cloud1", "cloud-01", "cloud01x"])
def test_a_spare_pool_that_is_no_cloud_is_refused(tmp_path: Path, name: str) -> None:
    text = site_refusal(tmp_path, site_with("spare_pool: cloud01", f"spare_pool: {name}"))
    assert f':17: spare_pool: "{name}" is not the name of a cloud' in text


# One BMC, one host


@pytest.mark.parametrize(
    "other",
    ["https://127.0.0.1:20001", "https://127.0.0.1:20001/", "HTTPS://127.0.0.1:20001"],
)
def test_two_hosts_of_a_file_with_one_bmc_are_refused_and_both_named(tmp_path: Path, other: str) -> None:
    both = GOOD.replace("hosts_file:", f'  - {{name: f21-h19-000-r650.example.com, bmc: "{other}"}}\nhosts_file:')
    text = refusal(tmp_path, both)
    assert "a.yaml:14: hosts[2].bmc: " in text
    assert "f21-h18-000-r650.example.com" in text


@pytest.mark.parametrize(
    ("one", "other", "good"), [("Node1", "Node2", True), ("Node1", "", False), ("Node1", "/redfish/v1/Systems/node1", False)]
)
def test_two_hosts_behind_one_bmc_say_each_which_system_it_is(tmp_path: Path, one: str, other: str, good: bool) -> None:
    bmc = 'bmc: "https://127.0.0.1:20001"'
    named = GOOD.replace(bmc, f"{bmc}, system: {one}")
    second = f"{bmc}, system: {other}" if other else bmc
    both = named.replace("hosts_file:", f"  - {{name: f21-h19-000-r650.example.com, {second}}}\nhosts_file:")
    if good:
        assert [host.system for host in load_assignment(written(tmp_path, both)).hosts[1:3]] == [one, other]
    else:
        assert "is also the BMC of f21-h18-000-r650.example.com" in refusal(tmp_path, both)


def test_two_bmcs_on_one_address_with_their_own_ports_are_two(tmp_path: Path) -> None:
    both = GOOD.replace("hosts_file:", '  - {name: f21-h19-000-r650.example.com, bmc: "https://127.0.0.1:20002"}\nhosts_file:')
    assert len(load_assignment(written(tmp_path, both)).hosts) == 5


def addresses(directory: Path, text: str) -> str:
    (directory / "bmcs.yaml").write_text(text)
    return site_with('  address: "https://mgmt-{host}"', '  address: "https://mgmt-{host}"\n  addresses: bmcs.yaml')


def test_two_hosts_of_the_addresses_file_with_one_bmc_are_refused_and_both_named(tmp_path: Path) -> None:
    text = site_refusal(tmp_path, addresses(tmp_path, "a.example.com: https://10.0.0.1\nb.example.com: https://10.0.0.1/\n"))
    assert "bmcs.yaml:2: b.example.com: is also the BMC of a.example.com" in text


def test_an_addresses_file_is_used_for_its_hosts_and_an_own_bmc_wins(tmp_path: Path) -> None:
    site = load_site(written(tmp_path, addresses(tmp_path, "A.example.com.: https://10.0.0.1\n")))
    assert bmc_address(site, HostSpec("a.example.com")) == "https://10.0.0.1"
    assert bmc_address(site, HostSpec("a.example.com", bmc="https://10.0.0.9")) == "https://10.0.0.9"
    assert bmc_address(site, HostSpec("b.example.com")) == "https://mgmt-b.example.com"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a.example.com\n", "bmcs.yaml:1: expected a mapping"),
        ("a_b!: https://10.0.0.1\n", "bmcs.yaml:1: "),
        ("a.example.com: https://root:secret@10.0.0.1\n", "bmcs.yaml:1: a.example.com: contains a user name or password"),
    ],
)
def test_an_addresses_file_that_cannot_be_used_is_told_with_its_own_name(tmp_path: Path, text: str, words: str) -> None:
    told = site_refusal(tmp_path, addresses(tmp_path, text))
    assert words in told
    assert "secret" not in told


# The cloud that was asked for


def test_another_cloud_than_the_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        load_assignment(written(tmp_path, GOOD), cloud="cloud03")
    assert "a.yaml:1: cloud: the file is for cloud02, but --cloud is cloud03" in str(error.value)


def test_the_files_own_cloud_may_be_asked_for(tmp_path: Path) -> None:
    assert load_assignment(written(tmp_path, GOOD), cloud="cloud02").cloud == "cloud02"


@pytest.mark.parametrize("cloud", ["2", "cloud2", "cloud02 ", "pool"])
def test_what_is_asked_for_must_be_a_cloud(tmp_path: Path, cloud: str) -> None:
    with pytest.raises(InputError, match="--cloud: expected a cloud such as cloud02"):
        load_assignment(written(tmp_path, GOOD), cloud=cloud)


# Protected hosts: a name that protects nobody is an error


@pytest.mark.parametrize("name", ["fore man.example.com", "foreman_1.example.com", "10.0.0.1", "foreman.*", "https://foreman"])
def test_a_protected_host_that_is_no_name_is_an_error(tmp_path: Path, name: str) -> None:
    text = site_refusal(tmp_path, site_with("[foreman.example.com]", f'[foreman.example.com, "{name}"]'))
    assert f':18: protected_hosts[1]: "{name}" is not a DNS name' in text


def test_protected_hosts_compare_without_case_and_final_dot(tmp_path: Path) -> None:
    site = load_site(written(tmp_path, site_with("[foreman.example.com]", "[Foreman.Example.COM., b.example.com]")))
    assert site.protected_hosts == {"foreman.example.com", "b.example.com"}


# Words

PLAIN = "http://foreman.example.com"
VERIFIED = "  tls: {ca_file: a.yaml}\n"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("https://foreman.example.com", "https://foreman.example.com/api", "foreman.url: ends with /api"),
        ("https://foreman.example.com", "https://foreman.example.com/api/v2", "foreman.url: ends with /api"),
        ("https://foreman.example.com\n  username: quads\n  password: {env: FOREMAN_PASSWORD}\n  tls: {verify: false}\n",
         "http://foreman.example.com\n  username: quads\n  password: {env: FOREMAN_PASSWORD}\n" + VERIFIED,
         "foreman.url: is http:// to another machine"),
        ('  address: "https://mgmt-{host}"\n  username: root\n  password: {env: BMC_PASSWORD}\n  tls: {verify: false}\n',
         '  address: "http://mgmt-{host}"\n  username: root\n  password: {env: BMC_PASSWORD}\n' + VERIFIED,
         "redfish.address: is http:// to another machine"),
        ('  address: "https://mgmt-{host}"\n  username: root\n  password: {env: BMC_PASSWORD}\n  tls: {verify: false}\n',
         '  address: "HTTP://mgmt-{host}"\n  username: root\n  password: {env: BMC_PASSWORD}\n' + VERIFIED,
         "redfish.address: is http:// to another machine"),
        ('  password: {env: BMC_PASSWORD}\n  tls: {verify: false}\n',
         '  password: {env: BMC_PASSWORD}\n  tls: {pin: first_use}\n  old_tls: ["*-r620*"]\n',
         "redfish.old_tls: cannot be combined with a pinned certificate"),
        ('  password: {env: BMC_PASSWORD}\n  tls: {verify: false}\n',
         f'  password: {{env: BMC_PASSWORD}}\n  tls: {{fingerprint: "sha256:{"ab" * 32}"}}\n  old_tls: ["*-r620*"]\n',
         "redfish.old_tls: cannot be combined with a pinned certificate"),
    ],
)  # fmt: skip
def test_a_site_that_cannot_be_as_meant_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert words in site_refusal(tmp_path, site_with(old, new))


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        ("  username: root\n", "  username: root\n  check_macs: false\n", "check_macs"),
        ("  username: root\n", '  username: root\n  old_tls: ["*-r620*"]\n', "*-r620*"),
        ("  write_width: 1\n", "  write_width: 3\n", "3 writes to Foreman at the same time"),
        ("https://foreman.example.com", "http://foreman.example.com", "foreman.url: http:// to another machine"),
    ],
)
def test_what_a_site_does_without_is_warned_of(tmp_path: Path, old: str, new: str, warning: str) -> None:
    plain = load_site(written(tmp_path, SITE)).warnings
    more = [text for text in load_site(written(tmp_path, site_with(old, new))).warnings if text not in plain]
    assert len(more) == 1
    assert warning in more[0]


def test_http_on_this_machine_needs_no_warning(tmp_path: Path) -> None:
    local = site_with("https://foreman.example.com", "http://127.0.0.1:8080").replace(
        "  tls: {verify: false}\n  write", "  write"
    )
    assert not [text for text in load_site(written(tmp_path, local)).warnings if "http://" in text]


@pytest.mark.parametrize(
    ("tls", "bmc", "refused"),
    [
        ("{ca_file: a.yaml}", "http://10.0.0.1", True),
        ("{ca_file: a.yaml}", "http://127.0.0.1:8000", False),
        ("{ca_file: a.yaml}", "https://10.0.0.1", False),
        ("{verify: false}", "http://10.0.0.1", False),
    ],
)
def test_a_bmc_without_encryption_off_this_machine_is_refused_unless_the_site_says_so(
    tmp_path: Path, tls: str, bmc: str, refused: bool
) -> None:
    old = "  password: {env: BMC_PASSWORD}\n  tls: {verify: false}"
    site = load_site(written(tmp_path, site_with(old, f"  password: {{env: BMC_PASSWORD}}\n  tls: {tls}")))
    host = HostSpec("a.example.com", bmc=bmc)
    if refused:
        with pytest.raises(InputError, match=r"redfish\.tls: the BMC of a\.example\.com is at http://"):
            bmc_address(site, host)
    else:
        assert bmc_address(site, host) == bmc


# Bounds of the reader


def nested(depth: int) -> str:
    return f"cloud: cloud02\nhosts: {'[' * depth}{']' * depth}\n"


def test_nesting_is_bounded_at_twenty(tmp_path: Path) -> None:
    assert "nested more than 20 deep" not in refusal(tmp_path, nested(19))  # the file itself is one more
    assert "a.yaml:2: is nested more than 20 deep" in refusal(tmp_path, nested(20))


def test_the_number_of_values_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_reader, "MOST_NODES", 100)  # of 200,000, which take seconds to read
    head = "cloud: cloud02\nhosts:"  # the mapping, two keys, a value and the list are five
    most = [f"h{number}.example.com" for number in range(95)]
    assert len(load_assignment(written(tmp_path, f"{head} [{', '.join(most)}]\n")).hosts) == 95
    assert "a.yaml:2: contains more than 100 values" in refusal(tmp_path, f"{head} [{', '.join([*most, 'one.example.com'])}]\n")


@pytest.mark.parametrize(
    "password",
    [
        "{env: hunter2!}",
        "{file: [hunter2]}",
        "{command: {hunter2: x}}",
        "{hunter2: x, env: A}",
        "{hunter2: &a b}",
        "{hunter2: [*a]}",
        "{hunter2: {deep: !x y}}",
        "{file: {hunter2: &a b}}",
    ],
)
def test_what_stands_below_a_password_is_never_shown(tmp_path: Path, password: str) -> None:
    text = site_refusal(tmp_path, site_with("{env: FOREMAN_PASSWORD}", password))
    assert "hunter2" not in text
    assert "foreman.password" in text


def test_a_control_character_names_itself_and_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    (tmp_path / "cloud02.hosts").write_text("a.example.com\nb.exa\x1bmple.com\n")
    with pytest.raises(InputError, match=r"cloud02\.hosts:2: contains the control character U\+001B"):
        load_assignment(path)


def test_a_hosts_file_in_another_encoding_names_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    (tmp_path / "cloud02.hosts").write_bytes("a.example.com\nb.example.com # Bürö\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"cloud02\.hosts:2: is not UTF-8 text"):
        load_assignment(path)


def test_a_hosts_file_that_is_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    (tmp_path / "secret").write_text("root.example.com\n")
    (tmp_path / "cloud02.hosts").unlink()
    (tmp_path / "cloud02.hosts").symlink_to("secret")
    with pytest.raises(InputError) as error:
        load_assignment(path)
    assert "a.yaml:14: hosts_file: cloud02.hosts is a symbolic link" in str(error.value)
    assert "root.example.com" not in str(error.value)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_hosts_file_may_have_tabs_and_windows_line_ends(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path, GOOD)
    (tmp_path / "cloud02.hosts").write_bytes(f"a.example.com\tb.example.com{ending}# all{ending}".encode())
    assert [host.name for host in load_assignment(path).hosts][2:] == ["a.example.com", "b.example.com"]
