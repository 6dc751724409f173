"""What the readers of logs are made of: lines of any length, JSON of any kind, values, and the book of times."""

import json
import re
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.wire.eyes.json_objects import JsonObjects
from houfeng.wire.eyes.log_book import DATED_FROM_NS, LATEST_NS, LogBook
from houfeng.wire.eyes.log_reader import LONGEST_LINE_BYTES
from houfeng.wire.eyes.log_values import (
    LineFault,
    TimeFault,
    address,
    count,
    duration_ns,
    instant,
    iso_instant,
    shown,
    text,
)
from houfeng.wire.eyes.text_lines import TextLines
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S

DATED_NS = 1_700_000_000 * NS_PER_S
anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(), st.integers(), max_size=3),
    st.sampled_from(["1e400", "nan", "-1", "1_000", "１２", "9" * 5000, 10**4000, "1.5", "2018-03-24T17:15:33Z"]),
)


def cut(data, places):
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(ends)]


def lines_of(pieces):
    lines = TextLines(LONGEST_LINE_BYTES)
    return [line for piece in pieces for line in lines.take(piece)] + list(lines.end())


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_lines_do_not_depend_on_how_the_bytes_were_cut(data, places):
    whole = lines_of([data])
    assert lines_of(cut(data, places)) == whole
    assert [number for number, _ in whole] == list(range(1, len(whole) + 1))
    said = [line.removesuffix(b"\r") for line in data.removesuffix(b"\n").split(b"\n")] if data else []
    assert [line for _, line in whole] == said


@pytest.mark.parametrize("piece_bytes", [1 << 12, 1 << 20, 1 << 22])
def test_a_line_beyond_the_limit_is_dropped_and_the_next_one_is_not(piece_bytes):
    data = b"a\n" + b"x" * (LONGEST_LINE_BYTES + 1) + b"\nb\n" + b"y" * LONGEST_LINE_BYTES + b"\nc"
    got = lines_of([data[at : at + piece_bytes] for at in range(0, len(data), piece_bytes)])
    assert got == [(1, b"a"), (2, None), (3, b"b"), (4, b"y" * LONGEST_LINE_BYTES), (5, b"c")]


def test_a_line_without_end_costs_one_line_of_memory():
    lines = TextLines(LONGEST_LINE_BYTES)
    tracemalloc.start()
    for _ in range(200):
        assert list(lines.take(b"z" * 100_000)) == []
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert list(lines.end()) == [(1, None)]
    assert most < 4 * LONGEST_LINE_BYTES


@given(st.binary(max_size=100))
def test_any_bytes_are_an_object_or_a_fault(data):
    try:
        found = JsonObjects().read(data)
    except LineFault as fault:
        found = {"fault": fault}
    assert isinstance(found, dict)
    assert len(str(found.get("fault", ""))) < 200


@given(st.dictionaries(st.text(), st.one_of(st.none(), st.integers(), st.text(), st.booleans()), max_size=5))
def test_an_object_is_read_as_it_was_written(value):
    objects = JsonObjects()
    assert objects.read(json.dumps(value).encode()) == value
    assert objects.doubtful == ""


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[" * 100_000, "it nests too deep"),
        (b'{"a":' * 100_000, "it nests too deep"),
        (b'{"a":' + b"9" * 5000 + b"}", "it holds a number that is far too long"),
        (b"[1]", "a JSON object was expected, not b'[1]'"),
        (b'\0\0\0{"a":1}', "no JSON at character 1: Expecting value"),
        (b'{"a":"\xff"}', "byte 7 is not UTF-8"),
    ],
)
def test_hostile_json_is_refused_in_few_words(line, reason):
    with pytest.raises(LineFault, match=f"^{re.escape(reason)}$"):
        JsonObjects().read(line)


def test_of_a_key_named_twice_the_last_value_counts_and_it_is_said():
    objects = JsonObjects()
    assert objects.read(b'{"a":{"b":1,"b":2},"c":3,"c":4}') == {"a": {"b": 2}, "c": 4}
    assert objects.doubtful == "it names 'b', 'c' more than once"
    objects.read(b'{"a":1}')
    assert objects.doubtful == ""


def test_a_hundred_thousand_keys_of_which_one_comes_twice_take_no_longer_than_others():
    objects = JsonObjects()
    keys = b",".join(b'"%d":0' % number for number in range(100_000))
    objects.read(b"{" + keys + b',"99999":1}')  # minutes, if every key were looked for among all
    assert objects.doubtful == "it names '99999' more than once"


@given(anything)
def test_values_are_read_or_refused_in_few_words(value):
    for read in (count, address, text, instant, iso_instant, duration_ns):
        said = ""
        try:
            read(value, "it")
        except LineFault as fault:
            said = str(fault)
        assert len(said) < 100
    assert len(shown(value)) <= 60


