"""The classical picker against analysts: recall and error on recordings, triggered by a plain detector."""

import numpy as np
import pytest
from recorded_windows import instant_ns, rows, score, sensors, single_station

from houfeng.quake.detect.picker import AicPicker
from houfeng.words.instant import NS_PER_S

PICKER = AicPicker()


# Measured: 1.00, 0.04, 1.00, 0.05 and 1.00, 0.01, 0.93, 0.03. Asked of the project: 0.9, 0.06 or 0.02, 0.8 for S.
@pytest.mark.parametrize(
    ("name", "p_recall", "p_error_s", "s_recall", "s_error_s", "most_early"),
    [("picks_stead_a", 0.96, 0.05, 0.96, 0.07, 6), ("picks_ncedc_a", 0.97, 0.02, 0.88, 0.04, 6)],
)
def test_single_stations(houfeng_data, name, p_recall, p_error_s, s_recall, s_error_s, most_early):
    errors, count, early = score(PICKER, single_station(houfeng_data / name))
    assert len(errors["P"]) >= p_recall * count
    assert len(errors["S"]) >= s_recall * count
    assert np.median(np.abs(errors["P"])) <= p_error_s
    assert np.median(np.abs(errors["S"])) <= s_error_s
    assert early <= most_early


def test_microearthquakes(houfeng_data):
    folder = houfeng_data / "nz_alpinefault_2013a"
    truth = rows(folder / "truth" / "picks.csv")
    errors, count = {"P": [], "S": []}, {"P": 0, "S": 0}
    for event in sorted({row["event_id"] for row in truth}):
        told = {}
        wanted = [row for row in truth if row["event_id"] == event]
        stations = {f"{row['network']}.{row['station']}" for row in wanted}
        for sensor in sensors(folder / "waveforms" / f"{event}.mseed"):
            if sensor.station_key in stations:
                told.setdefault(sensor.station_key, []).extend(sensor.picks(PICKER))
        for row in wanted:
            count[row["phase"]] += 1
            away = [
                (p.time_ns - instant_ns(row["time"])) / NS_PER_S
                for p in told.get(f"{row['network']}.{row['station']}", [])
                if p.phase == row["phase"]
            ]
            best = min(away, key=abs, default=9.0)
            if abs(best) <= (0.5 if row["phase"] == "P" else 1.0):
                errors[row["phase"]].append(best)
    assert len(errors["P"]) >= 0.80 * count["P"]  # measured 0.84; asked 0.80
    assert len(errors["S"]) >= 0.65 * count["S"]  # measured 0.70; asked 0.55
    # These analysts picked 0.11 s before the visible onset throughout: only the scatter tells.
    for phase, most_s in (("P", 0.02), ("S", 0.05)):
        assert np.median(np.abs(np.array(errors[phase]) - np.median(errors[phase]))) <= most_s
