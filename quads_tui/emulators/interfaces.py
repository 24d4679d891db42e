"""What the emulated services have in common: their time, their machines, and what a booting machine asks of Foreman."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Time:
    """Emulated seconds: real ones times `speed`, counted from the start of the process."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._began = time.monotonic()
        self._epoch = datetime.now(UTC)

    def now(self) -> float:
        """Emulated seconds since the start."""
        return (time.monotonic() - self._began) * self.speed

    def utc(self) -> datetime:
        """The emulated wall clock, which runs `speed` times as fast as the real one."""
        return self._epoch + timedelta(seconds=self.now())

    async def sleep(self, seconds: float) -> None:
        """Emulated seconds; none for a negative number."""
        await asyncio.sleep(max(0.0, seconds) / self.speed)

    def retry_after(self, seconds: float) -> int:
        """A Retry-After header value: clients obey it in real seconds, whatever the speed."""
        return max(1, round(seconds / self.speed))


@dataclass(frozen=True, slots=True)
class Machine:
    """One bare-metal server of the emulated lab."""

    name: str  # FQDN, lower case
    model: str  # e.g. R650
    mac: str  # of the NIC that Foreman provisions through
    ipmi: bool = False  # its BMC has no usable Redfish and speaks IPMI


class Provisioner(Protocol):
    """What a machine that boots from PXE finds: the TFTP and unattended side of the emulated Foreman."""

    def live_token(self, host: str) -> str | None:
        """The build token in the host's PXE configuration, or None when it would boot its disk."""
        ...

    async def built(self, host: str, token: str) -> bool:
        """The installer's last call, `GET /unattended/built`."""
        ...

    async def failed(self, host: str, token: str, log: str) -> bool:
        """The installer gave up, `POST /unattended/failed`."""
        ...


def seeded(seed: int, *names: str) -> random.Random:
    """A generator that depends on the seed and the names alone, so that what one host draws never changes another's."""
    digest = hashlib.sha256("\0".join((str(seed), *names)).encode()).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))


class Draws:
    """Random numbers of one emulated thing, by what they are for.

    The nth draw for a purpose depends on the seed, the thing's names, the purpose and n, and not on what else was drawn: a
    machine takes the same time for its second POST however many requests its BMC has answered by then.
    """

    def __init__(self, seed: int, *names: str) -> None:
        self._seed, self._names = seed, names
        self._drawn: Counter[str] = Counter()

    def next(self, purpose: str) -> random.Random:
        """A fresh generator for the next draw of this purpose."""
        self._drawn[purpose] += 1
        return seeded(self._seed, *self._names, purpose, str(self._drawn[purpose]))


def lognormal(generator: random.Random, median: float, p95: float) -> float:
    """A draw from the log-normal distribution with this median and 95th percentile."""
    spread = (p95 / median) ** (1 / 1.6449)  # 1.6449 standard deviations reach the 95th percentile
    return float(median * spread ** generator.gauss(0.0, 1.0))
