"""Host reports as documents, signed and not: what is written is read again, and nothing else is."""

import contextlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from houfeng.wire.host_baseline import is_signed, read_baseline, sign_baseline
from houfeng.wire.host_report import read_host_report, write_host_report
from houfeng.words.errors import DataFault
from houfeng.words.host import HostDeleted, HostFile, HostKey, HostReport, HostSchedule, HostSocket
from houfeng.words.instant import LATEST_NS, parse_instant

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
#: What ISO 8601 times of words.instant say: years 1679 to 2261.
INSTANT = st.integers(parse_instant("1679-01-01"), LATEST_NS)
DIGEST = st.text("0123456789abcdef", min_size=64, max_size=64)


def some(what):
    return st.none() | st.lists(what, max_size=3).map(tuple)


PORT = st.integers(0, 65_535)
MODE = st.none() | st.integers(0, 0o7777)
SIZE = st.none() | st.integers(0, 1 << 62)
STATES = st.sampled_from(["listening", "established", "closing"])
REPORTS = st.builds(
    HostReport,
    station=TEXT,
    host=TEXT,
    time_ns=INSTANT,
    how=st.sampled_from(["agent", "ssh"]),
    clock_ns=st.none() | INSTANT,
    boot_ns=st.none() | INSTANT,
    files=some(st.builds(HostFile, TEXT, DIGEST | st.just(""), MODE, TEXT, SIZE)),
    keys=some(st.builds(HostKey, TEXT, TEXT, TEXT, TEXT)),
    schedules=some(st.builds(HostSchedule, TEXT, TEXT)),
    units=some(TEXT),
    modules=some(TEXT),
    sockets=some(st.builds(HostSocket, st.sampled_from(["tcp", "udp"]), STATES, TEXT, PORT, TEXT, PORT, TEXT)),
    routes=some(TEXT),
    resolvers=some(TEXT),
    firewall=st.none() | DIGEST,
    deleted=some(st.builds(HostDeleted, st.integers(0, 1 << 31), TEXT)),
    preload=some(TEXT),
    forwards=st.none() | st.booleans(),
)
REPORT = HostReport("XX.STA", "gw", 1_700_000_000_000_000_001, "ssh", units=("ssh.service",), preload=())


@given(REPORTS)
def test_what_is_written_is_read_again(report):
    assert read_host_report(write_host_report(report), "x") == report


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_nothing_worse(data):
    with pytest.raises(DataFault):
        read_host_report(data, "x")


@given(REPORTS, st.data())
def test_a_document_that_was_cut_is_refused(report, data):
    whole = write_host_report(report)
    with pytest.raises(DataFault):
        read_host_report(whole[: data.draw(st.integers(0, len(whole) - 2))], "x")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(list(json.loads(write_host_report(REPORT)))), JSON)
def test_a_field_of_another_kind_is_refused_or_means_what_it_says(key, value):
    told = json.loads(write_host_report(REPORT)) | {key: value}
    with contextlib.suppress(DataFault):
        report = read_host_report(json.dumps(told).encode(), "x")
        assert read_host_report(write_host_report(report), "x") == report


@pytest.mark.parametrize(
    "changed",
    [
        {"surprise": 1},
        {"time": None},
        {"files": [{"path": "/x"}]},
        {"files": [{"path": "/x", "sha256": "zz"}]},
        {"sockets": [{"protocol": "tcp", "state": "listening", "local": "*", "local_port": 70_000}]},
        {"units": ["\ud800"]},
        {"units": ["x" * 5000]},
        {"deleted": [{"pid": 10**400, "path": "/x"}]},
        {"format": "houfeng host report 2"},
    ],
)
def test_what_is_not_in_the_format_is_refused(changed):
    told = json.loads(write_host_report(REPORT)) | changed
    with pytest.raises(DataFault, match="no host report"):
        read_host_report(json.dumps({key: value for key, value in told.items() if value is not None}).encode(), "x")


def test_a_key_named_twice_is_refused():
    data = write_host_report(REPORT)
    with pytest.raises(DataFault, match="more than once"):
        read_host_report(data.replace(b'"units":', b'"units":[],"units":'), "x")


def test_deep_nesting_is_refused():
    with pytest.raises(DataFault):
        read_host_report(b"[" * 100_000, "x")


# --- signed baselines -------------------------------------------------------------------------------------------------

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
SIGNED = sign_baseline(REPORT, KEY)


def public(key):
    return key.public_key().public_bytes_raw()


def test_a_signed_baseline_is_read_by_who_trusts_the_key():
    assert is_signed(SIGNED)
    assert read_baseline(SIGNED, "x", [public(OTHER), public(KEY)]) == REPORT


def test_attack_a_baseline_signed_by_the_intruders_own_key_is_refused():
    with pytest.raises(DataFault, match="key that was not given"):
        read_baseline(sign_baseline(REPORT, OTHER), "x", [public(KEY)])


def test_attack_no_byte_of_a_baseline_can_be_changed():
    for at in range(len(SIGNED)):
        changed = SIGNED[:at] + bytes([SIGNED[at] ^ 1]) + SIGNED[at + 1 :]
        with pytest.raises(DataFault):
            read_baseline(changed, "x", [public(KEY)])


def test_attack_a_document_put_under_another_ones_signature_is_refused():
    head = SIGNED.partition(b"\n")[0]
    other = HostReport("XX.STA", "gw", REPORT.time_ns, "ssh", preload=("/lib/evil.so",))
    with pytest.raises(DataFault, match="changed after"):
        read_baseline(head + b"\n" + write_host_report(other), "x", [public(KEY)])


def test_attack_an_unsigned_report_is_no_baseline_where_a_key_is_asked_for():
    with pytest.raises(DataFault, match="no signed baseline"):
        read_baseline(write_host_report(REPORT), "x", [public(KEY)])


@given(st.integers(0, len(SIGNED) - 1))
def test_a_baseline_that_was_cut_is_refused(at):
    with pytest.raises(DataFault):
        read_baseline(SIGNED[:at], "x", [public(KEY)])
