"""Moment magnitude of a quake from all its stations, and whether it can be relied on."""

from collections.abc import Sequence

import numpy as np

from houfeng.quake.size.consensus import FEW_STATIONS, STATION_SCATTER, consensus, counted
from houfeng.quake.size.moment import RELATION, STRESS_PA, Plateau, moment_magnitude, plateau
from houfeng.quake.size.path import CORNER, P_WAVE, S_WAVE, Wave, Way, moment_per_omega
from houfeng.quake.size.remarks import Remarks
from houfeng.quake.size.sensors import is_accelerometer
from houfeng.quake.size.station import Heard, Site
from houfeng.words.instant import NS_PER_S
from houfeng.words.quake import Amplitude, Magnitude, StationMagnitude

#: A plateau must be seen, not guessed: the record must be clear of noise down to an octave below the corner.
PLATEAU_OCTAVE = 2.0

#: Scatter of stations beyond which their mean is not relied on.
LARGEST_SCATTER = 0.5


def moment_of_network(
    heard: Sequence[tuple[Site, Heard]], local: Magnitude | None, remarks: Remarks
) -> Magnitude | None:
    """Mw from the P and S spectra of all stations that are not clipped, None when none shows a plateau.

    local  the ML, None without: a quake of that size has a corner about where the usual stress drop puts it, and a
           record that drowns above that cannot show its plateau. ML says where to look, never what is found.
    """
    said: list[StationMagnitude] = []
    doubts: list[float] = []
    for site, result in heard:
        if result.refused:
            continue
        waves = _waves(site, result)
        seen = {wave: found for wave, found in waves.items() if isinstance(found, Plateau)}
        within = {
            wave: found for wave, found in seen.items() if found.lowest_hz <= _needed_hz(wave, found, site, local)
        }
        if not within:
            why = next((found for found in waves.values() if isinstance(found, str)), "")
            remarks.add(f"no Mw, {'its plateau lies lower than noise lets see' if seen else why}", site.key)
            continue
        station, doubt = _station(site, result, within)
        said.append(station)
        doubts.append(doubt)
    return consensus("Mw", said, RELATION, doubts=doubts)


def is_sound(moment: Magnitude | None) -> bool:
    """Whether a Mw has stations enough, and agreement enough among them, to be put before ML."""
    return moment is not None and counted(moment) >= FEW_STATIONS and moment.uncertainty <= LARGEST_SCATTER


def _waves(site: Site, result: Heard) -> dict[Wave, Plateau | str]:
    if not result.horizontals:
        return {S_WAVE: "only a vertical"}
    level = [(result.records[source], result.responses[source]) for source in result.horizontals]
    waves: dict[Wave, Plateau | str] = {S_WAVE: plateau(level, S_WAVE, _way(site, result, S_WAVE))}
    every = [
        (record, result.responses[source]) for source, record in result.records.items() if source in result.responses
    ]
    if len(every) >= P_WAVE.components:
        waves[P_WAVE] = plateau(every, P_WAVE, _way(site, result, P_WAVE))
    return waves


def _way(site: Site, result: Heard, wave: Wave) -> Way:
    origin_to_wave_s = site.s_travel_s - (site.window.s_ns - site.window.onset_ns) / NS_PER_S * (wave.phase == "P")
    return Way(origin_to_wave_s, site.hypocentral_m, site.depth_m, is_accelerometer(next(iter(result.records))))


def _needed_hz(wave: Wave, found: Plateau, site: Site, local: Magnitude | None) -> float:
    corner_hz = found.corner_hz
    if local is not None:
        moment = 10 ** (1.5 * local.value + 9.1)
        way = Way(site.s_travel_s, site.hypocentral_m, site.depth_m)
        usual_hz = CORNER * wave.corner_ratio * way.s_speed_mps * (STRESS_PA / moment) ** (1 / 3)
        corner_hz = min(corner_hz, usual_hz)
    return corner_hz / PLATEAU_OCTAVE


def _station(site: Site, result: Heard, found: dict[Wave, Plateau]) -> tuple[StationMagnitude, float]:
    values, doubts, amplitudes = [], [], []
    for wave, one in found.items():
        moment = one.omega_m_s * moment_per_omega(wave, _way(site, result, wave))
        values.append(moment_magnitude(moment))
        doubts.append(np.hypot(one.spread / (1.5 * np.log(10)), STATION_SCATTER))
        amplitudes.append(
            Amplitude(
                source=result.horizontals[0],
                kind=f"{wave.phase.lower()}_plateau",
                value=one.omega_m_s,
                time_ns=site.window.s_ns if wave.phase == "S" else site.window.onset_ns,
                period_s=1 / one.corner_hz,
                snr=one.snr,
            )
        )
    weights = np.square(doubts) ** -1.0
    value = float(np.average(values, weights=weights))
    doubt = float(np.sqrt(max(1 / weights.sum() - STATION_SCATTER**2 / len(values), 0.0)))
    return StationMagnitude(tuple(amplitudes), site.key, value, site.hypocentral_m), doubt
