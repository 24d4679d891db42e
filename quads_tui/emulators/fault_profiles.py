"""What goes wrong in a rehearsal: profiles that choose hosts by the seed, and how each of these will end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from quads_tui.emulators.bmc import (
    careless,
    corrupt_responses,
    faults,
    faulty_changes,
    firmware_variants,
    identity_faults,
    outages,
)
from quads_tui.emulators.bmc.dell_bios_pages import DellFamily
from quads_tui.emulators.bmc.families import family_of
from quads_tui.emulators.bmc.family import Family
from quads_tui.emulators.bmc.faults import Fault
from quads_tui.emulators.interfaces import Machine, seeded
from quads_tui.emulators.ipmi import faults as ipmi


def _any_family(family: Family) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One thing that goes wrong on a host.

    name: as GET /faults of the control server shows it.
    stage, cause: how the host ends when no human helps; None where automatic retries cure it.
    cured_by: "automatic", "retry" (a human's, from the failed stage or from the start), or None: nothing at the console does.
    make: the fault of the host's BMC; None where it is Foreman's. applies: which families can have it. ipmi: that of a BMC that
    speaks IPMI, instead.
    """

    name: str
    stage: str | None
    cause: str | None
    cured_by: str | None
    make: Callable[[], Fault] | None
    applies: Callable[[Family], bool] = _any_family
    ipmi: Callable[[], ipmi.IpmiFault] | None = None

    @property
    def permanent(self) -> bool:
        return self.cured_by is None

    def document(self) -> dict[str, Any]:
        """The entry of GET /faults."""
        return {
            "fault": self.name,
            "stage": self.stage,
            "cause": self.cause,
            "permanent": self.permanent,
            "cured_by": self.cured_by,
        }


def _stale_power(family: Family) -> bool:
    return family.name in ("idrac9", "ilo5")


def _dell(family: Family) -> bool:
    return isinstance(family, DellFamily)


def _strong_etags(family: Family) -> bool:
    return family.etags == "strong"


def _no_etags(family: Family) -> bool:
    """It shows none and compares none."""
    return family.etags == "none" and not family.needs_etag and not family.checks_etag


def _shows_nics(family: Family) -> bool:
    return bool(family.nics)


def _shows_nics_and_serial(family: Family) -> bool:
    return bool(family.nics) and family.shows_serial


def _action_info(family: Family) -> bool:
    return family.has_action_info


FAILURES: tuple[FaultKind, ...] = (
    FaultKind("bmc-dead", "power_off", "unreachable", None, faults.DeadBmc),
    FaultKind("installer-fails-once", "install", "install-failed", "retry", faults.InstallerFails),
    FaultKind("dhcp-conflict", "foreman_build", "foreman", None, None),
    FaultKind("wrong-bmc", "power_off", "wrong-bmc", None, faults.WrongBmc),
    FaultKind("bmc-password", "power_off", "credentials", None, faults.WrongPassword),
    FaultKind("stays-on", "power_off", "timeout", "retry", faults.StaysOn),
    FaultKind("pxe-licence", "pxe_set", "refused", None, faults.NoLicence),
    FaultKind("never-on", "power_on", "timeout", None, faults.NeverOn),
    FaultKind("pxe-skipped-once", "install", "install-timeout", "retry", faults.SkipsPxe),
)
TRANSIENT_FAULTS: tuple[FaultKind, ...] = (
    FaultKind("not-ready-minute", None, None, "automatic", faults.NotReady),
    FaultKind("sessions-taken", None, None, "automatic", faults.SessionsTaken),
    FaultKind("bmc-restarts", None, None, "automatic", faults.BmcRestarts),
    FaultKind("stale-power", None, None, "automatic", faults.StalePower, _stale_power),
    FaultKind("reset-ignored-once", None, None, "automatic", faults.ResetIgnored),
    FaultKind("reset-answer-lost", None, None, "automatic", faults.ReplyLost),
    FaultKind("proxy-hangs-once", None, None, "automatic", None),
)


def _cured(name: str, make: Callable[[], Fault], applies: Callable[[Family], bool] = _any_family) -> FaultKind:
    return FaultKind(name, None, None, "automatic", make, applies)


