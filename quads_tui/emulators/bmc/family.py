"""What the families of BMCs have in common, and the places where they differ. A family is one object without state."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta
from typing import Literal

from quads_tui.emulators.bmc.bios import Bios
from quads_tui.emulators.bmc.hardware import Boot, HardwareTiming
from quads_tui.emulators.bmc.replies import (
    BASE,
    Document,
    Key,
    Message,
    Rendered,
    Reply,
    Request,
    collection,
    dumps,
    kind_of,
    named,
    ref,
)
from quads_tui.emulators.bmc.sessions import Session
from quads_tui.emulators.bmc.state import BmcState

TARGETS = ("None", "Pxe", "Hdd", "Cd", "Usb", "BiosSetup", "UefiHttp", "UefiTarget")
ENABLED = ("Disabled", "Once", "Continuous")
MODES = ("UEFI", "Legacy")
RESETS = ("On", "ForceOff", "GracefulShutdown", "ForceRestart", "GracefulRestart", "PushPowerButton", "Nmi")


_MOST_ENTRIES = 50  # of an event log in one answer
_CLOCK = datetime(2026, 1, 1, tzinfo=UTC)  # of the BMCs when the lab began


def _bmc_time(at: float) -> str:
    """As Redfish writes it; `at`: emulated seconds."""
    return (_CLOCK + timedelta(seconds=round(at))).isoformat()


class Family:
    """The defaults are those of a plain service; a family overrides what its firmware does otherwise.

    A new one is a module of its own in `families` with a class that has a `name` and `models`: it is found there.

    Paths carry no final slash (the service strips it); `etags` is how resources are marked: not at all, weak or strong.
    """

    name = ""
    models: tuple[str, ...] = ()  # how the names of the models begin that have this BMC, in upper case
    vendor: str | None = None
    manufacturer = ""
    root = "/redfish/v1"
    system = "/redfish/v1/Systems/1"  # the one that has a power button
    manager = "/redfish/v1/Managers/1"
    chassis = "/redfish/v1/Chassis/1"
    sessions = "/redfish/v1/SessionService/Sessions"
    base = "Base.1.8"  # the Base registry that message ids are taken from
    registry = ""  # the vendor's own registry
    messages: dict[str, Message] = {}  # noqa: RUF012 - one constant table per family
    etags: Literal["none", "weak", "strong"] = "none"
    needs_etag = False  # PATCH without If-Match: 428
    checks_etag = False  # a wrong If-Match: 412
    session_cap = 16
    session_timeout = 1800.0  # real seconds
    advertised_timeout = 1800  # seconds, as SessionTimeout shows them
    timing = HardwareTiming()
    latency = (0.3, 2.0)  # median and 95th percentile of a reply, emulated seconds
    reports_transitions = False  # PowerState shows PoweringOn and PoweringOff
    locks_in_post = False  # no change of Boot while the machine is in POST
    resets: tuple[str, ...] = RESETS  # what is accepted, whatever the documents advertise
    manager_resets: tuple[str, ...] = ("GracefulRestart", "ForceRestart")  # of the BMC itself; its documents show the same
    manager_away = 90.0  # emulated seconds that it is away for its restart
    hanging_resets: frozenset[str] = frozenset()  # after these the machine stops in its POST
    targets: tuple[str, ...] = TARGETS
    enabled: tuple[str, ...] = ENABLED
    modes: tuple[str, ...] = MODES  # empty: the firmware has no such property
    redirected_paths: frozenset[str] = frozenset()  # without the final slash these redirect
    redirect_status = 308
    resets_reused_connections = False  # a Reset on a connection that carried a request before: RST
    requests_until_ready = 0  # so many requests after each start of the BMC answer 503
    unauthorized_every = 0  # each so many-th authorized request is refused with 401; 0: none
    ignores_case = False
    nics: tuple[str, ...] = ("NIC.Integrated.1-1-1", "NIC.Integrated.1-2-1")  # the system's, by id; empty: not shown
    shows_serial = True  # the system has a SerialNumber
    has_action_info = False  # Reset refers to an ActionInfo
    strict = False  # demands what DSP0266 lets a service demand
    log_services = ""  # path of the collection of event logs; empty: it has none
    log_name = "SEL"  # id of the machine's event log
    tells_last_reset = False  # the system has a LastResetTime

    @property
    def reset(self) -> str:
        return f"{self.system}/Actions/ComputerSystem.Reset"

    @property
    def manager_reset(self) -> str:
        return f"{self.manager}/Actions/Manager.Reset"

    @property
    def action_info(self) -> str:
        """The resource that lists the ResetTypes, of a family that `has_action_info`."""
        return f"{self.system}/ResetActionInfo"

    def make_bios(self) -> Bios | None:
        """The BIOS behind the machine's boots, of a family whose BMC knows of it."""
        return None

    def own_reply(self, bmc: BmcState, request: Request) -> Reply | None:
        """The reply to a request for a resource that only this family has; None for all others."""
        return None

    # -- documents ---------------------------------------------------------------------------------------------------

    def system_paths(self, bmc: BmcState) -> list[str]:
        """The members of the systems collection, in the order that this BMC has them."""
        return [self.system]

    def fixed_documents(self, bmc: BmcState) -> dict[str, Document]:
        """Path to document, for all that never changes."""
        return {
            self.root: self.root_document(bmc),
            f"{self.root}/Systems": collection(f"{self.root}/Systems", "ComputerSystem", "Systems", self.system_paths(bmc)),
            f"{self.root}/Managers": collection(f"{self.root}/Managers", "Manager", "Managers", [self.manager]),
            f"{self.root}/Chassis": collection(f"{self.root}/Chassis", "Chassis", "Chassis", [self.chassis]),
            f"{self.root}/SessionService": self.session_service(),
        }

    def with_reset(self, manager: Document) -> Document:
        """The BMC's own resource with the action that restarts it."""
        reset = {"target": self.manager_reset, "ResetType@Redfish.AllowableValues": list(self.manager_resets)}
        return {**manager, "Actions": {**manager.get("Actions", {}), "#Manager.Reset": reset}}

    def live_documents(self, bmc: BmcState) -> dict[str, Document]:
        """Path to document, for what follows the machine's state."""
        return {self.system: self.system_document(bmc)}

    def current_documents(self, bmc: BmcState) -> dict[str, Document]:
        """`live_documents`, and in the system the links to its network interfaces and event logs."""
        documents = self.live_documents(bmc)
        if self.nics and self.system in documents:
            documents[self.system]["EthernetInterfaces"] = ref(self.interfaces)
        if self.tells_last_reset and self.system in documents:
            documents[self.system]["LastResetTime"] = self.last_reset(bmc)
        if self.log_services.startswith(self.system) and self.system in documents:
            documents[self.system]["LogServices"] = ref(self.log_services)
        return documents

    def last_reset(self, bmc: BmcState) -> str:
        """When the machine booted last, by the clock of a BMC that nobody has set."""
        boots = [at for at, text in bmc.hardware.log if text.startswith("POST, then boot")]
        return _bmc_time(boots[-1] if boots else 0.0)

    def log_documents(self, bmc: BmcState) -> dict[str, Document]:
        """The machine's event log, the newest first, its entries within the collection."""
        path = f"{self.log_services}/{self.log_name}"
        entries = [
            {
                "@odata.id": f"{path}/Entries/{number}",
                "@odata.type": "#LogEntry.v1_9_0.LogEntry",
                "Id": str(number),
                "Name": f"Log Entry {number}",
                "EntryType": "SEL",
                "Created": _bmc_time(at),
                "Message": text,
                "Severity": "OK",
            }
            for number, (at, text) in reversed(list(enumerate(bmc.hardware.log, 1)))
        ][:_MOST_ENTRIES]
        listed = collection(f"{path}/Entries", "LogEntry", "Log Entries", [str(one["@odata.id"]) for one in entries])
        return {
            self.log_services: collection(self.log_services, "LogService", "Log Services", [path]),
            path: {
                "@odata.id": path,
                "@odata.type": "#LogService.v1_2_0.LogService",
                "Id": self.log_name,
                "Name": "System Event Log",
                "Entries": ref(f"{path}/Entries"),
            },
            f"{path}/Entries": {**listed, "Members": entries},
        }

    def rendered(self, path: str, document: Document) -> Rendered:
        """A resource as it is sent, with its ETag."""
        body = dumps(document)
        etag = self.etag(path, body) if "@odata.id" in document else None
        if etag is not None:
            body = dumps({**document, "@odata.etag": etag})
        return Rendered(body, etag, kind_of(document))

    @property
    def interfaces(self) -> str:
        """Path of the collection of the system's network interfaces."""
        return f"{self.system}/EthernetInterfaces"

    def network_documents(self, bmc: BmcState) -> dict[str, Document]:
        """The system's network interfaces: the one that Foreman provisions through, and one beside it."""
        if not self.nics:
            return {}
        macs = (bmc.mac.upper(), "0A" + bmc.mac[2:].upper())
        pages = {
            f"{self.interfaces}/{nic}": {
                "@odata.id": f"{self.interfaces}/{nic}",
                "@odata.type": "#EthernetInterface.v1_6_0.EthernetInterface",
                "Id": nic,
                "Name": "System Ethernet Interface",
                "MACAddress": mac,
                "PermanentMACAddress": mac,
                "Status": {"Health": "OK", "State": "Enabled"},
            }
            for nic, mac in zip(self.nics, macs, strict=False)
        }
        listed = collection(self.interfaces, "EthernetInterface", "System Ethernet Interfaces", list(pages))
        return {self.interfaces: listed, **pages}

    def root_document(self, bmc: BmcState) -> Document:
        """The service root."""
        raise NotImplementedError

    def system_document(self, bmc: BmcState) -> Document:
        """The ComputerSystem as the BMC shows it now."""
        raise NotImplementedError

    def session_service(self) -> Document:
        path = f"{self.root}/SessionService"
        return {
            "@odata.id": path,
            "@odata.type": "#SessionService.v1_1_6.SessionService",
            "Id": "SessionService",
            "Name": "Session Service",
            "ServiceEnabled": True,
            "SessionTimeout": self.advertised_timeout,
            "Sessions": ref(self.sessions),
        }

    def session_document(self, session: Session) -> Document:
        return {
            "@odata.id": f"{self.sessions}/{session.id}",
            "@odata.type": "#Session.v1_3_0.Session",
            "Id": session.id,
            "Name": "User Session",
            "UserName": session.user,
        }

    def power_state(self, bmc: BmcState) -> str:
        """The PowerState that the system shows now."""
        reported = bmc.hardware.reported
        if self.reports_transitions:
            return reported
        # The chassis is powered until it is off, and has no power until it is on.
        return {"PoweringOn": "Off", "PoweringOff": "On"}.get(reported, reported)

    def boot_document(self, boot: Boot) -> Document:
        """The override members of Boot, with their allowable values."""
        mode = {"BootSourceOverrideMode": boot.mode} if self.modes else {}
        return {
            "BootSourceOverrideEnabled": boot.enabled,
            **mode,
            "BootSourceOverrideTarget": boot.target,
            "BootSourceOverrideTarget@Redfish.AllowableValues": list(self.targets),
        }

    def etag(self, path: str, body: bytes) -> str | None:
        """The ETag of a body at this path; None for a family that has none."""
        if self.etags == "none":
            return None
        mark = f'"{zlib.crc32(body, zlib.crc32(path.encode())):08X}"'
        return mark if self.etags == "strong" else f"W/{mark}"

    # -- answers -----------------------------------------------------------------------------------------------------

    def headers(self) -> dict[str, str]:
        """What every answer carries."""
        return {"OData-Version": "4.0", "Cache-Control": "no-cache"}

    def message_info(self, key: Key) -> Document:
        """One entry of @Message.ExtendedInfo."""
        name, args = named(key)
        own = self.messages.get(name)
        message = own or BASE[name]
        return {
            "MessageId": f"{self.registry if own else self.base}.{name}",
            "Message": message.filled(args),
            "MessageArgs": list(args),
            "Severity": message.severity,
            "Resolution": message.resolution,
        }

    def error(self, status: int, *keys: Key, headers: dict[str, str] | None = None) -> Reply:
        """An extended error body (DSP0266 "Error responses") of messages: a key, or a key and its arguments."""
        body = {
            "error": {
                "code": f"{self.base}.GeneralError",
                "message": "A general error has occurred. See ExtendedInfo for more information.",
                "@Message.ExtendedInfo": [self.message_info(key) for key in keys],
            }
        }
        return Reply(status, dumps(body), headers or {})

    def not_ready(self, wait: int) -> Reply:
        """The BMC cannot serve now; `wait` real seconds."""
        return self.error(503, ("ServiceTemporarilyUnavailable", str(wait)), headers={"Retry-After": str(wait)})

    def unauthorized(self) -> Reply:
        return self.error(401, "NoValidSession", headers={"WWW-Authenticate": 'Basic realm="Redfish"'})

    def sessions_full(self) -> Reply:
        """The reply to a login when `session_cap` sessions are open."""
        return self.error(503, "SessionLimitExceeded")

    def already_in_state(self, bmc: BmcState, reset_type: str) -> Reply:
        """A Reset that asks for the state that is there."""
        return Reply(204)

    def in_post(self) -> Reply:
        """The reply to a change that has to wait until the POST is over."""
        return self.error(400, "UnableToModifyDuringSystemPOST")

    def reset_done(self) -> Reply:
        """The reply to a Reset that was accepted."""
        return Reply(204)

    def patched(self, bmc: BmcState) -> Reply:
        """The reply to a PATCH of Boot that was accepted."""
        return Reply(204)

    # -- changes -----------------------------------------------------------------------------------------------------

    def with_defaults(self, bmc: BmcState, wanted: dict[str, str]) -> dict[str, str]:
        """The Boot members of a PATCH as this firmware reads them, e.g. with defaults for what was left out."""
        return wanted

    def refuse_boot_change(self, bmc: BmcState, wanted: dict[str, str]) -> Reply | None:
        """The family's own reasons not to accept these Boot members."""
        return None

    def precondition(self, bmc: BmcState, request: Request, etag: str | None) -> Reply | None:
        """Why a PATCH with this If-Match, or with none, is not looked at."""
        given = request.headers.get("if-match")
        if given is None:
            return self.error(428, "PreconditionRequired") if self.needs_etag else None
        if self.checks_etag and given not in ("*", etag):
            return self.error(412, "PreconditionFailed")
        return None

    def refuse_reset(self, bmc: BmcState, reset_type: str) -> Reply | None:
        """The family's own reasons not to do a Reset that would change something."""
        return None

    def patch_settings(self, bmc: BmcState, path: str, wanted: dict[str, str]) -> Reply | None:
        """PATCH of a settings resource; None where `path` is none."""
        return None
