"""Waveform files of any format: recognised by their bytes, read into packets, refused in plain words."""

import csv
import gzip
import io
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from contextlib import suppress
from functools import lru_cache

import numpy as np
import obspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.wire import mseed
from houfeng.wire.waveforms import read_waveforms, sniff, stations_from_waveforms
from houfeng.words.errors import DataFault
from houfeng.words.instant import parse_instant
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

START_NS = parse_instant("2020-05-06T07:08:09.25")


def written(trace, format_name):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "x"
        obspy.Stream([trace]).write(str(path), format=format_name)
        return next(each for each in pathlib.Path(folder).iterdir()).read_bytes()


@lru_cache
def example(format_name):
    return written(trace_of(np.arange(200, dtype=np.int32)), format_name)


def trace_of(samples, **header):
    codes = {"network": "XX", "station": "ABC", "location": "", "channel": "HHZ", "sampling_rate": 50.0}
    return obspy.Trace(samples, header={**codes, "starttime": obspy.UTCDateTime(ns=START_NS), **header})


def only(decoded):
    (batch,) = decoded.batches
    return batch


class TestFormatsOfObsPy:
    @pytest.mark.parametrize("format_name", ["SLIST", "TSPAIR", "SH_ASC"])
    def test_integers_stay_integers(self, format_name):
        samples = np.arange(-50, 350, dtype=np.int32)
        data = written(trace_of(samples), format_name)
        batch = only(read_waveforms(data, "x"))
        assert sniff(data, "x") == format_name
        if format_name != "SH_ASC":  # it keeps floats only
            assert batch.samples.dtype == np.int32
        np.testing.assert_array_equal(batch.samples, samples)
        assert (batch.start_ns[0], batch.rate_hz[0]) == (START_NS, 50.0)
        assert batch.channels[0].channel == "HHZ"

    def test_sac_with_its_station(self):
        trace = trace_of(np.linspace(-1, 1, 300, dtype=np.float32))
        trace.stats.sac = {"stla": -41.5, "stlo": 172.25, "stel": 310.0, "cmpaz": 0.0, "cmpinc": 0.0}
        data = written(trace, "SAC")
        batch = only(read_waveforms(data, "x.sac"))
        assert batch.samples.dtype == np.float64
        np.testing.assert_array_equal(batch.samples, trace.data.astype(np.float64))
        (station,) = stations_from_waveforms(data, "x.sac")
        assert (station.key, station.latitude_deg, station.longitude_deg, station.elevation_m) == (
            "XX.ABC",
            -41.5,
            172.25,
            310.0,
        )
        assert station.channels[0].dip_deg == -90.0

    def test_sac_without_a_station_tells_of_none(self):
        data = written(trace_of(np.ones(10, dtype=np.float32)), "SAC")
        assert stations_from_waveforms(data, "x") == ()

    def test_an_impossible_position_is_told_and_the_samples_kept(self):
        trace = trace_of(np.ones(10, dtype=np.float32))
        trace.stats.sac = {"stla": 142.5, "stlo": 0.0}
        data = written(trace, "SAC")
        decoded = read_waveforms(data, "x")
        assert [finding.kind for finding in decoded.findings] == ["bad-position"]
        assert len(decoded.batches) == 1
        assert stations_from_waveforms(data, "x") == ()

    def test_not_a_number_never_leaves(self):
        samples = np.ones(100, dtype=np.float32)
        samples[40:42] = np.nan
        decoded = read_waveforms(written(trace_of(samples), "SAC"), "x")
        batch = only(decoded)
        assert np.diff(batch.offset).tolist() == [40, 58]
        assert batch.start_ns.tolist() == [START_NS, START_NS + 42 * 20_000_000]
        assert [finding.kind for finding in decoded.findings] == ["non-finite-samples"]

    def test_codes_that_are_no_codes_are_told(self):
        data = written(trace_of(np.ones(10, dtype=np.float32), station="A B"), "SAC")
        decoded = read_waveforms(data, "x")
        assert decoded.batches == ()
        assert [finding.kind for finding in decoded.findings] == ["bad-codes"]

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_a_sac_longitude_that_would_be_unwound_for_ever_is_refused(self, order):
        trace = trace_of(np.ones(10, dtype=np.float32))
        trace.stats.sac = {"stla": 1.0, "stlo": 2.0, "evla": 3.0, "evlo": 4.0, "lcalda": 1}
        data = bytearray(written(trace, "SAC"))
        if order == ">":
            words = np.frombuffer(data, dtype="<u4").copy()
            words[: 70 + 40] = words[: 70 + 40].byteswap()
            words[158:] = words[158:].byteswap()
            data = bytearray(words.tobytes())
        assert len(stations_from_waveforms(bytes(data), "x")) == 1
        data[4 * 36 : 4 * 37] = np.array([1e30], dtype=f"{order}f4").tobytes()
        with pytest.raises(DataFault, match="nowhere on earth"):
            read_waveforms(bytes(data), "spin.sac")

    @given(st.data(), st.sampled_from(["GSE2", "SLIST", "TSPAIR", "SH_ASC", "SAC"]))
    @settings(deadline=None, max_examples=60)
    def test_any_corruption_gives_packets_or_a_refusal(self, data, format_name):
        damaged = bytearray(example(format_name))
        for _ in range(data.draw(st.integers(1, 20))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
        with suppress(DataFault):
            decoded = read_waveforms(bytes(damaged), "damaged")
            assert all(np.isfinite(batch.samples).all() for batch in decoded.batches)


class TestGse:
    @given(st.lists(st.integers(-60_000, 60_000), min_size=1, max_size=300) | st.lists(st.integers(-9, 9), min_size=1))
    @settings(deadline=None, max_examples=40)
    def test_what_obspy_packs_is_unpacked(self, values):
        samples = np.array(values, dtype=np.int32)
        data = written(trace_of(samples), "GSE2")
        assert sniff(data, "x") == "gse"
        decoded = read_waveforms(data, "x")
        assert decoded.findings == ()
        batch = only(decoded)
        np.testing.assert_array_equal(batch.samples, samples)
        assert batch.channels == (SourceId("XX", "ABC", "", "HHZ"),)
        assert (batch.start_ns[0], batch.rate_hz[0]) == (START_NS, 50.0)

    @pytest.mark.parametrize(
        "name", ["loc_STAU20031119011659.z", "twiceCHK2.gse2", "loc_RNON20040609200559.z", "y2000.gse"]
    )
    def test_obspy_agrees_on_its_own_examples(self, name):
        path = pathlib.Path(obspy.__file__).parent / "io" / "gse2" / "tests" / "data" / name
        stream = obspy.read(str(path))
        batch = only(read_waveforms(path.read_bytes(), name))
        assert len(batch) == len(stream)
        for k, trace in enumerate(stream):
            np.testing.assert_array_equal(batch.samples[batch.offset[k] : batch.offset[k + 1]], trace.data)
            assert batch.start_ns[k] == trace.stats.starttime.ns
            assert batch.rate_hz[k] == trace.stats.sampling_rate
            assert batch.channels[batch.channel[k]].station == trace.stats.station

    def packed(self):
        return written(trace_of(np.arange(400, dtype=np.int32)), "GSE2")

    @pytest.mark.parametrize(
        ("old", "new", "reason"),
        [
            (b"     400", b"99999999", "99999999 samples are promised"),
            (b"     400", b"       0", "0 samples are promised"),
            (b"     400", b"    -400", "-400 samples are promised"),
            (b"   50.000000", b"         nan", "sampling rate"),
            (b"2020/05/06", b"2020/02/31", "no such time"),
            (b"CHK2    79800", b"CHK2    79801", "check sum"),
            (b"CM6", b"CM9", "not read here"),
            (b"+++++++++++++", b"+++++++++++++\x01", "characters"),
        ],
    )
    def test_a_lie_costs_its_waveform_alone(self, old, new, reason):
        good = self.packed()
        assert old in good
        decoded = read_waveforms(good.replace(old, new, 1) + good, "lie.gse")
        assert len(only(decoded)) == 1
        (finding,) = decoded.findings
        assert finding.kind == "bad-waveform"
        assert reason in finding.reason

    def test_a_message_of_nothing_but_lies_is_summed_up(self):
        findings = read_waveforms(b"WID2 nonsense\n" * 500, "lies.gse").findings
        assert len(findings) == 21
        assert findings[-1].reason == "the same 480 more times"

    def test_lines_of_any_length_do_no_harm(self):
        data = self.packed().replace(b"DAT2\n", b"DAT2\n" + b"A" * 100_000, 1)
        assert [finding.kind for finding in read_waveforms(data, "long.gse").findings] == ["bad-waveform"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "is empty"),
            (bytes(5000), "nothing but zeros"),
            (b"  <!DOCTYPE html><html>404</html>", "web page"),
            (b"\xef\xbb\xbf<HTML><body>", "web page"),
            (b"<?xml version='1.0'?><a/>", "XML"),
            (gzip.compress(b"x" * 1000, mtime=0), r"packed \(gzip\)"),
            (b"BZh91AY", r"packed \(bzip2\)"),
            (b"a,b,c\n1,2,3\n", "no waveform format"),
            (np.random.default_rng(5).bytes(9000), "no waveform format"),
        ],
    )
    def test_in_plain_words(self, data, reason):
        with pytest.raises(DataFault, match=f"night.bin: .*{reason}"):
            read_waveforms(data, "night.bin")

    def test_archives_are_not_unpacked(self):
        record = mseed.encode([Segment(SourceId("XX", "A", "", "HHZ"), START_NS, 1.0, np.arange(9, dtype=np.int32))])
        zipped, tarred = io.BytesIO(), io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as archive:
            archive.writestr("a.mseed", record)
        with tarfile.open(fileobj=tarred, mode="w") as archive:
            info = tarfile.TarInfo("../a.mseed")
            info.size = len(record)
            archive.addfile(info, io.BytesIO(record))
        for data, kind in ((zipped.getvalue(), "zip"), (tarred.getvalue(), "tar")):
            with pytest.raises(DataFault, match=rf"packed \({kind}\)"):
                read_waveforms(data, "x")

    def test_pickles_are_never_run(self):
        data = b"cobspy.core.stream\nStream\n(tR."  # what ObsPy takes for a pickled stream
        with pytest.raises(DataFault, match="no waveform format"):
            read_waveforms(data, "x.pickle")

    def test_records_behind_a_header_of_something_else_are_found(self):
        record = mseed.encode([Segment(SourceId("XX", "A", "", "HHZ"), START_NS, 1.0, np.arange(9, dtype=np.int32))])
        decoded = read_waveforms(b"HTTP/1.1 200 OK\r\n\r\n" + record, "x")
        assert len(only(decoded)) == 1
        assert [finding.kind for finding in decoded.findings] == ["unreadable-bytes"]

    def test_reading_miniseed_does_not_import_obspy(self):
        code = "import sys, houfeng.wire.waveforms; sys.exit('obspy' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestKnet:
    def test_against_the_headers(self, houfeng_data):
        folder = houfeng_data / "knet_aomori_2018"
        with (folder / "truth/header_values.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 27
        for row in rows:
            (path,) = (folder / "waveforms").glob(f"{row['station']}*.{row['component']}")
            data = path.read_bytes()
            assert sniff(data, path.name) == "KNET"
            batch = only(read_waveforms(data, path.name))
            assert batch.samples.dtype == np.int32
            assert len(batch.samples) == int(row["npts"])
            label = parse_instant(row["record_time_jst_label"].replace("/", "-"))
            assert batch.start_ns[0] == label - (9 * 3600 + 15) * 10**9
            letter = {"NS": "N", "EW": "E", "UD": "Z"}[row["component"]]
            assert batch.channels[0] == SourceId("BO", row["station"], "", f"HN{letter}")
            (station,) = stations_from_waveforms(data, path.name)
            assert station.latitude_deg == pytest.approx(float(row["lat"]), abs=1e-9)
            assert station.longitude_deg == pytest.approx(float(row["lon"]), abs=1e-9)
            assert station.elevation_m == float(row["height_m"])
            response = station.channels[0].response
            assert response.input_units == "m/s2"
            peak_gal = np.abs(batch.samples - batch.samples.mean()).max() / response.sensitivity * 100
            assert peak_gal == pytest.approx(float(row["header_max_acc_gal"]), rel=0.005)


class TestOpenEew:
    def test_against_the_derived_records(self, houfeng_data):
        folder = houfeng_data / "openeew_mexico_a"
        for event in ("2018_1_29", "2020_1_30"):
            derived = mseed.decode((folder / f"waveforms/{event}.mseed").read_bytes())
            truth = {}
            batch = only(derived)
            for k in range(len(batch)):
                packet = batch.samples[batch.offset[k] : batch.offset[k + 1]]
                truth.setdefault(batch.channels[batch.channel[k]], []).append((int(batch.start_ns[k]), packet))
            compared = 0
            for path in sorted((folder / "raw_jsonl" / event).glob("*/*.jsonl"))[:6]:
                decoded = read_waveforms(path.read_bytes(), path.name)
                mine = only(decoded)
                for source in mine.channels:
                    runs = [
                        (int(mine.start_ns[k]), mine.samples[mine.offset[k] : mine.offset[k + 1]])
                        for k in range(len(mine))
                        if mine.channels[mine.channel[k]] == source
                    ]
                    expected = sorted(truth[source], key=lambda each: each[0])
                    np.testing.assert_array_equal(
                        np.concatenate([samples for _, samples in runs]),
                        np.concatenate([samples for _, samples in expected]),
                    )
                    # The derived records took 0.33 s of travel time off; a rate fitted per run may differ a little.
                    assert runs[0][0] - expected[0][0] == pytest.approx(0.33e9, abs=0.03e9)
                    compared += 1
            assert compared == 18

    def test_rates_are_those_measured(self, houfeng_data):
        folder = houfeng_data / "openeew_mexico_a"
        derived = only(mseed.decode((folder / "waveforms/2018_1_29.mseed").read_bytes()))
        data = (folder / "raw_jsonl/2018_1_29/009/40.jsonl").read_bytes()
        decoded = read_waveforms(data, "40.jsonl")
        (rate_hz,) = {
            derived.rate_hz[k] for k in range(len(derived)) if derived.channels[derived.channel[k]].station == "MX009"
        }
        assert only(decoded).rate_hz[0] == pytest.approx(rate_hz, rel=1e-4)
        assert [finding.kind for finding in decoded.findings] == ["wrong-rate"]

    def line(self, at_s, *, late_s=0.5, **changes):
        fields = {"device_id": "007", "x": [0.001] * 32, "y": [0.25] * 32, "z": [-1.5] * 32, "sr": 31.25}
        fields |= {"device_t": at_s, "cloud_t": at_s + late_s, **changes}
        return json.dumps(fields).encode()

    def test_axes_units_and_the_time_of_the_last_sample(self):
        batch = only(read_waveforms(self.line(1_500_000_000.0, late_s=0.0), "x"))
        assert [source.nslc for source in batch.channels] == ["XX.MX007..BNZ", "XX.MX007..BN1", "XX.MX007..BN2"]
        assert batch.samples.reshape(3, 32)[:, 0].tolist() == [1, 250, -1500]
        assert batch.start_ns[0] == round((1_500_000_000 - 31 / 31.25) * 1e9)

    def test_a_missing_packet_cuts_and_a_doubled_one_does_not(self):
        times = [1_500_000_000 + 1.024 * k for k in range(20) if k != 7]
        data = b"\n".join(self.line(at_s) for at_s in [*times[::-1], times[3]])
        batch = only(read_waveforms(data, "x"))
        assert np.diff(batch.offset).tolist() == [7 * 32] * 3 + [12 * 32] * 3
        assert batch.rate_hz[0] == pytest.approx(31.25, rel=1e-6)

    def test_a_clock_half_an_hour_off_is_told_and_put_right(self):
        data = b"\n".join(self.line(1_500_000_000 + 1.024 * k, late_s=1800.0) for k in range(10))
        decoded = read_waveforms(data, "x")
        (finding,) = decoded.findings
        assert (finding.kind, finding.station) == ("clock-offset", "XX.MX007")
        assert only(decoded).start_ns[0] == pytest.approx((1_500_001_800 - 31 / 31.25) * 1e9, abs=1e4)

    @pytest.mark.parametrize(
        "changes",
        [
            {"x": [0.1]},
            {"x": [float("nan")] * 32},
            {"x": [1e300] * 32},
            {"x": "abc"},
            {"x": [], "y": [], "z": []},
            {"device_id": "../../etc"},
            {"device_id": 7},
            {"device_t": None},
            {"device_t": -5.0},
            {"sr": 0},
        ],
    )
    def test_packets_that_are_none_are_counted(self, changes):
        data = self.line(1_500_000_000.0) + b"\n" + self.line(1_500_000_001.024, **changes) + b"\n{}\n[[[\n"
        decoded = read_waveforms(data, "x")
        assert len(only(decoded).samples) == 96
        assert [(finding.kind, finding.reason[:1]) for finding in decoded.findings] == [("bad-packet", "3")]


class TestShake:
    def test_the_packets_are_the_record(self, houfeng_data):
        folder = houfeng_data / "raspberryshake_udp_2020"
        mine = only(read_waveforms((folder / "packets/testdata.txt").read_bytes(), "R24FA.txt"))
        truth = only(mseed.decode((folder / "truth/testdata.mseed").read_bytes()))
        assert len(mine) == 4 * 440
        assert set(mine.rate_hz.tolist()) == {100.0}

        def rebuilt(batch):
            return {
                batch.channels[c]: (
                    int(batch.start_ns[batch.channel == c].min()),
                    np.concatenate(
                        [
                            batch.samples[batch.offset[k] : batch.offset[k + 1]]
                            for k in np.flatnonzero(batch.channel == c)
                        ]
                    ),
                )
                for c in range(len(batch.channels))
            }

        ours, theirs = rebuilt(mine), rebuilt(truth)
        assert ours.keys() == theirs.keys()
        for source, (start_ns, samples) in ours.items():
            np.testing.assert_array_equal(samples, theirs[source][1][: len(samples)])
            assert abs(start_ns - theirs[source][0]) < 1_000_000
            ends_ns = mine.start_ns[[mine.channels[c] == source for c in mine.channel]]
            assert np.all(np.abs(np.diff(ends_ns) - 250_000_000) <= 1_000_000)

    def test_nothing_behind_term_is_read(self):
        line = b"{'EHZ', 1580372810.003, 1, -2, 3}\n"
        decoded = read_waveforms(line + b"TERM\n" + line, "x")
        assert len(only(decoded)) == 1
        assert decoded.findings == ()

    @pytest.mark.parametrize(
        "line", [b"{'EHZ', 1580372810.003, 1, 99999999999}", b"{'EHZ', 12, 1}", b"{'E Z', 1580372810, 1}", b"\xff\xfe"]
    )
    def test_lines_that_are_no_packets_are_counted(self, line):
        decoded = read_waveforms(b"{'EHZ', 1580372810.003, 1, -2, 3}\n" + line + b"\n", "x")
        assert len(only(decoded)) == 1
        assert [finding.kind for finding in decoded.findings] == ["bad-packet"]


def peak_at(batch, letter):
    """Largest acceleration in m/s2 with its sign, and when after the first sample, s."""
    (k,) = [k for k in range(len(batch)) if batch.channels[batch.channel[k]].channel.endswith(letter)]
    samples = batch.samples[batch.offset[k] : batch.offset[k + 1]]
    at = int(np.abs(samples).argmax())
    return samples[at], at / batch.rate_hz[k], len(samples)


class TestStrongMotionText:
    def test_csmip_volume_2(self, houfeng_data):
        folder = houfeng_data / "csmip_lahabra_2014"
        data = (folder / "waveforms/CIWLT.V2").read_bytes()
        batch = only(read_waveforms(data, "CIWLT.V2"))
        assert [source.nslc for source in batch.channels] == ["CI.WLT..BNE", "CI.WLT..BNN", "CI.WLT..BNZ"]
        assert set(batch.start_ns.tolist()) == {parse_instant("2014-03-29T04:09:34")}
        with (folder / "truth/header_values.csv").open() as file:
            rows = [row for row in csv.DictReader(file) if row["quantity"] == "acceleration"]
        for row, letter in zip(rows, "ENZ", strict=True):
            peak, at_s, _ = peak_at(batch, letter)
            assert peak * 100 == pytest.approx(float(row["peak"]), abs=0.001)
            assert at_s == pytest.approx(float(row["time_s_in_record"]), abs=0.021)
        (station,) = stations_from_waveforms(data, "CIWLT.V2")
        assert (station.key, station.latitude_deg, station.longitude_deg) == ("CI.WLT", 34.009, -117.951)
        assert station.channels[0].response.sensitivity == 1.0

    def test_csmip_volume_1(self, houfeng_data):
        data = (houfeng_data / "csmip_lahabra_2014/waveforms/CIWLT.RAW").read_bytes()
        batch = only(read_waveforms(data, "CIWLT.RAW"))
        peak, at_s, count = peak_at(batch, "E")
        assert count == 30130
        assert abs(peak) / 9.80665 == pytest.approx(0.086, abs=0.012)  # the header removed an offset
        assert at_s == pytest.approx(14.83, abs=0.02)

    def test_csmip_volume_3_holds_no_waveform(self, houfeng_data):
        data = (houfeng_data / "csmip_lahabra_2014/waveforms/CIWLT.V3").read_bytes()
        with pytest.raises(DataFault, match=r"CIWLT\.V3: .*spectra"):
            read_waveforms(data, "CIWLT.V3")

    def test_gns(self, houfeng_data):
        folder = houfeng_data / "geonet_kaikoura_2016"
        with (folder / "truth/header_values.csv").open() as file:
            rows = [row for row in csv.DictReader(file) if row["quantity"] == "acceleration"]
        names = sorted({row["file"] for row in rows})
        assert len(names) == 3
        for name in names:
            batch = only(read_waveforms((folder / "waveforms" / name).read_bytes(), name))
            for k, row in enumerate(row for row in rows if row["file"] == name):
                letter = batch.channels[k].channel[-1]
                peak, at_s, _ = peak_at(batch, letter)
                assert peak * 1000 == pytest.approx(float(row["peak"]), abs=0.051)
                # Header times count from the raw record, the samples begin 5 s before it.
                assert at_s - 5 == pytest.approx(float(row["time_s_in_record"]), abs=0.021)
            assert batch.channels[2].channel == "BNZ"
        data = (folder / "waveforms/20161113_110259_WTMC_20.V2A").read_bytes()
        assert only(read_waveforms(data, "WTMC")).start_ns[0] == parse_instant("2016-11-13T11:02:14.715")
        (station,) = stations_from_waveforms(data, "WTMC")
        assert station.latitude_deg == pytest.approx(-(42 + 37 / 60 + 10 / 3600))
        assert [channel.azimuth_deg for channel in station.channels[:2]] == [332.0, 242.0]
        assert [channel.source.channel for channel in station.channels[:2]] == ["BN1", "BN2"]

    def test_cwb(self, houfeng_data):
        folder = houfeng_data / "taiwan_hualien_2018"
        with (folder / "truth/header_values.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 15
        for row in rows:
            (path,) = (folder / "waveforms").glob(f"*-{row['station']}.dat")
            data = path.read_bytes()
            batch = only(read_waveforms(data, path.name))
            assert batch.start_ns[0] == parse_instant("2018-02-06T15:50:29")
            letter = {"U": "Z"}.get(row["component"], row["component"])
            peak, _, count = peak_at(batch, letter)
            assert count == int(row["npts"])
            largest = max(float(row["header_max"]), -float(row["header_min"]))
            assert abs(peak) * 100 == pytest.approx(largest, abs=0.001)
            (station,) = stations_from_waveforms(data, path.name)
            assert (station.latitude_deg, station.longitude_deg) == (float(row["lat"]), float(row["lon"]))

    def test_jma(self, houfeng_data):
        folder = houfeng_data / "jma_intensity_a"
        with (folder / "truth/jma_intensity.csv").open() as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            data = (folder / f"waveforms/{row['file']}.csv").read_bytes()
            batch = only(read_waveforms(data, row["file"]))
            date, clock = row["initial_time_jst"].split()[:3], row["initial_time_jst"].split()[3:]
            assert batch.start_ns[0] == parse_instant("-".join(date) + "T" + ":".join(clock)) - 9 * 3600 * 10**9
            for letter, column in (("N", "pga_ns_gal"), ("E", "pga_ew_gal"), ("Z", "pga_ud_gal")):
                k = [source.channel[-1] for source in batch.channels].index(letter)
                samples = batch.samples[batch.offset[k] : batch.offset[k + 1]]
                assert len(samples) == int(row["npts"])
                peak_gal = np.abs(samples - samples.mean()).max() * 100
                assert peak_gal == pytest.approx(float(row[column]), abs=0.1)
        (unplaced,) = stations_from_waveforms((folder / "waveforms/AA06EA01.csv").read_bytes(), "x")
        assert unplaced.latitude_deg is None
        assert all(channel.response is not None for channel in unplaced.channels)
        (station,) = stations_from_waveforms((folder / "waveforms/Q4149CF2.csv").read_bytes(), "x")
        assert (station.key, station.latitude_deg) == ("JP.9CF", 32.6476)

    def test_horizontals_of_unknown_direction(self, houfeng_data):
        path = houfeng_data / "napa_2014_shakemap/waveforms/CE58667.V2"
        batch = only(read_waveforms(path.read_bytes(), path.name))
        assert [source.channel for source in batch.channels] == ["HN1", "HNZ", "HN2"]
        (station,) = stations_from_waveforms(path.read_bytes(), path.name)
        assert [channel.azimuth_deg for channel in station.channels] == [None, 0.0, None]
        first = batch.samples[batch.offset[0] : batch.offset[1]]
        assert np.abs(first).max() * 100 == pytest.approx(27.114, rel=0.01)

    @given(st.data(), st.sampled_from(["CIWLT.V2", "THZ", "ECU", "AA06"]))
    @settings(deadline=None, max_examples=40)
    def test_any_damage_to_a_header_gives_packets_or_a_refusal(self, houfeng_data, data, which):
        paths = [path for path in houfeng_data.glob("*/waveforms/*") if which in path.name]
        damaged = bytearray(paths[0].read_bytes()[:60_000])
        for _ in range(data.draw(st.integers(1, 10))):
            damaged[data.draw(st.integers(0, 4000))] = data.draw(st.integers(0, 255))
        with suppress(DataFault):
            decoded = read_waveforms(bytes(damaged), "damaged")
            assert all(np.isfinite(batch.samples).all() for batch in decoded.batches)
