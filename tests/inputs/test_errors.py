"""What is wrong in a file is told with file, line and key, all at once, and never as a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quads_tui.inputs import (
    Assignment,
    InputError,
    Secret,
    Site,
    check_speed,
    find_site,
    load_assignment,
    load_site,
    resolve_secret,
)

GOOD = """cloud: cloud02
description: OpenStack scale test
owner: jdoe
ticket: "3753"
ccuser: [asmith, bwong]
wipe: true
os: RHEL 9.4
ptable: generic-rhel9
medium: RHEL Local
parameters: {overcloud: "true"}
hosts:
  - f21-h17-000-r650.example.com
  - {name: f21-h18-000-r650.example.com, model: R650, bmc: "https://127.0.0.1:20001"}
hosts_file: cloud02.hosts
"""
SITE = """foreman:
  url: https://foreman.example.com
  username: quads
  password: {env: FOREMAN_PASSWORD}
  tls: {verify: false}
  write_width: 1
defaults: {os: RHEL 9.4, ptable: generic-rhel9, medium: RHEL Local}
redfish:
  address: "https://mgmt-{host}"
  username: root
  password: {env: BMC_PASSWORD}
  tls: {verify: false}
quads:
  url: https://quads.example.com
  username: admin@example.com
  password: {env: QUADS_PASSWORD}
