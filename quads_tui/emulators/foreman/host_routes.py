"""API v2, hosts: index, show, update, status, interfaces, rebuild_config, power and boot."""

from __future__ import annotations

import json

from .answers import GENERIC_500, Answer, bare, json_answer, message, not_found
from .documents import interface
from .fields import DOCUMENTS
from .paging import index, matching
from .records import LABELS, LOCAL, Host
from .routing import ApiRequest, Route
from .saving import attributes

ACTIONS = ("on", "off", "soft", "cycle", "reset", "state")
REVEAL = ("true", "1")


def wanted(request: ApiRequest) -> Host:
    """The host that the path names. Raises Refusal (404)."""
    host = request.foreman.database.host(request.keys[0])
    if host is None:
        raise not_found("host", request.keys[0])
    return host


async def hosts(request: ApiRequest) -> Answer:
    """`thin` with any value, also false, gives `{"id", "name"}`."""
    foreman, costs = request.foreman, request.foreman.options.costs
    rows = list(foreman.database.hosts.values())
    foreman.searches += bool(request.query.get("search"))
    matches = matching(rows, foreman.host_fields, request.query)
    if "thin" in request.query:
        if request.query.get("per_page") == "all" and foreman.options.stumbles_over_thin_all:
            raise message(500, GENERIC_500)
        await request.work.cpu(costs.thin, costs.thin_per_host * len(matches))
        return index(rows, foreman.host_fields, request.query, _thin, matches, options=foreman.options)
    include = {*request.lists("include[]"), *request.lists("include")}
    answer = index(
        rows,
        foreman.host_fields,
        request.query,
        lambda host: foreman.bodies.item(host, parameters="parameters" in include, all_parameters="all_parameters" in include),
        matches,
        options=foreman.options,
    )
    await request.work.cpu(costs.full, costs.full_per_host * answer.text.count('"certname"'))
    return answer


def _thin(host: Host) -> str:
    return f'{{"id": {host.id}, "name": {json.dumps(host.name)}}}'


async def show(request: ApiRequest) -> Answer:
    host = wanted(request)
    await request.work.cpu(request.foreman.options.costs.show)
    reveal = request.query.get("show_hidden_parameters") in REVEAL
    return Answer(200, request.foreman.bodies.show(host, request.caller, reveal=reveal))


async def update(request: ApiRequest) -> Answer:
    host = wanted(request)
    await request.foreman.saving.update(host, attributes(request.body), request.work)
    return Answer(200, request.foreman.bodies.show(host, request.caller))


async def status(request: ApiRequest) -> Answer:
    host = wanted(request)
    await request.work.cpu(request.foreman.options.costs.small)
    kind = request.keys[1]
    if kind == "build":
        # The number is the stored row, the label is worked out live.
        live = host.status(request.foreman.database.time.now())
        return json_answer({"status": host.stored_status, "status_label": LABELS[live]})
    if kind == "global":
        failed = host.build_errors is not None
        return json_answer({"status": 2 if failed else 0, "status_label": "Error" if failed else "OK"})
    raise bare(422, {"error": f"Status {kind} does not exist."})


async def interfaces(request: ApiRequest) -> Answer:
    host = wanted(request)
    await request.work.cpu(request.foreman.options.costs.small)
    documents = [interface(host, nic) for nic in host.nics]
    return index(documents, DOCUMENTS, request.query, json.dumps, options=request.foreman.options)


async def rebuild_config(request: ApiRequest) -> Answer:
    """Writes the PXE files of the host's present state again: the cure for a host in build mode whose file was lost."""
    host = wanted(request)
    foreman = request.foreman
    only = request.body.get("only")
    async with host.saving:
        await request.work.cpu(foreman.options.costs.save)
        if not isinstance(only, list) or "TFTP" in only:
            content = host.token.value if host.build and host.token else LOCAL
            await foreman.builds.orchestrate(host, foreman.builds.deploy(host, content), request.work, building=False)
    return json_answer({"message": "Configuration successfully rebuilt."})


async def power_state(request: ApiRequest) -> Answer:
    host = wanted(request)
    await request.work.wait(request.foreman.options.costs.proxy_call)
    reason = "Power operations are not enabled on this host."
    return json_answer({"id": host.id, "state": "na", "title": "N/A", "statusText": reason})


async def power(request: ApiRequest) -> Answer:
    wanted(request)
    action = request.body.get("power_action")
    await request.work.wait(request.foreman.options.costs.proxy_call)
    if action not in ACTIONS:
        raise bare(422, {"error": f"Unknown power action: available methods are {', '.join(ACTIONS)}"})
    # This Foreman has no BMC proxy: power is the business of Redfish.
    raise message(422, "Power operations are not enabled on this host.")


async def boot(request: ApiRequest) -> Answer:
    host = wanted(request)
    device = request.body.get("device")
    if device not in ("pxe", "disk", "cdrom", "bios"):
        raise bare(422, {"error": f"Unknown device: available devices are disk, cdrom, pxe, bios, not {device}"})
    raise bare(422, {"message": f"ERF42-8460 [Foreman::Exception]: No BMC NIC available for host {host.name}"})


async def tasks(request: ApiRequest) -> Answer:
    found = request.foreman.builds.tasks(request.keys[0])
    await request.work.cpu(request.foreman.options.costs.small)
    if found is None:
        raise not_found("task", request.keys[0])
    return json_answer({"results": found})


ROUTES = (
    Route("GET", "hosts", "view_hosts", hosts),
    Route("GET", "hosts/:id", "view_hosts", show),
    Route("PUT", "hosts/:id", "edit_hosts", update),
    Route("GET", "hosts/:id/status/:type", "view_hosts", status),
    Route("GET", "hosts/:id/interfaces", "view_hosts", interfaces),
    Route("PUT", "hosts/:id/rebuild_config", "build_hosts", rebuild_config),
    Route("GET", "hosts/:id/power", "power_hosts", power_state),
    Route("PUT", "hosts/:id/power", "power_hosts", power),
    Route("PUT", "hosts/:id/boot", "ipmi_boot_hosts", boot),
    Route("GET", "orchestration/:id/tasks", None, tasks),
)
