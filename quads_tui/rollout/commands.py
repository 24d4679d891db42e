"""What an operator can order. Keys, headless signals and later sockets make these; the engine's inbox takes them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, get_args


@dataclass(frozen=True, slots=True)
class Retry:
    """Failed, skipped and held hosts only. From the failed stage, or from the first one (`from_start`: the host is rebuilt).

    `accepts`: a human means each of these hosts, so one that is held because of its machine may act on that machine.
    """

    hosts: tuple[str, ...]
    from_start: bool = False
    accepts: bool = True


@dataclass(frozen=True, slots=True)
class Skip:
    """The hosts leave the rollout before their next act; armed ones are disarmed, installing ones only no longer watched."""

    hosts: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Unskip:
    """Skipped hosts come back where they left."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """As skip, but the host stays the rollout's and waits for a release."""

    hosts: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Release:
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WriteNext:
    """These hosts are begun, and written to Foreman, before all others that were not named before them."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disarm:
    """Take failed, armed hosts out of build and clear their boot override; they stay failed."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AskBmc:
    """Read what the BMCs of these hosts tell of their machines now, and nothing else; the answers come as events."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comment:
    """Words about these hosts, for whoever looks at them next. Nothing is done to them."""

    hosts: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class RestartBmc:
    """Restart the BMCs of hosts that nobody works on; one that several of them share once. The machines are not touched."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PowerCycle:
    """Power ended hosts off and on; out of build mode and PXE first, so that none is reinstalled."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Write the former owners of ended hosts back to Foreman; out of build mode and PXE first."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pause:
    """`what`: admission (no host starts its next stage) or writes (the lane grants no ticket)."""

    what: str
    paused: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """No new acts; requests in flight settle; then the rollout ends with hosts unfinished (exit status 4)."""


@dataclass(frozen=True, slots=True)
class RecordRowCommand:
    """Changes nothing: a command of the site was run for these hosts, or has ended. It is kept among the commands, and in the
    history of each host. `text`: which one, with its arguments, or how it ended."""

    hosts: tuple[str, ...]
    text: str


Command = (
    Retry
    | Skip
    | Unskip
    | Hold
    | Release
    | WriteNext
    | Disarm
    | AskBmc
    | RestartBmc
    | PowerCycle
    | GiveBack
    | Comment
    | Pause
    | Stop
    | RecordRowCommand
)

_KINDS: dict[str, type[Command]] = {cls.__name__.lower(): cls for cls in get_args(Command)}


def to_dict(command: Command) -> dict[str, Any]:
    """The command as JSON types, its kind in `command`."""
    return {"command": type(command).__name__.lower(), **asdict(command)}


def from_dict(data: object) -> Command:
    """The inverse of to_dict. Raises ValueError for anything else: what comes over a socket is not trusted."""
    kind = data.get("command") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError("no command")
    cls = _KINDS[kind]
    values = {name: value for name, value in data.items() if name != "command"}
    expected = {field.name: _JSON[str(field.type)] for field in fields(cls)}
    if values.keys() != expected.keys() or not all(isinstance(values[name], kind) for name, kind in expected.items()):
        raise ValueError(f"the command {data['command']} must have these members: {', '.join(sorted(expected))}")
    if "hosts" in values:
        if not all(isinstance(host, str) for host in values["hosts"]):
            raise ValueError("the hosts of a command must be strings")
        values["hosts"] = tuple(values["hosts"])
    return cls(**values)


_JSON: dict[str, type | tuple[type, ...]] = {"tuple[str, ...]": (list, tuple), "str": str, "bool": bool}