spare_pool: cloud01
protected_hosts: [foreman.example.com]
limits: {}
speed: 1
"""


def written(directory: Path, text: str | bytes, name: str = "a.yaml") -> Path:
    path = directory / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    (directory / "cloud02.hosts").write_text("g01-h01-000-r640.example.com # a comment\n  G01-H02-000-R640.example.com.\n")
    return path


def refusal(directory: Path, text: str | bytes) -> str:
    with pytest.raises(InputError) as error:
        load_assignment(written(directory, text))
    return str(error.value)


def test_the_contracts_own_assignment_loads(tmp_path: Path) -> None:
    assignment = load_assignment(written(tmp_path, GOOD))
    assert [host.name for host in assignment.hosts] == [
        "f21-h17-000-r650.example.com",
        "f21-h18-000-r650.example.com",
        "g01-h01-000-r640.example.com",
        "g01-h02-000-r640.example.com",
    ]
    assert assignment.hosts[1].bmc == "https://127.0.0.1:20001"
    assert (assignment.ticket, assignment.ccuser, assignment.parameters) == ("3753", ("asmith", "bwong"), {"overcloud": "true"})


@pytest.mark.parametrize(("written_as", "ticket"), [("3753", "3753"), ("0123", "0123"), ('"SCALELAB-3753"', "SCALELAB-3753")])
def test_a_ticket_is_its_text(tmp_path: Path, written_as: str, ticket: str) -> None:
    assert load_assignment(written(tmp_path, GOOD.replace('"3753"', written_as))).ticket == ticket


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("ptable:", "ptabel:"), 8, "ptabel"),
        (("owner: jdoe", "owner: jdoe\nowner: jane"), 4, "owner"),
        (("wipe: true", 'wipe: "true"'), 6, "wipe"),
        (("cloud: cloud02", "cloud: c2"), 1, "cloud"),
        (("cloud: cloud02", "cloud: &a cloud02"), 1, "anchor"),
        (("owner: jdoe", "owner: *a"), 3, "alias"),
        (("owner: jdoe", "owner: !!str jdoe"), 3, "tag"),
        (("ccuser: [asmith, bwong]", "ccuser: asmith: bwong"), 5, ""),
        (('overcloud: "true"', "overcloud: true"), 10, "overcloud"),
        (("f21-h17-000-r650.example.com", "f21_h17!.example.com"), 12, "hosts"),
        (("f21-h17-000-r650.example.com", "F21-h18-000-r650.example.com."), 13, "f21-h18-000-r650.example.com"),
        (("https://127.0.0.1:20001", "https://root:x@127.0.0.1"), 13, "bmc"),
        (("hosts_file: cloud02.hosts", "hosts_file: ../cloud02.hosts"), 14, "hosts_file"),
        (("hosts_file: cloud02.hosts", "hosts_file: nothing.hosts"), 14, "hosts_file"),
        (("description: OpenStack", 'description: "Open\\x1bStack"'), 2, "control"),
    ],
)
def test_each_error_names_file_line_and_key(tmp_path: Path, change: tuple[str, str], line: int, words: str) -> None:
    assert change[0] in GOOD
    text = refusal(tmp_path, GOOD.replace(*change, 1))
    assert f"a.yaml:{line}: " in text
    assert words in text


def test_all_errors_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = refusal(
        tmp_path, GOOD.replace("cloud: cloud02", "cloud: c2").replace("ptable:", "ptabel:").replace("wipe: true", "wipe: 3")
    )
    assert {line.split(":")[1] for line in text.splitlines()} == {"1", "6", "8"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "empty"),
        (b"hosts: []\ncloud: cloud02\n", "hosts"),
        (b"cloud: cloud02\n", "host"),
        (b"[" * 30_000, "nest"),
        (b"a: " * 30_000, ""),
        (b"\xff\xfe\x00", ""),
        (b"- 1\n- 2\n", ""),
        (b"--- {}\n--- {}\n", ""),
        (b"x" * (5 * 1024 * 1024 + 1), "5"),
    ],
)
def test_files_that_are_no_assignment(tmp_path: Path, text: bytes, words: str) -> None:
    assert words in refusal(tmp_path, text)


def test_things_that_are_no_files_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, Path("/dev/zero"), tmp_path / "missing.yaml"):
        with pytest.raises(InputError, match=str(path)):
            load_assignment(path)


def test_a_hosts_file_names_its_own_lines(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    (tmp_path / "cloud02.hosts").write_text("a.example.com\nb_b!.example.com\nf21-h17-000-r650.example.com\n")
    with pytest.raises(InputError) as error:
        load_assignment(path)
    assert "cloud02.hosts:2" in str(error.value)
    assert "f21-h17-000-r650.example.com" in str(error.value)


@given(data=st.binary(max_size=400) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_an_input_or_an_error(tmp_path: Path, data: bytes) -> None:
    for load in (load_assignment, load_site):
        try:
            assert isinstance(load(written(tmp_path, data)), Assignment | Site)
        except InputError as error:
            assert str(error)


@given(
    lines=st.lists(st.integers(0, 13), max_size=3),
    cuts=st.lists(
        st.tuples(st.integers(0, 350), st.integers(0, 9), st.sampled_from([b"", b"[", b"}", b": ", b"\t", b"&a ", b"'"])),
        max_size=4,
    ),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_an_input_or_an_error(tmp_path: Path, lines: list[int], cuts: list[tuple[int, int, bytes]]) -> None:
    text = GOOD.encode()
    rows = text.splitlines(keepends=True)
    for row in lines:
        rows.insert(row, rows[row % len(rows)])
    text = b"".join(rows)
    for at, length, put in cuts:
        text = text[:at] + put + text[at + length :]
    try:
        assert isinstance(load_assignment(written(tmp_path, text)), Assignment)
    except InputError as error:
        assert "a.yaml" in str(error) or "cloud02.hosts" in str(error)


def test_the_contracts_own_site_loads(tmp_path: Path) -> None:
    site = load_site(written(tmp_path, SITE))
    assert (site.foreman.url, site.foreman.write_width, site.redfish.tls.kind) == ("https://foreman.example.com", 1, "off")
    assert site.protected_hosts == {"foreman.example.com"}
    assert site.quads is not None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("write_width", "write_with"), "write_with"),
        (("https://foreman.example.com", "http://foreman.example.com"), None),
        (("tls: {verify: false}\n  write", "tls: {fingerprint: 'sha256:12'}\n  write"), "fingerprint"),
        (("limits: {}", "limits: {ahed: 3}"), "ahead"),
        (("limits: {}", "limits: {ahead: 0}"), "ahead"),
        (("limits: {}", "limits: {installing: 0}"), "off or a whole number above 0"),
        (("limits: {}", "limits: {installing: auto}"), "installing"),
        (("limits: {}", "limits: {installing: no}"), "installing"),
        (("speed: 1", "speed: fast"), "speed"),
        (("mgmt-{host}", "mgmt"), "{host}"),
        (("{env: FOREMAN_PASSWORD}", "{env: A, file: b}"), "password"),
    ],
)
def test_errors_of_a_site(tmp_path: Path, change: tuple[str, str], words: str | None) -> None:
    path = written(tmp_path, SITE.replace(*change, 1))
    if words is None:
        assert load_site(path).warnings
        return
    with pytest.raises(InputError) as error:
        load_site(path)
    assert words in str(error.value)
    assert "a.yaml:" in str(error.value)


def test_a_fingerprint_may_have_colons_and_capitals(tmp_path: Path) -> None:
    pairs = ":".join(["AB"] * 32)
    site = load_site(
        written(tmp_path, SITE.replace("tls: {verify: false}\n  write", f'tls: {{fingerprint: "sha256:{pairs}"}}\n  write'))
    )
    assert site.foreman.tls.fingerprint == "ab" * 32


def test_speed_is_for_loopback_only(tmp_path: Path) -> None:
    local = (
        SITE.replace("foreman.example.com\n", "127.0.0.1:8443\n")
        .replace("quads.example.com\n", "localhost\n")
        .replace("speed: 1", "speed: 60")
    )
    site = load_site(written(tmp_path, local))
    check_speed(site, ["https://127.3.4.5:1", "https://[::1]:5", "https://localhost"])
    with pytest.raises(InputError, match=r"mgmt-a\.example\.com"):
        check_speed(site, ["https://127.0.0.1", "https://mgmt-a.example.com"])
    far = load_site(written(tmp_path, SITE.replace("speed: 1", "speed: 60")))
    with pytest.raises(InputError, match=r"foreman\.url, quads\.url"):
        check_speed(far, ["https://127.0.0.1"])


def test_where_the_site_is_looked_for(tmp_path: Path) -> None:
    path = written(tmp_path, SITE, "site.yaml")
    assert find_site(path, {}) == path
    assert find_site(None, {"QUADS_TUI_SITE": str(path)}) == path
    with pytest.raises(InputError, match=r"none\.yaml: --site: there is no such file"):
        find_site(tmp_path / "none.yaml", {})


def secret(directory: Path, source: str) -> Secret:
    return resolve_secret(load_site(written(directory, SITE.replace("{env: FOREMAN_PASSWORD}", source))).foreman.password)


def test_passwords_from_everywhere_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREMAN_PASSWORD", "s3cret")
    (tmp_path / "pw").write_text("s3cret\n")
    (tmp_path / "pw").chmod(0o600)
    for source in ("{env: FOREMAN_PASSWORD}", "{file: pw}", "{command: [printf, s3cret]}", "s3cret"):
        found = secret(tmp_path, source)
        assert found.reveal() == "s3cret"
        assert "s3cret" not in f"{found} {found!r} {[found]}"
        assert str(found) == repr(found) == "****"
    plain = load_site(written(tmp_path, SITE.replace("{env: FOREMAN_PASSWORD}", "s3cret")))
    assert plain.warnings
    assert "s3cret" not in repr(plain)


@pytest.mark.parametrize(
    ("source", "prepare", "words"),
    [
        ("{env: NOT_SET_ANYWHERE}", lambda path: None, "NOT_SET_ANYWHERE"),
        ("{file: pw}", lambda path: path.chmod(0o644), "0600"),
        ("{file: pw}", lambda path: (path.rename(path.with_name("real")), path.symlink_to("real")), "pw"),
        ("{file: none}", lambda path: None, "none"),
        ("{command: ['false']}", lambda path: None, "false"),
        ("{command: [no-such-program-here]}", lambda path: None, "no-such-program-here"),
    ],
)
def test_passwords_that_cannot_be_had(tmp_path: Path, source: str, prepare: object, words: str) -> None:
    (tmp_path / "pw").write_text("s3cret\n")
    (tmp_path / "pw").chmod(0o600)
    prepare(tmp_path / "pw")  # type: ignore[operator]
    with pytest.raises(InputError) as error:
        secret(tmp_path, source)
    assert words in str(error.value)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ("system: Node2", ""),
        ("system: /redfish/v1/Systems/Node2/", ""),
        ("system: node1", "is also the BMC of f21-h17-000-r650.example.com"),
        ("system: /redfish/v1/Systems/Node1", "is also the BMC of f21-h17-000-r650.example.com"),
        ("model: R650", "is also the BMC of f21-h17-000-r650.example.com"),
        ("system: ../Node2", "is not the id or the path of a system"),
        ("system: /redfish/v1/", "is not the id or the path of a system"),
        ('system: "Node 2"', "is not the id or the path of a system"),
    ],
)
def test_a4_two_hosts_share_a_bmc_only_as_different_systems(tmp_path: Path, second: str, words: str) -> None:
    bmc = 'bmc: "https://127.0.0.1:20001"'
    text = f"cloud: cloud02\nhosts:\n  - {{name: f21-h17-000-r650.example.com, {bmc}, system: Node1}}\n"
    text += f"  - {{name: f21-h18-000-r650.example.com, {bmc}, {second}}}\n"
    if words:
        found = refusal(tmp_path, text)
        assert words in found and "a.yaml:4: hosts[1]." in found
    else:
        hosts = load_assignment(written(tmp_path, text)).hosts
        assert [host.system for host in hosts] == ["Node1", second.removeprefix("system: ")]


def test_a2_the_file_of_addresses_names_both_hosts_of_one_bmc(tmp_path: Path) -> None:
    bmcs = written(tmp_path, "a.example.com: https://10.0.0.1\nb.example.com: https://10.0.0.1/\n", "bmcs.yaml")
    site = written(tmp_path, SITE.replace("  username: root", f"  addresses: {bmcs.name}\n  username: root"), "site.yaml")
    with pytest.raises(InputError, match=r"bmcs.yaml:2: b.example.com: is also the BMC of a.example.com"):
        load_site(site)


@pytest.mark.parametrize(
    "name", ["10.0.0.7", '"https://foreman.example.com"', "fore man.example.com", "foreman_1.example.com", "[]"]
)
def test_a3_a_bad_protected_name_is_an_error_never_a_host_that_nothing_protects(tmp_path: Path, name: str) -> None:
    text = SITE.replace("[foreman.example.com]", f"\n  - {name}")
    with pytest.raises(InputError) as error:
        load_site(written(tmp_path, text, "site.yaml"))
    assert "site.yaml:19: protected_hosts[0]: " in str(error.value)


@pytest.mark.parametrize(
    ("value", "off", "on"),
    [
        ("true", (), ("f21-h17.example.com", "g01.example.com")),
        ("false", ("f21-h17.example.com", "g01.example.com"), ()),
        ('["F21-*"]', ("f21-h17.example.com",), ("g01.example.com",)),
        ("[]", (), ("f21-h17.example.com", "g01.example.com")),
    ],
)
def test_check_macs_is_a_word_or_the_patterns_for_which_it_is_off(
    tmp_path: Path, value: str, off: tuple[str, ...], on: tuple[str, ...]
) -> None:
    text = SITE.replace("  username: root", f"  check_macs: {value}\n  unverified: [g0*]\n  username: root")
    site = load_site(written(tmp_path, text, "site.yaml"))
    assert [site.redfish.compares(host) for host in (*off, *on)] == [False] * len(off) + [True] * len(on)
    assert any("these hosts are not verified" in warning for warning in site.warnings) == bool(off)
    assert (site.redfish.accepts("g01.example.com"), site.redfish.accepts("f21-h17.example.com")) == (True, False)


@pytest.mark.parametrize("key", ["check_macs", "unverified", "old_tls"])
@pytest.mark.parametrize("value", ["[f21_*]", '["a b"]', "[3]", "word", '["https://x"]'])
def test_a_pattern_that_fits_no_host_is_an_error(tmp_path: Path, key: str, value: str) -> None:
    text = SITE.replace("  username: root", f"  {key}: {value}\n  username: root")
    with pytest.raises(InputError, match=rf"site.yaml:10: redfish.{key}"):
        load_site(written(tmp_path, text, "site.yaml"))


@pytest.mark.parametrize(
    ("regex", "rack"),
    [
        (r"^([a-z]\\d+)-", "f21"),
        (r"^[a-z]+\\d+-(h\\d+)-", "h17"),
        (r"-(h\\d{1,3})-", "h17"),
        (r"^(nowhere)-", "f21-h17-000-r650.example.com"),
        (r"^(x)?f21", "f21-h17-000-r650.example.com"),
        (r"^(?:f|g)(\\d{2})", "21"),
    ],
)
def test_the_rack_is_the_first_group_and_a_host_without_one_is_a_rack_of_its_own(tmp_path: Path, regex: str, rack: str) -> None:
    site = load_site(written(tmp_path, SITE + f'racks: "{regex}"\n', "site.yaml"))
    assert site.rack("f21-h17-000-r650.example.com") == rack


@pytest.mark.parametrize(
    "regex",
    [
        r"^(a+)+$",
        r"^(\\w+)*-",
        r"^(a|a)*$",
        r"^(\\w*)(\\w*)\\w*\\w*-",
        r"(\\w+)\\w+\\w+-",
        r"^(a)(?=b)",
        r"^(a)\\1",
        r"^f21",
        r"^(f21",
        r"^((a{1,99}){1,99})",
    ],
)
def test_a_rack_expression_that_a_name_could_keep_busy_is_refused(tmp_path: Path, regex: str) -> None:
    with pytest.raises(InputError, match=r"site.yaml:21: racks"):
        load_site(written(tmp_path, SITE + f'racks: "{regex}"\n', "site.yaml"))
