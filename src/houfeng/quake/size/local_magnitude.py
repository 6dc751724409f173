"""Richter's scale for one record."""

import math

from houfeng.quake.size.attenuation import Attenuation
from houfeng.words.errors import DataFault, OutOfRange


def local_magnitude(amplitude_m: float, distance_m: float, *, relation: Attenuation) -> float:
    """Size one record on the Richter scale.

    amplitude_m  zero-to-peak Wood-Anderson displacement with the pendulum's gain taken off, m, > 0
    distance_m   hypocentral or epicentral as relation.distance says, m, inside relation.range_m
    relation     attenuation with author, DOI and range

    Raises OutOfRange outside relation.range_m, DataFault for an amplitude that is not above zero.
    Source: relation.doi; form and gain as in the IASPEI Working Group on Magnitudes' recommendations of 2013.
    """
    if not (math.isfinite(amplitude_m) and amplitude_m > 0):
        raise DataFault("amplitude", f"{amplitude_m} m is not an amplitude")
    least_m, most_m = relation.range_m
    if not least_m <= distance_m <= most_m:
        raise OutOfRange(
            relation.title,
            f"{distance_m / 1000:.1f} km lies outside its {least_m / 1000:g} to {most_m / 1000:g} km",
        )
    seen = amplitude_m * relation.magnification / relation.amplitude_unit_m
    return math.log10(seen) + relation.correction_at(distance_m)
