"""Password guessing by logs and by sessions, and the one guess that is right."""

import pytest
from sights import DAWN_NS, flow, heard, kinds, login, said

from houfeng.guard.judge.guessing import Guessing

GUESSER, HOST = "203.0.113.9", "gateway"


def sessions(count, step_s=5.0, sizes=(2800, 3000, 2600), took_s=3.0, port=22, **more):
    return [
        flow(n * step_s, GUESSER, "10.0.0.2", port, took_s=took_s, sent=sizes[n % len(sizes)], **more)
        for n in range(count)
    ]


def test_five_failures_name_a_source_however_slow():
    for step_s in (1, 2900):
        found = heard(Guessing(), [login(n * step_s, GUESSER) for n in range(5)])
        assert kinds(found) == [("password-guessing", GUESSER, HOST)]
        assert found[0].time_ns == DAWN_NS + 4 * step_s * 10**9
        assert found[0].severity == "low"
    assert heard(Guessing(), [login(n, GUESSER) for n in range(4)]) == []


def test_a_repeated_line_counts_as_often_as_it_says():
    found = heard(Guessing(), [login(0, GUESSER, tries=5)])
    assert dict(found[0].facts)["count"] == "5"


def test_many_failures_are_grave_and_told_again_when_they_become_it():
    found = heard(Guessing(), [login(n, GUESSER) for n in range(300)])
    assert [(one.severity, dict(one.facts)["count"]) for one in found] == [("low", "5"), ("high", "20")]
    assert kinds(heard(Guessing(lambda _: False), [login(n, "8.8.8.8", f"user{n}") for n in range(9)])) == [
        ("password-guessing", "8.8.8.8", HOST)
    ]


def test_two_eyes_on_one_try_count_once():
    log = [login(n * 10, GUESSER) for n in range(4)]
    sensor = [login(n * 10 + 2, GUESSER, "", eye="ssh.log", host="10.0.0.2") for n in range(4)]
    both = sorted(log + sensor, key=lambda one: one.time_ns)
    assert heard(Guessing(), both) == []
    assert dict(heard(Guessing(), [*both, login(41, GUESSER)])[0].facts)["count"] == "5"


def test_two_eyes_on_quick_tries_still_count_every_try():
    log = [login(n, GUESSER) for n in range(5)]
    sensor = [login(n + 0.5, GUESSER, "", eye="ssh.log") for n in range(5)]
    found = heard(Guessing(), sorted(log + sensor, key=lambda one: one.time_ns))
    assert [dict(one.facts)["count"] for one in found] == ["5"]


def test_log_and_sessions_of_one_guesser_are_one_finding():
    for first, second in ((0, 1), (1, 0)):
        eyes = [login(n * 5 + first, GUESSER, host="10.0.0.2") for n in range(12)]
        wire = [flow(n * 5 + second, GUESSER, "10.0.0.2", 22, took_s=3.0, sent=2800) for n in range(12)]
        found = heard(Guessing(), sorted([*eyes, *wire], key=lambda one: getattr(one, "time_ns", 0) or one.end_ns))
        assert len(found) == 1


def test_a_user_who_mistypes_now_and_then_is_no_guesser():
    day = []
    for hour in range(20):
        day += [login(hour * 3600 + n, GUESSER, "mei") for n in range(2)]
        day += [login(hour * 3600 + 5, GUESSER, "mei", accepted=True)]
    assert heard(Guessing(), day) == []


def test_a_guess_that_was_right():
    found = heard(Guessing(), [*[login(n, GUESSER) for n in range(40)], login(41, GUESSER, accepted=True)])
    assert kinds(found)[-1] == ("guessing-succeeded", GUESSER, HOST)
    assert (found[-1].severity, found[-1].probability) == ("high", 0.9)
    assert "as root, 2 s after the last of 40" in said(found[-1])[0]


def test_a_slow_guess_that_was_right_at_the_next_try():
    tries = [*[login(n * 3000, GUESSER) for n in range(5)], login(16000, GUESSER, accepted=True)]
    found = heard(Guessing(), tries)
    assert kinds(found)[-1] == ("guessing-succeeded", GUESSER, HOST)
    assert found[-1].severity == "medium"


def test_down_a_list_the_right_user_need_not_have_failed():
    tries = [*[login(n, GUESSER, f"user{n}") for n in range(8)], login(9, GUESSER, "pi", accepted=True)]
    assert kinds(heard(Guessing(), tries))[-1] == ("guessing-succeeded", GUESSER, HOST)


@pytest.mark.parametrize(
    "let_in",
    [
        login(500, "198.51.100.7", accepted=True),
        login(500, GUESSER, "fztu", accepted=True),
        login(500, GUESSER, accepted=True, host="elsewhere"),
        login(40000, GUESSER, accepted=True),
    ],
    ids=["another source", "another user", "another host", "much later"],
)
def test_a_login_that_no_guess_led_to_is_none(let_in):
    found = heard(Guessing(), [*[login(n, GUESSER) for n in range(40)], let_in])
    assert {one.detector for one in found} == {"password-guessing"}


def test_quick_sessions_alike_are_guessing_by_the_eighth():
    found = heard(Guessing(), sessions(30))
    assert kinds(found) == [("password-guessing", GUESSER, "10.0.0.2")]
    assert dict(found[0].facts)["count"] == "8"
    assert found[0].probability == 0.8
    assert dict(heard(Guessing(), sessions(30, port=21))[0].facts)["count"] == "15"


@pytest.mark.parametrize(
    "harmless",
    [
        sessions(7),
        sessions(600, step_s=60.0, sizes=(4000,), took_s=0.8),
        sessions(48, step_s=3600.0, sizes=(90000,)),
        sessions(60, sizes=(3000, 90000, 12000, 5000, 400000)),
        sessions(60, took_s=300.0),
        sessions(60, outcome="unanswered"),
        sessions(60, port=8765),
        sessions(60, service="http"),
        sessions(60, ongoing=True),
    ],
    ids=["a few", "rsync each minute", "backup each hour", "work", "interactive", "dead", "other", "web", "ongoing"],
)
def test_sessions_of_other_pace_or_size_are_not(harmless):
    assert heard(Guessing(), harmless) == []


def test_sessions_without_the_pause_of_a_refusal_are_less_sure():
    assert heard(Guessing(), sessions(30, took_s=0.4))[0].probability == 0.5


def test_hostile_names_are_shown_tamed():
    user = "root\x1b[2J\n" * 50
    tries = [*[login(n, "evil\n" * 40, user) for n in range(30)], login(31, "evil\n" * 40, user, accepted=True)]
    for found in heard(Guessing(), tries):
        for text in (found.subject, *said(found)):
            assert text.isprintable()
            assert len(text) < 300


def test_sources_cannot_fill_the_memory():
    judge = Guessing()
    heard(judge, [login(n, f"host{n}") for n in range(6000)])
    assert len(judge._sources) <= 4096
