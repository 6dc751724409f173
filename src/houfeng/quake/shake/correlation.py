"""How alike two sites shake, beyond what distance from the quake explains: correlation of within-event residuals.

Loth & Baker 2013 (doi:10.1002/eqe.2212) with the tables of their erratum (2020, doi:10.1002/eqe.3233): a part that
fades over 20 km, one that fades over 70 km, and one that no two sites share, however close.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.shake.coefficients import coefficients
from houfeng.words.shaking import Measure

RELATION = "Loth & Baker 2013, doi:10.1002/eqe.2212, erratum doi:10.1002/eqe.3233"

#: Their tables are for spectral acceleration at 0.01 to 10 s. The shortest period is peak acceleration; peak velocity
#: goes with about 1 s (Newmark & Hall 1982, Earthquake Spectra and Design, EERI, as in HAZUS).
PERIOD_S: dict[Measure, float] = {"pga": 0.01, "pgv": 1.0, "psa03": 0.3, "psa10": 1.0, "psa30": 3.0}

#: Distances over which the two parts fall to 1/20 (their equation 42).
SHORT_M, LONG_M = 20_000.0, 70_000.0


@dataclass(frozen=True, slots=True)
class Correlation:
    """Correlation as a function of distance. short + long is 1 less the nugget, what a site shares with no other."""

    short: float
    long: float

    def between(self, distance_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Correlation of two different sites, of the shape of distance_m (m, >= 0); a site has 1 with itself."""
        shared = self.short * np.exp(-3 / SHORT_M * distance_m) + self.long * np.exp(-3 / LONG_M * distance_m)
        return np.asarray(shared, dtype=np.float64)


def correlation(measure: Measure) -> Correlation:
    """Take the correlation of one measure, its parts interpolated straight in period between those of the tables."""
    table = coefficients("loth_baker_2013")
    periods_s = [float(period) for period in table]
    short, long = (
        float(np.interp(PERIOD_S[measure], periods_s, [row[part] for row in table.values()]))
        for part in ("short", "long")
    )
    return Correlation(short, long)
