"""What the ground-motion relation expects of one quake at places, with all that is not known about it as scatter."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.shake.condition import Sites, on_sphere
from houfeng.quake.shake.fault import rjb_m, usual_rjb_m
from houfeng.quake.shake.ground_motion import (
    COMPONENT,
    LEAST_MAGNITUDE,
    LEAST_VS30_MPS,
    MOST_MAGNITUDE,
    MOST_VS30_MPS,
    RELATION,
    ROCK_VS30_MPS,
    Expected,
    Mechanism,
    Region,
    expected,
    site_slope,
)
from houfeng.wire.fault import Fault
from houfeng.words.earth import distance_m
from houfeng.words.errors import DataFault
from houfeng.words.quake import Origin
from houfeng.words.shaking import Measure

#: Vs30 by place: latitudes and longitudes in degrees, [n], to m/s, [n].
Ground = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]

#: Where one Vs30 stands for all ground, this is how much the logarithm of the real one varies about it: classes C and
#: D of ASCE/SEI 7-16, table 20.3-1, 180 to 760 m/s, taken as the 90 % in the middle of a normal distribution.
UNKNOWN_GROUND = float(np.log(760 / 180) / (2 * 1.645))

#: The quakes behind the relation began in the crust; a deeper one shakes its epicentre less than it expects.
SHALLOW_M = 35_000.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What the relation must know beside a place.

    magnitude  moment magnitude, or what stands for it, finite
    fault      None where only the epicentre is known
    vs30_mps   a function of place, or one speed for all ground, which then is not really known
    mechanism  style of faulting
    region     whose attenuation

    Raises DataFault when the magnitude or the epicentre is no number.
    """

    origin: Origin
    magnitude: float
    fault: Fault | None = None
    vs30_mps: Ground | float = ROCK_VS30_MPS
    mechanism: Mechanism = "unspecified"
    region: Region = "global"

    def __post_init__(self) -> None:
        place = (self.origin.latitude_deg, self.origin.longitude_deg)
        if not (np.isfinite(self.magnitude) and abs(place[0]) <= 90 and np.isfinite(place[1])):
            raise DataFault("quake", "its magnitude or its epicentre is no number", "locate and size it first")

    def away_m(
        self, latitude_deg: NDArray[np.float64], longitude_deg: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Distance to the surface projection of the rupture and its standard deviation, m, each [n]."""
        if self.fault is not None:
            return rjb_m(self.fault, latitude_deg, longitude_deg), np.zeros(len(latitude_deg))
        epicentre = (self.origin.latitude_deg, self.origin.longitude_deg)
        return usual_rjb_m(distance_m(*epicentre, latitude_deg, longitude_deg), self.magnitude)


def prior(
    setting: Setting, measure: Measure, latitude_deg: NDArray[np.float64], longitude_deg: NDArray[np.float64]
) -> Sites:
    """What is expected of a measure at places [n], degrees.

    Shared by all places are the quake's own strength (tau) and its own attenuation. phi holds, beside the relation's
    own, what the unknown rupture and the unknown ground add.
    Raises DataFault when vs30_mps gives something that is no speed.
    """
    away_m, spread_m = setting.away_m(latitude_deg, longitude_deg)
    speed = _vs30(setting, latitude_deg, longitude_deg)

    def at(distance: NDArray[np.float64]) -> Expected:
        return expected(measure, setting.magnitude, distance, speed, mechanism=setting.mechanism, region=setting.region)

    middle = at(away_m)
    phi = middle.phi
    if setting.fault is None:
        phi = np.hypot(phi, (at(np.maximum(away_m - spread_m, 0.0)).ln_median - at(away_m + spread_m).ln_median) / 2)
    if not callable(setting.vs30_mps):
        phi = np.hypot(phi, site_slope(measure) * UNKNOWN_GROUND)
    shared = np.column_stack((np.full(len(phi), middle.tau), middle.path))
    return Sites(on_sphere(latitude_deg, longitude_deg), middle.ln_median, phi, shared)


def assumptions(setting: Setting) -> tuple[str, ...]:
    """What a reader of the map must know about the relation and how it was used, a sentence each."""
    said = [f"{RELATION}; {COMPONENT}; faulting {setting.mechanism}, attenuation {setting.region}"]
    if not LEAST_MAGNITUDE <= setting.magnitude <= MOST_MAGNITUDE:
        within = f"{LEAST_MAGNITUDE:g} to {MOST_MAGNITUDE:g}"
        said.append(f"magnitude {setting.magnitude:.1f} lies outside the {within} of the relation")
    if setting.origin.depth_m > SHALLOW_M:
        said.append(
            f"a source {setting.origin.depth_m / 1000:.0f} km deep lies below the crust the relation was made for: "
            "expect less near the epicentre and more far away"
        )
    if setting.fault is None:
        said.append("no rupture given: distances are means over ruptures of usual length at the epicentre")
    if callable(setting.vs30_mps):
        said.append(f"ground by place; Vs30 taken within {LEAST_VS30_MPS:g} to {MOST_VS30_MPS:g} m/s")
    else:
        said.append(f"ground not known: Vs30 {setting.vs30_mps:g} m/s everywhere, its spread added to sigma")
    return tuple(said)


def _vs30(
    setting: Setting, latitude_deg: NDArray[np.float64], longitude_deg: NDArray[np.float64]
) -> NDArray[np.float64]:
    given = setting.vs30_mps(latitude_deg, longitude_deg) if callable(setting.vs30_mps) else setting.vs30_mps
    try:
        speed = np.broadcast_to(np.asarray(given, dtype=np.float64), latitude_deg.shape)
    except (ValueError, TypeError) as error:
        raise DataFault("vs30", f"does not give a speed for every place: {error}", "give m/s for each") from error
    if not bool(np.all(np.isfinite(speed) & (speed > 0))):
        raise DataFault("vs30", "gives values that are no speeds", "give m/s above zero for every place")
    return np.asarray(speed, dtype=np.float64)
