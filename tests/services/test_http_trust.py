"""Whom the client believes: authorities, fingerprints, pins on first use, and nobody by default."""

from __future__ import annotations

import hashlib
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from quads_tui.inputs import TlsPolicy
from quads_tui.rollout.metrics import Meter
from quads_tui.services.http import Http
from quads_tui.services.responses import RequestFailed, Response
from tests.clocks import FastClock

from .rawserver import RawServer, Request, Write, reply


async def good(request: Request, write: Write) -> None:
    await write(reply())


class Site:
    """A server that may change its certificate, and the authority that signed it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = trustme.CA()
        self.pins = folder / "state" / "pins.json"
        self.server = RawServer(good)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.http = Http(FastClock(), pins=self.pins)

    async def start(self, name: str = "127.0.0.1") -> None:
        self.certify(name)
        await self.server.start(self.context)

    def certify(self, name: str = "127.0.0.1") -> str:
        """A new certificate; gives its fingerprint."""
        certificate = self.ca.issue_cert(name)
        certificate.configure_cert(self.context)
        der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
        self.fingerprint = hashlib.sha256(der).hexdigest()
        return self.fingerprint

    async def ask(self, tls: TlsPolicy, http: Http | None = None) -> Response:
        settings: dict[str, Any] = {"service": "redfish", "meter": Meter(), "connect": 3.0, "total": 3.0}
        return await (http or self.http).request("POST", self.server.url + "/x", tls=tls, **settings)

    async def refused(self, tls: TlsPolicy, http: Http | None = None) -> str:
        before = len(self.server.seen)
        with pytest.raises(RequestFailed) as caught:
            await self.ask(tls, http)
        assert (caught.value.kind, caught.value.sent) == ("tls", False)
        assert len(self.server.seen) == before
        return caught.value.reason


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path)
    await site.start()
    yield site
    await site.http.close()
    await site.server.close()


async def test_the_system_s_authorities_do_not_know_this_one(site: Site) -> None:
    assert "not trusted" in await site.refused(TlsPolicy())


async def test_verification_off_is_off(site: Site) -> None:
    assert (await site.ask(TlsPolicy("off"))).ok


async def test_a_ca_file_and_the_name_are_checked(site: Site) -> None:
    path = site.folder / "ca.pem"
    site.ca.cert_pem.write_to_path(str(path))
    assert (await site.ask(TlsPolicy("ca_file", ca_file=path))).ok
    site.certify("elsewhere.example.com")
    assert "127.0.0.1" in await site.refused(TlsPolicy("ca_file", ca_file=path))
    other = site.folder / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    assert "not trusted" in await site.refused(TlsPolicy("ca_file", ca_file=other))
    missing = site.folder / "missing.pem"
    assert "missing.pem" in await site.refused(TlsPolicy("ca_file", ca_file=missing))


async def test_a_fingerprint_is_the_certificate_s_own(site: Site) -> None:
    assert (await site.ask(TlsPolicy("fingerprint", fingerprint=site.fingerprint))).ok
    old = site.fingerprint
    new = site.certify()
    reason = await site.refused(TlsPolicy("fingerprint", fingerprint=old))
    assert old in reason and new in reason


async def test_the_first_certificate_is_pinned_and_a_change_is_loud(site: Site) -> None:
    tls = TlsPolicy("first_use")
    assert (await site.ask(tls)).ok
    old = site.fingerprint
    assert json.loads(site.pins.read_text()) == {site.server.url: old}
    assert site.pins.stat().st_mode & 0o777 == 0o600
    new = site.certify()
    for http in (site.http, Http(FastClock(), pins=site.pins)):  # this process, and the next one
        reason = await site.refused(tls, http)
        assert old in reason and new in reason and str(site.pins) in reason
    assert json.loads(site.pins.read_text()) == {site.server.url: old}


async def test_damaged_pins_believe_nobody(site: Site) -> None:
    site.pins.parent.mkdir()
    site.pins.write_text('{"https://127.0.0.1:1": "zz"}')
    assert str(site.pins) in await site.refused(TlsPolicy("first_use"))


async def test_old_tls_only_where_it_was_asked_for(site: Site) -> None:
    with pytest.warns(DeprecationWarning):
        site.context.minimum_version = ssl.TLSVersion.TLSv1
        site.context.maximum_version = ssl.TLSVersion.TLSv1_1
    site.context.set_ciphers("ALL:@SECLEVEL=0")
    ca_file = site.folder / "ca.pem"
    site.ca.cert_pem.write_to_path(str(ca_file))
    with pytest.raises(RequestFailed, match="old_tls"):
        await site.ask(TlsPolicy("off"))
    assert (await site.ask(TlsPolicy("off", old=True))).status == 200
    assert (await site.ask(TlsPolicy("ca_file", ca_file=ca_file, old=True))).status == 200
    assert "not trusted" in await site.refused(TlsPolicy("system", old=True))