RARE_FAULTS: tuple[FaultKind, ...] = (
    _cured("html", corrupt_responses.HtmlPage),
    _cured("html-forbidden", corrupt_responses.HtmlForbidden),
    _cured("glued-documents", corrupt_responses.TwoDocuments),
    _cured("garbled-text", corrupt_responses.InvalidUtf8),
    _cured("damaged-text", corrupt_responses.DamagedText),
    _cured("damaged-number", lambda: corrupt_responses.DamagedText(b"[NaN,-Infinity,1e999]", b"\r\n0\r\n")),
    _cured("damaged-power", corrupt_responses.DamagedMember),
    _cured("damaged-uuid", lambda: corrupt_responses.DamagedMember("UUID", "4c4c4544-\ufffd051-3010-8057-b4c04f4e3532")),
    _cured("damaged-boot", lambda: corrupt_responses.DamagedMember("Boot", [])),
    _cured("empty-body", corrupt_responses.EmptyBody),
    _cured("truncated-body", corrupt_responses.TruncatedBody),
    _cured("endless-body", corrupt_responses.EndlessBody),
    # Once each: at speed a client's patience of real seconds is a stage's whole deadline of emulated ones.
    _cured("dripping-body", lambda: corrupt_responses.SlowBody(times=1)),
    _cured("hangs", lambda: corrupt_responses.NoReply(times=1)),
    _cured("breaks", corrupt_responses.ConnectionReset),
    _cured("breaks-reused", corrupt_responses.ResetsReusedConnections),
    _cured("members-gone", corrupt_responses.MembersMissing),
    _cured("members-null", lambda: corrupt_responses.MembersMissing(null=True)),
    _cured("member-null", corrupt_responses.NullMember),
    _cured("stale-reads", corrupt_responses.StaleReads),
    _cured("no-action-info", corrupt_responses.NoActionInfo, _action_info),
    _cured("redirects-301", lambda: corrupt_responses.Redirects(301)),
    _cured("redirects-307", lambda: corrupt_responses.Redirects(307)),
    _cured("redirects-308", lambda: corrupt_responses.Redirects(308)),
    _cured("login-page-302", corrupt_responses.LoginPage),
    _cured("login-page-307", lambda: corrupt_responses.LoginPage(307)),
    _cured("patch-not-applied", faulty_changes.PatchNotApplied),
    _cured("patch-denied", faulty_changes.PatchDenied),
    _cured("boot-locked", faulty_changes.BootLocked),
    _cured("etag-outdated", faulty_changes.EtagOutdated),
    _cured("etag-weakened", faulty_changes.EtagWeakened, _strong_etags),
    _cured("etag-demanded", faulty_changes.EtagDemanded, _no_etags),
    _cured("reset-delayed", faulty_changes.DelayedReset),
    _cured("tasks", faulty_changes.Tasks),
    _cured("tasks-themselves", lambda: faulty_changes.Tasks(monitor=False)),
    _cured("tasks-fail", lambda: faulty_changes.Tasks(fails=True)),
    _cured("wakes-late", outages.WakesLate),
    _cured("not-ready-date", outages.NotReadyWithDate),
    _cured("not-ready-untold", outages.NotReadyWithoutTime),
    _cured("not-ready-first", outages.NotReadyAtFirst),
    _cured("not-ready-nan", lambda: outages.NotReadyWithNonsense("nan")),
    _cured("not-ready-zero", lambda: outages.NotReadyWithNonsense("0", header=True)),
    _cured("not-ready-400", outages.NotReady400, _dell),
    _cured("session-ends", outages.SessionEnds),
    _cured("slow", outages.SlowReplies),
    _cured("sessions-refused", firmware_variants.SessionsRefused),
    _cured("sessions-elsewhere", firmware_variants.SessionsElsewhere),
    _cured("session-unnamed", firmware_variants.SessionUnnamed),
    _cured("logout-refused", firmware_variants.LogoutRefused),
    _cured("logout-ignored", lambda: firmware_variants.LogoutRefused(204)),
    _cured("etag-bare", firmware_variants.EtagSpelled, _no_etags),
    _cured("override-never-disabled", firmware_variants.OverrideNeverDisabled),
    _cured("power-capitals", firmware_variants.PowerSpelled),
    _cured("power-untold", firmware_variants.PowerUntold),
    _cured("power-stuck", firmware_variants.PowerStuck),
    _cured("no-force-off", firmware_variants.ResetsOffered),
    # Foreman's MAC decides in each of these, so that the host ends done.
    _cured("twin-system", identity_faults.SecondSystem, _shows_nics),
    _cured("twin-member-gone", lambda: identity_faults.SecondSystem(away=2), _shows_nics),
    _cured("twin-member-away", lambda: identity_faults.SecondSystem(away=2, status=503), _shows_nics),
    _cured("twin-without-reset", lambda: identity_faults.SecondSystem(no_reset=2), _shows_nics),
    _cured("twin-chassis-serial", lambda: identity_faults.SecondSystem(same_serial=True), _shows_nics_and_serial),
    _cured("facts-placeholders", identity_faults.Placeholders),
    _cured("facts-only-while-on", identity_faults.UnknownWhileOff),
    _cured("nic-gone", identity_faults.NicGone, _shows_nics),
    _cured("nic-without-mac", identity_faults.NicWithoutMac, _shows_nics),
    _cured("nic-placeholder", lambda: identity_faults.NicWithoutMac("00:00:00:00:00:00"), _shows_nics),
    _cured("nics-inline", lambda: identity_faults.NicsInline(40), _shows_nics),
    _cured("nics-paged", identity_faults.NicsPaged, _shows_nics),
    _cured("nics-in-a-circle", lambda: identity_faults.NicsPaged(circle=True), _shows_nics),
    _cured("nics-endless", identity_faults.NicsEndless, _shows_nics),
    _cured("nics-miscounted", identity_faults.NicsMiscounted, _shows_nics),
    _cured("nics-away", identity_faults.NicsAway, _shows_nics),
    _cured("repeats-secrets", careless.RepeatsSecrets),
)
IPMI_FAULTS: tuple[FaultKind, ...] = (
    FaultKind("ipmi-flags-expire", None, None, "automatic", None, ipmi=ipmi.FlagsExpire),
    FaultKind("ipmi-silent", "power_off", "unreachable", None, None, ipmi=ipmi.Silent),
    FaultKind("ipmi-sessions-full", None, None, "automatic", None, ipmi=ipmi.SessionsFull),
    FaultKind("ipmi-flags-forgotten", "pxe_set", "refused", None, None, ipmi=ipmi.FlagsForgotten),
    FaultKind("ipmi-repeats-packets", None, None, "automatic", None, ipmi=ipmi.RepeatsPackets),
    FaultKind("ipmi-password", "power_off", "credentials", None, None, ipmi=ipmi.OtherPassword),
    FaultKind("ipmi-control-ignored-once", None, None, "automatic", None, ipmi=ipmi.IgnoresControl),
    FaultKind("ipmi-no-acknowledge", None, None, "automatic", None, ipmi=ipmi.NoAcknowledge),
    FaultKind("ipmi-loses-packets", None, None, "automatic", None, ipmi=ipmi.LosesPackets),
    FaultKind("ipmi-slow-on", None, None, "automatic", None, ipmi=ipmi.SlowOn),
)
REFUSALS: tuple[FaultKind, ...] = (FaultKind("password-expired", "power_off", "credentials", None, outages.PasswordExpired),)
SWITCH = "switch-drops"
PORTS = 48  # BMCs behind one switch


