"""The simulated twins: the ports of Larry, served by a ``World`` in place of the real one.

Delays of the world pass without threads: what is due is worked out from the time at which it was
asked for, which stands in the notebook and so survives a restart.
"""

from larry.simulated.directory import SimulatedPlaces, SimulatedWebSearch
from larry.simulated.mail import SimulatedMail
from larry.simulated.pace import Pace
from larry.simulated.telephone import SimulatedTelephone
from larry.simulated.world import QuietWorld

__all__ = [
    "Pace",
    "QuietWorld",
    "SimulatedMail",
    "SimulatedPlaces",
    "SimulatedTelephone",
    "SimulatedWebSearch",
]
