"""What check says of a service that is unwell, and what to do: by the cause on the wire (D12, D13), with real sockets."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trustme

from quads_tui.cli.check import Service, _bmc_lines, _check_ipmi, _line, check_service, with_plan_findings
from quads_tui.cli.checked import Checked
from quads_tui.cli.remedies import general, remedy_for_refusal
from quads_tui.inputs import TlsPolicy
from quads_tui.planning.sharing import OWN_BMC
from quads_tui.rollout.causes import Cause, CredentialsRefused, StageFailure
from quads_tui.rollout.metrics import Meter
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.ports import QuadsError
from quads_tui.runtime.clients import Services
from quads_tui.services.http import Http
from quads_tui.services.redfish.errors import error_response
from quads_tui.services.redfish.failures import failure_of
from quads_tui.services.responses import Response
from tests.clocks import FastClock
from tests.services.tlsserver import TlsServer

OFF = TlsPolicy("off")
OLD = TlsPolicy("off", old=True)
PAGE = b"<!DOCTYPE html><html><title>400 - Bad Request</title></html>"
# 1024 bits: openssl dhparam 1024
SHORT_DH = """-----BEGIN X9.42 DH PARAMETERS-----
MIIBJgKBgQDocOiSTPqgvF50Eq13uKD2MfpKSUJ9YCs5p5gS2egzrPKlhHTzf4lF
gsW2IQ2bzlWDLSYnsQniLNZ2dEpWyS9v8X55t/8yfSAFBzC3mELSG1KczMtNdGlg
oqyr9BLHRZ3DsOfCtqHId9LmH9JzWXNmR0+dVosdh69rJeB/zV1WMwKBgG47Hkj1
l1BYrSEDBAzm+lKqsEwpREdV9+ZWErZo1Rbkda9fAgqvcIFDL0P8NtyZh/lCYzXy
TlFMqAkGErRf4Nj5HKMkMPAe6ffu7mX3OesAYJ99G0ZS1JkEbLdj3NNVrJt9le2l
JPPYYoDtDL3NbLyjqhVCUDZQ2Gui73Pw/sCJAh0AvTh4GdLlnrW8qs+8KDz1WdGS
hp5JXgiGnkpQHQ==
-----END X9.42 DH PARAMETERS-----
"""


async def welcome() -> str:
    return "1.0"


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.ca_file))
        self.http = Http(FastClock(), pins=folder / "pins.json")
        self.servers: list[TlsServer] = []

    def context(self, name: str = "127.0.0.1", **certificate: Any) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(name, **certificate).configure_cert(context)
        return context

    def serve(self, context: ssl.SSLContext | None, answer: bytes = b"{}", status: str = "200 OK", head: str = "") -> str:
        whole = f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(answer)}\r\n\r\n".encode() + answer
        self.servers.append(TlsServer(context, whole))
        return self.servers[-1].url

    async def check(
        self,
        address: str,
        tls: TlsPolicy,
        key: str = "redfish",
        log_in: Callable[[], Awaitable[str]] = welcome,
    ) -> Checked:
        services = cast("Services", SimpleNamespace(http=self.http))
        return await check_service(services, Service("h1", key, address, "/redfish/v1/", tls, log_in))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    await bench.http.close()
    for server in bench.servers:
        await asyncio.to_thread(server.close)


def old_protocol(bench: Bench) -> ssl.SSLContext:
    context = bench.context()
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def short_dh(bench: Bench) -> ssl.SSLContext:
    context = bench.context(key_type=trustme.KeyType.RSA)
    path = bench.folder / "dh.pem"
    path.write_text(SHORT_DH)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0")
    context.load_dh_params(str(path))
    return context


def rsa_key_exchange(bench: Bench) -> ssl.SSLContext:
    context = bench.context(key_type=trustme.KeyType.RSA)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES256-SHA:@SECLEVEL=0")
    return context


def wants_ours(bench: Bench) -> ssl.SSLContext:
    context = bench.context()
    context.verify_mode = ssl.CERT_REQUIRED
    bench.ca.configure_trust(context)
    return context


def knows_no_name(bench: Bench) -> ssl.SSLContext:
    context = bench.context()
    context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    return context


TOO_OLD: list[tuple[Callable[[Bench], ssl.SSLContext], str]] = [
    (old_protocol, "alert protocol version"),
    (short_dh, "dh key too small"),
    (rsa_key_exchange, "alert handshake failure"),
]


@pytest.mark.parametrize(("make", "words"), TOO_OLD, ids=lambda value: getattr(value, "__name__", ""))
async def test_d13_tls_that_is_too_old_names_the_key_that_accepts_it(
    bench: Bench, make: Callable[[Bench], ssl.SSLContext], words: str
) -> None:
    address = bench.serve(make(bench))
    for policy in (OFF, TlsPolicy("ca_file", ca_file=bench.ca_file)):
        told = await bench.check(address, policy)
        assert re.search(words, told.problem) and "redfish.old_tls" in told.problem
        assert told.remedy == "add the host to redfish.old_tls, or update the firmware of the BMC"
    assert (await bench.check(address, OLD)).ok
    foreman = await bench.check(address, OFF, "foreman")
    assert "old_tls" not in foreman.problem + foreman.remedy and "TLS 1.2 or newer" in foreman.remedy


async def test_d13_a_server_that_chooses_tls_1_0_all_the_same(bench: Bench) -> None:
    """Firmware of that time knows no list of versions and answers with its own."""
    hello = b"\x03\x01" + bytes(range(32)) + b"\x00\x00\x2f\x00"
    message = b"\x02" + len(hello).to_bytes(3, "big") + hello
    server = TlsServer(None, b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message)
    bench.servers.append(server)
    told = await bench.check(server.url, OFF)
    assert "unsupported protocol (a BMC whose" in told.problem and "redfish.old_tls" in told.remedy


async def test_d13_old_tls_is_not_advised_where_it_is_in_force(bench: Bench) -> None:
    context = bench.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("PSK")  # what nobody can speak who has no key of it
    told = await bench.check(bench.serve(context), OLD)
    assert "although redfish.old_tls holds" in told.problem and told.remedy.startswith("update the firmware")


@pytest.mark.parametrize("answer", ["HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_8.0\r\n"])
@pytest.mark.parametrize("policy", [OFF, TlsPolicy(), TlsPolicy("first_use")])
async def test_d13_a_port_without_tls_is_called_one(bench: Bench, answer: str, policy: TlsPolicy) -> None:
    server = TlsServer(None, answer.encode())
    bench.servers.append(server)
    told = await bench.check(server.url, policy)
    assert "this port speaks plain HTTP" in told.problem
    assert told.remedy.startswith("give the port that speaks TLS in redfish.address")
    assert ("http://" in told.remedy) == (policy.kind == "off") and "trust" not in told.remedy


async def test_d13_a_port_with_tls_that_is_asked_without(bench: Bench) -> None:
    server = TlsServer(None, b"\x15\x03\x03\x00\x02\x02\x46")
    bench.servers.append(server)
    told = await bench.check(server.url.replace("https:", "http:"), OFF)
    assert "answers with TLS" in told.problem and "begins with https://" in told.remedy
    # lighttpd, nginx and Apache say it with a page.
    page = b"<html>The plain HTTP request was sent to HTTPS port</html>"
    address = bench.serve(None, page, "400 Bad Request").replace("https:", "http:")

    async def refused() -> str:
        raise failure_of(error_response(Response(400, {}, page)))

    assert "begins with https://" in (await bench.check(address, OFF, log_in=refused)).remedy


async def test_d13_each_doubt_about_a_certificate_has_its_own_remedy(bench: Bench) -> None:
    ours = TlsPolicy("ca_file", ca_file=bench.ca_file)
    past, recent, soon, late = (datetime(year, 1, 1, tzinfo=UTC) for year in (2019, 2020, 2097, 2098))
    other = bench.folder / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    good = bench.serve(bench.context())
    cases: list[tuple[str, TlsPolicy, str, str]] = [
        (
            bench.serve(bench.context("b.example.com")),
            ours,
            "mismatch",
            "set a name in redfish.address that is in the certificate",
        ),
        (bench.serve(bench.context(not_before=past, not_after=recent)), ours, "has expired", "renew the certificate"),
        (bench.serve(bench.context(not_before=soon, not_after=late)), ours, "not yet valid", "clock of this machine"),
        (good, TlsPolicy(), "not trusted", "configure which certificate to trust: redfish.tls"),
        (good, TlsPolicy("ca_file", ca_file=other), "not trusted", "the CA file of redfish.tls did not sign"),
        (good, TlsPolicy("ca_file", ca_file=bench.folder / "none.pem"), "none.pem", "repair the file that the message names"),
        (good, TlsPolicy("fingerprint", fingerprint="sha256:" + "0" * 64), "does not match", "correct the fingerprint"),
    ]
    for address, policy, problem, remedy in cases:
        told = await bench.check(address, policy)
        assert problem in told.problem and remedy in told.remedy, told
    assert (await bench.check(good, ours)).ok


async def test_d13_a_client_certificate_or_another_name_is_wanted(bench: Bench) -> None:
    told = await bench.check(bench.serve(wants_ours(bench)), OFF)
    assert "wants a client certificate" in told.problem and "without a client certificate" in told.remedy
    told = await bench.check(bench.serve(knows_no_name(bench)).replace("127.0.0.1", "localhost"), OFF)
    assert "no certificate for this name" in told.problem and "redfish.address" in told.remedy


BROKEN_HTTP = {
    b"HTTP/1.1 200 OK\r\nBad Header Line\r\n\r\n": "Bad Header Line",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}": "Content-Length",
    b"SSH-2.0-OpenSSH_8.0\r\n": "SSH-2.0-OpenSSH_8.0",
    b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}": "cut short",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde": "gzip",
}


@pytest.mark.parametrize("answer", BROKEN_HTTP)
async def test_d13_what_is_not_http_is_explained_by_the_parser(bench: Bench, answer: bytes) -> None:
    server = TlsServer(None, answer)
    bench.servers.append(server)
    told = await bench.check(server.url.replace("https:", "http:"), OFF)
    assert BROKEN_HTTP[answer] in told.problem and told.problem.isprintable()
    assert told.remedy.startswith("check what answers at redfish.address")


@pytest.mark.parametrize("line", ["X-Auth-Token : 7dd1", "Set-Cookie: _session_id=7dd1\x00", "Authorization 7dd1"])
async def test_a_broken_header_line_with_a_secret_is_not_shown(bench: Bench, line: str) -> None:
    server = TlsServer(None, f"HTTP/1.1 200 OK\r\n{line}\r\n\r\n".encode())
    bench.servers.append(server)
    told = await bench.check(server.url.replace("https:", "http:"), OFF)
    assert "is not HTTP: Invalid" in told.problem and "7dd1" not in told.problem


async def test_names_and_ports_that_lead_nowhere(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    told = await bench.check(f"https://127.0.0.1:{port}", OFF)
    assert "refused the connection" in told.problem and "the service is running" in told.remedy
    told = await bench.check("https://a..example", OFF)
    assert "not a usable address" in told.problem and told.remedy == "correct redfish.address"
    for code, words, remedy in (
        (socket.EAI_NONAME, "name or service not known", "DNS on this machine"),
        (socket.EAI_AGAIN, "temporary failure in name resolution", "/etc/resolv.conf"),
    ):

        def fail(*_: object, code: int = code, words: str = words, **__: object) -> None:
            raise socket.gaierror(code, words.capitalize())

        monkeypatch.setattr(socket, "getaddrinfo", fail)
        told = await bench.check("https://mgmt-h1.example.com", OFF)
        assert told.problem.endswith(words) and remedy in told.remedy


@pytest.mark.parametrize("status", ["400 Bad Request", "421 Misdirected Request"])
async def test_d12_an_idrac_that_does_not_know_its_own_name(bench: Bench, status: str) -> None:
    context = bench.context("localhost")
    address = bench.serve(context, PAGE, status, "Content-Type: text/html\r\n")
    tls = TlsPolicy("ca_file", ca_file=bench.ca_file)

    def asking(address: str) -> Callable[[], Awaitable[str]]:
        async def log_in() -> str:
            answer = await bench.http.request(
                "GET", address + "/redfish/v1/", service="redfish", meter=Meter(), tls=OFF,
                connect=5, total=5,
            )  # fmt: skip
            raise failure_of(error_response(answer))

        return log_in

    by_name = address.replace("127.0.0.1", "localhost")
    told = await bench.check(by_name, tls, log_in=asking(by_name))
    for said in (told.problem, told.remedy):
        assert all(word in said for word in ("HostHeaderCheck", "ManualDNSEntry", "redfish.addresses"))
    told = await bench.check(address, OFF, log_in=asking(address))
    assert "HostHeaderCheck" not in told.problem + told.remedy  # it was asked by its address


FAILURES: list[tuple[Exception, str]] = [
    (CredentialsRefused("Foreman refused"), "check redfish.username"),
    (StageFailure(Cause.CREDENTIALS, "no"), "check redfish.username"),
    (StageFailure(Cause.CREDENTIALS, "the password must be changed first: no"), "change the password at the server"),
    (QuadsError("QUADS refused the login of quads"), "check redfish.username"),
    (StageFailure(Cause.PROTOCOL, "the BMC redirects /redfish/v1/ to /login.html"), "run the check again"),
    (StageFailure(Cause.REFUSED, "insufficient privilege"), "the permission that the message is about"),
    (StageFailure(Cause.BUSY, "not ready"), "the service is busy"),
    (StageFailure(Cause.UNREACHABLE, "gone"), "check the network"),
    (TimeoutError(), "check the network"),
]


@pytest.mark.parametrize(("failure", "remedy"), FAILURES, ids=lambda value: str(value)[:30])
async def test_no_remedy_of_a_login_points_the_wrong_way(bench: Bench, failure: Exception, remedy: str) -> None:
    async def log_in() -> str:
        raise failure

    told = await bench.check(bench.serve(None).replace("https:", "http:"), OFF, log_in=log_in)
    assert remedy in told.remedy and not told.ok


async def test_a_page_that_leads_elsewhere_is_named(bench: Bench) -> None:
    address = bench.serve(None, b"", "302 Found", "Location: https://sso.example.com/login\r\n").replace("https:", "http:")

    async def log_in() -> str:
        raise QuadsError("QUADS answered GET version with HTTP 302 and an empty body")

    told = await bench.check(address, OFF, "quads", log_in)
    assert "the server redirects to https://sso.example.com/login" in told.remedy and "username" not in told.remedy


SYSTEMS = "the BMC lists 2 systems (1, 2), and it is not clear which is meant; name it with `system:` in the assignment"


async def test_nothing_general_follows_where_the_problem_says_what_to_do(bench: Bench) -> None:
    """By HTTP, by IPMI, in a plan, and of the assignment."""
    address = bench.serve(None).replace("https:", "http:")
    for advises in (True, False):
        failure = StageFailure(Cause.PROTOCOL, SYSTEMS, advises=advises)

        async def log_in(failure: StageFailure = failure) -> str:
            raise failure

        by_http = await bench.check(address, OFF, log_in=log_in)
        by_ipmi = await _check_ipmi(HostPlan("h1", "ipmi://192.0.2.1"), log_in)
        surveyed = {"h1": HostPlan("h1", address, bmc=f"protocol: {SYSTEMS}", advised=advises)}
        planned = with_plan_findings(Checked("h1", address, ok=True), surveyed)
        in_general = general("check the network", failure)
        for told in (by_http, by_ipmi, planned):
            assert SYSTEMS in told.problem and not told.ok
            assert (told.remedy == "") == advises
            assert ("->" in _line(told)) != advises
        assert (in_general == "") == advises
    assert remedy_for_refusal(f"a and b have the same BMC (192.0.2.1): {OWN_BMC}") == ""
    assert remedy_for_refusal("a and b are the same machine").startswith("correct the BMC addresses")


async def test_a_session_that_a_check_leaves_is_said() -> None:
    host = HostPlan("h1", "https://192.0.2.1", left_session="the session /1 stays open at the BMC")
    told = with_plan_findings(Checked("h1", host.address, ok=True, left_session="no answer to a login"), {"h1": host})
    assert told.ok
    assert _bmc_lines([told])[-2:] == [
        "note  sessions that stay open, or may stay open, at BMCs after this check: 1",
        "        h1  no answer to a login; the session /1 stays open at the BMC",
    ]
