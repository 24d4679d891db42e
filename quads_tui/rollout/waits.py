"""Why a host waits before it may begin, in the same words wherever they are shown."""

from __future__ import annotations

import re


def for_a_place(waiting: int, verified: bool) -> str:
    """`waiting` hosts are powered off and not yet written, as many as may be; `verified`: the first write of the rollout is."""
    hosts = "1 host is" if waiting == 1 else f"{waiting} hosts are"
    if verified:
        return f"waiting for its turn: {hosts} powered off and not yet written to Foreman (limits.ahead)"
    return f"waiting until the first write to Foreman is verified; {hosts} already powered off, and no more until then"


def is_for_a_place(note: str) -> bool:
    """Whether these are the words of `for_a_place`, with whatever number was right when they were said."""
    return any(re.sub(r"\d+ hosts? (is|are)", "0 hosts are", note) == for_a_place(0, verified) for verified in (False, True))


def for_the_turn(host: str) -> str:
    """Ready to be written, but another host's write is out, and the first of all."""
    return f"ready; waiting until the first write to Foreman (for {host}) is verified"


def for_an_install(most: int) -> str:
    """As many hosts as may be install, or are powered off for it."""
    return f"waiting for an install to end: {'1 host is' if most == 1 else f'{most} hosts are'} under way (limits.installing)"


def is_for_an_install(note: str) -> bool:
    """Whether these are the words of `for_an_install`."""
    return note.startswith("waiting for an install to end: ") and note.endswith("(limits.installing)")


def for_its_rack(rack: str, most: int, seconds: float) -> str:
    """As many hosts of the rack as may be were powered on within so many own seconds."""
    hosts = "1 host is" if most == 1 else f"{most} hosts are"
    return f"waiting to power on: of rack {rack}, {hosts} powered on per {seconds:g} s (limits.power_on_per_rack)"


def paused_subject(what: str) -> str:
    """What is paused, in words; `what` is admission, writes or a model, as in events.Paused."""
    return {"admission": "new hosts", "writes": "Foreman writes"}.get(what, f"new hosts of {what}")


def for_the_pause(what: str, why: str = "") -> str:
    """`what` as in paused_subject."""
    return f"{paused_subject(what)} are paused" + (f": {why}" if why else "")
