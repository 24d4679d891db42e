"""The IPMI commands of one BMC: application and chassis (IPMI 2.0, chapters 20, 22 and 28)."""

from __future__ import annotations

from quads_tui.emulators.bmc.hardware import PowerState
from quads_tui.emulators.ipmi.faults import IpmiFault
from quads_tui.emulators.ipmi.packets import Message
from quads_tui.emulators.ipmi.sessions import ADMINISTRATOR, OPERATOR, IpmiSession
from quads_tui.emulators.ipmi.state import IpmiState

CHASSIS, APP = 0x00, 0x06
_OK, _INVALID_COMMAND, _CUT, _BAD_FIELD, _NO_PRIVILEGE, _NOT_NOW = 0x00, 0xC1, 0xC7, 0xCC, 0xD4, 0xD5
_ABOVE_LIMIT, _NO_PARAMETER = 0x81, 0x80
SUPERMICRO, X10 = 10876, 0x0803

Answer = tuple[int, bytes]  # completion code and data


def carry_out(bmc: IpmiState, fault: IpmiFault, message: Message, session: IpmiSession | None) -> Answer:
    """What the BMC answers; `session` None: before one."""
    if session is not None and (message.netfn, message.command) == (CHASSIS, 0x02):
        return _control(bmc, fault, message.data, session)
    known = _BEFORE.get((message.netfn, message.command))
    if known is None and session is not None:
        known = _IN_SESSION.get((message.netfn, message.command))
    if session is not None and (message.netfn, message.command) == (APP, 0x02):
        return _cold_reset(bmc, fault, session)
    if known is None:
        return _INVALID_COMMAND, b""
    try:
        return known(bmc, message.data, session)
    except IndexError:
        return _CUT, b""


def _auth_capabilities(bmc: IpmiState, data: bytes, session: IpmiSession | None) -> Answer:
    return _OK, bytes([1, 0x80, 0x04, 0x02, 0, 0, 0, 0])  # IPMI 2.0 only, logins with a user's name


def _cipher_suites(bmc: IpmiState, data: bytes, session: IpmiSession | None) -> Answer:
    records = b"".join(
        bytes([0xC0, number, suite.authentication, 0x40 | suite.integrity, 0x80 | suite.confidentiality])
        for number, suite in bmc.sessions.suites.items()
    )
    return _OK, bytes([1]) + (records if data[2] & 0x3F == 0 else b"")


def _privilege(bmc: IpmiState, data: bytes, session: IpmiSession | None) -> Answer:
    assert session is not None
    if data[0] & 0x0F > min(session.highest, bmc.sessions.limit):
        return _ABOVE_LIMIT, b""
    session.privilege = data[0] & 0x0F or session.privilege
    return _OK, bytes([session.privilege])


def _close(bmc: IpmiState, data: bytes, session: IpmiSession | None) -> Answer:
    return (_OK if bmc.sessions.close(int.from_bytes(data[:4], "little")) else 0x87), b""


def _device_id(bmc: IpmiState, data: bytes, session: IpmiSession | None) -> Answer:
    return _OK, bytes([0x20, 1, 3, 0x58, 0x02, 0xBF]) + SUPERMICRO.to_bytes(3, "little") + X10.to_bytes(2, "little") + bytes(4)


def _guid(bmc: IpmiState, data: bytes, session: IpmiSession | None) -> Answer:
    return _OK, bmc.sessions.guid


def _status(bmc: IpmiState, data: bytes, session: IpmiSession | None) -> Answer:
    on = bmc.hardware.reported in (PowerState.ON, PowerState.POWERING_OFF)
    return _OK, bytes([0x20 | on, 0, 0x40, 0])


def _control(bmc: IpmiState, fault: IpmiFault, data: bytes, session: IpmiSession) -> Answer:
    kinds = {0: "ForceOff", 1: "On", 2: "PowerCycle", 3: "ForceRestart", 5: "GracefulShutdown"}
    reset_type = kinds.get(data[0] & 0x0F) if data else None
    if session.privilege < OPERATOR:
        return _NO_PRIVILEGE, b""
    if reset_type is None:
        return _BAD_FIELD, b""
    bmc.options.commanded()
    if fault.ignores_control(bmc):
        return _OK, b""
    if bmc.hardware.would_change(reset_type):
        bmc.hardware.resets += 1
        bmc.hardware.act(reset_type, "IPMI")
    elif reset_type in ("PowerCycle", "ForceRestart"):
        return _NOT_NOW, b""
    return _OK, b""


def _cold_reset(bmc: IpmiState, fault: IpmiFault, session: IpmiSession) -> Answer:
    """The BMC itself starts again; the machine goes on."""
    if session.privilege < ADMINISTRATOR:
        return _NO_PRIVILEGE, b""
    bmc.restart(fault.restart_seconds)
    return _OK, b""


def _set_options(bmc: IpmiState, data: bytes, session: IpmiSession | None) -> Answer:
    assert session is not None
    if session.privilege < OPERATOR:
        return _NO_PRIVILEGE, b""
    return (_OK if bmc.options.set(data[0] & 0x7F, data[1:]) else _NO_PARAMETER), b""


def _get_options(bmc: IpmiState, data: bytes, session: IpmiSession | None) -> Answer:
    value = bmc.options.get(data[0] & 0x7F)
    return (_NO_PARAMETER, b"") if value is None else (_OK, bytes([1, data[0] & 0x7F]) + value)


_BEFORE = {(APP, 0x38): _auth_capabilities, (APP, 0x54): _cipher_suites, (APP, 0x37): _guid}
_IN_SESSION = {
    (APP, 0x01): _device_id,
    (APP, 0x3B): _privilege,
    (APP, 0x3C): _close,
    (CHASSIS, 0x01): _status,
    (CHASSIS, 0x08): _set_options,
    (CHASSIS, 0x09): _get_options,
}
