"""F7: what the clients make of servers that repeat secrets: masked where it is free text, untouched where it is compared."""

from __future__ import annotations

import json
import logging
import tempfile
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from quads_tui.cli.internal_error import ErrorLog
from quads_tui.emulators.bmc.fleet import Fleet
from quads_tui.emulators.interfaces import Machine, Time
from quads_tui.engine.side_effects import HostSideEffects
from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.events import BmcSession
from quads_tui.rollout.foreman_host import HostRecord
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.rollout.text import clean
from quads_tui.services.foreman.errors import explain
from quads_tui.services.http import Http
from quads_tui.services.redfish import Bmc
from quads_tui.services.redfish.connection import BmcConnection
from quads_tui.services.redfish.errors import error_response
from quads_tui.services.redfish.login import Credential
from quads_tui.services.redfish.resources import strings, text
from quads_tui.services.responses import RequestFailed, Response
from quads_tui.services.sending import Call
from tests.clocks import FastClock

from .rawserver import RawServer, Request, Write
from .redfish.conftest import Told
from .redfish.test_families import SPEED, Foreman

LONG, SHORT = Secret("Peregrine/Merlin-99"), Secret("clv1n")


class Talker:
    """A server that gives one answer to everything."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = 200, "", b"{}"
        self.exchanges: list[Exchange] = []
        self.http = Http(FastClock(1.0), on_exchange=self.exchanges.append)
        self.server = RawServer(self._answer)

    async def _answer(self, request: Request, write: Write) -> None:
        await write(f"HTTP/1.1 {self.status} X\r\n{self.headers}Content-Length: {len(self.body)}\r\n\r\n".encode() + self.body)

    async def ask(self, method: str = "GET", path: str = "/x", body: object = None, **headers: str) -> Response:
        return await self.http.request(
            method, self.server.url + path, service="redfish", meter=Meter(), tls=TlsPolicy(), connect=5.0, total=15.0,
            json=body, headers={name.replace("_", "-"): value for name, value in headers.items()},
        )  # fmt: skip

    def connection(self) -> BmcConnection:
        return BmcConnection(
            self.http, address=self.server.url, host="h1.example.com", username="root", password=LONG, tls=TlsPolicy(),
            clock=FastClock(1.0), limits=Limits(), meter=Meter(), acts=Told(),
        )  # fmt: skip


@pytest.fixture
async def talker() -> AsyncIterator[Talker]:
    made = Talker()
    await made.server.start()
    yield made
    await made.http.close()
    await made.server.close()


def error(text: str) -> bytes:
    return json.dumps({"error": {"code": "Base.1.12.GeneralError", "message": text}}).encode()


@pytest.mark.parametrize(
    ("status", "sent", "masked"),
    [
        (401, None, True),
        (403, None, True),
        (400, {"UserName": "root", "Password": "clv1n"}, True),  # a login
        (500, {"UserName": "root", "Password": "clv1n"}, True),
        (400, None, False),
        (500, {"Boot": "Pxe"}, False),
    ],
)
async def test_f7_a_short_password_is_masked_where_credentials_are_spoken_of(
    talker: Talker, status: int, sent: object, masked: bool
) -> None:
    talker.status, talker.body = status, error("no clv1n here, clv1ns are")
    answer = await talker.ask("POST" if sent else "GET", "/x", sent)
    assert error_response(answer).text == f"no {'****' if masked else 'clv1n'} here, clv1ns are"


async def test_f7_the_basic_header_of_a_short_password_is_known_from_a_login_without_it(talker: Talker) -> None:
    Secret("shrt1")
    await talker.ask("POST", "/redfish/v1/Sessions", {"UserName": "root", "Password": "shrt1"})
    assert clean("got Basic cm9vdDpzaHJ0MQ==; shrt1 stays") == "got Basic ****; shrt1 stays"
    assert clean("got cm9vdDpzaHJ0MQ, cm9vdDpzaHJ0MQ%3d%3D") == "got ****, ****"


async def test_f7_tokens_and_cookies_are_known_from_the_wire(talker: Talker) -> None:
    talker.headers = "X-Auth-Token: received-token-1\r\nSet-Cookie: s=received-cookie-1; path=/\r\n"
    await talker.ask(X_Auth_Token="sent-token-1", Authorization="Bearer sent-bearer-1")
    for word in ("received-token-1", "received-cookie-1", "sent-token-1", "sent-bearer-1"):
        assert clean(f"debug: {word}!") == "debug: ****!"


async def test_f7_the_words_about_a_redirect_and_the_history_of_requests_are_masked(talker: Talker) -> None:
    talker.status, talker.headers = 302, "Location: /login?back=Peregrine%2fMerlin-99\r\n"
    with pytest.raises(RequestFailed) as failed:
        await talker.connection()._send("GET", "/redfish/v1/Peregrine%2FMerlin-99", {}, None)
    assert "login?back=****" in failed.value.reason
    assert "/redfish/v1/****" in failed.value.reason
    assert talker.exchanges[0].path == "/redfish/v1/****"


async def test_f7_a_document_that_is_none_names_its_path_masked(talker: Talker) -> None:
    talker.body = b"[]"
    connection = talker.connection()
    connection.session._basic = True
    with pytest.raises(StageFailure, match=r"no JSON object at /redfish/v1/\*\*\*\*$"):
        await connection.read("/redfish/v1/Peregrine%2FMerlin-99", connection.clock.now())


@pytest.mark.parametrize(
    "body",
    [
        error("wrong: Peregrine/Merlin-99"),
        json.dumps({"error": {"full_messages": ["x", "Basic cm9vdDpQZXJlZ3JpbmUvTWVybGluLTk5"]}}).encode(),
        json.dumps({"message": ["a", {"b": "Peregrine\\/Merlin-99"}]}).encode(),
        b"<html><title>502 Peregrine&#x2F;Merlin-99</title></html>",
        b"<html><title>Pereg<b></b>rine</title><h1>x</h1></html> Peregrine%2FMerlin-99",
        b"Peregrine/Merlin-99",
        b"x" * 390 + b" Peregrine/Merlin-99",
    ],
)
def test_f7_no_shape_of_an_error_of_foreman_shows_it(body: bytes) -> None:
    words = explain(Response(502, {}, body))
    assert "Merlin" not in words
    assert "cm9vdDpQZXJl" not in words


def test_f7_names_that_are_compared_are_untouched() -> None:
    name = "peregrine/merlin-99.example.com"
    Secret("peregrine/merlin-99")
    record = HostRecord.read({"name": name, "id": 1, "build": False, "installed_at": None})
    assert record.name == name
    assert error_response(Response(400, {}, b'{"error": {"code": "x.ResetNotSupported"}}')).keys == {"ResetNotSupported"}


async def test_f7_a_session_whose_address_holds_its_token_is_closed_and_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "f01-h01-000.example.com"
    fleet = Fleet([Machine(name, "R650", "04:3f:72:00:00:01")], time=Time(SPEED), seed=1, provisioner=Foreman(), username="root",
                  password="pw")  # fmt: skip
    await fleet.serve()
    sessions = fleet.bmcs[name].sessions
    create = sessions.create

    def named_like_its_token(user: str, client: str = "") -> object:
        session = create(user, client)
        assert session is not None
        session.id = session.token
        return session

    monkeypatch.setattr(sessions, "create", named_like_its_token)
    clock, told, exchanges = FastClock(SPEED, floor=5.0), Told(), list[Exchange]()
    http = Http(clock, on_exchange=exchanges.append)
    bmc = Bmc(
        BmcConnection(
            http, address=fleet.address(name), host=name, username="root", password=Secret("pw"), tls=TlsPolicy(), clock=clock,
            limits=Limits(), meter=Meter(), acts=told,
        )
    )  # fmt: skip
    recorded: list[BmcSession] = []
    monkeypatch.setattr(told, "session", HostSideEffects(name, SimpleNamespace(clock=clock, emit=recorded.append)).session)
    try:
        await bmc.observe()
        (token,) = [session.token for session in sessions.open()]
        await bmc.close()
        assert sessions.open() == []
        assert token not in repr((recorded, told.notes, exchanges))
    finally:
        await http.close()
        await fleet.close()


def test_f7_log_lines_and_tracebacks_are_masked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    errors = ErrorLog()
    monkeypatch.setattr(threading, "excepthook", errors.thread_ended)
    logging.getLogger().addHandler(errors)
    try:
        logging.getLogger("library").warning("at %s", "Peregrine%2FMerlin-99")
        thread = threading.Thread(target=lambda: {}["header Peregrine/Merlin-99"], name="journal")
        thread.start()
        thread.join()
    finally:
        logging.getLogger().removeHandler(errors)
    printed = capsys.readouterr().err
    (kept,) = tmp_path.glob("quads-tui-error-*.txt")
    assert "at ****" in printed and f"internal error (KeyError in the thread journal); details: {kept}" in printed
    assert "KeyError: 'header ****'" in kept.read_text()
    assert "Merlin" not in printed + kept.read_text()


def test_f7_names_that_are_compared_are_masked_in_the_words_about_them() -> None:
    told = StageFailure(Cause.REFUSED, "power is still Peregrine/Merlin-99")
    assert told.reason == str(told) == "power is still ****"
    document = {"Id": "Peregrine/Merlin-99", "PowerState": "Peregrine/Merlin-99"}
    assert text(document, "Id") == "Peregrine/Merlin-99"
    assert text(document, "PowerState") == "****"
    machine = Identity("10.0.0.1:443", "/redfish/v1/Systems/Peregrine/Merlin-99", "", "peregrine99")
    Secret("peregrine99")
    assert f"The BMC reports {machine}" == "The BMC reports /redfish/v1/Systems/**** at 10.0.0.1:443, serial number ****"
    assert machine.differs(replace(machine, serial="other99"))
    Secret("ForceOffline")
    assert strings(["ForceOffline", "Peregrine/Merlin-99"]) == ("ForceOffline", "****")


async def test_f7_a_server_cannot_mask_the_words_of_others_by_its_tokens(talker: Talker) -> None:
    talker.headers = "X-Auth-Token: unreachable\r\nSet-Cookie: s=connection; path=/\r\n"
    await talker.ask()
    assert clean("unreachable: no connection") == "unreachable: no connection"


async def test_no_secret_is_in_the_text_of_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a traceback or a debugger shows it."""
    shown = [
        repr(Credential(token="token-of-a-session-1", path="/x")),
        repr(Response(200, {"X-Auth-Token": "token-of-a-session-1"}, b"token-of-a-session-1", {"_id": "token-of-a-session-1"})),
        repr(LONG),
    ]
    calls: list[Call] = []
    monkeypatch.setattr(Http, "_attempt", lambda http, call, *more, **others: calls.append(call) or _answered())
    http = Http(FastClock(1.0))
    await http.request(
        "POST", "http://127.0.0.1:1/x", service="redfish", meter=Meter(), tls=TlsPolicy(), connect=5.0, total=15.0,
        json={"Password": LONG.reveal()}, headers={"X-Auth-Token": "token-of-a-session-1"},
    )  # fmt: skip
    shown.append(repr(calls[0]))
    assert not [text for text in shown if "token-of-a-session-1" in text or LONG.reveal() in text]


async def _answered() -> Response:
    return Response(200)
