"""Opens the HTML report of a big rollout in headless Chromium: what its console says, what it asks for, how it looks.

    python benchmarks/report_in_chromium.py [--chromium PROGRAM] [--state-dir DIR] [--picture screenshots/report.png] [--dark]

Without --state-dir a rehearsal of 700 hosts with realistic faults is made first (two minutes). Prints one JSON object; exit
status 1 if the page says anything on its console, asks for anything but itself, or is wider than its window. A page that does
all three is opened before it, and must be caught. Needs Debian's `chromium`; libraries beside it by LD_LIBRARY_PATH.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp

from quads_tui.journal.reader import JournalReader
from quads_tui.render.report import as_html, build_report

WINDOW = (1280, 900)
TALLEST = 5300  # pixels of the picture
BAD = "<!DOCTYPE html><div style='width:5000px'>x</div><img src='missing.png'><script>console.error('heard')</script>"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--state-dir", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    if not options.chromium:
        parser.error("there is no chromium; name one with --chromium")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        text, told = _report(options.state_dir or _rehearsed(directory))
        page, bad = directory / "report.html", directory / "bad.html"
        page.write_text(text)
        bad.write_text(BAD)
        caught, seen = asyncio.run(_opened(options.chromium, directory / "profile", [bad, page], options))
    print(json.dumps({**told, **seen, "bad_page_caught": caught}, indent=1))
    quiet = not seen["console"] and len(seen["requests"]) == 1 and seen["width"] <= WINDOW[0]
    return 0 if quiet and caught["console"] and len(caught["requests"]) > 1 and caught["width"] > WINDOW[0] else 1


def _rehearsed(directory: Path) -> Path:
    command = [sys.executable, "-m", "quads_tui", "rehearse", "--hosts", "700", "--speed", "60", "--faults", "realistic"]
    subprocess.run([*command, "--headless", "--yes", "--state-dir", str(directory)], stderr=subprocess.DEVNULL, check=False)
    return directory


def _report(state: Path) -> tuple[str, dict[str, Any]]:
    """The page, and what it cost: CPU seconds and bytes."""
    journal = max((state / "rollouts").glob("*/journal.db"))
    began = time.process_time()
    with closing(JournalReader(journal)) as reader:
        facts, events, samples = reader.facts(), [event for _, event in reader.events()], list(reader.samples())
    read = time.process_time()
    report = build_report(facts, events, samples)
    worked = time.process_time()
    text = as_html(report)
    cpu = {"read": read - began, "account": worked - read, "html": time.process_time() - worked}
    figures = {"hosts": len(report.hosts), "events": len(events), "samples": len(samples), "bytes": len(text.encode())}
    return text, {**figures, "cpu_seconds": {name: round(value, 3) for name, value in cpu.items()}}


async def _opened(chromium: str, profile: Path, pages: list[Path], options: argparse.Namespace) -> list[dict[str, Any]]:
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0"]
    browser = subprocess.Popen(
        [chromium, *words, f"--user-data-dir={profile}", "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        port = profile / "DevToolsActivePort"
        while not port.exists() or not port.read_text().strip():
            if browser.poll() is not None:
                raise SystemExit("Chromium did not start")
            await asyncio.sleep(0.05)
        base = f"http://127.0.0.1:{port.read_text().split()[0]}"
        async with aiohttp.ClientSession() as session:
            return [await _look(session, base, page, options, page == pages[-1]) for page in pages]
    finally:
        browser.terminate()
        await asyncio.to_thread(browser.wait, 20)


async def _look(
    session: aiohttp.ClientSession, base: str, page: Path, options: argparse.Namespace, picture: bool
) -> dict[str, Any]:
    async with session.put(f"{base}/json/new?about:blank") as answer:
        target = (await answer.json())["webSocketDebuggerUrl"]
    async with session.ws_connect(target, max_msg_size=0) as socket:
        tab = Tab(socket)
        for domain in ("Log", "Runtime", "Network", "Page"):
            await tab.ask(f"{domain}.enable")
        if options.dark:
            await tab.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        size = {"width": WINDOW[0], "height": WINDOW[1], "deviceScaleFactor": 1, "mobile": False}
        await tab.ask("Emulation.setDeviceMetricsOverride", **size)
        began = time.perf_counter()
        await tab.ask("Page.navigate", url=page.as_uri())
        await tab.heard("Page.loadEventFired")
        loaded = time.perf_counter() - began
        await tab.ask(
            "Runtime.evaluate", expression="new Promise(done => requestAnimationFrame(() => done(1)))", awaitPromise=True
        )
        metrics = (await tab.ask("Page.getLayoutMetrics"))["cssContentSize"]
        if picture and options.picture:
            clip = {"x": 0, "y": 0, "width": WINDOW[0], "height": min(TALLEST, metrics["height"]), "scale": 1}
            shot = await tab.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
            options.picture.write_bytes(base64.b64decode(shot["data"]))
        console = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        requests = [event["params"]["request"]["url"] for event in tab.events if event["method"] == "Network.requestWillBeSent"]
        return {
            "console": [event["params"] for event in tab.events if event["method"] in console],
            "requests": [url.rpartition("/")[2] for url in requests],
            "width": metrics["width"],
            "height": metrics["height"],
            "load_seconds": round(loaded, 3),
        }


class Tab:
    """A page by the DevTools protocol. Keeps all that it reported."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self.events: list[dict[str, Any]] = []

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            message = await self._next()
            if message.get("id") == self._number:
                if "error" in message:
                    raise SystemExit(f"{method}: {message['error']}")
                result: dict[str, Any] = message["result"]
                return result

    async def heard(self, method: str) -> None:
        while not any(event["method"] == method for event in self.events):
            await self._next()

    async def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._socket.receive_json(timeout=60)
        if "method" in message:
            self.events.append(message)
        return message


if __name__ == "__main__":
    raise SystemExit(main())
