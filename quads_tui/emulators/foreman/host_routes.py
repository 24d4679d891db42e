"""API v2, hosts: index, show, update, status, interfaces, rebuild_config, power and boot."""

from __future__ import annotations

import json

from .answers import Answer, bare, json_answer, message, not_found
from .documents import interface
from .fields import DOCUMENTS
from .paging import index, matching
from .records import LABELS, LOCAL, Host
from .routing import Call, Route
from .saving import attributes

ACTIONS = ("on", "off", "soft", "cycle", "reset", "state")
REVEAL = ("true", "1")


def wanted(call: Call) -> Host:
    host = call.foreman.database.host(call.keys[0])
    if host is None:
        raise not_found("host", call.keys[0])
    return host


async def hosts(call: Call) -> Answer:
    """`thin` with any value, also false, gives `{"id", "name"}`."""
    foreman, costs = call.foreman, call.foreman.options.costs
    rows = list(foreman.database.hosts.values())
    foreman.searches += bool(call.query.get("search"))
    matches = matching(rows, foreman.host_fields, call.query)
    if "thin" in call.query:
        await call.work.cpu(costs.thin, costs.thin_per_host * len(matches))
        return index(rows, foreman.host_fields, call.query, _thin, matches, options=foreman.options)
    include = {*call.lists("include[]"), *call.lists("include")}
    answer = index(
        rows,
        foreman.host_fields,
        call.query,
        lambda host: foreman.bodies.item(host, parameters="parameters" in include, all_parameters="all_parameters" in include),
        matches,
        options=foreman.options,
    )
    await call.work.cpu(costs.full, costs.full_per_host * answer.text.count('"certname"'))
    return answer


def _thin(host: Host) -> str:
    return f'{{"id": {host.id}, "name": {json.dumps(host.name)}}}'


async def show(call: Call) -> Answer:
    host = wanted(call)
    await call.work.cpu(call.foreman.options.costs.show)
    reveal = call.query.get("show_hidden_parameters") in REVEAL
    return Answer(200, call.foreman.bodies.show(host, call.caller, reveal=reveal))


async def update(call: Call) -> Answer:
    host = wanted(call)
    await call.foreman.saving.update(host, attributes(call.body), call.work)
    return Answer(200, call.foreman.bodies.show(host, call.caller))


async def status(call: Call) -> Answer:
    host = wanted(call)
    await call.work.cpu(call.foreman.options.costs.small)
    kind = call.keys[1]
    if kind == "build":
        # The number is the stored row, the label is worked out live.
        live = host.status(call.foreman.database.time.now())
        return json_answer({"status": host.stored_status, "status_label": LABELS[live]})
    if kind == "global":
        failed = host.build_errors is not None
        return json_answer({"status": 2 if failed else 0, "status_label": "Error" if failed else "OK"})
    raise bare(422, {"error": f"Status {kind} does not exist."})


async def interfaces(call: Call) -> Answer:
    host = wanted(call)
    await call.work.cpu(call.foreman.options.costs.small)
    documents = [interface(host, nic) for nic in host.nics]
    return index(documents, DOCUMENTS, call.query, json.dumps, options=call.foreman.options)


async def rebuild_config(call: Call) -> Answer:
    """Writes the PXE files of the host's present state again: the cure for a host in build mode whose file was lost."""
    host = wanted(call)
    foreman = call.foreman
    only = call.body.get("only")
    async with host.saving:
        await call.work.cpu(foreman.options.costs.save)
        if not isinstance(only, list) or "TFTP" in only:
            content = host.token.value if host.build and host.token else LOCAL
            await foreman.builds.orchestrate(host, foreman.builds.deploy(host, content), call.work, building=False)
    return json_answer({"message": "Configuration successfully rebuilt."})


async def power_state(call: Call) -> Answer:
    host = wanted(call)
    await call.work.wait(call.foreman.options.costs.proxy_call)
    reason = "Power operations are not enabled on this host."
    return json_answer({"id": host.id, "state": "na", "title": "N/A", "statusText": reason})


async def power(call: Call) -> Answer:
    wanted(call)
    action = call.body.get("power_action")
    await call.work.wait(call.foreman.options.costs.proxy_call)
    if action not in ACTIONS:
        raise bare(422, {"error": f"Unknown power action: available methods are {', '.join(ACTIONS)}"})
    # This Foreman has no BMC proxy: power is the business of Redfish.
    raise message(422, "Power operations are not enabled on this host.")


async def boot(call: Call) -> Answer:
    host = wanted(call)
    device = call.body.get("device")
    if device not in ("pxe", "disk", "cdrom", "bios"):
        raise bare(422, {"error": f"Unknown device: available devices are disk, cdrom, pxe, bios, not {device}"})
    raise bare(422, {"message": f"ERF42-8460 [Foreman::Exception]: No BMC NIC available for host {host.name}"})


async def tasks(call: Call) -> Answer:
    found = call.foreman.builds.tasks(call.keys[0])
    await call.work.cpu(call.foreman.options.costs.small)
    if found is None:
        raise not_found("task", call.keys[0])
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
