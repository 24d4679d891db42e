"""badfish, the tool that QUADS runs, as a client of each family over TLS, judged by what the machines did."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.effort import WHOLE

if importlib.util.find_spec("badfish") is None:
    pytest.skip("badfish is not installed", allow_module_level=True)

pytestmark = pytest.mark.xdist_group("badfish")  # it is imported once
MODELS = ("R650", "R620", "R670", "DL360", "6048R", "1029U", "SR650", "GB200", "DGXH100")
if WHOLE:  # which behave towards it as one of those does
    MODELS += ("R630", "DL320", "120U", "621C", "3500RX")
ALL = ("--power-state", "--power-off", "--pxe", "--power-on")
# What badfish cannot do, by model: the commands, what it says, and why.
KNOWN: dict[str, tuple[tuple[str, ...], str, str]] = {
    "R620": (("--pxe",), "error code is 400", "it believes an error status for a change that was made"),
    "R670": (("--pxe",), "read-only property", "it knows no settings object for the boot override"),
    "6048R": (ALL, "Failed to authenticate", "its POST of the login becomes a GET at a 301"),
    "1029U": (("--pxe",), "error code is 204", "it takes 200 alone for success"),
    "120U": (("--pxe",), "error code is 204", "it takes 200 alone for success"),
    "621C": (("--pxe",), "error code is 204", "it takes 200 alone for success"),
    "GB200": (ALL, "", "it takes the first of two systems, here the one without a power button, and one 503 for the end"),
    "DGXH100": (("--pxe",), "error code is 428", "it sends no If-Match"),
    "3500RX": (("--pxe",), "error code is 428", "it sends no If-Match"),
}
SEED = 22  # with it the R620 answers its first PATCH with an error status, and the GB200 lists its baseboard first
# badfish with its waits shortened as much as the emulated time is. Its imports take most of a second, so they are made once and each
# command is a process that was forked from there.
PROGRAM = """
import asyncio, gc, json, os, sys
wait = asyncio.sleep
asyncio.sleep = lambda seconds, result=None: wait(seconds / 200, result)
from badfish.main import main
gc.freeze()
for line in sys.stdin:
    words = json.loads(line)
    reader, writer = os.pipe()
    if not os.fork():
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        sys.argv[1:] = words
        try:
            status = main()
        except SystemExit as end:
            status = end.code
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status or 0)  # to take apart what is imported would take most of its time
    os.close(writer)
    with os.fdopen(reader) as said:
        text = said.read()
    print(json.dumps([os.waitstatus_to_exitcode(os.wait()[1]), text]), flush=True)
"""


@pytest.fixture(scope="module")
def commands(certificate: tuple[ssl.SSLContext, str]) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "SSL_CERT_FILE": certificate[1]}  # aiohttp reads it when it is imported
    words = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


async def badfish(commands: subprocess.Popen[str], lab: Any, command: str) -> tuple[int, str]:
    """Exit status and all that it said."""
    host = lab.url().removeprefix("https://")
    words = ("-H", host, "-u", "root", "-p", "calvin's heir", "-r", "3", command)
    assert commands.stdin is not None
    assert commands.stdout is not None
    print(json.dumps(words), file=commands.stdin, flush=True)
    status, said = json.loads(await asyncio.to_thread(commands.stdout.readline))
    return status, said


@pytest.mark.parametrize("model", MODELS)
async def test_badfish_switches_off_sets_pxe_and_switches_on(start: Any, commands: subprocess.Popen[str], model: str) -> None:
    lab = await start(model, tls=True, seed=SEED)
    hardware = lab.bmc().hardware
    wrong = {}
    done = {
        "--power-state": lambda: True,
        "--power-off": lambda: hardware.power == "Off",
        "--pxe": lambda: hardware.armed,
        "--power-on": lambda: hardware.power in ("On", "PoweringOn"),
    }
    for command in ALL:
        status, said = await badfish(commands, lab, command)
        if status != 0 or not done[command]():
            wrong[command] = said
    expected, words, _ = KNOWN.get(model, ((), "", ""))
    assert tuple(wrong) == expected, wrong
    assert all(words in said for said in wrong.values()), wrong
    assert lab.fleet.counts()["sessions_open"] == 0
