"""A reason in the room that there is: what matters less is left out whole, and nothing is cut within a word."""

from __future__ import annotations

import pytest

from quads_tui.render.host_row import Columns, host_row
from quads_tui.render.reasons import cause_words, fitting, reason_ways, shorter_notes
from quads_tui.render.symbols import BRAILLE
from quads_tui.render.wait_reason import HostNote, HostWord
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import HostArmed, HostChanged, StageChanged
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from quads_tui.rollout.state import Rollout

LOGIN = "session at /redfish/v1/SessionService/Sessions, then Basic authentication: HTTP 401 (user root, refused 2 times)"
DHCP = "Foreman 422: Conflict DHCP record b0:7b:25:d9:bf:91 for a15-h15-000-r670.example.com already exists"


def failed(stage: Stage, cause: Cause, reason: str, safety: Safety) -> Rollout:
    rollout = Rollout("r1", Plan((Goal("cloud02", Kind.BUILD),), (HostPlan("a01-h01-000-r650.example.com", "x", "R650"),)))
    (host,) = rollout.hosts.values()
    rollout.apply(StageChanged(1.0, host.name, stage, StageStatus.STARTED, 1))
    rollout.apply(StageChanged(2.0, host.name, stage, StageStatus.FAILED, 1, 1.0, reason, cause))
    rollout.apply(HostArmed(2.0, host.name, safety is Safety.ARMED))
    rollout.apply(HostChanged(2.0, host.name, HostStatus.FAILED, stage, cause, reason, None, safety))
    return rollout


def shown(rollout: Rollout, width: int) -> str:
    (host,) = rollout.hosts.values()
    columns = Columns.of(rollout.plan, width, BRAILLE)
    note = HostNote(host.full_reason)
    row = host_row(host, columns, now=100.0, speed=1.0, word=HostWord.FAILED, note=note).plain
    assert len(row) == width
    return row.rstrip().partition("98 s")[2].strip() or row.rstrip().rpartition("  ")[2]


@pytest.mark.parametrize(
    ("stage", "cause", "reason", "safety", "wide", "narrow"),
    [
        (
            Stage.POWER_OFF,
            Cause.UNREACHABLE,
            "127.0.0.1:34325 refused the connection",
            Safety.UNTOUCHED,
            "BMC unreachable; untouched",
            "BMC unreachable; untouched",
        ),
        (
            Stage.POWER_OFF,
            Cause.CREDENTIALS,
            LOGIN,
            Safety.UNTOUCHED,
            "BMC refused the login; untouched",
            "BMC refused the login",
        ),
        (
            Stage.PXE_SET,
            Cause.REFUSED,
            "A required license is missing or expired.",
            Safety.OFF,
            "BMC refused: A required license is missing or expired",
            "required license missing or…",
        ),
        (
            Stage.POWER_OFF,
            Cause.WRONG_BMC,
            "wrong machine behind this BMC: its NICs have the MACs 02:00:00:00:00:01, 02:00:00:00:00:02",
            Safety.UNTOUCHED,
            "wrong machine behind this BMC; untouched",
            "wrong machine behind this BMC",
        ),
        (
            Stage.FOREMAN_BUILD,
            Cause.FOREMAN,
            DHCP,
            Safety.OFF,
            "Foreman 422: Conflict DHCP record b0:7b:25:d9:bf:91…",
            "Foreman 422: Conflict DHCP…",
        ),
        (
            Stage.POWER_ON,
            Cause.TIMEOUT,
            "stayed Off after 2 On commands (this attempt)",
            Safety.ARMED,
            "stayed Off after 2 On commands (this attempt)",
            "stayed Off after 2 On commands",
        ),
    ],
)
def test_a_note_says_what_matters_at_every_width(
    stage: Stage, cause: Cause, reason: str, safety: Safety, wide: str, narrow: str
) -> None:
    rollout = failed(stage, cause, reason, safety)
    (host,) = rollout.hosts.values()
    assert shown(rollout, 300).endswith(host.full_reason)
    assert shown(rollout, 120).endswith(wide)
    assert shown(rollout, 80).endswith(narrow)


