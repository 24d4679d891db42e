"""What can be wrong with a BMC that speaks IPMI. A healthy one has the base class."""

from __future__ import annotations

from quads_tui.emulators.bmc.hardware import BootFaults, HardwareTiming
from quads_tui.emulators.interfaces import seeded
from quads_tui.emulators.ipmi.state import IpmiState

_SLOTS_TAKEN = 45.0  # emulated seconds


class IpmiFault(BootFaults):
    """The places where a fault may step in. `copies`: how often a datagram arrives; 0: it is lost."""

    timing: HardwareTiming | None = None  # of the machine, where it is another one
    restart_seconds = 60.0  # emulated; that the BMC is away after a cold reset; 0: it does not restart
    forgets_requests = False  # a request that comes twice is carried out twice

    def attached(self, bmc: IpmiState) -> None:
        """This is the BMC that has the fault."""

    def copies(self, bmc: IpmiState) -> int:
        """Asked for each datagram, in both directions."""
        return 1

    def ignores_control(self, bmc: IpmiState) -> bool:
        """True: a chassis control command is accepted, and nothing happens."""
        return False


class Silent(IpmiFault):
    """Nothing answers, for good."""

    def copies(self, bmc: IpmiState) -> int:
        return 0


class LosesPackets(IpmiFault):
    """A share of all datagrams is lost, in both directions."""

    def __init__(self, share: float = 0.1) -> None:
        self._share = share

    def attached(self, bmc: IpmiState) -> None:
        self._draw = seeded(1, "loss", bmc.machine.name)

    def copies(self, bmc: IpmiState) -> int:
        return 0 if self._draw.random() < self._share else 1


class RepeatsPackets(IpmiFault):
    """Every datagram arrives twice, and the BMC does not notice that a request is an old one."""

    forgets_requests = True

    def copies(self, bmc: IpmiState) -> int:
        return 2


class SessionsFull(IpmiFault):
    """Other clients hold all sessions for a while, from the first login on."""

    def __init__(self, seconds: float = _SLOTS_TAKEN) -> None:
        self._seconds = seconds

    def attached(self, bmc: IpmiState) -> None:
        bmc.sessions.taken = bmc.sessions.cap
        bmc.on_first_packet = lambda: bmc.spawn(self._free(bmc))

    async def _free(self, bmc: IpmiState) -> None:
        await bmc.time.sleep(self._seconds)
        bmc.sessions.taken = 0


class OtherPassword(IpmiFault):
    """The password of this BMC was changed: every login fails."""

    def attached(self, bmc: IpmiState) -> None:
        bmc.sessions.change_password("another one")


class FlagsExpire(IpmiFault):
    """Boot flags are valid for 60 s, though the BMC was told otherwise."""

    def attached(self, bmc: IpmiState) -> None:
        bmc.options.expires = True


class FlagsForgotten(IpmiFault):
    """Boot flags are accepted and not kept."""

    def attached(self, bmc: IpmiState) -> None:
        bmc.options.keeps = False


class EfiIgnored(IpmiFault):
    """The EFI bit is accepted and not kept."""

    def attached(self, bmc: IpmiState) -> None:
        bmc.options.knows_efi = False


class NoAcknowledge(IpmiFault):
    """Parameter 4 is refused; all else works."""

    def attached(self, bmc: IpmiState) -> None:
        bmc.options.acknowledges = False


class SlowOn(IpmiFault):
    """On takes 40 s to show."""

    timing = HardwareTiming(on=(40.0, 40.0), lags=False)


class IgnoresControl(IpmiFault):
    """The first chassis control command is accepted and ignored."""

    def __init__(self, times: int = 1) -> None:
        self._left = times

    def ignores_control(self, bmc: IpmiState) -> bool:
        self._left -= 1
        return self._left >= 0


class OnlySuite3(IpmiFault):
    """An older BMC, without SHA-256."""

    def attached(self, bmc: IpmiState) -> None:
        del bmc.sessions.suites[17]


class LowPrivilege(IpmiFault):
    """The account may only read."""

    def attached(self, bmc: IpmiState) -> None:
        bmc.sessions.limit = 2
