"""A request and its reply as a BMC has them, and the messages of Redfish registries and vendors for what went wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Document = dict[str, Any]
Key = str | tuple[str, ...]  # a message of a registry: its key, or key and arguments


@dataclass(slots=True)
class Request:
    """One request as a BMC sees it; `path` without query and without a final slash, header names in lower case."""

    method: str
    path: str
    query: str
    slash: bool
    headers: dict[str, str]
    body: bytes
    reused: bool = False  # the connection carried a request before
    client: str = ""  # IP address

    def json(self) -> Any:
        """The body's value; ValueError when it is no JSON."""
        return json.loads(self.body)


@dataclass(slots=True)
class Reply:
    """One answer.

    connection_reset: before a byte of it is sent. truncate_at: the connection is reset after so many bytes of the body.
    never_sent: the connection stays open without a reply until the client hangs up. seconds_per_byte: emulated; 0: at once.
    endless: the body is sent again and again, until the client hangs up.
    """

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    connection_reset: bool = False
    truncate_at: int | None = None
    never_sent: bool = False
    seconds_per_byte: float = 0.0
    endless: bool = False


class Rendered(NamedTuple):
    """A resource as it is sent; `kind` is its type without version, e.g. ComputerSystem, empty for what has none."""

    body: bytes
    etag: str | None
    kind: str


@dataclass(frozen=True, slots=True)
class Message:
    """A registry's entry: text with %1.. for its arguments, and what to do about it."""

    text: str
    resolution: str = "None."
    severity: str = "Critical"

    def filled(self, args: tuple[str, ...]) -> str:
        """The text with these arguments."""
        text = self.text
        for number, arg in enumerate(args, 1):
            text = text.replace(f"%{number}", arg)
        return text


# The keys of the Base registry (DSP8011) that the emulated services use; texts in our own short form of it.
BASE: dict[str, Message] = {
    "Success": Message("The request completed successfully.", severity="OK"),
    "GeneralError": Message("A general error has occurred. See Resolution.", "See the vendor's documentation."),
    "NoValidSession": Message("There is no valid session established with the implementation.", "Establish a session."),
    "InsufficientPrivilege": Message("The credentials of the current session do not permit this operation."),
    "SessionLimitExceeded": Message(
        "The session establishment failed due to the number of simultaneous sessions exceeding the limit.",
        "Close other sessions or raise the limit before retrying.",
    ),
    "ResourceMissingAtURI": Message("The resource at the URI '%1' was not found.", "Place a valid resource there."),
    "OperationNotAllowed": Message("The HTTP method is not allowed on this resource.", "Use an allowed method."),
    "QueryNotSupported": Message("Querying is not supported by the implementation.", "Remove the query parameters."),
    "MalformedJSON": Message("The request body submitted was malformed JSON.", "Ensure that the body is valid JSON."),
    "UnrecognizedRequestBody": Message("The service detected a malformed request body.", "Correct the request body."),
    "NoOperation": Message("The request body contained no data to act upon.", "Add properties.", "Warning"),
    "PropertyUnknown": Message("The property %1 is not in the list of valid properties.", severity="Warning"),
    "PropertyNotWritable": Message("The property %1 is a read-only property.", "Remove it.", "Warning"),
    "PropertyMissing": Message("The property %1 is a required property.", "Add it.", "Warning"),
    "PropertyValueNotInList": Message("The value '%1' for the property %2 is not in the list.", severity="Warning"),
    "PropertyValueTypeError": Message("The value '%1' for the property %2 is of a different type.", severity="Warning"),
    "ActionParameterMissing": Message("The action %1 requires the parameter %2.", "Supply the parameter."),
    "ActionParameterUnknown": Message("The action %1 has no parameter %2.", "Remove it.", "Warning"),
    "ActionParameterValueNotInList": Message("The value '%1' for the parameter %2 is not in the list.", "", "Warning"),
    "ActionParameterValueConflict": Message("The parameter %1 with the value %2 conflicts with the state.", "Retry later."),
    "UnableToModifyDuringSystemPOST": Message("Unable to modify the resource while the system is in POST.", "Retry later."),
    "PasswordChangeRequired": Message("The password provided for this account must be changed before access is granted."),
    "ActionParameterNotSupported": Message("The parameter %1 for the action %2 is not supported.", "", "Warning"),
    "ServiceTemporarilyUnavailable": Message("The service is temporarily unavailable. Retry in %1 seconds.", "Wait and retry."),
    "PreconditionFailed": Message("The ETag supplied did not match the current one.", "Read the resource again."),
    "PreconditionRequired": Message("A precondition header or annotation is required.", "Send If-Match."),
}


def named(key: Key) -> tuple[str, tuple[str, ...]]:
    """A message's key and its arguments."""
    return (key, ()) if isinstance(key, str) else (key[0], key[1:])


def kind_of(document: Document) -> str:
    """The type of a resource without its version: "#Chassis.v1_25_0.Chassis" gives Chassis."""
    return str(document.get("@odata.type", "")).lstrip("#").partition(".")[0]


def dumps(document: Document) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def json_reply(status: int, document: Document, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, dumps(document), headers or {})


def ref(path: str) -> Document:
    """A link to another resource."""
    return {"@odata.id": path}


def collection(path: str, kind: str, name: str, members: list[str]) -> Document:
    """A resource collection of `kind`, e.g. "ComputerSystem" (DSP0266 on resource collections)."""
    return {
        "@odata.id": path,
        "@odata.type": f"#{kind}Collection.{kind}Collection",
        "Name": name,
        "Members": [ref(member) for member in members],
        "Members@odata.count": len(members),
    }


def metadata(kinds: set[str]) -> bytes:
    """The CSDL document at /redfish/v1/$metadata that refers to the schemas of these resource types (DSP0266)."""
    at = "http://redfish.dmtf.org/schemas/v1"
    references = "".join(
        f'<edmx:Reference Uri="{at}/{kind}_v1.xml"><edmx:Include Namespace="{kind}"/></edmx:Reference>' for kind in sorted(kinds)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">'
        f"{references}"
        '<edmx:DataServices><Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Service">'
        '<EntityContainer Name="Service" Extends="ServiceRoot.v1_0_0.ServiceContainer"/>'
        "</Schema></edmx:DataServices></edmx:Edmx>"
    ).encode()
