"""What to do about a service that `check` finds unwell: one remedy for each kind of failure, by what was seen and configured."""

from __future__ import annotations

from collections.abc import Mapping

from quads_tui.inputs import TlsPolicy
from quads_tui.planning.sharing import OWN_BMC
from quads_tui.rollout.causes import Cause, CredentialsRefused, StageFailure
from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.ports import QuadsError
from quads_tui.rollout.text import clean
from quads_tui.services.redfish.errors import NAME_REMEDY, error_response
from quads_tui.services.responses import FailureKind, NotJson, RequestFailed, Response
from quads_tui.services.tls_errors import TlsTrouble

_ASSIGNMENT = "correct the BMC addresses (the assignment's bmc and system, redfish.address, redfish.addresses)"
AGAIN = "run the check again in a minute"
_TLS_WANTED = "the port expects TLS: use an address that begins with https://"
_ITSELF = "trust the certificate itself (fingerprint or pin)"


def _address_key(key: str) -> str:
    return f"{key}.address" if key == "redfish" else f"{key}.url"


def general(remedy: str, error: Exception) -> str:
    """The remedy for errors of this kind; empty where this one says itself exactly what to do."""
    return "" if isinstance(error, QuadsTuiError) and error.advises else remedy


def remedy_for_refusal(refusal: str) -> str:
    """For a plan that the BMC addresses of the assignment rule out."""
    return "" if refusal.endswith(OWN_BMC) else _ASSIGNMENT


def remedy_for_request(error: RequestFailed, key: str, address: str, tls: TlsPolicy) -> str:
    """For a request that got no usable answer. `key`: the section of the site file."""
    where = _address_key(key)
    if error.tls is not None:
        return _remedy_for_tls(error.tls, key, tls)
    match error.kind:
        case FailureKind.REFUSED:
            return f"check that the service is running, and that host and port in {where} are correct"
        case FailureKind.DNS if "not a usable address" in error.reason or "not an http" in error.reason:
            return f"correct {where}"
        case FailureKind.DNS if "temporary failure" in error.reason:
            return "check the name servers that this machine uses (/etc/resolv.conf): they do not answer"
        case FailureKind.DNS:
            return f"check the host name in {where}, and DNS on this machine"
        case FailureKind.RESET if address.startswith("http://"):
            return f"check what answers at {where}: if the port expects TLS, use an address that begins with https://"
        case FailureKind.RESET if key == "redfish" and not tls.old:
            return f"{AGAIN}; a BMC whose TLS is older than 1.2 needs redfish.old_tls"
        case FailureKind.RESET:
            return f"{AGAIN}, and read the log of the server and of any proxy in front of the server"
        case FailureKind.NOT_YET:
            return f"the service asks to wait; {AGAIN}"
        case FailureKind.REDIRECT:
            return f"check {where}: if the service is at the address of the redirect, set that address"
        case FailureKind.BODY:
            return f"check what answers at {where}: another service, or a proxy that breaks answers"
    return f"check the network between this machine and the service (route, firewall), and {where}"


