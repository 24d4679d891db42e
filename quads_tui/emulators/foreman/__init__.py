"""An emulated Foreman: API v2 as a real HTTP server, with its build lifecycle, the time its work takes, and its faults.

Served: status, hosts, host parameters, users, roles, permissions, operating systems, media, partition tables, settings,
orchestration tasks, and the /unattended calls of an installer. Documents follow recordings of real servers; costs are
estimates except where options.Costs says otherwise. It claims to be 3.12, or any version from 1.24 to 3.16.
"""

from .answers import Answer, json_answer, page, redirect
from .emulator import ForemanEmulator
from .faults import InjectedFault
from .options import VERSION, Cost, Costs, ForemanFaults, ForemanOptions, Source
from .search import QueryError
from .traffic import Exchange

__all__ = [
    "VERSION",
    "Answer",
    "Cost",
    "Costs",
    "Exchange",
    "ForemanEmulator",
    "ForemanFaults",
    "ForemanOptions",
    "InjectedFault",
    "QueryError",
    "Source",
    "json_answer",
    "page",
    "redirect",
]
