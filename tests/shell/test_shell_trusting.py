"""How the guard's trust gets into a centre: a file that grows, a note in the journal, words that are read back."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.serve.judgements import read_trust, write_case, write_line, write_odd, write_trust
from houfeng.serve.judgements.trust_lines import LONGEST_LINE_BYTES
from houfeng.shell.centre.notes import finding_of, note, note_of_trust, tick, trust_of
from houfeng.shell.centre.trusting import TrustFile, follow
from houfeng.words.case import Case
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.trust import Trust

NOW_NS = 1_700_000_000 * NS_PER_S + 123_456_789
trusts = st.builds(
    Trust,
    st.text(min_size=1, max_size=20),
    st.integers(0, 4 * 10**18),
    st.integers(0, 10_000).map(lambda part: part / 10_000),
    st.lists(st.text(max_size=20), max_size=4).map(tuple),
)


@given(trusts)
def test_a_line_and_a_note_round_trip(trust):
    assert read_trust(write_trust(trust)) == trust
    assert trust_of(note_of_trust(trust, NOW_NS)) == trust
    assert finding_of(note_of_trust(trust, NOW_NS)).station == trust.station_key


@given(st.binary(max_size=200))
def test_any_other_line_is_refused(line):
    with pytest.raises(DataFault):
        read_trust(b"?" + line)


@pytest.mark.parametrize("line", [b"", b"[]", b'{"station":"XX.A"}', b"[" * 3000, b"{" + b" " * LONGEST_LINE_BYTES])
def test_hostile_lines_are_refused(line):
    with pytest.raises(DataFault):
        read_trust(line)


def test_other_notes_are_no_trust():
    assert trust_of(tick(NOW_NS)) is None
    assert trust_of(note(Finding("gap", "silent", station="XX.A"), NOW_NS)) is None


def test_a_file_is_read_as_it_grows_and_its_last_word_on_each_station_counts(tmp_path):
    path, told = tmp_path / "trust.jsonl", []
    file = TrustFile(path, told.append)
    assert file.look() == []
    lines = [write_trust(Trust(key, NOW_NS, value)) for key, value in (("XX.A", 0.5), ("XX.B", 0.4), ("XX.A", 0.3))]
    path.write_bytes(b"".join(lines)[:-5])
    assert [(one.station_key, one.value) for one in file.look()] == [("XX.A", 0.5), ("XX.B", 0.4)]
    path.write_bytes(b"".join(lines))
    assert [(one.station_key, one.value) for one in file.look()] == [("XX.A", 0.3)]
    assert file.look() == []
    path.unlink()
    path.write_bytes(b"rubbish\n" + lines[1])
    assert [one.station_key for one in file.look()] == ["XX.B"]
    assert [one.kind for one in told] == ["bad-trust"]


def test_a_file_without_line_ends_is_not_kept_in_memory(tmp_path):
    path, told = tmp_path / "trust.jsonl", []
    path.write_bytes(b"x" * (2 * LONGEST_LINE_BYTES))
    assert TrustFile(path, told.append).look() == []
    assert [one.kind for one in told] == ["bad-trust"]


def test_what_cannot_be_read_is_told_once_and_tried_again(tmp_path):
    told, given_ = [], []
    path = tmp_path / "trust.jsonl"
    path.mkdir()

    async def turns(_):
        if turned := [*told, *given_] and given_:
            raise asyncio.CancelledError
        if told and path.is_dir():
            path.rmdir()
            path.write_bytes(write_trust(Trust("XX.A", NOW_NS, 0.5)))
        assert len(turned) < 5

    async def keep(packet):
        given_.append(packet)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(follow(path, keep, told.append, clock=lambda: NOW_NS, sleep=turns))
    assert [one.kind for one in told] == ["trust-unreadable"]
    assert trust_of(given_[0]).value == 0.5


def test_what_else_the_guard_says_in_the_same_file_is_passed_over(tmp_path):
    told = []
    facts = (("count", "9"), ("seconds", "1"))
    judgement = Judgement("port-scan", NOW_NS, NOW_NS, "10.0.0.1", "10.0.0.2", "high", 0.9, facts)
    case = Case(1, 1, (judgement,))
    odd = Finding("refused", "it is empty", file="x")
    lines = write_line(judgement), write_case(case), write_odd(odd, NOW_NS), write_trust(Trust("XX.A", NOW_NS, 0.5))
    path = tmp_path / "guard.jsonl"
    path.write_bytes(b"".join(lines))
    assert [one.station_key for one in TrustFile(path, told.append).look()] == ["XX.A"]
    assert told == []
