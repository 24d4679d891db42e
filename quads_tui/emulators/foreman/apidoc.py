"""Foreman's description of its own API at /apidoc/v2.json (apipie), which hammer, apypie and foreman-ansible-modules read first.

Made from the routes, so that it never promises what this server does not have. Of parameters it has what those clients look at:
their names and types, and which of them are required.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .routing import Route

_NESTED = frozenset({"parameters", "media", "ptables", "roles", "interfaces"})  # collections below another resource
_ACTIONS = {"GET": ("index", "show"), "POST": ("create", ""), "PUT": ("", "update"), "DELETE": ("", "destroy")}
_HOST = {
    "build": "boolean", "owner_id": "numeric", "owner_type": "string", "operatingsystem_id": "numeric", "ptable_id": "numeric",
    "medium_id": "numeric", "progress_report_id": "string", "comment": "string",
}  # fmt: skip
_BODIES = {
    ("hosts", "update"): ("host", _HOST),
    ("users", "update"): ("user", {"firstname": "string", "lastname": "string", "mail": "string"}),
    ("parameters", "create"): ("parameter", {"name": "string", "value": "string"}),
    ("parameters", "update"): ("parameter", {"name": "string", "value": "string"}),
}
_INDEX = {"search": "string", "order": "string", "page": "numeric", "per_page": "string", "thin": "boolean"}


def apidoc(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """The document as apipie writes it, for these routes."""
    resources: dict[str, dict[str, dict[str, Any]]] = {}
    for one in routes:
        resource, action, url = _placed(one)
        methods = resources.setdefault(resource, {})
        method = methods.setdefault(action, _method(resource, action))
        method["apis"].append({"api_url": url, "http_method": one.method, "short_description": "", "deprecated": None})
        known = {param["name"] for param in method["params"]}
        missing = [part[1:] for part in url.split("/") if part.startswith(":") and part[1:] not in known]
        method["params"] += [_param(name, "undef", required=len(method["apis"]) == 1) for name in missing]
    return {
        "docs": {
            "name": "Foreman",
            "info": f"Foreman {version}",
            "copyright": "",
            "doc_url": "/apidoc/v2",
            "api_url": "/api",
            "resources": {
                name: {
                    "name": name.capitalize(), "api_url": "/api", "version": "v2", "doc_url": f"/apidoc/v2/{name}",
                    "short_description": None, "full_description": "", "formats": None, "metadata": None, "headers": [],
                    "methods": list(methods.values()),
                }
                for name, methods in resources.items()
            },
        }
    }  # fmt: skip


def _placed(route: Route) -> tuple[str, str, str]:
    """The resource, the action, and the URL with the names that apipie gives to ids."""
    parts = route.path.split("/")
    collection, below = parts[0], parts[2:]
    if below and below[0] in _NESTED:
        url = "/".join(
            ("/api", collection, f":{collection.removesuffix('s')}_id", below[0], *([":id"] if len(below) > 1 else []))
        )
        return below[0], _ACTIONS[route.method][len(below) - 1], url
    action = "_".join(part for part in below if not part.startswith(":"))
    if action:
        action = f"{action}_{route.method.lower()}" if action == "power" and route.method == "GET" else action
    elif len(parts) == 2 and not parts[1].startswith(":"):
        action = parts[1]
    else:
        action = _ACTIONS[route.method][len(parts) - 1]
    return collection, action, f"/api/{route.path}"


def _method(resource: str, action: str) -> dict[str, Any]:
    params = [_param(name, kind) for name, kind in _INDEX.items()] if action == "index" else []
    if (body := _BODIES.get((resource, action))) is not None:
        name, members = body
        inner = [_param(member, kind, within=name) for member, kind in members.items()]
        params.append({**_param(name, "hash", required=True), "params": inner})
    return {
        "name": action, "doc_url": f"/apidoc/v2/{resource}/{action}", "apis": [], "formats": None, "full_description": "",
        "errors": [], "params": params, "examples": [], "metadata": None, "see": [], "headers": [], "show": True,
    }  # fmt: skip


def _param(name: str, kind: str, *, required: bool = False, within: str = "") -> dict[str, Any]:
    return {
        "name": name, "full_name": f"{within}[{name}]" if within else name, "description": "", "required": required,
        "allow_nil": True, "allow_blank": False, "validator": f"Must be a {kind}", "expected_type": kind, "metadata": None,
        "show": True, "validations": [],
    }  # fmt: skip
