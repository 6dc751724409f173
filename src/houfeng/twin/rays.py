"""How a quake's waves reach the stations: how far, when, at which angles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.twin.crust import Crust
from houfeng.twin.made import MadeQuake, MadeStation
from houfeng.twin.rupture import Rupture
from houfeng.words.earth import azimuth_deg, distance_m, radii_m
from houfeng.words.quake import Phase

#: What waves arrive through: generic rock (Boore & Joyner 1997, doi:10.1785/BSSA0870020327) some 100 m down, a quarter
#: of a wave of 3 Hz; its P speed by Brocher 2005, doi:10.1785/0120050077. It bends rays upright. m/s.
SURFACE_MPS: Mapping[Phase, float] = {"P": 2680.0, "S": 1200.0}

PHASES: tuple[Phase, Phase] = ("P", "S")


@dataclass(frozen=True, slots=True)
class Rays:
    """From every patch of one rupture to n stations.

    epicentral_m    [n] from the hypocentre
    azimuth_deg     [n] from the epicentre to the station
    heading_deg     [n] in which the waves travel when they arrive
    hypocentral_m   [n, patches]
    seconds         by phase [n, patches], after the origin time, the patch's own delay included
    takeoff_deg     by phase [n], at the hypocentre: 0 straight down
    incidence_deg   by phase [n], at the station: 0 from straight below
    """

    epicentral_m: NDArray[np.float64]
    azimuth_deg: NDArray[np.float64]
    heading_deg: NDArray[np.float64]
    hypocentral_m: NDArray[np.float64]
    seconds: Mapping[Phase, NDArray[np.float64]]
    takeoff_deg: Mapping[Phase, NDArray[np.float64]]
    incidence_deg: Mapping[Phase, NDArray[np.float64]]


def rays_of(
    quake: MadeQuake, rupture: Rupture, stations: Sequence[MadeStation], times: TravelTimes, crust: Crust
) -> Rays:
    """Trace the waves of a quake to stations, all of which have coordinates."""
    places = np.array([made.station.place for made in stations], dtype=np.float64).reshape(-1, 2)
    elevation_m = np.array([made.station.elevation_m for made in stations])
    delay_s = np.array([made.site.p_delay_s for made in stations])
    source = (quake.latitude_deg, quake.longitude_deg)
    epicentral_m = distance_m(*source, places[:, 0], places[:, 1])
    azimuth = azimuth_deg(*source, places[:, 0], places[:, 1])
    heading = (azimuth_deg(places[:, 0], places[:, 1], *source) + 180.0) % 360.0
    flat_m = _from_patches(quake, rupture, places, epicentral_m)
    height_m = rupture.depth_m + elevation_m[:, None]
    seconds, takeoff, incidence = {}, {}, {}
    for phase in PHASES:
        travel_s = times.seconds(phase, flat_m, rupture.depth_m, elevation_m[:, None])
        slower = crust.speed_mps("P", 0.0) / crust.speed_mps(phase, 0.0)
        seconds[phase] = rupture.delay_s + travel_s + slower * delay_s[:, None]
        takeoff[phase] = times.takeoff_deg(phase, epicentral_m, quake.depth_m, elevation_m)
        slowness = np.sin(np.radians(takeoff[phase])) / crust.speed_mps(phase, quake.depth_m)
        incidence[phase] = np.degrees(np.arcsin(np.clip(slowness * SURFACE_MPS[phase], 0.0, 1.0)))
    return Rays(epicentral_m, azimuth, heading, np.hypot(flat_m, height_m), seconds, takeoff, incidence)


def _from_patches(
    quake: MadeQuake,
    rupture: Rupture,
    places: NDArray[np.float64],
    epicentral_m: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Distance along the ground from each patch, [stations, patches]: patches are few km from the hypocentre."""
    if len(rupture.depth_m) == 1:
        return epicentral_m[:, None]
    north_radius, east_radius = radii_m(quake.latitude_deg)
    latitude = quake.latitude_deg + np.degrees(rupture.north_m / north_radius)
    longitude = quake.longitude_deg + np.degrees(
        rupture.east_m / (east_radius * np.cos(np.radians(quake.latitude_deg)))
    )
    return distance_m(latitude, longitude, places[:, :1], places[:, 1:])
