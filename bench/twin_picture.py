"""Draw docs/pictures/twin_realism.png: the twin beside what is published.

Usage: python bench/twin_picture.py
"""

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from accept_twin import ROCK_VS30_MPS, brune_fit, noise_spectra, source_spectrum
from houfeng.quake.shake.ground_motion import expected
from houfeng.shell.twinning import load_scenario
from houfeng.twin.peterson import noise_db
from houfeng.twin.recording import stretches
from houfeng.twin.world import world_of
from twin_motions import CRUST, made

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "twin_realism.png"
COLOURS = {4.0: "#4477aa", 5.0: "#228833", 6.0: "#ccbb44", 7.0: "#ee6677"}


def record(axes: Axes) -> None:
    """One broadband record of the city's M 3.6 with the onsets of the truth."""
    city = load_scenario("city")
    world = world_of(replace(city, duration_s=240, quakes=(replace(city.quakes[-1], at_s=60.0),), sequences=()))
    heard = {one.station: one for station in world.stations for s in stretches(world, station) for one in s.heard}
    number = max((n for n in heard if world.stations[n].instrument == "broadband"), key=lambda n: heard[n].onset_s["S"])
    station = world.stations[number]
    counts = np.concatenate([stretch.counts for stretch in stretches(world, station)], axis=1)
    gain = next(channel.response.sensitivity for channel in station.station.channels if channel.response)
    time = np.arange(counts.shape[1]) / world.scenario.rate_hz - 60.0
    shown = (time > -2) & (time < 40)
    height = np.abs(counts[:, shown]).max() / gain * 1e6
    for row, letter in enumerate("ZNE"):
        axes.plot(time[shown], counts[row, shown] / gain * 1e6 - 1.6 * row * height, lw=0.4, color="#333333")
        axes.text(-1.8, (0.35 - 1.6 * row) * height, letter)
    for phase, at in heard[number].onset_s.items():
        axes.axvline(at - 60.0, color={"P": "#4477aa", "S": "#ee6677"}[phase], lw=1, label=f"true {phase}")
    axes.set(xlabel="s after the origin time", yticks=[], title=f"a made M 3.6, largest swing {height:.0f} µm/s")
    axes.legend(loc="upper right", fontsize=7)


def peaks(axes: Axes) -> None:
    """Peak acceleration against distance."""
    distance = np.geomspace(5e3, 2e5, 60)
    for magnitude, colour in COLOURS.items():
        values = [
            (one.surface_m, one.measures()["pga"])
            for one in made([magnitude], [10e3, 20e3, 35e3, 60e3, 100e3, 150e3], quakes=2, around=6)
        ]
        axes.plot(*np.array(values).T * np.array([[1e-3], [1.0]]), ".", ms=3, color=colour)
        relation = expected("pga", magnitude, distance, ROCK_VS30_MPS)
        axes.plot(distance / 1e3, np.exp(relation.ln_median), color=colour, lw=1, label=f"M {magnitude:g}")
        spread = np.hypot(relation.tau, relation.phi)
        band = (np.exp(relation.ln_median - spread), np.exp(relation.ln_median + spread))
        axes.fill_between(distance / 1e3, *band, color=colour, alpha=0.12, lw=0)
    axes.set(xscale="log", yscale="log", xlabel="Joyner-Boore distance, km", ylabel="m/s²", xlim=(5, 200))
    axes.set_title("peak acceleration: made (dots), BSSA14 ± σ")
    axes.legend(fontsize=7, ncol=2)


def noise(axes: Axes) -> None:
    """Noise of a few sites between the models."""
    frequency = np.geomspace(0.02, 40.0, 300)
    for percentile in (0.0, 1.0):
        axes.plot(frequency, noise_db(frequency, percentile), color="#888888", lw=1)
    for hz, density, wanted in noise_spectra(load_scenario("city"), 4):
        (line,) = axes.plot(hz, 10 * np.log10(density), lw=0.4, alpha=0.7)
        axes.plot(hz, 10 * np.log10(wanted), lw=1, color=line.get_color())
    axes.set(xscale="log", xlabel="Hz", ylabel="dB rel. 1 (m/s²)²/Hz", ylim=(-175, -85), xlim=(0.02, 40))
    axes.set_title("noise: four made sites, Peterson's models (grey)")


def spectra(axes: Axes) -> None:
    """Source spectra and what was put in."""
    frequency = np.geomspace(0.5, 20.0, 60)
    for magnitude, colour in {3.0: "#4477aa", 4.0: "#228833", 4.5: "#ee6677"}.items():
        records = list(made([magnitude], [15e3, 25e3, 35e3], quakes=1, around=8))
        level = source_spectrum(records, frequency)
        first = records[0]
        vs, density = CRUST.speed_mps("S", first.quake.depth_m), CRUST.density_at(first.quake.depth_m)
        to_moment = 4 * np.pi * density * vs**3 * 1000
        corner, _ = brune_fit(frequency, level)
        axes.plot(frequency, level * to_moment, ".", ms=3, color=colour)
        ours = first.rupture.moment_nm / (1 + (frequency / first.rupture.corner_hz) ** 2)
        axes.plot(
            frequency,
            ours,
            lw=1,
            color=colour,
            label=f"M {magnitude:g}, {first.rupture.corner_hz:.1f} Hz, fit {corner:.1f}",
        )
    axes.set(
        xscale="log", yscale="log", xlabel="Hz", ylabel="N m", title="source spectra: made (dots), Brune's (lines)"
    )
    axes.legend(fontsize=7)


def main() -> None:
    """Draw it."""
    plt.rcParams.update({"font.size": 8, "axes.titlesize": 8})
    figure, axes = plt.subplots(2, 2, figsize=(9, 6.4), constrained_layout=True)
    for draw, place in zip((record, peaks, noise, spectra), axes.flat, strict=True):
        draw(place)
        place.grid(visible=True, lw=0.3, alpha=0.5)
    figure.savefig(PICTURE, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
