"""Logs: one line each, no secrets, nothing that steers a terminal."""

import io
import json
import logging

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from houfeng.shell.health.logs import LONGEST, Redactor, log_finding, plain, start_logging
from houfeng.words.finding import Finding

SECRET = "hunter2-do-not-show-me"


@pytest.fixture(autouse=True)
def as_it_was():
    """Logging is one for the whole process: put back what a test changes."""
    root, ours, said = logging.getLogger(), logging.getLogger("houfeng"), logging.raiseExceptions
    before = list(root.handlers), root.level, ours.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])
    logging.raiseExceptions = said


def logger_into(form="lines", level="info", redactor=None):
    stream = io.StringIO()
    return start_logging(level, form, redactor or Redactor(), stream), stream


# --- laws -------------------------------------------------------------------------------------------------------------


@given(st.text())
@example("one\ntwo\x1b[31m\u2028\u202e\ud800\x7f\x00\u200b")
def test_text_from_outside_stays_on_its_line_and_steers_nothing(text):
    shown = plain(text)
    assert shown.isprintable()
    assert plain(shown) == shown
    if text.isprintable():
        assert shown == text


@given(st.text(), st.text(), st.sampled_from(["lines", "json"]))
def test_a_secret_told_of_never_shows(before, after, form):
    redactor = Redactor()
    redactor.hide(SECRET)
    logger, stream = logger_into(form, redactor=redactor)
    logger.info("%s%s%s", before, SECRET, after)
    assert SECRET not in stream.getvalue()
    assert "***" in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


@given(st.text(), st.sampled_from(["debug", "info", "warning", "error"]))
def test_json_lines_are_json(text, level):
    logger, stream = logger_into("json", "debug")
    getattr(logger, level)("%s", text)
    (line,) = stream.getvalue().split("\n")[:-1]
    told = json.loads(line)
    assert told.keys() == {"time", "level", "from", "message"}
    assert told["level"] == level


# --- examples ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        f"postgresql://houfeng:{SECRET}@db/houfeng cannot be reached",
        f"sent AUTH USERPASS anna {SECRET}",
        f"sent AUTH JWT {SECRET}",
        f"Authorization: Basic {SECRET}",
        f"password={SECRET}",
        f"token: {SECRET}",
    ],
)
def test_secrets_are_known_by_where_they_stand(line):
    assert SECRET not in Redactor()(line)


def test_a_redactor_shows_no_secret_of_its_own():
    redactor = Redactor()
    redactor.hide(SECRET)
    assert SECRET not in repr(redactor)


def test_a_longer_secret_hides_before_a_shorter_one_in_it():
    redactor = Redactor()
    redactor.hide("abcd")
    redactor.hide("abcdefgh")
    assert redactor("abcdefgh abcd") == "*** ***"


def test_a_line_for_people_says_when_how_grave_and_what():
    logger, stream = logger_into()
    logger.warning("feed %s: %s", "north", "connection lost")
    time, level, message = stream.getvalue().split(maxsplit=2)
    assert time.endswith("Z")
    assert (level, message) == ("warning", "feed north: connection lost\n")


def test_a_fault_nobody_foresaw_shows_its_trace_without_secrets_and_on_lines_of_its_own():
    redactor = Redactor()
    redactor.hide(SECRET)
    for form in ("lines", "json"):
        logger, stream = logger_into(form, redactor=redactor)
        try:
            int(f"{SECRET}\x1b[2J")
        except ValueError:
            logger.exception("stage failed")
        said = stream.getvalue()
        assert SECRET not in said
        assert "\x1b" not in said
        if form == "lines":
            assert all(line.startswith("    | ") for line in said.splitlines()[1:])
        else:
            assert json.loads(said)["trace"][-1] == "ValueError: invalid literal for int() with base 10: '***\\x1b[2J'"


def test_the_level_decides_and_can_be_changed():
    logger, stream = logger_into(level="warning")
    logger.info("quiet")
    assert stream.getvalue() == ""
    start_logging("debug", "lines", Redactor(), stream)
    logger.debug("loud")
    assert stream.getvalue().count("loud") == 1


def test_a_long_message_is_cut_and_says_so():
    logger, stream = logger_into()
    logger.info("x" * 10 * LONGEST)
    assert len(stream.getvalue()) < LONGEST + 100
    assert f"{10 * LONGEST} characters" in stream.getvalue()


def test_arguments_that_do_not_fit_lose_nothing():
    logger, stream = logger_into()
    logger.info("two: %s %s", *["one"])
    assert "two: %s %s" in stream.getvalue()
    assert "one" in stream.getvalue()


def test_a_finding_is_said_with_where_and_why():
    logger, stream = logger_into()
    log_finding(logger, Finding("gap", "3 s without samples", station="XX.ONE"))
    assert stream.getvalue().endswith("warning gap: XX.ONE: 3 s without samples\n")
