"""Settings: what is read is what is written, what will not do is said with file, key and remedy, secrets never show."""

import copy
import tomllib
from pathlib import Path

import pytest
import tomli_w
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from houfeng.shell.settings.secrets import catalogue_url, secret_of
from houfeng.shell.settings.settings import LARGEST_FILE_BYTES, Settings, parse_settings, read_settings
from houfeng.shell.settings.stations import load_stations, read_domains
from houfeng.shell.settings.values import parse_address
from houfeng.words.errors import DataFault, HoufengError, WorldFault

SECRET = "hunter2-do-not-show-me"

FILE = Path("/centres/north/centre.toml")

SMALL = '[centre]\nname = "north"\n'

LARGE = """
[centre]
name = "north"
language = "zh"
[stations]
inventory = ["stations.xml", "more/*.xml", "/metadata/*.xml"]
model = "model.csv"
domains = "domains.csv"
[[feeds]]
name = "abroad"
kind = "seedlink"
address = "[2001:db8::1]:18500"
tls = true
ca = "ca.pem"
user = "centre"
password_file = "secret"
protocol = 4
stations = ["GE_WLF", "NL.*"]
selectors = ["HH?", "00HHZ.D"]
[[feeds]]
name = "ring"
kind = "datalink"
address = "ring.example.org:16000"
tls = true
token_env = "RING_TOKEN"
[[feeds]]
name = "recordings"
kind = "folder"
path = "recordings"
[[feeds]]
name = "mexico"
kind = "openeew"
path = "/data/openeew"
[[feeds]]
name = "gaps"
kind = "dataselect"
url = "https://example.org/fdsnws/dataselect/1/"
[journal]
folder = "journal"
keep_gb = 100
[archive]
folder = "/data/archive"
[catalogue]
url = "postgresql://houfeng@db.example.org/houfeng"
password_file = "secret"
[seedlink]
listen = "0.0.0.0:18000"
tls_listen = "[::]:18500"
beyond_loopback = true
certificate = "certificate.pem"
key = "keys/tls.pem"
readers = "readers.toml"
[keys]
folder = "keys"
[pace]
slice_s = 5
patience_s = 30.5
[picker]
name = "phasenet"
weights = "phasenet.onnx"
[health]
listen = ""
[log]
level = "debug"
form = "json"
"""

FULL = tomllib.loads(LARGE)


def read(text):
    return parse_settings(text.encode(), FILE)


def refusal(text):
    with pytest.raises(DataFault) as refused:
        read(text)
    return refused.value


# --- laws -------------------------------------------------------------------------------------------------------------

VALUES = st.one_of(
    st.none(),
    st.just(SECRET),
    st.just(f"postgresql://a:{SECRET}@b/c"),
    st.text(max_size=20),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.lists(st.just(SECRET), max_size=3),
    st.dictionaries(st.text(max_size=5), st.just(SECRET), max_size=3),
)


def places(document):
    """Every place in a document, as a way of keys and numbers."""
    if isinstance(document, dict | list):
        for key in document if isinstance(document, dict) else range(len(document)):
            yield (key,)
            yield from ((key, *rest) for rest in places(document[key]))


@given(place=st.sampled_from(list(places(FULL))), value=VALUES, key=st.sampled_from(["", "password", "extra", "name"]))
@settings(max_examples=400, deadline=None)
@example(place=("catalogue", "url"), value=f"postgresql://a:{SECRET}@b/c", key="")
@example(place=("feeds", 0, "password_file"), value=SECRET, key="password")
@example(place=("feeds", 1, "token_env"), value=f"{SECRET}!", key="")
def test_any_document_gives_settings_or_a_fault_that_names_the_file_and_shows_no_value(place, value, key):
    document = copy.deepcopy(FULL)
    within = document
    for step in place[:-1]:
        within = within[step]
    if value is None:
        del within[place[-1]]
    else:
        within[place[-1]] = value
    if key and isinstance(within, dict):
        within[key] = SECRET
    try:
        known = parse_settings(tomli_w.dumps(document).encode("utf-8", "replace"), FILE)
    except DataFault as refused:
        fault = refused
    else:
        assert isinstance(known, Settings)
        return
    assert fault.subject.startswith(str(FILE))
    assert fault.reason
    assert fault.remedy
    # A feed is called by its name.
    named = key == "name" or (place[0] == "feeds" and place[-1] == "name")
    assert named or SECRET not in str(fault)
    assert fault.__cause__ is None
    assert fault.__suppress_context__


@given(st.binary(max_size=200))
def test_any_bytes_give_settings_or_a_fault(content):
    with pytest.raises(DataFault):
        parse_settings(content, FILE)


