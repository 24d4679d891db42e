"""What each dangerous action does, in the question before it: what happens, what is lost, and the gentler way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from quads_tui.rollout.retries import RetryEffect, retry_effect
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Kind, Stage
from quads_tui.rollout.state import HostState


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Sentences. `lost`: what cannot be taken back, or that nothing is lost; never empty. `gentler`: another way, or empty.

    `yes`: what the answer y does, in a few words. `marked`: what hosts that have ended are marked as. `wipes`: a disk may be
    wiped because of it. `kinds`: of what happens, where the hosts go on while the question is open, so that the numbers in the
    sentences are soon others.
    """

    happens: tuple[str, ...]
    lost: str
    yes: str
    marked: str = ""
    gentler: str = ""
    wipes: bool = False
    kinds: frozenset[str] = frozenset()


Consequence = Callable[[Sequence[HostState]], Effects]
"""Of an action on these hosts, as they stand now; of one on the whole rollout: on those that have not ended."""


def always(effects: Effects) -> Consequence:
    """The same for any hosts."""
    return lambda hosts: effects


def _n(count: int, one: str = "", several: str = "") -> str:
    """1 host is ..., 2 hosts are ..."""
    return " ".join(("1 host", one) if count == 1 else (f"{count} hosts", several)).strip()


# Retry, restart, unskip, release


def retrying(verb: str, *, from_start: bool = False) -> Consequence:
    """Of what takes hosts into the rollout again; `verb` for the answer."""

    def consequence(hosts: Sequence[HostState]) -> Effects:
        counts = Counter(retry_effect(host, from_start) for host in hosts)
        wiped = sum(count for effect, count in counts.items() if effect.wipes)
        armed = sum(host.armed for host in hosts)
        if from_start:
            # Only a start from the first stage takes hosts again that were given back.
            same = all(retry_effect(host) is retry_effect(host, True) or host.given_back for host in hosts)
            gentler = (
                "" if same else "r retries from the failed stage; a host that may still be installing is only watched, not wiped."
            )
        elif armed:
            whom, their = ("the armed host", "its") if armed == 1 else (f"the {armed} armed hosts", "their")
            gentler = f"d disarms {whom}; {their} next boot installs nothing."
        else:
            gentler = "s takes hosts out of the rollout instead, and wipes nothing." if wiped else ""
        return Effects(
            happens=tuple(_retried(effect, counts[effect]) for effect in RetryEffect if counts[effect]),
            lost=f"Lost: what is on the disks of {_n(wiped)}." if wiped else "Nothing is wiped.",
            yes=f"{verb} and WIPE {_n(wiped)}" if wiped else f"{verb} {_n(len(hosts))}",
            gentler=gentler,
            wipes=wiped > 0,
        )

    return consequence


def retry_place(hosts: Sequence[HostState], *, from_start: bool = False, short: bool = False) -> str:
    """Where a retry takes these hosts up again, as it follows its verb: "from Power on"; empty: not all at the same stage.

    `short`: there is little room.
    """
    found = {_taken_up(retry_effect(host, from_start), short=short) for host in hosts}
    return found.pop() if len(found) == 1 else ""


def _taken_up(effect: RetryEffect, *, short: bool) -> str:
    match effect:
        case RetryEffect.OWNER:
            return "the change of owner"
        case RetryEffect.WATCH:
            return "by watching longer"
        case RetryEffect.BOOT:
            stage = Stage.POWER_ON
        case RetryEffect.POWER_OFF | RetryEffect.ALL_STAGES | RetryEffect.AGAIN:
            stage = Stage.POWER_OFF
        case _:
            assert_never(effect)
    return f"from {stage.short if short else stage.label}"


def _retried(effect: RetryEffect, count: int) -> str:
    it, its = ("it", "its disk") if count == 1 else ("them", "their disks")
    match effect:
        case RetryEffect.OWNER:
            return f"{_n(count)}: only the owner in Foreman is changed."
        case RetryEffect.POWER_OFF:
            return f"{_n(count)} will be powered off; nothing else is changed."
        case RetryEffect.WATCH:
            return (
                f"{_n(count)} may still be installing: the install is not started again, only watched for longer "
                f"(restart, key R, begins again at the first stage and WIPES {it})."
            )
        case RetryEffect.BOOT:
            return f"{_n(count, 'is', 'are')} in build mode already: this boots {it} and WIPES {its}."
        case RetryEffect.ALL_STAGES:
            return (
                f"{_n(count, 'starts', 'start')} again at Power off and {'goes' if count == 1 else 'go'} through all stages: "
                f"Install WIPES {its}."
            )
        case RetryEffect.AGAIN:
            return (
                f"{_n(count, 'has', 'have')} already booted into the installer: all stages are repeated, and Install WIPES "
                f"{its} again."
            )
        case _:
            assert_never(effect)


