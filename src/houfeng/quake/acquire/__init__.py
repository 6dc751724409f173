"""What did the ground do, and what did we miss? Packets in, ordered packets and gaps out."""

from houfeng.quake.acquire.batches import picked as picked
from houfeng.quake.acquire.order import Acquire as Acquire
from houfeng.quake.acquire.order import Acquired as Acquired
from houfeng.quake.acquire.pace import SLICE_NS as SLICE_NS
from houfeng.quake.acquire.pace import Pace as Pace
from houfeng.quake.acquire.pace import Slice as Slice
from houfeng.quake.acquire.recent import Recent as Recent
from houfeng.quake.acquire.roster import Roster as Roster
