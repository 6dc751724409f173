"""The history of conversations: what is kept is recalled, by day, in whole parts, no longer than wanted."""

import json
import sys

import pytest

from houfeng.shell.guarding import history
from houfeng.shell.guarding.history import COLUMNS, FlowHistory, recalled
from houfeng.words.errors import WorldFault
from houfeng.words.instant import DAY_NS, NS_PER_S, parse_instant
from houfeng.words.network import Flow, Seen

NOW_NS = parse_instant("2026-11-22T12:00")


def flow(start_ns, *, client="192.0.2.7", lasted_s=10, eye="eth0", **more):
    ends = {"client": client, "client_port": 40_000, "server": "10.0.0.2", "server_port": 22, "protocol": "tcp"}
    sent = {"client_packets": 5, "server_packets": 4, "client_bytes": 2**40, "server_bytes": 400}
    return Flow(Seen(eye, 7), start_ns, start_ns + lasted_s * NS_PER_S, **ends, **sent, **more)


@pytest.fixture
def libraries():
    """The extra `history`."""
    pytest.importorskip("pyarrow")
    pytest.importorskip("duckdb")


def test_without_the_library_the_remedy_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(WorldFault, match=r"houfeng\[history\]"):
        FlowHistory(tmp_path, 90)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(WorldFault, match=r"houfeng\[history\]"):
        list(recalled(tmp_path))


@pytest.mark.usefixtures("libraries")
def test_what_is_kept_is_what_is_recalled(tmp_path):
    kept = FlowHistory(tmp_path, 90)
    flows = [flow(NOW_NS + k * 3600 * NS_PER_S, eye=f"a{k}\udcff", outcome="answered") for k in range(30)]
    flows.append(flow(NOW_NS + 30 * 3600 * NS_PER_S, client="2001:db8::7", client_payload_bytes=3, begun=False))
    for one in reversed(flows):
        kept.handle(one)
    kept.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["date=2026-11-22", "date=2026-11-23"]
    told = list(recalled(tmp_path))
    assert [one["start_ns"] for one in told] == [one.start_ns for one in flows]
    assert tuple(told[0]) == COLUMNS
    assert told[0]["eye"] == "a0\\udcff"
    assert told[0]["client_bytes"] == 2**40
    assert (told[0]["client_payload_bytes"], told[-1]["client_payload_bytes"]) == (None, 3)
    assert (told[0]["begun"], told[-1]["begun"]) == (True, False)


@pytest.mark.usefixtures("libraries")
def test_what_is_asked_for_is_what_went_on_then_and_of_that_address(tmp_path):
    kept = FlowHistory(tmp_path, 90)
    midnight_ns = parse_instant("2026-11-23T00:00")
    for one in (flow(midnight_ns - 5 * NS_PER_S), flow(NOW_NS, client="2001:db8::7"), flow(NOW_NS + DAY_NS)):
        kept.handle(one)
    kept.close()

    def starts(**asked):
        return [one["start_ns"] for one in recalled(tmp_path, **asked)]

    assert starts(since_ns=midnight_ns) == [midnight_ns - 5 * NS_PER_S, NOW_NS + DAY_NS]
    assert starts(until_ns=midnight_ns) == [NOW_NS, midnight_ns - 5 * NS_PER_S]
    assert starts(address="2001:0db8::0007") == [NOW_NS]
    assert starts(address="10.0.0.2", since_ns=NOW_NS + DAY_NS) == [NOW_NS + DAY_NS]
    with pytest.raises(ValueError, match="appear"):
        starts(address="' OR 1=1 --")


@pytest.mark.usefixtures("libraries")
def test_parts_are_written_in_batches_and_seen_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "_BATCH", 10)
    kept = FlowHistory(tmp_path, 90)
    kept.elapse(NOW_NS)
    for k in range(25):
        kept.handle(flow(NOW_NS + k))
    (tmp_path / "date=2026-11-22" / ".part-torn.parquet.part").write_bytes(b"PAR1 half of it")
    assert len(list(recalled(tmp_path))) == 20
    kept.elapse(NOW_NS + 299 * NS_PER_S)
    assert len(list(recalled(tmp_path))) == 20
    kept.elapse(NOW_NS + 300 * NS_PER_S)
    assert len(list(recalled(tmp_path))) == 25
    assert len(list(tmp_path.glob("*/part-*"))) == 3


@pytest.mark.usefixtures("libraries")
def test_days_beyond_the_retention_are_deleted_and_nothing_else(tmp_path):
    kept = FlowHistory(tmp_path, 2)
    for days in range(5):
        kept.handle(flow(NOW_NS - days * DAY_NS))
    kept.close()
    (tmp_path / "notes").mkdir()
    kept.elapse(NOW_NS)
    assert sorted(path.name[5:] for path in tmp_path.glob("date=*")) == ["2026-11-20", "2026-11-21", "2026-11-22"]
    assert (tmp_path / "notes").is_dir()


@pytest.mark.usefixtures("libraries")
def test_a_part_that_is_none_is_named(tmp_path):
    (tmp_path / "date=2026-11-22").mkdir()
    (tmp_path / "date=2026-11-22" / "part-1.parquet").write_bytes(b"nothing of the kind")
    with pytest.raises(WorldFault, match=r"part-1\.parquet"):
        list(recalled(tmp_path))


@pytest.mark.usefixtures("libraries")
def test_the_command_lists_what_was_kept(tmp_path, houfeng):
    assert houfeng("guard", "history", tmp_path)[0] == 4
    kept = FlowHistory(tmp_path, 90)
    kept.handle(flow(NOW_NS))
    kept.close()
    code, out, _ = houfeng("guard", "history", tmp_path)
    assert (code, "192.0.2.7" in out) == (0, True)
    code, out, _ = houfeng("guard", "history", tmp_path, "--address", "192.0.2.7", "--since", "2026-11-22", "--json")
    assert (code, json.loads(out)["server_port"]) == (0, 22)
    assert houfeng("guard", "history", tmp_path, "--since", "yesterday")[0] == 2
    assert houfeng("guard", "history", tmp_path, "--address", "x")[0] == 2
