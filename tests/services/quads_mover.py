"""QUADS' own mover (`quads --move-hosts` and its move_and_rebuild), as far as QUADS sees it: an executable reference.

It talks to QUADS with a client of its own, and does to hosts nothing at all. 2.0.5 and 2.1 say the same. Its switch configuration
is left out, as with `omit_network_move`: that is for QUADS' validation to do, whoever moved the host.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

_ADMIN = {"Authorization": aiohttp.encode_basic_auth("admin", "secret")}


@dataclass
class Mover:
    """`begun` and `built`: the naive times of QUADS' server when each host's move begins and ends."""

    url: str
    generation: str
    begun: str
    built: str
    fails: frozenset[str] = frozenset()
    under_way: Callable[[], None] = lambda: None  # what happens to QUADS while the hosts are moved
    _session: aiohttp.ClientSession = field(init=False)

    @property
    def newer(self) -> bool:
        return self.generation >= "2.2"

    async def run(self) -> None:
        """One run of cron."""
        async with aiohttp.ClientSession(headers=_ADMIN) as self._session:
            clouds: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
            for move in await self._get("moves"):
                clouds[move["new"]].append(move)
            for cloud, moves in clouds.items():
                await self._move(cloud, moves)

    async def repair(self) -> None:
        """What 2.2 does where nothing is to be moved: a cloud all of whose scheduled hosts are built is provisioned."""
        async with aiohttp.ClientSession(headers=_ADMIN) as self._session:
            for made in await self._get("assignments/active"):
                current = await self._get(f"schedules/current?cloud={made['cloud']['name']}")
                if not made["provisioned"] and current and all(one["host"]["build"] for one in current):
                    await self._patch(f"assignments/{made['id']}", {"provisioned": True, "validated": not made["wipe"]})

    async def _move(self, cloud: str, moves: list[dict[str, str]]) -> None:
        target = await self._get(f"assignments/active/{cloud}")
        for move in moves:
            await self._patch(f"hosts/{move['host']}", {"switch_config_applied": False, "provisioned": False, "build": False})
            if cloud != "cloud01" and target.get("wipe") and await self._get(f"schedules/current?cloud={cloud}"):
                await self._patch(f"assignments/{target['id']}", {"validated": False})
        tracked: dict[str, int] = {}
        if self.newer:
            answer = await self._send("POST", "moves/progress/batch", {"hostnames": [move["host"] for move in moves]})
            tracked = answer if isinstance(answer, dict) else {}
        sources = [move["current"] for move in moves]
        for source in dict.fromkeys(sources) if self.newer else sources[:1]:
            active = await self._get(f"assignments/active/{source}")
            if active and source != "cloud01" and not await self._get(f"schedules/current?cloud={source}"):
                await self._patch(f"assignments/{active['id']}", {"active": False})
        self.under_way()
        moved = [await self._rebuild(move["host"], cloud, tracked.get(move["host"])) for move in moves]
        if all(moved) and target:
            await self._patch(f"assignments/{target['id']}", {"provisioned": True, "validated": not target["wipe"]})

    async def _rebuild(self, host: str, cloud: str, tracked: int | None) -> bool:
        if host in self.fails:
            if self.newer:
                await self._patch(f"hosts/{host}", {"build": False, "validated": False, "switch_config_applied": False})
            if tracked is not None:
                await self._send("PATCH", f"moves/progress/{tracked}", {"status": "failed", "error_message": "Failed at reboot"})
            return False
        if current := await self._get(f"schedules/current?host={host}&cloud={cloud}"):
            await self._patch(f"schedules/{current[0]['id']}", {"build_start": self.begun, "build_end": self.built})
        more = {"overcloud": True} if self.newer else {}
        done = {"cloud": cloud, "build": True, "last_build": self.built, "validated": False}
        await self._patch(f"hosts/{host}", done | more)
        return True

    async def _get(self, path: str) -> Any:
        async with self._session.get(f"{self.url}/api/v3/{path}") as answer:
            return await answer.json()

    async def _patch(self, path: str, body: dict[str, object]) -> None:
        await self._send("PATCH", path, body)

    async def _send(self, method: str, path: str, body: dict[str, object]) -> Any:
        async with self._session.request(method, f"{self.url}/api/v3/{path}", json=body) as answer:
            return await answer.json() if answer.status in (200, 201) else None
