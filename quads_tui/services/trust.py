"""Whom we believe to be who they say: one TLS context per policy, pins on first use kept in a file."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import ssl
import warnings
from pathlib import Path

import aiohttp

from quads_tui.inputs import TlsPolicy
from quads_tui.inputs.private_directory import make_private
from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.text import clean

_LEGACY_RENEGOTIATION = 0x4  # SSL_OP_LEGACY_SERVER_CONNECT, which Python names from 3.12 on

Trusted = ssl.SSLContext | aiohttp.Fingerprint | bool


class TrustBroken(QuadsTuiError):
    """A policy cannot be used: its CA file or the file of pins is missing or damaged. The message names the file."""


class Pin(aiohttp.Fingerprint):
    """Believes the first certificate that it sees of an origin, and from then on only that one."""

    def __init__(self, origin: str, known: str, path: Path | None) -> None:
        super().__init__(bytes.fromhex(known) if known else bytes(32))
        self.origin = origin
        self.known = known
        self.path = path
        self.reason = ""
        self.fresh = False

    def check(self, transport: asyncio.Transport) -> None:
        """aiohttp asks this after the handshake and before anything is sent."""
        tls = transport.get_extra_info("ssl_object")
        if tls is None:
            return
        found = hashlib.sha256(tls.getpeercert(binary_form=True) or b"").hexdigest()
        if not self.known:
            self.known, self.fresh = found, True
        if found != self.known:
            self.reason = (
                f"the certificate of {self.origin} has changed: pinned sha256:{self.known}, now sha256:{found}; "
                f"if that is expected, delete its line from {self.path or 'the pins'}"
            )
            peer = transport.get_extra_info("peername") or ("", 0)
            raise aiohttp.ServerFingerprintMismatch(bytes.fromhex(self.known), bytes.fromhex(found), peer[0], peer[1])


class Trust:
    """Gives what aiohttp takes as `ssl` for a policy and an origin, each built once."""

    def __init__(self, pins: Path | None = None) -> None:
        self._path = pins
        self._pins: dict[str, Pin] = {}
        self._known: dict[str, str] | None = None
        self._contexts: dict[tuple[Path | None, bool, bool], asyncio.Future[ssl.SSLContext]] = {}
        self._fingerprints: dict[str, aiohttp.Fingerprint] = {}
        self._lock = asyncio.Lock()

    async def of(self, policy: TlsPolicy, origin: str) -> Trusted:
        """Raises TrustBroken. Files are read in a thread."""
        if policy.old:
            return await self._context(policy.ca_file, verify=policy.kind != "off", old=True)
        if policy.kind == "off":
            return False
        if policy.fingerprint:
            return self._fingerprint(policy.fingerprint)
        if policy.kind == "first_use":
            return await self._pin(origin)
        if policy.ca_file is not None:
            return await self._context(policy.ca_file)
        return True

    async def remember(self, trusted: Trusted) -> None:
        """Write a pin made a moment ago to the file."""
        if not isinstance(trusted, Pin) or not trusted.fresh:
            return
        trusted.fresh = False
        if self._path is None or self._known is None:
            return
        async with self._lock:
            self._known[trusted.origin] = trusted.known
            try:
                await asyncio.to_thread(_write, self._path, dict(self._known))
            except OSError as error:
                raise TrustBroken(f"the pins cannot be written to {self._path}: {clean(error.strerror)}") from None

    def _fingerprint(self, text: str) -> aiohttp.Fingerprint:
        digest = text.lower().removeprefix("sha256:").replace(":", "")
        if digest not in self._fingerprints:
            try:
                self._fingerprints[digest] = aiohttp.Fingerprint(bytes.fromhex(digest))
            except ValueError:
                raise TrustBroken("the fingerprint of the TLS policy is not sha256:<64 hexadecimal digits>") from None
        return self._fingerprints[digest]

    async def _pin(self, origin: str) -> Pin:
        async with self._lock:
            if self._known is None:
                self._known = await asyncio.to_thread(_read, self._path) if self._path else {}
            if origin not in self._pins:
                self._pins[origin] = Pin(origin, self._known.get(origin, ""), self._path)
        return self._pins[origin]

    async def _context(self, path: Path | None, *, verify: bool = True, old: bool = False) -> ssl.SSLContext:
        """15 ms of work each, so in a thread and once."""
        loaded = self._contexts.get((path, verify, old))
        if loaded is not None and loaded.done():
            return loaded.result()
        async with self._lock:
            context = self._contexts.get((path, verify, old))
            if context is None:
                loading = asyncio.to_thread(_load, path, verify, old)
                context = self._contexts[path, verify, old] = asyncio.ensure_future(loading)
        return await asyncio.shield(context)


def _load(path: Path | None, verify: bool, old: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(path) if path else None)
    except (OSError, ssl.SSLError) as error:
        raise TrustBroken(f"the CA file {path} cannot be used: {clean(error)}") from None
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if old:
        with warnings.catch_warnings():  # that it is deprecated is the point
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("ALL:@SECLEVEL=0")  # RSA key exchange, SHA-1 and short keys too
        context.options |= _LEGACY_RENEGOTIATION
    return context


def _read(path: Path) -> dict[str, str]:
    try:
        data = json.loads(path.read_bytes())
        if not isinstance(data, dict) or not all(len(bytes.fromhex(pin)) == 32 for pin in data.values()):
            raise ValueError
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, RecursionError):
        raise TrustBroken(f"the pins in {path} cannot be read: repair or delete that file") from None
    return data


def _write(path: Path, pins: dict[str, str]) -> None:
    make_private(path.parent, path.parent)
    beside = path.with_name(path.name + ".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(pins, file, indent=0, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