# Skip, hold


def leaving(verb: str, left_as: HostStatus, back: tuple[str, str], gentler: str) -> Consequence:
    """Of what stops hosts before their next step. `back`: the key that brings them back, with its verb, and where to."""

    def consequence(hosts: Sequence[HostState]) -> Effects:
        counts = Counter(map(leaves_from, hosts))
        back_again = f"{back[0]} {'it' if len(hosts) == 1 else 'them'}{back[1]}"
        armed = sum(is_disarmed_by_it(host) for host in hosts)
        first = "" if not armed else "disarm and " if len(hosts) == 1 else f"disarm {armed}, "
        some, marked = _n(len(hosts)), left_as.value if only_marked(hosts) else ""
        return Effects(
            happens=tuple(_left(place, counts[place], left_as) for place in Place if counts[place]),
            lost=f"Lost: the steps done so far; {back_again}, from the first stage."
            if counts[Place.UNDER_WAY]
            else f"Nothing is lost; {back_again}.",
            yes=first + (f"mark {some} as {marked}" if marked else f"{verb} {some}"),
            marked=marked,
            gentler=gentler,
            kinds=frozenset(counts),
        )

    return consequence


class Place(StrEnum):
    """Where a skip or a hold finds a host."""

    INSTALLING = "installing"
    UNTOUCHED = "not started"
    UNDER_WAY = "under way"
    ARMED = "armed"  # and at an end
    ENDED = "ended"


def leaves_from(host: HostState) -> Place:
    if _is_installing(host):
        return Place.INSTALLING
    if host.status.is_final:
        return Place.ARMED if host.armed else Place.ENDED
    return Place.UNDER_WAY if host.attempts else Place.UNTOUCHED


def only_marked(hosts: Sequence[HostState]) -> bool:
    """By a skip or a hold: all have ended, so nothing is left to be stopped."""
    return all(leaves_from(host) in (Place.ENDED, Place.ARMED) for host in hosts)


def is_disarmed_by_it(host: HostState) -> bool:
    """By a skip or a hold: whatever is armed, but for an install that goes on."""
    return host.armed and leaves_from(host) is not Place.INSTALLING


def _left(place: Place, count: int, left_as: HostStatus) -> str:
    it, they = ("it", "it is") if count == 1 else ("them", "they are")
    match place:
        case Place.INSTALLING:
            return f"{_n(count, 'is', 'are')} installing: the install continues, and is no longer watched."
        case Place.UNTOUCHED:
            return f"{_n(count, 'has', 'have')} not started: nothing is done to {it}."
        case Place.UNDER_WAY:
            return (
                f"{_n(count, 'is', 'are')} stopped before the next step. If armed, {they} disarmed: build mode is cancelled and "
                "PXE is cleared."
            )
        case Place.ARMED:
            return f"{_n(count, 'is', 'are')} armed and will be disarmed: build mode is cancelled and PXE is cleared."
        case Place.ENDED:
            return f"{_n(count, 'has', 'have')} ended: {they} marked as {left_as.value}, and nothing more is done to {it}."
        case _:
            assert_never(place)


def _is_installing(host: HostState) -> bool:
    running = host.status in (HostStatus.RUNNING, HostStatus.WAITING) and host.stage is Stage.INSTALL
    return running or (host.status.is_final and host.safety is Safety.INSTALLING)


# Disarm, write next


def disarming(hosts: Sequence[HostState]) -> Effects:
    armed = sum(host.armed for host in hosts)
    happens = []
    if armed:
        happens.append(
            f"{_n(armed, 'is', 'are')} armed: build mode is cancelled in Foreman and PXE is cleared on the BMC. The next boot "
            f"does not reinstall {'it' if armed == 1 else 'them'}."
        )
    if left := len(hosts) - armed:
        happens.append(
            f"{_n(left, 'is', 'are')} not armed. Build mode or PXE that this rollout left there is cancelled; "
            "nothing else is done."
        )
    return Effects(
        happens=tuple(happens),
        lost=f"Nothing is wiped. {_stays(hosts)}; a later retry starts again at Power off.",
        yes="disarm only" if len(hosts) == 1 else f"disarm {_n(armed or len(hosts))}",
    )


