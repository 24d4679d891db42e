"""Quirks of docs/fleet.md that no other test is named after; and that its table and its examples are true."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from quads_tui.console.taken_keys import taken_keys
from quads_tui.inputs import load_site
from quads_tui.inputs.row_commands import set_taken_keys
from quads_tui.rollout.row_commands import TakenKeys
from quads_tui.services.redfish import quirks

from .conftest import Bench
from .fake import RESET, SYSTEM, FakeBmc, error

ROOT = Path(__file__).parents[3]
FLEET = (ROOT / "docs/fleet.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in FLEET.splitlines() if re.match(r"\| \d+ \|", line)]


async def test_only_force_off_and_on_are_ever_sent(bench: Bench) -> None:
    """Whatever else a BMC offers: graceful ways are firmware's guess, restarts hang."""
    bench.bmc.system["Actions"] = {
        "#ComputerSystem.Reset": {
            "target": RESET,
            "ResetType@Redfish.AllowableValues": ["GracefulShutdown", "GracefulRestart", "ForceRestart", "ForceOff", "On", "Nmi"],
        }
    }
    await bench.off()
    await bench.pxe()
    await bench.on()
    assert bench.bmc.resets == ["ForceOff", "On"]


async def test_a_patch_names_target_enabled_and_mode_alone(bench: Bench) -> None:
    bench.bmc.boot["UefiTargetBootSourceOverride"] = None
    await bench.pxe()
    ((_, body, _),) = bench.bmc.patches
    assert list(body) == ["Boot"]
    assert set(body["Boot"]) <= {"BootSourceOverrideTarget", "BootSourceOverrideEnabled", "BootSourceOverrideMode"}
    assert (body["Boot"]["BootSourceOverrideTarget"], body["Boot"]["BootSourceOverrideEnabled"]) == ("Pxe", "Once")


async def test_an_override_that_was_not_taken_is_set_again_by_the_next_attempt(bench: Bench) -> None:
    """The BIOS forgot it at the boot: what stands there now decides, not what was set once."""
    await bench.pxe()
    bench.bmc.boot.update(BootSourceOverrideTarget="None", BootSourceOverrideEnabled="Disabled")
    await bench.pxe()
    assert len(bench.bmc.patches) == 2
    assert bench.bmc.boot["BootSourceOverrideTarget"] == "Pxe"


@pytest.mark.parametrize("status", [400, 503])
async def test_resource_not_ready_is_waited_for(bench: Bench, status: int) -> None:
    bench.bmc.when("GET", "/Systems/1", error(status, "ResourceNotReadyRetry"), times=3)
    assert await bench.off() == ""
    assert bench.bmc.applied == ["ForceOff"]


async def test_no_log_is_ever_read(bench: Bench) -> None:
    bench.bmc.system["LogServices"] = {"@odata.id": f"{SYSTEM}/LogServices"}
    await bench.off()
    await bench.pxe()
    await bench.on()
    assert bench.bmc.count("LogServices") == 0


