"""Two consoles in two network namespaces, one emulated Foreman, one shared write queue: what the servers saw, fault by fault.

python -m benchmarks.two_consoles [--hosts 12] [--speed 100] [--seeds 1] [--faults none,kill,database]

Needs root (network namespaces) and a PostgreSQL 15 or newer. The namespaces reach the emulators and the database by Unix sockets
that pass on to the loopback addresses, since a rehearsal's speed is for loopback only. kill: SIGKILL of the first console at a
random moment, then `resume`; database: stopped at a random moment for 5 s.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import fcntl
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import yaml

from tests.e2e.conftest import Lab, emulated
from tests.postgres import PostgresServer, new_database

_CLONE_NEWNET = 0x40000000
_OUTAGE = 5.0  # seconds


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _outside(directory: Path, ports: list[int]) -> None:
    """For each port a Unix socket that leads to it."""

    async def serve(port: int) -> None:
        async def on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                there, back = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                writer.close()
                return
            await asyncio.gather(_pass(reader, back), _pass(there, writer))

        await asyncio.start_unix_server(on, directory / str(port))

    for port in ports:
        await serve(port)
    (directory / "ready").touch()
    await asyncio.Event().wait()


async def _inside(directory: Path, ports: list[int], command: list[str]) -> int:
    """In a namespace of its own: the ports on its loopback, and the command."""
    for port in ports:

        async def on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int = port) -> None:
            there, back = await asyncio.open_unix_connection(directory / str(port))
            await asyncio.gather(_pass(reader, back), _pass(there, writer))

        await asyncio.start_server(on, "127.0.0.1", port)
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.DEVNULL)
    return await process.wait()


def _new_namespace() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:  # its loopback is down at first
        up = struct.pack("16sH14s", b"lo", 0x1 | 0x40, b"")
        fcntl.ioctl(any_socket, 0x8914, up)


def _ports(lab: Lab, dsn: str) -> list[int]:
    text = lab.site.read_text() + lab.assignment.read_text() + dsn
    return sorted({int(port) for port in re.findall(r"(?:127\.0\.0\.1|localhost):(\d+)", text)})


def _console(lab: Lab, name: str, words: list[str], ports: list[int], sockets: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "quads_tui", *words, "--json", "--yes", "--state-dir", str(lab.directory / name)]
    inside = [sys.executable, "-m", "benchmarks.two_consoles", "--inside", json.dumps([str(sockets), ports, command])]
    environment = {**os.environ, "QUADS_TUI_LOCKS": str(lab.directory / f"locks-{name}")}
    with (lab.directory / f"{name}.out").open("ab") as out:
        return subprocess.Popen(inside, stdout=out, stderr=out, env=environment, start_new_session=True)


def one(hosts: int, speed: float, fault: str, seed: int) -> dict[str, object]:
    """One rollout of both consoles, with one fault; gives the counts of the emulators."""
    moment = random.Random(seed)
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = PostgresServer()
        stack.callback(server.remove)
        server.start()
        lab = stack.enter_context(emulated(place / "lab", hosts=hosts, speed=speed, seed=seed))
        dsn = new_database(server.port)
        assert lab.run("cluster", "init", "--cluster", dsn).returncode == 0
        site = yaml.safe_load(lab.site.read_text())
        site["foreman"]["write_queue"] = {"dsn": dsn}
        lab.site.write_text(yaml.safe_dump(site))
        sockets = place / "sockets"
        sockets.mkdir()
        ports = _ports(lab, dsn)
        threading.Thread(target=lambda: asyncio.run(_outside(sockets, ports)), daemon=True).start()
        while not (sockets / "ready").exists():
            time.sleep(0.01)
        assignment = yaml.safe_load(lab.assignment.read_text())
        consoles = []
        for number, name in enumerate(("one", "two")):
            path = lab.directory / f"{name}.yaml"
            path.write_text(yaml.safe_dump({**assignment, "hosts": assignment["hosts"][number::2]}))
            consoles.append(_console(lab, name, ["run", str(path), "--site", str(lab.site)], ports, sockets))
        while lab.counts()["foreman"]["writes"] < 1 + moment.randrange(hosts // 2):
            time.sleep(0.005)
        time.sleep(moment.random() * 0.2)
        if fault == "kill":
            os.killpg(consoles[0].pid, signal.SIGKILL)
            consoles[0].wait()
            consoles[0] = _console(lab, "one", ["resume"], ports, sockets)
        elif fault == "database":
            server.stop()
            time.sleep(_OUTAGE)
            server.start()
        ends = [console.wait(300) for console in consoles]
        counts = lab.counts()
        machines = counts["hosts"].values()
        return {
            "fault": fault,
            "seed": seed,
            "ends": ends,
            "writes": counts["foreman"]["writes"],
            "peak_writes": counts["foreman"]["peak_writes"],
            "built": sum(machine["built"] == 1 for machine in machines),
            "wiped twice": sum(machine["wipes"] > 1 for machine in machines),
            "sessions left": counts["bmc"]["sessions_open"],
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=12)
    parser.add_argument("--speed", type=float, default=100.0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--faults", default="none,kill,database")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        directory, ports, command = json.loads(given.inside)
        _new_namespace()
        sys.exit(asyncio.run(_inside(Path(directory), ports, command)))
    for fault in given.faults.split(","):
        for seed in range(1, given.seeds + 1):
            print(json.dumps(one(given.hosts, given.speed, fault, seed)), flush=True)


if __name__ == "__main__":
    main()
