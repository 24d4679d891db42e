"""Logins by RAKP and the sessions of one BMC (IPMI 2.0, chapter 13): who may, how many, and for how long."""

from __future__ import annotations

import hmac
import secrets
import struct
import time
from collections import deque
from dataclasses import dataclass, field

from quads_tui.emulators.bmc.sessions import LoginLockout
from quads_tui.emulators.ipmi.ciphers import SUITES, Keys, Suite
from quads_tui.emulators.ipmi.packets import OPEN_REQUEST, OPEN_RESPONSE, RAKP_1, RAKP_2, RAKP_3, RAKP_4, Message

CAP = 4  # sessions at once, as small BMCs have them
TIMEOUT = 60.0  # real seconds without a packet, after which a session is gone (IPMI 2.0, 6.12.15)
_HANDSHAKE = 10.0  # real seconds for a login
_WINDOW = 32  # sequence numbers that are remembered
OPERATOR, ADMINISTRATOR = 3, 4

NO_RESOURCES, BAD_SESSION, BAD_AUTHENTICATION, BAD_ROLE, BAD_NAME, BAD_CODE, NO_SUITE = 0x01, 0x02, 0x04, 0x0A, 0x0D, 0x0F, 0x11


@dataclass(slots=True)
class IpmiSession:
    """One login, with `keys` once it succeeded; `active` from its first packet on. Ids are the BMC's and the client's."""

    id: int
    client: int
    suite: Suite
    used: float  # time.monotonic()
    privilege: int = 0
    highest: int = ADMINISTRATOR  # that this session may have
    keys: Keys | None = None
    active: bool = False
    sequence: int = 0  # of what is sent
    seen: deque[int] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    last: tuple[Message, bytes] | None = None  # the last request and its response: a repeated one is not carried out again
    nonces: tuple[bytes, bytes] = (b"", b"")  # the client's and ours
    claim: bytes = b""  # role, length and user name, as the client sent them


