"""Whether a quake can be told from noise at a station: what cannot is not made."""

import numpy as np

from houfeng.twin.crust import Crust
from houfeng.twin.instruments import Instrument
from houfeng.twin.motion import FREE_SURFACE, Case
from houfeng.twin.path import REFERENCE_M, log_attenuation, log_site_amplification, spreading
from houfeng.twin.peterson import noise_db
from houfeng.twin.source import MEAN_SH, MEAN_SV

#: Where S of some quake stands out first, whatever its size, Hz.
LISTEN_HZ = np.array([0.3, 1.0, 3.0, 6.0, 12.0])

#: A quake is made when its S has this share of the noise's amplitude somewhere: a stack may still find it.
LEAST_SNR = 0.1


def can_be_heard(case: Case, crust: Crust, instrument: Instrument) -> bool:
    """Whether S of a quake comes near the noise of site and instrument at any of a few frequencies."""
    quake, rupture = case.quake, case.rupture
    vs_mps, density = crust.speed_mps("S", quake.depth_m), crust.density_at(quake.depth_m)
    travel_s = float(case.rays.seconds["S"][case.row, 0] - rupture.delay_s[0])
    far = rupture.moment_nm / (4 * np.pi * density * vs_mps**3 * REFERENCE_M)
    source = far * (2 * np.pi * LISTEN_HZ) ** 2 / (1 + (LISTEN_HZ / rupture.corner_hz) ** 2)
    lost = log_attenuation(LISTEN_HZ, travel_s, crust.path_q("S", quake.depth_m), crust.q_exponent, case.site.kappa_s)
    ground = float(spreading(case.rays.hypocentral_m[case.row].min())) * FREE_SURFACE * np.hypot(MEAN_SV, MEAN_SH)
    amplitude = source * ground * np.exp(lost + log_site_amplification(LISTEN_HZ) + case.site.log_gain)
    # an amplitude spectrum squared and doubled over a duration is a one-sided power density
    density_s = 2 * amplitude**2 / float(case.duration_s("S", crust).max())
    noise = 10 ** ((noise_db(LISTEN_HZ, case.site.percentile) - case.site.night_fall_db) / 10)
    return bool(np.any(density_s > LEAST_SNR**2 * (noise + instrument.own_noise(LISTEN_HZ))))
