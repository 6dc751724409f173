"""What an agent is told, by whom it is read, and the clock it has."""

import io
import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from houfeng.shell.agent import clock, packing
from houfeng.shell.agent.__main__ import main
from houfeng.shell.agent.acknowledged import Acknowledged
from houfeng.shell.agent.clock import UNKNOWN, ClockReading
from houfeng.shell.agent.digitiser import Digitiser, Wanted
from houfeng.shell.agent.settings import read_settings
from houfeng.shell.agent.station import read_signer
from houfeng.shell.agent.tables import Address
from houfeng.shell.agent.visitors import Visitors
from houfeng.shell.agent.voice import Voice
from houfeng.shell.keys import keys
from houfeng.shell.keys.files import write_whole
from houfeng.shell.keys.requests import read_request
from houfeng.shell.seedlink.readers import add_reader, hash_password, issue_token
from houfeng.wire.seedlink.notes import Subscribed
from houfeng.words.errors import WorldFault

SMALL = """
stations = ["XX.S1"]

[digitiser]
address = "127.0.0.1:18000"

[keys]
centre = "centre.pub"

[serve]
listen = "127.0.0.1:18001"
"""
FULL = """
stations = ["XX.S1", "XX.S2"]
folder = "/var/lib/agent"
keep_mib = 512

[files]
folder = "records"

[keys]
identity = "keys/identity.pem"
previous = "keys/previous.pem"
passphrase_file = "keys/passphrase"
centre = "centre.pub"
place = "sensor"

[clock]
source = "chrony"

[serve]
tls_listen = "[::]:18500"
beyond_loopback = true
certificate = "tls.pem"
key = "tls.key"
readers = "readers.toml"
centre = "centre"
"""
NOW_NS = 1_790_000_000_000_000_000


def settled(folder, text):
    (folder / "agent.toml").write_text(text)
    return read_settings(folder / "agent.toml")


# --- settings ---------------------------------------------------------------------------------------------------------


def test_little_must_be_said(tmp_path):
    told = settled(tmp_path, SMALL)
    assert told.digitiser == Digitiser("digitiser 127.0.0.1:18000", "127.0.0.1", 18000, (Wanted("XX.S1"),))
    assert (told.files, told.folder, told.clock) == (None, tmp_path / "state", "kernel")
    assert told.keys.identity == tmp_path / "identity.pem"
    assert told.keys.place == "gateway"
    assert told.serve.listen == Address("127.0.0.1", 18001)
    assert told.serve.tls_listen is None


def test_everything_can_be_said_and_paths_lie_beside_the_file(tmp_path):
    told = settled(tmp_path, FULL)
    assert told.files == tmp_path / "records"
    assert str(told.folder) == "/var/lib/agent"
    assert told.keys.passphrase == tmp_path / "keys" / "passphrase"
    assert told.serve.tls_listen == Address("::", 18500)
    assert (told.serve.readers, told.serve.centre) == (tmp_path / "readers.toml", "centre")
    assert (told.keep_bytes, told.clock, told.keys.place) == (512 << 20, "chrony", "sensor")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('stations = ["XX.S1", "XX.S2"]', "", "stations"),
        ('"XX.S2"', '"XX.S1"', "stations"),
        ('"XX.S2"', '"xx/../s2"', "stations"),
        ('"XX.S2"', "3", "stations"),
        ("keep_mib = 512", "keep_mib = 1", "keep_mib"),
        ("keep_mib = 512", 'keep_mib = "512"', "keep_mib"),
        ("keep_mib = 512", "keep_mib = true", "keep_mib"),
        ("keep_mib = 512", "keep_mb = 512", "keep_mb"),
        ('[files]\nfolder = "records"', "", "digitiser"),
        ("[files]", '[digitiser]\naddress = "127.0.0.1:18000"\n[files]', "digitiser"),
        ('[files]\nfolder = "records"', '[digitiser]\naddress = "nowhere"', "digitiser.address"),
        ('[files]\nfolder = "records"', '[digitiser]\naddress = "a:1"\nselect = ["; rm"]', "digitiser.select"),
        ('centre = "centre.pub"', "", "keys.centre"),
        ('centre = "centre.pub"', 'centre = ""', "keys.centre"),
        ('place = "sensor"', 'place = "cellar"', "keys.place"),
        ('"chrony"', '"sundial"', "clock.source"),
        ("beyond_loopback = true", "", "serve.tls_listen"),
        ('readers = "readers.toml"\ncentre = "centre"', "", "serve.tls_listen"),
        ('readers = "readers.toml"\n', "", "serve.tls_listen"),
        ('centre = "centre"', "", "serve.centre"),
        ('certificate = "tls.pem"', "", "serve.tls_listen"),
        ('tls_listen = "[::]:18500"', "", "serve.listen"),
        ('tls_listen = "[::]:18500"', 'listen = "0.0.0.0:18000"', "serve.listen"),
        ('key = "tls.key"', 'key = "tls.key"\nport = 3', "serve.port"),
        ("[serve]", "serve = 3\n[other]", "other"),
    ],
)
def test_what_is_wrong_is_said_with_its_key(tmp_path, old, new, key):
    assert old in FULL
    with pytest.raises(WorldFault) as told:
        settled(tmp_path, FULL.replace(old, new))
    assert told.value.subject in {f"{tmp_path / 'agent.toml'}: {key}", f"{tmp_path / 'agent.toml'}: clock.serve"}


