"""Keys: made, kept for their owner, asked for, enrolled, rotated, revoked."""

import os
import stat
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.shell.keys import enrolled as keys_enrolled
from houfeng.shell.keys import keys
from houfeng.shell.keys.files import read_passphrase, read_private, read_secret, write_whole
from houfeng.shell.keys.requests import Request, read_request, write_request
from houfeng.words.assurance import EnrolledKey
from houfeng.words.errors import DataFault, WorldFault

NOW_NS = 1_790_000_000_000_000_000
DAY_NS = 86_400_000_000_000

PASSPHRASE = b"do-not-show-me"


def requested(folder, stations=("XX.S1",), place="sensor", name="identity", previous=None):
    """A request, through its file, and the key it names."""
    key = keys.make_identity(folder / f"{name}.pem")
    request = Request(stations, place, keys.public_of(key), keys.public_of(previous) if previous else None)
    write_request(folder / f"{name}.request.toml", request, key, previous)
    assert read_request(folder / f"{name}.request.toml") == request
    return request, key


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
@pytest.mark.parametrize(
    ("make", "read"), [(keys.make_identity, keys.read_identity), (keys.make_centre_key, keys.read_centre_key)]
)
def test_a_private_key_comes_back_from_a_file_for_its_owner_only(tmp_path, make, read, passphrase):
    path = tmp_path / "keys" / "key.pem"
    made = make(path, passphrase)
    assert keys.public_of(read(path, passphrase)) == keys.public_of(made)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().startswith(
        b"-----BEGIN ENCRYPTED PRIVATE KEY" if passphrase else b"-----BEGIN PRIVATE KEY"
    )
    assert [file.name for file in path.parent.iterdir()] == ["key.pem"]


