"""Off, PXE, on against emulators that others wrote: sushy-tools' (TLS, Basic, no sessions) and badfish's (TLS, sessions)."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import bcrypt
import pytest
import trustme

from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.services.http import Http
from quads_tui.services.redfish import Bmc
from quads_tui.services.redfish.connection import BmcConnection
from tests.clocks import FastClock
from tests.waiting import PATIENCE, wait_for

from .conftest import Told


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@contextmanager
def running(words: list[str], port: int, directory: Path, environment: dict[str, str]) -> Iterator[None]:
    """A server process, from its first accepted connection on."""
    log = directory / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out, cwd=directory, env={**os.environ, **environment})
    try:

        def listens() -> bool:
            assert process.poll() is None, log.read_text()
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            return False

        wait_for(listens)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


@asynccontextmanager
async def client(port: int, tls: TlsPolicy, user: str, password: str) -> AsyncIterator[tuple[Bmc, Told]]:
    clock, told = FastClock(speed=1.0, floor=60.0), Told()  # its power takes 1 to 11 real seconds to change
    http = Http(clock)
    address = f"https://127.0.0.1:{port}"
    bmc = Bmc(
        BmcConnection(
            http,
            address=address,
            host="h1.example.com",
            username=user,
            password=Secret(password),
            tls=tls,
            clock=clock,
            limits=Limits(),
            meter=Meter(),
            acts=told,
        )
    )
    try:
        yield bmc, told
    finally:
        await bmc.close()
        await http.close()


def sushy_emulator(directory: Path, port: int, systems: int) -> list[str]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    server = authority.issue_cert("127.0.0.1")
    server.private_key_pem.write_to_path(str(directory / "key.pem"))
    server.cert_chain_pems[0].write_to_path(str(directory / "cert.pem"))
    (directory / "htpasswd").write_text("admin:" + bcrypt.hashpw(b"sesame", bcrypt.gensalt(4)).decode() + "\n")
    fleet = [{"uuid": str(uuid.uuid4()), "name": f"n{n}", "power_state": "On", "nics": []} for n in range(systems)]
    settings = {
        "SUSHY_EMULATOR_FAKE_DRIVER": True,
        "SUSHY_EMULATOR_FAKE_SYSTEMS": fleet,
        "SUSHY_EMULATOR_STATE_DIR": str(directory),
        "SUSHY_EMULATOR_SSL_CERT": str(directory / "cert.pem"),
        "SUSHY_EMULATOR_SSL_KEY": str(directory / "key.pem"),
        "SUSHY_EMULATOR_AUTH_FILE": str(directory / "htpasswd"),
    }
    config = directory / "emulator.conf"
    config.write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()))
    program = str(Path(sys.executable).with_name("sushy-emulator"))
    return [program, "--config", str(config), "-i", "127.0.0.1", "-p", str(port)]


async def test_sushy_emulator(tmp_path: Path) -> None:
    port = free_port()
    with running(sushy_emulator(tmp_path, port, 1), port, tmp_path, {}):
        async with client(port, TlsPolicy("ca_file", ca_file=tmp_path / "ca.pem"), "admin", "sesame") as (bmc, told):
            deadline = bmc._connection.clock.deadline(600)
            assert (await bmc.observe(deadline)).power == "On"
            await bmc.ensure_off(deadline)
            assert "PXE stays set until the install ends" in await bmc.ensure_pxe_next(deadline)  # it knows no Once
            assert bmc.pxe_persistent
            assert await bmc.pxe_armed()
            await bmc.ensure_on(deadline)
            assert await bmc.ensure_on(deadline) == "was on already"
            await bmc.clear_override(deadline)
            assert not await bmc.pxe_armed()
            resets = [detail["type"] for act, detail in told.intents if act == "reset"]
            assert resets == ["ForceOff", "On"]


async def test_sushy_emulator_with_two_systems_is_not_guessed_at(tmp_path: Path) -> None:
    port = free_port()
    with running(sushy_emulator(tmp_path, port, 2), port, tmp_path, {}):
        async with client(port, TlsPolicy("off"), "admin", "sesame") as (bmc, told):
            with pytest.raises(StageFailure, match="not clear which is meant") as failure:
                await bmc.ensure_off(bmc._connection.clock.deadline(60))
            assert failure.value.cause is Cause.PROTOCOL
            assert told.intents == []


async def test_sushy_emulator_and_a_wrong_password(tmp_path: Path) -> None:
    port = free_port()
    with running(sushy_emulator(tmp_path, port, 1), port, tmp_path, {}):
        async with client(port, TlsPolicy("off"), "admin", "wrong") as (bmc, _):
            with pytest.raises(StageFailure) as failure:
                await bmc.ensure_off(bmc._connection.clock.deadline(60))
            assert failure.value.cause is Cause.CREDENTIALS
            assert "wrong" not in failure.value.reason


async def test_badfish_emulator(tmp_path: Path) -> None:
    port = free_port()
    words = [sys.executable, "-m", "badfish.main", "--redfish-emulator", "--bind", "127.0.0.1", "--port", str(port)]
    environment = {
        "BADFISH_EMULATOR_USER": "quads",
        "BADFISH_EMULATOR_PASSWORD": "quads",
        "BADFISH_EMULATOR_CERTS": str(tmp_path),
    }
    with running(words, port, tmp_path, environment):
        async with client(port, TlsPolicy("off"), "quads", "quads") as (bmc, _):
            deadline = bmc._connection.clock.deadline(600)
            await bmc.ensure_off(deadline)
            assert await bmc.ensure_pxe_next(deadline) == ""
            assert await bmc.pxe_armed()
            await bmc.ensure_on(deadline)
            await asyncio.sleep(0)
            assert (await bmc.observe(deadline)).power == "On"
