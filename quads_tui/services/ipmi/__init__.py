"""The IPMI client: power and one-time boot of machines without usable Redfish, by Debian's ipmitool as a process."""

from .bmc import Bmc
from .boot import NO_MODE
from .connection import IpmiBmcs, IpmiConnection
from .process import is_installed

__all__ = ["NO_MODE", "Bmc", "IpmiBmcs", "IpmiConnection", "is_installed"]
