"""Every limit of a rollout: name, default, unit and reason."""

from __future__ import annotations

from dataclasses import dataclass, field

AUTO = 0  # of a count: the program finds it
OFF = 0  # of a count: there is no such limit
WORD = "word"  # in the metadata of a count: how its 0 is written


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts are whole numbers, all else is seconds. `speed` divides the waits and the deadlines of stages."""

    ahead: int = field(default=AUTO, metadata={WORD: "auto"})
    """The most hosts that may be powered off and not yet written to Foreman. auto: as few as keep Foreman busy, as measured."""
    installing: int = field(default=OFF, metadata={WORD: "off"})
    """The most hosts that may install at once, those included that are powered off for it: for a small network or mirror."""
    power_on_per_rack: int = field(default=OFF, metadata={WORD: "off"})
    """The most hosts of one rack that are powered on within `power_on_interval`: machines draw most as they start."""
    power_on_interval: float = 5
    """For `power_on_per_rack`: with 1 and 5 s, a rack of 40 hosts is on after three minutes."""
    attempts: int = 3
    """Automatic attempts of one stage: most BMC faults are gone at the second, and what fails thrice needs a human."""
    foreman_connections: int = 8
    """Connections to Foreman at once: below its usual number of web server threads, so that its own users are served."""
    redfish_handshakes: int = 32
    """New TLS handshakes with BMCs at once: each costs this process milliseconds of CPU and a BMC up to seconds."""
    hooks: int = 16
    """Commands of the site (`hooks:`) that may run at once: they share this machine with the screen."""
    power_off: float = 180
    """Deadline of the stage: a graceful shutdown is not waited for, but slow BMCs take a minute to say Off."""
    pxe_set: float = 180
    """Deadline of the stage: some BMCs apply an override only after a job of a minute or two."""
    foreman_build: float = 900
    """Deadline of the stage from the moment its write is sent, verification included."""
    bmc_restart: float = 600
    """Until a BMC that an operator restarts answers again: most take two to five minutes."""
    boot_order: float = 1200
    """For the restart that sets Dell's own boot order (redfish.boot_order): minutes, on machines with much memory many."""
    power_on: float = 180
    """Deadline of the stage: as for power_off."""
    install: float = 5400
    """Deadline of the stage: 90 minutes; the slowest good installs take about half of that."""
    rack_outage: float = 1800
    """How long the hosts of a rack wait when its BMCs do not answer: a switch restarts in minutes."""
    write_deadline: float = 180
    """How long a Foreman write without an answer may still be at work: more than Foreman's own 60 s per proxy call."""
    connect: float = 10
    """To open a connection, TLS included."""
    redfish_request: float = 60
    """One Redfish exchange: busy BMCs answer after half a minute and are not dead."""
    foreman_read: float = 30
    """One Foreman read: a search over 700 hosts takes seconds."""
    foreman_write: float = 180
    """One Foreman write: Foreman runs its orchestration (DHCP, TFTP, DNS) before it answers."""
    poll: float = 12
    """Between two looks at the same thing, such as the shared search for finished builds."""
    backoff: float = 4
    """The first wait before a repeated attempt; it doubles, with jitter."""
    backoff_max: float = 120
    """The longest wait before a repeated attempt."""
