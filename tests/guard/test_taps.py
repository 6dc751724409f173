"""Taps on payload: what splits, losses and strangers may not do, dialogues with literals, the real captures."""

import csv
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from payload_pcap import payloads, sums, tapped

from houfeng.guard.observe.taps import TAPS
from houfeng.guard.observe.taps.datalink import DataLink
from houfeng.guard.observe.taps.dns import ANSWER_NS, Dns
from houfeng.guard.observe.taps.dns_names import read_message, read_name
from houfeng.guard.observe.taps.ftp import Ftp
from houfeng.guard.observe.taps.seedlink import SeedLink
from houfeng.guard.observe.taps.telnet import Telnet
from houfeng.wire.eyes.serverlog import ServerLogReader
from houfeng.wire.seedlink.framing import frame_v3, frame_v4
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.network import Login, Lookup, Seen, Subscription

CLIENT, SERVER = "192.0.2.9", "192.0.2.1"

#: The head of a miniSEED 2 record of NC.CTA..HNZ, 512 bytes.
RECORD = (b"000001D CTA    HNZNC\x07\xea\x01F\x00\x080\x00\x1e\xa4\x02>\x00d\x00\x01\x00\x00\x00\x01" + bytes(512))[
    :512
]


def made(kind, protocol="tcp"):
    return kind(Seen("eth0"), CLIENT, SERVER, 50000, 1, protocol)


def play(tap, *talk, cut=None):
    """Play a dialogue: "> " from the client, "< " from the server; a None is a loss of the server's bytes."""
    out, time_ns = [], 0
    for number, turn in enumerate(talk, start=1):
        time_ns = number * NS_PER_S
        if turn is None:
            tap.lost(False)
            continue
        from_client, data = turn[:2] == b"> ", turn[2:]
        for at in range(0, len(data), cut or len(data)):
            piece = data[at : at + (cut or len(data))]
            if not tap.done:
                out += tap.hear(time_ns, from_client=from_client, data=piece, line=number)
    return [*out, *tap.end(time_ns)]


def logins(out):
    return [(one.user, one.accepted) for one in out if isinstance(one, Login)]


def counted(out):
    return sums(one for one in out if isinstance(one, Subscription))


def asked(out):
    return [one.channel for one in out if isinstance(one, Subscription) and not one.packets]


SEEDLINK_4 = (
    b"> HELLO\r\n", b"< SeedLink v4.0 (x) :: SLPROTO:4.0\r\nhere\r\n", b"> SLPROTO 4.0\r\n", b"< OK\r\n",
    b"> AUTH USERPASS amy secret\r\n", b"< ERROR AUTH no\r\n", b"> AUTH USERPASS amy secret2\r\n", b"< OK\r\n",
    b"> STATION NC_CTA\r", b"< OK\r\n", b"> SELECT *_H_N_Z\rDATA\r", b"< OK\r\nOK\r\n", b"> END\r\n",
    b"< " + frame_v4("2D", 1, "NC_CTA", RECORD) * 3, b"> INFO ID\r\n",
    b"< " + frame_v4("JI", 2, "", b'{"a":1}') + frame_v4("2D", 3, "NC_CTA", RECORD),
)  # fmt: skip

SEEDLINK_3 = (
    b"> HELLO\r\n", b"< SeedLink v3.1\r\nhere\r\n", b"> STATION CTA NC\r\n", b"< OK\r\n", b"> SELECT HNZ.D\r\n",
    b"< OK\r\n", b"> DATA\r\n", b"< OK\r\n", b"> END\r\n", b"< " + frame_v3(1, RECORD) * 2,
    b"< SLINFO  " + RECORD, b"< " + frame_v3(3, RECORD) * 2 + b"END",
)  # fmt: skip


def link(header, payload=b""):
    return b"DL" + bytes([len(header)]) + header + payload