@pytest.mark.parametrize("seconds", [0.0, 0.1])
async def test_a_reset_answered_202_is_proved_by_the_power(bench: Bench, seconds: float) -> None:
    """The task may last: the machine is watched, not the task."""

    async def by_task(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        bmc.resets.append(data["ResetType"])
        asyncio.get_running_loop().call_later(seconds, bmc.apply, data["ResetType"])
        return web.json_response({"@odata.id": "/redfish/v1/TaskService/Tasks/1"}, status=202)

    bench.bmc.when("POST", RESET, by_task)
    assert await bench.off() == ""
    assert bench.bmc.resets == ["ForceOff"]


@pytest.mark.parametrize("seconds", [0.0, 0.1])
async def test_a_patch_answered_202_is_proved_by_the_override(bench: Bench, seconds: float) -> None:
    async def by_task(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        bmc.patches.append((request.path, data, None))
        asyncio.get_running_loop().call_later(seconds, bmc.merge, data)
        return web.json_response({"@odata.id": "/redfish/v1/TaskService/Tasks/2"}, status=202)

    bench.bmc.when("PATCH", SYSTEM, by_task)
    await bench.pxe()
    assert len(bench.bmc.patches) == 1
    assert bench.bmc.boot["BootSourceOverrideTarget"] == "Pxe"


def test_each_number_beside_a_row_of_the_code_is_a_quirk_that_is_handled() -> None:
    handled = {int(row[0]) for row in ROWS if row[3] != "none"}
    named = [
        int(number) for line in inspect.getsource(quirks).splitlines() for number in re.findall(r"(?<=  # )\d+|(?<=, )\d+$", line)
    ]
    assert len(named) > 10 and set(named) <= handled


@pytest.mark.parametrize(
    ("words", "fills_gaps", "dell"),
    [
        (["dell inc.", "dell"], False, True),
        (["super micro computer, inc."], True, False),
        (["supermicro"], True, False),
        (["ami"], True, False),
        (["miami servers"], False, False),
        (["american megatrends"], True, False),
        (["asrockrack"], True, False),
        (["hpe", "openbmc", "lenovo"], False, False),
        ([], False, False),
    ],
)
def test_makers_are_known_by_their_words(words: list[str], fills_gaps: bool, dell: bool) -> None:
    makers = [maker for maker in quirks.MAKERS if maker.known_by(words)]
    assert (any(maker.fills_gaps for maker in makers), any(maker.dell_attributes for maker in makers)) == (fills_gaps, dell)


def test_what_stands_in_for_on_and_force_off_comes_after_the_plain_value_and_a_restart_never() -> None:
    every = ("GracefulRestart", "ForceRestart", "PowerCycle", "Nmi", "PushPowerButton", "GracefulShutdown", "ForceOn")
    assert quirks.reset_types("On", ("ForceOff", "ForceOn")) == ["ForceOn", "On"]
    assert quirks.reset_types("On", ("On", "ForceOn")) == ["On", "ForceOn"]
    assert quirks.reset_types("On", ()) == ["On"]
    assert quirks.reset_types("On", every) == ["ForceOn", "On", "PushPowerButton"]
    assert quirks.reset_types("ForceOff", every) == ["ForceOff", "GracefulShutdown", "PushPowerButton"]
    assert quirks.reset_types("ForceOff", ("On", "ForceRestart", "PowerCycle")) == ["ForceOff"]
    assert quirks.reset_types("ForceOff", ("FORCEOFF",)) == ["FORCEOFF", "ForceOff"]


def test_the_table_has_every_quirk_and_every_test_that_it_names_exists() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, 74))
    tests = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text(), re.MULTILINE)
    }
    for number, _, does, test in ROWS:
        if test == "none":
            assert does.startswith("not handled: "), number
        else:
            assert test.strip("`") in tests, number


EXAMPLES = re.findall(r"```yaml\n(.*?)```", FLEET, re.S)


@pytest.fixture
def keys_of_the_screens() -> Iterator[None]:
    set_taken_keys(taken_keys)
    yield
    set_taken_keys(lambda: TakenKeys({}, {}))


@pytest.mark.usefixtures("keys_of_the_screens")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split("\n")[-2].strip()[:30])
def test_every_example_is_a_part_of_a_site_file(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BMC_PASSWORD", "x")
    monkeypatch.setenv("FOREMAN_PASSWORD", "x")
    (tmp_path / "bmc-addresses.yml").write_text("h1.example.com: https://10.0.0.1\n")
    (tmp_path / "idrac_interfaces.yml").write_text("director_r650: NIC.Slot.1-1-1,NIC.Integrated.1-1-1\n")
    rest = "foreman: {url: https://foreman.example.com, username: quads, password: {env: FOREMAN_PASSWORD}}\n"
    if "redfish:" not in example:
        rest += "redfish: {username: root, password: {env: BMC_PASSWORD}}\n"
    path = tmp_path / "site.yaml"
    path.write_text(rest + example)
    assert load_site(path).foreman.username == "quads"
