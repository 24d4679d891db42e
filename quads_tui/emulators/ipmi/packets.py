"""RMCP, IPMI 1.5 and RMCP+ frames, and the IPMI messages in them (IPMI 2.0, chapters 13 and 14)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from quads_tui.emulators.errors import EmulatorError

RMCP = b"\x06\x00\xff\x07"  # version 1.0, no acknowledgement, class IPMI
RMCP_PLUS = 0x06  # its authentication type

IPMI, OPEN_REQUEST, OPEN_RESPONSE, RAKP_1, RAKP_2, RAKP_3, RAKP_4 = 0x00, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15
_ENCRYPTED, _AUTHENTICATED = 0x80, 0x40


class BadPacket(EmulatorError, ValueError):
    """Not a packet that this BMC reads: it is dropped."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What a datagram carries. `kind`: payload type. `session` 0: before a session; `plus`: RMCP+, else IPMI 1.5."""

    kind: int
    session: int
    sequence: int
    payload: bytes
    plus: bool = True
    encrypted: bool = False
    authenticated: bool = False
    signed: bytes = b""  # what the authentication code is computed over
    code: bytes = b""  # the authentication code


def parse_frame(datagram: bytes, code_length: int) -> Frame:
    """`code_length`: of the authentication code, if there is one. Raises BadPacket."""
    if datagram[:4] != RMCP or len(datagram) < 14:
        raise BadPacket("no RMCP of class IPMI")
    body = datagram[4:]
    if body[0] == 0x00:
        sequence, session, length = struct.unpack_from("<IIB", body, 1)
        return Frame(IPMI, session, sequence, body[10 : 10 + length], plus=False)
    if body[0] != RMCP_PLUS or len(body) < 12:
        raise BadPacket("another authentication type")
    session, sequence, length = struct.unpack_from("<IIH", body, 2)
    payload, rest = body[12 : 12 + length], body[12 + length :]
    if len(payload) != length:
        raise BadPacket("cut")
    authenticated = bool(body[1] & _AUTHENTICATED)
    return Frame(
        body[1] & 0x3F,
        session,
        sequence,
        payload,
        encrypted=bool(body[1] & _ENCRYPTED),
        authenticated=authenticated,
        signed=body[:-code_length] if authenticated else b"",
        code=rest[-code_length:] if authenticated else b"",
    )


def plain_frame(kind: int, payload: bytes) -> bytes:
    """RMCP+ before a session."""
    return RMCP + struct.pack("<BBIIH", RMCP_PLUS, kind, 0, 0, len(payload)) + payload


def sessionless_frame(payload: bytes) -> bytes:
    """IPMI 1.5 without a session."""
    return RMCP + struct.pack("<BIIB", 0, 0, 0, len(payload)) + payload


def signed_part(session: int, sequence: int, payload: bytes) -> bytes:
    """An encrypted and authenticated frame of a session, up to its authentication code and without the RMCP header."""
    kind = IPMI | _ENCRYPTED | _AUTHENTICATED
    body = struct.pack("<BBIIH", RMCP_PLUS, kind, session, sequence, len(payload)) + payload
    pad = -(len(body) + 2) % 4
    return body + b"\xff" * pad + bytes([pad, 0x07])


@dataclass(frozen=True, slots=True)
class Message:
    """A request in an IPMI message."""

    netfn: int
    command: int
    data: bytes
    number: int  # rqSeq: the same for a request that is sent again
    requester: int

    def reply(self, code: int, data: bytes = b"") -> bytes:
        """The response with this completion code."""
        head = bytes([self.requester, (self.netfn | 1) << 2])
        body = bytes([0x20, self.number << 2, self.command, code]) + data
        return head + _checksum(head) + body + _checksum(body)


def parse_message(payload: bytes) -> Message:
    """Raises BadPacket."""
    if len(payload) < 7 or _checksum(payload[:2]) != payload[2:3] or _checksum(payload[3:-1]) != payload[-1:]:
        raise BadPacket("no IPMI message")
    return Message(payload[1] >> 2, payload[5], payload[6:-1], payload[4] >> 2, payload[3])


def _checksum(part: bytes) -> bytes:
    return bytes([-sum(part) & 0xFF])
