"""Who was shaken how hard."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from houfeng.quake.shake.grid import near
from houfeng.wire.places import Place
from houfeng.words.shaking import ShakingMap


@dataclass(frozen=True, slots=True)
class PlaceShaking:
    """How hard a place shook: intensities of the map there."""

    place: Place
    mmi: float
    csis: float


def exposed(shaking: ShakingMap, places: Sequence[Place]) -> tuple[PlaceShaking, ...]:
    """Read the map at places, between nodes in straight lines.

    Returns those on the map, the hardest shaken first, of equals the larger. Those beyond it are left out: it reaches
    as far as the quake may be felt.
    """
    if not places:
        return ()
    latitude = np.array([place.latitude_deg for place in places])
    longitude = near(np.array([place.longitude_deg for place in places]), float(np.median(shaking.longitude_deg)))

    def at(surface: NDArray[np.float64]) -> NDArray[np.float64]:
        axes = (shaking.latitude_deg, shaking.longitude_deg)
        reader = RegularGridInterpolator(axes, surface, bounds_error=False, fill_value=np.nan)
        return np.asarray(reader(np.column_stack((latitude, longitude))), dtype=np.float64)

    read = zip(places, at(shaking.mmi).tolist(), at(shaking.csis).tolist(), strict=True)
    there = [PlaceShaking(place, mmi, csis) for place, mmi, csis in read if np.isfinite(mmi)]
    return tuple(sorted(there, key=lambda one: (-one.mmi, -one.place.population, one.place.name)))


def people_by_class(shaken: Iterable[PlaceShaking]) -> dict[int, int]:
    """Count people by class of Modified Mercalli intensity, rounded half up, the highest class first."""
    people: Counter[int] = Counter()
    for one in shaken:
        people[int(np.floor(one.mmi + 0.5))] += one.place.population
    return dict(sorted(people.items(), reverse=True))
