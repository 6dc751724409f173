"""Logs of who logged in: what may not depend on how bytes are split, what attackers write into them, the real log."""

import csv
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.wire.eyes.authlog import LONGEST_LINE_BYTES, AuthLogReader
from houfeng.words.finding import Finding
from houfeng.words.instant import parse_instant
from houfeng.words.network import Login

STAMP = "Dec 10 06:55:46"


def read(data, *, year=2026, utc_offset_s=0, cut=None):
    reader = AuthLogReader("auth.log", year=year, utc_offset_s=utc_offset_s)
    pieces = [data[at : at + cut] for at in range(0, len(data), cut)] if cut else [data]
    out = [one for piece in pieces for one in reader.read(piece)]
    return [*out, *reader.end()], reader.records


def logged(*messages, program="sshd[100]", stamp=STAMP):
    return "".join(f"{stamp} st1 {program}: {message}\n" for message in messages).encode()


def told(data, **more):
    """Source, service, user, accepted, tries of each login; kinds of findings."""
    return [
        one.kind if isinstance(one, Finding) else (one.source, one.service, one.user, one.accepted, one.tries)
        for one in read(data, **more)[0]
    ]


def times(*stamps, **more):
    lines = (f"{stamp} st1 sshd[1]: Failed password for root from 192.0.2.1 port 2 ssh2\n" for stamp in stamps)
    return [one.time_ns for one in read("".join(lines).encode(), **more)[0] if isinstance(one, Login)]


@pytest.fixture(scope="module")
def real_log(houfeng_data):
    return (houfeng_data / "net_authlog_openssh_a/auth.log").read_bytes()


class TestLaws:
    @pytest.mark.parametrize("cut", [1, 7, 4096])
    def test_bytes_split_anywhere_say_the_same(self, houfeng_data, cut):
        data = (houfeng_data / "net_malformed_a/files/auth_forged_lines.log").read_bytes()
        assert read(data, cut=cut) == read(data)

    @given(st.binary(max_size=400))
    def test_bytes_of_any_kind_raise_nothing(self, data):
        read(data)

    @given(st.text(max_size=200), st.sampled_from(["sshd[1]", "dropbear[1]", "vsftpd[1]", "proftpd[1]", "login[1]"]))
    def test_messages_of_any_kind_raise_nothing(self, message, program):
        out, _ = read(logged(message, program=program))
        assert all(len(one.reason) < 200 and one.reason.isprintable() for one in out if isinstance(one, Finding))

    @given(
        st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=80),
        st.sampled_from(["Failed password for invalid user {} from 203.0.113.9 port 4 ssh2",
                         "Invalid user {} from 203.0.113.9 port 4", "Invalid user {} from 203.0.113.9"]),
    )  # fmt: skip
    def test_no_user_name_moves_the_source(self, user, form):
        assert told(logged(form.format(user))) == [("203.0.113.9", "ssh", user, False, 1)]

    def test_what_a_reader_gives_is_in_order_of_time(self, real_log):
        instants = [one.time_ns for one in read(real_log)[0]]
        assert instants == sorted(instants)

    def test_a_line_too_long_is_left_out_and_costs_no_memory(self):
        data = b"x" * (LONGEST_LINE_BYTES * 4) + b"\n" + logged("Failed password for a from 192.0.2.1 port 2 ssh2")
        assert told(data) == ["long-line", ("192.0.2.1", "ssh", "a", False, 1)]


