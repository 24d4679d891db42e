"""The question before an action: for which hosts, how they stand and why, what happens, what is lost, and the gentler way."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import assert_never

from quads_tui.render.question import HostRow, QuestionText
from quads_tui.rollout.causes import group_of
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import HostState, Rollout

from .consequences import PAUSE_NEW, RESUME_NEW, RESUME_WRITES, STOP, Effects, retry_place
from .key_actions import BY_NAME, TYPE_THE_COUNT, KeyAction

_ROWS = 5  # of hosts, or of groups of hosts


def question(
    action: KeyAction,
    chosen: Sequence[HostState],
    *,
    why: Callable[[HostState], str] = lambda host: host.full_reason,
    hidden: int = 0,
    unsuitable: int = 0,
) -> QuestionText:
    """`why`: in words, why a host stands where it stands. `hidden`, `unsuitable`: chosen hosts that the filter does not show,
    and others that the action does not apply to."""
    notes = []
    if hidden:
        notes.append(f"Also included: {_hosts(hidden)} that the current filter does not show.")
    if unsuitable:
        notes.append(
            f"Not affected: {_hosts(unsuitable)} of the selection, in a state in which {action.command} is not possible."
        )
    rows, more = _rows(chosen, why)
    effects = action.effects(chosen)
    effects = _of_one(effects) if len(chosen) == 1 else effects
    return QuestionText(
        title=_title(action, chosen, effects.marked),
        key=action.shown,
        happens=effects.happens,
        lost=effects.lost,
        states=states(chosen) if len(chosen) > _ROWS else "",
        rows=rows,
        more=more,
        notes=tuple(notes),
        gentler=effects.gentler,
        yes=effects.yes,
        wipes=effects.wipes,
    )


def _title(action: KeyAction, chosen: Sequence[HostState], marked: str) -> str:
    verb, rest = _TITLES.get(action.name, (action.name.capitalize(), ""))
    if marked:
        verb, rest = "Mark", f" as {marked}"
    if action.name in ("retry", "restart") and (place := retry_place(chosen, from_start=action.name == "restart")):
        rest = f" {place}"
    who = f"{chosen[0].short}, {_standing(chosen[0])}" if len(chosen) == 1 else f"{len(chosen)} hosts"
    return f"{verb} {who}{',' if rest and len(chosen) == 1 else ''}{rest}?"


_TITLES = {"restart": ("Retry", ""), "write_next": ("Write", " to Foreman next")}


def states(hosts: Sequence[HostState]) -> str:
    """How many of them stand where: 8 of 10 hosts held while installing, 2 held at PXE."""
    counts = Counter(map(_standing, hosts)).most_common()
    words = [
        f"{count} {'' if number else f'of {_hosts(len(hosts))} '}{standing}" for number, (standing, count) in enumerate(counts)
    ]
    return ", ".join(words) + "." if words else ""


def _standing(host: HostState) -> str:
    """How it stands and where, as it follows its name."""
    where = f" at {host.stage.label}" if host.stage else ""
    match host.status:
        case HostStatus.QUEUED:
            return f"queued{where}" if host.attempts else "not started"
        case HostStatus.RUNNING:
            return "installing" if host.stage is Stage.INSTALL else f"under way{where}"
        case HostStatus.WAITING:
            return f"retrying{where}"
        case HostStatus.DONE:
            return "done"
        case HostStatus.FAILED | HostStatus.SKIPPED | HostStatus.HELD:
            installing = host.safety is Safety.INSTALLING
            return f"{host.status.value}{' while installing' if installing else where}{' and ARMED' if host.armed else ''}"
        case _:
            assert_never(host.status)


def _word(host: HostState) -> str:
    """How it stands, where the stage stands beside it."""
    if host.armed and host.status.is_final:
        return "ARMED"
    if host.status is HostStatus.QUEUED and not host.attempts:
        return "not started"
    return "under way" if host.status is HostStatus.RUNNING else host.status.label


def _of_one(effects: Effects) -> Effects:
    """In the words for a single host."""

    def words(sentence: str) -> str:
        return re.sub(r"\b1 host\b", "the host", re.sub(r"^1 host\b", "The host", sentence))

    return replace(
        effects,
        happens=tuple(map(words, effects.happens)),
        lost=words(effects.lost),
        yes=words(effects.yes),
        gentler=words(effects.gentler),
    )


def _rows(chosen: Sequence[HostState], why: Callable[[HostState], str]) -> tuple[tuple[HostRow, ...], int]:
    """A row for each host; of more than five, one for those that stand alike for the same reason. And how many have none."""
    groups: dict[tuple[object, ...], list[HostState]] = {}
    for host in chosen:
        alike = (host.status, host.stage, host.armed, group_of(host.reason, host.name))
        groups.setdefault(alike if len(chosen) > _ROWS else (host.name,), []).append(host)
    found = sorted(groups.values(), key=len, reverse=True)
    rows = []
    for hosts in found[:_ROWS]:
        first = hosts[0]
        more = f" +{len(hosts) - 1}" if len(hosts) > 1 else ""
        ended = first.status.is_final
        rows.append(
            HostRow(
                hosts=f"{first.short}{more}",
                name=first.name,
                number=len(hosts),
                word=_word(first),
                armed=first.armed and ended,
                status=first.status,
                stage=first.stage,
                reason=why(first) if ended or len(hosts) == 1 else "",
            )
        )
    return tuple(rows), sum(len(hosts) for hosts in found[_ROWS:])


def required_answer(count: int) -> str:
    """The answer that confirms an action on so many hosts: y, or from six on their number."""
    return str(count) if count > TYPE_THE_COUNT else "y"


# Pauses, and the end of the process


def pause_reasons(paused: Mapping[str, str], what: str) -> list[str]:
    """Why new hosts (`what` "admission") or writes are paused, one line each; also for single models. Empty: not paused."""
    return [_pause_reason(name, why) for name, why in paused.items() if (name == what if what == "writes" else name != "writes")]


def _pause_reason(name: str, why: str) -> str:
    of = "" if name in _PAUSES else f" ({name})"
    return f"Paused{of} {why}." if why.startswith("by ") else f"Paused{of} because: {why}"


def pause_question(rollout: Rollout, what: str, why: Sequence[str]) -> QuestionText:
    """The question before new hosts or writes are paused or, if they are (`why` has the reasons), before they are resumed."""
    action, subject, resuming = _PAUSES[what]
    left = [host for host in rollout.hosts.values() if not host.status.is_final]
    effects = resuming if why else BY_NAME[action].effects(left)
    title = f"{'Resume' if why else 'Pause'} {subject}?"
    return _of_rollout(title, BY_NAME[action].shown, effects, left, tuple(why))


_PAUSES: dict[str, tuple[str, str, Effects]] = {
    "admission": ("pause", "new hosts", RESUME_NEW),
    "writes": ("pause_writes", "all Foreman writes", RESUME_WRITES),
}


def stop_question(rollout: Rollout) -> QuestionText:
    """What to do with a rollout when ctrl+c is pressed; it may be run by another process, to which this console is attached."""
    left = [host for host in rollout.hosts.values() if not host.status.is_final]
    asked = _of_rollout("Pause new hosts, or stop the rollout?", BY_NAME["interrupt"].shown, STOP, left)
    pausing = f"Pause new hosts: {PAUSE_NEW.happens[0][:1].lower()}{PAUSE_NEW.happens[0][1:]}"
    return QuestionText(
        title=asked.title, key=asked.key, happens=(pausing, *asked.happens), lost=asked.lost, states=asked.states, yes=asked.yes
    )


def _of_rollout(title: str, key: str, effects: Effects, left: Sequence[HostState], why: tuple[str, ...] = ()) -> QuestionText:
    return QuestionText(
        title=title,
        key=key,
        happens=(*why, *effects.happens),
        lost=effects.lost,
        states=states(left),
        gentler=effects.gentler,
        yes=effects.yes,
        wipes=effects.wipes,
    )


def _hosts(count: int) -> str:
    return "1 host" if count == 1 else f"{count} hosts"
