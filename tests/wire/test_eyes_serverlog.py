"""Logs of data servers: ringserver's and our own, broken lines, names of streams."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.wire.eyes.serverlog import ServerLogReader
from houfeng.wire.eyes.stream_names import (
    ANY,
    channel_of_record,
    channel_of_stream,
    patterns_of_match,
    patterns_of_request,
)
from houfeng.wire.seedlink.framing import frame_v3, frame_v4
from houfeng.wire.seedlink.notes import Connected, Delivered, Disconnected, LoggedIn, Subscribed, write_note
from houfeng.words.finding import Finding
from houfeng.words.instant import parse_instant
from houfeng.words.network import Login, Subscription


def read(data, *, cut=None, server=""):
    reader = ServerLogReader("tx.jsonl", server=server)
    pieces = [data[at : at + cut] for at in range(0, len(data), cut)] if cut else [data]
    out = [one for piece in pieces for one in reader.read(piece)]
    return [*out, *reader.end()], reader.records


def lines(*entries):
    return "".join(json.dumps(entry) + "\n" for entry in entries).encode()


def entry(**more):
    return {
        "log_time": "2026-11-22T00:10:56Z",
        "log_start_time": "2026-11-22T00:08:55Z",
        "connect_time": "2026-11-22T00:08:55Z",
        "client": {"ip": "::ffff:10.71.9.21", "server_port": 18000, "hostname": "backup"},
        "transfer_protocol": {"name": "SeedLink", "version": "3.0"},
        "transfer_direction": "TX",
        "streams": [{"stream_id": "FDSN:NC_CRH__H_N_Z/MSEED", "bytes": 14336, "packets": 28}],
        **more,
    }


class TestLaws:
    @pytest.mark.parametrize("cut", [1, 5000])
    def test_bytes_split_anywhere_say_the_same(self, houfeng_data, cut):
        data = (houfeng_data / "net_seedlink_benign/server_log/tx.jsonl").read_bytes()
        assert read(data, cut=cut) == read(data)

    @given(st.binary(max_size=300))
    def test_bytes_of_any_kind_raise_nothing(self, data):
        read(data)

    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
                        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
                            ["log_time", "client", "ip", "streams", "kind", "event", "auth"]), inner, max_size=4),
                        max_leaves=12), st.sampled_from(sorted(entry())))  # fmt: skip
    def test_fields_of_any_kind_raise_nothing(self, value, field):
        out, _ = read(lines(entry(**{field: value})))
        assert all(len(one.reason) < 220 and one.reason.isprintable() for one in out if isinstance(one, Finding))


class TestRingserver:
    def test_a_transfer_is_a_subscription_a_channel(self):
        (one,), records = read(lines(entry()), server="10.71.1.2")
        assert (one.reader, one.server, one.service, one.channel) == (
            "10.71.9.21",
            "10.71.1.2",
            "seedlink",
            "NC.CRH..HNZ",
        )
        assert (one.packets, one.count_bytes, one.direction, records) == (28, 14336, "out", 1)
        assert (one.start_ns, one.end_ns) == tuple(parse_instant(f"2026-11-22T00:{t}") for t in ("08:55", "10:56"))

    def test_what_writers_gave_goes_in(self):
        changed = {"transfer_direction": "RX", "transfer_protocol": {"name": "DataLink"}}
        (one,), _ = read(lines(entry(**changed)))
        assert (one.service, one.direction) == ("datalink", "in")

    def test_an_authenticated_connection_is_one_login(self):
        auth = entry(auth={"method": "userpass", "username": "amy"})
        logins = [one for one in read(lines(auth, auth))[0] if isinstance(one, Login)]
        assert [(one.user, one.accepted, one.service) for one in logins] == [("amy", True, "seedlink")]

    def test_a_stream_that_is_no_channel_is_a_finding_and_the_rest_stays(self):
        streams = [{"stream_id": "nonsense", "bytes": 1, "packets": 1}, *entry()["streams"]]
        out, _ = read(lines(entry(streams=streams)))
        assert [type(one) for one in out] == [Finding, Subscription]

    @pytest.mark.parametrize("broken", [
        entry(streams=[{"stream_id": "FDSN:NC_CRH__H_N_Z/MSEED", "bytes": -1, "packets": 1}]),
        entry(streams=[{"stream_id": "FDSN:NC_CRH__H_N_Z/MSEED", "bytes": 1e3, "packets": 1}]),
        entry(client={"ip": "999.1.2.3"}), entry(log_time="2026-02-30T00:00:00Z"), entry(transfer_direction="UP"),
        entry(log_start_time="2026-11-23T00:00:00Z"), {}, [], 7, None,
    ])  # fmt: skip
    def test_a_broken_entry_is_a_finding_with_its_line(self, broken):
        out, records = read(lines(entry(), broken))
        assert [one.reason[:6] for one in out if isinstance(one, Finding)] == ["line 2"]
        assert records == 1

    def test_deep_nesting_and_huge_numbers_are_findings(self):
        out, _ = read(b"[" * 100_000 + b"\n" + b'{"log_time":' + b"9" * 5000 + b"}\n")
        assert [one.kind for one in out] == ["broken-line"] * 2

    def test_the_real_logs(self, houfeng_data):
        folder = houfeng_data / "net_seedlink_benign/server_log"
        asked, records = read((folder / "access.jsonl").read_bytes())
        assert records == 11
        assert {(one.reader, one.channel) for one in asked} == {
            ("10.71.9.20", "BK.BRIB.*.*"), ("10.71.9.20", "NC.CRH.*.*"), ("10.71.9.20", "NC.CTA.*.*"),
            ("10.71.9.21", "BK.BRIB.01.HHZ"), ("10.71.9.21", "NC.CRH.*.HNZ"), ("10.71.9.21", "NC.CTA.*.HNZ"),
        }  # fmt: skip
        given_, _ = read((folder / "tx.jsonl").read_bytes())
        assert sum(one.count_bytes for one in given_) == 58880 + 51712 + 346624
        taken, _ = read((folder / "rx.jsonl").read_bytes())
        assert sum(one.packets for one in taken) == 681


class TestOurs:
    @pytest.mark.parametrize(
        ("protocol", "header"), [(3, len(frame_v3(0, b""))), (4, len(frame_v4("2D", 0, "NC_CTA", b"")))]
    )
    def test_a_session(self, protocol, header):
        notes = (
            Connected(10, 1, "10.0.0.1", 5000, encrypted=False),
            LoggedIn(20, 1, "10.0.0.1", "amy", "USERPASS", accepted=False, refusal="credentials"),
            Subscribed(30, 1, "10.0.0.1", "", "x", protocol, False, "NC_CTA", ("*_H_N_Z", "!02_*"), "next"),
            Delivered(40, 1, "10.0.0.1", "", "NC_CTA", "_H_N_Z.2D", 3, 3 * (512 + header)),
            Disconnected(40, 1, "10.0.0.1", "", "closed by the reader", 3, 3 * (512 + header)),
        )
        out, records = read("".join(f"{write_note(note)}\n" for note in notes).encode())
        login, asked, given_ = out
        assert (login.user, login.accepted, login.service) == ("amy", False, "seedlink")
        assert (asked.channel, asked.packets) == ("NC.CTA.*.HNZ", 0)
        assert (given_.channel, given_.packets, given_.count_bytes) == ("NC.CTA..HNZ", 3, 1536)
        assert (given_.start_ns, given_.end_ns, records) == (10, 40, 5)


class TestNames:
    @pytest.mark.parametrize(("expression", "patterns"), [
        ("", (ANY,)), (".*", (ANY,)), ("(((", (ANY,)),
        ("FDSN:BK_BRIB_.*/MSEED3?$|FDSN:NC_CRH_.*_H_N_Z/MSEED3?$", ("BK.BRIB.*.*", "NC.CRH.*.HNZ")),
        ("^(FDSN:)?(NC_CTA|BK_.*)_.*/MSEED", ("NC.CTA.*.*", "BK.*.*.*")),
        ("^FDSN:IU_", ("IU.*.*.*",)), ("FDSN:NC_CTA__H_N_Z/MSEED", ("NC.CTA..HNZ",)),
    ])  # fmt: skip
    def test_expressions_of_ringserver(self, expression, patterns):
        assert patterns_of_match(expression) == patterns

    @given(st.text(max_size=80))
    def test_expressions_of_any_kind_raise_nothing(self, expression):
        assert all(pattern.count(".") == 3 for pattern in patterns_of_match(expression))

    def test_requests_of_seedlink(self):
        assert patterns_of_request("BK_BRIB", ()) == ("BK.BRIB.*.*",)
        assert patterns_of_request("*_CTA", ("01_H_H_Z.2D", "*")) == ("*.CTA.01.HHZ", "*.CTA.*.*")

    def test_streams_and_records(self):
        assert channel_of_stream("NC_CTA__HNZ/MSEED") == channel_of_stream("FDSN:NC_CTA__H_N_Z/MSEED3") == "NC.CTA..HNZ"
        assert channel_of_record(b"000001D CTA    HNZNC" + bytes(28)) == "NC.CTA..HNZ"
        assert channel_of_record(b"MS\x03" + bytes(30) + b"\x15" + bytes(6) + b"FDSN:NC_CTA__H_N_Z   ") == ""
        assert channel_of_record(b"MS\x03" + bytes(30) + b"\x12" + bytes(6) + b"FDSN:NC_CTA__H_N_Z") == "NC.CTA..HNZ"
        assert channel_of_record(b"GET / HTTP/1.1\r\nHost: x") == ""
