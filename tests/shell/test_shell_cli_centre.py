"""The commands around a centre: keys, readers, what was told."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from houfeng.shell.cli.main import app
from houfeng.shell.keys.texts import public_text
from houfeng.words.errors import DataFault, WorldFault

sys.path.insert(0, str(Path(__file__).parents[1]))
from signing_station import SigningStation, identity, public

KEY = public_text("ed25519", public(identity()))


def do(*words):
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def records(tmp_path):
    path = tmp_path / "hour.mseed"
    path.write_bytes(b"".join(SigningStation().minutes(120)))
    return path


def test_anybody_can_check_records_with_the_public_key_alone(records):
    said = do("keys", "verify", records, "--public", KEY).stdout
    assert "XX_AB1, signed by its sensor" in said
    assert "120 of 120 manifests and 360 of 360 records are proven" in said


def test_a_changed_byte_is_found(records):
    content = bytearray(records.read_bytes())
    content[len(content) // 2] ^= 1
    records.write_bytes(bytes(content))
    with pytest.raises(DataFault, match="not as they should be"):
        do("keys", "verify", records, "--public", KEY)


def test_another_key_proves_nothing(records):
    with pytest.raises(DataFault, match="not as they should be"):
        do("keys", "verify", records, "--public", public_text("ed25519", public(identity("other"))))


def test_what_is_no_key_is_refused(records):
    with pytest.raises(DataFault, match="no public key"):
        do("keys", "verify", records, "--public", "secret")


def test_a_centre_is_founded_without_a_question(tmp_path):
    said = do("init", tmp_path / "centre", "--name", "first", "--stations", "", "--feed", "").stdout
    assert "houfeng run" in said
    assert (tmp_path / "centre" / "centre.toml").exists()
    with pytest.raises(WorldFault, match="there already"):
        do("init", tmp_path / "centre", "--name", "again", "--stations", "", "--feed", "")


def test_a_centre_that_has_told_nothing_says_so(tmp_path):
    with pytest.raises(DataFault, match="told nothing"):
        do("told", tmp_path, "--picks", tmp_path / "picks.csv")


def test_a_reader_is_let_in_with_a_password_from_a_file(tmp_path):
    do("init", tmp_path / "centre", "--name", "first", "--stations", "", "--feed", "")
    secret = tmp_path / "password"
    secret.write_text("correct-horse\n")
    secret.chmod(0o600)
    said = do("reader", tmp_path / "centre", "alice", "--stations", "XX.*", "--password-file", secret).stdout
    assert "alice may read XX.*" in said
    kept = (tmp_path / "centre" / "readers.toml").read_text()
    assert "$argon2id$" in kept
    assert "correct-horse" not in kept + said


def test_keys_are_enrolled_by_fingerprint_listed_and_revoked(tmp_path):
    from houfeng.shell.keys.keys import fingerprint
    from houfeng.shell.keys.requests import Request, write_request

    do("init", tmp_path / "centre", "--name", "first", "--stations", "", "--feed", "")
    request = tmp_path / "request.toml"
    write_request(request, Request(("XX.AB1",), "sensor", public(identity())), identity(), None)
    with pytest.raises(DataFault, match="another key"):
        do("keys", "enrol", tmp_path / "centre", request, "--fingerprint", "0000")
    mark = fingerprint(public(identity()))
    assert "XX.AB1" in do("keys", "enrol", tmp_path / "centre", request, "--fingerprint", mark).stdout
    assert KEY in do("keys", "list", tmp_path / "centre").stdout
    do("keys", "revoke", tmp_path / "centre", mark)
    assert "revoked" in do("keys", "list", tmp_path / "centre").stdout


@pytest.mark.parametrize("role", [(), ("--role", "detect", "--shard", "1/2"), ("--role", "associate")])
@pytest.mark.parametrize("address", ["0.0.0.0:0", "192.0.2.1:8080", "example.org:8080", "8080", "127.0.0.1:x"])
def test_a_page_of_health_beyond_this_machine_is_for_the_settings_to_allow(tmp_path, address, role):
    do("init", tmp_path / "centre", "--name", "north", "--stations", "", "--feed", "")
    result = do("run", tmp_path / "centre", "--health", address, *role)
    assert result.exit_code == 2
    assert "--health" in result.output