@pytest.mark.parametrize(("content", "reason"), [(b"= 3", "no TOML"), (b"\xff", "no TOML"), (b"#" * (1 << 21), "long")])
def test_what_is_no_settings_file_is_said(tmp_path, content, reason):
    (tmp_path / "agent.toml").write_bytes(content)
    with pytest.raises(WorldFault, match=reason):
        read_settings(tmp_path / "agent.toml")
    with pytest.raises(WorldFault, match="cannot be read"):
        read_settings(tmp_path / "absent.toml")


def test_the_settings_shown_are_settings(tmp_path):
    page = (Path(__file__).resolve().parents[2] / "docs/how-to/agent.md").read_text()
    (shown,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    told = settled(tmp_path, shown)
    assert told.digitiser is not None
    assert told.serve.centre == "centre"
    settled(tmp_path, re.sub(r"\[digitiser\].*?\n\n", '[files]\nfolder = "x"\n\n', shown, flags=re.DOTALL))


# --- keys by the command line -----------------------------------------------------------------------------------------


@pytest.fixture
def station(tmp_path):
    keys.write_centre_public(tmp_path / "centre.pub", keys.public_of(keys.make_centre_key(tmp_path / "centre.pem")))
    (tmp_path / "agent.toml").write_text(SMALL.replace("[keys]", '[keys]\nprevious = "previous.pem"'))
    return tmp_path


def run(station, *options):
    return main(["--settings", str(station / "agent.toml"), *options])


def test_keys_are_made_rotated_and_checked(station, capsys):
    assert run(station, "--check") == 4
    assert run(station, "--make-keys") == 0
    assert run(station, "--make-keys") == 4
    assert "exists already" in capsys.readouterr().err
    first = read_request(station / "request.toml")
    assert run(station, "--check") == 0
    assert keys.fingerprint(first.public) in capsys.readouterr().err
    assert run(station, "--rotate-keys") == 0
    second = read_request(station / "request.toml")
    assert second.previous == first.public
    signer = read_signer(read_settings(station / "agent.toml").keys)
    assert keys.public_of(signer.identity) == second.public
    assert keys.public_of(signer.replaced) == first.public
    for name in ("identity.pem", "previous.pem"):
        assert stat.S_IMODE((station / name).stat().st_mode) == 0o600
    assert sorted(path.name for path in station.iterdir()) == [
        "agent.toml", "centre.pem", "centre.pub", "identity.pem", "previous.pem", "request.toml",
    ]  # fmt: skip


def test_a_rotation_cut_short_changes_nothing_and_can_be_done_again(station):
    assert run(station, "--make-keys") == 0
    first = read_request(station / "request.toml").public
    (station / "previous.pem").hardlink_to(station / "identity.pem")
    keys.make_identity(station / "identity.pem.new")
    signer = read_signer(read_settings(station / "agent.toml").keys)
    assert keys.public_of(signer.identity) == first
    assert signer.replaced is None
    assert run(station, "--rotate-keys") == 0
    assert read_request(station / "request.toml").previous == first


def test_a_key_that_others_may_open_is_refused_before_anything_runs(station, capsys):
    assert run(station, "--make-keys") == 0
    (station / "identity.pem").chmod(0o640)
    assert run(station) == 4
    assert "chmod 600" in capsys.readouterr().err
    assert not (station / "state").exists()


# --- who may read -----------------------------------------------------------------------------------------------------

PASSWORD, TOKEN_SECRET = "open-sesame", b"0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def visitors(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readers")
    add_reader(folder / "readers.toml", "centre", ["*"], PASSWORD)
    add_reader(folder / "readers.toml", "token-only", ["XX.*"])
    return Visitors.load(folder / "readers.toml")


