"""How an install ends, and what its end is called."""

from __future__ import annotations

import asyncio

import pytest

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.commands import Retry
from quads_tui.rollout.events import StageChanged
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus

from .model import Lab
from .model_services import ModelForeman
from .test_flow import ends
from .test_ways_out import ordered, until
from .timeline import NAME, failures, told, whole
from .world import EPOCH

pytestmark = pytest.mark.looptime

# The end of an install


class Unseen(ModelForeman):
    """Its searches show every host in build that ever was."""

    async def in_build(self) -> frozenset[str]:
        self.seen = getattr(self, "seen", frozenset[str]()) | await super().in_build()
        return self.seen


def installing(seconds: float = 600.0) -> Lab:
    lab = Lab([NAME], limits=Limits(install=seconds))
    lab.machine(NAME).installs = "never"
    return lab


def install_failures(lab: Lab) -> list[tuple[Cause | None, str]]:
    """Each of them ended the host: an install is not tried again without a human."""
    host = lab.rollout.hosts[NAME]
    assert host.status is HostStatus.FAILED
    assert host.attempts[Stage.INSTALL] == 1
    assert lab.machine(NAME).wipes == 1
    return failures(lab, Stage.INSTALL)


async def test_an_install_that_does_not_end_is_given_up_with_the_minutes() -> None:
    lab = await whole(installing(seconds=1260))
    assert install_failures(lab) == [
        (Cause.INSTALL_TIMEOUT, "the install did not end within 21 min (limits.install): the host is still in build mode")
    ]


async def test_a_foreman_that_says_nothing_at_the_end_of_an_install_is_told_with_the_minutes() -> None:
    lab = installing(seconds=1260)
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    lab.world.no_looks = StageFailure(Cause.BUSY, "503")
    await lab.executor.settled()
    await lab.end()
    assert install_failures(lab) == [
        (Cause.UNKNOWN, "no end of the install was seen within 21 min, and Foreman cannot be read: 503")
    ]


async def test_a_token_that_expired_is_told_and_a_retry_builds_anew() -> None:
    lab = installing()
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    lab.machine(NAME).build_status = 2
    await lab.executor.settled()
    assert install_failures(lab) == [(Cause.TOKEN_EXPIRED, "the build token expired before the install ended")]
    lab.machine(NAME).installs = "built"
    await ordered(lab, Retry((NAME,)))
    await lab.end()
    assert (ends(lab.rollout), lab.world.builds[NAME]) == ({HostStatus.DONE: 1}, 2)


async def test_a_host_that_foreman_no_longer_shows_at_the_end_of_its_install_is_given_up() -> None:
    lab = installing()
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    lab.machine(NAME).gone = True
    await lab.executor.settled()
    await lab.end()
    assert install_failures(lab) == [
        (Cause.INSTALL_TIMEOUT, "the install did not end within 10 min (limits.install): the host is still in build mode")
    ]


async def test_an_install_whose_end_only_the_last_read_shows_is_done() -> None:
    lab = await whole(Lab([NAME], limits=Limits(install=700), foreman=Unseen))
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    assert "install finished 1 after 700 s" in told(lab)


@pytest.mark.parametrize("installed", [EPOCH.replace(year=2020), None])
async def test_a_build_that_somebody_cancelled_is_told_and_not_tried_again(installed: object) -> None:
    lab = installing()
    machine = lab.machine(NAME)
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    await asyncio.sleep(100)
    machine.build, machine.build_status, machine.installed_at = False, 0, installed  # type: ignore[assignment]
    await lab.executor.settled()
    await lab.end()
    words = "the host is no longer in build mode, but was not installed: somebody cancelled build mode in Foreman"
    assert install_failures(lab) == [(Cause.CANCELLED, words)]


async def test_a_first_install_of_a_host_that_foreman_never_installed_is_done() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).installed_at = None
    assert ends((await whole(lab)).rollout) == {HostStatus.DONE: 1}


async def test_an_installer_that_reports_an_error_is_told_and_not_tried_again() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).installs = "failed"
    assert install_failures(await whole(lab)) == [(Cause.INSTALL_FAILED, "the installer reported an error to Foreman")]


async def test_another_build_status_is_not_tried_again() -> None:
    lab = installing()
    machine = lab.machine(NAME)
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    machine.build, machine.build_status = False, 4
    await lab.executor.settled()
    await lab.end()
    assert install_failures(lab) == [
        (Cause.UNKNOWN, "the host left build mode, but Foreman shows build_status 4 instead of 0 (installed)")
    ]


async def test_an_install_whose_time_is_over_at_a_resume_gets_five_looks() -> None:
    lab = installing()
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    await asyncio.sleep(100)
    await lab.crash()
    await asyncio.sleep(9000)
    lab.resume()
    await whole(lab)
    last = [event for event in lab.journal.events if isinstance(event, StageChanged)][-1]
    assert (last.status, last.seconds) == (StageStatus.FAILED, 5 * Limits().poll)


async def test_an_install_goes_on_with_the_rest_of_its_time_after_a_resume() -> None:
    lab = installing()
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    await asyncio.sleep(100)
    await lab.crash()
    await asyncio.sleep(100)
    lab.resume()
    await whole(lab)
    last = [event for event in lab.journal.events if isinstance(event, StageChanged)][-1]
    assert last.status is StageStatus.FAILED
    assert last.seconds == pytest.approx(400, abs=1)
