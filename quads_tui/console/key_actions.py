"""All actions of the console: keys, footer, help, command line, palette, confirmation and docs/keys.md come from here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from quads_tui.rollout.commands import (
    Command,
    Comment,
    Disarm,
    GiveBack,
    Hold,
    PowerCycle,
    Release,
    RestartBmc,
    Retry,
    Skip,
    Unskip,
    WriteNext,
)
from quads_tui.rollout.ports import RETRYABLE
from quads_tui.rollout.repairs import Repair
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import HostState

from .consequences import (
    ATTACH,
    BMC_RESTART,
    COMMENT,
    GIVE_BACK,
    NEW_ROLLOUT,
    PAUSE_NEW,
    PAUSE_WRITES,
    POWER_CYCLE,
    RESUME_ROLLOUT,
    STOP,
    Consequence,
    Effects,
    always,
    disarming,
    leaving,
    putting_first,
    retrying,
)


@dataclass(frozen=True, slots=True)
class KeyAction:
    """`dangerous` actions change the rollout and do not exist on a read-only screen. `statuses`: of the hosts that it applies to.

    `consequence`: what it does, for its question. A dangerous action has one, or ValueError is raised.

    `where`: table, hosts (wherever hosts are chosen), anywhere over a rollout, start (the screen of all rollouts), or plain
    (typed without a screen). `argument`: what the command accepts after its name. `footer`: its priority for a place in the
    last line; 0: none. `make_command`: of the hosts and the reason; `default_reason`: it asks for a reason, this is the default.
    `repair`: what it is, for one that says why a host is left out.
    """

    name: str
    keys: str  # as textual names them, comma separated
    shown: str  # the key as the operator reads it
    help: str
    where: str = "anywhere"
    dangerous: bool = False
    statuses: tuple[HostStatus, ...] = ()
    footer: int = 0
    argument: str = ""
    make_command: Callable[[tuple[str, ...], str], Command] | None = None
    default_reason: str = ""
    label: str = ""  # in the footer (key_labels); the command where it is empty
    consequence: Consequence | None = None
    asks: bool = True  # with `make_command`: nothing happens before it is confirmed
    repair: Repair | None = None

    def __post_init__(self) -> None:
        if self.dangerous != (self.consequence is not None):
            raise TypeError(f"{self.name}: a dangerous action needs its consequence, and no other has one")
        if not self.label:
            object.__setattr__(self, "label", self.command)

    @property
    def command(self) -> str:
        """Its name on the command line."""
        return self.name.replace("_", "-")

    def effects(self, hosts: Sequence[HostState]) -> Effects:
        """What it does to these hosts as they stand now. Only of dangerous actions."""
        assert self.consequence is not None
        return self.consequence(hosts)


TARGETS = (
    "For the marked hosts; if none is marked, for the host under the cursor. On the screen of a host: for this host. On the"
    " screens of failures and of clouds: for all hosts of the chosen group or cloud"
)
"""Of the actions on hosts, for the help."""

TYPE_THE_COUNT = 5  # more hosts than this: the number must be typed

_NOT_DONE = tuple(status for status in HostStatus if status is not HostStatus.DONE)
_TABLE, _HOSTS, _START, _PLAIN = "table", "hosts", "start", "plain"

KEY_ACTIONS = (
    KeyAction("cursor_up", "up,k", "↑ k", "one host up", _TABLE),
    KeyAction("cursor_down", "down,j", "↓ j", "one host down", _TABLE),
    KeyAction("page_up", "pageup", "PgUp", "one page up", _TABLE),
    KeyAction("page_down", "pagedown", "PgDn", "one page down", _TABLE),
    KeyAction("first", "home,g", "Home g", "go to the first host", _TABLE),
    KeyAction("last", "end,G", "End G", "go to the last host", _TABLE),
    KeyAction("mark", "space", "space", "mark or unmark the host under the cursor", _TABLE, footer=1),
    KeyAction("mark_range", "V", "V", "mark all from the newest mark to the cursor", _TABLE),
    KeyAction("mark_shown", "asterisk", "*", "mark all shown hosts; press again to unmark them", _TABLE),
    KeyAction("clear_marks", "backslash", "\\", "clear all marks", _TABLE),
    KeyAction(
        "filter",
        "slash",
        "/",
        "filter hosts: text, regular expression, !text (not), stage: cause: model: rack: ...",
        _TABLE,
        footer=True,
        argument="WORDS",
    ),
    KeyAction("failures", "f", "f", "show failed hosts only, or all hosts again", _TABLE, footer=2, label="failed only"),
    KeyAction("sort", "o", "o", "sort by the next column", _TABLE, argument="COLUMN"),
    KeyAction("reverse_sort", "O", "O", "reverse the sort order", _TABLE),
    KeyAction("summary", "E", "E", "show or hide the result, and what to do next, once the rollout has ended", _TABLE),
    KeyAction(
        "export",
        "",
        "",
        "write the shown hosts, as they are sorted, into a file: csv or json",
        _TABLE,
        argument="FORMAT [FILE]",
    ),
    KeyAction(
        "columns",
        "",
        "",
        "choose the columns of the table (no name: the usual ones): cloud, model, stage, state, for, try, hooks, note",
        _TABLE,
        argument="NAME,NAME...",
    ),
    KeyAction(
        "save",
        "",
        "",
        "save the filter and sort order under a name, used by :filter @NAME; without a name: list them",
        _TABLE,
        argument="NAME",
    ),
    KeyAction("forget", "", "", "delete a saved filter", _TABLE, argument="NAME"),
    KeyAction(
        "detail",
        "enter",
        "enter",
        "show the details of the host, and the requests to Foreman and its BMC",
        _TABLE,
        footer=6,
        label="details",
    ),
    KeyAction(
        "retry",
        "r",
        "r",
        "retry from the failed stage",
        _HOSTS,
        True,
        tuple(RETRYABLE),
        8,
        make_command=lambda hosts, _: Retry(hosts),
        consequence=retrying("retry"),
    ),
    KeyAction(
        "restart",
        "R",
        "R",
        "retry from the first stage; wipes the host",
        _HOSTS,
        True,
        tuple(RETRYABLE),
        4,
        make_command=lambda hosts, _: Retry(hosts, from_start=True),
        label="retry",  # and from where (key_labels)
        consequence=retrying("start again", from_start=True),
    ),
    KeyAction(
        "disarm",
        "d",
        "d",
        "disarm failed hosts: cancel build mode in Foreman, clear PXE on the BMC",
        _HOSTS,
        True,
        tuple(RETRYABLE),
        8,
        make_command=lambda hosts, _: Disarm(hosts),
        consequence=disarming,
    ),
    KeyAction(
        "skip",
        "s",
        "s",
        "take hosts out of the rollout; failed hosts become skipped, armed hosts are disarmed",
        _HOSTS,
        True,
        _NOT_DONE,
        7,
        "REASON",
        Skip,
        "skipped by the operator",
        consequence=leaving(
            "skip",
            HostStatus.SKIPPED,
            ("u returns", " to the rollout"),
            "h holds hosts instead: they wait until they are released.",
        ),
    ),
    KeyAction(
        "unskip",
        "u",
        "u",
        "return skipped hosts to the rollout",
        _HOSTS,
        True,
        (HostStatus.SKIPPED,),
        8,
        make_command=lambda hosts, _: Unskip(hosts),
        label="put back into the rollout",
        consequence=retrying("return"),
    ),
    KeyAction(
        "hold",
        "h",
        "h",
        "hold hosts before their next step, or release held hosts",
        _HOSTS,
        True,
        _NOT_DONE,
        0,
        "REASON",
        Hold,
        "held by the operator",
        consequence=leaving("hold", HostStatus.HELD, ("H releases", ""), "p pauses new hosts only; hosts under way continue."),
    ),
    KeyAction(
        "release",
        "H",
        "H",
        "release held hosts",
        _HOSTS,
        True,
        (HostStatus.HELD,),
        8,
        make_command=lambda hosts, _: Release(hosts),
        consequence=retrying("release"),
    ),
    KeyAction(
        "write_next",
        "w",
        "w",
        "begin these hosts, and write them to Foreman, before all others",
        _HOSTS,
        True,
        (HostStatus.QUEUED, HostStatus.WAITING, HostStatus.RUNNING),
        make_command=lambda hosts, _: WriteNext(hosts),
        consequence=putting_first,
    ),
    KeyAction(
        "ask_bmc",
        "i",
        "i",
        "ask the BMC of a host for its boot progress, last boot and event log; changes nothing",
        _HOSTS,
        argument="HOST",
        label="ask the BMC",
    ),
    KeyAction(
        "comment",
        "c",
        "c",
        "comment on hosts: shown in their NOTE, details and the report, and to whoever takes control",
        _HOSTS,
        True,
        tuple(HostStatus),
        0,
        "TEXT",
        Comment,
        asks=False,
        consequence=always(COMMENT),
    ),
    KeyAction(
        "power_cycle",
        "",
        "",
        "power hosts off and on; they are disarmed first, and not reinstalled",
        _HOSTS,
        True,
        tuple(RETRYABLE),
        make_command=lambda hosts, _: PowerCycle(hosts),
        repair=Repair.POWER_CYCLE,
        consequence=always(POWER_CYCLE),
    ),
    KeyAction(
        "bmc_restart",
        "",
        "",
        "restart the BMC itself; the power of the host does not change",
        _HOSTS,
        True,
        (*RETRYABLE, HostStatus.DONE),
        make_command=lambda hosts, _: RestartBmc(hosts),
        repair=Repair.BMC_RESTART,
        consequence=always(BMC_RESTART),
    ),
    KeyAction(
        "give_back",
        "",
        "",
        "give failed hosts back to their former owner in Foreman; they are disarmed first",
        _HOSTS,
        True,
        tuple(RETRYABLE),
        make_command=lambda hosts, _: GiveBack(hosts),
        repair=Repair.GIVE_BACK,
        consequence=always(GIVE_BACK),
    ),
    KeyAction("copy", "y", "y", "copy the details of the host, or the names of the marked hosts", _HOSTS),
    KeyAction("next_failed", "n", "n", "go to the next failed host", _HOSTS),
    KeyAction("previous_failed", "N", "N", "go to the previous failed host", _HOSTS),
    KeyAction("causes", "F", "F", "failures by cause", footer=3, label="failures by cause"),
    KeyAction("clouds", "C", "C", "progress by cloud, and actions on all hosts of a cloud"),
    KeyAction("map", "M", "M", "map of the fleet: a cell per host, by rack, model or cloud", footer=3),
    KeyAction("graphs", "v", "v", "graphs over time: hosts by stage, the Foreman write queue, latencies", footer=2),
    KeyAction(
        "pause",
        "p",
        "p",
        "pause new hosts, or resume them after showing the reason for the pause",
        dangerous=True,
        footer=5,
        label="pause new hosts",
        consequence=always(PAUSE_NEW),
    ),
    KeyAction(
        "pause_writes",
        "P",
        "P",
        "pause all Foreman writes, or resume them after showing the reason for the pause",
        dangerous=True,
        consequence=always(PAUSE_WRITES),
    ),
    KeyAction("resume_here", "ctrl+r", "ctrl+r", "resume the rollout in this console, after the process that ran it has exited"),
    KeyAction("messages", "m", "m", "messages and commands so far"),
    KeyAction("theme", "T", "T", "next colour theme", argument="NAME"),
    KeyAction("symbols", "b", "b", "next set of symbols: braille, blocks or ASCII", argument="NAME"),
    KeyAction("mute", "B", "B", "bell off or on; it rings for a new kind of failure, a pause, and the end of the rollout"),
    KeyAction("shot", "S", "S", "save a screenshot (SVG, text) and the state (JSON) in the directory of the rollout"),
    KeyAction("command", "colon", ":", "type a command; tab completes", footer=4),
    KeyAction("palette", "ctrl+p", "ctrl+p", "list of all commands, those for the host under the cursor first"),
    KeyAction("help", "question_mark", "?", "this help", footer=9),
    KeyAction(
        "leave",
        "q,ctrl+q",
        "q",
        "leave the screen: the rollout continues and prints its progress",
        footer=9,
        label="leave screen",
    ),
    KeyAction(
        "open", "enter", "enter", "open the rollout: with control if this process runs it, else read-only", _START, footer=9
    ),
    KeyAction(
        "new",
        "n",
        "n",
        "plan a new rollout: from a file (tab: type its path), from the moves of QUADS, or a rehearsal",
        _START,
        True,
        footer=8,
        label="new rollout",
        consequence=always(NEW_ROLLOUT),
    ),
    KeyAction("resume", "r", "r", "resume an unfinished rollout", _START, True, footer=7, consequence=always(RESUME_ROLLOUT)),
    KeyAction(
        "attach",
        "a",
        "a",
        "take control of a rollout that another process runs",
        _START,
        True,
        footer=6,
        label="take control",
        consequence=always(ATTACH),
    ),
    KeyAction(
        "interrupt", "ctrl+c", "ctrl+c", "choose: continue, pause new hosts, or stop", dangerous=True, consequence=always(STOP)
    ),
    KeyAction("status", "", "", "progress, estimated end, what is paused or armed", _PLAIN),
    KeyAction("failed", "", "", "failed hosts and their causes", _PLAIN),
    KeyAction("show", "", "", "details and history of a host", _PLAIN, argument="HOST"),
    KeyAction(
        "stop",
        "",
        "",
        "stop the rollout: nothing new is started on any host; unfinished hosts can be resumed later",
        _PLAIN,
        True,
        consequence=always(STOP),
    ),
)
BY_NAME = {action.name: action for action in KEY_ACTIONS}


def of_place(*places: str) -> Sequence[KeyAction]:
    return [action for action in KEY_ACTIONS if action.where in places]


COMMANDS = of_place(_TABLE, _HOSTS, "anywhere")  # of the screens' command line


def find_command(word: str, actions: Sequence[KeyAction]) -> KeyAction | None:
    """The action with this command name, or the only one whose name starts like this."""
    word = word.replace("_", "-")
    fitting = [action for action in actions if action.command.startswith(word)] if word else []
    exact = [action for action in fitting if action.command == word]
    return (exact or fitting)[0] if exact or len(fitting) == 1 else None