class TestTries:
    def test_one_try_said_in_many_lines_is_one(self):
        data = logged(
            "Invalid user webmaster from 173.234.31.186",
            "input_userauth_request: invalid user webmaster [preauth]",
            "pam_unix(sshd:auth): check pass; user unknown",
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=173.234.31.186 ",
            "Failed password for invalid user webmaster from 173.234.31.186 port 38926 ssh2",
            "Connection closed by invalid user webmaster 173.234.31.186 port 38926 [preauth]",
        )
        assert told(data) == [("173.234.31.186", "ssh", "webmaster", False, 1)]

    def test_repeats_are_expanded(self):
        failed = "Failed password for root from 192.0.2.1 port 2 ssh2"
        assert told(logged(failed, f"message repeated 5 times: [ {failed}]"))[1][-1] == 5
        assert told(logged(failed) + b"Dec 10 06:55:47 st1 last message repeated 3 times\n")[1][-1] == 3

    @pytest.mark.parametrize("count", [0, 999_999_999])
    def test_a_count_of_repeats_that_cannot_be_is_a_finding(self, count):
        repeated = f"message repeated {count} times: [ Failed password for root from 192.0.2.1 port 2 ssh2]"
        assert told(logged(repeated)) == ["impossible-address"]

    def test_where_only_keys_are_let_in_each_connection_is_a_try(self):
        data = logged(
            "Invalid user x from 192.0.2.1 port 5",
            "Failed publickey for invalid user x from 192.0.2.1 port 5 ssh2: RSA SHA256:a",
            "Failed publickey for invalid user x from 192.0.2.1 port 5 ssh2: RSA SHA256:b",
            "Connection closed by invalid user x 192.0.2.1 port 5 [preauth]",
        ) + logged("Disconnected from authenticating user root 192.0.2.1 port 6 [preauth]", program="sshd-session[7]")
        assert sum(one[-1] for one in told(data)) == 2

    def test_keys_offered_before_the_right_one_are_no_guesses(self):
        data = logged(
            "Failed publickey for maint from 192.0.2.1 port 5 ssh2: RSA SHA256:a",
            "Accepted publickey for maint from 192.0.2.1 port 5 ssh2: ED25519 SHA256:abc",
        )
        assert told(data) == [("192.0.2.1", "ssh", "maint", False, 0), ("192.0.2.1", "ssh", "maint", True, 1)]

    def test_a_half_said_try_is_told_when_its_time_is_over(self):
        data = logged("Invalid user x from 192.0.2.1 port 5") + logged("Server listening", stamp="Dec 10 06:57:46")
        reader = AuthLogReader("auth.log", year=2026)
        assert [one.user for one in reader.read(data)] == ["x"]

    def test_a_certificate_named_like_an_address_leaves_its_source_open(self):
        forged = "Failed publickey for root from 203.0.113.9 port 1 ssh2: RSA-CERT SHA256:z ID a from 10.0.0.1 port 2 x"
        assert told(logged(forged)) == ["ambiguous-source"]

    @pytest.mark.parametrize(("program", "message", "expected"), [
        ("dropbear[3]", "Bad password attempt for 'root' from 192.0.2.1:5678", ("192.0.2.1", "ssh", "root", False, 1)),
        ("dropbear[3]", "Login attempt for nonexistent user from 192.0.2.1:5", ("192.0.2.1", "ssh", "", False, 1)),
        ("dropbear[3]", "Password auth succeeded for 'a' from fe80::1:22", ("fe80::1", "ssh", "a", True, 1)),
        ("dropbear[3]", "Pubkey auth succeeded for 'a' with ssh-ed25519 key SHA256:q from 192.0.2.1:22",
         ("192.0.2.1", "ssh", "a", True, 1)),
        ("vsftpd[3]", '[bob] FAIL LOGIN: Client "::ffff:192.0.2.1"', ("192.0.2.1", "ftp", "bob", False, 1)),
        ("vsftpd[3]", '[ftp] OK LOGIN: Client "192.0.2.1", anon password "a@b"', ("192.0.2.1", "ftp", "ftp", True, 1)),
        ("vsftpd[3]", "pam_unix(vsftpd:auth): authentication failure; tty=ftp ruser=bob rhost=192.0.2.1  user=bob",
         ("192.0.2.1", "ftp", "bob", False, 1)),
        ("proftpd[3]", "st1 (h.example[192.0.2.1]) - USER bob (Login failed): Incorrect password",
         ("192.0.2.1", "ftp", "bob", False, 1)),
        ("proftpd[3]", "st1 (192.0.2.1[192.0.2.1]) - USER bob: Login successful.",
         ("192.0.2.1", "ftp", "bob", True, 1)),
        ("pure-ftpd", "(?@192.0.2.1) [WARNING] Authentication failed for user [bob]",
         ("192.0.2.1", "ftp", "bob", False, 1)),
        ("login[3]", "FAILED LOGIN (1) on '/dev/pts/0' from '192.0.2.1' FOR 'root', Authentication failure",
         ("192.0.2.1", "telnet", "root", False, 1)),
        ("login[3]", "invalid password for 'root' on 'pts/0' from '192.0.2.1'",
         ("192.0.2.1", "telnet", "root", False, 1)),
        ("login[3]", "LOGIN ON pts/0 BY al FROM lab.example", ("lab.example", "telnet", "al", True, 1)),
        ("sshd[3]", "Failed keyboard-interactive/pam for a from 192.0.2.1 port 2 ssh2",
         ("192.0.2.1", "ssh", "a", False, 1)),
        ("sshd[3]", "Failed password for a from UNKNOWN port 65535 ssh2", ("", "ssh", "a", False, 1)),
    ])  # fmt: skip
    def test_other_programs(self, program, message, expected):
        assert told(logged(message, program=program)) == [expected]

    def test_pam_and_the_program_that_speaks_for_itself_are_one_try(self):
        data = logged(
            "pam_unix(vsftpd:auth): authentication failure; tty=ftp ruser=bob rhost=192.0.2.1  user=bob",
            '[bob] FAIL LOGIN: Client "192.0.2.1"',
            program="vsftpd[3]",
        )
        assert told(data) == [("192.0.2.1", "ftp", "bob", False, 1)]

    def test_sudo_is_no_login_over_the_network(self):
        sudo = "pam_unix(sudo:auth): authentication failure; logname=a uid=1000 rhost=  user=a"
        assert told(logged(sudo, program="sudo")) == []


class TestStamps:
    def test_the_year_goes_on_at_new_year_and_back_for_a_late_line(self):
        got = times("Dec 31 23:59:59", "Jan  1 00:00:01", "Dec 31 23:59:58", "Jan  1 00:00:02", year=2026)
        wanted = ("2026-12-31T23:59:59", "2027-01-01T00:00:01", "2026-12-31T23:59:58", "2027-01-01T00:00:02")
        assert got == [parse_instant(each) for each in wanted]

    def test_leap_days_are_there_in_leap_years_alone(self):
        assert times("Feb 29 10:00:00", year=2028) == [parse_instant("2028-02-29T10:00:00")]
        assert times("Feb 29 10:00:00", year=2026) == []

    @pytest.mark.parametrize(("stamp", "instant"), [
        ("2026-12-10T06:55:46.123456+08:00", "2026-12-09T22:55:46.123456"),
        ("2026-12-10T06:55:46+0800", "2026-12-09T22:55:46"),
        ("2026-12-10T06:55:46Z", "2026-12-10T06:55:46"),
        ("2026-12-10 06:55:46,5", "2026-12-10T05:55:46.5"),
        ("<38>Dec 10 06:55:46", "2026-12-10T05:55:46"),
        ("Dec  1 06:55:46.25", "2026-12-01T05:55:46.25"),
    ])  # fmt: skip
    def test_forms(self, stamp, instant):
        assert times(stamp, utc_offset_s=3600) == [parse_instant(instant)]

    def test_rfc_5424(self):
        header = b'<38>1 2026-12-10T06:55:46Z st1 sshd 9 - [a@1 b="c \\] d"] \xef\xbb\xbf'
        line = header + b"Accepted password for a from ::1 port 2 ssh2\n"
        (login,), records = read(line)
        assert (login.host, login.user, login.source, login.accepted, records) == ("st1", "a", "::1", True, 1)

    @pytest.mark.parametrize("stamp", ["Feb 30 10:00:00", "Xyz 10 06:00:00", "Dec 10 25:00:00", "2026-13-01T00:00:00Z",
                                       "2026-01-01T00:00:00+99:00", "0001-01-01T00:00:00Z"])  # fmt: skip
    def test_times_that_cannot_be_are_findings(self, stamp):
        assert told(logged("Failed password for a from 192.0.2.1 port 2 ssh2", stamp=stamp)) == ["impossible-time"]

    def test_many_bad_lines_are_summed_up(self):
        out = told(b"nothing of a log\n" * 1000)
        assert out == ["not-a-log-line"] * 21


class TestRealLogs:
    def test_failures_of_every_source_are_as_counted_by_hand(self, houfeng_data, real_log):
        out, records = read(real_log)
        failures, accepted = Counter(), Counter()
        for one in out:
            (accepted if one.accepted else failures)[one.source] += one.tries
        with (houfeng_data / "net_authlog_openssh_a/truth/sources.csv").open() as file:
            truth = list(csv.DictReader(file))
        wanted = {row["source"]: (int(row["failed_passwords"]), int(row["accepted"])) for row in truth}
        assert {source: (failures[source], accepted[source]) for source in wanted} == wanted
        assert (records, sum(failures.values()), set(failures) <= set(wanted)) == (2000, 528, True)

    def test_forged_lines_are_seen_through(self, houfeng_data):
        out, records = read((houfeng_data / "net_malformed_a/files/auth_forged_lines.log").read_bytes())
        logins = {one.seen.line: one for one in out if isinstance(one, Login)}
        findings = [one for one in out if isinstance(one, Finding)]
        assert {line: one.source for line, one in logins.items()} == {
            **dict.fromkeys((1, 2, 3, 4, 5), "203.0.113.9"), 8: "10.71.9.40",
        }  # fmt: skip
        assert [line for line, one in logins.items() if one.accepted] == [8]
        assert [(one.kind, one.reason[:6]) for one in findings] == [
            ("impossible-time", "line 6"), ("impossible-address", "line 7"),
        ]  # fmt: skip
        assert records == 6
        assert all(one.reason.isprintable() for one in findings)
