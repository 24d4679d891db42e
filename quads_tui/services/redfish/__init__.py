"""The Redfish client: power and one-time boot of one machine through its BMC, by what the BMC's own documents say."""

from .bmc import Bmc
from .resources import Observation

__all__ = ["Bmc", "Observation"]
