"""What did the ground do, and what did we miss? Packets in, ordered packets and gaps out."""

from houfeng.quake.acquire.order import Acquire as Acquire
from houfeng.quake.acquire.order import Acquired as Acquired
from houfeng.quake.acquire.recent import Recent as Recent
from houfeng.quake.acquire.roster import Roster as Roster