class IpmiSessions:
    """Of one BMC. `kg` is not set, so the password is the BMC key too."""

    def __init__(self, *, username: str, password: str, guid: bytes, lockout: LoginLockout) -> None:
        self.username, self._password, self.guid = username.encode(), password.encode(), guid
        self.lockout = lockout
        self.suites = dict(SUITES)
        self.cap = CAP
        self.taken = 0  # slots that other clients hold
        self.limit = ADMINISTRATOR  # of the account
        self.created = self.peak = 0
        self.logins = 0  # that came as far as the password, those that ended there included
        self._by_id: dict[int, IpmiSession] = {}

    def _sweep(self) -> None:
        now = time.monotonic()
        for session in list(self._by_id.values()):
            if now - session.used > (TIMEOUT if session.active else _HANDSHAKE):
                del self._by_id[session.id]

    def open(self) -> list[IpmiSession]:
        """The live sessions, logins under way not included."""
        self._sweep()
        return [session for session in self._by_id.values() if session.active]

    def activate(self, session: IpmiSession) -> None:
        """A packet that it signed came in. A login whose last reply was lost never gets there: its client logs in anew."""
        if not session.active:
            session.active = True
            self.created += 1
            self.peak = max(self.peak, len(self.open()))

    def find(self, id: int) -> IpmiSession | None:
        """The session or the login of this id, with its idle time back at zero."""
        self._sweep()
        session = self._by_id.get(id)
        if session is not None:
            session.used = time.monotonic()
        return session

    def change_password(self, password: str) -> None:
        self._password = password.encode()

    def close(self, id: int) -> bool:
        """Whether there was one."""
        return self._by_id.pop(id, None) is not None

    def clear(self) -> None:
        """The BMC restarted."""
        self._by_id.clear()

    def handshake(self, kind: int, payload: bytes) -> tuple[int, bytes] | None:
        """The reply to a packet of a login, as payload type and payload; None: it is dropped."""
        try:
            if kind == OPEN_REQUEST:
                return OPEN_RESPONSE, self._open(payload)
            if kind == RAKP_1:
                return RAKP_2, self._rakp_1(payload)
            if kind == RAKP_3:
                answer = self._rakp_3(payload)
                return None if answer is None else (RAKP_4, answer)
        except (struct.error, IndexError):
            pass
        return None

    def _open(self, payload: bytes) -> bytes:
        tag, _, client = struct.unpack_from("<BBxxI", payload)
        wanted = payload[12], payload[20], payload[28]
        suite = next((one for one in self.suites.values() if _algorithms(one) == wanted), None)
        if suite is None:
            known = {one.authentication for one in self.suites.values()}
            return struct.pack("<BBBxI", tag, NO_SUITE if wanted[0] in known else BAD_AUTHENTICATION, 0, client)
        self._sweep()
        if len(self.open()) + self.taken >= self.cap:
            return struct.pack("<BBBxI", tag, NO_RESOURCES, 0, client)
        session = IpmiSession(secrets.randbits(31) | 1, client, suite, time.monotonic())
        self._by_id[session.id] = session
        parts = (bytes([kind, 0, 0, 8, number, 0, 0, 0]) for kind, number in enumerate(wanted))
        return struct.pack("<BBBxII", tag, 0, self.limit, client, session.id) + b"".join(parts)

    def _rakp_1(self, payload: bytes) -> bytes:
        tag, id = struct.unpack_from("<BxxxI", payload)
        session = self.find(id)
        if session is None:
            return struct.pack("<BBxxI", tag, BAD_SESSION, 0)
        role, length = payload[24], payload[27]
        name = payload[28 : 28 + length]
        if name != self.username:
            self._refuse(session)
            return struct.pack("<BBxxI", tag, BAD_NAME, session.client)
        if role & 0x0F > self.limit:
            self.close(id)
            return struct.pack("<BBxxI", tag, BAD_ROLE, session.client)
        self.logins += not session.claim
        session.highest = role & 0x0F
        if session.nonces[0] != payload[8:24]:  # else it came twice, and gets the same answer
            session.nonces = payload[8:24], secrets.token_bytes(16)
        session.claim = bytes([role, length]) + name
        theirs, ours = session.nonces
        told = struct.pack("<II", session.client, id) + theirs + ours + self.guid + session.claim
        return struct.pack("<BBxxI", tag, 0, session.client) + ours + self.guid + self._hmac(session, self._password, told)

    def _rakp_3(self, payload: bytes) -> bytes | None:
        tag, status, id = struct.unpack_from("<BBxxI", payload)
        session = self.find(id)
        if session is None or not session.claim:
            return struct.pack("<BBxxI", tag, BAD_SESSION, 0)
        if status:  # the client did not believe our code: it has another password
            self._refuse(session)
            return None
        theirs, ours = session.nonces
        expected = self._hmac(session, self._password, ours + struct.pack("<I", session.client) + session.claim)
        if not self.lockout.admits(hmac.compare_digest(payload[8:], expected)):
            self.close(id)
            return struct.pack("<BBxxI", tag, BAD_CODE, session.client)
        sik = self._hmac(session, self._password, theirs + ours + session.claim)
        session.keys = Keys.of(session.suite, sik)
        proof = self._hmac(session, sik, theirs + struct.pack("<I", id) + self.guid)[: session.suite.code_length]
        return struct.pack("<BBxxI", tag, 0, session.client) + proof

    def _refuse(self, session: IpmiSession) -> None:
        self.lockout.admits(False)
        self.close(session.id)

    def _hmac(self, session: IpmiSession, key: bytes, text: bytes) -> bytes:
        return hmac.digest(key, text, session.suite.digest)


def _algorithms(suite: Suite) -> tuple[int, int, int]:
    return suite.authentication, suite.integrity, suite.confidentiality