def test_times_to_the_last_digit():
    assert instant("1097501938.503079", "ts") == 1_097_501_938_503_079_000
    assert instant(1097501938.503079, "ts") == 1_097_501_938_503_079_000
    assert instant(1_097_501_938_503, "ts") == 1_097_501_938_503_000_000
    assert instant("2018-03-24T17:15:33.511226Z", "ts") == 1_521_911_733_511_226_000
    assert iso_instant("2021-06-06T15:57:37.272281+0200", "ts") == 1_622_987_857_272_281_000
    assert iso_instant("2021-06-06T13:57:37+00:00", "ts") == 1_622_987_857_000_000_000


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), "1e400", -1, "-1.0", "", ".", "1.2.3", True, None, [], 10**4000, "1" * 13,
     "2018-13-01T00:00:00Z", "2018-03-24T17:15:33"],
)  # fmt: skip
def test_what_is_no_time_is_said_to_be_none(value):
    with pytest.raises(TimeFault):
        instant(value, "ts")


def test_values_of_hostile_kinds_are_refused():
    for value in (True, 1.0, "1_0", " 1", "１", "-1", 2**63, 10**30, "9" * 25):
        with pytest.raises(LineFault):
            count(value, "it")
    for value in ("fe80::1%eth0", "10.0.0.256", "010.0.0.1", "", 5, None):
        with pytest.raises(LineFault):
            address(value, "it")
    assert address("FE80:0:0:0:0:0:0:1", "it") == "fe80::1"
    assert text("\ud800", "it") == "\\ud800"
    with pytest.raises(TimeFault):
        duration_ns("1" + "0" * 9, "duration")


def told(book, times_s):
    return [thing for line, time_s in enumerate(times_s, 1) for thing in book.take(time_s * NS_PER_S, line, (line,))]


def kept(out):
    return [thing for thing in out if not isinstance(thing, Finding)]


def kinds(out):
    return [thing.kind for thing in out if isinstance(thing, Finding)]


def test_one_record_near_1970_among_dated_ones_is_left_out():
    book = LogBook("x")
    out = [*told(book, [1_700_000_000, 11, 0, 1_700_000_005]), *book.end()]
    assert kept(out) == [1, 4]
    assert kinds(out) == ["implausible-time"] * 2
    assert (book.records, book.first_ns, book.last_ns) == (2, DATED_NS, DATED_NS + 5 * NS_PER_S)


def test_one_record_near_1970_before_dated_ones_is_left_out():
    book = LogBook("x")
    out = [*told(book, [11, 1_700_000_000]), *book.end()]
    assert kept(out) == [2]
    assert kinds(out) == ["implausible-time"]


@pytest.mark.parametrize("count", [1, 31, 32, 33, 500])
def test_a_log_all_of_whose_times_are_near_1970_has_a_clock_of_its_own(count):
    book = LogBook("x")
    out = [*told(book, range(1, count + 1)), *book.end()]
    assert kept(out) == list(range(1, count + 1))
    assert kinds(out) == ["relative-clock"]
    assert (book.records, book.first_ns, book.last_ns) == (count, NS_PER_S, count * NS_PER_S)


def test_a_dated_record_in_a_log_near_1970_is_left_out_but_two_mean_that_the_clock_was_set():
    book = LogBook("x")
    out = [*told(book, [*range(1, 41), 1_700_000_000, 41, 42]), *book.end()]
    assert kept(out) == [*range(1, 41), 42, 43]
    assert kinds(out) == ["relative-clock", "implausible-time"]
    book = LogBook("x")
    out = [*told(book, [*range(1, 41), 1_700_000_000, 1_700_000_001, 42]), *book.end()]
    assert kept(out) == list(range(1, 43))
    assert kinds(out) == ["relative-clock", "clock-set", "implausible-time"]


@given(st.lists(st.integers(-(10**20), 10**20) | st.sampled_from([1, 2, DATED_FROM_NS, LATEST_NS, 0])))
def test_every_record_is_kept_or_complained_of(times):
    book = LogBook("x")
    out = [thing for line, time_ns in enumerate(times, 1) for thing in book.take(time_ns, line, (line,))]
    out += book.end()
    assert book.records == len(kept(out))
    assert kept(out) == sorted(set(kept(out)))
    complaints = kinds(out).count("implausible-time")
    assert complaints == len(times) - book.records or complaints > 20


def test_the_same_complaint_ten_thousand_times_is_few_lines():
    book = LogBook("x")
    out = [finding for line in range(1, 10_001) for finding in book.complain("damaged-line", line, "odd")]
    out += book.end()
    assert len(out) == 20 + 2 + 1
    assert [finding.reason for finding in out[20:]] == [
        "the same for 180 more lines",
        "the same for 1800 more lines",
        "the same for 8000 more lines",
    ]
