"""What can be wrong with one server or its BMC. A healthy one has the base class, which does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quads_tui.emulators.bmc.replies import Call, Reply

if TYPE_CHECKING:
    from quads_tui.emulators.bmc.service import Bmc

_ONE_ATTEMPT = 4.0  # real seconds between the two ForceOffs of one attempt, at most; attempts are 10 real seconds apart or more


class Trouble:
    """The places where a fault may step in; each method of the base says "all is well"."""

    listens = True  # False: nobody answers at the BMC's port from the first second on
    wakes_after = 0.0  # emulated seconds until somebody does; 0: never
    starts_off = False
    mac = ""  # of the machine that the BMC really belongs to, where that is another one
    slowness = 1.0  # factor on the time of every answer

    def placed(self, bmc: Bmc) -> None:
        """This is the BMC that has the trouble."""

    def answer(self, bmc: Bmc, call: Call) -> Reply | None:
        """Something other than the BMC's own answer, before anything is done."""
        return None

    def swallows(self, bmc: Bmc, kind: str) -> bool:
        """The BMC accepts this ResetType and nothing happens."""
        return False

    def after(self, bmc: Bmc, call: Call, reply: Reply) -> None:
        """The BMC has done its work; last chance to spoil the answer or to start something."""

    def finds_pxe(self) -> bool:
        return True

    def installs(self) -> bool:
        return True


class DeadBmc(Trouble):
    """Connections are refused, for good."""

    listens = False


class WrongBmc(Trouble):
    """Somebody swapped two cables: behind this name answers the BMC of a machine that Foreman knows under another one."""

    mac = "b0:7b:25:ff:ff:ff"


class WrongPassword(Trouble):
    """Somebody changed the password of this BMC: no credentials fit."""

    def answer(self, bmc: Bmc, call: Call) -> Reply | None:
        if "authorization" in call.headers or (call.method == "POST" and call.path == bmc.family.sessions):
            bmc.admits(False)
            return bmc.unauthorized()
        return None


class StaysOn(Trouble):
    """ForceOff is accepted and nothing happens, for the first `attempts` attempts.

    What is sent within `window` emulated seconds, and within 4 real ones, is one attempt: a careful client sends its ForceOff
    once more before it gives up, and on a loaded machine at high speed that takes its real time.
    """

    def __init__(self, attempts: int = 3, window: float = 100.0) -> None:
        self.left, self.window = attempts, window
        self.until = 0.0

    def swallows(self, bmc: Bmc, kind: str) -> bool:
        if kind != "ForceOff":
            return False
        now = bmc.time.now()
        if now < self.until:
            return True
        if not self.left:
            return False
        self.left -= 1
        self.until = now + max(self.window, _ONE_ATTEMPT * bmc.time.speed)
        return True


class NoLicence(Trouble):
    """The boot override needs a licence that this BMC lacks."""

    def answer(self, bmc: Bmc, call: Call) -> Reply | None:
        if call.method == "PATCH" and b"BootSourceOverride" in call.body:
            return bmc.family.error(403, "OemLicenseNotPassed")
        return None


class NeverOn(Trouble):
    """The power supplies are dead: power-on is accepted, and the machine stays Off."""

    def swallows(self, bmc: Bmc, kind: str) -> bool:
        return kind in ("On", "ForceOn", "PushPowerButton", "ForceRestart") and bmc.hardware.power == "Off"


class InstallerFails(Trouble):
    """The installer gives up the first `times` times."""

    def __init__(self, times: int = 1) -> None:
        self.left = times

    def installs(self) -> bool:
        if not self.left:
            return True
        self.left -= 1
        return False


class SkipsPxe(Trouble):
    """The NIC has no link in time: the first `times` network boots end on the old disk."""

    def __init__(self, times: int = 1) -> None:
        self.left = times

    def finds_pxe(self) -> bool:
        if not self.left:
            return True
        self.left -= 1
        return False


class NotReady(Trouble):
    """The BMC's data sources are away for `seconds`, from the first session on: 503 with Retry-After."""

    def __init__(self, seconds: float = 60.0) -> None:
        self.seconds = seconds
        self.until: float | None = None

    def answer(self, bmc: Bmc, call: Call) -> Reply | None:
        if self.until is None or bmc.time.now() >= self.until:
            return None
        wait = bmc.time.retry_after(min(30.0, self.seconds))
        return bmc.family.not_ready(wait)

    def after(self, bmc: Bmc, call: Call, reply: Reply) -> None:
        if self.until is None and reply.status == 201:
            self.until = bmc.time.now() + self.seconds


class SessionsTaken(Trouble):
    """Another tool holds all sessions; Basic still works."""

    def answer(self, bmc: Bmc, call: Call) -> Reply | None:
        if call.method == "POST" and call.path == bmc.family.sessions:
            return bmc.family.sessions_full()
        return None


class BmcRestarts(Trouble):
    """After its first accepted Reset the BMC restarts: connections refused for `seconds`, sessions gone."""

    def __init__(self, seconds: float = 120.0) -> None:
        self.seconds = seconds
        self.done = False

    def after(self, bmc: Bmc, call: Call, reply: Reply) -> None:
        if not self.done and call.path == bmc.family.reset and reply.status < 300:
            self.done = True
            bmc.restart(self.seconds)


class StalePower(Trouble):
    """The machine is Off, the BMC still reports On and says so only when it is asked to act."""

    starts_off = True

    def __init__(self) -> None:
        self.told = False

    def after(self, bmc: Bmc, call: Call, reply: Reply) -> None:
        if not self.told and call.path == bmc.family.reset and call.method == "POST":
            self.told = True
            bmc.hardware.reported = bmc.hardware.power
            bmc.hardware.changed += 1


class IgnoresReset(Trouble):
    """The first power action of any kind is accepted and lost inside the BMC."""

    def __init__(self) -> None:
        self.left = 1

    def swallows(self, bmc: Bmc, kind: str) -> bool:
        swallowed = self.left > 0
        self.left = 0
        return swallowed


class LosesAnswer(Trouble):
    """The first power action is done, and the connection breaks before the answer."""

    def __init__(self) -> None:
        self.done = False

    def after(self, bmc: Bmc, call: Call, reply: Reply) -> None:
        if not self.done and call.path == bmc.family.reset and reply.status < 300:
            self.done = True
            reply.lost = True
