"""Why ipmitool could not do it: its messages as causes, with what to do about each."""

from __future__ import annotations

import re
from dataclasses import dataclass

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.text import clean

from .process import ANSWERED, Account, Output

REFUSED_COMMAND = re.compile(
    r"Unable to send RAW command \(channel=0x\w+ netfn=0x(\w+) lun=0x\w+ cmd=0x(\w+)(?: rsp=0x(\w+))?\)(?:: ([^\n]*))?"
)
_REFUSAL = re.compile(r"(?:open session response message|RAKP [24] message indicates an error) ?: ([^\n]*)")
_WRONG_LOGIN = (
    "rakp 2 hmac is invalid",
    "rakp 4 message has invalid integrity",
    "unauthorized name",
    "invalid integrity check value",
)
_NO_SESSION = ("insufficient resources", "no slot available")
_NO_CIPHER = (
    "invalid authentication algorithm",
    "invalid integrity algorithm",
    "invalid confidentiality algorithm",
    "no cipher suite match",
    "no matching cipher",
    "unsupported cipher",
)
_NO_PRIVILEGE = ("unauthorized role", "invalid role", "requested privilege level exceeds")
_PRIVILEGE_REFUSED = re.compile(r"set session privilege level to \w+ failed: (insufficient privilege|unknown \(0x8[0-2]\))")
_NO_NAME = ("address lookup for",)
_BUSY_CODES = frozenset({0xC0, 0xC3, 0xCE, 0xD2, 0xD5})  # node busy, timeout, no response given, initializing, not in this state
PRIVILEGE_CODE = 0xD4


@dataclass(frozen=True, slots=True)
class CommandRefusal:
    """A request of a session that stands was answered with a completion code, or (`code` None) not at all."""

    netfn: int
    command: int
    code: int | None
    words: str

    @property
    def busy(self) -> bool:
        return self.code in _BUSY_CODES

    def __str__(self) -> str:
        if self.code is None:
            return "no answer"
        return f"{self.words or 'refused'} (completion code 0x{self.code:02x})"


def refusals(output: Output) -> list[CommandRefusal]:
    """In the order of the requests."""
    return [
        CommandRefusal(int(found[1], 16), int(found[2], 16), int(found[3], 16) if found[3] else None, clean(found[4] or "", 80))
        for found in REFUSED_COMMAND.finditer(output.messages)
    ]


def login_failure(output: Output, account: Account, peer: str) -> StageFailure | None:
    """Why there was no session; None: there was one, or nothing says that there was none."""
    said = output.messages.lower()
    if output.status == 0 or REFUSED_COMMAND.search(output.messages) or ANSWERED in output.messages:
        return None
    user, key = f"user {clean(account.username, 40)}", "the section ipmi of the site file"
    if any(words in said for words in _WRONG_LOGIN):
        return StageFailure(
            Cause.CREDENTIALS, f"the BMC does not accept the password or the name of {user} over IPMI", retryable=False
        )
    if any(words in said for words in _NO_SESSION):
        return StageFailure(
            Cause.BUSY,
            "no IPMI session is free at the BMC: close those of other clients, or wait until they expire",
            advises=True,
        )
    if any(words in said for words in _NO_CIPHER):
        other = 3 if account.cipher_suite == 17 else 17
        words = f"the BMC refuses cipher suite {account.cipher_suite}: set cipher_suite: {other} for this host in {key}"
        return StageFailure(Cause.REFUSED, words, retryable=False, advises=True)
    if any(words in said for words in _NO_PRIVILEGE) or _PRIVILEGE_REFUSED.search(said):
        words = f"{user} may not use the privilege {account.privilege} at the BMC: grant it, or set privilege: OPERATOR in {key}"
        return StageFailure(Cause.REFUSED, words, retryable=False, advises=True)
    if any(words in said for words in _NO_NAME):
        return StageFailure(Cause.UNREACHABLE, f"the name of the BMC has no address: {clean(account.host, 80)}")
    refusal = _REFUSAL.search(output.messages)
    if refusal:
        return StageFailure(Cause.REFUSED, f"the BMC refuses the IPMI session: {clean(refusal[1], 120)}")
    if output.status is None:
        return StageFailure(
            Cause.UNREACHABLE, f"ipmitool did not end in time: {_last_line(output.messages) or 'it wrote nothing'}"
        )
    if "unable to establish" in said or "privilege level to" in said:
        return StageFailure(
            Cause.UNREACHABLE, f"no answer on UDP port {account.port} ({peer}): check that IPMI over LAN is enabled"
        )
    return StageFailure(Cause.UNKNOWN, f"ipmitool failed: {_last_line(output.messages) or f'status {output.status}'}")


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return clean(lines[-1], 160) if lines else ""
