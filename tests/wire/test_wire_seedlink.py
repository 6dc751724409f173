"""The server's side of SeedLink 3 and 4: any cut of the bytes, any bytes, and what each command leads to."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.wire.seedlink.commands import LONGEST_LINE_BYTES
from houfeng.wire.seedlink.conversation import (
    MOST_ERRORS,
    MOST_SELECTORS_OF_STATION,
    Conversation,
    Greeting,
)
from houfeng.wire.seedlink.patterns import Selector
from houfeng.wire.seedlink.requests import (
    ALL,
    NEXT,
    V3_SEQUENCES,
    CatalogueWanted,
    Goodbye,
    InfoWanted,
    Login,
    Send,
    Start,
    StationRequest,
    Subscription,
    full_sequence,
)

GREETING = Greeting("Test/1", "Somewhere", ("USERPASS", "JWT"))
CODES = {"UNSUPPORTED", "UNEXPECTED", "UNAUTHORIZED", "LIMIT", "ARGUMENTS", "AUTH", "INTERNAL"}
OK = Send(b"OK\r\n")

arguments = st.one_of(
    st.sampled_from(
        [
            "4.0",
            "3.1",
            "XX_*",
            "GE_WLF",
            "WLF",
            "GE",
            "*_B_H_?",
            "!*.2E",
            "BH?.D",
            "--HHZ",
            "00HHZ",
            "!LOG",
            "D",
            "ALL",
            "12",
            "0x1A",
            "FFFFFF",
            "-1",
            "ID",
            "STREAMS",
            "2024-02-29T00:00:00Z",
            "2024,02,29,1,2,3.5",
            "2024,02,30,0,0,0",
            "USERPASS",
            "JWT",
            "alice",
            "secret",
            "EXTREPLY",
            "[a-z]",
            "99999999999999999999",
        ]
    ),
    st.text(st.characters(codec="latin-1"), max_size=20),
)
commands = st.builds(
    lambda command, words, end: " ".join([command, *words]).encode("latin-1") + end,
    st.sampled_from(
        [
            "HELLO",
            "SLPROTO",
            "USERAGENT",
            "AUTH",
            "CAPABILITIES",
            "BATCH",
            "CAT",
            "STATION",
            "station",
            "SELECT",
            "DATA",
            "FETCH",
            "TIME",
            "END",
            "ENDFETCH",
            "INFO",
            "BYE",
            "GET",
            "NONSENSE",
        ]
    ),
    st.lists(arguments, max_size=4),
    st.sampled_from([b"\r\n", b"\r", b"\n", b"\r\n\r\n"]),
)
streams = st.lists(st.one_of(commands, st.binary(max_size=40), st.just(b"X" * 300)), max_size=25).map(b"".join)
streams_v4 = streams.map(lambda data: b"SLPROTO 4.0\r\n" + data)


def everything(pieces):
    """All actions of a conversation that gets these pieces; logins are refused."""
    conversation = Conversation(GREETING)
    actions = []
    for piece in pieces:
        conversation.receive(piece)
        while (action := conversation.next()) is not None:
            actions.append(action)
            if isinstance(action, Login):
                actions.append(conversation.authenticated(accepted=False))
    return actions


def after(*lines, v4=True):
    """The actions that some lines lead to."""
    prologue = ["SLPROTO 4.0"] if v4 else []
    return everything(["".join(f"{line}\r\n" for line in [*prologue, *lines]).encode()])[len(prologue) :]


def started(*lines, v4=True):
    actions = after(*lines, v4=v4)
    assert isinstance(actions[-1], Start), actions
    return actions[-1].subscription


class TestAnyBytes:
    @given(st.one_of(streams, streams_v4), st.lists(st.integers(0, 2000), max_size=8))
    @settings(max_examples=2000, deadline=None)
    def test_cut_anywhere_they_mean_the_same_and_errors_are_the_documented_ones(self, data, cuts):
        whole = everything([data])
        places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
        pieces = [data[begin:end] for begin, end in pairwise(places)]
        assert everything(pieces) == whole
        assert everything([data[k : k + 1] for k in range(len(data))]) == whole
        for action in whole:
            content = action.content if isinstance(action, Send | Goodbye) else b""
            if content.startswith(b"ERROR "):
                assert content.decode("ascii").split()[1] in CODES
                assert content.endswith(b"\r\n")
                assert content.count(b"\n") == 1
            elif isinstance(action, Send):
                assert content in (b"OK\r\n", b"ERROR\r\n") or content.startswith((b"SeedLink v4.0 (", b"ERROR\r"))

    @given(streams_v4)
    @settings(deadline=None)
    def test_after_the_start_nothing_but_info_bye_and_errors(self, data):
        actions = everything([b"STATION A X\r\nDATA\r\nEND\r\n", data])
        begin = next(k for k, action in enumerate(actions) if isinstance(action, Start))
        for action in actions[begin + 1 :]:
            assert isinstance(action, InfoWanted | Goodbye) or action.content == b"ERROR\r\n"

    def test_little_is_held_back_of_an_endless_line(self):
        conversation = Conversation(GREETING)
        for _ in range(1000):
            conversation.receive(b"A" * 1000)
            conversation.next()
            assert conversation.held_bytes <= LONGEST_LINE_BYTES
        conversation.receive(b"\r\nHELLO\r\n")
        assert conversation.next().content.startswith(b"SeedLink v4.0")

    @pytest.mark.parametrize("v4", [True, False])
    def test_who_only_makes_errors_is_sent_away(self, v4):
        actions = after(*["NONSENSE"] * 1000, v4=v4)
        assert len(actions) == MOST_ERRORS + 1
        assert isinstance(actions[-1], Goodbye)

    def test_a_browser_is_sent_away(self):
        (action,) = after("GET / HTTP/1.1", "Host: x", v4=False)
        assert isinstance(action, Goodbye)

    def test_a_line_of_255_bytes_is_one_of_256_is_none(self):
        fits = "USERAGENT ".ljust(LONGEST_LINE_BYTES - 2, "a")
        assert after(fits) == [OK]
        (error,) = after(fits + "a")
        assert error.content.startswith(b"ERROR LIMIT ")

    def test_a_password_shows_in_no_repr(self):
        (login, _) = after("AUTH USERPASS alice do-not-show-me")
        assert "do-not-show-me" not in repr(login)
        assert login == Login("USERPASS", "alice", "do-not-show-me")


class TestVersion4:
    def test_the_example_of_the_specification(self):
        hello, *_, start = after(
            "HELLO",
            "USERAGENT slinktool/4.3 libslink/2020.046",
            "STATION GE_APE",
            "SELECT *_B_H_?.2D",
            "DATA 1405339897",
            "STATION GE_WLF",
            "SELECT *_H_H_?:native",
            "DATA 254483417",
            "STATION GE_*",
            "SELECT *_H_H_?",
            "DATA",
            "END",
        )
        lines = hello.content.decode().splitlines()
        assert lines[0].startswith("SeedLink v4.0 (Test/1) :: ")
        assert "SLPROTO:4.0" in lines[0].split()
        assert lines[1:] == ["Somewhere"]
        assert start == Start(
            Subscription(
                4,
                (
                    StationRequest("GE_APE", (Selector("*_B_H_?", "2D"),), 1405339897),
                    StationRequest("GE_WLF", (Selector("*_H_H_?"),), 254483417),
                    StationRequest("GE_*", (Selector("*_H_H_?"),), NEXT),
                ),
            )
        )
        find = start.subscription.finder()
        assert [find(station) for station in ("GE_APE", "GE_WLF", "GE_XYZ", "CH_APE")] == [0, 1, 2, -1]

    def test_time_windows(self):
        subscription = started(
            "STATION *", "DATA ALL 2024-02-29T00:00:00.5Z 2024-02-29T00:00:01.000000001Z", "ENDFETCH"
        )
        (request,) = subscription.requests
        assert subscription.dial_up
        assert (request.begin, request.start_ns, request.end_ns) == (
            ALL,
            1_709_164_800_500_000_000,
            1_709_164_801_000_000_001,
        )
        assert request.covers(request.start_ns - 1, request.start_ns + 1)
        assert not request.covers(request.start_ns - 1, request.start_ns)
        assert not request.covers(request.end_ns, request.end_ns + 1)

    @pytest.mark.parametrize(
        ("lines", "code"),
        [
            (["SELECT *"], "UNEXPECTED"),
            (["DATA"], "UNEXPECTED"),
            (["END"], "UNEXPECTED"),
            (["STATION"], "ARGUMENTS"),
            (["STATION GE WLF"], "ARGUMENTS"),
            (["STATION [A-Z]_WLF"], "ARGUMENTS"),
            (["STATION *", "SELECT"], "ARGUMENTS"),
            (["STATION *", "SELECT *_H_H_Z:3"], "UNSUPPORTED"),
            (["STATION *", "SELECT !*:native"], "ARGUMENTS"),
            (["STATION *", "DATA minus"], "ARGUMENTS"),
            (["STATION *", "DATA ALL 2024-02-30T00:00:00Z"], "ARGUMENTS"),
            (["STATION *", "DATA ALL 2024-02-02T00:00:00Z 2024-02-01T00:00:00Z"], "ARGUMENTS"),
            (["STATION *", "DATA 1 2 3 4"], "ARGUMENTS"),
            (["FETCH"], "UNSUPPORTED"),
            (["BATCH"], "UNSUPPORTED"),
            (["SLPROTO 4.0"], "UNEXPECTED"),
            (["AUTH"], "UNSUPPORTED"),
            (["AUTH SECRET x"], "UNSUPPORTED"),
            (["AUTH USERPASS alice"], "ARGUMENTS"),
            (["AUTH JWT"], "ARGUMENTS"),
            (["USERAGENT \x01"], "ARGUMENTS"),
            (["STATION *", "DATA", "END", "STATION *"], "UNEXPECTED"),
            (["STATION *", "SELECT " + " ".join(["A"] * 60), "SELECT " + " ".join(["B"] * 60)], "LIMIT"),
        ],
    )
    def test_errors(self, lines, code):
        assert after(*lines)[-1].content.startswith(f"ERROR {code} ".encode())

    def test_a_refused_station_takes_what_belongs_to_it_with_it(self):
        *actions, start = after("STATION A_B", "DATA", "STATION [", "SELECT X", "DATA 5", "END")
        assert [action.content[:8] for action in actions] == [
            b"OK\r\n",
            b"OK\r\n",
            b"ERROR AR",
            b"ERROR UN",
            b"ERROR UN",
        ]
        assert start.subscription.requests == (StationRequest("A_B"),)

    @pytest.mark.parametrize("version", ["5.0", "4.1", "4", "", "x"])
    def test_other_versions_are_refused(self, version):
        assert after(f"SLPROTO {version}", v4=False)[0].content.startswith(b"ERROR UNSUPPORTED ")

    def test_a_login_holds_up_what_follows_it(self):
        conversation = Conversation(GREETING)
        conversation.receive(b"SLPROTO 4.0\r\nAUTH JWT abc\r\nSTATION *\r\n")
        assert [conversation.next() for _ in range(3)] == [OK, Login("JWT", "", "abc"), None]
        assert conversation.authenticated(accepted=True) == OK
        assert conversation.next() == OK

    def test_without_a_way_to_log_in_there_is_none(self):
        conversation = Conversation(Greeting("Test/1", "Somewhere"))
        conversation.receive(b"SLPROTO 4.0\r\nAUTH USERPASS a b\r\n")
        conversation.next()
        assert conversation.next().content.startswith(b"ERROR UNSUPPORTED ")

    def test_info(self):
        assert after("INFO STREAMS GE_* *_Z.2D") == [InfoWanted("STREAMS", "GE_*", "*_Z", "2D")]
        assert after("INFO", "INFO id") == [InfoWanted(""), InfoWanted("ID")]
        assert after("STATION *", "DATA", "END", "INFO ID")[-1] == InfoWanted("ID")

    def test_when_all_was_sent_only_bye_counts(self):
        conversation = Conversation(GREETING)
        conversation.receive(b"SLPROTO 4.0\r\nSTATION *\r\nENDFETCH\r\n")
        while conversation.next() is not None:
            pass
        conversation.finished()
        conversation.receive(b"INFO ID\r\nSTATION *\r\nBYE\r\nHELLO\r\n")
        assert conversation.next() == Goodbye("bye")
        assert conversation.next() is None


class TestVersion3:
    def test_several_stations(self):
        subscription = started(
            "STATION WLF GE", "SELECT 00BHZ.D", "SELECT !LOG", "DATA 00001F 2024,2,29,1,2,3",
            "STATION APE", "SELECT BH?", "TIME 2024,02,29,00,00,00 2024,02,29,00,01,00", "END", v4=False,
        )  # fmt: skip
        assert subscription == Subscription(
            3,
            (
                StationRequest("GE_WLF", (Selector("00_B_H_Z", "?D"), Selector("*_L_O_G", excludes=True)), 31),
                StationRequest("*_APE", (Selector("*_B_H_?"),), ALL, 1_709_164_800 * 10**9, 1_709_164_860 * 10**9),
            ),
        )

    def test_one_station_needs_no_end_and_gets_no_answer_to_data(self):
        select, start = after("SELECT HHZ", "FETCH 10", v4=False)
        assert select == OK
        assert start == Start(Subscription(3, (StationRequest("*", (Selector("*_H_H_Z"),), 16),), dial_up=True))

    def test_after_batch_only_the_others_are_answered(self):
        actions = after("BATCH", "STATION A X", "SELECT nonsense", "DATA", "HELLO", "END", v4=False)
        assert [type(action) for action in actions] == [Send, Send, Start]
        assert actions[1].content.startswith(b"SeedLink")

    def test_an_empty_select_takes_back_those_before(self):
        subscription = started("STATION A X", "SELECT HHZ", "SELECT", "DATA", "END", v4=False)
        assert subscription.requests[0].selectors == ()

    def test_errors_say_why_only_to_those_who_asked_for_it(self):
        assert after("STATION", v4=False) == [Send(b"ERROR\r\n")]
        _, error = after("CAPABILITIES SOFTLINK EXTREPLY", "STATION", v4=False)
        assert error == Send(b"ERROR\rSTATION takes a station and a network\r\n")

    def test_cat_and_bye(self):
        assert after("cat", "bye", v4=False) == [CatalogueWanted(), Goodbye("bye")]

    @pytest.mark.parametrize("command", ["AUTH USERPASS a b", "ENDFETCH", "USERAGENT x"])
    def test_commands_of_version_4_are_not_known(self, command):
        assert after(command, v4=False) == [Send(b"ERROR\r\n")]

    @given(st.integers(1, 2**62), st.integers(0, 2 * V3_SEQUENCES))
    def test_24_bits_mean_the_newest_such_number(self, next_sequence, back):
        wanted = next_sequence - back
        full = full_sequence(wanted % V3_SEQUENCES, next_sequence)
        if wanted > 0 and back < V3_SEQUENCES:
            assert full == wanted
        else:
            assert full == NEXT or next_sequence - V3_SEQUENCES < full <= next_sequence

    def test_a_station_has_so_many_selectors_and_no_more(self):
        actions = after("STATION A X", *["SELECT HHZ"] * (MOST_SELECTORS_OF_STATION + 1), v4=False)
        assert actions.count(Send(b"ERROR\r\n")) == 1