@given(st.text(max_size=30))
def test_an_address_is_written_as_it_is_read(text):
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert parse_address(str(address)) == address


# --- what is read -----------------------------------------------------------------------------------------------------


def test_a_name_is_enough():
    known = read(SMALL)
    assert known.centre.name == "north"
    assert known.feeds == ()
    assert known.archive.folder == Path("/centres/north/archive")
    assert known.catalogue.url == "sqlite:////centres/north/catalogue.sqlite"
    assert str(known.seedlink.listen) == "127.0.0.1:18000"
    assert known.seedlink.tls_listen is None
    assert str(known.health.listen) == "127.0.0.1:8080"


def test_everything_is_read():
    known = read(LARGE)
    assert known.centre.language == "zh"
    assert known.stations.inventory == ("/centres/north/stations.xml", "/centres/north/more/*.xml", "/metadata/*.xml")
    abroad, ring, recordings, mexico, gaps = known.feeds
    assert (abroad.address.host, abroad.address.port) == ("2001:db8::1", 18500)
    assert abroad.protocol == 4
    assert abroad.stations == ("GE.WLF", "NL.*")
    assert abroad.selectors == ("HH?", "00HHZ.D")
    assert abroad.password_file == Path("/centres/north/secret")
    assert ring.token_env == "RING_TOKEN"
    assert recordings.path == Path("/centres/north/recordings")
    assert mexico.path == Path("/data/openeew")
    assert gaps.url == "https://example.org/fdsnws/dataselect/1"
    assert [feed.steady for feed in known.feeds] == [True, True, False, False, False]
    assert str(known.seedlink.tls_listen) == "[::]:18500"
    assert known.health.listen is None
    assert known.pace.slice_s == 5


def test_a_folder_whose_name_looks_like_a_pattern_is_not_one(tmp_path):
    folder = tmp_path / "centre [a]*"
    (folder / "more").mkdir(parents=True)
    (folder / "more/one.csv").write_text("network,station,latitude,longitude\nXX,ONE,1,2\n")
    (folder / "centre.toml").write_text(SMALL + '[stations]\ninventory = ["more/*.csv"]\n')
    stations = load_stations(read_settings(folder / "centre.toml").stations).stations
    assert [station.key for station in stations] == ["XX.ONE"]


def test_settings_cannot_be_changed():
    known = read(SMALL)
    with pytest.raises(ValueError, match="frozen"):
        known.pace.slice_s = 2.0


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("added", "key", "said"),
    [
        ("[pace]\nslice = 1", "pace.slice", "did you mean slice_s?"),
        ("[pace]\nslice_s = '1'", "pace.slice_s", "should be a number"),
        ("[pace]\nslice_s = nan", "pace.slice_s", "finite"),
        ("[pace]\nslice_s = 0", "pace.slice_s", "greater than or equal to 0.1"),
        ("[log]\nlevel = 'loud'", "log.level", "'debug', 'info', 'warning' or 'error'"),
        ("[stations]\ninventory = 'stations.xml'", "stations.inventory", "should be a list in [ ]"),
        ("[stations]\ninventory = [3]", "stations.inventory.0", "should be text in quotes"),
        ("[moon]", "moon", "known are centre, stations, feeds"),
        ("[[feeds]]\nname = 'a'\nkind = 'pigeon'", "feeds.a", "seedlink, datalink, folder, openeew, dataselect"),
        ("[[feeds]]\nname = 'a-1'\nkind = 'folder'", "feeds.a-1.path", "is missing"),
        ("[[feeds]]\nkind = 'folder'\npath = 'x'", "feeds.number 1.name", "is missing"),
        ("[[feeds]]\nname = '../a'\nkind = 'folder'\npath = 'x'", "feeds.number 1.name", "letters, digits"),
        ("[[feeds]]\nname = 'a'\nkind = 'folder'\npath = ''", "feeds.a.path", "is no path"),
        ("[[feeds]]\nname = 'a'\nkind = 'seedlink'\naddress = 'b'", "feeds.a.address", "host:port"),
        ("[[feeds]]\nname = 'a'\nkind = 'seedlink'\naddress = 'b:0'", "feeds.a.address", "host:port"),
        (
            "[[feeds]]\nname = 'a'\nkind = 'seedlink'\naddress = 'b:1'\nprotocol = 5",
            "feeds.a.protocol",
            "'auto', 3 or 4",
        ),
        (
            "[[feeds]]\nname = 'a'\nkind = 'seedlink'\naddress = 'b:1'\nstations = ['W']",
            "feeds.a.stations.0",
            "NET.STA",
        ),
        (
            "[[feeds]]\nname = 'a'\nkind = 'seedlink'\naddress = 'b:1'\nselectors = ['A B']",
            "feeds.a.selectors.0",
            "HH?",
        ),
        ("[[feeds]]\nname = 'a'\nkind = 'dataselect'\nurl = 'ftp://b/'", "feeds.a.url", "https://"),
        ("[picker]\nname = 'phasenet'", "picker", "never downloaded"),
        ("[catalogue]\nurl = 'mysql://a@b/c'", "catalogue.url", "postgresql://"),
    ],
)
def test_what_will_not_do_is_said_with_its_key_and_what_to_do(added, key, said):
    fault = refusal(SMALL + added)
    assert fault.subject == f"{FILE}: {key}"
    assert said in str(fault)