def test_a_key_is_never_written_over(tmp_path):
    first = keys.make_identity(tmp_path / "key.pem")
    with pytest.raises(WorldFault, match="exists already"):
        keys.make_identity(tmp_path / "key.pem")
    assert keys.public_of(keys.read_identity(tmp_path / "key.pem")) == keys.public_of(first)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_key_that_others_may_open_is_refused(tmp_path, mode):
    keys.make_identity(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(mode)
    with pytest.raises(WorldFault, match="others may open it"):
        keys.read_identity(tmp_path / "key.pem")


def test_the_wrong_passphrase_or_kind_is_said_without_the_secret(tmp_path):
    keys.make_identity(tmp_path / "key.pem", PASSPHRASE)
    for wrong in (None, b"another"):
        with pytest.raises(DataFault) as told:
            keys.read_identity(tmp_path / "key.pem", wrong)
        assert "another" not in str(told.value)
    with pytest.raises(DataFault, match="X25519 is needed"):
        keys.read_centre_key(tmp_path / "key.pem", PASSPHRASE)
    keys.make_centre_key(tmp_path / "centre.pem")
    with pytest.raises(DataFault, match="Ed25519 is needed"):
        keys.read_identity(tmp_path / "centre.pem")
    with pytest.raises(DataFault, match="not locked"):
        keys.read_centre_key(tmp_path / "centre.pem", PASSPHRASE)


def test_a_passphrase_is_the_first_line_of_a_file_for_its_owner_only(tmp_path):
    path = tmp_path / "passphrase"
    write_whole(path, PASSPHRASE + b"\r\nmore\n", secret=True, replace=False)
    assert read_passphrase(path) == PASSPHRASE
    assert read_passphrase(None) is None
    write_whole(path, b"\n", secret=True, replace=True)
    with pytest.raises(DataFault, match="no passphrase"):
        read_passphrase(path)
    path.chmod(0o644)
    with pytest.raises(WorldFault, match="chmod 600"):
        read_passphrase(path)


def test_a_secret_is_a_plain_short_file(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(WorldFault, match="not a plain file"):
        read_secret(tmp_path / "pipe")
    write_whole(tmp_path / "long", bytes(1 << 17), secret=True, replace=False)
    with pytest.raises(WorldFault, match="too long"):
        read_secret(tmp_path / "long")
    with pytest.raises(WorldFault, match="cannot be read"):
        read_secret(tmp_path / "absent")


@given(content=st.binary(max_size=300))
def test_any_bytes_as_a_key_give_the_documented_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "key.pem"
    write_whole(path, content, secret=True, replace=False)
    with pytest.raises(DataFault):
        read_private(path)


def test_the_centres_public_key_comes_back_and_a_useless_one_is_refused(tmp_path):
    public = keys.public_of(keys.make_centre_key(tmp_path / "centre.pem"))
    keys.write_centre_public(tmp_path / "centre.pub", public)
    assert keys.read_centre_public(tmp_path / "centre.pub") == public
    keys.write_centre_public(tmp_path / "centre.pub", bytes(32))  # of low order: the session key would be all zeros
    with pytest.raises(DataFault, match="no public key that can be used"):
        keys.read_centre_public(tmp_path / "centre.pub")
    (tmp_path / "centre.pub").write_text("ed25519:" + "A" * 43 + "=\n")
    with pytest.raises(DataFault, match="x25519"):
        keys.read_centre_public(tmp_path / "centre.pub")


# --- requests ---------------------------------------------------------------------------------------------------------


def test_a_request_shows_that_its_writer_has_the_keys(tmp_path):
    request, _ = requested(tmp_path)
    path = tmp_path / "identity.request.toml"
    text = path.read_text()
    assert "PRIVATE" not in text
    for old, new in (("XX.S1", "XX.S2"), ('"sensor"', '"gateway"')):
        path.write_text(text.replace(old, new))
        with pytest.raises(DataFault, match="not signed by the key"):
            read_request(path)
    other, _ = requested(tmp_path, name="other")
    other_text = (tmp_path / "other.request.toml").read_text()
    public = [line for line in other_text.splitlines() if line.startswith("public")]
    path.write_text("\n".join(public + [line for line in text.splitlines() if not line.startswith("public")]))
    with pytest.raises(DataFault, match="not signed by the key"):
        read_request(path)
    assert other.public != request.public


def test_a_rotation_request_needs_both_signatures(tmp_path):
    _, old = requested(tmp_path, name="old")
    request, _ = requested(tmp_path, name="new", previous=old)
    assert request.previous == keys.public_of(old)
    path = tmp_path / "new.request.toml"
    text = path.read_text()
    path.write_text("\n".join(line for line in text.splitlines() if not line.startswith("previous_proof")))
    with pytest.raises(DataFault, match="not signed by every key"):
        read_request(path)
    path.write_text("\n".join(line for line in text.splitlines() if not line.startswith("previous")))
    with pytest.raises(DataFault, match="not signed by the key"):  # the new key signed for a rotation, not for this
        read_request(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "stations = []",
        'stations = ["XX.S1"]',
        'stations = ["../etc"]\nplace = "sensor"',
        'stations = ["XX.S1"]\nplace = ["sensor"]',
        'stations = ["XX.S1"]\nplace = "sensor"\npublic = "ed25519:short"',
        'stations = "XX.S1"',
        "stations = [1]",
        "\0",
    ],
)
def test_what_is_no_request_is_said(tmp_path, text):
    (tmp_path / "request.toml").write_text(text)
    with pytest.raises(DataFault):
        read_request(tmp_path / "request.toml")


# --- the centre's list ------------------------------------------------------------------------------------------------


def test_enrolled_stations_come_back_as_they_were(tmp_path):
    folder = tmp_path / "stations"
    first, _ = requested(tmp_path, ("XX.S1", "XX.S2"), "gateway")
    second, _ = requested(tmp_path, ("XX.S1",), name="second")
    keys_enrolled.enrol(folder, first, NOW_NS)
    keys_enrolled.enrol(folder, second, NOW_NS + DAY_NS)
    one, two = keys_enrolled.load(folder)
    assert (one.station_key, two.station_key) == ("XX.S1", "XX.S2")
    assert one.keys == (
        EnrolledKey(first.public, "gateway", NOW_NS),
        EnrolledKey(second.public, "sensor", NOW_NS + DAY_NS),
    )
    assert two.keys == one.keys[:1]
    assert keys.fingerprint(first.public) in (folder / "XX.S2.toml").read_text()


def test_a_key_is_not_enrolled_twice_nor_brought_back_once_revoked(tmp_path):
    request, _ = requested(tmp_path)
    keys_enrolled.enrol(tmp_path / "s", request, NOW_NS)
    with pytest.raises(DataFault, match="has this key already"):
        keys_enrolled.enrol(tmp_path / "s", request, NOW_NS)
    keys_enrolled.revoke(tmp_path / "s", request.public, NOW_NS + DAY_NS)
    with pytest.raises(DataFault, match="has this key already"):
        keys_enrolled.enrol(tmp_path / "s", request, NOW_NS)


def test_rotation_ends_the_old_key_after_an_overlap(tmp_path):
    first, old = requested(tmp_path, ("XX.S1", "XX.S2"))
    keys_enrolled.enrol(tmp_path / "s", first, NOW_NS)
    second, _ = requested(tmp_path, ("XX.S1", "XX.S2"), name="new", previous=old)
    rotated = keys_enrolled.rotate(tmp_path / "s", second, NOW_NS + DAY_NS, overlap_ns=DAY_NS)
    assert rotated == keys_enrolled.load(tmp_path / "s")
    for enrolled in rotated:
        assert enrolled.keys == (
            EnrolledKey(first.public, "sensor", NOW_NS, NOW_NS + 2 * DAY_NS),
            EnrolledKey(second.public, "sensor", NOW_NS + DAY_NS),
        )


def test_a_revoked_ended_or_unknown_key_cannot_hand_over(tmp_path):
    first, old = requested(tmp_path)
    second, newer = requested(tmp_path, name="new", previous=old)
    with pytest.raises(DataFault, match="not in force"):
        keys_enrolled.rotate(tmp_path / "s", second, NOW_NS, overlap_ns=0)
    keys_enrolled.enrol(tmp_path / "s", first, NOW_NS)
    with pytest.raises(DataFault, match="not in force"):
        keys_enrolled.rotate(tmp_path / "s", second, NOW_NS - 1, overlap_ns=0)
    keys_enrolled.rotate(tmp_path / "s", second, NOW_NS, overlap_ns=0)
    third, _ = requested(tmp_path, name="third", previous=old)
    with pytest.raises(DataFault, match="not in force"):
        keys_enrolled.rotate(tmp_path / "s", third, NOW_NS + 1, overlap_ns=0)
    keys_enrolled.revoke(tmp_path / "s", second.public, NOW_NS + 1)
    fourth, _ = requested(tmp_path, name="fourth", previous=newer)
    with pytest.raises(DataFault, match="not in force"):
        keys_enrolled.rotate(tmp_path / "s", fourth, NOW_NS + 1, overlap_ns=0)


def test_a_rotation_for_a_station_the_old_key_is_not_of_changes_nothing(tmp_path):
    first, old = requested(tmp_path, ("XX.S1",))
    keys_enrolled.enrol(tmp_path / "s", first, NOW_NS)
    before = keys_enrolled.load(tmp_path / "s")
    greedy, _ = requested(tmp_path, ("XX.S1", "XX.S2"), name="new", previous=old)
    with pytest.raises(DataFault, match="not in force"):
        keys_enrolled.rotate(tmp_path / "s", greedy, NOW_NS, overlap_ns=0)
    assert keys_enrolled.load(tmp_path / "s") == before


def test_revocation_reaches_every_station_of_the_key_and_no_other(tmp_path):
    first, _ = requested(tmp_path, ("XX.S1", "XX.S2"))
    second, _ = requested(tmp_path, ("XX.S2", "XX.S3"), name="second")
    keys_enrolled.enrol(tmp_path / "s", first, NOW_NS)
    keys_enrolled.enrol(tmp_path / "s", second, NOW_NS)
    concerned = keys_enrolled.revoke(tmp_path / "s", first.public, NOW_NS + DAY_NS)
    assert [enrolled.station_key for enrolled in concerned] == ["XX.S1", "XX.S2"]
    keys_enrolled.revoke(tmp_path / "s", first.public, NOW_NS + 2 * DAY_NS)
    told = {
        (enrolled.station_key, key.public): key.revoked_ns
        for enrolled in keys_enrolled.load(tmp_path / "s")
        for key in enrolled.keys
    }
    assert told == {
        ("XX.S1", first.public): NOW_NS + DAY_NS,
        ("XX.S2", first.public): NOW_NS + DAY_NS,
        ("XX.S2", second.public): None,
        ("XX.S3", second.public): None,
    }
    with pytest.raises(DataFault, match="of no station"):
        keys_enrolled.revoke(tmp_path / "s", bytes(32), NOW_NS)


@given(
    from_ns=st.integers(0, 4_000_000_000_000_000).map(lambda us: us * 1000),
    until_ns=st.none() | st.integers(0, 4_000_000_000_000_000).map(lambda us: us * 1000),
    revoked_ns=st.none() | st.integers(0, 4_000_000_000_000_000).map(lambda us: us * 1000),
    public=st.binary(min_size=32, max_size=32),
)
def test_a_key_written_is_the_key_read(tmp_path_factory, from_ns, until_ns, revoked_ns, public):
    folder = tmp_path_factory.mktemp("s")
    key = EnrolledKey(public, "gateway", from_ns, until_ns, revoked_ns)
    keys_enrolled.enrol(folder, Request(("XX.S1",), "gateway", public), from_ns)
    (enrolled,) = keys_enrolled.load(folder)
    keys_enrolled.write_enrolments(folder, [replace(enrolled, keys=(key,))])
    assert keys_enrolled.load(folder)[0].keys == (key,)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"XX.S1"', '"XX.S2"', "is about XX.S2"),
        ("place", "plaace", "no part of a key"),
        ('"sensor"', '"cellar"', "sensor or gateway"),
        ("ed25519:", "x25519:", "no public key"),
        ("from = ", "from = 7 #", "times with a zone"),
        ("[[keys]]", "keys = 3 #", "must be tables"),
        ("[[keys]]", "[[keys]]\nrevoked = true", "times with a zone"),
        ('"XX.S1"', '"../S1"', "names a station that is none"),
    ],
)
def test_an_enrolment_that_cannot_be_believed_is_said(tmp_path, old, new, reason):
    request, _ = requested(tmp_path)
    keys_enrolled.enrol(tmp_path / "s", request, NOW_NS)
    path = tmp_path / "s" / "XX.S1.toml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataFault, match=reason):
        keys_enrolled.load(tmp_path / "s")