def _remedy_for_tls(trouble: TlsTrouble, key: str, tls: TlsPolicy) -> str:
    where, setting = _address_key(key), f"{key}.tls"
    match trouble:
        case TlsTrouble.UNTRUSTED if tls.kind == "ca_file":
            return f"the CA file of {setting} did not sign this certificate: give the file of the CA that did, or {_ITSELF}"
        case TlsTrouble.UNTRUSTED:
            return f"configure which certificate to trust: {setting} (ca_file, fingerprint, pin or verify: false)"
        case TlsTrouble.NAME:
            return f"set a name in {where} that is in the certificate, or {_ITSELF} in {setting}"
        case TlsTrouble.DATE:
            return f"renew the certificate, and check the clock of this machine; or {_ITSELF} in {setting}"
        case TlsTrouble.PIN if tls.kind == "first_use":
            return "find out which machine answers; if its certificate was renewed, delete its line from pins.json"
        case TlsTrouble.PIN:
            return f"find out which machine answers; if its certificate was renewed, correct the fingerprint in {setting}"
        case TlsTrouble.SETTINGS:
            return f"repair the file that the message names, or correct {setting}"
        case TlsTrouble.OLD if key == "redfish" and not tls.old:
            return "add the host to redfish.old_tls, or update the firmware of the BMC"
        case TlsTrouble.OLD if key == "redfish":
            return "update the firmware of the BMC; redfish.old_tls already contains this host, which is not enough"
        case TlsTrouble.OLD:
            return "configure TLS 1.2 or newer and keys of 2048 bits or more on the server"
        case TlsTrouble.PLAIN:
            unencrypted = "; with verify: false an address that begins with http:// is accepted too" if tls.kind == "off" else ""
            return f"give the port that speaks TLS in {where}{unencrypted}"
        case TlsTrouble.NEEDED:
            return _TLS_WANTED
        case TlsTrouble.CLIENT_CERTIFICATE:
            return "configure the server to accept logins without a client certificate"
        case TlsTrouble.UNKNOWN_NAME:
            return f"set a name in {where} for which the server has a certificate"
    return "read the log of the server: it ended the TLS handshake"


def remedy_for_login(error: Exception, key: str, address: str, page: Response) -> str:
    """For a login that failed, or for what the service said after it. `page`: what it answered before, without a login."""
    return general(_remedy_for_login(error, key, address, page), error)


def _remedy_for_login(error: Exception, key: str, address: str, page: Response) -> str:
    cause = error.cause if isinstance(error, StageFailure) else None
    if cause is Cause.CREDENTIALS and "must be changed" in str(error):
        return f"change the password at the server, then where {key}.password comes from"
    refused = isinstance(error, QuadsError) and "refused the login" in str(error)
    if isinstance(error, CredentialsRefused) or cause is Cause.CREDENTIALS or refused:
        return f"check {key}.username and where {key}.password comes from"
    if cause is Cause.BUSY:
        return f"the service is busy; {AGAIN}"
    if cause is Cause.REFUSED:
        return f"give the user {key}.username the permission that the message is about"
    if cause is Cause.UNREACHABLE or isinstance(error, TimeoutError):
        return f"check the network between this machine and the service (route, firewall), and {_address_key(key)}"
    return _remedy_for_page(page, key, address)


def remedy_for_ipmi(error: StageFailure | TimeoutError) -> str:
    """For a BMC that could not be read by IPMI."""
    return general(_remedy_for_ipmi(error), error)


def _remedy_for_ipmi(error: StageFailure | TimeoutError) -> str:
    match error.cause if isinstance(error, StageFailure) else Cause.UNREACHABLE:
        case Cause.CREDENTIALS:
            return "check ipmi.username and where ipmi.password comes from, and the entry of the host in ipmi.hosts"
        case Cause.UNREACHABLE:
            return "check the BMC address, that IPMI over LAN is enabled at the BMC, and that no firewall blocks its UDP port"
        case Cause.REFUSED:
            return "check ipmi.cipher_suite and ipmi.privilege, or the entry of the host in ipmi.hosts"
        case Cause.BUSY:
            return f"the BMC is busy; {AGAIN}"
    return f"{AGAIN}; if the problem remains, run ipmitool -I lanplus -H ADDRESS -U USER chassis status by hand"


def _remedy_for_page(page: Response, key: str, address: str) -> str:
    where = _address_key(key)
    if error_response(page).name_refused and key == "redfish":
        return NAME_REMEDY
    if address.startswith("http://") and page.status == 400 and b"https" in page.body[:2000].lower():
        return _TLS_WANTED
    if 300 <= page.status < 400:
        target = clean(page.headers.get("Location", ""), 200)
        return f"check {where}: the server redirects to {target}; if the service is there, set that address"
    if page.ok and _is_object(page):
        return f"{AGAIN}; if the problem remains, update the firmware or the software of the service"
    return f"check what answers at {where}: it may be a proxy or another service"


def _is_object(page: Response) -> bool:
    try:
        return isinstance(page.json(), Mapping)
    except NotJson:
        return False
