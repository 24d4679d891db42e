"""What goes wrong in a rehearsal: profiles that choose hosts by the seed and say beforehand how each will end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from quads_tui.emulators.bmc import corrupt_responses, faults, faulty_changes, identity_faults, outages
from quads_tui.emulators.bmc.families import FAMILIES, family_of
from quads_tui.emulators.bmc.faults import Trouble
from quads_tui.emulators.interfaces import Machine, seeded


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong on a host.

    stage, cause: how the host ends when no human helps; None where automatic retries cure it.
    cured_by: "automatic", "retry" (a human's, from the failed stage or from the start), or None: nothing at the console does.
    trouble: makes the host's trouble; None where the fault is Foreman's.
    """

    name: str
    stage: str | None
    cause: str | None
    cured_by: str | None
    trouble: Callable[[], Trouble] | None
    families: tuple[str, ...] = ()  # only these have it; empty: all

    @property
    def permanent(self) -> bool:
        return self.cured_by is None

    def document(self) -> dict[str, Any]:
        return {
            "fault": self.name,
            "stage": self.stage,
            "cause": self.cause,
            "permanent": self.permanent,
            "cured_by": self.cured_by,
        }


FAILURES: tuple[Fault, ...] = (
    Fault("bmc-dead", "power_off", "unreachable", None, faults.DeadBmc),
    Fault("installer-fails-once", "install", "install-failed", "retry", faults.InstallerFails),
    Fault("dhcp-conflict", "foreman_build", "foreman", None, None),
    Fault("wrong-bmc", "power_off", "wrong-bmc", None, faults.WrongBmc),
    Fault("bmc-password", "power_off", "credentials", None, faults.WrongPassword),
    Fault("stays-on", "power_off", "timeout", "retry", faults.StaysOn),
    Fault("pxe-licence", "pxe_set", "refused", None, faults.NoLicence),
    Fault("never-on", "power_on", "timeout", None, faults.NeverOn),
    Fault("pxe-skipped-once", "install", "install-timeout", "retry", faults.SkipsPxe),
)
HICCUPS: tuple[Fault, ...] = (
    Fault("not-ready-minute", None, None, "automatic", faults.NotReady),
    Fault("sessions-taken", None, None, "automatic", faults.SessionsTaken),
    Fault("bmc-restarts", None, None, "automatic", faults.BmcRestarts),
    Fault("stale-power", None, None, "automatic", faults.StalePower, ("idrac9", "ilo5")),
    Fault("reset-ignored-once", None, None, "automatic", faults.IgnoresReset),
    Fault("reset-answer-lost", None, None, "automatic", faults.LosesAnswer),
    Fault("proxy-hangs-once", None, None, "automatic", None),
)


DELL = ("idrac7", "idrac8", "idrac9", "idrac10")
MARKED = ("idrac10", "smc_x11", "smc_x12", "smc_x13", "xcc", "ami", "conformant")  # show ETags
UNMARKED = ("idrac7", "idrac8", "idrac9", "smc_x10")  # show none and compare none
TELLING = tuple(name for name, family in FAMILIES.items() if family.nics)  # tell the system's NICs
SERIAL = tuple(name for name in TELLING if name not in DELL)  # tell a serial number
INFORMED = ("smc_x11", "smc_x12", "smc_x13", "xcc", "ami", "openbmc", "conformant")  # refer to an ActionInfo


def _cured(name: str, make: Callable[[], Trouble], *families: str) -> Fault:
    return Fault(name, None, None, "automatic", make, families)


