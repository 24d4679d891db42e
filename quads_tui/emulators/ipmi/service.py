"""One BMC that speaks IPMI: its UDP port, its fault and its counters."""

from __future__ import annotations

import asyncio
import errno
import hmac
import socket
from collections import Counter

from quads_tui.emulators.bmc.hardware import Hardware
from quads_tui.emulators.interfaces import Draws, Time, lognormal
from quads_tui.emulators.ipmi.commands import carry_out
from quads_tui.emulators.ipmi.faults import IpmiFault
from quads_tui.emulators.ipmi.packets import (
    IPMI,
    RMCP,
    BadPacket,
    Frame,
    Message,
    parse_frame,
    parse_message,
    plain_frame,
    sessionless_frame,
    signed_part,
)
from quads_tui.emulators.ipmi.sessions import IpmiSession
from quads_tui.emulators.ipmi.state import IpmiState

_LATENCY = (0.03, 0.2)  # median and 95th percentile of a reply, emulated seconds
_LONGEST = 2.0

Address = tuple[str, int]


def _port_of_its_own(host: str) -> tuple[socket.socket, socket.socket]:
    """A TCP and a UDP socket that are bound to a port with the same number."""
    while True:
        number, port = (socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM))
        try:
            number.bind((host, 0))
            port.bind(number.getsockname())
        except OSError as error:
            number.close()
            port.close()
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            port.setblocking(False)
            return number, port


class IpmiService(IpmiState, asyncio.DatagramProtocol):
    """`requests`: how many datagrams came in. `peak`: how many clients were served at the same time, at most."""

    def __init__(
        self, hardware: Hardware, fault: IpmiFault, *, time: Time, draws: Draws, username: str, password: str, guid: str
    ) -> None:
        super().__init__(hardware, time=time, username=username, password=password, guid=guid)
        self.fault = fault
        self.requests = self.peak = 0
        self._draw = draws.next("ipmi latency")
        self._queue = asyncio.Lock()
        self._under_way: Counter[Address] = Counter()
        self._transport: asyncio.DatagramTransport | None = None
        self._number: socket.socket | None = None  # TCP, bound and never listening: it keeps the port's number
        fault.attached(self)

    async def serve(self, host: str) -> int:
        """Open its port on `host`, and return it. No BMC with Redfish gets the same number: on loopback a port is a BMC."""
        self._number, port = _port_of_its_own(host)
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=port)
        return int(self._transport.get_extra_info("sockname")[1])

    def close(self) -> None:
        super().close()
        if self._transport is not None:
            self._transport.close()
        if self._number is not None:
            self._number.close()

    def press_power_button(self, power: str) -> bool:
        """Somebody at the rack presses the button until the machine is `power` (On or Off); True when that changed anything."""
        self.options.sweep()
        reset_type = {"On": "On", "Off": "ForceOff"}[power]
        return self.hardware.would_change(reset_type) and self.hardware.act(reset_type, "button")

    def datagram_received(self, data: bytes, addr: Address) -> None:
        first, self.on_first_packet = self.on_first_packet, None
        if first is not None:
            first()
        if self.away:
            return
        for number in range(self.fault.copies(self)):
            self.requests += 1
            # Only the first is its client's, who may have ended when a copy is served.
            self.spawn(self._handle(data, addr) if number else self._counted(data, addr))

    async def _counted(self, data: bytes, addr: Address) -> None:
        self._under_way[addr] += 1
        self.peak = max(self.peak, sum(count > 0 for count in self._under_way.values()))
        try:
            await self._handle(data, addr)
        finally:
            self._under_way[addr] -= 1
            if not self._under_way[addr]:
                del self._under_way[addr]

    async def _handle(self, data: bytes, addr: Address) -> None:
        async with self._queue:
            await self.time.sleep(min(_LONGEST, lognormal(self._draw, *_LATENCY)))
            try:
                reply = self._reply(data)
            except BadPacket:
                return
        for _ in range(self.fault.copies(self) if reply else 0):
            assert self._transport is not None
            self._transport.sendto(reply, addr)

    def _reply(self, data: bytes) -> bytes:
        """Empty: there is none. Raises BadPacket."""
        session = self.sessions.find(int.from_bytes(data[6:10], "little")) if data[4:5] == b"\x06" else None
        frame = parse_frame(data, session.suite.code_length if session is not None else 16)
        if not frame.session and frame.kind != IPMI:
            answer = self.sessions.handshake(frame.kind, frame.payload)
            return b"" if answer is None else plain_frame(*answer)
        if not frame.session:
            message = parse_message(frame.payload)
            reply = message.reply(*carry_out(self, self.fault, message, None))
            return plain_frame(IPMI, reply) if frame.plus else sessionless_frame(reply)
        if session is None or session.keys is None or frame.kind != IPMI:
            return b""
        return self._in_session(session, self._opened(session, frame))

    def _opened(self, session: IpmiSession, frame: Frame) -> Message:
        """Checked, new and decrypted. Raises BadPacket."""
        assert session.keys is not None
        if not frame.authenticated or not hmac.compare_digest(frame.code, session.keys.code(frame.signed)):
            raise BadPacket("not signed by this session")
        if frame.sequence in session.seen and not self.fault.forgets_requests:
            raise BadPacket("seen before")
        session.seen.append(frame.sequence)
        self.sessions.activate(session)
        return parse_message(session.keys.decrypt(frame.payload) if frame.encrypted else frame.payload)

    def _in_session(self, session: IpmiSession, message: Message) -> bytes:
        keys = session.keys
        assert keys is not None
        if session.last is not None and session.last[0] == message and not self.fault.forgets_requests:
            reply = session.last[1]
        else:
            reply = message.reply(*carry_out(self, self.fault, message, session))
            session.last = message, reply
        session.sequence += 1
        signed = signed_part(session.client, session.sequence, keys.encrypt(reply))
        return RMCP + signed + keys.code(signed)
