"""What places have to expect of an alert: by its quake, or by what stations nearby already feel, whichever is more."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.warn.fuse import fuse
from houfeng.quake.warn.places import expectations
from houfeng.quake.warn.policy import Policy
from houfeng.quake.warn.wavefront import nearby, surroundings
from houfeng.words.alert import Alert, Expectation, Place
from houfeng.words.station import Station

Reals = NDArray[np.float64]


class Outlook:
    """Places, and who stands around them.

    stations  in the order in which of() is told what they feel
    times     to stations at sea level
    """

    def __init__(
        self, places: Sequence[Place], stations: Sequence[Station], policy: Policy, times: TravelTimes
    ) -> None:
        self._places = tuple(places)
        self._policy = policy
        self._times = times
        self._around = surroundings(policy, stations, places)

    def of(self, alert: Alert, felt_mmi: Reals, share: Reals) -> tuple[Expectation, ...]:
        """What each place has to expect, in their order; nothing of an alert that is taken back.

        felt_mmi  [stations] present intensity at each; NaN where not known
        share     [stations] how far each is trusted, 0 to 1

        What stations nearby feel counts at the forgery cost that the choosiest audience of the alert asks for.
        """
        if alert.kind == "cancel" or not self._places:
            return ()
        asking = [audience for audience in self._policy.audiences if audience.name in alert.audiences]
        found = nearby(
            self._around,
            felt_mmi,
            share,
            stations=max((audience.stations for audience in asking), default=1),
            domains=max((audience.domains for audience in asking), default=1),
        )
        by_source = expectations(alert, self._places, self._times, alert.declared_ns)
        return fuse(self._places, by_source, found, now_ns=alert.declared_ns, declared_ns=alert.declared_ns)
