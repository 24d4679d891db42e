"""What happens to a rollout, by one number: faults, machines that move, orders of an operator, and crashes."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from quads_tui.rollout.causes import Cause, StageFailure

HOSTS = 2
PROTECTED = "protected.example.com"
STRANGER = "stranger.example.com"  # not in the plan
FAULTS = {
    "busy": lambda: StageFailure(Cause.BUSY, "SYS518"),
    "503 with Retry-After": lambda: StageFailure(Cause.BUSY, "503", after=40.0),
    "unreachable": lambda: StageFailure(Cause.UNREACHABLE, "connection refused"),
    "409": lambda: StageFailure(Cause.FOREMAN, "409 conflict"),
    "refused": lambda: StageFailure(Cause.REFUSED, "no licence", retryable=False),
    "answer lost": lambda: "answer lost",
    "lost": lambda: "lost",
}
ACTS = {  # where each of them may strike
    "look": ("busy", "unreachable", "503 with Retry-After"),
    "off": ("busy", "refused"),
    "pxe": ("busy", "refused"),
    "on": ("busy", "unreachable"),
    "clear": ("busy",),
    "build": ("busy", "503 with Retry-After", "409", "refused", "answer lost", "lost"),
    "cancel": ("busy", "answer lost", "lost"),
    "stale": ("busy",),  # a search that shows yesterday
}
TELLS = (  # what the machines of a lab tell of themselves
    ("uuid", "serial", "macs"),
    ("uuid",),
    ("uuid", "macs"),
    ("serial",),
    ("macs",),
    (),
    (),
)
CHANGES = ("vanishes", "absent", "moves", "misled", "misled and gone")
ORDERS = ("skip", "hold", "unskip", "release", "retry", "restart", "disarm")


@dataclass
class NetworkSchedule:
    """`changes`: (own seconds, what, host, seconds until it is over).

    Machines that are swapped tell a UUID, always: a swap that no fact shows is one that nobody could see.
    """

    tells: tuple[str, ...]
    complete: bool  # all MACs of each machine
    twins: bool  # both hosts are systems of one BMC
    named: bool  # and the assignment says which
    let: list[bool]  # the plan accepts the host although it may not be verified
    compared: list[bool]
    surveyed: list[bool]  # the plan knows the machine
    bonds: list[bool]  # Foreman's primary MAC is a bond's
    misled: list[str]  # whose BMC each host's name leads to from the start; empty: its own
    changes: list[tuple[float, str, int, float]]

    @classmethod
    def by(cls, luck: random.Random) -> NetworkSchedule:
        def some(share: float) -> list[bool]:
            return [luck.random() < share for _ in range(HOSTS)]

        tells = luck.choice(TELLS)
        kinds = (*CHANGES, "swapped") if "uuid" in tells and luck.random() < 0.4 else (*CHANGES, "quiet")
        twins = luck.random() < 0.3
        kinds += ("absent",) * 5 if twins else ()
        changes = [
            (
                luck.choice((0.0, luck.uniform(0, 40), luck.uniform(0, 40), luck.uniform(0, 900))),
                luck.choice(kinds),
                luck.randrange(HOSTS),
                luck.choice((5.0, 60.0, 600.0, 1e6)),
            )
            for _ in range(luck.choice((0, 1, 2, 3, 4)))
        ]
        return cls(
            tells,
            luck.random() < 0.8,
            twins,
            luck.random() < 0.5,
            some(0.5),
            some(0.8),
            some(0.3),
            some(0.2),
            [luck.choice(("", "", "", "", "", "", *names(), PROTECTED, STRANGER)) for _ in range(HOSTS)],
            sorted(changes),
        )


@dataclass
class Schedule:
    """`faults`: (host, act, fault). `orders`: (own seconds, host, order). `crashes`: (events until the next one, seconds until
    somebody resumes)."""

    number: int
    faults: list[tuple[int, str, str]] = field(default_factory=list)
    orders: list[tuple[float, int, str]] = field(default_factory=list)
    crashes: list[tuple[int, float]] = field(default_factory=list)
    installs: list[str] = field(default_factory=list)
    strangers: list[tuple[float, int]] = field(default_factory=list)  # somebody ends the host's build in Foreman
    write_seconds: float = 1.0  # how long Foreman takes over a write
    network: NetworkSchedule | None = None
    steps: list[tuple[float, float]] = field(default_factory=list)  # (own seconds, how far somebody sets the wall clock)

    @classmethod
    def of(cls, number: int) -> Schedule:
        luck = random.Random(number)
        made = cls(number)
        for _ in range(luck.choice((0, 0, 1, 2, 4))):
            act = luck.choice(list(ACTS))
            made.faults.append((luck.randrange(HOSTS), act, luck.choice(ACTS[act])))
        for _ in range(luck.choice((0, 0, 0, 1, 3))):
            made.orders.append(
                (luck.choice((luck.uniform(0, 90), luck.uniform(0, 1500))), luck.randrange(HOSTS), luck.choice(ORDERS))
            )
        for _ in range(luck.choice((0, 1, 1, 2, 3))):
            made.crashes.append((luck.randint(1, 60), luck.choice((0.0, 3.0, 30.0, 300.0, 3000.0))))
        made.installs = [luck.choice(("built", "built", "built", "failed", "never")) for _ in range(HOSTS)]
        for _ in range(luck.choice((0, 0, 0, 0, 1))):
            made.strangers.append((luck.uniform(10, 900), luck.randrange(HOSTS)))
        made.write_seconds = luck.choice((1.0, 1.0, 20.0, 100.0))
        if luck.random() < 0.7:
            made.network = NetworkSchedule.by(luck)
            for _ in range(luck.choice((0, 1, 2))):  # what a human answers
                made.orders.append((luck.uniform(60, 3000), luck.randrange(HOSTS), luck.choice(("release", "retry"))))
        for _ in range(luck.choice((0, 1, 1, 3))):
            made.steps.append((luck.choice((luck.uniform(0, 90), luck.uniform(0, 1500))), luck.choice((-600.0, 600.0))))
        made.orders.sort()
        return made


def names() -> list[str]:
    return [f"h{number}.example.com" for number in range(HOSTS)]
