"""Files that settings name: known by table, and tried before anything rests on them."""

import pytest

from houfeng.shell.founding.founding import Answers, found
from houfeng.shell.settings.files import check_files, files_of
from houfeng.shell.settings.settings import read_settings
from houfeng.words.errors import HoufengError


@pytest.fixture
def centre(tmp_path):
    """The folder of a new centre whose readers are looked at."""
    found(tmp_path / "centre", Answers("north"), now_ns=0)
    return tmp_path / "centre"


def settings_with(centre, added="", **files):
    for name, content in files.items():
        (centre / name).write_text(content)
        (centre / name).chmod(0o600)
    path = centre / "centre.toml"
    path.write_text(path.read_text().replace("# readers =", "readers =") + added)
    return read_settings(path)


LOGIN = """
[[feeds]]
name = "a"
kind = "seedlink"
address = "127.0.0.1:1"
user = "u"
password_file = "secret"
"""


def test_a_new_centre_names_what_is_there_and_will_do(centre):
    known = settings_with(centre)
    check_files(known, environment={})
    named = {part: [path.name for path in files] for part, files in files_of(known).items() if files}
    assert named == {"seedlink": ["certificate.pem", "tls.pem", "readers.toml"]}


@pytest.mark.parametrize(
    ("added", "files", "said"),
    [
        (LOGIN, {}, "secret"),
        (LOGIN, {"secret": ""}, "is empty"),
        (LOGIN.replace("password_file", "password_env"), {}, r"\$secret"),
        ('[stations]\nmodel = "model.csv"\n', {"model.csv": "colour\nred\n"}, "model.csv"),
        (LOGIN + 'tls = true\nca = "ca.pem"\n', {"secret": "s", "ca.pem": "no"}, "ca.pem"),
        ('[picker]\nname = "phasenet"\nweights = "weights"\n', {}, "weights"),
        ('\n[warn]\npolicy = "policy.toml"\n', {"policy.toml": "most = -1\n"}, "policy.toml: most"),
        ("", {"readers.toml": "[readers"}, "readers.toml"),
        ("", {"certificate.pem": "no"}, "cannot be used for TLS"),
    ],
)
def test_what_will_not_do_is_said_by_its_file(centre, added, files, said):
    if added.startswith("[stations]"):
        text = (centre / "centre.toml").read_text()
        (centre / "centre.toml").write_text(text.replace("# model =", "model ="))
        added = ""
    known = settings_with(centre, added, **files)
    with pytest.raises(HoufengError, match=said):
        check_files(known, environment={})


def test_a_key_of_another_certificate_is_refused(centre, tmp_path):
    found(tmp_path / "other", Answers("other"), now_ns=0)
    (tmp_path / "other/keys/tls.pem").replace(centre / "keys/tls.pem")
    with pytest.raises(HoufengError, match="give a certificate and its own key"):
        check_files(settings_with(centre), environment={})


def test_a_key_that_others_can_read_is_refused(centre):
    (centre / "keys/tls.pem").chmod(0o644)
    with pytest.raises(HoufengError, match=r"tls\.pem"):
        check_files(settings_with(centre), environment={})
