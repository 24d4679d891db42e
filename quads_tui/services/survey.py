"""What a survey finds out about one BMC, whatever it speaks."""

from __future__ import annotations

from dataclasses import dataclass, field

from quads_tui.rollout.identity import Identity


@dataclass(frozen=True, slots=True)
class Survey:
    """One BMC, looked at before anything is done. None: it does not tell."""

    power: str
    mode: str
    pxe: bool | None  # PXE is among what it can boot from
    model: str
    identity: Identity = field(default_factory=Identity)  # by the system's document alone: MACs are told by `identify`
    override: bool | None = None  # there is a boot override that can be set; None also while the machine is off and hides it
    acts: bool = True  # it tells which actions there are; a BMC that is starting may not yet
    force_off: bool | None = None  # ForceOff, or the power button, is among the resets that it offers
