"""The control server of the emulators: what the servers counted, which faults they have, and what people do to the lab."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

from aiohttp import web

from quads_tui.emulators.bmc.bmc import Bmc
from quads_tui.emulators.bmc.careless import RepeatsSecrets
from quads_tui.emulators.bmc.fleet import LOOPBACK, Fleet
from quads_tui.emulators.bmc.hardware import Hardware
from quads_tui.emulators.fault_profiles import FaultKind

ABOUT = {
    "what": "the control server of emulated BMCs and an emulated Foreman",
    "GET /counts": "what the servers counted",
    "GET /faults": "what was made to go wrong, by host",
    "GET /hosts/<fqdn>": "everything about one host",
    "POST /hosts/<fqdn>": 'press the button: {"power": "On"} or {"power": "Off"}',
    "POST /foreman": 'what its administrator does: {"elsewhere": [LOGIN]} and {"displaced": [LOGIN]} put users into another '
    'organization or location, {"bonded": {FQDN: MAC}}, {"permissions": [NAME]} of the API user, {"repeats_secrets": true}',
    "GET /secrets": "the passwords, tokens and cookies that servers heard since they repeat them",
    "POST /bmcs": '{"repeats_secrets": [FQDN]}: from now on all BMCs repeat secrets in their texts, these refuse PXE for good',
    "POST /quads": 'what QUADS does: {"down": bool}, {"broken": [FQDN]}, {"unschedule": [FQDN]}, '
    '{"assign": {"cloud", "hosts", "wipe"}} or {"settle": {"cloud", "hosts"}}',
}


class Foreman(Protocol):
    """What the control server asks of the emulated Foreman."""

    def counts(self) -> dict[str, Any]: ...

    def host_counts(self, name: str) -> dict[str, Any]:
        """Of one host; zeros for one that this Foreman does not know."""
        ...

    def secrets(self) -> set[str]: ...

    def live_token(self, host: str) -> str | None: ...

    def control(self, wanted: dict[str, Any]) -> None:
        """What its administrator does; see ABOUT. Raises LookupError or TypeError for what cannot be done."""
        ...


class Quads(Protocol):
    """What the control server asks of an emulated QUADS."""

    def counts(self) -> dict[str, Any]: ...

    async def control(self, wanted: dict[str, Any]) -> None:
        """What its users do; see ABOUT. Raises KeyError for a host that it does not know."""
        ...


class Control:
    """A plain HTTP server on loopback, beside the emulated services."""

    def __init__(self, fleet: Fleet, foreman: Foreman, faults: dict[str, FaultKind], quads: Quads | None = None) -> None:
        self.fleet, self.foreman, self.faults, self.quads = fleet, foreman, faults, quads
        self._runner: web.ServerRunner | None = None

    async def serve(self) -> str:
        """Start it and return its base URL."""
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None))
        await self._runner.setup()
        site = web.TCPSite(self._runner, LOOPBACK, 0)
        await site.start()
        return f"http://{LOOPBACK}:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def counts(self) -> dict[str, Any]:
        """`{"foreman": {...}, "bmc": {...}, "hosts": {FQDN: {"wipes", "resets", "built", "armed"}}}`."""
        hosts = {}
        for name, bmc in self.fleet.bmcs.items():
            hardware = bmc.hardware
            hosts[name] = {
                "wipes": hardware.wipes,
                "resets": hardware.resets,
                "built": self.foreman.host_counts(name)["built"],
                "armed": self._armed(bmc),
            }
        quads = {"quads": self.quads.counts()} if self.quads is not None else {}
        return {"foreman": self.foreman.counts(), "bmc": self.fleet.counts(), "hosts": hosts, **quads}

    def secrets(self) -> list[str]:
        """What careless servers have heard."""
        careless = [service.fault for service in self.fleet.services.values() if isinstance(service.fault, RepeatsSecrets)]
        return sorted(self.foreman.secrets().union(*(fault.secrets.all for fault in careless)))

    def _armed(self, bmc: Bmc) -> bool:
        """Whether the next boot would wipe this host: in build with a live token, and the network first."""
        name = bmc.machine.name
        if not bmc.hardware.armed or self.foreman.live_token(name) is None:
            return False
        return bool(self.foreman.host_counts(name)["in_build"])

    def host(self, name: str) -> dict[str, Any]:
        """All that GET /hosts/<fqdn> shows. KeyError for a host that is not in the lab."""
        bmc = self.fleet.bmcs[name]
        hardware = bmc.hardware
        fault, service = self.faults.get(name), self.fleet.service(name)
        ipmi = self.fleet.ipmi.get(name)
        sessions = [{"id": one.id, "user": one.user} for one in bmc.sessions.open()]
        if ipmi is not None:
            sessions = [{"id": str(one.id), "user": ipmi.sessions.username.decode()} for one in ipmi.sessions.open()]
        return {
            "name": name,
            "model": bmc.machine.model,
            "mac": bmc.machine.mac,
            "family": bmc.family.name if ipmi is None else "ipmi",
            "bmc": self.fleet.address(name),
            "power": hardware.power,
            "reported_power": hardware.reported,
            "phase": hardware.phase,
            "boot": {
                "target": hardware.boot.target,
                "enabled": hardware.boot.enabled,
                "mode": hardware.boot.mode,
                "pending_mode": hardware.pending_mode,
            },
            "bios": self._bios(hardware),
            "last_boot": hardware.last_boot,
            "boots": hardware.boots,
            "wipes": hardware.wipes,
            "resets": hardware.resets,
            "mode_changes": hardware.mode_changes,
            "requests": service.requests,
            "peak_requests": service.peak,
            "sessions": sessions,
            "armed": self._armed(bmc),
            "foreman": self.foreman.host_counts(name),
            "fault": None if fault is None else fault.document(),
            "log": [{"at": at, "what": what} for at, what in hardware.log],
        }

    def _bios(self, hardware: Hardware) -> dict[str, Any] | None:
        """What the machine boots from, where its BMC shows it."""
        bios = hardware.bios
        if bios is None:
            return None
        jobs = [{"id": job.id, "target": job.target, "state": job.state} for job in bios.jobs]
        return {"order": bios.orders[hardware.boot.mode], "once": bios.once, "pending": bios.pending, "jobs": jobs}

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path.startswith("/hosts/"):
            return await self._host(request, path.removeprefix("/hosts/").lower())
        if path == "/quads" and request.method == "POST":
            return await self._control_quads(request)
        if path == "/bmcs" and request.method == "POST":
            return await self._control_bmcs(request)
        if path == "/foreman" and request.method == "POST":
            return await self._control_foreman(request)
        pages: dict[str, Callable[[], Any]] = {
            "/": lambda: ABOUT,
            "/counts": self.counts,
            "/secrets": self.secrets,
            "/faults": lambda: {name: fault.document() for name, fault in self.faults.items()},
        }
        page = pages.get(path)
        if page is None:
            return _json({"error": f"no such page: {path}"}, 404)
        if request.method != "GET":
            return _json({"error": "only GET here"}, 405)
        return _json(page())

    async def _control_foreman(self, request: web.BaseRequest) -> web.Response:
        try:
            self.foreman.control(json.loads(await request.read()))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            return _json({"error": f"cannot be done: {error!r}"}, 400)
        return _json(self.foreman.counts())

    async def _control_bmcs(self, request: web.BaseRequest) -> web.Response:
        try:
            lasting = frozenset(json.loads(await request.read())["repeats_secrets"])
        except (ValueError, LookupError, TypeError) as error:
            return _json({"error": f"cannot be done: {error!r}"}, 400)
        for name, service in self.fleet.services.items():
            service.fault = RepeatsSecrets(lasting=name in lasting)
        return _json(self.fleet.counts())

    async def _control_quads(self, request: web.BaseRequest) -> web.Response:
        if self.quads is None:
            return _json({"error": "there is no QUADS in this lab"}, 404)
        try:
            await self.quads.control(json.loads(await request.read()))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return _json({"error": f"cannot be done: {error!r}"}, 400)
        return _json(self.quads.counts())

    async def _host(self, request: web.BaseRequest, name: str) -> web.Response:
        if name not in self.fleet.bmcs:
            return _json({"error": f"no such host: {name}"}, 404)
        if request.method == "POST":
            try:
                wanted = json.loads(await request.read())
            except ValueError:
                wanted = None
            if isinstance(wanted, dict) and "first_nic" in wanted:
                return self._prefer(name, wanted["first_nic"])
            power = wanted.get("power") if isinstance(wanted, dict) else None
            if power not in ("On", "Off"):
                return _json({"error": 'expected {"power": "On"}, {"power": "Off"} or {"first_nic": NAME}'}, 400)
            changed = self.fleet.service(name).press_power_button(power)
            return _json({"changed": changed, **self.host(name)})
        if request.method != "GET":
            return _json({"error": "only GET and POST here"}, 405)
        return _json(self.host(name))

    def _prefer(self, name: str, nic: object) -> web.Response:
        """Somebody at the rack puts a NIC before the others in the BIOS setup."""
        bios = self.fleet.bmcs[name].hardware.bios
        if bios is None or nic not in bios.nics["Legacy"]:
            return _json({"error": f"no such NIC in the setup of {name}"}, 400)
        bios.prefer(str(nic))
        return _json(self.host(name))


def _json(value: Any, status: int = 200) -> web.Response:
    return web.json_response(value, status=status)