WRITE = link(b"WRITE FDSN:NC_CTA__H_N_Z/MSEED 1 2 A 512", RECORD)
PACKET = link(b"PACKET NC_CTA__HNZ/MSEED 7 1 1 2 512", RECORD)
DATALINK = (
    b"> " + link(b"ID me"), b"< " + link(b"ID DataLink v1.1 (x) :: DLPROTO:1.1"),
    b"> " + link(b"AUTH USERPASS 10", b"amy\rsecret"), b"< " + link(b"ERROR 0 2", b"no"),
    b"> " + WRITE, b"< " + link(b"OK 1 0"), b"> " + WRITE, b"< " + link(b"OK 2 0"),
    b"> " + link(b"MATCH 15", b"FDSN:NC_CTA_.*$"), b"< " + link(b"OK 1 3", b"one"), b"> " + link(b"READ 7"),
    b"< " + PACKET, b"> " + link(b"STREAM"), b"< " + PACKET * 2, b"> " + link(b"ENDSTREAM"), b"< " + link(b"ENDSTREAM"),
    b"> " + link(b"AUTH JWT 3", b"abc"), b"< " + link(b"OK 0 0"),
)  # fmt: skip

FTP = (
    b"< 220-hello\r\n 530 not this\r\n220 there\r\n", b"> USER bob\r\n", b"< 331 and?\r\n", b"> PASS x\r\n",
    b"< 530 no\r\n", b"> USER \xff\r\nPASS y\r\n", b"< 331 and?\r\n230 welcome\r\n",
)  # fmt: skip

TELNET = (
    b"< \xff\xfd\x18\xff\xfa\x18\x01\xff\xf0Debian\r\nst1 login: ", b"> \xff\xfb\x18roo\x7fot\r\0",
    b"< root\r\nPassword: ", b"> xc3511\r\0", b"< \r\nLogin incorrect\r\nst1 login: ", b"> root\r\0",
    b"< root\r\nPassword: ", b"> vizxv\r\0",
    b"< \r\nLast login: today\r\n# ",
)  # fmt: skip

TALKS = [(SeedLink, SEEDLINK_3), (SeedLink, SEEDLINK_4), (DataLink, DATALINK), (Ftp, FTP), (Telnet, TELNET)]


class TestLaws:
    @pytest.mark.parametrize(("kind", "talk"), TALKS)
    @pytest.mark.parametrize("cut", [1, 3, 100])
    def test_bytes_split_anywhere_say_the_same(self, kind, talk, cut):
        whole, pieces = play(made(kind), *talk), play(made(kind), *talk, cut=cut)
        assert logins(pieces) == logins(whole)
        assert (counted(pieces), asked(pieces)) == (counted(whole), asked(whole))

    @pytest.mark.parametrize("kind", sorted(set(TAPS.values()), key=str))
    @settings(max_examples=60)
    @given(
        talk=st.lists(
            st.none() | st.tuples(st.sampled_from([b"> ", b"< "]), st.binary(min_size=1, max_size=80)).map(b"".join)
        )
    )
    def test_bytes_of_any_kind_raise_nothing(self, kind, talk):
        play(made(kind), *talk)
        play(made(kind, "udp"), *talk)

    @pytest.mark.parametrize(("kind", "talk"), TALKS)
    @settings(max_examples=60)
    @given(data=st.data())
    def test_a_dialogue_with_damage_raises_nothing(self, kind, talk, data):
        at = data.draw(st.integers(0, len(talk) - 1))
        spoilt = data.draw(st.sampled_from([None, talk[at][:2] + data.draw(st.binary(min_size=1, max_size=30))]))
        play(made(kind), *talk[:at], spoilt, *talk[at:])

    @pytest.mark.parametrize("kind", [SeedLink, DataLink, Ftp])
    @pytest.mark.parametrize(
        "first", [b"> GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"> \x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]
    )
    def test_a_tap_lets_go_of_what_it_does_not_recognise(self, kind, first):
        tap = made(kind)
        answer = b"< HTTP/1.1 200 OK\r\n\r\n" + b"z" * 70_000
        assert [one for one in play(tap, first, answer) if not isinstance(one, Finding)] == []
        assert tap.done

    def test_ports_say_only_where_to_listen(self):
        assert sorted(TAPS) == [21, 23, 53, 16000, 18000]
        assert counted(play(made(TAPS[18000]), *DATALINK)) == counted(play(made(DataLink), *DATALINK))
        assert counted(play(made(TAPS[16000]), *SEEDLINK_4)) == counted(play(made(SeedLink), *SEEDLINK_4))

    @pytest.mark.parametrize(("kind", "talk"), TALKS)
    def test_no_password_is_in_what_is_told(self, kind, talk):
        text = repr(play(made(kind), *talk))
        assert not [secret for secret in ("secret", "xc3511", "vizxv") if secret in text]


