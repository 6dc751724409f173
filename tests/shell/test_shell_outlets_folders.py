"""Folders of CAP and QuakeML: whole files, signed, that refer to each other, under names that are safe."""

import asyncio
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from made_alert import DECLARED_NS, FIRST, certified, news, version

from houfeng.serve.alerts.cap import Issuer, reference_of
from houfeng.serve.alerts.signature import verify_cap
from houfeng.shell.outlets.cap import cap_folder, load_signer, quakeml_folder
from houfeng.shell.outlets.outlet import issue_of
from houfeng.words.errors import DataFault, WorldFault

ISSUER = Issuer("warning@centre.example", "The Centre")


def written(folder, key=None, name="centre"):
    """The paths of a certificate and a key in files."""
    own, certificate = certified(name)
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes((key or own).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    paths[1].chmod(0o600)
    return paths


def give(outlet, *alerts):
    async def steps():
        await outlet.open(())
        for alert in alerts:
            await outlet.give(issue_of(news(alert)))
        await outlet.close()

    asyncio.run(steps())


def cap(folder, certificate, key):
    return cap_folder(folder, ISSUER, "public", certificate=certificate, key=key)


def test_each_version_is_a_signed_message_that_refers_to_those_before_it(tmp_path):
    certificate, key = written(tmp_path)
    folder = tmp_path / "cap"
    alerts = [FIRST, *(version(number) for number in range(2, 12)), version(12, "cancel")]
    give(cap(folder, certificate, key), *alerts[:5])
    give(cap(folder, certificate, key), *alerts[5:])  # after a restart
    names = [f"20260512T062801-1.{number}.xml" for number in range(1, 13)]
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    _, trusted = load_signer(certificate, key)
    references = []
    for name in names:
        message = (folder / name).read_bytes()
        root = etree.fromstring(verify_cap(message, [trusted], at_ns=DECLARED_NS))
        assert (root.findtext("{*}references") or "") == " ".join(references)
        references.append(reference_of(message))
    assert root.findtext("{*}msgType") == "Cancel"


def test_a_version_that_is_there_is_not_written_again(tmp_path):
    folder = tmp_path / "cap"
    outlet = cap(folder, *written(tmp_path))
    give(outlet, FIRST)
    (path,) = folder.iterdir()
    before = path.read_bytes()
    give(cap(folder, *written(tmp_path, name="other")), FIRST)
    assert path.read_bytes() == before


def test_what_a_crash_left_beside_is_taken_away_and_nothing_else(tmp_path):
    folder = tmp_path / "quakeml"
    folder.mkdir()
    for name in (".a.1.xml.0123456789abcdef", "mine.xml", ".hidden", "notes.txt"):
        (folder / name).write_text("")
    give(quakeml_folder(folder, "The Centre"), FIRST)
    assert {path.name for path in folder.iterdir()} == {
        "mine.xml",
        ".hidden",
        "notes.txt",
        "20260512T062801-1.1.xml",
    }


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "..", "a/b", "a\x00b", "a.1", "~", "地震"])
def test_no_alert_gets_out_of_the_folder_nor_takes_the_file_of_another(tmp_path, name):
    folder = tmp_path / "deep" / "quakeml"
    alerts = [replace(FIRST, alert_id=name), replace(FIRST, alert_id="a"), replace(version(2), alert_id=name)]
    give(quakeml_folder(folder, "The Centre"), *alerts)
    assert len(list(folder.iterdir())) == 3
    assert {path.name for path in tmp_path.rglob("*")} == {
        "deep",
        "quakeml",
        *(path.name for path in folder.iterdir()),
    }


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WorldFault):
        give(quakeml_folder(tmp_path / "file" / "x", "The Centre"), FIRST)


@pytest.mark.parametrize("damage", [b"", b"<nothing/>", b"\x00\xff"])
def test_a_damaged_earlier_message_keeps_nobody_from_being_warned(tmp_path, damage):
    folder = tmp_path / "cap"
    certificate, key = written(tmp_path)
    give(cap(folder, certificate, key), FIRST, version(2))
    first = folder / "20260512T062801-1.1.xml"
    second = (folder / "20260512T062801-1.2.xml").read_bytes()
    first.write_bytes(damage)
    give(cap(folder, certificate, key), version(3))
    root = etree.fromstring((folder / "20260512T062801-1.3.xml").read_bytes())
    assert root.findtext("{*}references") == reference_of(second)
    assert root.findtext("{*}msgType") == "Update"


# What may sign.


def test_a_key_of_another_kind_is_refused(tmp_path):
    for key in (ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP384R1())):
        with pytest.raises(DataFault, match="P-256"):
            load_signer(*written(tmp_path, key))


def test_the_certificate_of_another_key_is_refused(tmp_path):
    certificate, _ = written(tmp_path)
    _, key = written(tmp_path, name="other")
    with pytest.raises(DataFault, match="not of the key"):
        load_signer(certificate, key)


def test_a_key_that_others_may_read_is_refused(tmp_path):
    certificate, key = written(tmp_path)
    key.chmod(0o644)
    with pytest.raises(WorldFault, match="others may open it"):
        load_signer(certificate, key)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\n"])
def test_files_that_hold_neither_are_refused(tmp_path, which, content):
    paths = written(tmp_path)
    paths[which].write_bytes(content)
    with pytest.raises(DataFault):
        load_signer(*paths)


def test_files_that_are_not_there_are_said(tmp_path):
    certificate, key = written(tmp_path)
    with pytest.raises(WorldFault):
        load_signer(tmp_path / "none", key)
    with pytest.raises(WorldFault):
        load_signer(certificate, tmp_path / "none")
