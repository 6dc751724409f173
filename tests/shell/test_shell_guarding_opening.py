"""Files of eyes, packed or not: every byte once, never more than the bound, and a clear word about what is torn."""

import bz2
import gzip
import lzma

import pytest

from houfeng.shell.guarding import opening
from houfeng.shell.guarding.opening import pieces
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.finding import Finding

TEXT = b"".join(b"%d\tline of a log\n" % k for k in range(100_000))
PACKINGS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


def read(path):
    got = list(pieces(path))
    return b"".join(piece for piece in got if isinstance(piece, bytes)), [x for x in got if isinstance(x, Finding)]


@pytest.mark.parametrize("name", ["plain", *PACKINGS])
def test_every_byte_comes_once(tmp_path, name):
    path = tmp_path / f"log.{name}"
    path.write_bytes(PACKINGS.get(name, bytes)(TEXT))
    assert read(path) == (TEXT, [])


@pytest.mark.parametrize("name", PACKINGS)
def test_what_was_packed_apart_and_joined_is_read_to_its_end(tmp_path, name):
    path = tmp_path / "log"
    path.write_bytes(PACKINGS[name](TEXT[:777]) + PACKINGS[name](TEXT[777:]))
    assert read(path) == (TEXT, [])


@pytest.mark.parametrize("name", PACKINGS)
def test_what_is_torn_is_read_up_to_the_tear_and_said(tmp_path, name, monkeypatch):
    monkeypatch.setattr(opening, "CHUNK_BYTES", 1000)
    path = tmp_path / "log"
    packed = PACKINGS[name](TEXT)
    path.write_bytes(packed[: len(packed) // 2])
    got, (finding,) = read(path)
    assert TEXT.startswith(got)
    assert (finding.kind, finding.file) == ("broken-packing", str(path))


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "LEAST_UNPACKED_BYTES", 1 << 20)
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(bytes(64 << 20)))
    got, (finding,) = read(path)
    assert len(got) < 32 << 20
    assert finding.kind == "unpacks-too-large"


def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(WorldFault, match="cannot be read"):
        read(tmp_path / "missing")
    (tmp_path / "log.zst").write_bytes(b"\x28\xb5\x2f\xfd....")
    with pytest.raises(DataFault, match="zstd"):
        read(tmp_path / "log.zst")
