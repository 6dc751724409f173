"""A made-up quake, for the tests of what keeps quakes."""

import dataclasses

import numpy as np

from houfeng.words.quake import Arrival, Ellipse, Magnitude, Origin, Pick, Quake
from houfeng.words.source import SourceId


def a_quake(quake_id="q1", version=1, **changes):
    magnitude = changes.pop("magnitude", None)
    origin = Origin(
        time_ns=1_500_000_000_123_456_789,
        latitude_deg=37.9,
        longitude_deg=-122.0,
        depth_m=8000.0,
        covariance_m2=np.diag([1e6, 2e6, 4e6]),
        time_uncertainty_s=0.1,
        depth_uncertainty_m=2000.0,
        ellipses=(Ellipse(0.68, 1500.0, 1000.0, 30.0),),
        gap_deg=90.0,
        rms_s=0.08,
        nearest_m=4000.0,
        station_count=12,
        quality="B",
        model="default",
        arrivals=(Arrival(Pick(SourceId("BK", "BRK", "00", "HHZ"), "P", 1, 0.05), 0.01, 9e3, 12.0, 95.0, 1.0),),
    )
    sizes = () if magnitude is None else (Magnitude("ML", magnitude, 0.2, "hutton-boore-1987", ()),)
    return Quake(quake_id, version, dataclasses.replace(origin, **changes), sizes)
