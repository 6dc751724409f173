"""Every file of the miniSEED reference set, record by record, against what libmseed made of it."""

import csv
import hashlib

import pytest

from houfeng.wire import mseed
from houfeng.words.instant import format_instant, parse_instant

FILES = [
    *(
        f"fdsn_reference/reference-{name}.mseed3"
        for name in (
            "detectiononly",
            "sinusoid-FDSN-All",
            "sinusoid-FDSN-Other",
            "sinusoid-TQ-TC-ED",
            "sinusoid-float32",
            "sinusoid-float64",
            "sinusoid-int16",
            "sinusoid-int32",
            "sinusoid-steim1",
            "sinusoid-steim2",
            "text",
        )
    ),
    *(
        f"libmseed/reference-testdata-{name}"
        for name in (
            "defaults.mseed2",
            "defaults.mseed3",
            "float32.mseed2",
            "float64.mseed2",
            "headeronly.mseed2",
            "int16.mseed2",
            "int32.mseed2",
            "nsec.mseed2",
            "olden.mseed2",
            "steim1.mseed2",
            "steim2.mseed2",
            "steim2.mseed3",
            "text.mseed2",
        )
    ),
    *(
        f"libmseed/testdata-{name}.mseed2"
        for name in (
            "3channel-signal",
            "detection.record",
            "encoding-CDSN",
            "encoding-DWWSSN",
            "encoding-GEOSCOPE-16bit-3exp-encoded",
            "encoding-SRO",
            "no-blockette1000-steim1",
            "oneseries-mixedlengths-mixedorder",
            "unapplied-timecorrection",
        )
    ),
    "pymseed/packtest_sine500.mseed2",
    "pymseed/packtest_sine500.mseed3",
]

#: How the truth file wrote samples down before it hashed them.
DTYPES = {"i": "<i4", "f": "<f4", "d": "<f8"}


@pytest.fixture(scope="module")
def truth(houfeng_data):
    rows = {}
    with (houfeng_data / "mseed_conformance_a/truth/decoded_by_libmseed.csv").open() as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["file"].removeprefix("files/"), []).append(row)
    return rows


def test_every_file_is_listed(truth):
    assert sorted(truth) == sorted(FILES)


@pytest.mark.parametrize("name", FILES)
def test_every_record_is_as_libmseed_reads_it(houfeng_data, truth, name):
    data = (houfeng_data / "mseed_conformance_a/files" / name).read_bytes()
    index = mseed.index(data, file=name)
    assert index.findings == ()
    assert len(index) == len(truth[name])
    waveforms = 0
    for k, row in enumerate(truth[name]):
        assert index.version[k] == int(row["format_version"])
        assert index.channels[index.channel[k]].fdsn == row["source_id"]
        digits = 9 if row["format_version"] == "3" else 6
        assert format_instant(int(index.start_ns[k]), digits) == format_instant(
            parse_instant(row["start_time"]), digits
        )
        assert index.length[k] == int(row["record_length"])
        assert index.publication[k] == int(row["publication_version"])
        decoded = mseed.decode_records(data, index.offset[k : k + 1], index.length[k : k + 1], file=name)
        assert decoded.findings == ()
        if row["type"] not in DTYPES:
            assert decoded.batches == ()
            assert index.sample_count[k] == 0
            continue
        waveforms += 1
        (batch,) = decoded.batches
        assert batch.start_ns[0] == index.start_ns[k]
        assert batch.rate_hz[0] == pytest.approx(float(row["sample_rate"]), rel=1e-12)
        assert len(batch.samples) == index.sample_count[k] == int(row["samples"])
        digest = hashlib.sha256(batch.samples.astype(DTYPES[row["type"]]).tobytes()).hexdigest()
        assert digest.startswith(row["sha256_16_of_little_endian_samples"])
    assert sum(len(batch) for batch in mseed.decode(data).batches) == waveforms
