"""The shapes of errors: each becomes one sentence in the server's own words."""

from __future__ import annotations

import json

from quads_tui.emulators.foreman import Answer, json_answer, page, redirect
from quads_tui.rollout.stages import HostStatus

from ..foreman_bench import HOST, Bench
from .rule import Rule, answered

REFUSED = "sends it once, does not repeat what stays refused; the host stays powered off, its boot override cleared"
SETTLED = "keeps the lane shut, looks until the write deadline is over and it is absent, sends it again under a new ticket"
GENERIC = (
    "Internal Server Error: the server was unable to finish the request. This may be caused by unavailability of some "
    "required service, incorrect API call or a server-side bug. There may be more information in the server's logs."
)


async def _wrong_medium(bench: Bench) -> None:
    assert await bench.provision(medium="RHEL 8 Local") == {HostStatus.FAILED: 1}
    assert bench.server.host_counts(HOST)["armings"] == 0


def _refused(broken: str, status: int, body: object, reads: str) -> Rule:
    return Rule(
        broken,
        f"{status} `{json.dumps(body)}`",
        REFUSED,
        f"{reads}; the host stays powered off",
        answered(json_answer(body, status)),
        {"writes": 1},
    )


def _redirected(status: int, to: str, target: str) -> Rule:
    return Rule(
        f"the PUT is answered where it was sent: a proxy sends it elsewhere with {status}",
        f"{status}, Location: {to}",
        "certainly not executed: waits its backoff, then sends it again to the address of the site file",
        f"Foreman {status}: a redirect to {target} instead of an answer (a proxy in front of Foreman?); it was not executed",
        answered(redirect(status, to), ends=HostStatus.DONE),
        {"writes": 2, "peak_writes": 1},
    )


RULES = (
    _redirected(307, "https://sso.example.com/login?token=s3cret-of-ours", "https://sso.example.com/login"),
    Rule(
        "the PUT is answered where it was sent: 303 says where a result is",
        "303, Location: /api/hosts/1",
        SETTLED,
        "the write did not take effect: Foreman 303: a redirect to /api/hosts/1 instead of an answer",
        answered(redirect(303, "/api/hosts/1"), ends=HostStatus.DONE),
        {"writes": 2, "peak_writes": 1},
    ),
    Rule(
        "os, ptable and medium fit together",
        "422 `{error: {id, errors, full_messages}}`",
        REFUSED,
        "Foreman 422: Medium RHEL 8 Local does not belong to RHEL 9.4 operating system; the host stays powered off",
        _wrong_medium,
        {"writes": 1, "errors_422": 1},
    ),
    _refused(
        "validation brings full_messages",
        422,
        {"error": {"id": 5, "errors": {"base": ["Host is locked out"], "name": ["can't be blank"]}}},
        "Foreman 422: base Host is locked out; name can't be blank",
    ),
    _refused(
        "names exist",
        422,
        {"error": {"message": "Could not find medium with name: RHEL Local"}},
        "Foreman 422: Could not find medium with name: RHEL Local",
    ),
    _refused(
        "an error is an object",
        422,
        {"error": "Unknown device: available devices are disk, cdrom, pxe, bios"},
        "Foreman 422: Unknown device: available devices are disk, cdrom, pxe, bios",
    ),
    _refused(
        "an error is called error",
        422,
        {"message": "ERF42-8460 [Foreman::Exception]: No BMC NIC available for host"},
        "Foreman 422: ERF42-8460 [Foreman::Exception]: No BMC NIC available for host",
    ),
    _refused(
        "Foreman alone answers: Katello's shape",
        400,
        {"displayMessage": "Host has not been registered", "errors": ["Host has not been registered"]},
        "Foreman 400: Host has not been registered",
    ),
    _refused(
        "our user may write: 403 with details",
        403,
        {"error": {"message": "Access denied", "details": "Missing one of the required permissions: edit_hosts"}},
        "Foreman 403: Access denied: Missing one of the required permissions: edit_hosts",
    ),
    _refused(
        "the host is there: 404, also for hosts that are hidden from us",
        404,
        {"error": {"message": f"Resource host not found by id '{HOST}'"}},
        f"Foreman 404: Resource host not found by id '{HOST}' (it does not exist, or our user may not see it)",
    ),
    _refused(
        "the server reads our JSON",
        400,
        {"status": 400, "error": "There was a problem in the JSON you submitted: unexpected token"},
        "Foreman 400: There was a problem in the JSON you submitted: unexpected token",
    ),
    _refused(
        "texts are printable: terminal escapes, bidi marks and line ends in a message",
        422,
        {"error": {"message": "\x1b[31mred\x1b[0m \u202eevil\u2069\nPTable\tis missing\x00"}},
        "Foreman 422: [31mred [0m evil PTable is missing",
    ),
    Rule(
        "an error has words: 422 without a body",
        "422, empty",
        REFUSED,
        "Foreman 422 with an empty body; the host stays powered off",
        answered(Answer(422, "", "application/json")),
        {"writes": 1},
    ),
    Rule(
        "Foreman is in service: maintenance mode",
        "503 `{message}`",
        "certainly not executed: waits its backoff, then sends it again",
        "Foreman 503: Foreman is in maintenance mode. Please try again later.",
        answered(json_answer({"message": "Foreman is in maintenance mode. Please try again later."}, 503), ends=HostStatus.DONE),
        {"writes": 2, "peak_writes": 1},
    ),
    Rule(
        "Foreman itself answers: the web server in front is overloaded",
        "503, an HTML page",
        SETTLED,
        "the write did not take effect: Foreman 503 (a web page, not the API): Service Unavailable",
        answered(page(503, "Service Unavailable"), ends=HostStatus.DONE),
        {"writes": 2, "peak_writes": 1},
    ),
    Rule(
        "Foreman itself answers: the web server lost it",
        "502, an HTML page without a title",
        SETTLED,
        "the write did not take effect: Foreman 502 (a web page, not the API): Proxy Error & co",
        answered(
            Answer(502, "<html><h1>Proxy Error &amp; co</h1><p>Reason: <b>reset</b></p></html>", "text/html"),
            ends=HostStatus.DONE,
        ),
        {"writes": 2, "peak_writes": 1},
    ),
    Rule(
        "the application's threads do not meet: Puma's thread race",
        "500, the generic text",
        "the server itself has ended it: one look shows it absent, sends it again under a new ticket",
        f"the write did not take effect: Foreman 500: {GENERIC}",
        answered(json_answer({"error": {"message": GENERIC}}, 500), ends=HostStatus.DONE),
        {"writes": 2, "peak_writes": 1},
    ),
)