@dataclass(frozen=True, slots=True)
class Profile:
    """What goes wrong, and how often.

    failing, delayed: shares of the hosts that end failed, by `failures`, and that automatic retries cure, by `transient_faults`.
    idle_off: the share of hosts that are off at first. switch: a switch drops the BMCs behind it in the middle of the rollout.
    """

    failing: float = 0.0
    delayed: float = 0.0
    idle_off: float = 0.0
    concurrency_2019: bool = False
    failures: tuple[FaultKind, ...] = FAILURES
    transient_faults: tuple[FaultKind, ...] = TRANSIENT_FAULTS
    switch: bool = False
    ipmi: float = 0.0  # the share of the hosts whose BMC speaks IPMI that has one of IPMI_FAULTS


PROFILES: dict[str, Profile] = {
    "none": Profile(),
    "realistic": Profile(failing=0.04, delayed=0.06, idle_off=0.05),
    "foreman-2019": Profile(concurrency_2019=True),
    "chaos": Profile(
        failing=0.04,
        delayed=0.4,
        idle_off=0.05,
        failures=(*FAILURES, *REFUSALS),
        transient_faults=(*TRANSIENT_FAULTS, *RARE_FAULTS),
        switch=True,
        ipmi=0.5,
    ),
}


def plan(profile: str, machines: Sequence[Machine], seed: int) -> dict[str, FaultKind]:
    """Which host has which fault; the same for the same seed. KeyError for an unknown profile.

    Every kind of failure appears from 60 hosts on; a small fleet has 15 failing hosts in a hundred at most.
    """
    what, count = PROFILES[profile], len(machines)
    generator = seeded(seed, "faults", profile)
    everyone = list(machines)
    generator.shuffle(everyone)
    free = [machine for machine in everyone if not machine.ipmi]
    chosen: dict[str, FaultKind] = {}
    for kinds, share, most in ((what.failures, what.failing, 15), (what.transient_faults, what.delayed, 12)):
        if not share:
            continue
        wanted = max(round(count * share), min(len(kinds), count * most // 100))
        for number in range(wanted):
            kind = kinds[number % len(kinds)]
            fitting = (host for host in free if kind.applies(family_of(host.model)))
            host = next(fitting, None)
            if host is not None:
                free.remove(host)
                chosen[host.name] = kind
    if what.switch:
        switch = outages.Switch()
        dropped = FaultKind(SWITCH, None, None, "automatic", lambda: outages.BehindSwitch(switch))
        spared = sorted(host.name for host in free)  # by their names: neighbours
        chosen.update(dict.fromkeys(spared[: min(PORTS, count // 8)], dropped))
    speaking = [machine for machine in everyone if machine.ipmi]
    for number, host in enumerate(speaking[: round(len(speaking) * what.ipmi)]):
        chosen[host.name] = IPMI_FAULTS[number % len(IPMI_FAULTS)]
    return chosen


def ipmi_faults(chosen: dict[str, FaultKind]) -> dict[str, ipmi.IpmiFault]:
    """A fault for each BMC that speaks IPMI and has one, by FQDN."""
    return {name: kind.ipmi() for name, kind in chosen.items() if kind.ipmi is not None}


def bmc_faults(chosen: dict[str, FaultKind]) -> dict[str, Fault]:
    """A fault for each BMC that has one, by FQDN."""
    return {name: kind.make() for name, kind in chosen.items() if kind.make is not None}


def hosts_with(chosen: dict[str, FaultKind], name: str) -> list[str]:
    """The hosts that have the fault of this name."""
    return [host for host, kind in chosen.items() if kind.name == name]