def test_passwords_made_with_argon2_are_checked_without_it(visitors):
    assert visitors.logins == ("USERPASS",)
    assert visitors.check_password("centre", PASSWORD)
    for name, password in (("centre", "wrong"), ("nobody", PASSWORD), ("token-only", PASSWORD), ("token-only", "")):
        assert not visitors.check_password(name, password)
    assert not visitors.check_password("centre", "x" * 300)
    assert visitors.permit_of("token-only").allows("XX_S1")


@pytest.mark.parametrize(
    "phc",
    [
        "$argon2id$v=19$m=4294967295,t=3,p=4$c2FsdHNhbHQ$aGFzaA",
        "$argon2id$v=19$m=65536,t=3$c2FsdHNhbHQ$aGFzaA",
        "$argon2id$v=19$m=65536,t=3,p=4$!$!",
        "$argon2i$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaA",
        "$argon2id$v=19$m=8,t=1,p=4,$c2FsdHNhbHQ$aGFzaA",
        "$argon2",
    ],
)
def test_a_hash_that_cannot_be_checked_lets_nobody_in(tmp_path, phc):
    write_whole(
        tmp_path / "r", f'[readers.centre]\nstations = ["*"]\npassword = "{phc}"\n'.encode(), secret=True, replace=False
    )
    assert not Visitors.load(tmp_path / "r").check_password("centre", PASSWORD)


def rule(folder, algorithm):
    """Visitors that believe tokens of a key, and the key that makes them."""
    if algorithm == "HS256":
        key = TOKEN_SECRET
        write_whole(folder / "token", key, secret=True, replace=True)
    else:
        private = Ed25519PrivateKey.generate()
        pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        key = private.private_bytes(*pem)
        public = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (folder / "token").write_bytes(public)
    text = f'[tokens]\nalgorithm = "{algorithm}"\nkey_file = "token"\n[readers.centre]\nstations = ["*"]\n'
    write_whole(folder / "readers.toml", text.encode(), secret=True, replace=True)
    return Visitors.load(folder / "readers.toml"), key


@pytest.mark.parametrize("algorithm", ["HS256", "EdDSA"])
def test_tokens_of_pyjwt_are_checked_without_it(tmp_path, algorithm):
    visitors, key = rule(tmp_path, algorithm)
    second_ns = 1_000_000_000
    token = issue_token("centre", NOW_NS, key, algorithm)
    assert visitors.check_token(token, NOW_NS - second_ns) == "centre"
    assert visitors.check_token(token, NOW_NS) == ""
    assert visitors.check_token(issue_token("nobody", NOW_NS, key, algorithm), 0) == ""
    head, body, proof = token.split(".")
    for bad in (
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}..{proof}",
        f"{head}.{body[:-2]}.{proof}",
        "",
        "..",
        "é.é.é",
    ):
        assert visitors.check_token(bad, 0) == ""
    times = {"sub": "centre", "exp": NOW_NS // second_ns, "nbf": NOW_NS // second_ns - 10}
    early = jwt.encode(times, key, algorithm=algorithm)
    assert visitors.check_token(early, NOW_NS - 20 * second_ns) == ""
    assert visitors.check_token(early, NOW_NS - 5 * second_ns) == "centre"
    for claims in ({"sub": "centre"}, {"sub": "centre", "exp": "x"}, {"sub": 3, "exp": 1 << 40}, {"exp": 1 << 40}, []):
        odd = jwt.api_jws.encode(json.dumps(claims).encode(), key, algorithm=algorithm)
        assert visitors.check_token(odd, 0) == ""


def test_a_token_cannot_choose_its_algorithm(tmp_path):
    visitors, _ = rule(tmp_path, "EdDSA")
    public = (tmp_path / "token").read_bytes()
    claims = {"sub": "centre", "exp": 1 << 40}
    unsigned = jwt.encode(claims, None, algorithm="none")
    assert visitors.check_token(unsigned, 0) == ""
    # The public key as if it were a shared secret: the classic confusion. PyJWT will not make it, so by hand.
    import base64
    import hmac

    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "HS256"}, claims)
    )
    proof = base64.urlsafe_b64encode(hmac.digest(public, head + b"." + body, "sha256")).rstrip(b"=")
    assert visitors.check_token(b".".join((head, body, proof)).decode(), 0) == ""