RARITIES: tuple[Fault, ...] = (
    _cured("html", corrupt_responses.Html),
    _cured("html-forbidden", corrupt_responses.HtmlForbidden),
    _cured("glued-documents", corrupt_responses.Glued),
    _cured("garbled-text", corrupt_responses.Garbled),
    _cured("empty-body", corrupt_responses.Empty),
    _cured("truncated-body", corrupt_responses.Truncated),
    _cured("endless-body", corrupt_responses.Endless),
    # Once each: at speed a client's patience of real seconds is a stage's whole deadline of emulated ones.
    _cured("dripping-body", lambda: corrupt_responses.Drips(times=1)),
    _cured("hangs", lambda: corrupt_responses.Hangs(times=1)),
    _cured("breaks", corrupt_responses.Breaks),
    _cured("breaks-reused", corrupt_responses.DropsReused),
    _cured("members-gone", corrupt_responses.MembersGone),
    _cured("members-null", lambda: corrupt_responses.MembersGone(null=True)),
    _cured("member-null", corrupt_responses.NullMember),
    _cured("stale-reads", corrupt_responses.StaleReads),
    _cured("no-action-info", corrupt_responses.NoActionInfo, *INFORMED),
    _cured("redirects-301", lambda: corrupt_responses.Redirects(301)),
    _cured("redirects-307", lambda: corrupt_responses.Redirects(307)),
    _cured("redirects-308", lambda: corrupt_responses.Redirects(308)),
    _cured("patch-not-applied", faulty_changes.PatchNotApplied),
    _cured("patch-denied", faulty_changes.PatchDenied),
    _cured("boot-locked", faulty_changes.BootLocked),
    _cured("etag-outdated", faulty_changes.EtagOutdated),
    _cured("etag-weakened", faulty_changes.EtagWeakened, *MARKED),
    _cured("etag-demanded", faulty_changes.EtagDemanded, *UNMARKED),
    _cured("reset-delayed", faulty_changes.DelayedReset),
    _cured("tasks", faulty_changes.Tasks),
    _cured("tasks-themselves", lambda: faulty_changes.Tasks(monitor=False)),
    _cured("tasks-fail", lambda: faulty_changes.Tasks(fails=True)),
    _cured("wakes-late", outages.WakesLate),
    _cured("not-ready-date", outages.NotReadyUntil),
    _cured("not-ready-untold", outages.NotReadyUntold),
    _cured("not-ready-400", outages.NotReady400, *DELL),
    _cured("session-ends", outages.SessionEnds),
    _cured("slow", outages.Slow),
    # Foreman's MAC decides in each of these, so that the host ends done.
    _cured("twin-system", identity_faults.Twin, *TELLING),
    _cured("twin-member-gone", lambda: identity_faults.Twin(away=2), *TELLING),
    _cured("twin-member-away", lambda: identity_faults.Twin(away=2, status=503), *TELLING),
    _cured("twin-without-reset", lambda: identity_faults.Twin(no_reset=2), *TELLING),
    _cured("twin-chassis-serial", lambda: identity_faults.Twin(same_serial=True), *SERIAL),
    _cured("facts-placeholders", identity_faults.Placeholders),
    _cured("facts-only-while-on", identity_faults.UnknownWhileOff),
    _cured("nic-gone", identity_faults.NicGone, *TELLING),
    _cured("nic-without-mac", identity_faults.NicWithoutMac, *TELLING),
    _cured("nic-placeholder", lambda: identity_faults.NicWithoutMac("00:00:00:00:00:00"), *TELLING),
    _cured("nics-inline", lambda: identity_faults.NicsInline(40), *TELLING),
    _cured("nics-paged", identity_faults.NicsPaged, *TELLING),
    _cured("nics-in-a-circle", lambda: identity_faults.NicsPaged(circle=True), *TELLING),
    _cured("nics-miscounted", identity_faults.NicsMiscounted, *TELLING),
    _cured("nics-away", identity_faults.NicsAway, *TELLING),
)
REFUSALS: tuple[Fault, ...] = (Fault("password-expired", "power_off", "credentials", None, outages.PasswordExpired),)
SWITCH = "switch-drops"
PORTS = 48  # BMCs behind one switch


@dataclass(frozen=True, slots=True)
class Profile:
    """What goes wrong, and how often.

    failing, wavering: shares of the hosts that end failed, and that only stumble, by the faults of `failures` and `hiccups`.
    idle_off: the share that stands Off at first. switch: a rack's switch drops its BMCs in the middle.
    """

    failing: float = 0.0
    wavering: float = 0.0
    idle_off: float = 0.0
    concurrency_2019: bool = False
    failures: tuple[Fault, ...] = FAILURES
    hiccups: tuple[Fault, ...] = HICCUPS
    switch: bool = False


PROFILES: dict[str, Profile] = {
    "none": Profile(),
    "realistic": Profile(failing=0.04, wavering=0.06, idle_off=0.05),
    "foreman-2019": Profile(concurrency_2019=True),
    "chaos": Profile(
        failing=0.04,
        wavering=0.4,
        idle_off=0.05,
        failures=(*FAILURES, *REFUSALS),
        hiccups=(*HICCUPS, *RARITIES),
        switch=True,
    ),
}


def plan(profile: str, machines: Sequence[Machine], seed: int) -> dict[str, Fault]:
    """Which host has which fault; the same for the same seed. KeyError for an unknown profile.

    Every kind of failure appears from 60 hosts on; a small fleet has 15 failing hosts in a hundred at most.
    """
    what, count = PROFILES[profile], len(machines)
    luck = seeded(seed, "faults", profile)
    free = list(machines)
    luck.shuffle(free)
    chosen: dict[str, Fault] = {}
    for kinds, share, most in ((what.failures, what.failing, 15), (what.hiccups, what.wavering, 12)):
        if not share:
            continue
        wanted = max(round(count * share), min(len(kinds), count * most // 100))
        for number in range(wanted):
            fault = kinds[number % len(kinds)]
            fitting = (host for host in free if not fault.families or family_of(host.model).name in fault.families)
            host = next(fitting, None)
            if host is not None:
                free.remove(host)
                chosen[host.name] = fault
    if what.switch:
        switch = outages.Switch()
        fault = Fault(SWITCH, None, None, "automatic", lambda: outages.BehindSwitch(switch))
        spared = sorted(host.name for host in free)  # by their names: neighbours
        chosen.update(dict.fromkeys(spared[: min(PORTS, count // 8)], fault))
    return chosen


def troubles(faults: dict[str, Fault]) -> dict[str, Trouble]:
    """The troubles of the machines, by FQDN."""
    return {name: fault.trouble() for name, fault in faults.items() if fault.trouble is not None}


def hosts_with(faults: dict[str, Fault], kind: str) -> list[str]:
    return [name for name, fault in faults.items() if fault.name == kind]
