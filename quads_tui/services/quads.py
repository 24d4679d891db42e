"""The QUADS API v3 client (2.0 and 2.1, and 2.2 with its tracking of moves): what is to be moved, and what became of it.

QUADS answers a PATCH whose commit it rolled back with 200 and the old record: every answer is compared with what was asked.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from quads_tui.inputs import Limits, Secret, TlsPolicy
from quads_tui.rollout.meters import Meter
from quads_tui.rollout.ports import Clock
from quads_tui.rollout.text import clean

from .http import Answer, Http, NoAnswer, NotJson

_BODY = 64 << 20  # GET /hosts is a megabyte for 700 hosts
_TOTAL = 30.0  # own seconds: GET /moves takes more than one for 700 hosts


class QuadsTrouble(Exception):
    """QUADS did not do it; clean words. `final`: asking again helps nobody, it understood and will not."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


@dataclass(frozen=True, slots=True)
class Move:
    """One host that QUADS wants elsewhere: cloud names."""

    host: str
    current: str
    new: str


@dataclass(frozen=True, slots=True)
class QuadsAssignment:
    """The active assignment of a cloud."""

    id: int
    cloud: str
    description: str
    owner: str
    ticket: str
    ccuser: tuple[str, ...]
    wipe: bool
    os: str  # 2.2 and later; else empty


@dataclass(frozen=True, slots=True)
class QuadsHost:
    name: str
    model: str
    cloud: str
    broken: bool
    retired: bool