@given(token=st.text(max_size=100))
def test_any_text_as_a_token_is_refused(visitors, token):
    assert visitors.check_token(token, 0) == ""


def test_hashes_of_the_house_are_such_as_can_be_checked():
    assert hash_password("x").startswith("$argon2id$v=19$m=65536,t=3,p=4$")


# --- acknowledged -----------------------------------------------------------------------------------------------------


def note(station, begin, *, reader="centre", protocol=4, start_ns=None):
    return Subscribed(0, 1, "127.0.0.1", reader, "", protocol, False, station, (), begin, start_ns, None)


def test_only_the_centres_resumption_of_every_station_acknowledges():
    acknowledged = Acknowledged(("XX.S1", "XX.S2"), "centre")
    acknowledged.handle(note("XX_S1", "100"))
    assert acknowledged.upto == 0
    acknowledged.handle(note("XX_S2", "90"))
    assert acknowledged.upto == 90
    for other in (
        note("*", "500", reader="engineer"),
        note("*", "500", reader=""),
        note("*", "500", protocol=3),
        note("*", "next"),
        note("*", "all"),
        note("*", "500", start_ns=3),
        note("YY_*", "500"),
    ):
        acknowledged.handle(other)
    assert acknowledged.upto == 90
    acknowledged.handle(note("XX_*", "95"))
    assert acknowledged.upto == 95
    acknowledged.handle(note("XX_*", "3"))
    assert acknowledged.upto == 95


# --- clock, voice, package --------------------------------------------------------------------------------------------


def test_chrony_is_read_as_it_writes():
    text = "A9FEA97B,192.0.2.1,4,1790000000.1,-0.000001000,0.0,0.0,-11.2,0.0,0.02,0.000300000,0.000450000,16.2,{}\n"
    assert clock.reading_of_tracking(text.format("Normal")) == ClockReading(True, 601_000)
    assert clock.reading_of_tracking(text.format("Not synchronised")) == ClockReading(False, None)


@given(text=st.text(max_size=200))
def test_anything_else_of_chrony_is_unknown(text):
    assert clock.reading_of_tracking(text) == UNKNOWN


def test_every_source_of_the_clock_answers_on_this_machine():
    for source in clock.SOURCES.values():
        assert isinstance(source(), ClockReading)
    assert clock.nobody() == UNKNOWN


def test_a_trouble_is_said_once_until_it_is_over():
    out = io.StringIO()
    voice = Voice(out)
    for _ in range(3):
        voice.trouble("disk", "full")
    voice.trouble("disk", "fuller")
    voice.well("disk")
    voice.well("disk")
    voice.trouble("disk", "full\nand a second line")
    said = [line.split(" ", 1)[1] for line in out.getvalue().splitlines()]
    assert said == ["disk: full", "disk: fuller", "disk: well again", "disk: full and a second line"]


def test_the_package_holds_what_is_imported_and_is_the_same_each_time(tmp_path):
    packing.write_pyz(tmp_path / "a.pyz")
    packing.write_pyz(tmp_path / "b.pyz")
    assert (tmp_path / "a.pyz").read_bytes() == (tmp_path / "b.pyz").read_bytes()
    loaded = (
        "import sys; import houfeng.shell.agent.__main__; print(*(m for m in sys.modules if m.startswith('houfeng')))"
    )
    told = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()
    packed = set(packing.modules())
    assert set(told) <= packed
    # Beyond those loaded at once only what is imported within functions.
    assert len(packed - set(told)) <= 4
    helped = subprocess.run([sys.executable, tmp_path / "a.pyz", "--help"], capture_output=True, text=True, check=True)
    assert "--rotate-keys" in helped.stdout
