"""Formats are told by content; a name decides next to nothing."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.wire.eyes.recognise import recognise
from houfeng.wire.seedlink.notes import Connected, write_note

FORMATS = {
    "pcap", "pcapng", "zeek", "zeek-json", "eve", "nfdump", "argus", "auth-log", "ringserver-log", "frame-table",
    "rate-table",
    "gzip", "bzip2", "xz", "zstd", "",
}  # fmt: skip


@given(st.binary(max_size=200), st.text(max_size=20))
def test_any_bytes_have_a_format_or_none(data, name):
    assert recognise(data, name) in FORMATS


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xd4\xc3\xb2\xa1\x02\0\x04\0", "pcap"),
        (b"\xa1\xb2\x3c\x4d\0\x02\0\x04", "pcap"),
        (b"\x0a\x0d\x0d\x0a\x1c\0\0\0", "pcapng"),
        (b"\x0c\xa5\x01\0", "nfdump"),
        (b"#separator \\x09\n#set_separator\t,\n", "zeek"),
        (b"\xef\xbb\xbf#separator \\x09\r\n", "zeek"),
        (b'{"_path":"ssh","_write_ts":"2018-03-24T17:16:40Z","ts":"2018-03-24T17:16:39Z"}', "zeek-json"),
        (b'{"ts":1700828217.3,"uid":"C", "note":"\\"event_type\\":"}\n', "zeek-json"),
        (b'torn":1}\n{"timestamp":"2026-11-22T00:10:00.0+0000","flow_id":1,"event_type":"flow"', "eve"),
        (
            b'{"log_time":"2026-11-22T00:08:47Z","client":{"ip":"::1"},"service":{"name":"ringserver"}}',
            "ringserver-log",
        ),
        (b"StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State\n", "argus"),
        (b"t_utc_s,len,eth_src,eth_dst,l3\n", "frame-table"),
        (b"Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user webmaster from 173.234.31.186\n", "auth-log"),
        (b"2026-11-22T00:10:00.123456+00:00 gw sshd[1]: Failed password for root\n", "auth-log"),
        (b"<38>1 2026-11-22T00:10:00Z gw sshd 1 - - Failed password\n", "auth-log"),
        (b"<86>Nov  2 06:55:46 gw sudo: root\n", "auth-log"),
        (gzip.compress(b"x", mtime=0), "gzip"),
        (b"BZh91AY&SY\0", "bzip2"),
        (b"\xfd7zXZ\0\0", "xz"),
        (b"\x28\xb5\x2f\xfd\0", "zstd"),
        (b"BZh is the beginning of a sentence", ""),
        (b"Lorem ipsum dolor sit amet", ""),
        (b'{"timestamp":1}', ""),
        (b"", ""),
    ],
)
def test_formats_by_their_first_bytes(data, expected):
    assert recognise(data, "conn.log.labeled.pcap") == expected


def test_a_name_hints_at_the_rows_of_a_zeek_log_without_header_and_at_nothing_else():
    row = b"1097501938.503079\tCYKCgkp7I96uz3ik4\t10.0.0.8\t2789\n"
    assert [recognise(row, name) for name in ("conn.log", "conn.log.labeled", "x.labeled", "x.csv", "")] == [
        "zeek", "zeek", "zeek", "", "",
    ]  # fmt: skip
    assert recognise(b"\xd4\xc3\xb2\xa1", "conn.log") == "pcap"
    assert recognise(b"prose", "conn.log") == ""


def test_the_files_of_the_formats_set(houfeng_data):
    folder = houfeng_data / "net_formats_a"
    expected = {
        "capture.pcap": "pcap", "ipfix.pcap": "pcap", "netflow_v5.pcap": "pcap", "netflow_v9.pcap": "pcap",
        "conn.log": "zeek", "dnp3.log": "zeek", "weird.log": "zeek", "eve.json": "eve",
        "suricata_24h_eve.json": "eve", "zeek_conn_all_fields.json.log": "zeek-json", "argus.binetflow": "argus",
        "nfdump_old_sample.nfdump": "nfdump", "truth_flows.csv": "", "readers.csv": "", "ORIGIN.md": "",
    }  # fmt: skip
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            continue
        wanted = expected.get(path.name, "nfdump" if path.name.startswith("nfcapd") else "gzip")
        wanted = "zeek-json" if path.parent.name == "zeek_json" else wanted
        data = path.read_bytes()
        assert recognise(data[:4096], path.name) == wanted, path
        if wanted == "gzip":
            inside = "zeek" if "tsv" in path.parent.name else "zeek-json"
            assert recognise(gzip.decompress(data)[:4096], path.name) == inside, path


def test_the_session_log_of_our_own_seedlink_server_is_known():
    note = write_note(Connected(1_700_000_000_000_000_000, 1, "10.0.0.9", 40000, encrypted=False))
    assert recognise(note.encode() + b"\n", "sessions.jsonl") == "ringserver-log"
