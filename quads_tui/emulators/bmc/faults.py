"""What can be wrong with one server or its BMC. A healthy one has the base class."""

from __future__ import annotations

from quads_tui.emulators.bmc.bmc import Bmc
from quads_tui.emulators.bmc.hardware import BootFaults, PowerState
from quads_tui.emulators.bmc.replies import Reply, Request

_ONE_ATTEMPT = 4.0  # real seconds between the two ForceOffs of one attempt, at most; attempts are 10 real seconds apart or more


class Fault(BootFaults):
    """The places where a fault may step in; each method of the base does nothing.

    listens: whether anybody answers at the BMC's port from the start. listens_after: else, emulated seconds until then; 0: never.
    mac: of the machine that the BMC really belongs to, where that is another one. latency_factor: on the time of every reply.
    """

    listens = True
    listens_after = 0.0
    starts_off = False
    mac = ""
    latency_factor = 1.0

    def attached(self, bmc: Bmc) -> None:
        """This is the BMC that has the fault."""

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        """A reply other than the BMC's own, before anything is done; None: the BMC answers."""
        return None

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        """The BMC has done its work; the last chance to change its reply or to start something."""

    def ignores_reset(self, bmc: Bmc, reset_type: str) -> bool:
        """True: the BMC accepts this Reset, and nothing happens."""
        return False

    def restart(self, bmc: Bmc) -> None:
        """The BMC was told to restart, and accepted it."""
        bmc.restart(bmc.family.manager_away)


class DeadBmc(Fault):
    """Connections are refused, for good."""

    listens = False


class WrongBmc(Fault):
    """Two cables were swapped: the BMC at this address belongs to a machine that Foreman has under another name."""

    mac = "b0:7b:25:ff:ff:ff"


class WrongPassword(Fault):
    """The password of this BMC was changed: every login fails."""

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if "authorization" in request.headers or (request.method == "POST" and request.path == bmc.family.sessions):
            bmc.refuse_login()
            return bmc.family.unauthorized()
        return None


class StaysOn(Fault):
    """ForceOff is accepted and nothing happens, for the first `attempts` attempts.

    What is sent within `window` emulated seconds, and within 4 real ones, is one attempt: a careful client sends its ForceOff
    once more before it gives up, and on a loaded machine at high speed that takes its real time.
    """

    def __init__(self, attempts: int = 3, window: float = 100.0) -> None:
        self.left, self.window = attempts, window
        self.until = 0.0

    def ignores_reset(self, bmc: Bmc, reset_type: str) -> bool:
        if reset_type != "ForceOff":
            return False
        now = bmc.time.now()
        if now < self.until:
            return True
        if not self.left:
            return False
        self.left -= 1
        self.until = now + max(self.window, _ONE_ATTEMPT * bmc.time.speed)
        return True


class NoLicence(Fault):
    """The boot override needs a licence that this BMC lacks."""

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if request.method == "PATCH" and b"BootSourceOverride" in request.body:
            return bmc.family.error(403, "OemLicenseNotPassed")
        return None


class NeverOn(Fault):
    """The power supplies are dead: power-on is accepted, and the machine stays Off."""

    def ignores_reset(self, bmc: Bmc, reset_type: str) -> bool:
        return reset_type in ("On", "ForceOn", "PushPowerButton", "ForceRestart") and bmc.hardware.power == PowerState.OFF


class InstallerFails(Fault):
    """The installer gives up the first `times` times."""

    def __init__(self, times: int = 1) -> None:
        self.left = times

    def install_succeeds(self) -> bool:
        if not self.left:
            return True
        self.left -= 1
        return False


class SkipsPxe(Fault):
    """The NIC has no link in time: the first `times` network boots end on the old disk."""

    def __init__(self, times: int = 1) -> None:
        self.left = times

    def network_boot_succeeds(self) -> bool:
        if not self.left:
            return True
        self.left -= 1
        return False


class NotReady(Fault):
    """The BMC's data sources are away for `seconds`, from the first session on: 503 with Retry-After."""

    def __init__(self, seconds: float = 60.0) -> None:
        self.seconds = seconds
        self.until: float | None = None

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if self.until is None or bmc.time.now() >= self.until:
            return None
        wait = bmc.time.retry_after(min(30.0, self.seconds))
        return bmc.family.not_ready(wait)

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        if self.until is None and reply.status == 201:
            self.until = bmc.time.now() + self.seconds


class SessionsTaken(Fault):
    """Another tool holds all sessions; Basic still works."""

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if request.method == "POST" and request.path == bmc.family.sessions:
            return bmc.family.sessions_full()
        return None


class BmcRestarts(Fault):
    """After its first accepted Reset the BMC restarts: connections refused for `seconds`, sessions gone."""

    def __init__(self, seconds: float = 120.0) -> None:
        self.seconds = seconds
        self.done = False

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        if not self.done and request.path == bmc.family.reset and reply.status < 300:
            self.done = True
            bmc.restart(self.seconds)


class StalePower(Fault):
    """The machine is Off, and the BMC reports On until it is asked for a Reset."""

    starts_off = True

    def __init__(self) -> None:
        self.corrected = False

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        if not self.corrected and request.path == bmc.family.reset and request.method == "POST":
            self.corrected = True
            bmc.hardware.reported = bmc.hardware.power
            bmc.hardware.changed += 1


class ResetIgnored(Fault):
    """The first power action of any kind is accepted and lost inside the BMC."""

    def __init__(self) -> None:
        self.left = 1

    def ignores_reset(self, bmc: Bmc, reset_type: str) -> bool:
        swallowed = self.left > 0
        self.left = 0
        return swallowed


class ReplyLost(Fault):
    """The first power action is done, and the connection breaks before the answer."""

    def __init__(self) -> None:
        self.done = False

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        if not self.done and request.path == bmc.family.reset and reply.status < 300:
            self.done = True
            reply.connection_reset = True