def test_two_feeds_of_one_name_are_refused():
    feed = "[[feeds]]\nname = 'a'\nkind = 'folder'\npath = 'x'\n"
    assert "two feeds are called a" in str(refusal(SMALL + feed + feed))


def test_all_that_is_wrong_is_told_at_once():
    fault = refusal("[centre]\nname = ''\n[pace]\nslice_s = 0\n[log]\nform = 'song'\n")
    assert fault.subject == f"{FILE}: centre.name"
    assert fault.remedy.endswith("then see to pace.slice_s, log.form")


def test_a_file_that_is_not_there_is_said_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(WorldFault, match="houfeng init"):
        read_settings(tmp_path / "centre.toml")


def test_a_file_of_any_size_is_not_read(tmp_path):
    large = tmp_path / "centre.toml"
    with large.open("wb") as file:
        file.truncate(LARGEST_FILE_BYTES + 1)
    with pytest.raises(DataFault, match="no settings file"):
        read_settings(large)


# --- nothing listens beyond this machine unless told to ---------------------------------------------------------------


@pytest.mark.parametrize("section", ["seedlink", "health"])
@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "example.org:1", "127.0.0.1.example.org:1"])
def test_an_address_others_can_reach_needs_to_be_meant(section, address):
    fault = refusal(f'{SMALL}[{section}]\nlisten = "{address}"\n')
    assert "beyond_loopback = true" in fault.remedy


@pytest.mark.parametrize("address", ["127.0.0.1:0", "127.9.9.9:1", "[::1]:1", "localhost:1"])
def test_this_machine_alone_needs_no_word(address):
    assert read(f'{SMALL}[health]\nlisten = "{address}"\n').health.listen.is_loopback


def test_a_server_for_everyone_names_its_readers():
    assert "readers" in refusal(SMALL + '[seedlink]\nlisten = "0.0.0.0:1"\nbeyond_loopback = true').remedy


def test_tls_needs_a_certificate():
    assert "certificate" in refusal(SMALL + '[seedlink]\ntls_listen = "127.0.0.1:1"').reason


# --- secrets ----------------------------------------------------------------------------------------------------------

PEER = "[[feeds]]\nname = 'a'\nkind = 'seedlink'\naddress = 'example.org:18000'\n"


@pytest.mark.parametrize(
    ("added", "said"),
    [
        (f"{PEER}password = '{SECRET}'", "use password_file or password_env"),
        (f"{PEER}token = '{SECRET}'", "use token_file or token_env"),
        (f"{PEER}password_env = '{SECRET}'", "the variable's name"),
        (f"[catalogue]\nurl = 'postgresql://a:{SECRET}@b/c'", "password_file"),
        (f"[catalogue]\nurl = 'postgresql://a@b/c?password={SECRET}'", "password_file"),
        (f"[[feeds]]\nname = 'a'\nkind = 'dataselect'\nurl = 'https://a:{SECRET}@b/'", "password_file"),
    ],
)
def test_a_secret_written_into_the_settings_is_refused_and_not_shown(added, said):
    fault = refusal(SMALL + added)
    assert said in str(fault)
    assert SECRET not in str(fault)


@pytest.mark.parametrize(
    ("login", "said"),
    [
        ("user = 'u'", "half a login"),
        ("password_file = 'p'", "half a login"),
        ("tls = true\nuser = 'u'\npassword_file = 'p'\npassword_env = 'P'", "two passwords"),
        ("tls = true\nuser = 'u'\npassword_file = 'p'\ntoken_file = 't'", "two logins"),
        ("tls = true\ntoken_env = 'T'\ntoken_file = 't'", "two logins"),
        ("user = 'u'\npassword_file = 'p'", "unencrypted"),
        ("token_file = 't'", "unencrypted"),
        ("ca = 'ca.pem'", "no tls"),
    ],
)
def test_a_login_is_whole_and_never_travels_in_the_open(login, said):
    assert said in refusal(SMALL + PEER + login).reason


