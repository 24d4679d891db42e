"""Where metrics are served: the section of the site and the option, read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from quads_tui.cli.main import cli
from quads_tui.inputs import InputError, Listen, Site, listen_address, load_site

BASE = """foreman: {url: https://foreman.example.com, username: quads, password: {env: X}}
redfish: {username: root, password: {env: X}}
"""


def loaded(tmp_path: Path, text: str) -> Site:
    path = tmp_path / "site.yaml"
    path.write_text(BASE + text)
    return load_site(path)


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("9180", Listen("127.0.0.1", 9180)),
        ("127.0.0.1:9180", Listen("127.0.0.1", 9180)),
        ("localhost:1", Listen("127.0.0.1", 1)),
        ("[::1]:65535", Listen("::1", 65_535)),
        ("0.0.0.0:9180", Listen("0.0.0.0", 9180)),
    ],
)
def test_an_address_and_a_port_loopback_unless_said_otherwise(text: str, listen: Listen) -> None:
    assert listen_address(text) == listen
    assert listen.is_loopback is (listen.address != "0.0.0.0")
    assert listen_address(str(listen)) == listen


@pytest.mark.parametrize(
    "text", ["", "0", "65536", ":9180", "jump:9180", "::1:9180", "[127.0.0.1]:80", "127.0.0.1", "1:2:3", "9180 ", "²"]
)
def test_everything_else_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(InputError, match=r"expected \[ADDRESS:\]PORT, such as 9180, 127\.0\.0\.1:9180 or \[::1\]:9180"):
        listen_address(text)


def test_the_site_file(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").metrics is None
    for text in ('"127.0.0.1:9180"', "127.0.0.1:9180", "9180"):
        site = loaded(tmp_path, f"metrics: {{listen: {text}}}")
        assert site.metrics and site.metrics.listen == Listen("127.0.0.1", 9180)
        assert not site.warnings


def test_an_address_that_others_reach_is_a_warning(tmp_path: Path) -> None:
    (warning,) = loaded(tmp_path, 'metrics: {listen: "0.0.0.0:9180"}').warnings
    served = "metrics are served at 0.0.0.0:9180 without a password to everyone who can reach this address"
    assert warning == f"metrics.listen: {served}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("metrics: {}", "site.yaml:3: metrics.listen: the key is missing"),
        ("metrics: {listen: jump:80}", 'site.yaml:3: metrics.listen: "jump:80" has no IP address before the port'),
        ("metrics: {listen: true}", "site.yaml:3: metrics.listen: found a boolean"),
        ("metrics: {port: 9180}", "site.yaml:3: metrics.port: unknown key"),
    ],
)
def test_what_is_wrong_names_file_line_and_key(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        loaded(tmp_path, text)
    assert says in str(caught.value)


@pytest.mark.parametrize("command", ["run", "resume", "rehearse"])
def test_a_wrong_option_is_an_error_of_usage(command: str) -> None:
    ended = CliRunner().invoke(cli, [command, "--metrics", "jump:9180", *(["x.yaml"] if command != "resume" else [])])
    assert ended.exit_code == 2
    assert '--metrics: "jump:9180" has no IP address before the port' in ended.output
