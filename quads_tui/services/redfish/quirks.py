"""What BMCs do differently, each a row or a small function here. The numbers are those of the table in docs/fleet.md.

A row says what a message, a maker's word or a spelling means. It never decides alone: what became of an act is read back. What
a BMC's own documents show (where the boot override is, which resets it offers) needs no row, and is followed from there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never
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
    PRECONDITION = "precondition"  # what If-Match says is not taken
    UNKNOWN_VALUE = "unknown value"  # it does not know the value that was sent, such as a ResetType


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
    "PreconditionFailed": Meaning.PRECONDITION,
    "PreconditionRequired": Meaning.PRECONDITION,
    "HeaderInvalid": Meaning.PRECONDITION,
    "HeaderMissing": Meaning.PRECONDITION,
    "ActionParameterValueNotInList": Meaning.UNKNOWN_VALUE,
    "ActionParameterValueFormatError": Meaning.UNKNOWN_VALUE,
    "ActionParameterValueError": Meaning.UNKNOWN_VALUE,
    "ActionParameterNotSupported": Meaning.UNKNOWN_VALUE,
    "ActionParameterUnknown": Meaning.UNKNOWN_VALUE,
    "PropertyValueNotInList": Meaning.UNKNOWN_VALUE,
}
PHRASES: Mapping[str, Meaning] = {  # in the text, lower case, where a BMC sends no key that tells
    "number of user sessions": Meaning.SESSIONS_FULL,
    "maximum number of sessions": Meaning.SESSIONS_FULL,
    "already committed": Meaning.COMMITTED,  # 15
    "if-match": Meaning.PRECONDITION,
    "etag": Meaning.PRECONDITION,
    "precondition": Meaning.PRECONDITION,
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
    breaks_used_connections: bool = False  # under a write on a connection that has carried a request before
    dell_attributes: bool = False  # BIOS attributes, boot sources and jobs as in dell.py

    def known_by(self, words: Collection[str]) -> bool:
        """Whether a BMC that says these words (lower case) of itself is one."""
        return any(word in self.whole or any(part in word for part in self.parts) for word in words)


MAKERS = (
    Maker(parts=("dell",), dell_attributes=True),  # 14, 15
    Maker(parts=("hpe", "hewlett"), whole=("hp",), breaks_used_connections=True),  # 30
    Maker(parts=("supermicro", "super micro"), fills_gaps=True),  # 21
    Maker(parts=("american megatrends",), whole=("ami",), fills_gaps=True),  # 48
    Maker(parts=("asrock",), fills_gaps=True),  # 48
)

SESSION_COLLECTIONS = (  # where the service root tells none
    "/redfish/v1/SessionService/Sessions",
    "/redfish/v1/Sessions",  # iDRAC7 and 8
)

BUTTON = "PushPowerButton"  # it changes what is there, whatever that is: 71
SAME_RESET: Mapping[str, tuple[str, ...]] = {"On": ("ForceOn",), "ForceOff": ()}  # other names
RESET_INSTEAD: Mapping[str, tuple[str, ...]] = {  # what comes to the same in the end. A restart is no off
    "On": (BUTTON,),
    "ForceOff": ("GracefulShutdown", BUTTON),
}


def reset_types(wanted: str, offered: Collection[str]) -> list[str]:
    """On or ForceOff as this BMC names it, then what it offers in its stead; to be tried in this order.

    Lists advise and do not forbid: they come with typing errors and gaps (27), so the plain name is always among them.
    """
    spelled = {value.lower(): value for value in offered}
    named = [spelled[name.lower()] for name in (wanted, *SAME_RESET[wanted]) if name.lower() in spelled]
    instead = [spelled[name.lower()] for name in RESET_INSTEAD[wanted] if name.lower() in spelled]
    return list(dict.fromkeys((*named, wanted, *instead)))


class TagSpelling(StrEnum):
    """How an If-Match spells the entity tag of a resource, in the order in which BMCs take it (RFC 9110 8.8.3)."""

    AS_GIVEN = "as given"  # 13
    STRONG = "strong"  # quoted
    BARE = "bare"  # 64
    WEAK = "weak"
    STAR = "*"  # 40
    NONE = "none"  # no header

    def of(self, etag: str) -> str:
        """The value of the header, empty for none; `etag` as the BMC wrote it, which may be empty."""
        bare = etag.strip().removeprefix("W/").strip("\"'")
        match self:
            case TagSpelling.AS_GIVEN:
                return etag
            case TagSpelling.STRONG:
                return f'"{bare}"' if bare else ""
            case TagSpelling.BARE:
                return bare
            case TagSpelling.WEAK:
                return f'W/"{bare}"' if bare else ""
            case TagSpelling.STAR:
                return "*"
            case TagSpelling.NONE:
                return ""
        assert_never(self)


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