def test_a_login_in_the_open_may_stay_on_this_machine():
    feed = PEER.replace("example.org", "127.0.0.1") + "user = 'u'\npassword_file = 'p'\n"
    assert read(SMALL + feed).feeds[0].user == "u"


def test_a_secret_is_read_from_a_private_file_or_a_variable_and_shows_nowhere(tmp_path):
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    file.chmod(0o600)
    for secret in (secret_of(file, None, environment={}), secret_of(None, "S", environment={"S": SECRET})):
        assert secret.get_secret_value() == SECRET
        assert SECRET not in f"{secret} {secret!r}"
    assert secret_of(None, None, environment={}) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o700 | 0o010])
def test_a_secret_others_can_read_is_refused(tmp_path, mode):
    file = tmp_path / "secret"
    file.write_text(SECRET)
    file.chmod(mode)
    with pytest.raises(WorldFault) as refused:
        secret_of(file, None, environment={})
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"one\ntwo\n", b"\xff\xfe", SECRET.encode() + b"\0", b"x" * 70_000])
def test_what_is_no_secret_is_refused_and_not_shown(tmp_path, content):
    file = tmp_path / "secret"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(HoufengError) as refused:
        secret_of(file, None, environment={})
    assert SECRET not in str(refused.value)


def test_a_variable_that_is_not_set_is_said_by_name():
    with pytest.raises(WorldFault, match=r"\$S: is not set"):
        secret_of(None, "S", environment={})


def test_a_password_joins_the_database_address_at_the_last_moment():
    known = read(SMALL + "[catalogue]\nurl = 'postgresql://a@b:5432/c?sslmode=require'\npassword_env = 'P'\n")
    url = catalogue_url(known.catalogue, environment={"P": "p@ss:/?#"})
    assert url == "postgresql://a:p%40ss%3A%2F%3F%23@b:5432/c?sslmode=require"
    assert "p@ss" not in repr(known)


def test_a_catalogue_in_a_file_has_its_place_beside_the_settings():
    for place in ("quakes.sqlite", "sqlite:///quakes.sqlite"):
        known = read(f"{SMALL}[catalogue]\nurl = '{place}'\n")
        assert catalogue_url(known.catalogue, environment={}) == "sqlite:////centres/north/quakes.sqlite"


# --- stations and domains ---------------------------------------------------------------------------------------------


def test_domains_join_the_stations_and_strangers_are_said(tmp_path):
    (tmp_path / "stations.csv").write_text("network,station,latitude,longitude\nXX,ONE,1,2\nXX,TWO,1,3\n")
    (tmp_path / "domains.csv").write_text("station,domain\nXX.ONE,gateway:G7\nXX.ONE,carrier:A\nXX.TEN,carrier:A\n")
    (tmp_path / "centre.toml").write_text(SMALL + '[stations]\ninventory = ["stations.csv"]\ndomains = "domains.csv"\n')
    read = load_stations(read_settings(tmp_path / "centre.toml").stations)
    assert {station.key: station.domains for station in read.stations} == {
        "XX.ONE": {"gateway:G7", "carrier:A"},
        "XX.TWO": frozenset(),
    }
    assert [(finding.kind, finding.station) for finding in read.findings] == [("domain-of-nobody", "XX.TEN")]


def test_the_network_may_have_a_column_of_its_own_as_the_twin_writes_it():
    table = b"network,station,domain\nXX,W00,carrier:C\n,YY.W01,gateway:W0\n"
    assert read_domains(table, Path("d")) == {"XX.W00": {"carrier:C"}, "YY.W01": {"gateway:W0"}}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (b"", "no columns"),
        (b"station\nXX.ONE\n", "no columns"),
        (b"station,domain\nXX.ONE\n", "line 2"),
        (b"station,domain\nXX.ONE,\n", "line 2"),
        (b"station,domain\nXX.TWO,a\nONE,a\n", "line 3"),
        (b"network,station,domain\nXX,XX.ONE,a\n", "line 2"),
        (b'station,domain\n"XX.ONE,a\n', "is no CSV"),
        (b"station,domain\n\xff,a\n", "is no CSV"),
    ],
)
def test_a_table_of_domains_that_is_none_is_refused_by_its_line(table, said):
    with pytest.raises(DataFault, match=said):
        read_domains(table, Path("domains.csv"))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=100))
def test_any_bytes_are_a_table_of_domains_or_a_fault(content):
    try:
        domains = read_domains(b"station,domain\n" + content, Path("domains.csv"))
    except DataFault:
        return
    assert all(key.count(".") == 1 and names for key, names in domains.items())