def _stays(hosts: Sequence[HostState]) -> str:
    """What a disarm leaves them as."""
    found = {host.status.value for host in hosts}
    return f"{'It stays' if len(hosts) == 1 else 'They stay'} {found.pop() if len(found) == 1 else 'as they are'}"


def putting_first(hosts: Sequence[HostState]) -> Effects:
    wiped = sum(host.kind is Kind.BUILD for host in hosts)
    earlier = f": {_n(wiped, 'is', 'are')} powered off and WIPED earlier than planned" if wiped else ""
    return Effects(
        happens=(f"{_n(len(hosts), 'begins', 'begin')}, and is written to Foreman, before all others{earlier}.",)
        if len(hosts) == 1
        else (f"{_n(len(hosts))} begin, and are written to Foreman, before all others{earlier}.",),
        lost="Nothing is lost; all other hosts wait longer. This cannot be undone.",
        yes=f"put {_n(len(hosts))} first",
    )


# Of the whole rollout

_RESUMED_LATER = "Nothing is lost; the same key resumes"
PAUSE_NEW = Effects(
    happens=("No new host starts; hosts under way continue.",),
    lost=f"{_RESUMED_LATER} new hosts.",
    yes="pause new hosts",
)
RESUME_NEW = Effects(
    happens=("Queued hosts will start as planned: hosts to be rebuilt will be powered off and WIPED.",),
    lost="Lost: what is on the disks of the hosts that start.",
    yes="resume new hosts",
    wipes=True,
)
PAUSE_WRITES = Effects(
    happens=("No further write is sent to Foreman; hosts that wait for their write stay powered off until writes are resumed.",),
    lost=f"{_RESUMED_LATER} writes.",
    yes="pause Foreman writes",
    gentler="p pauses new hosts only; hosts that are powered off are still written and installed.",
)
RESUME_WRITES = Effects(
    happens=("Hosts that wait for their write will be set to build mode in Foreman, booted and WIPED.",),
    lost="Lost: what is on the disks of these hosts.",
    yes="resume Foreman writes",
    wipes=True,
)
STOP = Effects(
    happens=(
        "Stop: nothing new is started on any host, and no host is watched. Hosts that are off stay off, armed hosts stay armed "
        "(the next boot reinstalls them), and installs that have started continue. Continue later with: quads-tui resume",
    ),
    lost="Nothing is wiped by stopping.",
    yes="stop the rollout",
    gentler="pause new hosts: hosts under way continue.",
)
COMMENT = Effects(
    happens=("The comment is kept with the hosts, in the report too, and shown to whoever takes control.",),
    lost="Nothing is lost, and nothing is done to the hosts.",
    yes="comment",
)
BMC_RESTART = Effects(
    happens=("The BMC will not answer for some minutes, and its sessions will end.",),
    lost="Nothing is wiped; the power of the hosts stays as it is.",
    yes="restart the BMC",
    gentler="i asks the BMC for its state first.",
)
POWER_CYCLE = Effects(
    happens=("Build mode and PXE are cancelled first, then power off by force, then power on.",),
    lost="Lost: what runs on the hosts and is not saved. Nothing is wiped.",
    yes="power off and on",
    gentler="d disarms only; the power stays as it is.",
)
GIVE_BACK = Effects(
    happens=("Build mode and PXE are cancelled first, then the former owner is written to Foreman.",),
    lost="Nothing is wiped now; a disk that was wiped already is not restored.",
    yes="give back",
    gentler="d disarms only; the owner stays as it is.",
)
NEW_ROLLOUT = Effects(
    happens=("The services and BMCs are read, and the plan is shown; nothing is changed before the plan is confirmed.",),
    lost="Lost once the plan is confirmed: what is on the disks of the hosts to be rebuilt.",
    yes="start",
    wipes=True,
)
RESUME_ROLLOUT = Effects(
    happens=(
        "Running installs are watched; other unfinished hosts continue: those to be rebuilt will be powered off and WIPED.",
    ),
    lost="Lost: what is on the disks of hosts that are not yet rebuilt.",
    yes="resume",
    wipes=True,
)
ATTACH = Effects(
    happens=("This console gets control of the rollout; the console that has control now becomes read-only.",),
    lost="Nothing is lost; control goes back when this console is left.",
    yes="take control",
)
