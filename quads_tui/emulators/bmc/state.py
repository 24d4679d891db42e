"""What one BMC knows and remembers, apart from its firmware's family and from the service that answers requests."""

from __future__ import annotations

from quads_tui.emulators.bmc.hardware import Boot, Hardware
from quads_tui.emulators.bmc.sessions import LoginLockout, Sessions
from quads_tui.emulators.interfaces import Draws, Machine, Time


class BmcState:
    """One machine as its BMC sees it, who may log in, and who is logged in.

    mac: of the NIC that the system boots from. firmware_memory: what a family, which has no state, must remember of this BMC.
    requests_until_ready: so many requests still answer 503 after the BMC's last start.
    """

    def __init__(
        self,
        hardware: Hardware,
        *,
        mac: str,
        time: Time,
        draws: Draws,
        username: str,
        password: str,
        sessions: Sessions,
        requests_until_ready: int = 0,
    ) -> None:
        self.hardware, self.mac, self.time, self.draws = hardware, mac, time, draws
        self.username, self._password = username, password
        self.sessions = sessions
        self.requests_until_ready = self._requests_until_ready = requests_until_ready
        self.firmware_memory: set[str] = set()
        identity = draws.next("identity")
        self.serial = f"{identity.getrandbits(35):07X}"[:7]
        high, middle, low = identity.getrandbits(32), identity.getrandbits(16), identity.getrandbits(48)
        self.uuid = f"{high:08x}-{middle:04x}-4c10-8033-{low:012x}"
        self._lockout = LoginLockout(time)

    @property
    def machine(self) -> Machine:
        return self.hardware.machine

    @property
    def lockouts(self) -> int:
        """How often the user was locked out."""
        return self._lockout.count

    @property
    def refused_logins(self) -> int:
        """How many logins were refused."""
        return self._lockout.refused

    def restarted(self) -> None:
        """The BMC starts again: no session survives it, and its services need a moment."""
        self.sessions.clear()
        self.requests_until_ready = self._requests_until_ready

    def admits(self, username: object, password: object) -> bool:
        """Whether a login with these succeeds; False also for the right ones while the user is locked out."""
        return self._lockout.admits((username, password) == (self.username, self._password))

    def refuse_login(self) -> None:
        """A login fails whatever its password, and counts as a wrong one."""
        self._lockout.admits(False)

    def set_boot(self, wanted: dict[str, str]) -> None:
        """The override as these Boot members say; what they leave out stays."""
        now = self.hardware.boot
        target = wanted.get("BootSourceOverrideTarget", now.target)
        enabled = wanted.get("BootSourceOverrideEnabled", now.enabled)
        if target == "None":
            enabled = "Disabled"
        if enabled == "Disabled" and not self.hardware.timing.keeps_target:
            target = "None"
        self.hardware.set_boot(Boot(target, enabled, wanted.get("BootSourceOverrideMode", now.mode)))