class Quads:
    """One QUADS server. Reads need no login; writes carry a token that lives 100 minutes (2.1) and is made anew on a 401.

    Every call raises QuadsTrouble.
    """

    def __init__(
        self, http: Http, *, url: str, username: str, password: Secret, tls: TlsPolicy, clock: Clock, limits: Limits, meter: Meter
    ) -> None:
        self.url = url.rstrip("/")
        self._http = http
        self._username = username
        self._password = password
        self._tls = tls
        self._clock = clock
        self._limits = limits
        self._meter = meter
        self._token = ""

    async def version(self) -> str:
        """Such as "QUADS version 2.1.0 bowie"."""
        found = await self._get("version")
        return clean(found, 80) if isinstance(found, str) else ""

    async def moves(self, date: str = "") -> list[Move]:
        """What QUADS would move now, or at `date` (YYYY-MM-DDTHH:MM)."""
        found = await self._get("moves", {"date": date} if date else {})
        return [
            Move(_text(item, "host"), _text(item, "current"), _text(item, "new"))
            for item in _mappings(found)
            if _text(item, "host") and _text(item, "new")
        ]

    async def assignment(self, cloud: str) -> QuadsAssignment | None:
        """The active assignment of a cloud; None where it has none, as the spare pool."""
        found = await self._get(f"assignments/active/{quote(cloud)}")
        if not isinstance(found, Mapping) or not isinstance(found.get("id"), int):
            return None
        if not isinstance(found.get("wipe"), bool):
            raise QuadsTrouble(f"QUADS does not say whether {cloud} is to be wiped", final=True)
        people = found.get("ccuser")
        return QuadsAssignment(
            id=found["id"],
            cloud=cloud,
            description=_text(found, "description"),
            owner=_text(found, "owner"),
            ticket=_text(found, "ticket"),
            ccuser=tuple(clean(name, 100) for name in people if isinstance(name, str)) if isinstance(people, list) else (),
            wipe=found["wipe"],
            os=_text(found, "ostype"),
        )

    async def hosts(self) -> dict[str, QuadsHost]:
        """All of them; a second or two on a big QUADS."""
        found = {}
        for item in _mappings(await self._get("hosts")):
            name = _text(item, "name").lower()
            found[name] = QuadsHost(
                name,
                _text(item, "model"),
                _cloud(item),
                broken=item.get("broken") is True,
                retired=item.get("retired") is True,
            )
        return found

    async def schedules(self, cloud: str) -> dict[str, int]:
        """The ids of the current schedules of a cloud's hosts, by host."""
        found = {}
        for item in _mappings(await self._get("schedules/current", {"cloud": cloud})):
            host = item.get("host")
            name = _text(host, "name") if isinstance(host, Mapping) else _text(item, "host")
            if name and isinstance(item.get("id"), int):
                found[name.lower()] = item["id"]
        return found

    async def tracks(self) -> bool:
        """Whether this server keeps the progress of moves (2.2 and later)."""
        answer = await self._exchange("GET", "moves/progress/", None, {})
        if answer.status == 404:
            return False
        self._json(answer, "GET moves/progress/")
        return True

    # Writes

    async def tell_progress(self, schedule: int, status: str, message: str, error: str) -> None:
        """PATCH /moves/progress/<schedule>: one of QUADS' own stages, completed or failed."""
        body: dict[str, object] = {"status": status, "message": message}
        if error:
            body["error_message"] = error
        await self._patch(f"moves/progress/{schedule}", body, {"status": status})

    async def tell_host(self, host: str, cloud: str, built_at: str) -> None:
        """The host is in its new cloud: build true (done, in QUADS' words), not validated. `built_at`: YYYY-MM-DDTHH:MM.

        Sent without the time once more where that is what QUADS stumbles over.
        """
        wanted: dict[str, object] = {"cloud": cloud, "build": True, "validated": False}
        try:
            await self._patch(f"hosts/{quote(host)}", {**wanted, "last_build": built_at}, wanted)
        except QuadsTrouble as trouble:
            if not trouble.final:
                raise
            await self._patch(f"hosts/{quote(host)}", wanted, wanted)

    async def tell_schedule(self, schedule: int, begun_at: str, built_at: str) -> None:
        """When the move of this schedule began and ended: YYYY-MM-DDTHH:MM."""
        await self._patch(f"schedules/{schedule}", {"build_start": begun_at, "build_end": built_at}, {})

    async def tell_assignment(self, assignment: int, *, provisioned: bool, validated: bool) -> None:
        wanted: dict[str, object] = {"provisioned": provisioned, "validated": validated}
        await self._patch(f"assignments/{assignment}", wanted, wanted)

    async def log_in(self) -> None:
        """Earn a token with Basic (POST /login/)."""
        basic = base64.b64encode(f"{self._username}:{self._password.reveal()}".encode()).decode()
        answer = await self._exchange("POST", "login/", None, {"Authorization": f"Basic {basic}"})
        if answer.status == 401:
            raise QuadsTrouble(f"QUADS does not take the login of {clean(self._username, 40)}", final=True)
        found = self._json(answer, "POST login/")
        token = found.get("auth_token") if isinstance(found, Mapping) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise QuadsTrouble("QUADS answered the login without a token")
        self._token = token

    async def _patch(self, path: str, body: Mapping[str, object], wanted: Mapping[str, object]) -> None:
        if not self._token:
            await self.log_in()
        answer = await self._exchange("PATCH", path, body, {"Authorization": f"Bearer {self._token}"})
        if answer.status == 401:
            await self.log_in()
            answer = await self._exchange("PATCH", path, body, {"Authorization": f"Bearer {self._token}"})
        found = self._json(answer, f"PATCH {path}")
        unlike = [name for name, value in wanted.items() if _member(found, name) != value]
        if unlike:
            raise QuadsTrouble(f"QUADS answered {answer.status} but did not take over {', '.join(unlike)}", final=True)

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        where = f"{path}?{urlencode(query)}" if query else path
        return self._json(await self._exchange("GET", where, None, {}), f"GET {path}")

    async def _exchange(self, method: str, path: str, body: Mapping[str, object] | None, headers: Mapping[str, str]) -> Answer:
        try:
            return await self._http.request(
                method,
                f"{self.url}/api/v3/{path}",
                service="quads",
                meter=self._meter,
                tls=self._tls,
                headers=headers,
                json=body,
                connect=self._clock.real(self._limits.connect, 5.0),
                total=self._clock.real(_TOTAL, 15.0),
                max_body=_BODY,
            )
        except NoAnswer as error:
            raise QuadsTrouble(f"QUADS does not answer: {error.reason}") from None

    def _json(self, answer: Answer, what: str) -> Any:
        """Raises QuadsTrouble in the server's words for what is no success, and for what is no JSON."""
        try:
            found = answer.json()
        except NotJson as error:
            raise QuadsTrouble(f"QUADS answered {what} with HTTP {answer.status} and {error.reason}") from None
        if answer.ok:
            return found
        words = ""
        if isinstance(found, Mapping):
            words = _text(found, "message") or _text(found, "error")
        busy = answer.status >= 500 or answer.status in (401, 429)
        raise QuadsTrouble(f"QUADS refused {what}: HTTP {answer.status} {words}".rstrip(), final=not busy)


def _member(found: object, name: str) -> object:
    """A member of a record; a cloud by its name."""
    if not isinstance(found, Mapping):
        return None
    return _cloud(found) if name == "cloud" else found.get(name)


def _cloud(record: Mapping[str, Any]) -> str:
    cloud = record.get("cloud")
    return _text(cloud, "name") if isinstance(cloud, Mapping) else _text(record, "cloud")


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    return clean(value, 200) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _mappings(found: object) -> Sequence[Mapping[str, Any]]:
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []
