"""Who may read: the file, passwords, tokens, and what is not let through."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from houfeng.shell.seedlink.bans import BAN_NS, MOST_ADDRESSES, MOST_FAILURES, Bans
from houfeng.shell.seedlink.readers import (
    Permit,
    Readers,
    TokenRule,
    add_reader,
    hash_password,
    issue_token,
    load_readers,
)
from houfeng.words.errors import DataFault, WorldFault

NOW_NS = 1_800_000_000 * 10**9
HOUR_NS = 3_600 * 10**9


def written(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return path


def key_pair():
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, public


class TestPermit:
    @pytest.mark.parametrize(
        ("patterns", "allowed", "refused"),
        [
            ((), [], ["XX_AAA"]),
            (("*",), ["XX_AAA", "YY_B-1"], []),
            (("XX.*",), ["XX_AAA"], ["YY_AAA", "XXX_AAA"]),
            (("XX.A?A", "YY.B"), ["XX_AAA", "XX_ABA", "YY_B"], ["XX_AAAA", "YY_BB"]),
            (("XX.*", "!XX.SECR"), ["XX_AAA"], ["XX_SECR"]),
            (("!XX.SECR",), [], ["XX_SECR", "XX_AAA"]),
        ],
    )
    def test_patterns(self, patterns, allowed, refused):
        permit = Permit(patterns)
        assert all(permit.allows(station) for station in allowed)
        assert not any(permit.allows(station) for station in refused)

    def test_what_is_open_stays_open_to_those_who_log_in_and_the_other_way_round(self, tmp_path):
        path = written(
            tmp_path / "readers.toml",
            '[open]\nstations = ["XX.*", "!XX.SECR"]\n[readers.alice]\nstations = ["XX.SECR", "!XX.AAA"]\n',
        )
        readers = load_readers(path)
        assert [readers.permit_of("alice").allows(station) for station in ("XX_SECR", "XX_AAA", "YY_B")] == [1, 1, 0]
        assert [readers.permit_of("").allows(station) for station in ("XX_SECR", "XX_AAA", "YY_B")] == [0, 1, 0]
        assert readers.permit_of("nobody") == readers.permit_of("")

    def test_without_a_word_nothing_is_open(self):
        assert not Readers().permit_of("").allows("XX_AAA")
        assert Readers().logins == ()
        assert Readers.everything_open().permit_of("").allows("XX_AAA")


class TestPasswords:
    def test_the_right_one_and_no_other(self, tmp_path):
        path = tmp_path / "readers.toml"
        add_reader(path, "alice", ["XX.*"], "correct-horse")
        add_reader(path, "bob", ["YY.*"])
        readers = load_readers(path)
        assert readers.logins == ("USERPASS",)
        assert readers.check_password("alice", "correct-horse")
        assert not readers.check_password("alice", "correct-horsf")
        assert not readers.check_password("alice", "")
        assert not readers.check_password("bob", "")
        assert not readers.check_password("carol", "correct-horse")
        assert not readers.check_password("alice", "x" * 100_000)

    def test_it_stands_nowhere(self, tmp_path):
        path = tmp_path / "readers.toml"
        add_reader(path, "alice", ["XX.*"], "do-not-show-me")
        assert "do-not-show-me" not in path.read_text()
        assert path.stat().st_mode & 0o077 == 0
        assert "argon2" not in repr(load_readers(path))

    def test_adding_keeps_the_others(self, tmp_path):
        path = written(tmp_path / "readers.toml", '[open]\nstations = ["XX.*"]\n')
        add_reader(path, "alice", ["YY.*"], "one")
        add_reader(path, "bob", ["ZZ.*"], "two")
        add_reader(path, "alice", ["AA.*"], "three")
        readers = load_readers(path)
        assert set(readers.accounts) == {"alice", "bob"}
        assert readers.open == Permit(("XX.*",))
        assert readers.check_password("alice", "three")
        assert not readers.check_password("alice", "one")

    @pytest.mark.parametrize("password", ["", "two words", "tab\t", "é", "x" * 221])
    def test_what_a_command_cannot_say_is_no_password(self, password):
        with pytest.raises(DataFault):
            hash_password(password)

    @pytest.mark.parametrize(("name", "stations"), [("a b", ["*"]), ("", ["*"]), ("a", ["XX_*"]), ("a", ["[A].B"])])
    def test_what_is_no_reader_is_not_written(self, tmp_path, name, stations):
        path = tmp_path / "readers.toml"
        with pytest.raises(DataFault):
            add_reader(path, name, stations, "password")
        assert not path.exists()


class TestTokens:
    @pytest.mark.parametrize("algorithm", ["EdDSA", "HS256"])
    def test_one_is_believed_until_it_ends(self, tmp_path, algorithm):
        if algorithm == "EdDSA":
            signing, checking = key_pair()
        else:
            signing = checking = b"s" * 32
        (tmp_path / "key").write_bytes(checking)
        (tmp_path / "key").chmod(0o600)
        text = f'[tokens]\nalgorithm = "{algorithm}"\nkey_file = "key"\n[readers.alice]\nstations = ["*"]\n'
        readers = load_readers(written(tmp_path / "readers.toml", text))
        assert readers.logins == ("JWT",)
        token = issue_token("alice", NOW_NS + HOUR_NS, signing, algorithm)
        assert len(f"AUTH JWT {token}\r\n") <= 255
        assert readers.check_token(token, NOW_NS) == "alice"
        assert readers.check_token(token, NOW_NS + HOUR_NS) == ""
        assert readers.check_token(issue_token("carol", NOW_NS + HOUR_NS, signing, algorithm), NOW_NS) == ""
        other = key_pair()[0] if algorithm == "EdDSA" else b"t" * 32
        assert readers.check_token(issue_token("alice", NOW_NS + HOUR_NS, other, algorithm), NOW_NS) == ""

    def test_the_longest_name_that_fits(self):
        assert len(issue_token("n" * 48, NOW_NS, key_pair()[0], "EdDSA")) < 246
        with pytest.raises(DataFault, match="too long a name"):
            issue_token("n" * 100, NOW_NS, key_pair()[0], "EdDSA")

    def test_a_public_key_is_no_shared_secret(self):
        _, public = key_pair()
        readers = Readers(accounts={"alice": None}, tokens=TokenRule("EdDSA", public))
        header, payload = '{"alg":"HS256"}', f'{{"sub":"alice","exp":{NOW_NS // 10**9 + 9}}}'
        forged = jwt.api_jws.PyJWS(options={"verify_signature": False})
        # PyJWT itself refuses to make this forgery from a PEM key, so it is made by hand.
        token = _signed_by_hand(header, payload, public)
        assert forged.decode_complete(token)["payload"] == payload.encode()
        assert readers.check_token(token, NOW_NS) == ""
        unsigned = jwt.encode({"sub": "alice", "exp": NOW_NS // 10**9 + 9}, "", algorithm="none")
        assert readers.check_token(unsigned, NOW_NS) == ""

    @pytest.mark.parametrize(
        "claims",
        [
            {"sub": "alice"},
            {"exp": NOW_NS},
            {"sub": "alice", "exp": "soon"},
            {"sub": "alice", "exp": 1e400},
            {"sub": "alice", "exp": True},
            {"sub": 5, "exp": NOW_NS},
            {"sub": "alice", "exp": NOW_NS, "nbf": NOW_NS // 10**9 + 1},
        ],
    )
    def test_claims_that_are_not_enough(self, claims):
        readers = Readers(accounts={"alice": None}, tokens=TokenRule("HS256", b"s" * 32))
        payload = json.dumps(claims)
        assert readers.check_token(_signed_by_hand('{"alg":"HS256"}', payload, b"s" * 32), NOW_NS) == ""

    @given(st.text(max_size=100))
    def test_any_text_is_no_token(self, text):
        readers = Readers(accounts={"alice": None}, tokens=TokenRule("HS256", b"s" * 32))
        assert readers.check_token(text, NOW_NS) == ""


def _signed_by_hand(header, payload, secret):
    def packed(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    body = packed(header.encode()) + b"." + packed(payload.encode())
    return (body + b"." + packed(hmac.new(secret, body, hashlib.sha256).digest())).decode()


class TestFile:
    @pytest.mark.parametrize(
        "text",
        [
            "not toml",
            "[others]\n",
            'open = "*"\n',
            "[open]\nstations = [1]\n",
            '[open]\nstations = "*"\n',
            '[open]\nstations = ["XX_AAA"]\n',
            "[open]\nstation = []\n",
            "[readers]\nalice = 1\n",
            '[readers."a b"]\nstations = []\n',
            '[readers.alice]\npassword = "in plain text"\n',
            "[readers.alice]\npassword = 5\n",
            '[tokens]\nalgorithm = "RS256"\nkey_file = "key"\n',
            '[tokens]\nalgorithm = "HS256"\n',
            '[tokens]\nalgorithm = "HS256"\nkey_file = "short"\n',
            '[tokens]\nalgorithm = "EdDSA"\nkey_file = "short"\n',
        ],
    )
    def test_what_cannot_be_is_refused_without_showing_it(self, tmp_path, text):
        written(tmp_path / "short", "secret")
        with pytest.raises(DataFault) as fault:
            load_readers(written(tmp_path / "readers.toml", text))
        assert "in plain text" not in str(fault.value)
        assert "secret" not in fault.value.reason

    def test_a_file_others_may_open_is_refused(self, tmp_path):
        path = written(tmp_path / "readers.toml", "")
        path.chmod(0o644)
        with pytest.raises(WorldFault, match="others may open it"):
            load_readers(path)

    def test_a_missing_key_is_named(self, tmp_path):
        path = written(tmp_path / "readers.toml", '[tokens]\nalgorithm = "EdDSA"\nkey_file = "gone.pem"\n')
        with pytest.raises(WorldFault, match=r"gone\.pem: cannot be read"):
            load_readers(path)


class TestBans:
    def test_after_so_many_failures_one_waits(self):
        bans = Bans()
        for _ in range(MOST_FAILURES):
            assert not bans.banned("192.0.2.1", NOW_NS)
            bans.failed("192.0.2.1", NOW_NS)
        assert bans.banned("192.0.2.1", NOW_NS + BAN_NS - 1)
        assert not bans.banned("192.0.2.2", NOW_NS)
        assert not bans.banned("192.0.2.1", NOW_NS + BAN_NS)
        bans.failed("192.0.2.1", NOW_NS + BAN_NS)
        assert not bans.banned("192.0.2.1", NOW_NS + BAN_NS)

    def test_a_network_of_ipv6_is_one(self):
        bans = Bans()
        for k in range(MOST_FAILURES):
            bans.failed(f"2001:db8::{k}", NOW_NS)
        assert bans.banned("2001:db8::ffff", NOW_NS)
        assert not bans.banned("2001:db8:0:1::1", NOW_NS)
        for k in range(MOST_FAILURES):
            bans.failed(f"::ffff:192.0.2.{k}", NOW_NS)
        assert not bans.banned("::ffff:192.0.2.9", NOW_NS)

    def test_memory_is_bounded(self):
        bans = Bans()
        for k in range(3 * MOST_ADDRESSES):
            bans.failed(f"10.{k >> 16}.{k >> 8 & 255}.{k & 255}", NOW_NS)
        assert len(bans) == MOST_ADDRESSES


def test_the_server_runs_on_the_standard_library_alone():
    """As in the agent of a station, which has neither numpy nor accounts."""
    code = (
        "import sys\n"
        "for name in ('numpy', 'argon2', 'jwt', 'cryptography', 'pymseed', 'pydantic'): sys.modules[name] = None\n"
        "import houfeng.shell.seedlink.server, houfeng.shell.seedlink.readers\n"
        "assert houfeng.shell.seedlink.readers.Readers.everything_open().permit_of('').allows('XX_AAA')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