class TestSeedLink:
    def test_version_4(self):
        out = play(made(SeedLink), *SEEDLINK_4)
        assert logins(out) == [("amy", False), ("amy", True)]
        assert asked(out) == ["NC.CTA.*.HNZ"]
        assert counted(out) == {(CLIENT, "NC.CTA..HNZ", "out"): (4, 2048)}

    def test_version_3(self):
        out = play(made(SeedLink), *SEEDLINK_3)
        assert asked(out) == ["NC.CTA.*.HNZ"]
        assert counted(out) == {(CLIENT, "NC.CTA..HNZ", "out"): (4, 2048)}

    def test_after_a_loss_it_goes_on_with_the_next_packet(self):
        packet = frame_v4("2D", 9, "NC_CTA", RECORD)
        out = play(made(SeedLink), *SEEDLINK_4[:13], None, b"< " + packet[200:] + packet * 2)
        assert counted(out) == {(CLIENT, "NC.CTA..HNZ", "out"): (2, 1024)}

    def test_it_joins_in_the_middle(self):
        packet = frame_v3(9, RECORD)
        out = play(made(SeedLink), b"< " + packet[300:] + packet * 3)
        assert counted(out) == {(CLIENT, "NC.CTA..HNZ", "out"): (3, 1536)}

    def test_the_first_packet_is_told_at_once_then_once_a_minute(self):
        tap = made(SeedLink)
        out = play(tap, *SEEDLINK_3[:9])
        for second in range(100, 300):
            out += tap.hear(second * NS_PER_S, from_client=False, data=frame_v3(1, RECORD), line=second)
        told = [(one.start_ns // NS_PER_S, one.packets) for one in out if one.packets]
        assert told == [(100, 1), (101, 60), (161, 60), (221, 60)]
        assert [(one.start_ns // NS_PER_S, one.packets) for one in tap.end(0)] == [(281, 19)]

    def test_a_length_is_a_claim(self):
        lie = frame_v4("2D", 1, "NC_CTA", RECORD)[:4] + struct.pack("<I", 0xFFFFFFF0) + bytes(700)
        out = play(made(SeedLink), *SEEDLINK_4[:13], b"< " + lie + frame_v4("2D", 3, "NC_CTA", RECORD))
        assert counted(out) == {(CLIENT, "NC.CTA..HNZ", "out"): (1, 512)}

    def test_what_is_no_record_is_a_finding_once(self):
        junk = frame_v4("2D", 1, "NC_CTA", b"no record" * 50)
        out = play(made(SeedLink), *SEEDLINK_4[:13], b"< " + junk * 3)
        assert [one.kind for one in out if isinstance(one, Finding)] == ["not-a-record"]


class TestDataLink:
    def test_a_dialogue(self):
        out = play(made(DataLink), *DATALINK)
        assert logins(out) == [("amy", False), ("", True)]
        assert asked(out) == ["NC.CTA.*.*"]
        assert counted(out) == {
            (CLIENT, "NC.CTA..HNZ", "in"): (2, 1024),
            (CLIENT, "NC.CTA..HNZ", "out"): (3, 1536),
        }

    def test_a_writer_whose_server_is_not_heard_is_followed(self):
        assert counted(play(made(DataLink), b"> " + WRITE * 5000)) == {
            (CLIENT, "NC.CTA..HNZ", "in"): (5000, 5000 * 512)
        }

    def test_it_joins_a_writer_in_the_middle(self):
        assert counted(play(made(DataLink), b"> " + WRITE[100:] + WRITE * 2)) == {
            (CLIENT, "NC.CTA..HNZ", "in"): (2, 1024)
        }

    def test_a_record_of_another_channel_than_said_is_a_finding_once(self):
        lie = link(b"WRITE FDSN:NC_XXX__H_N_Z/MSEED 1 2 N 512", RECORD)
        out = play(made(DataLink), DATALINK[0], b"> " + lie * 3)
        assert [one.kind for one in out if isinstance(one, Finding)] == ["stream-name-differs"]
        assert counted(out) == {(CLIENT, "NC.XXX..HNZ", "in"): (3, 1536)}


class TestLogins:
    def test_ftp(self):
        assert logins(play(made(Ftp), *FTP)) == [("bob", False), ("\\xff", True)]

    def test_ftp_goes_on_after_a_loss(self):
        assert logins(play(made(Ftp), *FTP[:2], None, b"< torn\r\n", *FTP[5:])) == [("\\xff", True)]

    def test_ftp_under_tls_is_let_go(self):
        tap = made(Ftp)
        play(tap, b"< 220 hello\r\n", b"> AUTH TLS\r\n", b"< 234 go\r\n", b"> \x16\x03\x01")
        assert tap.done

    def test_telnet(self):
        assert logins(play(made(Telnet), *TELNET)) == [("root", False), ("root", True)]

    def test_telnet_without_a_verdict_says_nothing(self):
        assert play(made(Telnet), *TELNET[:4]) == []


def name(*labels):
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def question(number, *labels, kind=1):
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + name(*labels) + struct.pack(">HH", kind, 1)


def answer(number, *labels, code=0, kind=1):
    return struct.pack(">HHHHHH", number, 0x8180 | code, 1, 0, 0, 0) + name(*labels) + struct.pack(">HH", kind, 1)


class TestDns:
    @pytest.mark.parametrize("cut", [None, 1, 5])
    def test_questions_meet_their_answers(self, cut):
        talk = [
            (True, question(1, b"a", b"example")), (True, question(2, b"b", b"example", kind=16)),
            (False, answer(2, b"b", b"example", kind=16, code=3)), (False, answer(1, b"A", b"example")),
        ]  # fmt: skip
        framed = [(b"> " if asks else b"< ") + (struct.pack(">H", len(m)) + m if cut else m) for asks, m in talk]
        out = play(made(Dns, "tcp" if cut else "udp"), *framed, cut=cut)
        assert [(one.name, one.kind, one.answer, one.time_ns // NS_PER_S) for one in out] == [
            ("b.example", "TXT", "NXDOMAIN", 3), ("a.example", "A", "NOERROR", 4),
        ]  # fmt: skip
        assert {(one.client, one.server) for one in out} == {(CLIENT, SERVER)}

    def test_no_answer_within_five_seconds_is_told_as_such(self):
        tap = made(Dns, "udp")
        assert list(tap.hear(0, from_client=True, data=question(1, b"a"), line=1)) == []
        assert list(tap.hear(1, from_client=True, data=question(1, b"a"), line=2)) == []
        (one,) = tap.hear(ANSWER_NS, from_client=True, data=question(2, b"b"), line=3)
        assert (one.name, one.answer, one.time_ns, one.seen.line) == ("a", "", ANSWER_NS, 1)
        assert [(one.name, one.answer) for one in tap.end(ANSWER_NS + 1)] == [("b", "")]

    def test_an_answer_whose_question_was_not_seen_is_a_look_up(self):
        (one,) = play(made(Dns, "udp"), b"< " + answer(1, b"a", code=5))
        assert (one.name, one.answer, one.client) == ("a", "REFUSED", CLIENT)

    def test_labels_are_escaped(self):
        assert read_name(name(b"a.b", b"\\", b"\x00\xff x"), 0)[0] == "a\\.b.\\\\.\\000\\255\\032x"
        assert read_name(b"\0", 0) == (".", 1)

    @pytest.mark.parametrize(
        "raw", [b"\xc0\x00", b"\x01a\xc0\x02", b"\xc0", b"\x3f", b"\x40a\0", name(*[b"x" * 60] * 5)]
    )
    def test_loops_and_lies_are_refused(self, raw):
        with pytest.raises(ValueError, match=r"name|label"):
            read_name(raw, 0)

    def test_compressed_names_are_read_once_however_deep(self):
        chain = b"\x01a\0" + b"".join(struct.pack(">H", 0xC000 | (at - 2 if at > 3 else 0)) for at in range(3, 4003, 2))
        assert read_name(chain, len(chain) - 2)[0] == "a"

    def test_a_stranger_on_the_port_is_let_go_and_damage_later_told_once(self):
        tap = made(Dns, "udp")
        play(tap, b"> SSH-2.0-x\r\n")
        assert tap.done
        out = play(made(Dns, "udp"), b"> " + question(1, b"a"), b"> \0", b"> \0")
        assert [one.kind for one in out if isinstance(one, Finding)] == ["bad-dns-message"]

    def test_counts_that_cannot_be_are_refused(self):
        with pytest.raises(ValueError, match="records"):
            read_message(question(1, b"a")[:6] + b"\xff\xff" + question(1, b"a")[8:])


@pytest.fixture(scope="module")
def benign(houfeng_data):
    return tapped(houfeng_data / "net_seedlink_benign/capture.pcap")


class TestRealCaptures:
    def test_channels_packets_and_bytes_are_those_of_the_servers_log(self, houfeng_data, benign):
        logged = []
        for part in ("tx", "rx"):
            reader = ServerLogReader(part)
            logged += reader.read((houfeng_data / f"net_seedlink_benign/server_log/{part}.jsonl").read_bytes())
            logged += reader.end()
        seen = counted(benign)
        assert seen == sums(logged)
        assert {reader for reader, _, direction in seen if direction == "out"} == {"10.71.9.20", "10.71.9.21"}

    def test_records_written_are_all_there(self, houfeng_data, benign):
        with (houfeng_data / "net_seedlink_benign/truth/records.csv").open() as file:
            wanted = {}
            for row in csv.DictReader(file):
                wanted[row["stream"]] = wanted.get(row["stream"], 0) + 1
        written = {key[1]: packets for key, (packets, _) in counted(benign).items() if key[2] == "in"}
        assert sum(written.values()) == sum(wanted.values()) == 681
        assert sorted(written.values()) == sorted(wanted.values())

    def test_requests_and_look_ups_and_nothing_else(self, benign):
        assert {(one.reader, one.channel) for one in benign if isinstance(one, Subscription) and not one.packets} == {
            ("10.71.9.20", "BK.BRIB.*.*"), ("10.71.9.20", "NC.CRH.*.*"), ("10.71.9.20", "NC.CTA.*.*"),
            ("10.71.9.21", "BK.BRIB.01.HHZ"), ("10.71.9.21", "NC.CRH.*.HNZ"), ("10.71.9.21", "NC.CTA.*.HNZ"),
        }  # fmt: skip
        looked_up = [one for one in benign if isinstance(one, Lookup)]
        assert {(one.name, one.kind, one.answer) for one in looked_up} == {("acq.centre.example", "A", "NOERROR")}
        assert len(looked_up) == 5
        assert {type(one) for one in benign} == {Subscription, Lookup}

    def test_a_gap_in_the_capture_costs_what_was_in_it(self, houfeng_data):
        tap = DataLink(Seen("x"), "10.71.1.10", "10.71.1.2", 1, 16000, "tcp")
        out, written = [], 0
        for time_ns, number, _, source, _, _, port, data in payloads(houfeng_data / "net_seedlink_benign/capture.pcap"):
            if port != 16000 or source != "10.71.1.10":
                continue
            written += data.startswith(b"WRITE")
            if 2000 <= number < 2200:
                tap.lost(True)
                continue
            out += tap.hear(time_ns, from_client=True, data=data, line=number)
        found = sum(one.packets for one in [*out, *tap.end(0)] if isinstance(one, Subscription))
        assert written - 60 < found < written

    def test_thirty_guesses_at_ftp_each_when_it_was_refused(self, houfeng_data):
        capture = houfeng_data / "net_bruteforce_scan_a/ftp_bruteforce.pcap"
        refused = [time_ns for time_ns, *_, port, _, _, data in payloads(capture) if port == 21 and data[:4] == b"530 "]
        out = tapped(capture)
        assert [one.time_ns for one in out] == refused
        assert len(refused) == 30
        assert {(one.source, one.host, one.user, one.accepted, one.tries) for one in out} == {
            ("192.168.56.1", "192.168.56.101", "bro", False, 1)
        }
