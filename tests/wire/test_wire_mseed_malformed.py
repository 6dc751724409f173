"""Every malformed waveform file: what is kept of it, what is said of it, and that it costs little."""

import csv
import time
import tracemalloc

import numpy as np
import pytest

from houfeng.wire import mseed
from houfeng.wire.waveforms import read_waveforms
from houfeng.words.errors import DataFault

#: File: packets kept, samples kept, kinds of findings.
KEPT = {
    "bad_date_day999.mseed": (11, 39950, ["bad-date"]),
    "blockette_chain_loop.mseed": (12, 43966, ["bad-blockettes"]),
    "clock_reset_1970.mseed": (4, 17427, []),
    "corrupt_steim_payload.mseed": (11, 39538, ["bad-payload"]),
    "data_offset_beyond_record.mseed": (11, 39950, ["bad-data-offset"]),
    "duplicated_records.mseed": (24, 87932, []),
    "future_2050.mseed": (3, 12678, []),
    "gap_two_records_missing.mseed": (10, 38643, []),
    "garbage_station_code.mseed": (11, 39950, ["bad-codes"]),
    "libmseed_invalid_blockette_offsets.mseed2": (2, 297, ["bad-blockettes", "bad-payload"]),
    "nan_inf_float32.mseed": (38, 3990, ["non-finite-samples"]),
    "noise_between_records.mseed": (4, 17427, ["unreadable-bytes"]),
    "overlap_conflicting.mseed": (18, 8002, []),
    "real_odd_1.mseed": (159, 43470, []),
    "sample_count_lie.mseed": (11, 39950, ["bad-sample-count"]),
    "shuffled_records.mseed": (12, 43966, []),
    "single_spike.mseed": (36, 4001, []),
    "stuck_full_scale.mseed": (6, 4001, []),
    "truncated_header.mseed": (2, 8250, ["truncated-record"]),
    "truncated_mid_record.mseed": (3, 12678, ["truncated-record"]),
    "v3_bad_crc.mseed3": (0, 0, ["bad-crc"]),
    "v3_huge_payload_length.mseed3": (0, 0, ["bad-length"]),
    "v3_truncated.mseed3": (0, 0, ["truncated-record"]),
    "v3_unknown_version.mseed3": (0, 0, ["unknown-version"]),
    "zero_sample_rate.mseed": (11, 39950, ["bad-rate"]),
}

#: File: what the refusal says.
REFUSED = {
    "empty.mseed": "is empty",
    "html_error_page.mseed": "is a web page",
    "random_bytes_4096.mseed": "in no waveform format known here",
    "zeros_4096.mseed": "nothing but zeros",
}

#: 200 MB for a whole process is the promise; this is our part of it.
MOST_BYTES = 20_000_000


@pytest.fixture(scope="module")
def folder(houfeng_data):
    return houfeng_data / "malformed_a"


def test_every_waveform_file_is_listed(folder):
    with (folder / "truth/expectations.csv").open() as file:
        names = {row["file"] for row in csv.DictReader(file)}
    assert {name for name in names if ".mseed" in name} == KEPT.keys() | REFUSED.keys()


def read_cheaply(data, name):
    tracemalloc.start()
    begin = time.process_time()
    try:
        return read_waveforms(data, name)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert time.process_time() - begin < 5
        assert peak < MOST_BYTES


@pytest.mark.parametrize("name", KEPT)
def test_good_records_are_kept_and_the_rest_is_told(folder, name):
    data = (folder / "files" / name).read_bytes()
    mseed.decode(data)  # compiled before it is timed
    decoded = read_cheaply(data, name)
    packets, samples, kinds = KEPT[name]
    assert sum(len(batch) for batch in decoded.batches) == packets
    assert sum(len(batch.samples) for batch in decoded.batches) == samples
    assert [finding.kind for finding in decoded.findings] == kinds
    assert all(finding.file == name and finding.reason for finding in decoded.findings)
    assert all(np.isfinite(batch.samples).all() for batch in decoded.batches)
    printable = "".join(channel.nslc for batch in decoded.batches for channel in batch.channels)
    assert printable.isprintable()


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_waveform_is_refused_by_name(folder, name):
    data = (folder / "files" / name).read_bytes()
    with pytest.raises(DataFault, match=f"{name}: .*{REFUSED[name]}"):
        read_waveforms(data, name)
    assert mseed.decode(data, file=name).batches == ()
    assert all(finding.kind == "unreadable-bytes" for finding in mseed.decode(data, file=name).findings)


def test_shuffled_records_hold_what_sorted_ones_do(folder):
    def by_start(name):
        (batch,) = mseed.decode((folder / "files" / name).read_bytes()).batches
        return {
            (batch.channels[batch.channel[k]], int(batch.start_ns[k])): batch.samples[
                batch.offset[k] : batch.offset[k + 1]
            ].tolist()
            for k in range(len(batch))
        }

    assert by_start("shuffled_records.mseed") == by_start("blockette_chain_loop.mseed")
