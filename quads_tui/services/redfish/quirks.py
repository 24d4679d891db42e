"""What BMCs do differently, each a row or a small function here. The numbers are those of the table in docs/fleet.md.

A row says what a message, a maker's word or a spelling means. It never decides alone: what became of an act is read back. What
a BMC's own documents show (where the boot override is, which resets it offers) needs no row, and is followed from there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urljoin

from quads_tui.services.responses import NotJson, Response

from .resources import local_path, text


class Meaning(StrEnum):
    """What a message of a BMC comes to for us."""

    BUSY = "busy"  # not now; nothing was done
    LOCKED = "locked"  # while the machine is in POST
    SESSIONS_FULL = "sessions full"
    WRONG_LOGIN = "wrong login"
    PASSWORD_CHANGE = "password change"  # the password must be changed before anything else
    COMMITTED = "committed"  # other settings wait for a reset, in a job that is not ours


MESSAGES: Mapping[str, Meaning] = {  # by the last part of a MessageId (DSP0266 "Error responses"), whatever its registry
    "SYS518": Meaning.BUSY,  # 3
    "SWC0700": Meaning.BUSY,  # 4
    "ServiceTemporarilyUnavailable": Meaning.BUSY,  # 44
    "ResourceNotReadyRetry": Meaning.BUSY,  # 37
    "ServiceInUnknownState": Meaning.BUSY,
    "ServiceShuttingDown": Meaning.BUSY,  # 57
    "ResourceInUse": Meaning.BUSY,
    "ServiceDisabled": Meaning.BUSY,
    "UnableToModifyDuringSystemPOST": Meaning.LOCKED,  # 33
    "InvalidOperationForSystemState": Meaning.LOCKED,  # 31
    "RAC0218": Meaning.SESSIONS_FULL,  # 5
    "SessionLimitExceeded": Meaning.SESSIONS_FULL,
    "CreateLimitReachedForResource": Meaning.SESSIONS_FULL,
    "UnauthorizedLoginAttempt": Meaning.WRONG_LOGIN,
    "LoginAttemptFailed": Meaning.WRONG_LOGIN,
    "UserAuthenticationFailure": Meaning.WRONG_LOGIN,
    "ResourceAtUriUnauthorized": Meaning.WRONG_LOGIN,
    "PasswordChangeRequired": Meaning.PASSWORD_CHANGE,  # 49
    "SYS011": Meaning.COMMITTED,  # 15
}
PHRASES: Mapping[str, Meaning] = {  # in the text, lower case, where a BMC sends no key that tells
    "number of user sessions": Meaning.SESSIONS_FULL,
    "maximum number of sessions": Meaning.SESSIONS_FULL,
    "already committed": Meaning.COMMITTED,  # 15
}


def meanings(keys: Collection[str], words: str) -> frozenset[Meaning]:
    """What the keys and the text of an error response mean; empty where no row knows them."""
    known = {MESSAGES[key] for key in keys if key in MESSAGES}
    lower = words.lower()
    return frozenset(known | {meaning for phrase, meaning in PHRASES.items() if phrase in lower})


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """BMCs of one make: the words by which they are known, and what is true of all of them."""

    parts: tuple[str, ...] = ()  # of a word that it says of itself: Vendor, Manufacturer, a key of Oem; lower case
    whole: tuple[str, ...] = ()  # such a word as a whole
    fills_gaps: bool = False  # a PATCH of Boot resets what it leaves out: the mode is sent along, as it was read
    dell_attributes: bool = False  # BIOS attributes, boot sources and jobs as in dell.py

    def known_by(self, words: Collection[str]) -> bool:
        """Whether a BMC that says these words (lower case) of itself is one."""
        return any(word in self.whole or any(part in word for part in self.parts) for word in words)


MAKERS = (
    Maker(parts=("dell",), dell_attributes=True),  # 14, 15
    Maker(parts=("supermicro", "super micro"), fills_gaps=True),  # 21
    Maker(parts=("american megatrends",), whole=("ami",), fills_gaps=True),  # 48
    Maker(parts=("asrock",), fills_gaps=True),  # 48
)

SESSION_COLLECTIONS = (  # where the service root tells none
    "/redfish/v1/SessionService/Sessions",
    "/redfish/v1/Sessions",  # iDRAC7 and 8
)

RESET_TYPES: Mapping[str, tuple[str, ...]] = {  # what may stand for a ResetType that is not among the allowable values
    "On": ("ForceOn",),
    "ForceOff": (),
}


def reset_type(wanted: str, offered: Collection[str]) -> str:
    """On or ForceOff as this BMC names it. Lists advise and do not forbid: they come with typing errors and gaps (27)."""
    if wanted in offered:
        return wanted
    return next((other for other in RESET_TYPES[wanted] if other in offered), wanted)


def if_match(etag: str, *, again: bool = False) -> Iterator[str]:
    """If-Match in the order in which BMCs take it. An empty text: no header. `again`: the first spelling was refused (412; 13).

    As the BMC wrote it; then a weak one made strong, and none at all. 428 is answered with a star by who sends it (40).
    """
    if etag:
        yield etag
        if again and etag.startswith("W/"):
            yield etag[2:]
        if not again:
            return
    yield ""


def session_path(answer: Response, collection: str) -> str:
    """Where the session is that was made by a POST to `collection`; empty where the BMC does not tell.

    DSP0266 wants it in Location. Some leave it out, give it relative, or name the collection there; the body tells then.
    """
    body: object = None
    with suppress(NotJson):
        body = answer.json()
    document = body if isinstance(body, Mapping) else {}
    collection = collection.rstrip("/")
    relative = answer.headers.get("Location", "").strip()
    if relative and ":" not in relative and not relative.startswith("/"):
        relative = urljoin(f"{collection}/" if "/" not in relative else collection, relative)
    own = text(document, "Id")
    by_id = f"{collection}/{own}" if own and "/" not in own else ""
    for path in (local_path(relative), local_path(document), local_path(by_id)):
        if path and path.rstrip("/") not in (collection, collection.removesuffix("/Members")):
            return path
    return ""