def test_what_stands_in_parentheses_goes_before_anything_is_cut() -> None:
    rollout = failed(Stage.POWER_OFF, Cause.UNKNOWN, "x", Safety.UNTOUCHED)
    (host,) = rollout.hosts.values()
    host.status = HostStatus.RUNNING
    note = "write in about 24 s: 3rd in the Foreman write queue (longest first: about 22 min from its write to done)"
    ways = shorter_notes(host, note)
    assert ways == ("write in about 24 s: 3rd in the Foreman write queue",)
    assert fitting((note, *ways), 60, "…") == ways[0]
    assert fitting((note, *ways), 31, "…") == "write in about 24 s: 3rd in…"
    waiting = "waiting for its BMC to report Off"
    assert fitting((waiting, *shorter_notes(host, waiting)), 23, "…") == "until BMC reports Off"
    assert fitting((waiting, *shorter_notes(host, waiting)), 31, "…") == "waiting for BMC to report Off"
    install = "installing; no usual time is known yet"
    assert fitting((install, *shorter_notes(host, install)), 23, "…") == "installing"


def test_a_host_that_is_retried_says_when_and_why() -> None:
    rollout = failed(Stage.POWER_ON, Cause.BUSY, "x", Safety.OFF)
    (host,) = rollout.hosts.values()
    host.status = HostStatus.WAITING
    note = "retrying at 00:10: stayed Off: the BMC did not accept On; the BMC answered: try again later"
    assert fitting((note, *shorter_notes(host, note)), 53, "…") == "at 00:10: stayed Off: the BMC did not accept On"


def test_a_cause_that_every_reason_says_itself_has_no_words_before_it() -> None:
    assert reason_ways(Stage.FOREMAN_BUILD, Cause.FOREMAN, "Foreman 422: x") == ("Foreman 422: x",)
    assert reason_ways(Stage.INSTALL, Cause.UNREACHABLE, "timed out") == ("Foreman unreachable: timed out", "Foreman unreachable")


@pytest.mark.parametrize(("width", "words"), [(0, ""), (1, "…"), (8, "abcdefg…"), (20, "abcdefghijklmnopqrs…"), (30, None)])
def test_one_long_word_is_cut_where_it_must_be(width: int, words: str | None) -> None:
    text = "abcdefghijklmnopqrstuvwxyz"
    assert fitting((text,), width, "…") == (text if words is None else words)


def test_whose_short_words_a_reason_is_stands_before_them_too() -> None:
    rollout = failed(Stage.PXE_SET, Cause.REFUSED, "OemLicenseNotPassed", Safety.OFF)
    assert shown(rollout, 120).endswith("BMC refused: OemLicenseNotPassed; powered off")
    assert shown(rollout, 200).endswith("BMC refused: OemLicenseNotPassed; the host stays powered off")
    assert shown(rollout, 80) == "OemLicenseNotPassed"


def test_a_host_that_is_written_says_what_is_still_to_come() -> None:
    rollout = failed(Stage.FOREMAN_BUILD, Cause.UNKNOWN, "x", Safety.UNTOUCHED)
    (host,) = rollout.hosts.values()
    host.status = HostStatus.RUNNING
    note = "written; waiting until a read of Foreman confirms build mode"
    ways = (note, *shorter_notes(host, note))
    assert [fitting(ways, room, "…") for room in (60, 53, 31)] == [
        note,
        "written to Foreman; waiting to read it back",
        "written; not read back yet",
    ]


@pytest.mark.parametrize("cause", Cause)
@pytest.mark.parametrize("stage", [None, Stage.POWER_OFF, Stage.FOREMAN_BUILD])
def test_each_cause_has_words_of_its_own_beside_the_name_that_programs_read(cause: Cause, stage: Stage | None) -> None:
    words = cause_words(stage, cause)
    assert " " in words and len(words) <= 28 and cause_words(stage, cause) not in {one.value for one in Cause}
