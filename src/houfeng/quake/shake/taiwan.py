"""The intensity scale of Taiwan as used until 2019: classes of peak acceleration alone."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Lower bounds of the classes 1 to 7, m/s2: Central Weather Bureau 2000, in Wu, Teng, Shin & Hsiao 2003,
#: doi:10.1785/0120020097, table 1.
_BOUNDS_MPS2 = np.array([0.008, 0.025, 0.08, 0.25, 0.80, 2.50, 4.00])


def taiwan_class(pga_mps2: ArrayLike) -> NDArray[np.float64]:
    """Class, 0 to 7, of the largest peak acceleration of three components, m/s2, any shape; NaN for NaN."""
    values = np.asarray(pga_mps2, dtype=np.float64)
    classes = np.searchsorted(_BOUNDS_MPS2, values, side="right")
    return np.where(np.isnan(values), np.nan, classes.astype(np.float64))
